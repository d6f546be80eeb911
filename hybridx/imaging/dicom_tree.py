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

from hybridx.compute import progress
from hybridx.errors import InputError
from hybridx.imaging.dicom_file import CLOSED, DAMAGED, ENHANCED, LINK, MARKINGS, ODD, read_header, unwanted
from hybridx.imaging.dicom_frames import corrections_of
from hybridx.imaging.dicom_quiet import quiet_dicom

__all__ = ["DicomTree", "LeftOut", "SeriesFiles", "scan_dicom"]


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
        reason = unwanted(header)
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


def _collect(header: Any, path: Path, series: dict[tuple[str, ...], SeriesFiles]) -> None:
    modality, uid = str(header.Modality), str(header.SeriesInstanceUID)
    # some consoles put a scout or a reformat in the same series: another matrix or orientation is another stack
    who = (str(header.get("PatientID", "")), str(header.get("StudyInstanceUID", "")))
    key = (*who, uid, modality, "" if modality in MARKINGS else _stack(header))
    if key not in series:
        number = header.get("SeriesNumber")
        series[key] = SeriesFiles(
            uid,
            str(header.get("StudyInstanceUID", "")),
            str(header.get("PatientID", "")),
            modality,
            str(header.get("FrameOfReferenceUID", "")),
            corrected=corrections_of(header),
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
