"""DICOM's own list of what identifies a patient (PS3.15 Annex E, basic profile), held against what goes on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

__all__ = ["EDITION", "RETAINED", "carried_facts", "profile_action", "without_identifiers"]

EDITION = "2026c"
CHARACTERISTICS = "Retain Patient Characteristics (113108)"
MODIFIED_DATES = "Retain Longitudinal Temporal Information With Modified Dates (113107)"
# Attributes of the profile that are read for the tables all the same, and the option of the standard that allows it.
RETAINED: Mapping[str, str] = dict.fromkeys(
    ("PatientSex", "PatientAge", "PatientSize", "PatientWeight"), CHARACTERISTICS
)
# of an enhanced file: one item for each slice, and nothing that a table needs
FRAMES = (0x52009229, 0x52009230)
PIXELS = 0x7FE0
# What stands in the data folder, the attributes it comes from, and how it is changed.
FACTS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("patients.csv: sex", ("PatientSex",), CHARACTERISTICS, "one of three words"),
    ("patients.csv: age_years", ("PatientAge",), CHARACTERISTICS, "whole years; 90 stands for all above 89"),
    ("patients.csv: height_cm, weight_kg", ("PatientSize", "PatientWeight"), CHARACTERISTICS, "as of the PET"),
    ("patient_id", ("PatientID",), "", "pseudonym from the user's salt"),
    ("timepoint, day", ("StudyDate",), MODIFIED_DATES, "order, and days from the patient's day 0"),
    ("series.csv: series", ("SeriesInstanceUID",), "", "pseudonym from the user's salt"),
    ("studies.csv: tracer", ("Radiopharmaceutical", "RadiopharmaceuticalCodeSequence"), "", "a name of our own list"),
    ("studies.csv: scanner", ("Manufacturer", "ManufacturerModelName"), "", "words of our own list, else a mark"),
    ("images.csv: uptake, uptake_factor", ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime",
     "AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime", "PatientWeight"), MODIFIED_DATES,
     "one factor, and minutes from injection to scan"),
    ("voxels and geometry", ("PixelData", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"), "",
     "unchanged: a head shows a face (Clean Recognizable Visual Features, 113102, is not done)"),
    ("masks", ("ContourData", "PixelData"), "", "labels 0 and 1; names of structures stay behind"),
)  # fmt: skip


@cache
def _profile() -> tuple[dict[tuple[int, int], str], list[tuple[tuple[int, int, int, int], str]]]:
    """Read the table: attributes of one tag, and groups that repeat, with the action that the profile wants."""
    # takes a moment to load, and importing DICOM alone needs it
    from dicomanonymizer.dicomfields_selector import (  # noqa: PLC0415
        dicom_anonymization_database_selector,
    )

    table = dicom_anonymization_database_selector(f"dicomfields_{EDITION}")
    single: dict[tuple[int, int], str] = {}
    repeated: list[tuple[tuple[int, int, int, int], str]] = []
    for name, tags in table.items():
        if name == "ALL_TAGS":
            continue
        action = name.removesuffix("_TAGS").replace("_STAR", "*").replace("_", "/")
        for tag in tags:
            if len(tag) == 2:
                single[tag] = action
            else:
                repeated.append((tag, action))
    return single, repeated


def profile_action(tag: BaseTag | int | str) -> str:
    """Return what the basic profile wants done with an attribute; empty where it is not in the profile.

    Parameters
    ----------
    tag : tag or str
        Or its keyword.

    Returns
    -------
    str
        ``X`` remove, ``Z`` empty, ``D`` replace, ``U`` replace a UID, or several of them by the kind of file; ``X`` for
        private attributes.

    Source
    ------
    DICOM PS3.15, table E.1-1, as the package dicom-anonymizer 2.1.0 holds it.

    Examples
    --------
    >>> profile_action("PatientName"), profile_action("PatientAge"), profile_action("Rows")
    ('Z', 'X', '')
    """
    one = Tag(tag)
    if one.is_private:
        return "X"
    single, repeated = _profile()
    found = single.get((one.group, one.element))
    if found is not None:
        return found
    for (group, element, group_mask, element_mask), action in repeated:
        if (
            one.group & group_mask == group & group_mask
            and one.element & element_mask == element & element_mask
        ):
            return action
    return ""


def without_identifiers(header: Any) -> Dataset:
    """Copy a header without what the basic profile touches, at every depth.

    Stricter than the profile, which would empty or replace some of it: an attribute of the profile is gone, unless an
    option of the standard is claimed for it (`RETAINED`). Private attributes, pixels and the slices of an enhanced file
    are gone as well. This is the header that the tables are written from; and even of it nothing but numbers and terms
    of our own lists is written.

    Parameters
    ----------
    header : pydicom.Dataset
        Stays as it is.

    Returns
    -------
    pydicom.Dataset
        Without what cannot be decoded, too.
    """
    kept = Dataset()
    retained = {tag_for_keyword(name) for name in RETAINED}
    for tag in header.keys():  # noqa: SIM118 - a Dataset's own iterator decodes values, and those may be damaged
        if tag.group == PIXELS or tag in FRAMES or (profile_action(tag) and tag not in retained):
            continue
        try:
            element = header[tag]
            if element.VR == "SQ":
                element = DataElement(tag, "SQ", [without_identifiers(item) for item in element.value])
            kept.add(element)
        except Exception:  # noqa: BLE001, S112 - damaged bytes can fail in any way, and are then not carried on
            continue
    return kept


def carried_facts() -> list[dict[str, str]]:
    """List what goes on from the headers: for whoever answers for the data.

    Returns
    -------
    list of dict
        `what` stands in the folder, `attributes` it comes from, what the `profile` wants done with each of them, by
        which `option` of the standard it is kept, and `how` it is changed.
    """
    return [
        {
            "what": what,
            "attributes": ", ".join(names),
            "profile": ", ".join(profile_action(name) or "not listed" for name in names),
            "option": option,
            "how": how,
        }
        for what, names, option, how in FACTS
    ]
