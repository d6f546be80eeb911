"""hybridx: fusion models for integrated diagnostics in oncology.

PET/CT, laboratory values, clinical facts and genomics become a risk over time or a probability of response, with an
interval, a reason and an honest validation. Research software, not a medical device.
"""

from hybridx._lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Cohort": "cohort",
        "Estimate": "terms",
        "Image": "imaging",
        "Outcome": "cohort",
        "RadiomicsSettings": "radiomics",
        "Result": "evaluate",
        "Study": "imaging",
        "checks": "checks",
        "demo": "demo",
        "designs": "evaluate.designs",
        "errors": "errors",
        "evaluate": "evaluate",
        "explain": "explain",
        "explain_voxels": "explain",
        "extract": "measure",
        "extract_radiomics": "radiomics",
        "fusion": "fusion",
        "imaging": "imaging",
        "import_dicom": "imaging",
        "measure": "measure",
        "models": "models",
        "prepare": "prepare",
        "radiomics": "radiomics",
        "report": "report",
        "terms": "terms",
        "validate": "measure",
    },
)
