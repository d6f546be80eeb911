"""No value of any header that could name somebody arrives anywhere: not in files, names, logs, prints or errors."""

import contextlib
import gzip
import logging
import warnings

import numpy as np
import pydicom
import pytest
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from typer.testing import CliRunner

from hybridx.cli.app import app
from hybridx.demo.dicom_writing import write_segmentation, write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom
from hybridx.imaging.dicom_masks import mask_of
from hybridx.imaging.dicom_series import read_series
from hybridx.imaging.identifiers import (
    EDITION,
    RETAINED,
    carried_facts,
    profile_action,
    without_identifiers,
)
from tests.imaging.test_import import QUIET, small, visit

# what makes a file a slice of this series at all; their own values are looked for as well, except the standard's terms
STRUCTURE = {
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "SpecificCharacterSet", "PatientID", "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime",
    "AcquisitionDateTime", "TimezoneOffsetFromUTC", "Manufacturer", "RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalStartTime", "Radiopharmaceutical", "PatientBirthDate", "StudyDate",
    "ReferencedFrameOfReferenceUID", "ReferencedSOPInstanceUID", "ReferencedSOPClassUID",
}  # fmt: skip
TERMS = {
    "SOPClassUID",
    "SpecificCharacterSet",
    "Manufacturer",
    "Radiopharmaceutical",
    "ReferencedSOPClassUID",
}
TEXTS = {"PN", "LO", "SH", "ST", "LT", "UT", "UC", "UI", "DA", "TM", "DT", "AE", "CS"}
# terms that decide what a file is; a name in one of them only makes the file unreadable, which is tried separately
DECIDE = {
    "Modality", "ImageType", "CorrectedImage", "Units", "DecayCorrection", "PatientSex", "BurnedInAnnotation",
    "PhotometricInterpretation", "SUVType", "RescaleType", "ContourGeometricType", "SegmentationType",
    "SegmentsOverlap", "SeriesType", "SegmentAlgorithmType", "DimensionOrganizationType",
}  # fmt: skip


def unique(vr, number):
    """Return a value that is found nowhere by chance."""
    if vr == "UI":
        return f"1.2.777.{4242000000 + number}"
    if vr == "DA":
        return f"{1720 + number // 336:04d}{number % 12 + 1:02d}{number // 12 % 28 + 1:02d}"
    if vr == "TM":
        return f"0{number % 10}1357.{700000 + number}"
    if vr == "DT":
        return f"17{number % 90 + 10}0203040506.{800000 + number}"
    return f"ZQ{number:05d}{'X^Y' if vr == 'PN' else 'XY'}"


def look_for(vr, value):
    """Say how a value might be spelt in the output; a bare date or time of few digits is looked for with its marks."""
    if vr == "DA":
        return {value, f"{value[:4]}-{value[4:6]}-{value[6:]}"}
    return {value.split(".")[1] if vr in ("TM", "DT") else value}


def fill(header, secrets, start=0, deep=2):
    """Give every attribute of the standard's dictionary, and private ones, a value of its own."""
    number = start
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        number += 1
        if (
            tag >> 16 < 8
            or vr not in TEXTS
            or not keyword
            or keyword in STRUCTURE | DECIDE
            or (tag & 0xFFFF) == 0
        ):
            continue
        value = unique(vr, number)
        secrets |= look_for(vr, value)
        header.add_new(tag, vr, value)
    block = header.private_block(0x0029, "SECRET MAKER", create=True)
    for element, vr in enumerate(("LO", "PN", "DA", "UT"), start=1):
        value = unique(vr, number + element)
        secrets |= look_for(vr, value)
        block.add_new(element, vr, value)
    if deep:
        for offset, name in enumerate(("OtherPatientIDsSequence", "RequestAttributesSequence"), start=1):
            item = Dataset()
            fill(item, secrets, start + 7000 * offset, deep - 2)
            setattr(header, name, [item])


