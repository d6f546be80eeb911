"""A tree of DICOM files, in any order and under any names, sorted into series; whatever is left out, and why."""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from hybridx.compute import progress
from hybridx.errors import InputError
from hybridx.imaging.dicom_quiet import quiet_dicom

__all__ = ["DicomTree", "LeftOut", "SeriesFiles", "scan_dicom"]

# What a series is told apart by and judged by; reading these alone is several times faster than whole headers.
TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "PatientID", "ImageType", "Rows", "Columns", "NumberOfFrames", "ImageOrientationPatient", "ImagePositionPatient",
    "PixelSpacing", "CorrectedImage", "SeriesNumber", "SamplesPerPixel", "TransferSyntaxUID",
    "BurnedInAnnotation",
]  # fmt: skip
ENHANCED = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2.1", "2.2", "4.1", "4.4", "128.1", "130"))
NO_DICOM = "not DICOM, or cut short in its header"
CLOSED = "a file or folder that cannot be opened: its permissions forbid it"
ODD = "no regular file: a broken link, a pipe or a device"
LINK = "a link to a folder: links are not followed"
ARCHIVE = "an archive: unpack it first"
ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
# DICOM's defined terms; another text in this field is not repeated anywhere
MODALITIES = frozenset({
    "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CR", "CT", "CTPROTOCOL", "DG", "DMS", "DOC", "DX", "ECG", "EEG",
    "EMG", "EOG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LS",
    "MG", "MR", "M3D", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "OT", "PA", "PLAN",
    "POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE", "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD",
    "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SM", "SMR", "SR", "SRF", "STAIN", "TG", "US", "VA", "XA",
    "XC", "XAPROTOCOL",
})  # fmt: skip
DAMAGED = "a header that cannot be read"
PICTURES = ("CT", "PT", "MR")
MARKINGS = ("SEG", "RTSTRUCT")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds below it


@dataclass(frozen=True)
class LeftOut:
    """A file that is in no series.

    Parameters
    ----------
    path : Path
        The file. Hospital paths may name the patient: for the user's eyes only, never written to the output.
    reason : str
        Without anything from the file's text.
    """

    path: Path
    reason: str


@dataclass
class SeriesFiles:
    """The files of one series, with what is needed to judge it.

    Parameters
    ----------
    uid, study_uid, frame_of_reference : str
        Of DICOM; never written to the output.
    patient_id : str
        As in the headers; never written to the output.
    modality : str
        ``CT``, ``PT``, ``MR``, ``SEG`` or ``RTSTRUCT``.
    paths : list of Path
        In the order of the walk.
    corrected : tuple of str
        Corrected Image (0028,0051).
    image_type : tuple of str
        Image Type (0008,0008).
    frames : int
        Slices in all files together.
    number : int or None
        Series Number.
    enhanced : bool
        Whether all slices lie in one file of the enhanced classes.
    feet_mm, head_mm : float
        Lowest and highest slice along the body's axis; NaN where slices have no position.
    """

    uid: str
    study_uid: str
    patient_id: str
    modality: str
    frame_of_reference: str = ""
    paths: list[Path] = field(default_factory=list)
    corrected: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    frames: int = 0
    number: int | None = None
    enhanced: bool = False
    feet_mm: float = float("nan")
    head_mm: float = float("nan")


@dataclass(frozen=True)
class DicomTree:
    """What a folder holds.

    Parameters
    ----------
    series : tuple of SeriesFiles
        In the order in which their first files were met.
    left_out : tuple of LeftOut
        Files in no series.
    n_files : int
        Files looked at.
    """

    series: tuple[SeriesFiles, ...]
    left_out: tuple[LeftOut, ...]
    n_files: int

    def __repr__(self) -> str:
        kinds = Counter(one.modality for one in self.series)
        patients = len({one.patient_id for one in self.series})
        shown = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none"
        reasons = Counter(one.reason for one in self.left_out)
        why = "".join(f"\n  {n} left out: {reason}" for reason, n in reasons.most_common())
        return (
            f"DicomTree({self.n_files} files, {patients} patients, {len(self.series)} series: {shown}){why}"
        )


def scan_dicom(folder: str | os.PathLike[str], *, show_progress: bool = True) -> DicomTree:
    """Sort all files below a folder into series.

    Parameters
    ----------
    folder : path
        Of any depth; names and order mean nothing.
    show_progress : bool
        Whether to show a bar.

    Returns
    -------
    DicomTree
        A file that is no DICOM, a secondary capture, a localiser, a second copy or without pixels is left out, each
        with its reason.

    Raises
    ------
    InputError
        There is no such folder, or it holds no file.
    """
    root = Path(folder)
    if not root.is_dir():
        msg = f"{str(root)!r} is no folder. Give the folder that holds the DICOM files."
        raise InputError(msg)
    found = list(_files(root))
    if not found:
        msg = f"{str(root)!r} holds no file."
        raise InputError(msg)
    series: dict[tuple[str, ...], SeriesFiles] = {}
    left_out: list[LeftOut] = []
    seen: set[tuple[str, str]] = set()
    with progress("Reading headers", len(found), enabled=show_progress) as bar:
        for path, known in found:
            header, reason = (None, known) if known else read_header(path)
            if header is not None:
                with quiet_dicom():
                    reason = _taken(header, path, series, seen)
            if reason:
                left_out.append(LeftOut(path, reason))
            bar.advance(failed=False)
    return DicomTree(tuple(series.values()), tuple(left_out), len(found))


