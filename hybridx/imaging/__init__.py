"""Images with their geometry: NIfTI and its like to `Image` and `Study`, PET in SUV, CT in HU, masks on known grids."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Agreement": "agreeing",
        "Consensus": "agreeing",
        "DicomImport": "import_tables",
        "Fault": "faults",
        "Grid": "grid",
        "Image": "image",
        "ImageError": "faults",
        "Study": "study",
        "agreement": "agreeing",
        "bounding_box": "geometry",
        "check_studies": "checking",
        "consensus": "agreeing",
        "crop": "geometry",
        "import_dicom": "importing",
        "read_grid": "reading",
        "read_image": "reading",
        "read_mask": "masks",
        "read_pair": "study",
        "read_pet_header": "dicom_series",
        "read_series": "dicom_series",
        "read_study": "study",
        "resample": "geometry",
        "write_image": "reading",
    },
)
