"""One series of slices to one volume: sorted by position, checked for gaps, rescaled slice by slice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk

from hybridx.errors import InputError
from hybridx.imaging.dicom_enhanced import read_enhanced
from hybridx.imaging.dicom_file import ENHANCED, read_header
from hybridx.imaging.dicom_frames import read_frames
from hybridx.imaging.dicom_quiet import quiet_dicom
from hybridx.imaging.dicom_stack import lost_ends, sort_slices, stack_geometry, without_scout
from hybridx.imaging.dicom_tree import SeriesFiles
from hybridx.imaging.image import Image
from hybridx.imaging.pet_header import PetHeader
from hybridx.imaging.suv import SuvFactors, SuvKind, suv_factors

__all__ = ["SeriesVolume", "read_pet_header", "read_series"]

MODALITIES = {"PT": "pet", "CT": "ct", "MR": "mr"}
# (0028,1054) of CT: densities, atomic numbers and other maps of two energies are no Hounsfield units
HOUNSFIELD = ("", "HU", "US")


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
    pet : PetHeader or None
        The facts that a PET was standardised by, with what was told instead of the headers.
    notes : tuple of str
        What a reader should know.
    """

    image: Image
    slices: tuple[str, ...]
    suv: SuvFactors | None
    header: Any
    notes: tuple[str, ...] = field(default=())
    pet: PetHeader | None = None


