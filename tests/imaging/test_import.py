"""From a hospital's export to a data folder: what arrives, what is left out, and that nobody's name goes along."""

import csv
import dataclasses
import datetime as dt
import shutil

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

import hybridx as hx
from hybridx.cli.app import app
from hybridx.demo.dicom_making import make_dicom
from hybridx.demo.dicom_writing import Visit, write_segmentation, write_series, write_structures
from hybridx.demo.patients import draw_patient, stream
from hybridx.demo.phantom import draw_phantom
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom, read_image, read_mask
from hybridx.imaging.dicom_masks import mask_of, structure_names
from hybridx.imaging.dicom_series import read_series
from hybridx.imaging.dicom_tree import scan_dicom
from hybridx.imaging.pseudonyms import PseudonymKey
from tests.measure.real_data import real

QUIET = {"workers": 1, "progress": False}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital") / "export"
    return folder, make_dicom(folder, patients=2)


@pytest.fixture(scope="module")
def imported(export, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "data"
    return out, import_dicom(export[0], out, **QUIET)


def visit(**changed):
    plain = Visit("Test^Ä", "ID1", "19600101", "M", 60, 1.8, 80.0, dt.datetime.fromisoformat("2024-01-02T10:00"),
                  3e8, "Dr^X", "House", "seed")  # fmt: skip
    return dataclasses.replace(plain, **changed)


def small(modality="ct", shape=(6, 7, 8), **geometry):
    array = np.random.default_rng(0).integers(-200, 300, shape).astype(np.float32)
    array = np.abs(array) / 40 if modality == "pet" else array
    return Image(array, (2.0, 1.5, 3.0), (-10.0, 5.0, 40.0), modality=modality, **geometry)


OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.8, -0.6, 0.0, 0.6, 0.8)


def test_images_and_masks_arrive_as_they_were(imported):
    out, done = imported
    assert "2 patients, 4 images, 4 with a mask, 0 failures" in repr(done)
    rows = done.studies.to_dicts()
    by_scan = {}
    for index in range(2):
        patient = draw_patient(0, index)
        phantom = draw_phantom(patient.anatomy, patient.lesions, patient.scanner, stream(0, index, 11))
        by_scan[phantom.pet.shape] = phantom
    for row in rows:
        image = read_image(out / row["image"], row["modality"])
        mask = read_mask(out / row["mask"], image)
        shape = next(s for s, p in by_scan.items() if getattr(p, row["modality"]).shape == image.array.shape)
        wanted = getattr(by_scan[shape], row["modality"])
        step = 1.0 if row["modality"] == "ct" else wanted.max() / 32767
        assert np.abs(image.array - wanted).max() <= 0.51 * step
        drawn = getattr(by_scan[shape], f"{row['modality']}_mask")
        overlap = 2 * (drawn & (mask.array > 0)).sum() / (drawn.sum() + mask.array.sum())
        # the second patient's CT mask comes from the PET's segmentation: another grid
        assert overlap == 1.0 or overlap > 0.85


def test_the_data_folder_is_valid_and_can_be_extracted(imported):
    assert hx.validate(imported[0]) == []


def test_the_attenuation_corrected_pet_is_taken_and_the_choice_listed(imported):
    with (imported[0] / "import" / "series.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert sorted((row["modality"], row["use"]) for row in rows) == [("CT", "yes")] * 2 + [
        ("PT", "no"), ("PT", "no"), ("PT", "yes"), ("PT", "yes")]  # fmt: skip
    assert {row["why"] for row in rows if row["use"] == "no"} == {"not corrected for attenuation"}


def test_what_is_left_out_is_counted_by_reason(imported):
    reasons = dict(imported[1].left_out.iter_rows())
    assert reasons["a localiser"] == 2
    assert reasons["second copy of an image that is already there"] == 2
    assert reasons["not DICOM, or cut short in its header"] == 5
    assert sum("burnt" in reason or "screen" in reason for reason in reasons) == 1


