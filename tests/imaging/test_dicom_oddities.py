"""Series as hospitals really send them: compressed, big-endian, padded, reversed, mixed up, behind links and locks."""

import datetime as dt
import gc
import os
import warnings
import zipfile

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate, generate_frames
from pydicom.fileset import FileSet
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from hybridx.demo.dicom_writing import write_series
from hybridx.errors import InputError
from hybridx.imaging import import_dicom, read_image
from hybridx.imaging.dicom_choice import choose_series
from hybridx.imaging.dicom_series import read_pet_header, read_series
from hybridx.imaging.dicom_tree import scan_dicom
from tests.imaging.test_import import QUIET, TILTED, edit, small, visit


def scan(folder):
    return scan_dicom(folder, show_progress=False)


def reasons(tree):
    return sorted(one.reason for one in tree.left_out)


def compress(path, syntax):
    header = pydicom.dcmread(path)
    if syntax == JPEG2000Lossless:
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG2000")
        stored = header.pixel_array
        if header.PixelRepresentation:
            stored = stored.astype(np.int16)
        other = path.with_suffix(".j2k.dcm")
        writer.SetFileName(str(other))
        writer.Execute(sitk.GetImageFromArray(stored[None]))
        made = pydicom.dcmread(other)
        assert made.file_meta.TransferSyntaxUID == JPEG2000Lossless
        header.PixelData = encapsulate(list(generate_frames(made.PixelData)))
        header["PixelData"].VR, header["PixelData"].is_undefined_length = "OB", True
        header.file_meta.TransferSyntaxUID = syntax
        other.unlink()
    else:
        header.compress(syntax, generate_instance_uid=False)
    header.save_as(path)