# (gggg,eeee) of the basic profile; repeating groups by an example of each
PROFILE = [
    Tag(tag[0], tag[1]) if len(tag) == 2 else Tag(tag[0] + 2, tag[1] | (tag[3] ^ 0xFFFF) & 0x10)
    for tag in dicom_anonymization_database_selector(f"dicomfields_{EDITION}")["ALL_TAGS"]
]
COMMANDS = 0x0008  # attributes of groups below belong to messages and directories, and stand in no image
TOO_SMALL = {"PregnancyStatus", "GPSAltitudeRef"}  # a number below 65536 is found anywhere by chance


def fill_profile(header, secrets):
    """Give every attribute of the basic profile that `fill` leaves out a value of its own; return all that hold one."""
    for number, tag in enumerate(PROFILE, start=910_000):
        name = keyword_for_tag(tag)
        if tag.group < COMMANDS or name in STRUCTURE | DECIDE | TOO_SMALL | set(RETAINED) or tag in header:
            continue
        vr = DicomDictionary[tag][0] if tag in DicomDictionary else "LO"
        text = f"ZQ{number}XY"
        if vr == "SQ":
            item = Dataset()
            item.PatientName, item.TextValue = f"{text}^N", f"{text}T"
            value = [item]
        elif vr in ("DS", "IS"):
            value = text = f"{number}{number % 1000:03d}"
        elif vr == "AS":
            value = text = "077M"
        else:
            value = f"http://{text}.org" if vr == "UR" else text
            value = value.encode() if vr.startswith(("OB", "OW", "UN")) else value
        secrets.add(text)
        header.add_new(tag, vr.split(" ")[0], value)
    return {tag for tag in PROFILE if tag in header}


def keep(header, secrets):
    """Remember what the file had itself."""
    for element in header.iterall():
        if element.VR in TEXTS - {"CS"} and element.keyword not in TERMS:
            values = [element.value] if isinstance(element.value, str) else np.atleast_1d(element.value)
            secrets |= {str(one) for one in values if len(str(one)) > 7}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    place, secrets, planted = tmp_path_factory.mktemp("secret") / "in", set(), []
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[2:4, 2:5, 2:6] = 1
    kinds = (("ID-777001", "pet", write_structures), ("ID-777002", "ct", write_segmentation))
    for who, modality, write in kinds:
        seen = visit(patient_id=who, seed=who, name="Quellmann^Xaver", physician="Dr^Zwirbel")
        image = small(modality)
        paths = write_series(image, place / who, seen)
        drawn = Image(mask, image.spacing, image.origin, image.direction, "mask")
        write({"GTV ZQnameXY": drawn}, paths, place / who / "marking", seen)
    for path in sorted(place.rglob("*")):
        if path.is_file():
            header = pydicom.dcmread(path)
            keep(header, secrets)
            label = header.get("SegmentSequence")
            fill(header, secrets)
            planted.append(fill_profile(header, secrets))
            if label is not None:
                header.SegmentSequence = label
            header.save_as(path)
    pydicom.config.settings.writing_validation_mode = before
    secrets |= {"Quellmann", "Xaver", "Zwirbel", "ZQname", "ID-777", "ZQ0"}
    return place, secrets, planted


def leaks(folder, secrets):
    found = []
    for path in [folder, *folder.rglob("*")]:
        text = str(path.relative_to(folder.parent))
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            text += content.decode("latin-1") + content.decode("utf-8", "replace")
        found += [(path.name, one) for one in secrets if one in text]
    return found


