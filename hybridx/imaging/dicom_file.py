"""One file of unknown kind: whether it is DICOM, what it shows, and why it is left out otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom

from hybridx.imaging.dicom_quiet import quiet_dicom

__all__ = ["CLOSED", "DAMAGED", "ENHANCED", "LINK", "MARKINGS", "ODD", "PICTURES", "read_header", "unwanted"]

# What a series is told apart by and judged by; reading these alone is several times faster than whole headers.
TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "PatientID", "ImageType", "Rows", "Columns", "NumberOfFrames", "ImageOrientationPatient", "ImagePositionPatient",
    "PixelSpacing", "CorrectedImage", "SeriesNumber", "SamplesPerPixel", "TransferSyntaxUID",
    "BurnedInAnnotation", "AttenuationCorrected", "SharedFunctionalGroupsSequence",
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


@quiet_dicom()
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


def unwanted(header: Any) -> str:
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
