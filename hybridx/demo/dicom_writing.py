"""Volumes and masks as DICOM: PET and CT series, structure sets and segmentations, as a hospital sends them."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contourpy
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from hybridx.imaging import Image
from hybridx.terms.tracers import HALF_LIFE_S

__all__ = ["Visit", "activity_per_suv", "save", "write_segmentation", "write_series", "write_structures"]

CLASSES = {
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
}
STORED_MAX = 32767
UPTAKE_MIN = 60.0  # between injection and scan


@dataclass(frozen=True)
class Visit:
    """One person's visit to the scanner, as the headers tell it.

    Parameters
    ----------
    name, patient_id, birth_date, sex : str
        The identifiers that an import must not carry on.
    age_years : int
        At the visit.
    height_m, weight_kg : float
        Of the body.
    scan : datetime
        Start of the PET.
    dose_bq : float
        Injected an hour before.
    physician, institution : str
        More of what must not be carried on.
    seed : str
        From which all UIDs follow, so that the same demo gives the same bytes.
    """

    name: str
    patient_id: str
    birth_date: str
    sex: str
    age_years: int
    height_m: float
    weight_kg: float
    scan: dt.datetime
    dose_bq: float
    physician: str
    institution: str
    seed: str

    def uid(self, *what: object) -> UID:
        """Return a UID that follows from the seed and what it names."""
        return generate_uid(entropy_srcs=[self.seed, *map(str, what)])

    def start(self, modality: str, sop_uid: UID, series: str, description: str) -> Dataset:
        """Begin a file: who, when, which study and series."""
        out = Dataset()
        out.file_meta = FileMetaDataset()
        out.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        out.SOPClassUID = out.file_meta.MediaStorageSOPClassUID = UID(CLASSES[modality])
        out.SOPInstanceUID = out.file_meta.MediaStorageSOPInstanceUID = sop_uid
        out.SpecificCharacterSet = "ISO_IR 192"
        out.Modality = "OT" if modality == "SC" else modality
        out.PatientName, out.PatientID, out.PatientBirthDate = self.name, self.patient_id, self.birth_date
        out.PatientSex, out.PatientAge = self.sex, f"{self.age_years:03d}Y"
        out.PatientSize, out.PatientWeight = f"{self.height_m:.2f}", f"{self.weight_kg:.1f}"
        out.ReferringPhysicianName, out.InstitutionName = self.physician, self.institution
        out.AccessionNumber = f"A{abs(hash_of(self.seed)) % 10**7:07d}"
        out.StudyID, out.StudyDescription = "1", f"PET/CT {self.name}"
        out.StudyInstanceUID, out.SeriesInstanceUID = self.uid("study"), self.uid("series", series)
        out.FrameOfReferenceUID = self.uid("frame")
        out.StudyDate = out.SeriesDate = out.AcquisitionDate = out.ContentDate = self.scan.strftime("%Y%m%d")
        out.StudyTime = out.SeriesTime = out.AcquisitionTime = out.ContentTime = self.scan.strftime("%H%M%S")
        out.SeriesDescription, out.SeriesNumber = description, 1 + len(series)
        out.Manufacturer, out.ManufacturerModelName = "Synthetic Devices", "Phantom One"
        return out


def hash_of(text: str) -> int:
    """Return a number that is the same in every run, unlike Python's own."""
    return int.from_bytes(text.encode(), "little") % (2**61 - 1)