def _taken(
    header: Any, path: Path, series: dict[tuple[str, ...], SeriesFiles], seen: set[tuple[str, str]]
) -> str:
    """Put a file into its series; return the reason where it belongs to none."""
    try:
        reason = _unwanted(header)
        if reason:
            return reason
        # two patients may share UIDs, where a careless program has replaced them
        uid = (str(header.get("PatientID", "")), str(header.get("SOPInstanceUID", "")))
        if uid in seen:
            return "second copy of an image that is already there"
        _collect(header, path, series)
    except Exception:  # noqa: BLE001 - as above: values are decoded when they are asked for
        return DAMAGED
    seen.add(uid)
    return ""


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Walk in a fixed order, so that the same tree always gives the same output: each file, and why not to open it."""
    closed: list[OSError] = []
    for place, folders, names in os.walk(root, onerror=closed.append):
        folders.sort()
        for name in folders:
            path = Path(place, name)
            if path.is_symlink():
                yield path, LINK
        for name in sorted(names):
            path = Path(place, name)
            try:
                # to open a pipe is to wait for ever
                regular = stat.S_ISREG(path.stat().st_mode)
            except OSError:
                regular = False
            yield path, "" if regular else ODD
    for error in closed:
        yield Path(str(error.filename)), CLOSED


def _unfit_bytes(path: Path) -> str:
    """Say why a file's first bytes cannot be DICOM's; empty where they can."""
    try:
        with path.open("rb") as handle:
            start = handle.read(132)
    except OSError:
        return CLOSED
    if start[128:] == b"DICM":
        return ""
    if start.startswith(ARCHIVES):
        return ARCHIVE
    # without the preamble the first element comes at once, of group 0002 or 0008
    return "" if start[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08") else NO_DICOM


def read_header(path: Path, *, whole: bool = False) -> tuple[Any, str]:
    """Read a file's header without its pixels.

    Returns
    -------
    tuple
        The dataset and no reason, or None and the reason why there is none.
    """
    unfit = _unfit_bytes(path)
    if unfit:
        return None, unfit
    try:
        with quiet_dicom():
            header = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=None if whole else list(TAGS)
            )
            header.get("Modality")
    except Exception:  # noqa: BLE001 - damaged bytes can fail in any way, and are never more than a file left out
        return None, NO_DICOM
    if "SOPClassUID" not in header:
        directory = (
            str(getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID", "")) == "1.2.840.10008.1.3.10"
        )
        return (
            None,
            "a directory of other files (DICOMDIR)" if directory else NO_DICOM,
        )
    return header, ""


def _unwanted(header: Any) -> str:
    """Say why a file is no slice, segmentation or structure set; empty where it is one."""
    modality = str(header.get("Modality", ""))
    kind = str(header.SOPClassUID)
    image_type = tuple(str(one).upper() for one in header.get("ImageType") or ())
    if kind.startswith(SECONDARY_CAPTURE):
        return "a secondary capture (a picture of a screen)"
    if modality in MARKINGS:
        return "" if header.get("SeriesInstanceUID") else "a header without a series"
    if modality not in PICTURES:
        known = modality if modality in MODALITIES else "unknown"
        return f"modality {known} is not read"
    if str(header.get("BurnedInAnnotation", "")).upper() == "YES":
        return "text burnt into the picture (0028,0301): it may name the patient"
    if "LOCALIZER" in image_type:
        return "a localiser"
    if not header.get("SeriesInstanceUID") or not header.get("SOPInstanceUID"):
        return "a header without a series"
    if not header.get("Rows") or not header.get("Columns"):
        return "an image without pixels"
    if int(header.get("SamplesPerPixel") or 1) != 1:
        return "a colour picture"
    return ""


def _collect(header: Any, path: Path, series: dict[tuple[str, ...], SeriesFiles]) -> None:
    modality, uid = str(header.Modality), str(header.SeriesInstanceUID)
    # some consoles put a scout or a reformat in the same series: another matrix or orientation is another stack
    who = (str(header.get("PatientID", "")), str(header.get("StudyInstanceUID", "")))
    key = (*who, uid, modality, "" if modality in MARKINGS else _stack(header))
    if key not in series:
        corrected = header.get("CorrectedImage") or ()
        number = header.get("SeriesNumber")
        series[key] = SeriesFiles(
            uid,
            str(header.get("StudyInstanceUID", "")),
            str(header.get("PatientID", "")),
            modality,
            str(header.get("FrameOfReferenceUID", "")),
            corrected=(corrected,) if isinstance(corrected, str) else tuple(str(one) for one in corrected),
            image_type=tuple(str(one).upper() for one in header.get("ImageType") or ()),
            number=None if number is None else int(number),
            enhanced=str(header.SOPClassUID) in ENHANCED,
        )
    one = series[key]
    one.paths.append(path)
    one.frames += int(header.get("NumberOfFrames") or 1)
    with contextlib.suppress(TypeError, ValueError, IndexError):
        height = float(header.ImagePositionPatient[2]) if "ImagePositionPatient" in header else math.nan
        one.feet_mm, one.head_mm = float(np.fmin(one.feet_mm, height)), float(np.fmax(one.head_mm, height))


def _stack(header: Any) -> str:
    try:
        axes = [round(float(one), 3) + 0.0 for one in header.get("ImageOrientationPatient") or ()]
    except (TypeError, ValueError):
        axes = []
    return f"{header.get('Rows')}x{header.get('Columns')} {axes}"
