"""What people open: tumour-board pages, the cohort report, the index, and notebooks run over many patients."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CohortExplorer": "explorer",
        "NotebookRuns": "notebooks",
        "Page": "page",
        "ReportIndex": "report_index",
        "checklists": "checklist",
        "cohort_report": "cohort_page",
        "cohort_tables": "beside",
        "index_page": "index",
        "model_card": "card",
        "patient_voxels": "saliency",
        "patient_page": "tumour_board",
        "run_notebooks": "notebooks",
        "save_pdf": "pdf",
        "save_tables": "figure_tables",
        "write_reports": "batch",
    },
)
