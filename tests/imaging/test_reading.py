"""What is read is what was written, and what cannot be meant is refused with its code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import SimpleITK as sitk

from hybridx.errors import HybridxWarning, InputError
from hybridx.imaging import ImageError, read_grid, read_image, read_mask, write_image
from hybridx.imaging.faults import CATALOGUE
from hybridx.imaging.reading import read_checked
from tests.imaging.volumes import OBLIQUE, ball, noise, save


def codes(error):
    return [one.code for one in error.value.faults]


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd", "mha"])
def test_round_trip_on_disk(tmp_path, ending):
    image = noise(origin=(-20.0, 5.0, 100.0), direction=OBLIQUE)
    path = save(tmp_path, f"image.{ending}", image)
    back = read_image(path, "pet")
    assert back.array.tobytes() == image.array.tobytes()
    assert back.grid.same(image.grid) and image.grid.same(read_grid(path))
    assert back.unit == "SUVbw"


def test_nifti_is_not_turned_into_ras(tmp_path):
    nib = pytest.importorskip("nibabel")
    image = noise(origin=(-20.0, 5.0, 100.0))
    affine = nib.load(save(tmp_path, "a.nii.gz", image)).affine
    np.testing.assert_allclose(affine[:3, 3], [20.0, -5.0, 100.0])  # NIfTI is RAS, we are LPS
    np.testing.assert_allclose(np.diag(affine)[:3], [-4.0, -4.0, 3.0])


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_voxels_are_seen(tmp_path, ending, bad):
    image = noise()
    image.array[2, 3, 4] = bad
    with pytest.raises(ImageError, match="1 voxel") as error:
        read_image(save(tmp_path, f"image.{ending}", image), "pet")
    assert codes(error) == ["I004"]


def test_missing_unreadable_and_flat(tmp_path):
    with pytest.raises(ImageError, match="no such file") as error:
        read_image(tmp_path / "nothing.nii.gz")
    assert codes(error) == ["I001"]
    text = tmp_path / "text.nii.gz"
    text.write_text("not an image")
    with pytest.raises(ImageError) as error:
        read_image(text)
    assert codes(error) == ["I002"]
    image = noise()
    with pytest.raises(ImageError) as error:
        read_image(save(tmp_path, "flat.nii.gz", image.with_array(np.zeros_like(image.array))), "pet")
    assert codes(error) == ["I018"]


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd"])
@pytest.mark.parametrize("kind", ["float32", "int16"])
@pytest.mark.parametrize("share", [0.2, 0.95])
def test_a_file_cut_short_is_no_image(tmp_path, ending, kind, share):
    volume = sitk.GetImageFromArray((noise((20, 20, 20)).array * 100).astype(kind))
    cut = tmp_path / f"cut.{ending}"
    sitk.WriteImage(volume, str(cut))
    content = cut.read_bytes()
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError) as error:
        read_image(cut)
    assert codes(error) == ["I002"]


def test_scaled_integers_read_as_itk_reads_them(tmp_path):
    nib = pytest.importorskip("nibabel")
    stored = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    scaled = nib.Nifti1Image(stored, np.diag([2.0, 3.0, 4.0, 1.0]))
    scaled.header.set_slope_inter(0.5, -10.0)
    nib.save(scaled, tmp_path / "scaled.nii.gz")
    wanted = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "scaled.nii.gz")))
    read = read_image(tmp_path / "scaled.nii.gz")
    np.testing.assert_allclose(read.array, wanted, rtol=1e-6)
    assert read.array.shape == (6, 5, 4) and read.spacing == (2.0, 3.0, 4.0)


def test_only_one_volume_of_numbers(tmp_path):
    flat = sitk.Image([8, 8], sitk.sitkFloat32)
    sitk.WriteImage(flat, str(tmp_path / "flat.nii.gz"))
    colour = sitk.Image([8, 8, 8], sitk.sitkVectorFloat32, 3)
    sitk.WriteImage(colour, str(tmp_path / "colour.nrrd"))
    film = sitk.JoinSeries([noise().to_sitk()] * 2)
    sitk.WriteImage(film, str(tmp_path / "film.nii.gz"))
    for name in ("flat.nii.gz", "colour.nrrd", "film.nii.gz"):
        with pytest.raises(ImageError) as error:
            read_image(tmp_path / name)
        assert codes(error) == ["I003"], name
    sitk.WriteImage(sitk.JoinSeries([noise().to_sitk()]), str(tmp_path / "frame.nii.gz"))
    assert read_image(tmp_path / "frame.nii.gz").array.shape == (9, 10, 11)


def test_impossible_geometry(tmp_path):
    with pytest.raises(ImageError, match=r"0\.004 x 0\.004 x 0\.003 mm") as error:
        read_image(save(tmp_path, "metres.nii.gz", noise(spacing=(0.004, 0.004, 0.003))))
    assert codes(error) == ["I005"]
    sheared = sitk.GetImageFromArray(noise().array)
    path = tmp_path / "sheared.mha"
    sitk.WriteImage(sheared, str(path))
    header = path.read_bytes().replace(b"1 0 0 0 1 0 0 0 1", b"1 .4 0 0 1 0 0 0 1")
    path.write_bytes(header)
    with pytest.raises(ImageError) as error:
        read_image(path)
    assert codes(error)[0] in ("I006", "I002")


@pytest.mark.parametrize(
    ("modality", "change", "code"),
    [
        ("pet", lambda a: a * 5000, "I014"),
        ("pet", lambda a: np.where(a == a.max(), 900, a), "I021"),
        ("pet", lambda a: a - 5, "I021"),
        ("ct", lambda a: a * 1e4, "I015"),
        ("ct", np.abs, "I022"),
    ],
)
def test_values_that_cannot_be_this_modality(tmp_path, modality, change, code):
    image = noise(modality=modality)
    path = save(tmp_path, "image.nii.gz", image.with_array(change(image.array).astype(np.float32)))
    if CATALOGUE[code][0] == "error":
        with pytest.raises(ImageError) as error:
            read_image(path, modality)
        assert codes(error) == [code]
    else:
        assert [one.code for one in read_checked(path, modality)[1]] == [code]
    assert read_checked(path)[1] == [], "without a modality nothing is assumed"


def test_a_mask_is_the_lesion_on_the_images_grid(tmp_path):
    image = noise(direction=OBLIQUE)
    mask = ball(image)
    path = save(tmp_path, "mask.nii.gz", mask.with_array(mask.array * 7))
    read = read_mask(path, image)
    assert read.grid == image.grid and read.is_mask
    assert (read.array == mask.array).all()


def test_labels(tmp_path):
    image = noise()
    array = ball(image).array * 2
    array[0, 0, 0] = 5
    path = save(tmp_path, "labels.nii.gz", ball(image).with_array(array))
    with pytest.raises(ImageError, match="labels 2, 5") as error:
        read_mask(path, image)
    assert codes(error) == ["I008"]
    assert read_mask(path, image, label=2).array.sum() == ball(image).array.sum()
    with pytest.raises(ImageError) as error:
        read_mask(path, image, label=3)
    assert (codes(error), error.value.faults[0].column) == (["I009"], "label")


@pytest.mark.parametrize(("value", "code"), [(0, "I007"), (1, "I013")])
def test_empty_and_full_masks(tmp_path, value, code):
    image = noise()
    with pytest.raises(ImageError) as error:
        read_mask(
            save(tmp_path, "m.nii.gz", ball(image).with_array(np.full(image.array.shape, value, np.uint8))),
            image,
        )
    assert codes(error) == [code]


def test_one_voxel_is_a_warning(tmp_path):
    image = noise()
    array = np.zeros(image.array.shape, np.uint8)
    array[4, 4, 4] = 1
    with pytest.warns(HybridxWarning, match="I012"):
        read_mask(save(tmp_path, "m.nii.gz", ball(image).with_array(array)), image)


def test_rounding_in_a_header_is_no_other_grid(tmp_path):
    image = noise(origin=(-20.0, 5.0, 100.0))
    shifted = ball(noise(origin=(-20.001, 5.0, 100.003)))
    assert read_mask(save(tmp_path, "m.nii.gz", shifted), image).origin == image.origin


def test_a_mask_drawn_on_the_ct_fits_the_pet_knowingly(tmp_path):
    pet, ct = noise(), noise((14, 20, 22), "ct", (2.0, 2.0, 2.0))
    path = save(tmp_path, "m.nii.gz", ball(ct, 9.0))
    with pytest.warns(HybridxWarning, match="I011"):
        moved = read_mask(path, pet, also=[ct])
    assert moved.grid == pet.grid
    volume = [float(m.array.sum()) * m.grid.voxel_ml for m in (moved, ball(ct, 9.0))]
    assert volume[0] == pytest.approx(
        volume[1], rel=0.15
    )  # a 3 mL ball in voxels of 0.05 mL: the surface is a third
    with pytest.raises(ImageError, match="belongs to this patient") as error:
        read_mask(path, pet)
    assert codes(error) == ["I010"]


def test_a_fault_tells_what_got_wanted_and_cure_and_crosses_processes(tmp_path):
    with pytest.raises(InputError) as error:
        read_image(tmp_path / "nothing.nii.gz")
    copy = pickle.loads(pickle.dumps(error.value))
    assert copy.faults == error.value.faults
    text = str(copy)
    assert all(
        words in text for words in ("I001", "'nothing.nii.gz'", "wanted an existing file", "Correct the path")
    )


def test_writing_is_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError):
        write_image(noise(), tmp_path / "image.nonsense")
    assert list(tmp_path.iterdir()) == []