def write_series(
    image: Image,
    folder: Path,
    visit: Visit,
    *,
    series: str = "",
    description: str = "",
    corrected: Sequence[str] = ("DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"),
) -> list[Path]:
    """Write a volume slice by slice: PET as Bq/mL with a slope for each slice, CT in Hounsfield units.

    Parameters
    ----------
    image : Image
        PET in SUVbw, or CT in HU.
    folder : path
        Made when it is not there.
    visit : Visit
        Whose.
    series, description : str
        Tell series of one modality apart.
    corrected : sequence of str
        Corrected Image of a PET.

    Returns
    -------
    list of Path
        One file per slice, from first to last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    modality = "PT" if image.modality == "pet" else "CT"
    series = series or modality
    direction = np.asarray(image.direction).reshape(3, 3)
    paths = []
    for index, plane in enumerate(image.array.astype(np.float64)):
        out = visit.start(modality, visit.uid(series, index), series, description or modality)
        place = np.asarray(image.origin) + direction[:, 2] * image.spacing[2] * index
        out.ImagePositionPatient = [f"{one:.6f}" for one in place]
        out.ImageOrientationPatient = [f"{one:.8f}" for one in (*direction[:, 0], *direction[:, 1])]
        out.PixelSpacing = [f"{image.spacing[1]:.8g}", f"{image.spacing[0]:.8g}"]
        out.SliceThickness, out.InstanceNumber = f"{image.spacing[2]:.6g}", index + 1
        out.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        if modality == "PT":
            _pet_facts(out, visit, corrected)
            out.NumberOfSlices = len(image.array)
            activity = plane * activity_per_suv(visit)
            slope = max(float(activity.max()), 1e-6) / STORED_MAX
            _pixels(out, np.round(activity / slope), f"{slope:.10g}", "0")
        else:
            out.KVP, out.RescaleType = "120", "HU"
            _pixels(out, np.round(plane) + 1024, "1", "-1024")
        path = folder / f"{series}{index:04d}.dcm"
        save(out, path)
        paths.append(path)
    return paths


def _pet_facts(out: Dataset, visit: Visit, corrected: Sequence[str]) -> None:
    injected = visit.scan - dt.timedelta(minutes=UPTAKE_MIN)
    dose = Dataset()
    dose.Radiopharmaceutical = "FDG"
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = (
        f"{visit.dose_bq:.0f}",
        f"{HALF_LIFE_S['F18']:.1f}",
    )
    dose.RadiopharmaceuticalStartTime = injected.strftime("%H%M%S")
    dose.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S")
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-111A1", "SRT", "^18^Fluorine"
    dose.RadionuclideCodeSequence = [code]
    out.RadiopharmaceuticalInformationSequence = [dose]
    out.Units, out.DecayCorrection, out.CorrectedImage = "BQML", "START", list(corrected)
    out.SeriesType, out.CountsSource = ["STATIC", "IMAGE"], "EMISSION"
    out.FrameReferenceTime, out.ActualFrameDuration = "60000", "120000"


def activity_per_suv(visit: Visit) -> float:
    """Return the Bq/mL of SUV 1 at the start of the scan."""
    left = visit.dose_bq * 0.5 ** (60.0 * UPTAKE_MIN / HALF_LIFE_S["F18"])
    return float(left / (1000.0 * visit.weight_kg))


def _pixels(out: Dataset, stored: Any, slope: str, intercept: str) -> None:
    array = np.clip(stored, 0, 65535).astype("<u2")
    out.Rows, out.Columns = array.shape
    out.SamplesPerPixel, out.PhotometricInterpretation = 1, "MONOCHROME2"
    out.BitsAllocated, out.BitsStored, out.HighBit, out.PixelRepresentation = 16, 16, 15, 0
    out.RescaleSlope, out.RescaleIntercept = slope, intercept
    out.PixelData = array.tobytes()


def save(out: Dataset, path: Path) -> None:
    """Write a file in the standard's form, without remarks on values that are unusual on purpose."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out.save_as(path, enforce_file_format=True)


def write_structures(masks: dict[str, Image], slices: Sequence[Path], path: Path, visit: Visit) -> Path:
    """Write masks as a structure set: outlines on each slice, a hole as a contour of its own.

    Parameters
    ----------
    masks : dict of name to Image
        On the grid of the series.
    slices : sequence of Path
        The files of that series, from first to last.
    path : Path
        The file to write.
    visit : Visit
        Whose.
    """
    uids = [pydicom.dcmread(one, stop_before_pixels=True).SOPInstanceUID for one in slices]
    out = visit.start("RTSTRUCT", visit.uid("RTSTRUCT", path.name), "RTSTRUCT", "Structures")
    out.StructureSetLabel, out.StructureSetDate, out.StructureSetTime = "Tumour", out.StudyDate, out.StudyTime
    frame = Dataset()
    frame.FrameOfReferenceUID = out.FrameOfReferenceUID
    out.ReferencedFrameOfReferenceSequence = [frame]
    names, drawn = [], []
    for number, (name, mask) in enumerate(masks.items(), start=1):
        roi = Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, name, "MANUAL"
        roi.ReferencedFrameOfReferenceUID = out.FrameOfReferenceUID
        names.append(roi)
        contours = Dataset()
        contours.ReferencedROINumber, contours.ROIDisplayColor = number, [255, 0, 0]
        contours.ContourSequence = list(_rings(mask, uids))
        drawn.append(contours)
    out.StructureSetROISequence, out.ROIContourSequence = names, drawn
    save(out, path)
    return path


def _rings(mask: Image, uids: Sequence[str]) -> list[Dataset]:
    axes = np.asarray(mask.direction).reshape(3, 3) * np.asarray(mask.spacing)
    found = []
    for z, plane in enumerate(mask.array):
        if not plane.any():
            continue
        framed = np.pad(plane.astype(float), 1)  # a lesion at the border gets a closed outline too
        for line in contourpy.contour_generator(z=framed).lines(0.5):
            # the last point repeats the first
            index = np.column_stack([np.asarray(line)[:-1] - 1.0, np.full(len(line) - 1, float(z))])
            points = index @ axes.T + np.asarray(mask.origin)
            ring, image = Dataset(), Dataset()
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = UID(CLASSES["CT"]), uids[z]
            ring.ContourImageSequence = [image]
            ring.ContourGeometricType, ring.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
            ring.ContourData = [f"{one:.4f}" for one in points.ravel()]
            found.append(ring)
    return found


def write_segmentation(masks: dict[str, Image], slices: Sequence[Path], path: Path, visit: Visit) -> Path:
    """Write masks as a DICOM segmentation, one segment each; they may overlap."""
    import highdicom as hd  # noqa: PLC0415 - takes a second to load
    from pydicom.sr.codedict import codes  # noqa: PLC0415

    sources = [pydicom.dcmread(one) for one in slices]
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in enumerate(masks, start=1)
    ]
    pixels = np.stack([mask.array for mask in masks.values()], axis=-1).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=described,
            series_instance_uid=visit.uid("series", "SEG"),
            series_number=9,
            sop_instance_uid=visit.uid("SEG", path.name),
            instance_number=1,
            manufacturer="Synthetic Devices",
            manufacturer_model_name="Phantom One",
            software_versions="1",
            device_serial_number="1",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        out.save_as(path)
    return path
