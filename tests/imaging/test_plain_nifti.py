"""The short way into an ordinary NIfTI file, beside ITK's geometry and nibabel's voxels."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from isal import igzip
from scipy.spatial.transform import Rotation

from hybridx.imaging import ImageError, read_grid
from hybridx.imaging.inflating import MADE, content_of
from hybridx.imaging.plain_nifti import inflated, plain_volume
from hybridx.imaging.reading import read_voxels

TYPES = (np.float32, np.int16, np.uint8, np.float64)


def written(path, rng, number):
    """Write a small volume somewhere in space, turned in three ways out of four, and return its bytes."""
    image = sitk.GetImageFromArray((rng.normal(size=(3, 4, 5)) * 20).astype(TYPES[number % 4]))
    image.SetSpacing(rng.uniform(0.5, 5, 3).tolist())
    image.SetOrigin(rng.uniform(-500, 500, 3).tolist())
    turns = (
        np.eye(3),
        Rotation.random(random_state=number).as_matrix(),
        np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3),
        Rotation.from_euler("xyz", rng.normal(size=3) * 0.02).as_matrix(),
    )
    image.SetDirection(turns[number // 4 % 4].ravel().tolist())
    sitk.WriteImage(image, str(path))
    return bytearray(path.read_bytes())


def test_geometry_is_itks_to_the_last_bit_or_left_to_it(tmp_path):
    rng = np.random.default_rng(0)
    path, taken = tmp_path / "a.nii", 0
    for number in range(48):
        base = written(path, rng, number)
        for turned, scanner, place, spread in (
            (1, 1, 280, 0), (1, 0, 280, 0), (0, 1, 280, 0), (2, 2, 280, 0), (1, 0, 256, 3), (1, 1, 256, 3),
            (1, 1, 280, 12), (0, 2, 280, 12), (1, 0, 80, 3), (0, 1, 80, 3), (1, 1, 80, 3),
        ):  # fmt: skip
            raw = bytearray(base)
            struct.pack_into("<2h", raw, 252, turned, scanner)
            numbers = np.array(struct.unpack_from(f"<{spread}f", raw, place))
            numbers *= 1 + rng.normal(size=spread) * 10 ** rng.uniform(-9, -1)
            struct.pack_into(f"<{spread}f", raw, place, *numbers)
            raw[123] = 10 if number % 2 else 0  # millimetres and seconds, or nothing said
            path.write_bytes(raw)
            found = plain_volume(bytes(raw))
            if found is not None:
                taken += 1
                assert found[1] == read_grid(path)
                assert np.array_equal(found[0], np.asanyarray(nib.load(path).dataobj).T)
                assert found[0].dtype == TYPES[number % 4]
    assert taken > 200


def test_what_this_library_and_itk_write_is_taken(tmp_path):
    rng = np.random.default_rng(1)
    raw = written(tmp_path / "a.nii", rng, 0)
    assert plain_volume(bytes(raw)) is not None
    assert inflated(gzip.compress(bytes(raw))) == bytes(raw)


@pytest.mark.parametrize(
    ("place", "form", "numbers"),
    [
        (0, ">i", (348,)),  # another byte order
        (40, "<h", (4,)),  # several volumes
        (42, "<h", (1,)),  # a plane
        (68, "<h", (1007,)),  # vectors
        (70, "<h", (128,)),  # colours
        (72, "<h", (8,)),  # bits that are not the type's
        (76, "<f", (0.0,)),  # neither right- nor left-handed
        (80, "<f", (float("nan"),)),
        (108, "<f", (351.0,)),  # begins inside the header
        (112, "<2f", (2.0, 0.0)),  # scaled
        (112, "<2f", (1.0, -5.0)),
        (123, "<B", (3,)),  # micrometres
        (252, "<2h", (0, 0)),  # no place in space
        (344, "<4s", (b"ni1\0",)),  # the voxels are in another file
    ],
)
def test_everything_else_is_left_to_the_libraries(tmp_path, place, form, numbers):
    raw = written(tmp_path / "a.nii", np.random.default_rng(2), 0)
    assert plain_volume(bytes(raw)) is not None
    struct.pack_into(form, raw, place, *numbers)
    assert plain_volume(bytes(raw)) is None


def test_a_file_cut_short_is_refused_in_words(tmp_path):
    raw = bytes(written(tmp_path / "a.nii", np.random.default_rng(3), 0))
    assert plain_volume(raw[:-1]) is None and plain_volume(raw[:100]) is None
    for name, content in (("b.nii", raw[:-1]), ("c.nii.gz", gzip.compress(raw)[:-20]), ("d.nii.gz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError, match="I002"):
            read_voxels(tmp_path / name)


def test_a_gzip_file_of_several_members_and_a_damaged_one():
    rng = np.random.default_rng(4)
    raw = rng.integers(0, 50, 4000, dtype=np.uint8).tobytes()
    half = gzip.compress(raw[:2000])
    assert inflated(half + gzip.compress(raw[2000:])) == raw
    assert inflated(half + half) == raw[:2000] * 2
    whole = gzip.compress(raw)
    with pytest.raises((igzip.BadGzipFile, EOFError)):
        inflated(whole[:-8] + b"\0" * 8)
    assert inflated(whole[:-4] + whole[-4:]) == raw and inflated(raw) == raw
    # a length that nothing of this size can have is not set aside in memory
    with pytest.raises((igzip.BadGzipFile, EOFError)):
        inflated(whole[:-4] + b"\xff" * 4)


@pytest.fixture
def large(tmp_path):
    """Write a volume of several pieces, with zeros from end to end of some of them; return its bytes and its path."""
    rng = np.random.default_rng(5)
    array = np.zeros((40, 100, 100), np.int16)
    array[2:6] = rng.integers(-900, 900, (4, 100, 100))
    array[35:] = rng.integers(-900, 900, (5, 100, 100))
    path = tmp_path / "large.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    raw = gzip.decompress(path.read_bytes())
    assert len(raw) > 3 * MADE
    return raw, array, path


def test_a_file_inflated_in_pieces_is_the_file(large):
    raw, array, path = large
    assert bytes(content_of(path)) == raw
    assert np.array_equal(read_voxels(path)[0], array)
    half = len(raw) // 2
    for content in (gzip.compress(raw[:half]) + gzip.compress(raw[half:]), gzip.compress(raw + b"more"), raw):
        path.write_bytes(content)
        assert bytes(content_of(path))[: len(raw)] == raw
        assert np.array_equal(read_voxels(path)[0], array)


@pytest.mark.parametrize("slices", [1, 4, 39, 40, 99])
def test_no_more_slices_are_inflated_than_asked_for(large, slices):
    raw, array, path = large
    found, grid = read_voxels(path, slices=slices)
    assert np.array_equal(found, array[:slices]) and grid == read_grid(path)
    assert len(content_of(path, slices)) == min(len(raw), len(raw) - array.nbytes + slices * array[0].nbytes)


def test_damage_is_refused_as_far_as_a_file_is_read(large):
    raw, array, path = large
    content = bytearray(path.read_bytes())
    path.write_bytes(content[:-50])
    for slices in (None, 6, 40):  # cut short: also behind what is read
        with pytest.raises(ImageError, match="I002"):
            read_voxels(path, slices=slices)
    content[-6] ^= 255  # the checksum
    path.write_bytes(content)
    for slices in (None, 40):
        with pytest.raises(ImageError, match="I002"):
            read_voxels(path, slices=slices)
    assert np.array_equal(read_voxels(path, slices=10)[0], array[:10])
    path.write_bytes(gzip.compress(raw[:-2]))  # sound, but not what the header says
    with pytest.raises(ImageError, match="I002"):
        read_voxels(path, slices=6)
