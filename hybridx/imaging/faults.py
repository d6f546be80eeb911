"""What can be wrong with an image or a mask: one permanent code each, with what is wanted and the cure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hybridx.errors import InputError

__all__ = ["CATALOGUE", "Fault", "ImageError", "fault", "raise_errors"]

Severity = Literal["error", "warning"]

# code: (severity, what was wanted, the cure). A code keeps its meaning for ever: reports and scripts refer to it.
CATALOGUE: dict[str, tuple[Severity, str, str]] = {
    "I001": ("error", "an existing file, named relative to the data folder", "Correct the path in studies."),
    "I002": (
        "error",
        "a readable NIfTI, NRRD or MetaImage file",
        "Export the image again; it may be cut short.",
    ),
    "I003": (
        "error",
        "one three-dimensional scalar volume",
        "Export one volume per file, at least two slices each.",
    ),
    "I004": (
        "error",
        "a finite number in every voxel",
        "Set them to the scanner's background (PET 0, CT -1000) knowingly: ITK reads them as 0 without a word.",
    ),
    "I005": (
        "error",
        "voxel edges of 0.05 to 25 mm",
        "Check the units of the header; geometry is in millimetres.",
    ),
    "I006": (
        "error",
        "three orthogonal axes of unit length",
        "Resample a sheared or tilted volume when exporting it.",
    ),
    "I007": ("error", "at least one voxel inside the lesion", "Draw or export the mask again."),
    "I008": (
        "error",
        "one label, or the one to use named",
        "Add a column 'label' to studies with the number to use.",
    ),
    "I009": ("error", "a label that occurs in the mask", "Correct the label in studies."),
    "I010": (
        "error",
        "a mask on the grid of its image (or of another image of the same patient and timepoint)",
        "Check that the mask belongs to this patient, or resample it to the image.",
    ),
    "I011": (
        "warning",
        "a mask on the grid of its own image",
        "It fits another image of the same patient and is resampled to this one (nearest neighbour).",
    ),
    "I012": (
        "warning",
        "a lesion of several voxels",
        "Texture means nothing in so few voxels: those features will be missing, with the reason.",
    ),
    "I013": ("error", "a mask that leaves some background", "An inverted or constant mask: export it again."),
    "I014": (
        "error",
        "PET in SUV by body weight (g/mL)",
        "These look like Bq/mL: divide by injected dose per body weight, decay corrected, before the import.",
    ),
    "I015": ("error", "CT in Hounsfield units (air about -1000)", "Apply the rescale slope and intercept."),
    "I016": (
        "error",
        "PET and CT of one patient that overlap in space",
        "One of them belongs to another patient or study, or lost its position when it was converted.",
    ),
    "I017": (
        "error",
        "a mask of its own for every patient",
        "The same content stands under another patient: one of the two is somebody else's.",
    ),
    "I018": (
        "error",
        "voxels that differ from each other",
        "A flat image holds no information: export it again.",
    ),
    "I019": (
        "error",
        "images of its own for every patient",
        "The same content stands under another patient: one of the two is somebody else's.",
    ),
    "I020": ("warning", "voxel edges within a factor of ten", "Features along the long edge will be coarse."),
    "I021": (
        "warning",
        "SUV between -1 and 500",
        "Check for extravasation or noise; values are used as they are.",
    ),
    "I022": ("warning", "some air or fat below 0 HU", "Check that the values are Hounsfield units."),
    "I023": (
        "error",
        "a mask of the lesion",
        "Name it in the column 'mask'; the mask of another image of the same patient may be named, knowingly.",
    ),
    "I024": (
        "error",
        "one image per patient, timepoint and modality",
        "Keep one row; later scans get a timepoint.",
    ),
    "I025": (
        "warning",
        "a mask of its own for every patient",
        "So few voxels may coincide by chance; check that the mask is this patient's.",
    ),
    "I026": (
        "warning",
        "PET and CT whose body outlines lie on each other",
        "The patient moved, or they are of different examinations: CT features may be of another place.",
    ),
    "I027": ("warning", "a CT that covers the PET", "Lesions beyond the CT have no CT features."),
    "I028": (
        "warning",
        "air at about -1000 HU",
        "Check the rescale slope and intercept: all CT features move with them.",
    ),
    "I029": (
        "warning",
        "a median SUV of 0.2 to 3 in the body (a whole body's mean is about 1 by definition)",
        "Check weight, dose and times in the headers: a wrong factor scales every uptake value.",
    ),
    "I030": (
        "warning",
        "a mask inside the body",
        "It may be shifted, mirrored or of another patient: look at it over the image.",
    ),
    "I031": (
        "warning",
        "other images at every timepoint",
        "The same content stands at two timepoints of this patient: one of the two is not what it says.",
    ),
    "I032": (
        "warning",
        "a readable label map of organs",
        "Correct the path in studies or export the map again; until then what rests on organs is missing.",
    ),
    "I033": (
        "warning",
        "labels of organs that occur in their map",
        "Give 'liver_label' or 'blood_pool_label' a number that the map holds; until then that organ is missing.",
    ),
    "I034": (
        "warning",
        "a map of organs on the grid of an image of the same patient and timepoint",
        "Check that it belongs to this patient, or resample it; until then what rests on organs is missing.",
    ),
    "I035": (
        "warning",
        "a map of organs of its own for every patient",
        "The same content stands under another patient, so it is used for neither of them.",
    ),
    "I036": (
        "warning",
        "an import that had nothing to remark",
        "Whoever knows the scan should judge it; import/images.csv says the same.",
    ),
    "I037": (
        "warning",
        "a mask within a fifth of the volume that was drawn",
        "A lesion may be lost outside the image or between its slices, or be small for its voxels: look at it.",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an image or its mask.

    Parameters
    ----------
    code : str
        Permanent code, ``I001`` and so on.
    severity : {"error", "warning"}
        An error costs the patient this modality; a warning is recorded and the work goes on.
    column : str
        The column of the studies table that leads there: ``image``, ``mask`` or ``label``.
    value : str
        What was found.
    expected : str
        What was wanted.
    hint : str
        The cure.
    """

    code: str
    severity: Severity
    column: str
    value: str
    expected: str
    hint: str

    def __str__(self) -> str:
        return f"{self.code} {self.column}: {self.value}; wanted {self.expected}. {self.hint}"


class ImageError(InputError):
    """An image or mask cannot be used; `faults` says why, each with its code."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(one) for one in self.faults))

    def __reduce__(self) -> tuple[type[ImageError], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


def fault(code: str, value: str, column: str = "image", against: str = "") -> Fault:
    """Make a fault of the catalogue from what was found, and from what it was held `against`."""
    severity, expected, hint = CATALOGUE[code]
    return Fault(code, severity, column, value, f"{expected}: {against}" if against else expected, hint)


def raise_errors(faults: Iterable[Fault]) -> list[Fault]:
    """Raise when a fault is an error (all of them at once), else hand the warnings back."""
    found = list(faults)
    errors = [one for one in found if one.severity == "error"]
    if errors:
        raise ImageError(errors)
    return found