def test_no_identifier_is_carried_on(export, imported):
    """Every text and number of every header that could name somebody, looked for in every byte of the output."""
    secrets = set()
    for path in export[0].rglob("*"):
        if not path.is_file():
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        for element in header.iterall():
            if element.VR in ("PN", "UI", "DA", "DT", "SH", "LO", "ST") and element.keyword not in ALLOWED:
                secrets |= {str(one) for one in np.atleast_1d(element.value) if len(str(one)) > 5}
    secrets |= {part for visit_ in export[1] for part in visit_.name.split("^")}
    assert len(secrets) > 500
    written = [path for path in imported[0].rglob("*") if path.is_file()]
    assert len(written) > 12
    for path in written:
        content = path.read_bytes()
        if path.suffix == ".gz":
            import gzip

            content = gzip.decompress(content)[:400]  # the header; voxels hold no text
        text = content.decode("utf-8", "replace") + str(path.relative_to(imported[0]))
        assert not [one for one in secrets if one in text], path.name


# names of quantities and of the standard itself, not of people
ALLOWED = {
    "SOPClassUID", "MediaStorageSOPClassUID", "TransferSyntaxUID", "ManufacturerModelName", "Radiopharmaceutical",
    "CodeMeaning", "CodeValue", "CodingSchemeDesignator", "Manufacturer", "ReferencedSOPClassUID",
}  # fmt: skip


def test_the_key_folder_alone_knows_who_is_who(export, imported):
    key = imported[0].with_name("data-key")
    text = (key / "patients.csv").read_text(encoding="utf-8")
    assert all(one.patient_id in text for one in export[1])
    assert (key.stat().st_mode & 0o077, (key / "salt.txt").stat().st_mode & 0o077) == (0, 0)


def test_the_same_key_gives_the_same_pseudonyms_and_another_key_others(export, imported, tmp_path):
    again = import_dicom(export[0], tmp_path / "a", key=imported[0].with_name("data-key"), **QUIET)
    other = import_dicom(export[0], tmp_path / "b", **QUIET)
    first = set(imported[1].studies["patient_id"])
    assert set(again.studies["patient_id"]) == first
    assert not set(other.studies["patient_id"]) & first
    for row in again.studies.to_dicts():
        assert (tmp_path / "a" / row["image"]).read_bytes() == (imported[0] / row["image"]).read_bytes()


def test_a_second_run_reads_what_is_finished(export, imported):
    times = {path: path.stat().st_mtime_ns for path in imported[0].rglob("*.nii.gz")}
    import_dicom(export[0], imported[0], **QUIET)
    assert {path: path.stat().st_mtime_ns for path in imported[0].rglob("*.nii.gz")} == times


def test_choices_of_the_user_stand_above_the_rules(export, imported, tmp_path):
    path = tmp_path / "mine.csv"
    with (imported[0] / "import" / "series.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        row["use"] = "no" if row["modality"] == "CT" else row["use"]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    key = imported[0].with_name("data-key")
    done = import_dicom(export[0], tmp_path / "out", key=key, choices=path, **QUIET)
    assert set(done.studies["modality"]) == {"pet"}
    with pytest.raises(InputError, match="another key"):
        import_dicom(export[0], tmp_path / "other", choices=path, **QUIET)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "wanted 'series' and 'use'"),
        ("series,use\nS1,maybe\n", "wanted yes or no"),
        ("", "cannot be read"),
    ],
)
def test_choices_that_cannot_be_read(export, tmp_path, text, message):
    path = tmp_path / "choices.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        import_dicom(export[0], tmp_path / "out", choices=path, **QUIET)


def test_places_that_cannot_be_used(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        import_dicom(tmp_path / "empty", tmp_path / "out", **QUIET)
    with pytest.raises(InputError, match="is no folder"):
        import_dicom(tmp_path / "nowhere", tmp_path / "out", **QUIET)
    with pytest.raises(InputError, match="lies inside the data"):
        import_dicom(tmp_path / "empty", tmp_path / "out", key=tmp_path / "out" / "key", **QUIET)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="no DICOM series"):
        import_dicom(tmp_path / "text", tmp_path / "out", **QUIET)
    assert not (tmp_path / "out").exists()
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "salt.txt").write_text("12")
    with pytest.raises(InputError, match="no salt of ours"):
        PseudonymKey(tmp_path / "key")


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), OBLIQUE, TILTED])
@pytest.mark.parametrize("modality", ["pet", "ct"])
def test_a_series_comes_back_with_its_geometry(tmp_path, modality, direction):
    image = small(modality, direction=direction)
    paths = write_series(image, tmp_path, visit())
    np.random.default_rng(1).shuffle(paths)
    back = read_series(paths)
    assert back.image.grid.same(image.grid)
    np.testing.assert_allclose(
        back.image.array, image.array, atol=image.array.max() / 32767 if modality == "pet" else 0
    )
    assert back.image.unit == ("SUVbw" if modality == "pet" else "HU")


