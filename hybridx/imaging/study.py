"""`Study`: the images of one patient at one time, each on its own grid."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hybridx.errors import InputError
from hybridx.imaging.faults import Fault, ImageError, fault
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.imaging.masks import fit_mask
from hybridx.imaging.reading import read_checked, read_grid

__all__ = ["Study", "StudyRow", "grids_of", "read_pair", "read_study", "rows_of"]

ORGANS = ("liver", "blood_pool")  # each has a column <organ>_label in the studies table


@dataclass(frozen=True)
class StudyRow:
    """One line of the studies table: one modality of one study, as paths.

    Parameters
    ----------
    patient_id : str
        The patient.
    timepoint : int
        1 for the first.
    modality : str
        ``pet``, ``ct`` or ``mr``.
    image, mask : Path or None
        Full paths; the mask may be absent.
    unit : str
        Unit of the image, empty for the modality's own.
    label : int or None
        Which label of the mask is the lesion.
    row : int
        Line in the file (the header is line 1).
    day : float
        Relative to the patient's baseline.
    tracer : str
        Of a PET; empty where it is not known.
    organs : Path or None
        Full path of a label map of organs.
    organ_labels : mapping of str to int
        Their labels in it: ``liver``, ``blood_pool``.
    """

    patient_id: str
    timepoint: int
    modality: str
    image: Path | None
    mask: Path | None
    unit: str = ""
    label: int | None = None
    row: int = 0
    day: float = 0.0
    tracer: str = ""
    organs: Path | None = None
    organ_labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Study:
    """The images of one patient at one time on their own grids, with the lesion masks on those grids.

    Parameters
    ----------
    patient_id : str
        The patient.
    timepoint : int
        1 for the first.
    images : mapping of str to Image
        By modality.
    masks : mapping of str to Image
        By the modality of the image they lie on.
    """

    patient_id: str
    timepoint: int
    images: Mapping[str, Image] = field(default_factory=dict)
    masks: Mapping[str, Image] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities there are."""
        return tuple(self.images)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {image.grid}" for name, image in self.images.items())
        return f"Study({self.patient_id!r}, timepoint {self.timepoint}: {parts or 'no images'})"


def rows_of(folder: str | os.PathLike[str], studies: pl.DataFrame) -> list[StudyRow]:
    """Turn the studies table into full paths, one entry per line."""
    base = Path(folder)
    rows = []
    for position, row in enumerate(studies.iter_rows(named=True)):
        image, mask, label, organs = (row.get(name) for name in ("image", "mask", "label", "organs"))
        labels = {name: row.get(f"{name}_label") for name in ORGANS}
        rows.append(
            StudyRow(
                patient_id=str(row["patient_id"]),
                timepoint=int(row.get("timepoint") or 1),
                modality=str(row["modality"]),
                image=base / image if image else None,
                mask=base / mask if mask else None,
                unit=row.get("unit") or "",
                label=None if label is None else int(label),
                row=position + 2,
                day=float(row.get("day") or 0.0),
                tracer=str(row.get("tracer") or ""),
                organs=base / organs if organs else None,
                organ_labels={name: int(value) for name, value in labels.items() if value is not None},
            )
        )
    return rows


def grids_of(rows: Sequence[StudyRow]) -> dict[str, Grid]:
    """Read the geometry of every image of a study whose header can be read."""
    grids = {}
    for row in rows:
        try:
            grids[row.modality] = read_grid(row.image) if row.image else None
        except ImageError:
            continue  # said where that image itself is read
    return {modality: grid for modality, grid in grids.items() if grid is not None}


def read_pair(row: StudyRow, grids: Mapping[str, Grid]) -> tuple[Image, Image, list[Fault]]:
    """Read one modality: its image, its mask on the image's grid, and what is worth a warning.

    Parameters
    ----------
    row : StudyRow
        Where they lie.
    grids : mapping of str to Grid
        Geometry of the study's images, see `grids_of`: a mask drawn on another of them is resampled.

    Raises
    ------
    ImageError
        The image or the mask cannot be used.
    """
    if row.image is None:
        raise ImageError([fault("I001", "no image named")])
    image, seen = read_checked(row.image, row.modality, row.unit)
    if row.mask is None:
        raise ImageError([fault("I023", "no mask named", "mask")])
    others = [grid for modality, grid in grids.items() if modality != row.modality]
    mask, faults = fit_mask(row.mask, image.grid, row.label, others)
    return image, mask, [*seen, *faults]


def read_study(
    folder: str | os.PathLike[str], studies: pl.DataFrame, patient_id: str, timepoint: int = 1
) -> Study:
    """Read all images and masks of one patient at one time.

    Parameters
    ----------
    folder : path
        The data folder, to which the paths are relative.
    studies : polars.DataFrame
        The studies table.
    patient_id : str
        Whose.
    timepoint : int
        Which, from 1.

    Returns
    -------
    Study
        Images and masks by modality.

    Raises
    ------
    InputError
        There is no such study.
    ImageError
        An image or mask cannot be used; the note says which modality.
    """
    rows = [
        row for row in rows_of(folder, studies) if row.patient_id == patient_id and row.timepoint == timepoint
    ]
    if not rows:
        msg = f"There is no study of patient {patient_id!r} at timepoint {timepoint} in the studies table."
        raise InputError(msg)
    grids = grids_of(rows)
    images, masks = {}, {}
    for row in rows:
        try:
            images[row.modality], masks[row.modality], _ = read_pair(row, grids)
        except ImageError as error:
            error.add_note(f"modality {row.modality!r} of patient {patient_id!r}, timepoint {timepoint}")
            raise
    return Study(patient_id, timepoint, images, masks)
