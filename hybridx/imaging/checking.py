"""Check every image and mask that a studies table names, and whether they can be of the patients they stand under."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

from hybridx.cohort.problem import Problem
from hybridx.compute import content_hash, map_tasks
from hybridx.imaging.faults import Fault, ImageError, fault
from hybridx.imaging.grid import Grid
from hybridx.imaging.masks import fit_mask
from hybridx.imaging.organs import fit_organs
from hybridx.imaging.reading import read_checked, read_grid, read_voxels
from hybridx.imaging.study import StudyRow, grids_of, rows_of
from hybridx.terms import listing

__all__ = ["Found", "check_studies", "group_rows", "shared_content", "table_faults"]

MINIMUM_OVERLAP = (
    0.05  # of the smaller field of view; crops of one lesion share nearly all, other patients hardly any
)
CHANCE_VOXELS = 50  # drawn contours of this size never coincide voxel by voxel; single voxels do
Found = tuple[StudyRow, Fault]


def check_studies(
    folder: str | os.PathLike[str],
    studies: pl.DataFrame,
    *,
    voxels: bool = True,
    workers: int | None = 1,
    progress: bool = True,
) -> list[Problem]:
    """List every defect of the images and masks of a data folder.

    Parameters
    ----------
    folder : path
        The data folder, to which the paths in `studies` are relative.
    studies : polars.DataFrame
        The studies table, in the order of its file.
    voxels : bool
        Also read the images' voxels (NaN, Bq/mL instead of SUV, values that are not HU); False reads their headers
        only. Masks are always read.
    workers : int, optional
        Processes; None for one per core.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    list of Problem
        In the order of the table. An error costs that patient the modality, not the batch.
    """
    rows = rows_of(folder, studies)
    found = table_faults(rows, {path: content_hash(path) for path in _files(rows)})
    tasks = [(group, voxels) for group in group_rows(rows)]
    for result, (group, _) in zip(
        map_tasks(_check_study, tasks, workers=workers, description="Checking images", progress=progress),
        tasks,
        strict=True,
    ):
        if result.error is None:
            found += result.value
        else:  # such as a worker that ran out of memory on one huge file
            found += [(row, fault("I002", str(result.error))) for row in group]
    table = next(
        (f"studies.{end}" for end in ("csv", "parquet") if (Path(folder) / f"studies.{end}").is_file()),
        "studies",
    )
    found.sort(key=lambda pair: (pair[0].row, pair[1].column, pair[1].code))
    return [
        Problem(
            code=one.code,
            severity=one.severity,
            file=table,
            row=row.row,
            column=one.column,
            value=one.value,
            expected=one.expected,
            hint=one.hint,
        )
        for row, one in found
    ]


def group_rows(rows: Sequence[StudyRow]) -> list[list[StudyRow]]:
    """Bring the rows of one patient at one time together, in order of first appearance."""
    groups: dict[tuple[str, int], list[StudyRow]] = defaultdict(list)
    for row in rows:
        groups[row.patient_id, row.timepoint].append(row)
    return list(groups.values())


def table_faults(rows: Sequence[StudyRow], hashes: dict[Path, str]) -> list[Found]:
    """List what is wrong between rows: one content under two patients, and the same modality twice."""
    found: list[Found] = []
    for group in group_rows(rows):
        for modality in dict.fromkeys(row.modality for row in group):
            same = [row for row in group if row.modality == modality]
            found += [(row, fault("I024", f"{len(same)} rows for {modality}")) for row in same[1:]]
    shared = shared_content(rows, hashes, "mask", "I017")
    found += [(row, one if _large(row.mask) else fault("I025", one.value, "mask")) for row, one in shared]
    found += shared_content(rows, hashes, "image", "I019")
    return found + shared_content(rows, hashes, "organs", "I035")


def _large(mask: Path | None) -> bool:
    """Whether a mask is too large to equal another by chance; one that cannot be read is said elsewhere."""
    try:
        return mask is None or int(np.count_nonzero(read_voxels(mask, "mask")[0])) >= CHANCE_VOXELS
    except ImageError:
        return True


def shared_content(rows: Sequence[StudyRow], hashes: dict[Path, str], column: str, code: str) -> list[Found]:
    """List the rows whose file has another patient's content; nobody can say whose it is, so all of them."""
    owners: dict[str, list[StudyRow]] = defaultdict(list)
    for row in rows:
        path = getattr(row, column)
        if path in hashes:
            owners[hashes[path]].append(row)
    found = []
    for group in owners.values():
        patients = list(dict.fromkeys(row.patient_id for row in group))
        for row in group if len(patients) > 1 else []:
            others = [
                f"row {other.row} ({other.patient_id!r})"
                for other in group
                if other.patient_id != row.patient_id
            ]
            found.append(
                (row, fault(code, f"{getattr(row, column).name!r} is the file of {listing(others)}", column))
            )
    return found


def overlap_faults(grids: dict[str, Grid]) -> list[tuple[str, Fault]]:
    """List the modalities of one study that do not lie in the same part of space."""
    found = []
    for first, second in combinations(grids, 2):
        shared = grids[first].overlap(grids[second])
        if shared < MINIMUM_OVERLAP:
            seen = f"{first} and {second} share {100 * shared:.0f} % of the smaller field of view"
            found += [(first, fault("I016", seen)), (second, fault("I016", seen))]
    return found


def _files(rows: Sequence[StudyRow]) -> list[Path]:
    paths = [
        path
        for row in rows
        for path in (row.image, row.mask, row.organs)
        if path is not None and path.is_file()
    ]
    return list(dict.fromkeys(paths))


def _check_study(task: tuple[list[StudyRow], bool]) -> list[Found]:
    rows, voxels = task
    grids = grids_of(rows)
    found = [
        (row, one) for modality, one in overlap_faults(grids) for row in rows if row.modality == modality
    ]
    for row in rows:
        found += [(row, one) for one in _check_row(row, grids, voxels=voxels)]
    return found


def _check_row(row: StudyRow, grids: dict[str, Grid], *, voxels: bool) -> list[Fault]:
    found = [*_check_image(row, voxels=voxels), *_check_mask(row, grids)]
    grid = grids.get(row.modality)
    return found if row.organs is None or grid is None else [*found, *fit_organs(row, grid, grids)[1]]


def _check_image(row: StudyRow, *, voxels: bool) -> list[Fault]:
    if row.image is None:
        return [fault("I001", "no image named")]
    try:
        if not voxels:
            read_grid(row.image)
            return []
        return read_checked(row.image, row.modality, row.unit)[1]
    except ImageError as error:
        return list(error.faults)


def _check_mask(row: StudyRow, grids: dict[str, Grid]) -> list[Fault]:
    if row.mask is None:
        return [fault("I023", "no mask named", "mask")]
    others = [grid for modality, grid in grids.items() if modality != row.modality]
    try:
        return fit_mask(row.mask, grids.get(row.modality), row.label, others)[1]
    except ImageError as error:
        return list(error.faults)