def test_upside_down_slices_are_turned(tmp_path):
    """Slices numbered from head to feet, with a normal that points down."""
    image = small("ct", direction=(1.0, 0, 0, 0, -1.0, 0, 0, 0, -1.0))
    back = read_series(write_series(image, tmp_path, visit()))
    assert back.image.grid.same(image.grid)
    np.testing.assert_array_equal(back.image.array, image.array)


def edit(paths, index, **changed):
    for one in np.atleast_1d(index):
        header = pydicom.dcmread(paths[one])
        for name, value in changed.items():
            setattr(header, name, value)
        header.save_as(paths[one])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p[2].unlink(), "1 slices are missing"),
        (lambda p: edit(p, 2, ImagePositionPatient=["-10", "5", "43"]), "share a position"),
        (lambda p: edit(p, 2, ImagePositionPatient=["-10", "5", "47.5"]), "unevenly spaced"),
        (lambda p: edit(p, 2, ImagePositionPatient=["-10", "9", "46"]), "sideways"),
        (
            lambda p: edit(p, 2, ImageOrientationPatient=["1", "0", "0", "0", "0.8", "0.6"]),
            "different directions",
        ),
        (lambda p: edit(p, 2, PixelSpacing=["3", "3"]), "differ in PixelSpacing"),
        (lambda p: edit(p, range(6), PixelSpacing=["300", "300"]), "Voxels of 300 x 300"),
        (lambda p: edit(p, 2, RescaleSlope="0"), "Rescale Slope"),
        (lambda p: edit(p, 2, PixelData=b"\0\0"), "cannot be read"),
        (lambda p: p[2].write_bytes(p[2].read_bytes()[:1200]), "cut short"),
        (lambda p: edit(p, range(6), ImagePositionPatient=None), "no position"),
    ],
)
def test_a_series_that_is_no_volume_is_refused(tmp_path, spoil, message):
    paths = write_series(small(), tmp_path, visit())
    spoil(paths)
    with pytest.raises(InputError, match=message):
        read_series([one for one in paths if one.exists()])


def test_one_slice_has_its_thickness(tmp_path):
    back = read_series(write_series(small(), tmp_path, visit())[:1])
    assert back.image.grid.size == (8, 7, 1)
    assert "one slice only" in back.notes[0]


def ring_with_hole(shape=(6, 20, 24)):
    mask = np.zeros(shape, np.uint8)
    mask[1:5, 3:17, 4:20] = 1
    mask[2:4, 7:12, 8:15] = 0
    mask[3, 9, 11] = 1  # an island in the hole
    mask[0, 0, 0] = 1  # touches the corner
    return mask


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), OBLIQUE, TILTED])
@pytest.mark.parametrize("write", [write_structures, write_segmentation])
def test_masks_come_back_with_holes_and_islands(tmp_path, write, direction):
    mask = ring_with_hole()
    image = small("ct", mask.shape, direction=direction)
    paths = write_series(image, tmp_path / "ct", visit())
    drawn = Image(mask, image.spacing, image.origin, image.direction, "mask")
    other = dataclasses.replace(drawn, array=np.roll(mask, 1, axis=0))
    path = write({"GTV": drawn, "Herz": other}, paths, tmp_path / "marking", visit())
    assert structure_names(path) == ["GTV", "Herz"]
    volume = read_series(paths)
    found = mask_of([path], volume, ["gtv"])
    np.testing.assert_array_equal(found.mask.array, mask)
    # an outline cuts the corners of voxels: an eighth of a voxel at each
    assert found.drawn_ml == pytest.approx(found.on_grid_ml, rel=0.08)
    both = mask_of([path], volume, ["G*", "H*"])
    np.testing.assert_array_equal(both.mask.array, mask | other.array)
    with pytest.raises(InputError, match="say which"):
        mask_of([path], volume)
    with pytest.raises(InputError, match="No structure matches Leber"):
        mask_of([path], volume, ["Leber"])


