"""Tumour masks from structure sets (RTSTRUCT) and DICOM segmentations (SEG), on the grid of the image."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from hybridx.errors import InputError
from hybridx.imaging.contours import Contours, fill
from hybridx.imaging.dicom_quiet import quiet_dicom
from hybridx.imaging.dicom_series import SeriesVolume
from hybridx.imaging.dicom_tree import SeriesFiles
from hybridx.imaging.geometry import resample
from hybridx.imaging.image import Image
from hybridx.terms.text import listing

__all__ = ["DicomMask", "mask_of", "structure_names"]

WORDS = {
    kind: re.compile(rf"(?<![a-z])({words})(?![a-z])", re.IGNORECASE)
    for kind, words in {"pet": "pet|pt", "ct": "ct|kt", "mr": "mr|mri|mrt"}.items()
}
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
OPEN = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
SHARE = 0.5  # of a voxel, from which a fractional segmentation counts it as tumour


@dataclass(frozen=True, eq=False)
class DicomMask:
    """A mask on the image's grid, and how much was lost or won on the way.

    Parameters
    ----------
    mask : Image
        1 inside the tumour.
    drawn_ml, on_grid_ml : float
        Volume as it was drawn and as it is on the grid: a lesion that was lost shows here.
    structures : tuple of str
        Names as they were given by whoever drew them (not for the output).
    notes : tuple of str
        What a reader should know.
    """

    mask: Image
    drawn_ml: float
    on_grid_ml: float
    structures: tuple[str, ...]
    notes: tuple[str, ...] = ()


def structure_names(path: str | Path) -> list[str]:
    """List the structures of a structure set, or the segments of a segmentation, in their order."""
    with quiet_dicom():
        return [name for _, name in _items(_read(Path(path)))]


@quiet_dicom()
def mask_of(
    markings: Sequence[SeriesFiles | str | Path], volume: SeriesVolume, structures: Sequence[str] = ()
) -> DicomMask | None:
    """Take the tumour's mask from the markings of a study, on the grid of one of its images.

    Parameters
    ----------
    markings : sequence of SeriesFiles or paths
        Structure sets and segmentations.
    volume : SeriesVolume
        The image.
    structures : sequence of str
        Names, or patterns such as ``GTV*``; case does not matter. All that match are joined; where every one names a
        modality (``GTV_PET``, ``GTV_CT``), those of the image's own. Left out, the only structure is taken.

    Returns
    -------
    DicomMask or None
        None when no marking belongs to this image.

    Raises
    ------
    InputError
        Several structures and no name, a name that matches none, or a structure that cannot be filled.
    """
    paths = [
        path for one in markings for path in (one.paths if isinstance(one, SeriesFiles) else [Path(one)])
    ]
    found = [(dataset, _closeness(dataset, volume)) for dataset in map(_read, paths)]
    best = max((close for _, close in found), default=0)
    if best == 0:
        return None
    nearest = [dataset for dataset, close in found if close == best]
    chosen, notes = _drawn(_chosen(nearest, volume.image.modality, structures))
    parts = [
        (_segment if dataset.Modality == "SEG" else _structure)(dataset, number, name, volume)
        for dataset, number, name in chosen
    ]
    array = np.any([part.mask.array > 0 for part in parts], axis=0).astype(np.uint8)
    mask = Image(array, volume.image.spacing, volume.image.origin, volume.image.direction, "mask")
    drawn, on_grid = sum(part.drawn_ml for part in parts), float(array.sum()) * mask.grid.voxel_ml
    notes += list(dict.fromkeys(note for part in parts for note in part.notes))
    if not array.any():
        msg = f"The structure of {drawn:.3g} mL covers no voxel centre of this image: it is too small or lies outside."
        raise InputError(msg)
    if len(parts) > 1:
        notes.append(f"{len(parts)} structures joined")
    return DicomMask(
        mask, drawn, on_grid, tuple(name for part in parts for name in part.structures), tuple(notes)
    )


def _read(path: Path) -> Any:
    try:
        dataset = pydicom.dcmread(path, force=True)
        kind = str(dataset.get("Modality", ""))
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"A structure set or segmentation cannot be read ({type(error).__name__}): the file is damaged."
        raise InputError(msg) from error
    if kind not in ("SEG", "RTSTRUCT"):
        msg = "Modality (0008,0060) is another; wanted SEG or RTSTRUCT."
        raise InputError(msg)
    return dataset


def _items(dataset: Any) -> list[tuple[int, str]]:
    """List number and name of each structure."""
    if dataset.Modality == "SEG":
        return [
            (int(one.SegmentNumber), str(one.get("SegmentLabel", "")))
            for one in dataset.get("SegmentSequence", [])
            if int(one.SegmentNumber) > 0  # 0 is the background of a label map
        ]
    return [
        (int(one.ROINumber), str(one.get("ROIName", "")))
        for one in dataset.get("StructureSetROISequence", [])
    ]


def _closeness(dataset: Any, volume: SeriesVolume) -> int:
    """2: drawn on this image. 1: in its frame of reference. 0: on something else."""
    slices = set(volume.slices)
    if any(uid in slices for uid in _references(dataset)):
        return 2
    frames = {str(dataset.get("FrameOfReferenceUID", "")), *_frames(dataset)} - {""}
    return int(str(volume.header.get("FrameOfReferenceUID", "")) in frames)


def _references(dataset: Any) -> Iterator[str]:
    """Walk through the images that a marking refers to."""
    for roi in dataset.get("ROIContourSequence", []):
        for contour in roi.get("ContourSequence", []):
            for image in contour.get("ContourImageSequence", []):
                yield str(image.get("ReferencedSOPInstanceUID", ""))
    for series in dataset.get("ReferencedSeriesSequence", []):
        for image in series.get("ReferencedInstanceSequence", []):
            yield str(image.get("ReferencedSOPInstanceUID", ""))


def _frames(dataset: Any) -> Iterator[str]:
    for one in dataset.get("ReferencedFrameOfReferenceSequence", []):
        yield str(one.get("FrameOfReferenceUID", ""))
    for one in dataset.get("StructureSetROISequence", []):
        yield str(one.get("ReferencedFrameOfReferenceUID", ""))


def _chosen(markings: Sequence[Any], modality: str, structures: Sequence[str]) -> list[tuple[Any, int, str]]:
    """Pick the tumour's structures among those that lie equally close to the image."""
    items = [(dataset, number, name) for dataset in markings for number, name in _items(dataset)]
    if structures:
        patterns = [one.casefold() for one in structures]
        items = [one for one in items if any(fnmatch.fnmatchcase(one[2].casefold(), p) for p in patterns)]
        if not items:
            msg = (
                f"No structure matches {listing(structures)}. The names that there are stand in the key folder "
                "(structures.csv)."
            )
            raise InputError(msg)
    # the tumour is often drawn twice, on PET and on CT, under names that say so
    own = [one for one in items if WORDS[modality].search(one[2])]
    spoken = [one for one in items if any(words.search(one[2]) for words in WORDS.values())]
    if own and len(spoken) == len(items):
        items = own
    if not structures and any(_has_area(*one[:2]) for one in items):
        # reference points and names that nobody drew under are no candidates
        items = [one for one in items if _has_area(*one[:2])]
    if len(items) > 1 and not structures:
        msg = (
            f"{len(items)} structures belong to this image: say which are the tumour (--structure), by name or by a "
            "pattern such as 'GTV*'. Their names stand in the key folder (structures.csv)."
        )
        raise InputError(msg)
    return items


