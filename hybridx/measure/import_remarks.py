"""What the DICOM import said of a study, carried into the cohort: refused images, and remarks on those that came."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.errors import InputError
from hybridx.imaging.faults import fault
from hybridx.measure.extract_blocks import Measured

__all__ = ["import_remarks"]

LOST_VOLUME = 0.2  # of what was drawn; the corners of voxels cost a small lesion less
WANTED = {
    "failures": {"patient_id", "timepoint", "modality", "stage", "reason"},
    "images": {"patient_id", "timepoint", "modality", "notes", "volume_drawn_ml", "volume_on_grid_ml"},
}


def import_remarks(folder: Path, studies: pl.DataFrame, patients: Collection[str]) -> list[Measured]:
    """Read ``import/failures.csv`` and ``import/images.csv`` of a data folder that `import_dicom` wrote.

    Without it a PET that was refused for want of a weight would look like one that was never made.

    Parameters
    ----------
    folder : Path
        The data folder.
    studies : polars.DataFrame
        The studies table; what a person has put right there since is not said again.
    patients : collection of str
        Of the cohort.

    Returns
    -------
    list of Measured
        Without values: failures, and remarks with the codes I036 and I037. Empty for a folder of another origin.

    Raises
    ------
    InputError
        A table of the import that cannot be read.
    """
    there = {
        (row["patient_id"], row["timepoint"], row["modality"]): row.get("mask") is not None
        for row in studies.iter_rows(named=True)
    }
    found: dict[tuple[str, int], dict[str, Any]] = {}

    def record(row: dict[str, Any]) -> dict[str, Any]:
        empty = {"blocks": {}, "failures": [], "remarks": [], "lesions": [], "images": {}}
        return found.setdefault((row["patient_id"], row["timepoint"]), empty)

    for row in _rows(folder, "failures", patients):
        drawn = there.get((row["patient_id"], row["timepoint"], row["modality"]))
        if drawn is None or (row["stage"] == "mask" and not drawn):
            record(row)["failures"].append([row["modality"], "import", row["reason"] or ""])
    for row in _rows(folder, "images", patients):
        if (row["patient_id"], row["timepoint"], row["modality"]) in there:
            remarks = record(row)["remarks"]
            remarks += [[row["modality"], "import", one] for one in _doubts(row)]
    return [
        Measured(patient, timepoint, {}, one)
        for (patient, timepoint), one in found.items()
        if one["failures"] or one["remarks"]
    ]


def _rows(folder: Path, name: str, patients: Collection[str]) -> list[dict[str, Any]]:
    path = folder / "import" / f"{name}.csv"
    if not path.is_file():
        return []
    try:
        table = pl.read_csv(path, infer_schema=False)
        if not set(table.columns) >= WANTED[name]:
            return []
        rows = table.with_columns(pl.col("timepoint").cast(pl.Int64)).to_dicts()
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"{str(path)!r} cannot be read as a table ({type(error).__name__}). Import again, or remove it."
        raise InputError(msg) from error
    return [row for row in rows if row["patient_id"] in patients]


def _doubts(row: dict[str, Any]) -> list[str]:
    doubts = [str(fault("I036", row["notes"]))] if row["notes"] else []
    try:
        drawn, kept = float(row["volume_drawn_ml"]), float(row["volume_on_grid_ml"])
    except (TypeError, ValueError):
        return doubts
    if drawn > 0.0 and abs(kept / drawn - 1.0) > LOST_VOLUME:
        seen = f"{kept:.3g} mL on the image's grid of {drawn:.3g} mL that were drawn"
        doubts.append(str(fault("I037", seen, "mask")))
    return doubts
