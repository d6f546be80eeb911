"""What a batch of pages wrote, kept and could not write."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import polars as pl

__all__ = ["ReportIndex"]


@dataclass(frozen=True)
class ReportIndex:
    """What a batch wrote and what it could not.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``index.html``, ``cohort.html``, ``pages/`` and ``manifest.json``.
    rows : polars.DataFrame
        One row per requested patient: `patient_id`, `page` (relative address or null), `state` (written, kept,
        failed), `reason`.
    """

    folder: Path
    rows: pl.DataFrame

    @property
    def path(self) -> Path:
        """The page to open first."""
        return self.folder / "index.html"

    @property
    def written(self) -> list[str]:
        """Patients whose page was written now."""
        return self.rows.filter(pl.col("state") == "written")["patient_id"].to_list()

    @property
    def kept(self) -> list[str]:
        """Patients whose page was up to date."""
        return self.rows.filter(pl.col("state") == "kept")["patient_id"].to_list()

    @property
    def failures(self) -> pl.DataFrame:
        """Patients without a page: `patient_id`, `modality`, `stage`, `reason`, as the cohort lists its own."""
        failed = self.rows.filter(pl.col("state") == "failed")
        return failed.select(
            "patient_id", pl.lit("report").alias("modality"), pl.lit("page").alias("stage"), "reason"
        )

    def __repr__(self) -> str:
        counts = dict(self.rows["state"].value_counts().iter_rows())
        parts = [f"{counts[s]} {s}" for s in ("written", "kept", "failed") if s in counts]
        return f"ReportIndex({str(self.path)!r}: {', '.join(parts) or 'no pages'})"

    def _repr_html_(self) -> str:
        lines = "".join(
            f'<li><a href="{escape(str(self.folder / row["page"]))}">{escape(row["patient_id"])}</a></li>'
            if row["page"]
            else f"<li>{escape(row['patient_id'])}: {escape(row['reason'] or '')}</li>"
            for row in self.rows.head(200).iter_rows(named=True)
        )
        link = f'<a href="{escape(str(self.path))}" target="_blank">index.html</a>'
        return f"<div><p>{escape(repr(self))}: {link}</p><ul>{lines}</ul></div>"
