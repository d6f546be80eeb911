"""A PET as one file of the enhanced class: all frames together, units by a real-world value mapping."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedPETImageStorage

from hybridx.demo.dicom_writing import STORED_MAX, UPTAKE_MIN, Visit, activity_per_suv, save
from hybridx.imaging import Image
from hybridx.terms.tracers import HALF_LIFE_S

__all__ = ["write_enhanced_pet"]

FRAME_MS = 120_000.0
CORRECTIONS = (
    *("DecayCorrected", "AttenuationCorrected", "ScatterCorrected", "DeadTimeCorrected", "RandomsCorrected"),
    *("GantryMotionCorrected", "PatientMotionCorrected", "CountLossNormalizationCorrected"),
    *("NonUniformRadialSamplingCorrected", "SensitivityCalibrated", "DetectorNormalizationCorrection"),
)


def write_enhanced_pet(image: Image, path: Path, visit: Visit, *, attenuation: bool = True) -> Path:
    """Write a PET volume as one multi-frame file, in Bq/mL.

    Parameters
    ----------
    image : Image
        In SUVbw.
    path : Path
        The file to write.
    visit : Visit
        Whose. Values are corrected to the start of the scan; beds follow each other, so that frames have times of
        their own.
    attenuation : bool
        Whether it says that it was corrected for attenuation.

    Source
    ------
    DICOM PS3.3 A.56 and C.8.22.
    """
    series = "enhanced" if attenuation else "enhanced not corrected"
    out = visit.start("PT", visit.uid(series, 0), series, "PET enhanced")
    out.SOPClassUID = out.file_meta.MediaStorageSOPClassUID = EnhancedPETImageStorage
    for name in ("AcquisitionDate", "AcquisitionTime"):
        delattr(out, name)
    start = visit.scan.strftime("%Y%m%d%H%M%S")
    out.AcquisitionDateTime = out.DecayCorrectionDateTime = start
    out.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    out.VolumetricProperties, out.PixelPresentation = "VOLUME", "MONOCHROME"
    out.ContentQualification, out.CountsSource = "RESEARCH", "EMISSION"
    done = CORRECTIONS[:5] if attenuation else (CORRECTIONS[0], *CORRECTIONS[2:5])
    for name in CORRECTIONS:
        setattr(out, name, "YES" if name in done else "NO")
    out.RadiopharmaceuticalInformationSequence = [_injection(visit)]
    out.DimensionOrganizationSequence, out.DimensionIndexSequence = [Dataset()], [Dataset()]
    out.DimensionOrganizationSequence[0].DimensionOrganizationUID = visit.uid("dimensions")
    index = out.DimensionIndexSequence[0]
    index.DimensionOrganizationUID = visit.uid("dimensions")
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00209057, 0x00209111
    activity = image.array.astype(np.float64) * activity_per_suv(visit)
    slopes = np.maximum(activity.reshape(len(activity), -1).max(axis=1), 1e-6) / STORED_MAX
    out.SharedFunctionalGroupsSequence = [_shared(image)]
    out.PerFrameFunctionalGroupsSequence = [
        _frame(image, visit, number, float(slope)) for number, slope in enumerate(slopes)
    ]
    _pixels(out, np.round(activity / slopes[:, None, None]).astype("<u2"))
    save(out, path)
    return path


def _injection(visit: Visit) -> Dataset:
    dose, code = Dataset(), Dataset()
    injected = visit.scan - dt.timedelta(minutes=UPTAKE_MIN)
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = (
        f"{visit.dose_bq:.0f}",
        f"{HALF_LIFE_S['F18']:.1f}",
    )
    dose.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S")
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "77004003", "SCT", "^18^Fluorine"
    dose.RadionuclideCodeSequence = [code]
    agent = Dataset()
    agent.CodeValue, agent.CodingSchemeDesignator, agent.CodeMeaning = (
        "35321007",
        "SCT",
        "Fluorodeoxyglucose F^18^",
    )
    dose.Radiopharmaceutical, dose.RadiopharmaceuticalCodeSequence = "FDG", [agent]
    return dose


def _shared(image: Image) -> Dataset:
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    axes = np.asarray(image.direction).reshape(3, 3)
    measures.PixelSpacing = [f"{image.spacing[1]:.8g}", f"{image.spacing[0]:.8g}"]
    measures.SliceThickness = measures.SpacingBetweenSlices = f"{image.spacing[2]:.6g}"
    turned.ImageOrientationPatient = [f"{one:.8f}" for one in (*axes[:, 0], *axes[:, 1])]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    return shared


def _frame(image: Image, visit: Visit, number: int, slope: float) -> Dataset:
    frame, content, place = Dataset(), Dataset(), Dataset()
    began = visit.scan + dt.timedelta(minutes=2 * number)
    content.FrameAcquisitionDateTime = began.strftime("%Y%m%d%H%M%S")
    content.FrameReferenceDateTime = (began + dt.timedelta(seconds=60)).strftime("%Y%m%d%H%M%S")
    content.FrameAcquisitionDuration = FRAME_MS
    content.StackID, content.InStackPositionNumber = "1", number + 1
    content.DimensionIndexValues = [number + 1]
    normal = np.asarray(image.direction).reshape(3, 3)[:, 2]
    point = np.asarray(image.origin) + normal * image.spacing[2] * number
    place.ImagePositionPatient = [f"{one:.6f}" for one in point]
    frame.FrameContentSequence, frame.PlanePositionSequence = [content], [place]
    plain = Dataset()
    plain.RescaleIntercept, plain.RescaleSlope, plain.RescaleType = "0", "1", "US"
    frame.PixelValueTransformationSequence = [plain]
    frame.RealWorldValueMappingSequence = [_mapping(slope)]
    return frame


def _mapping(slope: float) -> Dataset:
    item, unit = Dataset(), Dataset()
    item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped = 0, STORED_MAX
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, 0.0
    item.LUTExplanation, item.LUTLabel = "Activity", "BQML"
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "Bq/ml", "UCUM", "Becquerels/milliliter"
    item.MeasurementUnitsCodeSequence = [unit]
    return item


def _pixels(out: Any, stored: npt.NDArray[np.uint16]) -> None:
    out.NumberOfFrames, out.Rows, out.Columns = stored.shape
    out.SamplesPerPixel, out.PhotometricInterpretation = 1, "MONOCHROME2"
    out.BitsAllocated, out.BitsStored, out.HighBit, out.PixelRepresentation = 16, 16, 15, 0
    out.PixelData = stored.tobytes()
