"""Why: contributions of features that add up to modalities that add up to the prediction."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Explanation": "explanation",
        "PatientExplanation": "patient",
        "explain": "explainer",
    },
)
