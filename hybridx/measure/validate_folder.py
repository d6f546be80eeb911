"""Every defect of a data folder: tables and images in one list."""

from __future__ import annotations

import dataclasses
import os

import polars as pl

from hybridx.cohort.problem import Problem
from hybridx.cohort.read import Folder, read_folder
from hybridx.imaging.checking import check_studies

__all__ = ["validate"]

# Said about the table already: the same modality twice in one study.
_SAID_BEFORE = {"I024": "T040"}


def validate(
    folder: str | os.PathLike[str], *, voxels: bool = True, workers: int | None = 1, progress: bool = True
) -> list[Problem]:
    """List every defect of a data folder: files, cells, rows, references between tables, images and masks.

    Parameters
    ----------
    folder : path
        Holds ``patients.csv`` and whatever else there is; see ``data_schemas/README.md``.
    voxels : bool
        Also look at the values of the images; False reads their geometry only.
    workers : int, optional
        Processes for the images; None for one per core.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    list of Problem
        Errors must be mended before `extract`; an image's error costs its patient that modality, not the batch.
        Empty when there is nothing to say.

    Examples
    --------
    >>> for problem in validate("no/such/folder"):
    ...     print(problem)
    no/such/folder: holds no data. Expected a folder with patients.csv. There is no such folder.
    """
    data = read_folder(folder)
    return [*data.problems, *_image_problems(data, voxels=voxels, workers=workers, progress=progress)]


def _image_problems(data: Folder, *, voxels: bool, workers: int | None, progress: bool) -> list[Problem]:
    studies = data.tables.get("studies")
    if studies is None or studies.is_empty():
        return []
    # A row whose patient, modality or path is itself in doubt has been named; its image cannot be looked for.
    whole = pl.all_horizontal(pl.col("patient_id", "modality", "image").is_not_null())
    rows = studies.with_row_index("row").filter(whole)
    lines = [data.lines["studies"][position] for position in rows["row"]]
    said = {(p.row, p.code) for p in data.problems if p.file == data.files["studies"]}
    checked = check_studies(data.path, rows.drop("row"), voxels=voxels, workers=workers, progress=progress)
    result = []
    for problem in checked:
        line = None if problem.row is None else lines[problem.row - 2]
        if (line, _SAID_BEFORE.get(problem.code)) not in said:
            result.append(dataclasses.replace(problem, file=data.files["studies"], row=line))
    return result
