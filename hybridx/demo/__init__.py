"""A synthetic cohort whose truth is known: phantoms, tables, follow-up, and each modality's share of the risk."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Anatomy": "anatomy",
        "DemoTruth": "truth",
        "Lesion": "lesions",
        "Phantom": "phantom",
        "Scanner": "scanners",
        "draw_phantom": "phantom",
        "make_cohort": "making",
    },
)
