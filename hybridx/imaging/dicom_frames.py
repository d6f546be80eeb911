"""A PET of the enhanced classes, all frames in one file, told as the single slices that the rest of the room reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedPETImageStorage

from hybridx.errors import InputError

__all__ = ["corrections_of", "read_frames"]

SHARED, EACH = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
# kept as they are: their items are alternatives, not one group of facts
WHOLE = ("RealWorldValueMappingSequence",)
# of the enhanced class, YES or NO, and the term that Corrected Image (0028,0051) has for it
CORRECTED = {
    "DecayCorrected": "DECY",
    "AttenuationCorrected": "ATTN",
    "ScatterCorrected": "SCAT",
    "DeadTimeCorrected": "DTIM",
    "RandomsCorrected": "RAN",
    "DetectorNormalizationCorrection": "NORM",
}
MOMENT = re.compile(r"\d{14}")
# UCUM code of a mapping, without case: Units (0054,1001) and SUV Type (0054,1006); the first that is there is taken
UNITS: dict[str, tuple[str, str]] = {
    "bq/ml": ("BQML", ""),
    "g/ml{suvbw}": ("GML", "BW"),
    "g/ml{suvlbm(janma)}": ("GML", "LBMJANMA"),
    "g/ml{suvlbm(james128)}": ("GML", "LBMJAMES128"),
    "cm2/ml{suvbsa}": ("GML", "BSA"),
}


def read_frames(path: Path, *, pixels: bool = True) -> list[Dataset]:
    """Read a multi-frame PET as one header, with its plane, for each frame.

    A converted file (legacy converted enhanced PET) holds the attributes of the single slices it came from. A genuine
    one states units by its real-world value mapping, corrections by a YES or NO each, and the moment that all frames
    are decay corrected to: what single slices never say.

    Parameters
    ----------
    path : Path
        Of the file.
    pixels : bool
        Whether to read the planes, too; they stand in `hybridx_plane`.

    Returns
    -------
    list of pydicom.Dataset
        In the order of the file; all of them share the file's own UID.

    Raises
    ------
    InputError
        Damaged; compressed in a way that cannot be read; or its values have no unit that leads to uptake.

    Source
    ------
    DICOM PS3.3 A.56, C.8.22 (enhanced PET), C.7.6.16 (functional groups) and A.72 (legacy converted). Checked against
    files that highdicom 0.28 converts, which equal their single slices, and a genuine one written for the purpose,
    whose mapping highdicom reads to the same Bq/mL; no scanner's own file was at hand.
    """
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=not pixels)
        frames = [_translated(one) for one in _flat(dataset)]
        if pixels:
            planes = np.asarray(pydicom.pixels.pixel_array(dataset))  # type: ignore[attr-defined]
            planes = planes.reshape(-1, int(dataset.Rows), int(dataset.Columns))
            for one, plane in zip(frames, planes, strict=True):
                one.hybridx_plane = plane
    except InputError:
        raise
    except Exception as error:  # damaged bytes can fail in any way
        msg = (
            f"A multi-frame PET cannot be read ({type(error).__name__}): it is cut short, compressed in a rare way, or "
            "lacks its functional groups (5200,9229). Export the series as single slices."
        )
        raise InputError(msg) from error
    return frames


def corrections_of(header: Any) -> tuple[str, ...]:
    """Return what a file of any PET class says it was corrected for, in the terms of (0028,0051)."""
    found = header.get("CorrectedImage")
    if not found:
        for group in header.get(SHARED) or ():
            for item in group.get("UnassignedSharedConvertedAttributesSequence") or ():
                found = found or item.get("CorrectedImage")
    if found:
        return (found,) if isinstance(found, str) else tuple(str(one) for one in found)
    return tuple(
        term for name, term in CORRECTED.items() if str(header.get(name, "")).strip().upper() == "YES"
    )


def _flat(dataset: Dataset) -> Iterator[Dataset]:
    """Put together, for each frame, what the file, its shared groups and the frame's own groups say, in this order."""
    skipped = {pydicom.tag.Tag(name) for name in (SHARED, EACH, "PixelData")}
    common = Dataset()
    for tag in dataset.keys():  # noqa: SIM118 - the iterator itself would decode the pixels
        if tag not in skipped:
            common.add(dataset[tag])
    for group in dataset.get(SHARED) or ():
        _spread(group, common)
    for group in dataset[EACH].value:
        frame = Dataset()
        frame.update(common)
        _spread(group, frame)
        frame.file_meta = dataset.file_meta
        yield frame


def _spread(group: Dataset, into: Dataset) -> None:
    for element in group:
        if element.VR != "SQ" or element.keyword in WHOLE:
            into.add(element)
        elif len(element.value) == 1:
            into.update(element.value[0])


def _translated(frame: Dataset) -> Dataset:
    """Name the facts of a frame as a single slice would."""
    if frame.get("FrameAcquisitionDateTime"):
        frame.AcquisitionDateTime = str(frame.FrameAcquisitionDateTime)
        for name in ("AcquisitionDate", "AcquisitionTime"):
            if name in frame:
                del frame[name]
    if frame.get("FrameAcquisitionDuration") is not None:
        frame.ActualFrameDuration = str(int(frame.FrameAcquisitionDuration))
    if frame.SOPClassUID != EnhancedPETImageStorage:
        return frame
    frame.CorrectedImage = list(corrections_of(frame))
    # the moment that it refers to is told by Decay Correction DateTime, whichever it is
    frame.DecayCorrection = "START" if "DECY" in frame.CorrectedImage else "NONE"
    mapping, (units, kind) = _mapping(frame)
    if units == "BQML" and not MOMENT.match(str(frame.get("DecayCorrectionDateTime", ""))):
        msg = (
            "Decay Correction DateTime (0018,9701) is missing or no moment: to when the values of this multi-frame PET "
            "are corrected cannot be told."
        )
        raise InputError(msg)
    frame.Units, frame.SUVType = units, kind
    # not as text of 16 characters, which a slope's exponent may not fit into
    frame.add_new("RescaleSlope", "FD", float(mapping.RealWorldValueSlope))
    frame.add_new("RescaleIntercept", "FD", float(mapping.get("RealWorldValueIntercept", 0.0)))
    return frame


def _mapping(frame: Dataset) -> tuple[Dataset, tuple[str, str]]:
    """Find how stored values become Bq/mL or uptake."""
    found: dict[str, Dataset] = {}
    for item in frame.get("RealWorldValueMappingSequence") or ():
        codes = item.get("MeasurementUnitsCodeSequence")
        if codes and item.get("RealWorldValueSlope") is not None:
            # a code of more than 16 characters stands in an attribute of its own
            code = codes[0].get("CodeValue") or codes[0].get("LongCodeValue") or ""
            found.setdefault("".join(str(code).lower().split()), item)
    for code, meaning in UNITS.items():
        if code in found:
            return found[code], meaning
    msg = (
        "No real-world value mapping (0040,9096) leads to Bq/mL or a standardised uptake: what the values of this "
        "multi-frame PET mean cannot be told. Export the series as single slices, or with its mapping."
    )
    raise InputError(msg)
