"""Why: contributions of features that add up to modalities that add up to the prediction."""

from hybridx._lazy import attach, make_callable

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Counterfactual": "counterfactual",
        "Dependence": "dependence",
        "Explanation": "explanation",
        "Importance": "importance",
        "Interactions": "interactions",
        "PatientExplanation": "patient",
        "Sanity": "sanity",
        "Similar": "similar",
        "Stability": "stability",
        "TimeExplanation": "over_time",
        "VoxelExplanation": "voxel_explanation",
        "ensemble_curves": "leaf_curves",
        "explain": "explainer",
        "explain_voxels": "voxels",
        "modality_interactions": "interactions",
        "refit_stability": "stability",
        "sanity_test": "sanity",
    },
)

make_callable(__name__, "explain")