def _has_area(dataset: Any, number: int) -> bool:
    """Whether something closed was drawn; a segmentation's segments are looked at when they are read."""
    if dataset.Modality == "SEG":
        return True
    return any(
        str(contour.get("ContourGeometricType", "")) in CLOSED
        for roi in dataset.get("ROIContourSequence", [])
        if int(roi.ReferencedROINumber) == number
        for contour in roi.get("ContourSequence", [])
    )


def _drawn(chosen: Sequence[tuple[Any, int, str]]) -> tuple[list[tuple[Any, int, str]], list[str]]:
    """Leave out structures without contours where others have some."""
    filled = [one for one in chosen if _has_area(*one[:2])]
    if not filled or len(filled) == len(chosen):
        return list(chosen), []
    return filled, [f"{len(chosen) - len(filled)} structures without closed contours were left out"]


def _structure(dataset: Any, number: int, name: str, volume: SeriesVolume) -> DicomMask:
    rings: list[Any] = []
    closed: set[str] = set()
    kinds: set[str] = set()
    for roi in dataset.get("ROIContourSequence", []):
        if int(roi.ReferencedROINumber) != number:
            continue
        for contour in roi.get("ContourSequence", []):
            kind = str(contour.get("ContourGeometricType", ""))
            if kind not in CLOSED:
                kinds.add(kind if kind in OPEN else "unknown")
                continue
            closed.add(kind)
            rings.append(np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, 3))
    if not rings:
        shown = f" (it has {listing(sorted(kinds))})" if kinds else ""
        msg = f"A structure has no closed contours{shown}."
        raise InputError(msg)
    mask, drawn, notes = fill(Contours(name, rings, "CLOSEDPLANAR_XOR" in closed), volume.image.grid)
    if kinds:
        notes.append(f"parts of kind {listing(sorted(kinds))} were left out")
    return DicomMask(mask, drawn, float(mask.array.sum()) * mask.grid.voxel_ml, (name,), tuple(notes))


