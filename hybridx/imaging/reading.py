"""Read and write single volumes, and look at their numbers before anything is computed from them."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from isal import igzip

from hybridx.compute import atomic_write
from hybridx.imaging.faults import Fault, ImageError, fault, raise_errors
from hybridx.imaging.grid import Grid
from hybridx.imaging.image import Image
from hybridx.imaging.inflating import content_of
from hybridx.imaging.plain_nifti import inflated, plain_volume

if TYPE_CHECKING:
    import SimpleITK as sitk  # a hundred megabytes that an ordinary NIfTI file does not need

__all__ = ["read_checked", "read_grid", "read_image", "read_voxels", "write_image"]

NIFTI = (".nii", ".nii.gz")
EDGE_MM = (0.05, 25.0)  # micro-PET to thick-slice radiographs; outside, the header is in other units
ANISOTROPY = 10.0
ORTHONORMAL = 1e-3  # ITK's own order of tolerance for a direction that went through float32 quaternions
SUV_RANGE = (-1.0, 500.0)  # physiological bladder and injection sites stay below; noise goes a little under 0
SUV_MEDIAN_LIMIT = (
    50.0  # half of all uptake above SUV 50 is no patient: Bq/mL are hundreds to tens of thousands
)
HU_RANGE = (-10_000.0, 70_000.0)  # padding (-3024) and extended metal scales are inside


def read_image(path: str | os.PathLike[str], modality: str | None = None, unit: str = "") -> Image:
    """Read a volume and refuse one whose numbers cannot be meant.

    Parameters
    ----------
    path : path
        NIfTI, NRRD or MetaImage.
    modality : {"pet", "ct", "mr"}, optional
        When given, the values are checked against it: PET in SUVbw, CT in HU.
    unit : str, optional
        Default: the modality's.

    Returns
    -------
    Image
        float32.

    Raises
    ------
    ImageError
        With the code of what is wrong (missing, unreadable, not 3-D, NaN, geometry, implausible values).
    """
    return read_checked(path, modality, unit)[0]


def read_checked(
    path: str | os.PathLike[str], modality: str | None = None, unit: str = ""
) -> tuple[Image, list[Fault]]:
    """Do what `read_image` does and hand back what is worth a warning."""
    array, grid = read_voxels(path)
    bad = int(array.size - np.isfinite(array).sum())
    faults = [fault("I004", f"{bad} voxel(s) NaN or infinite")] if bad else []
    numbers = np.array(array, dtype=np.float32)  # the caller's own: the file's bytes cannot be written on
    image = Image(numbers, grid.spacing, grid.origin, grid.direction, modality or "", unit)
    return image, raise_errors(faults or _image_faults(image))


def read_grid(path: str | os.PathLike[str], column: str = "image") -> Grid:
    """Read the geometry alone (the header: fast)."""
    return Grid.of(_header(Path(path), column))


def read_voxels(
    path: str | os.PathLike[str], column: str = "image", slices: int | None = None, least: int = 2
) -> tuple[npt.NDArray[np.generic], Grid]:
    """Read the voxels (z, y, x) as they are, and where they lie.

    The geometry is ITK's. The voxels of a NIfTI file come through nibabel: ITK turns NaN, and what is missing from a
    file that was cut short, into zeros without a word.

    Parameters
    ----------
    path : path
        NIfTI, NRRD or MetaImage.
    column : str
        What an error names.
    slices : int, optional
        How many, from the first, are of use: of an ordinary compressed NIfTI file no more are read and returned, and
        damage in the rest goes unnoticed (as it does in ITK and nibabel, which leave the checksum unread), unless it
        was cut short. The grid is the whole volume's. Other files are read whole.
    least : int
        Voxels that there must be along each axis.

    Raises
    ------
    ImageError
        Missing, unreadable, damaged or cut short; not three-dimensional; a doubtful geometry.
    """
    place = Path(path)
    content = None
    if place.name.endswith(NIFTI) and place.is_file():
        with contextlib.suppress(OSError, EOFError, zlib.error):  # said in words below
            content = content_of(place, slices)
        found = None if content is None else plain_volume(content, slices)
        if found is not None and _plausible(found[1].spacing):
            return found
    if slices is not None:
        return read_voxels(path, column, least=least)
    return _voxels_by_library(place, column, content, least)


def _voxels_by_library(
    place: Path, column: str, content: bytes | memoryview | None, least: int
) -> tuple[npt.NDArray[np.generic], Grid]:
    import SimpleITK as sitk  # noqa: PLC0415 - loads where a file needs it

    reader = _header(place, column, least)
    try:
        if place.name.endswith(NIFTI):
            return _by_nibabel(place, content), Grid.of(reader)
        with _quiet():
            volume = reader.Execute()
    except (RuntimeError, OSError, EOFError, ValueError, zlib.error, igzip.BadGzipFile) as error:
        raise ImageError([fault("I002", _reason(place, error), column)]) from error
    volume = volume[:, :, :, 0] if volume.GetDimension() == 4 else volume
    return sitk.GetArrayFromImage(volume), Grid.of(reader)


def _by_nibabel(place: Path, content: bytes | memoryview | None) -> npt.NDArray[np.generic]:
    import nibabel as nib  # noqa: PLC0415 - loads where a file needs it
    from nibabel.filebasedimages import ImageFileError  # noqa: PLC0415

    try:
        image = nib.Nifti1Image.from_bytes(
            inflated(place.read_bytes()) if content is None else bytes(content)
        )
    except ImageFileError as error:
        raise ValueError(str(error)) from error
    array = np.asanyarray(image.dataobj)
    if array.dtype == np.float64 and image.get_data_dtype() != np.float64:
        array = array.astype(
            np.float32
        )  # whole numbers with a scale: ITK, and so pyradiomics, has them in 32 bits
    return (array[:, :, :, 0] if array.ndim == 4 else array).T


def write_image(image: Image, path: str | os.PathLike[str]) -> None:
    """Write a volume whole or not at all; the ending of the name chooses the format (``.nii.gz``)."""
    import SimpleITK as sitk  # noqa: PLC0415 - loads where a file is written

    with atomic_write(path) as temporary, _quiet():
        sitk.WriteImage(image.to_sitk(), str(temporary), useCompression=True)


def _image_faults(image: Image) -> list[Fault]:
    """List what is implausible in the values, given the modality."""
    low, high = float(image.array.min()), float(image.array.max())
    seen = f"values from {low:.4g} to {high:.4g}"
    faults = [fault("I020", f"{image.grid}")] if max(image.spacing) / min(image.spacing) > ANISOTROPY else []
    if low == high:
        return [*faults, fault("I018", f"{low:.4g} in every voxel")]
    if image.modality == "pet" and image.unit == "SUVbw":
        positive = image.array[image.array > 0]
        if len(positive) and float(np.median(positive)) > SUV_MEDIAN_LIMIT:
            faults.append(fault("I014", seen))
        elif low < SUV_RANGE[0] or high > SUV_RANGE[1]:
            faults.append(fault("I021", seen))
    if image.modality == "ct" and image.unit == "HU":
        if low < HU_RANGE[0] or high > HU_RANGE[1]:
            faults.append(fault("I015", seen))
        elif low >= 0:
            faults.append(fault("I022", seen))
    return faults


def _header(path: Path, column: str, least: int = 2) -> sitk.ImageFileReader:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ImageError([fault("I001", f"{path.name!r}: {what}", column)])
    import SimpleITK as sitk  # noqa: PLC0415 - loads where a file needs it

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    if path.name.endswith(NIFTI):
        reader.SetImageIO("NiftiImageIO")  # else every reader of ITK looks at the file first
    with _quiet():
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            code = "I006" if "orthonormal" in str(error) else "I002"
            raise ImageError([fault(code, _reason(path, error), column)]) from error
    size = reader.GetSize()
    flat = len(size) == 4 and size[3] == 1  # one time frame
    if (len(size) != 3 and not flat) or min(size[:3]) < least or reader.GetNumberOfComponents() != 1:
        seen = f"{' x '.join(str(n) for n in size)} voxels, {reader.GetNumberOfComponents()} value(s) each"
        raise ImageError([fault("I003", seen, column)])
    _check_geometry(reader, column)
    return reader


def _check_geometry(reader: sitk.ImageFileReader, column: str) -> None:
    spacing = reader.GetSpacing()[:3]
    if not _plausible(spacing):
        raise ImageError([fault("I005", " x ".join(f"{edge:.4g}" for edge in spacing) + " mm", column)])
    dimension = reader.GetDimension()
    axes = np.asarray(reader.GetDirection()).reshape(dimension, dimension)[:3, :3]
    if not np.allclose(axes @ axes.T, np.eye(3), atol=ORTHONORMAL):
        raise ImageError([fault("I006", f"axes {np.round(axes, 3).tolist()}", column)])


def _plausible(spacing: Sequence[float]) -> bool:
    return all(EDGE_MM[0] <= edge <= EDGE_MM[1] for edge in spacing)


def _reason(path: Path, error: Exception) -> str:
    # ITK's message is a stack of file positions with the cause in its last line
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{path.name!r}: {lines[-1] if lines else 'unknown reason'}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence ITK's warnings on stderr; what matters is checked and said here."""
    import SimpleITK as sitk  # noqa: PLC0415 - loads where a file needs it

    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
