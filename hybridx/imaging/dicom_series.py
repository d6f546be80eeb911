"""One series of slices to one volume: sorted by position, checked for gaps, rescaled slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk

from hybridx.errors import InputError
from hybridx.imaging.dicom_quiet import quiet_dicom
from hybridx.imaging.dicom_tree import SeriesFiles
from hybridx.imaging.image import Image
from hybridx.imaging.pet_header import PetHeader
from hybridx.imaging.suv import SuvFactors, SuvKind, suv_factors

__all__ = ["SeriesVolume", "read_series"]

MODALITIES = {"PT": "pet", "CT": "ct", "MR": "mr"}
# A position is written with a few decimals; a slice that is missing moves the next by a whole spacing.
GAP_FRACTION = 0.1
PARALLEL = 1e-3
EDGE_MM = (0.05, 25.0)


@dataclass(frozen=True, eq=False)
class SeriesVolume:
    """A volume and what was found on the way.

    Parameters
    ----------
    image : Image
        PET in SUV, CT in HU, MR as stored.
    slices : tuple of str
        SOP Instance UIDs from first to last slice: segmentations refer to them. Never written to the output.
    suv : SuvFactors or None
        How a PET became uptake.
    header : pydicom.Dataset
        Of the first slice, without pixels.
    notes : tuple of str
        What a reader should know.
    """

    image: Image
    slices: tuple[str, ...]
    suv: SuvFactors | None
    header: Any
    notes: tuple[str, ...] = field(default=())


def read_series(
    series: SeriesFiles | Sequence[str | Path], suv: SuvKind = "bw", *, header: PetHeader | None = None
) -> SeriesVolume:
    """Read the slices of a series into one volume.

    Parameters
    ----------
    series : SeriesFiles or sequence of paths
        One file per slice, in any order.
    suv : {"bw", "sul_janma", "sul_james", "bsa"}
        What a PET is standardised by.
    header : PetHeader, optional
        Facts that replace those of the PET's headers, knowingly: a corrected weight or time.

    Returns
    -------
    SeriesVolume
        Sorted along the normal of its slices.

    Raises
    ------
    InputError
        Slices are missing, doubled, of different geometry or unreadable; or a PET cannot be standardised.
    """
    paths = list(series.paths if isinstance(series, SeriesFiles) else map(Path, series))
    with quiet_dicom():
        return _volume(paths, suv, header)


def _volume(paths: list[Path], suv: SuvKind, header: PetHeader | None) -> SeriesVolume:
    slices = _sorted([_read(path) for path in paths])
    first = slices[0]
    spacing, direction, notes = _geometry(slices)
    modality = MODALITIES.get(str(first.get("Modality", "")), "")
    if not modality:
        msg = f"Modality (0008,0060) is {str(first.get('Modality', ''))!r}; wanted PT, CT or MR."
        raise InputError(msg)
    found: SuvFactors | None = None
    scale = np.ones(len(slices))
    if modality == "pet":
        found = suv_factors(header or PetHeader.read(slices), suv)
        scale, notes = found.values, [*notes, *found.notes]
    array = np.empty((len(slices), int(first.Rows), int(first.Columns)), dtype=np.float32)
    for index, one in enumerate(slices):
        array[index] = _values(one, paths) * scale[index]
    origin = tuple(float(one) for one in first.ImagePositionPatient)
    unit = found.name if found else ""
    image = Image(array, spacing, origin, direction, modality, unit)  # type: ignore[arg-type]
    for one in slices:
        del one.PixelData
    return SeriesVolume(image, tuple(str(one.SOPInstanceUID) for one in slices), found, first, tuple(notes))


def _read(path: Path) -> Any:
    try:
        dataset = pydicom.dcmread(path, force=True)
        complete = all(name in dataset for name in ("PixelData", "Rows", "Columns"))
        place = [float(one) for one in dataset.get("ImagePositionPatient") or ()]
        axes = [float(one) for one in dataset.get("ImageOrientationPatient") or ()]
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"A slice cannot be read ({type(error).__name__}): the file is cut short or damaged."
        raise InputError(msg) from error
    if not complete:
        msg = "A slice has no pixels (7FE0,0010): the file is cut short."
        raise InputError(msg)
    if len(place) != 3 or len(axes) != 6 or not np.isfinite([*place, *axes]).all():
        msg = (
            "A slice has no position (0020,0032) or orientation (0020,0037): where it lies in the patient cannot be "
            "told. Multi-frame files of the enhanced classes are to be exported as single slices."
        )
        raise InputError(msg)
    dataset.hybridx_path = path
    return dataset


def _sorted(slices: list[Any]) -> list[Any]:
    """Sort along the normal; refuse what cannot be one stack."""
    axes = np.array([one.ImageOrientationPatient for one in slices], dtype=np.float64)
    if np.abs(axes - axes[0]).max() > PARALLEL:
        msg = "Slices of one series lie in different directions (0020,0037): they are no stack."
        raise InputError(msg)
    for name in ("Rows", "Columns", "PixelSpacing"):
        kinds = {str(one.get(name)) for one in slices}
        if len(kinds) > 1:
            msg = f"Slices of one series differ in {name}: {', '.join(sorted(kinds)[:5])}."
            raise InputError(msg)
    normal = np.cross(axes[0, :3], axes[0, 3:])
    along = np.array(
        [np.dot(normal, np.asarray(one.ImagePositionPatient, dtype=np.float64)) for one in slices]
    )
    return [slices[index] for index in np.argsort(along, kind="stable")]


def _geometry(slices: list[Any]) -> tuple[tuple[float, float, float], tuple[float, ...], list[str]]:
    first = slices[0]
    axes = np.asarray(first.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    if (
        abs(float(axes[0] @ axes[1])) > PARALLEL
        or np.abs(np.linalg.norm(axes, axis=1) - 1.0).max() > PARALLEL
    ):
        msg = f"Image Orientation (0020,0037) is {np.round(axes, 4).tolist()}; wanted two orthogonal unit vectors."
        raise InputError(msg)
    normal = np.cross(axes[0], axes[1])
    places = np.array([one.ImagePositionPatient for one in slices], dtype=np.float64)
    along = places @ normal
    notes: list[str] = []
    if len(slices) == 1:
        edge = _thickness(first)
        notes.append(f"one slice only; its thickness of {edge:g} mm is taken from (0018,0050)")
    else:
        edge = _steps(np.diff(along), len(slices))
        sideways = np.linalg.norm(places - places[0] - np.outer(along - along[0], normal), axis=1).max()
        if sideways > GAP_FRACTION * edge:
            msg = f"Slices are shifted sideways by up to {sideways:.2f} mm (a tilted gantry): resample when exporting."
            raise InputError(msg)
    try:
        row_mm, column_mm = (float(one) for one in first.PixelSpacing)
    except (AttributeError, TypeError, ValueError) as error:
        msg = "Pixel Spacing (0028,0030) is missing: lengths and volumes cannot be told."
        raise InputError(msg) from error
    spacing = (column_mm, row_mm, edge)
    if not all(EDGE_MM[0] <= one <= EDGE_MM[1] for one in spacing):
        shown = " x ".join(f"{one:.4g}" for one in spacing)
        msg = f"Voxels of {shown} mm; wanted edges of {EDGE_MM[0]:g} to {EDGE_MM[1]:g} mm."
        raise InputError(msg)
    direction = np.column_stack([axes[0], axes[1], normal])
    return spacing, tuple(float(one) for one in direction.ravel()), notes


def _thickness(one: Any) -> float:
    try:
        return float(one.SliceThickness)
    except (AttributeError, TypeError, ValueError) as error:
        msg = "One slice without Slice Thickness (0018,0050): its volume cannot be told."
        raise InputError(msg) from error


def _steps(steps: npt.NDArray[np.float64], n: int) -> float:
    """Return the slice spacing, or refuse doubled and missing slices."""
    edge = float(np.median(steps))
    twice = int((steps < GAP_FRACTION * max(edge, 1e-6)).sum())
    if edge <= 0.0 or twice:
        msg = (
            f"{twice or n - 1} slices share a position with another: several frames, gates or reconstructions lie in "
            "one series. Export one of them."
        )
        raise InputError(msg)
    gaps = steps[np.abs(steps - edge) > GAP_FRACTION * edge]
    if len(gaps):
        missing = int(np.round(gaps / edge - 1.0).clip(min=0).sum())
        what = f"{missing} slices are missing" if missing else "slices are unevenly spaced"
        msg = (
            f"{what}: most lie {edge:.4g} mm apart, some {', '.join(f'{gap:.4g}' for gap in gaps[:5])} mm. A volume "
            "with a gap would shift and shrink lesions: export the series again."
        )
        raise InputError(msg)
    return float(steps.mean())


def _values(one: Any, paths: list[Path]) -> npt.NDArray[np.float64]:
    """Return one slice in the scanner's units: stored values times slope plus intercept."""
    slope, intercept = (
        _factor(one, name, usual) for name, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if not np.isfinite([slope, intercept]).all() or slope == 0.0:
        msg = f"Rescale Slope (0028,1053) is {slope:g}: the values of a slice are lost."
        raise InputError(msg)
    try:
        if one.file_meta.TransferSyntaxUID.is_compressed:
            # GDCM, inside SimpleITK, knows the compressed kinds, and applies slope and intercept itself
            picture = sitk.ReadImage(str(one.hybridx_path), sitk.sitkFloat64)
            return np.asarray(sitk.GetArrayFromImage(picture), dtype=np.float64).reshape(
                int(one.Rows), int(one.Columns)
            )
        stored = one.pixel_array.astype(np.float64)
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"The pixels of 1 of {len(paths)} slices cannot be read ({type(error).__name__}): the file is cut short."
        raise InputError(msg) from error
    if stored.shape != (int(one.Rows), int(one.Columns)):
        msg = f"A file holds {stored.shape} pixels; wanted one slice of {one.Rows} x {one.Columns}."
        raise InputError(msg)
    return stored * slope + intercept


def _factor(one: Any, name: str, usual: float) -> float:
    value = one.get(name)
    try:
        return usual if value is None or str(value) == "" else float(value)
    except (TypeError, ValueError):
        return float("nan")