def signed(paths):
    """Store a CT as scanners do: signed, with Hounsfield units themselves and padding outside the circle."""
    for path in paths:
        header = pydicom.dcmread(path)
        values = header.pixel_array.astype(np.int16) - 1024
        values[0, 0] = -3024
        header.PixelRepresentation, header.RescaleIntercept, header.PixelData = 1, "0", values.tobytes()
        header.PixelPaddingValue = -3024
        header["PixelPaddingValue"].VR = "SS"
        header.save_as(path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("modality", ["ct", "ct signed", "pet", "mr", "mr with slope"])
def test_compressed_pixels_equal_plain_ones(tmp_path, syntax, modality):
    """Each slice has its own slope in PET, and none at all in many MR series."""
    paths = write_series(small("pet" if modality == "pet" else "ct", (6, 17, 23)), tmp_path, visit())
    if modality == "ct signed":
        signed(paths)
    if modality.startswith("mr"):
        for index in range(len(paths)):
            edit(paths, index, Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4", RescaleType=None)
            header = pydicom.dcmread(paths[index])
            header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
            del header.RescaleSlope, header.RescaleIntercept
            if "slope" in modality:
                header.RescaleSlope, header.RescaleIntercept = f"{1.5 + index}", "3"
            header.save_as(paths[index])
    plain = read_series(paths).image
    for path in paths:
        compress(path, syntax)
    again = read_series(paths).image
    np.testing.assert_array_equal(again.array, plain.array)
    assert again.grid.same(plain.grid)
    if modality == "ct signed":
        assert plain.array.min() == -3024.0


@pytest.mark.parametrize(
    "syntax", [ExplicitVRBigEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("modality", ["ct", "pet"])
def test_other_byte_orders_and_encodings(tmp_path, syntax, modality):
    paths = write_series(small(modality), tmp_path, visit())
    plain = read_series(paths).image
    for path in paths:
        header = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            header.PixelData = header.pixel_array.astype(">u2").tobytes()
            header["PixelData"].VR = "OW"
        header.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(
            path,
            header,
            implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=syntax != ExplicitVRBigEndian,
            enforce_file_format=True,
        )
    np.testing.assert_array_equal(read_series(paths).image.array, plain.array)
    assert len(scan(tmp_path).series[0].paths) == len(paths)


def test_a_file_without_preamble_is_read(tmp_path):
    paths = write_series(small(), tmp_path, visit())
    for path in paths:
        path.write_bytes(path.read_bytes()[132:])
    assert len(scan(tmp_path).series[0].paths) == len(paths)
    assert read_series(paths).image.grid.size == (8, 7, 6)


@pytest.mark.parametrize("distance", [200.0, -200.0])
def test_a_lone_slice_far_away_is_set_aside_and_said(tmp_path, distance):
    paths = write_series(small(), tmp_path, visit())
    plain = read_series(paths)
    far = pydicom.dcmread(paths[0])
    far.SOPInstanceUID = far.file_meta.MediaStorageSOPInstanceUID = visit().uid("scout")
    far.ImagePositionPatient = ["-10", "5", f"{40.0 + distance}"]
    far.save_as(tmp_path / "scout")
    found = read_series([*paths, tmp_path / "scout"])
    np.testing.assert_array_equal(found.image.array, plain.image.array)
    assert found.image.grid.same(plain.image.grid)
    assert found.slices == plain.slices
    assert any("lone slice" in note and "scout" in note for note in found.notes)


def test_two_slices_far_away_are_a_gap(tmp_path):
    paths = write_series(small(), tmp_path, visit())
    for index in (0, 1):
        edit(paths, index, ImagePositionPatient=["-10", "5", f"{-160 + 3 * index}"])
    with pytest.raises(InputError, match="slices are missing"):
        read_series(paths)


@pytest.mark.parametrize("shift", [0.0, 600.0])
def test_frames_gates_and_two_reconstructions_in_one_series_are_refused(tmp_path, shift):
    first = write_series(small("pet"), tmp_path / "a", visit())
    second = write_series(small("pet"), tmp_path / "b", visit())
    for index in range(len(second)):
        later = visit().scan + dt.timedelta(seconds=shift)
        edit(
            second,
            index,
            SOPInstanceUID=visit().uid("again", index),
            AcquisitionTime=later.strftime("%H%M%S"),
        )
    tree = scan(tmp_path)
    assert [len(one.paths) for one in tree.series] == [12]
    with pytest.raises(InputError, match="several frames, gates or reconstructions"):
        read_series(tree.series[0])
    assert len(first) == 6


def enhanced(image, folder):
    import highdicom

    slices = [pydicom.dcmread(one) for one in write_series(image, folder / "plain", visit())]
    kind = "PET" if image.modality == "pet" else "CT"
    legacy = getattr(highdicom.legacy, f"LegacyConvertedEnhanced{kind}Image")
    made = legacy(slices, visit().uid("series", "enhanced"), 7, visit().uid("enhanced"), 1)
    (folder / "enhanced").mkdir()
    made.save_as(folder / "enhanced" / "one.dcm")
    return folder / "enhanced"


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), TILTED])
def test_an_enhanced_ct_is_read(tmp_path, direction):
    image = small("ct", direction=direction)
    done = import_dicom(enhanced(image, tmp_path), tmp_path / "out", **QUIET)
    assert done.failures.height == 0
    found = read_image(tmp_path / "out" / done.studies["image"][0], "ct")
    assert found.grid.same(image.grid)
    np.testing.assert_array_equal(found.array, image.array)


def test_what_a_ct_lacks_or_is_not(tmp_path):
    paths = write_series(small(), tmp_path, visit())
    edit(paths, 3, RescaleIntercept=None)
    with pytest.raises(InputError, match=r"Rescale Intercept \(0028,1052\) missing"):
        read_series(paths)
    edit(paths, 3, RescaleIntercept="-1024")
    edit(paths, range(6), RescaleType="EDW")
    with pytest.raises(InputError, match="Rescale Type"):
        read_series(paths)
    edit(paths, range(6), RescaleType="US")
    assert "unspecified" in read_series(paths).notes[0]
    edit(paths, 2, PixelSpacing=["1.5000001", "2.0"])
    assert read_series(paths).image.grid.size == (8, 7, 6)


def test_what_is_no_file_is_left_out_and_said(tmp_path):
    home = tmp_path / "in"
    write_series(small(), home / "ct", visit())
    (home / "loop").symlink_to(home)
    (home / "gone").symlink_to(home / "nowhere")
    (home / "linked.dcm").symlink_to(home / "ct" / "CT0000.dcm")
    os.mkfifo(home / "pipe")
    with zipfile.ZipFile(home / "more.zip", "w") as archive:
        archive.write(home / "ct" / "CT0000.dcm")
    with (home / "zeros").open("wb") as handle:
        handle.truncate(2**30)
    tree = scan(home)
    assert [len(one.paths) for one in tree.series] == [6]
    assert reasons(tree) == sorted([
        "a link to a folder: links are not followed",
        "no regular file: a broken link, a pipe or a device",
        "no regular file: a broken link, a pipe or a device",
        "second copy of an image that is already there",
        "an archive: unpack it first",
        "not DICOM, or cut short in its header",
    ])  # fmt: skip


def test_locked_files_and_folders_are_said(tmp_path, monkeypatch):
    """As root nothing is locked, so the lock is played."""
    home = tmp_path / "in"
    write_series(small(), home / "ct", visit())
    (home / "locked").mkdir()
    real_scandir, real_open = os.scandir, type(home).open

    def scandir(place):
        if str(place).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(place))
        return real_scandir(place)

    def opened(path, *args, **more):
        if path.name == "CT0003.dcm":
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *args, **more)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(type(home), "open", opened)
    tree = scan(home)
    assert reasons(tree) == ["a file or folder that cannot be opened: its permissions forbid it"] * 2
    assert [len(one.paths) for one in tree.series] == [5]


