"""Patients x modalities and their outcomes: reading and validating tables, the frozen `Cohort`, its Parquet store."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Block": "block",
        "Cohort": "cohort",
        "Folder": "read",
        "Outcome": "outcome",
        "Problem": "problem",
        "as_outcome": "outcome",
        "feature_columns": "columns",
        "measured_mask": "columns",
        "modalities_in": "columns",
        "modality_of": "columns",
        "problems_to_json": "problem",
        "problems_to_text": "problem",
        "read_folder": "read",
        "refuse": "problem",
        "to_frame": "columns",
        "to_matrix": "columns",
    },
)
