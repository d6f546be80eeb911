"""Studies that are hard to believe: shifted, wrongly scaled, masks in the air; and those that are not."""

import dataclasses

import numpy as np
import pytest

from hybridx.imaging import Image, read_image, read_mask
from hybridx.imaging.outline import alignment, body_outline
from hybridx.imaging.quality import quality_faults
from tests.measure.real_data import real


def study(*, shift=(0.0, 0.0, 0.0), scale=1.0, air=-1000.0, pet_slices=40):
    """Return CT, PET and masks of an oval trunk with shoulders and one lesion, on two grids."""

    def body(grid):
        z, y, x = np.indices(grid.array.shape)
        points = grid.grid.points(np.column_stack([x.ravel(), y.ravel(), z.ravel()]))
        u, v, w = points.T
        wide = 110.0 + 40.0 * np.clip((w - 60.0) / 60.0, 0.0, 1.0)
        inside = ((u / wide) ** 2 + (v / 80.0) ** 2 <= 1.0) & (w > -50.0)
        lesion = (u - 30.0) ** 2 + (v - 10.0) ** 2 + (w - 40.0) ** 2 <= 15.0**2
        return inside.reshape(z.shape), lesion.reshape(z.shape)

    rng = np.random.default_rng(0)
    ct = Image(np.zeros((56, 66, 90), np.float32), (4.0, 4.0, 4.0), (-178.0, -130.0, -60.0), modality="ct")
    inside, lesion = body(ct)
    ct = ct.with_array(np.where(inside, 40.0, air).astype(np.float32))
    pet = Image(
        np.zeros((pet_slices, 52, 70), np.float32), (5.0, 5.0, 5.0), (-172.0, -128.0, -55.0), modality="pet"
    )
    warm, hot = body(pet)
    values = np.where(hot, 8.0, np.where(warm, 1.0, 0.0)) * (1.0 + 0.1 * rng.standard_normal(warm.shape))
    pet = pet.with_array((scale * values).astype(np.float32))
    moved = dataclasses.replace(pet, origin=tuple(np.add(pet.origin, shift)))
    masks = {
        "ct": Image(lesion.astype(np.uint8), ct.spacing, ct.origin, modality="mask"),
        "pet": Image(hot.astype(np.uint8), moved.spacing, moved.origin, modality="mask"),
    }
    return {"ct": ct, "pet": moved}, masks


def codes(images, masks):
    return sorted(one.code for _, one in quality_faults(images, masks))


def test_a_plausible_study_has_nothing_to_say():
    assert codes(*study()) == []


@pytest.mark.parametrize("shift", [(20.0, 0.0, 0.0), (0.0, -25.0, 0.0), (-15.0, 15.0, 0.0)])
def test_a_shifted_pet_is_seen_with_its_shift(shift):
    images, masks = study(shift=shift)
    found = alignment(images["ct"], images["pet"])
    np.testing.assert_allclose(found.shift_mm, np.negative(shift), atol=5.0)
    assert "I026" in codes(images, masks)


def test_a_small_shift_is_breathing():
    assert codes(*study(shift=(5.0, 0.0, 0.0))) == []


@pytest.mark.parametrize(("scale", "code"), [(20.0, "I029"), (0.08, "I029"), (1.4, None)])
def test_uptake_that_no_body_has(scale, code):
    assert codes(*study(scale=scale)) == ([code] if code else [])


def test_air_that_is_none():
    assert codes(*study(air=-500.0)) == ["I028"]
    assert codes(*study(air=-3024.0)) == []  # padding outside the scanner's circle


def test_a_ct_that_ends_before_the_pet():
    images, masks = study(pet_slices=80)
    assert "I027" in codes(images, masks)


def test_a_mask_in_the_air():
    images, masks = study()
    away = np.roll(masks["ct"].array, 45, axis=2)
    assert codes(images, masks | {"ct": masks["ct"].with_array(away)}) == ["I030"]
    assert codes(
        images, masks | {"pet": masks["pet"].with_array(np.roll(masks["pet"].array, 30, axis=2))}
    ) == ["I030"]


def test_crops_inside_the_body_have_no_outline_and_no_alarm():
    images, _ = study()
    part = (slice(20, 34), slice(26, 40), slice(40, 60))
    ct = Image(images["ct"].array[part], (4.0,) * 3, (-18.0, -26.0, 20.0), modality="ct")
    assert body_outline(ct) is None
    assert codes({"ct": ct}, {}) == []


def test_air_alone_has_no_outline():
    assert body_outline(Image(np.full((8, 8, 8), -1000.0, np.float32), (4.0,) * 3, modality="ct")) is None
    assert body_outline(Image(np.zeros((8, 8, 8), np.float32), (4.0,) * 3, modality="pet")) is None


@pytest.mark.slow
def test_no_alarm_on_real_sarcoma_studies_but_for_what_is_there():
    folder = real("sts", "nifti")
    alarms = []
    for place in sorted(folder.iterdir())[:12]:
        images = {m: read_image(place / f"{m.upper()}_image.nii.gz", m) for m in ("ct", "pet")}
        masks = {m: read_mask(place / f"{m.upper()}_mask.nii.gz", images[m]) for m in ("ct", "pet")}
        alarms += codes(images, masks)
    assert alarms == []
