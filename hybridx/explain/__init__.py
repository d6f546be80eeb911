"""Why: contributions of features that add up to modalities that add up to the prediction."""

from hybridx._lazy import attach, make_callable

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Explanation": "explanation",
        "PatientExplanation": "patient",
        "explain": "explainer",
    },
)

make_callable(__name__, "explain")