def test_every_attribute_of_the_dictionary_stays_behind(export, tmp_path, caplog, capfd):
    place, secrets, planted = export
    assert len(secrets) > 4500
    left_out = {keyword_for_tag(tag) for tag in PROFILE if tag.group >= COMMANDS} - {
        keyword_for_tag(tag) for tag in set.intersection(*planted)
    }
    assert left_out <= TOO_SMALL | set(RETAINED) | STRUCTURE
    with caplog.at_level(logging.DEBUG):
        result = CliRunner().invoke(app, ["import", str(place), "--out", str(tmp_path / "out"), "-j", "1"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "studies.csv").read_text().count("_mask.nii.gz") == 2
    assert leaks(tmp_path / "out", secrets) == []
    said = result.output + caplog.text + "".join(capfd.readouterr())
    assert [one for one in secrets if one in said] == []
    # the test can fail: the key folder does know who is who
    assert any(one == "ID-777" for _, one in leaks(tmp_path / "out-key", secrets))


BROKEN = [
    "Units", "SUVType", "DecayCorrection", "CorrectedImage", "PatientSex", "PixelSpacing", "RescaleType", "Rows",
    "RescaleSlope", "ImageOrientationPatient", "PatientWeight", "RadionuclideTotalDose", "RadionuclideHalfLife",
    "Radiopharmaceutical", "AcquisitionTime", "SeriesTime", "Modality", "ContourGeometricType", "ContourData",
    "PatientAge", "NumberOfFrames", "SliceThickness", "PhotometricInterpretation", "SamplesPerPixel",
]  # fmt: skip


@pytest.mark.parametrize("some", ["every slice", "one slice"])
def test_a_name_in_the_wrong_field_is_not_repeated(tmp_path, caplog, capfd, some):
    """Whatever a field is meant for, its text may be a name: refusals name the tag, and quote standard terms only."""
    secret = "QUELLMANN"
    place = tmp_path / "in"
    mask = Image(np.ones((6, 7, 8), np.uint8), (2.0, 1.5, 3.0), (-10.0, 5.0, 40.0), modality="mask")
    for name in BROKEN:
        home = place / name
        seen = visit(patient_id=name, seed=name)
        paths = write_series(small("ct" if name == "RescaleType" else "pet"), home, seen)
        marked = write_structures({"GTV": mask}, paths, home / "marking", seen)
        for path in [*paths, marked] if some == "every slice" else [paths[3], marked]:
            header = pydicom.dcmread(path)
            for level in _levels(header):
                if name in level or (name in ("SUVType", "RescaleType") and level is header):
                    level[name] = pydicom.DataElement(name, "LO", secret)
            header.save_as(path)
    with caplog.at_level(logging.DEBUG):
        done = import_dicom(place, tmp_path / "out", **QUIET)
    assert done.failures.height > 5
    assert leaks(tmp_path / "out", {secret}) == []
    assert secret not in repr(done) + caplog.text + "".join(capfd.readouterr())
    for name in BROKEN:
        paths = sorted((place / name).glob("PT*")) or sorted((place / name).glob("CT*"))
        with contextlib.suppress(
            ValueError, TypeError, AttributeError
        ):  # an import says their kind, not their text
            said = ""
            try:
                mask_of([place / name / "marking"], read_series(paths))
            except InputError as error:
                said = str(error)
            assert secret not in said, name


def _levels(header):
    yield header
    for element in header:
        if element.VR == "SQ":
            for item in element.value:
                yield from _levels(item)


@pytest.mark.parametrize(("age", "kept"), [("095Y", 90.0), ("089Y", 89.0), ("999Y", None), ("006M", 0.0)])
def test_ages_above_89_are_not_told_apart(tmp_path, age, kept):
    paths = write_series(small(), tmp_path / "in", visit())
    for path in paths:
        header = pydicom.dcmread(path)
        header.PatientAge = age
        header.save_as(path)
    import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    import polars as pl

    assert pl.read_csv(tmp_path / "out" / "patients.csv")["age_years"].to_list() == [kept]


def test_a_picture_with_text_burnt_in_is_left_out(tmp_path):
    paths = write_series(small(), tmp_path / "in", visit())
    for path in paths[:2]:
        header = pydicom.dcmread(path)
        header.BurnedInAnnotation = "YES"
        header.save_as(path)
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert dict(done.left_out.iter_rows()) == {
        "text burnt into the picture (0028,0301): it may name the patient": 2
    }


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("Biograph 64_mCT", "Siemens Biograph 64_mCT"),
        ("Discovery MI", "Siemens Discovery MI"),
        ("Klinikum Süd Raum 3", "Siemens model"),
        ("", "Siemens"),
    ],
)
def test_a_model_of_no_known_name_is_a_mark(tmp_path, model, shown):
    paths = write_series(small(), tmp_path / "in", visit())
    for path in paths:
        header = pydicom.dcmread(path)
        header.Manufacturer, header.ManufacturerModelName = "SIEMENS", model
        header.save_as(path)
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert done.studies["scanner"][0].startswith(shown)
    assert "Raum" not in done.studies["scanner"][0]