def _segment(dataset: Any, number: int, name: str, volume: SeriesVolume) -> DicomMask:
    # its import takes a second
    import highdicom  # noqa: PLC0415

    notes: list[str] = []
    try:
        segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
        stack = segmentation.get_volume(
            segment_numbers=[number],
            combine_segments=False,
            rescale_fractional=True,
            allow_missing_positions=True,
        )
    except Exception as error:  # damaged bytes can fail in any way
        msg = (
            f"A segmentation cannot be placed in space ({type(error).__name__}): frames lie in no regular stack, "
            "or the file is damaged."
        )
        raise InputError(msg) from error
    share = np.asarray(stack.array, dtype=np.float32)[..., 0]
    if str(dataset.get("SegmentationType", "")) == "FRACTIONAL":
        notes.append(f"fractional: voxels with a share of {SHARE:g} or more count")
    own = _as_image(share, stack.affine)
    drawn = float((share >= SHARE).sum()) * own.grid.voxel_ml
    if own.grid.same(volume.image.grid):
        inside = (own.array >= SHARE).astype(np.uint8)
    else:
        inside = (
            resample(own, reference=volume.image.grid, interpolator="linear", fill=0.0).array >= SHARE
        ).astype(np.uint8)
        if not _lies_on(own, volume):
            notes.append("segmented on another grid and resampled")
    image = volume.image
    mask = Image(inside, image.spacing, image.origin, image.direction, "mask")
    return DicomMask(mask, drawn, float(inside.sum()) * mask.grid.voxel_ml, (name,), tuple(notes))


def _as_image(array: Any, affine: Any) -> Image:
    """Turn an array with its affine (index to patient, LPS) into an image whose last axis runs fastest."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / edges
    origin = tuple(float(one) for one in affine[:3, 3])
    # the array's axes are (slice, row, column); an image's directions are (column, row, slice)
    direction = tuple(float(one) for one in axes[:, ::-1].ravel())
    return Image(np.ascontiguousarray(array), tuple(float(one) for one in edges[::-1]), origin, direction)  # type: ignore[arg-type]


def _lies_on(own: Image, volume: SeriesVolume) -> bool:
    """Whether the segmentation's voxels coincide with the image's: a part of its slices, perhaps in reverse."""
    grid = volume.image.grid
    if not np.allclose(own.spacing, grid.spacing, rtol=1e-3):
        return False
    inverse = np.linalg.inv(grid.axes * np.asarray(grid.spacing))
    place = inverse @ (np.asarray(own.origin) - np.asarray(grid.origin))
    return bool(np.abs(place - np.round(place)).max() < 0.05)
