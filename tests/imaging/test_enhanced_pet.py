"""A PET whose frames all lie in one file: the same uptake as single slices, or a refusal that says why."""

import datetime as dt

import highdicom
import numpy as np
import polars as pl
import pydicom
import pytest

from hybridx.demo.dicom_enhanced_writing import write_enhanced_pet
from hybridx.demo.dicom_writing import activity_per_suv, write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom, read_image
from hybridx.imaging.dicom_series import read_pet_header, read_series
from tests.imaging.test_dicom_oddities import enhanced
from tests.imaging.test_import import OBLIQUE, QUIET, TILTED, small, visit

STRAIGHT = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)


@pytest.mark.parametrize("direction", [STRAIGHT, OBLIQUE, TILTED])
def test_a_genuine_one_has_the_uptake_it_was_written_with(tmp_path, direction):
    image = small("pet", direction=direction)
    path = write_enhanced_pet(image, tmp_path / "one.dcm", visit())
    found = read_series([path])
    assert found.image.grid.same(image.grid)
    np.testing.assert_allclose(found.image.array, image.array, atol=image.array.max() / 32767)
    assert found.suv.name == "SUVbw" and "Decay Correction DateTime (0018,9701)" in found.suv.formula
    assert found.suv.decay_s == 3600.0


def test_another_reader_finds_the_same_activity(tmp_path):
    image = small("pet")
    path = write_enhanced_pet(image, tmp_path / "one.dcm", visit())
    theirs = highdicom.imread(path).get_volume(apply_real_world_transform=True, dtype=np.float64)
    ours = read_series([path]).image.array * activity_per_suv(visit())
    # highdicom counts slices against the normal
    np.testing.assert_allclose(np.asarray(theirs.array)[::-1], ours, rtol=1e-6)
    edges = np.linalg.norm(np.array(theirs.affine)[:3, :3], axis=0)
    np.testing.assert_allclose(edges[::-1], image.spacing)


@pytest.mark.parametrize("direction", [STRAIGHT, TILTED])
def test_a_converted_one_equals_its_single_slices(tmp_path, direction):
    folder = enhanced(small("pet", direction=direction), tmp_path)
    one, many = read_series([folder / "one.dcm"]), read_series(sorted((tmp_path / "plain").iterdir()))
    np.testing.assert_array_equal(one.image.array, many.image.array)
    assert one.image.grid.same(many.image.grid) and one.suv.formula == many.suv.formula
    assert read_pet_header([folder / "one.dcm"]) == read_pet_header(sorted((tmp_path / "plain").iterdir()))


def test_it_is_imported_with_its_mask_and_the_one_without_correction_is_not(tmp_path):
    image = small("pet")
    plain = write_series(image, tmp_path / "plain", visit())
    write_enhanced_pet(image, tmp_path / "in" / "ac", visit())
    write_enhanced_pet(image, tmp_path / "in" / "nac", visit(), attenuation=False)
    drawn = np.zeros(image.array.shape, np.uint8)
    drawn[2:4, 2:5, 2:6] = 1
    mask = Image(drawn, image.spacing, image.origin, modality="mask")
    write_structures({"GTV": mask}, plain, tmp_path / "in" / "rs", visit())
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    row = done.studies.row(0, named=True)
    assert done.studies.height == 1 and done.failures.height == 0
    assert row["tracer"] == "FDG" and row["mask"] is not None
    np.testing.assert_allclose(
        read_image(tmp_path / "out" / row["image"], "pet").array, image.array, atol=image.array.max() / 32767
    )
    listed = pl.read_csv(tmp_path / "out" / "import" / "series.csv")
    assert dict(listed.select("use", "why").iter_rows())["no"] == "not corrected for attenuation"
    legacy = enhanced(small("pet"), tmp_path / "b")
    again = import_dicom(legacy, tmp_path / "out b", **QUIET)
    assert again.failures.height == 0 and again.studies.height == 1


def spoil(path, **changed):
    dataset = pydicom.dcmread(path)
    for name, value in changed.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"DecayCorrectionDateTime": None}, "Decay Correction DateTime"),
        ({"DecayCorrectionDateTime": "20240102"}, "Decay Correction DateTime"),
        ({"DecayCorrected": "NO"}, "without DECY"),
        ({"AttenuationCorrected": "NO"}, "not corrected for attenuation"),
        ({"PatientWeight": None}, "Weight"),
        ({"PerFrameFunctionalGroupsSequence": None}, "functional groups"),
        ({"PixelData": b"\0\0"}, "cannot be read"),
    ],
)
def test_what_is_missing_is_refused(tmp_path, changed, message):
    path = write_enhanced_pet(small("pet"), tmp_path / "one.dcm", visit())
    spoil(path, **changed).save_as(path)
    with pytest.raises(InputError, match=message):
        read_series([path])


@pytest.mark.parametrize(
    ("code", "units", "kind"),
    [("{counts}", None, None), ("g/ml{SUVbw}", "GML", "BW"), ("g/ml{SUVlbm(Janma)}", "GML", "LBMJANMA")],
)
def test_units_are_those_of_the_mapping(tmp_path, code, units, kind):
    path = write_enhanced_pet(small("pet"), tmp_path / "one.dcm", visit())
    dataset = pydicom.dcmread(path)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        unit = frame.RealWorldValueMappingSequence[0].MeasurementUnitsCodeSequence[0]
        del unit.CodeValue
        setattr(unit, "CodeValue" if len(code) <= 16 else "LongCodeValue", code)
    dataset.save_as(path)
    if units is None:
        with pytest.raises(InputError, match="real-world value mapping"):
            read_series([path])
        return
    header = read_pet_header([path])
    assert (header.units, header.suv_type) == (units, kind)


def test_two_time_frames_in_one_file_are_refused(tmp_path):
    path = write_enhanced_pet(small("pet"), tmp_path / "one.dcm", visit())
    dataset = pydicom.dcmread(path)
    places = [one.PlanePositionSequence[0] for one in dataset.PerFrameFunctionalGroupsSequence]
    for one, other in zip(places[3:], places[:3], strict=True):
        one.ImagePositionPatient = other.ImagePositionPatient
    dataset.save_as(path)
    with pytest.raises(InputError, match="share a position"):
        read_series([path])


def test_several_files_in_one_series_are_refused(tmp_path):
    paths = [write_enhanced_pet(small("pet"), tmp_path / f"{index}.dcm", visit()) for index in range(2)]
    with pytest.raises(InputError, match="Several multi-frame files"):
        read_series(paths)


def test_the_moment_of_correction_decides_and_not_when_frames_were_taken(tmp_path):
    """Values that refer to the injection itself need no decay; half an hour later half an hour of it."""
    path = write_enhanced_pet(small("pet"), tmp_path / "one.dcm", visit())
    for minutes in (0, 30, 60):
        moment = visit().scan - dt.timedelta(minutes=60 - minutes)
        spoil(path, DecayCorrectionDateTime=moment.strftime("%Y%m%d%H%M%S")).save_as(tmp_path / "two.dcm")
        found = read_series([tmp_path / "two.dcm"]).suv
        assert found.values[0] == pytest.approx(80_000 / (3e8 * 0.5 ** (minutes * 60 / 6584.0)))
