"""What people open: tumour-board pages, the cohort report, the index, and notebooks run over many patients."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "NotebookRuns": "notebooks",
        "Page": "page",
        "ReportIndex": "report_index",
        "cohort_report": "cohort_page",
        "index_page": "index",
        "patient_page": "tumour_board",
        "run_notebooks": "notebooks",
        "write_reports": "batch",
    },
)