def test_the_profile_is_the_standards_and_what_goes_on_passes_it():
    assert len(PROFILE) > 650
    assert {profile_action(tag) for tag in PROFILE} == {
        "X", "Z", "D", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"
    }  # fmt: skip
    assert profile_action("PatientName") == profile_action("StudyDate") == "Z"
    assert profile_action(0x00091001) == "X"  # private
    assert (
        profile_action(0x50020010) == profile_action(0x60084000) == "X"
    )  # curves, overlay comments: any group
    assert profile_action("Rows") == profile_action("Manufacturer") == ""
    for row in carried_facts():
        listed = [one for one in row["profile"].split(", ") if one != "not listed"]
        assert not listed or row["option"] or "pseudonym" in row["how"], row["what"]


def test_no_attribute_of_the_profile_is_in_the_header_that_tables_are_written_from(export):
    place, _, _ = export
    for path in sorted(one for one in place.rglob("*") if one.is_file())[::4]:
        header = pydicom.dcmread(path)
        before = header.to_json_dict().keys()
        cleaned = without_identifiers(header)
        for level in _levels(cleaned):
            assert {one.keyword for one in level if profile_action(one.tag)} <= set(RETAINED)
        assert cleaned.Modality == header.Modality and "PixelData" not in cleaned
        assert header.to_json_dict().keys() == before
        if header.Modality == "PT":
            # what the tracer is stays, when it was given goes: the list holds at every depth
            item = cleaned.RadiopharmaceuticalInformationSequence[0]
            assert item.Radiopharmaceutical == "FDG" and "RadiopharmaceuticalStartTime" not in item


def test_the_folder_says_what_went_on_and_by_which_option(export, tmp_path):
    place, _, _ = export
    import_dicom(place / "ID-777001", tmp_path / "out", **QUIET)
    text = (tmp_path / "out" / "import" / "deidentified.csv").read_text()
    assert "113108" in text and "113107" in text and "a head shows a face" in text


def test_no_warning_quotes_a_header(tmp_path):
    """Warnings go to the screen and to logs; a reader's remark on an invalid value repeats that value."""
    image = small("pet")
    mask = Image(np.ones(image.array.shape, np.uint8), image.spacing, image.origin, modality="mask")
    paths = write_series(image, tmp_path / "in", visit())
    marked = write_structures({"GTV": mask}, paths, tmp_path / "in" / "rs", visit())
    # invalid as a UID: where contours refer to slices, and as the class of a file that is none
    content, uid = marked.read_bytes(), str(pydicom.dcmread(paths[0]).SOPInstanceUID).encode()
    assert uid in content
    marked.write_bytes(content.replace(uid, b"QUELLMANN" + uid[9:]))
    content = paths[0].read_bytes()
    at = content.index(b"\x08\x00\x16\x00UI")  # SOP Class UID: another attribute's name from now on
    broken = content[:at] + b"\x08\x00\x17\x00" + content[at + 4 :]
    (tmp_path / "in" / "broken").write_bytes(
        broken.replace(b"1.2.840.10008.5.1.4.1.1.128", b"QUELLMANN0008.5.1.4.1.1.128")
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert [str(one.message) for one in seen] == []
    assert done.studies.height + done.failures.height > 0