def test_contours_of_a_ct_are_filled_on_the_pet(tmp_path):
    """A sphere drawn on a fine grid arrives on a coarse, shifted one with its volume and place."""
    z, y, x = np.indices((30, 40, 40))
    ball = ((z - 14) ** 2 * 9 + (y - 20) ** 2 * 4 + (x - 18) ** 2 * 4 <= 18**2).astype(np.uint8)
    ct = Image(np.zeros(ball.shape, np.float32), (2.0, 2.0, 3.0), (0.0, 0.0, 0.0), modality="ct")
    pet = Image(np.ones((22, 20, 20), np.float32), (4.0, 4.0, 4.0), (1.3, 0.7, 1.9), modality="pet")
    ct_paths = write_series(ct, tmp_path / "ct", visit())
    pet_paths = write_series(pet, tmp_path / "pet", visit())
    drawn = Image(ball, ct.spacing, ct.origin, modality="mask")
    structures = write_structures({"GTV": drawn}, ct_paths, tmp_path / "rs", visit())
    found = mask_of([structures], read_series(pet_paths))
    assert found.on_grid_ml == pytest.approx(4 / 3 * np.pi * 18**3 / 1000, rel=0.05)
    assert found.drawn_ml == pytest.approx(4 / 3 * np.pi * 18**3 / 1000, rel=0.05)
    centre = np.argwhere(found.mask.array).mean(axis=0)[::-1] * 4.0 + np.array(pet.origin)
    np.testing.assert_allclose(centre, [36.0, 40.0, 42.0], atol=0.6)


def test_a_marking_of_another_patient_is_not_taken(tmp_path):
    mask = ring_with_hole()
    image = small("ct", mask.shape)
    paths = write_series(image, tmp_path / "a", visit())
    other = write_series(image, tmp_path / "b", visit(seed="somebody else"))
    drawn = Image(mask, image.spacing, image.origin, modality="mask")
    path = write_structures({"GTV": drawn}, other, tmp_path / "rs", visit(seed="somebody else"))
    assert mask_of([path], read_series(paths)) is None


def test_a_lesion_smaller_than_a_voxel_is_not_lost_in_silence(tmp_path):
    image = small("ct", (4, 6, 6))
    paths = write_series(image, tmp_path / "ct", visit())
    tiny = pydicom.dcmread(
        write_structures({"GTV": Image(np.ones((4, 6, 6), np.uint8), image.spacing, image.origin, modality="mask")},
                         paths, tmp_path / "rs", visit())
    )  # fmt: skip
    ring = tiny.ROIContourSequence[0].ContourSequence[0]
    ring.ContourData = ["-9.3", "5.3", "40", "-9.2", "5.3", "40", "-9.2", "5.4", "40"]
    tiny.ROIContourSequence[0].ContourSequence = [ring]
    tiny.save_as(tmp_path / "rs")
    with pytest.raises(InputError, match="covers no voxel"):
        mask_of([tmp_path / "rs"], read_series(paths))


def test_days_count_from_the_first_study_or_from_the_baseline_given(tmp_path):
    source = tmp_path / "in"
    for month in (3, 1):
        when = dt.datetime.fromisoformat(f"2024-0{month}-10T10:00")
        write_series(small(), source / str(month), visit(scan=when, seed=f"visit {month}"))
    done = import_dicom(source, tmp_path / "a", **QUIET)
    assert done.studies.sort("timepoint")["day"].to_list() == [0.0, 60.0]
    assert done.studies["patient_id"].n_unique() == 1
    dated = import_dicom(source, tmp_path / "b", baseline={"ID1": dt.date(2024, 1, 20)}, **QUIET)
    assert dated.studies.sort("timepoint")["day"].to_list() == [-10.0, 50.0]


def test_a_pet_without_weight_is_refused_and_the_ct_goes_on(tmp_path):
    source = tmp_path / "in"
    pet = write_series(small("pet"), source / "pet", visit())
    write_series(small("ct"), source / "ct", visit())
    edit(pet, range(len(pet)), PatientWeight=None)
    result = CliRunner().invoke(app, ["import", str(source), "--out", str(tmp_path / "out"), "-j", "1"])
    assert result.exit_code == 1
    assert "Patient's Weight (0010,1030) is missing" in result.output
    assert (tmp_path / "out" / "studies.csv").read_text().count(",ct,") == 1


