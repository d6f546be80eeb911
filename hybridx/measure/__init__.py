"""From studies and raw tables to feature blocks: radiomics, uptake, lesions, deep features, labs, genomics, clinic."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DeepEncoder": "encoder",
        "ExpressionSettings": "table_settings",
        "ExtractSettings": "settings",
        "GenomicsSettings": "table_settings",
        "LabSettings": "table_settings",
        "RadiomicsSettings": "settings",
        "UptakeSettings": "settings",
        "aggregate_lesions": "lesion_aggregate",
        "clinical_block": "clinical",
        "copy_number_block": "copy_number",
        "deep_features": "deep",
        "expression_block": "expression",
        "extract": "extract_folder",
        "genomics_block": "genomics",
        "import_features": "imported",
        "key_views": "views",
        "key_volumes": "volumes",
        "lab_block": "labs",
        "lesion_radiomics": "lesion_tables",
        "lesion_rows": "lesions",
        "make_patch": "deep",
        "measure_radiomics": "extract_study",
        "percist_response": "response_criteria",
        "read_seg": "copy_number",
        "recist_response": "response_criteria",
        "measure_uptake": "pet_uptake",
        "suv_peak": "pet_uptake",
        "uptake": "pet_uptake",
        "validate": "validate_folder",
    },
)
