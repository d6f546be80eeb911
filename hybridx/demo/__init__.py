"""Cohorts to try things on: a synthetic one whose truth is known, what to do to it, and a small public one."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Anatomy": "anatomy",
        "DemoTruth": "truth",
        "Lesion": "lesions",
        "Phantom": "phantom",
        "Scanner": "scanners",
        "add_noise": "probes",
        "breast_cancer": "gse7390",
        "draw_phantom": "phantom",
        "make_cohort": "making",
        "make_dicom": "dicom_making",
        "take_away": "probes",
    },
)