def test_any_damage_gives_a_reason_and_no_crash(tmp_path):
    """Files cut short, bytes turned over, tags of the wrong kind: each costs its series, with a reason."""
    rng = np.random.default_rng(7)
    source = tmp_path / "in"
    write_series(small("ct"), source / "good", visit(patient_id="good", seed="good"))
    for index in range(40):
        home = source / f"bad{index:02d}"
        paths = write_series(small("pet", (3, 4, 5)), home, visit(patient_id=f"bad{index}", seed=str(index)))
        content = bytearray(paths[1].read_bytes())
        if index % 2:
            content = content[: int(rng.integers(0, len(content)))]
        else:
            for at in rng.integers(132, len(content), 12):
                content[at] = int(rng.integers(0, 256))
        paths[1].write_bytes(bytes(content))
    done = import_dicom(source, tmp_path / "out", **QUIET)
    assert done.studies.filter(done.studies["modality"] == "ct").height == 1
    assert (done.failures["reason"].str.len_chars() > 20).all()
    assert not done.failures["reason"].str.contains("Traceback").any()


@pytest.mark.slow
def test_ten_thousand_unrelated_files_take_seconds(tmp_path):
    source = tmp_path / "in"
    rng = np.random.default_rng(0)
    for index in range(10_000):
        place = source / str(index % 50)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index}").write_bytes(rng.bytes(int(rng.integers(0, 400))))
    paths = write_series(small(), source / "ct", visit())
    tree = scan_dicom(source, show_progress=False)
    assert [len(one.paths) for one in tree.series] == [len(paths)]
    assert len(tree.left_out) == 10_000


@pytest.mark.parametrize("patient", ["sts", "hgj"])
def test_real_dicom_equals_its_nifti_twin(tmp_path, patient):
    if patient == "sts":
        done = import_dicom(real("sts", "dicom_STS_001"), tmp_path / "out", **QUIET)
        twins = {m: real("sts", "nifti", "STS_001", f"{m.upper()}_image.nii.gz") for m in ("pet", "ct")}
        masks = {m: real("sts", "nifti", "STS_001", f"{m.upper()}_mask.nii.gz") for m in ("pet", "ct")}
    else:
        folder = real("petct_dicom_hn_hgj001", "ibsi_1_validation_pet")
        done = import_dicom(folder, tmp_path / "out", **QUIET)
        twins = {"pet": next((folder / "nifti" / "image").iterdir())}
        masks = {"pet": next((folder / "nifti" / "mask").iterdir())}
    assert set(done.studies["modality"]) == set(twins)
    for row in done.studies.to_dicts():
        image = read_image(tmp_path / "out" / row["image"], row["modality"])
        twin = read_image(twins[row["modality"]], row["modality"])
        assert np.abs(image.array - twin.array).max() <= 1e-3 * np.abs(twin.array).max()
        ours = read_mask(tmp_path / "out" / row["mask"], image).array > 0
        theirs = read_mask(masks[row["modality"]], twin).array > 0
        assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) == 1.0


def test_real_segmentations_of_every_kind(tmp_path):
    root = real("dicom_seg_examples")
    alone = read_series([root / "ct_image.dcm"])
    assert mask_of([root / "seg_image_ct_binary_single_frame.dcm"], alone).on_grid_ml == pytest.approx(
        4.0079, abs=1e-3
    )
    slices = shutil.copytree(next(_slices_of_pydicom()), tmp_path / "ct")
    volume = read_series([one for one in slices.iterdir() if one.name != "17106"])  # a scout, 20 cm away
    expected = {"binary": 0.19014, "binary_fractional": 0.19014, "true_fractional": 0.19014}
    for kind, size in expected.items():
        found = mask_of([root / f"seg_image_ct_{kind}.dcm"], volume)
        assert found.on_grid_ml == pytest.approx(size, abs=1e-4)
    overlap = root / "seg_image_ct_binary_overlap.dcm"
    sizes = [mask_of([overlap], volume, [name]).mask.array.sum() for name in structure_names(overlap)]
    assert sizes == [48, 12]


def _slices_of_pydicom():
    from pathlib import Path

    yield Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "77654033" / "CT2"