def read_series(
    series: SeriesFiles | Sequence[str | Path],
    suv: SuvKind = "bw",
    *,
    header: PetHeader | None = None,
    told: Mapping[str, Any] | None = None,
) -> SeriesVolume:
    """Read the slices of a series into one volume.

    Parameters
    ----------
    series : SeriesFiles or sequence of paths
        One file per slice, in any order.
    suv : {"bw", "sul_janma", "sul_james", "bsa"}
        What a PET is standardised by.
    header : PetHeader, optional
        Replaces the PET's headers, knowingly: what `read_pet_header` gives, changed by `dataclasses.replace`.
    told : mapping of str to value, optional
        Facts (fields of `PetHeader`) that stand above the PET's headers, knowingly: a corrected weight or time.

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
        return _volume(paths, suv, header, told)


def read_pet_header(
    series: SeriesFiles | Sequence[str | Path], told: Mapping[str, Any] | None = None
) -> PetHeader:
    """Read the facts that a PET series' uptake values rest on, slices in the order of `read_series`.

    Raises
    ------
    InputError
        Slices cannot be read, are no stack, or contradict each other.
    """
    paths = list(series.paths if isinstance(series, SeriesFiles) else map(Path, series))
    with quiet_dicom():
        slices, _ = _slices(paths, pixels=False)
        return PetHeader.read(slices, told)


def _volume(
    paths: list[Path], suv: SuvKind, header: PetHeader | None, told: Mapping[str, Any] | None
) -> SeriesVolume:
    if len(paths) == 1:
        alone = _enhanced(paths[0])
        if alone is not None:
            return alone
    slices, notes = _slices(paths)
    first = slices[0]
    spacing, direction, more = stack_geometry(slices)
    notes += [*more, *lost_ends(slices)]
    modality = MODALITIES.get(str(first.get("Modality", "")), "")
    if not modality:
        msg = "Modality (0008,0060) is another; wanted PT, CT or MR."
        raise InputError(msg)
    found: SuvFactors | None = None
    facts: PetHeader | None = None
    scale = np.ones(len(slices))
    if modality == "pet":
        facts = header or PetHeader.read(slices, told)
        if len(facts.slices) != len(slices):
            msg = f"The header given is of {len(facts.slices)} slices, the series has {len(slices)}: two series."
            raise InputError(msg)
        found = suv_factors(facts, suv)
        scale, notes = found.values, [*notes, *found.notes]
    elif modality == "ct":
        notes += _hounsfield(first)
    _values(first, paths)  # a header that lies about its matrix must not cost the memory
    array = np.empty((len(slices), int(first.Rows), int(first.Columns)), dtype=np.float32)
    # frames of one file share its UID
    uids = tuple(dict.fromkeys(str(one.SOPInstanceUID) for one in slices))
    for index, one in enumerate(slices):
        array[index] = _values(one, paths) * scale[index]
        # what is copied is let go at once, so that a series is held once only
        if "PixelData" in one:
            del one.PixelData
        else:
            del one.hybridx_plane
        slices[index] = first
    origin = tuple(float(one) for one in first.ImagePositionPatient)
    unit = found.name if found else ""
    image = Image(array, spacing, origin, direction, modality, unit)  # type: ignore[arg-type]
    return SeriesVolume(image, uids, found, first, tuple(notes), facts)


def _slices(paths: list[Path], *, pixels: bool = True) -> tuple[list[Any], list[str]]:
    """Read and sort slices: a file each, or the frames of one file of the enhanced PET classes."""
    header = read_header(paths[0])[0] if len(paths) == 1 else None
    if header is not None and str(header.SOPClassUID) in ENHANCED:
        read = [_placed(one) for one in read_frames(paths[0], pixels=pixels)]
    else:
        read = [_read(path, pixels=pixels) for path in paths]
    return without_scout(sort_slices(read))


def _enhanced(path: Path) -> SeriesVolume | None:
    """Read a CT or MR whose slices all lie in one file; None where it is another kind of file."""
    header, _ = read_header(path)
    if header is None or str(header.SOPClassUID) not in ENHANCED or str(header.get("Modality", "")) == "PT":
        return None
    image, dataset = read_enhanced(path, MODALITIES.get(str(header.get("Modality", "")), ""))
    notes = ("a multi-frame file of the enhanced classes",)
    return SeriesVolume(image, (str(dataset.SOPInstanceUID),), None, dataset, notes)


def _hounsfield(first: Any) -> list[str]:
    """Refuse a CT whose values are of another kind."""
    kind = str(first.get("RescaleType", "") or "").strip().upper()
    if kind not in HOUNSFIELD:
        msg = "Rescale Type (0028,1054) is not HU: a map of density or of another energy is no CT in Hounsfield units."
        raise InputError(msg)
    return ["Rescale Type (0028,1054) says that the unit is unspecified; taken as HU"] if kind == "US" else []


def _read(path: Path, *, pixels: bool = True) -> Any:
    try:
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=not pixels)
        wanted = ("PixelData", "Rows", "Columns", "SOPInstanceUID") if pixels else ("Rows", "Columns")
        complete = all(name in dataset for name in wanted)
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"A slice cannot be read ({type(error).__name__}): the file is cut short or damaged."
        raise InputError(msg) from error
    if not complete:
        msg = "A slice has no pixels (7FE0,0010): the file is cut short."
        raise InputError(msg)
    if str(dataset.get("SOPClassUID", "")) in ENHANCED:
        msg = (
            "Several multi-frame files in one series: which of them are one stack cannot be told. Export it as single "
            "slices (classic PET, CT or MR), or each stack as a series."
        )
        raise InputError(msg)
    dataset.hybridx_path = path
    return _placed(dataset)


def _placed(dataset: Any) -> Any:
    """Hand a slice back that says where it lies."""
    try:
        place = [float(one) for one in dataset.get("ImagePositionPatient") or ()]
        axes = [float(one) for one in dataset.get("ImageOrientationPatient") or ()]
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"A slice cannot be read ({type(error).__name__}): the file is cut short or damaged."
        raise InputError(msg) from error
    if len(place) != 3 or len(axes) != 6 or not np.isfinite([*place, *axes]).all():
        msg = (
            "A slice has no position (0020,0032) or orientation (0020,0037): where it lies in the patient cannot be "
            "told."
        )
        raise InputError(msg)
    return dataset


def _values(one: Any, paths: list[Path]) -> npt.NDArray[np.float64]:
    """Return one slice in the scanner's units: stored values times slope plus intercept."""
    raw = str(one.get("Modality", "")) == "MR"  # whose values have no unit, and often no slope
    slope, intercept = (
        _factor(one, name, usual if raw else math.nan)
        for name, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if not np.isfinite([slope, intercept]).all() or slope == 0.0:
        shown = [
            "missing or no number" if math.isnan(value) else f"{value:g}" for value in (slope, intercept)
        ]
        msg = (
            f"Rescale Slope (0028,1053) is {shown[0]} and Rescale Intercept (0028,1052) {shown[1]}: what the stored "
            "values of a slice mean is lost."
        )
        raise InputError(msg)
    try:
        if hasattr(one, "hybridx_plane"):
            return np.asarray(one.hybridx_plane * slope + intercept, dtype=np.float64)
        if one.file_meta.TransferSyntaxUID.is_compressed:
            return _decompressed(one)
        # not kept with the header, unlike its own attribute
        stored = np.asarray(pydicom.pixels.pixel_array(one), dtype=np.float64)  # type: ignore[attr-defined]
    except Exception as error:  # damaged bytes can fail in any way
        msg = f"The pixels of 1 of {len(paths)} slices cannot be read ({type(error).__name__}): the file is cut short."
        raise InputError(msg) from error
    if stored.shape != (int(one.Rows), int(one.Columns)):
        msg = f"A file holds {stored.shape} pixels; wanted one slice of {one.Rows} x {one.Columns}."
        raise InputError(msg)
    return stored * slope + intercept


def _decompressed(one: Any) -> npt.NDArray[np.float64]:
    """Read a compressed slice through GDCM, inside SimpleITK, which knows the kinds."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # its warnings quote the file's name
    try:
        picture = sitk.ReadImage(str(one.hybridx_path), sitk.sitkFloat64)
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
    # slope and intercept are applied by GDCM itself
    values = np.asarray(sitk.GetArrayFromImage(picture), dtype=np.float64)
    return values.reshape(int(one.Rows), int(one.Columns))


def _factor(one: Any, name: str, usual: float) -> float:
    value = one.get(name)
    try:
        return usual if value is None or str(value) == "" else float(value)
    except (TypeError, ValueError):
        return float("nan")