def test_patients_who_share_uids_are_kept_apart(tmp_path):
    """A careless program gave two patients the same series and image UIDs."""
    for who in ("ID1", "ID2"):
        write_series(small(), tmp_path / who, visit(patient_id=who))
    tree = scan(tmp_path)
    assert [(one.patient_id, len(one.paths)) for one in tree.series] == [("ID1", 6), ("ID2", 6)]
    assert tree.left_out == ()


def test_an_asked_for_series_is_its_stack_and_not_its_scout(tmp_path):
    paths = write_series(small(), tmp_path, visit())
    scout = pydicom.dcmread(paths[0])
    scout.SOPInstanceUID = scout.file_meta.MediaStorageSOPInstanceUID = visit().uid("scout")
    scout.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    scout.save_as(tmp_path / "A")
    tree = scan(tmp_path)
    assert sorted(len(one.paths) for one in tree.series) == [1, 6]
    chosen = choose_series(tree, {tree.series[0].uid: True})[0].chosen["CT"]
    assert len(chosen.paths) == 6


def test_a_dicomdir_is_named_as_what_it_is(tmp_path):
    folder = tmp_path / "cd"
    paths = write_series(small(), tmp_path / "in", visit())
    one = pydicom.dcmread(paths[0])
    one.StudyID = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = FileSet()
        files.add(one)
        files.write(folder)
        files.clear()
        del files
        gc.collect()
    assert any("DICOMDIR" in reason for reason in reasons(scan(folder)))
    assert len(scan(folder).series) == 1


def test_told_facts_stand_above_slices_that_disagree(tmp_path):
    paths = write_series(small("pet"), tmp_path, visit())
    edit(paths, 2, PatientWeight="81")
    with pytest.raises(InputError, match=r"weight_kg: 80\.0 and 81\.0"):
        read_series(paths)
    told = read_series(paths, told={"weight_kg": 80.0})
    assert told.pet.weight_kg == 80.0
    assert read_pet_header(paths[::-1], {"weight_kg": 80.0}) == told.pet
    with pytest.raises(InputError, match="of 5 slices"):
        read_series(paths, header=read_pet_header(paths[:5], {"weight_kg": 80.0}))
