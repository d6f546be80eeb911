"""Deep features: the box lies where it should, in the units it should, and says what it could not cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.demo.anatomy import Anatomy
from hybridx.demo.lesions import Lesion
from hybridx.demo.phantom import draw_phantom
from hybridx.demo.scanners import SCANNERS, Scanner
from hybridx.errors import ExtractionError
from hybridx.imaging import Image, Study
from hybridx.measure.deep import deep_feature_rows, deep_features, lacking, main_lesion, make_patch
from hybridx.measure.encoder import DeepEncoder

LESION = Lesion(
    "left upper lobe", (72.0, -10.0, 116.0), radius_mm=20.0, uptake=10.0, heterogeneity=0.4, texture=5
)
REACH = 80.0


def study_of(
    lesion: Lesion = LESION, scanner: Scanner = SCANNERS[0], seed: int = 0, reach: float = REACH
) -> Study:
    region = (np.subtract(LESION.centre, reach), np.add(LESION.centre, reach))
    phantom = draw_phantom(Anatomy(), [lesion], scanner, np.random.default_rng(seed), region=region)
    images, masks = {}, {}
    for name, array, mask, grid in (
        ("pet", phantom.pet, phantom.pet_mask, phantom.pet_grid),
        ("ct", phantom.ct, phantom.ct_mask, phantom.ct_grid),
    ):
        images[name] = Image(array, grid.spacing, grid.origin, modality=name)
        masks[name] = Image(mask.astype(np.uint8), grid.spacing, grid.origin, modality="mask")
    return Study("P001", 1, images, masks)


def moved(image: Image, shift: tuple[float, float, float]) -> Image:
    return replace(image, origin=tuple(o + s for o, s in zip(image.origin, shift, strict=True)))


def flipped(image: Image) -> Image:
    """Store the same voxels from left to right: another array and header, the same patient."""
    grid = image.grid
    first = grid.points([[grid.size[0] - 1, 0, 0]])[0]
    direction = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return replace(image, array=image.array[:, :, ::-1].copy(), origin=tuple(first), direction=direction)


def changed(study: Study, how: object) -> Study:
    return replace(
        study,
        images={k: how(v) for k, v in study.images.items()},  # type: ignore[operator]
        masks={k: how(v) for k, v in study.masks.items()},  # type: ignore[operator]
    )


@pytest.fixture(scope="module")
def encoder() -> DeepEncoder:
    return DeepEncoder.load()


@pytest.fixture(scope="module")
def study() -> Study:
    return study_of()


def test_the_box_is_in_suv_and_hu_around_the_lesion(study: Study) -> None:
    patch = make_patch(study)
    assert patch.array.shape == (3, 32, 32, 32)
    assert patch.array.dtype == np.float16
    np.testing.assert_allclose(patch.centre_mm, LESION.centre, atol=3.0)
    pet, ct, mask = patch.array.astype(float)
    volume = mask.sum() * 0.027
    assert volume == pytest.approx(
        study.masks["pet"].array.sum() * study.masks["pet"].grid.voxel_ml, rel=0.02
    )
    inside = mask > 0.99
    assert pet[inside].mean() == pytest.approx(10.0, rel=0.15)
    assert np.median(ct[inside]) == pytest.approx(42.0, abs=12.0)
    assert ct[:, :, 0].min() < -700  # the lung beside it
    assert patch.lesion_inside > 0.99
    assert patch.covered == {"pet": 1.0, "ct": 1.0}


def test_the_box_does_not_depend_on_how_the_file_stores_it(study: Study) -> None:
    straight, mirrored = make_patch(study), make_patch(changed(study, flipped))
    np.testing.assert_allclose(mirrored.centre_mm, straight.centre_mm, atol=1e-6)
    for channel, tolerance in enumerate((0.05, 1.0, 0.01)):
        difference = straight.array[channel].astype(float) - mirrored.array[channel]
        assert np.abs(difference).max() < tolerance, channel


def test_moving_the_patient_on_the_table_changes_nothing(study: Study, encoder: DeepEncoder) -> None:
    there = make_patch(changed(study, lambda image: moved(image, (13.7, -8.2, 101.3))))
    here = make_patch(study)
    np.testing.assert_allclose(np.subtract(there.centre_mm, here.centre_mm), (13.7, -8.2, 101.3), atol=1e-6)
    a, b = encoder.encode([here.array, there.array])
    np.testing.assert_allclose(a, b, atol=0.02)  # rounding to float16 after resampling


def test_a_box_a_little_off_centre_gives_nearly_the_same_features(study: Study, encoder: DeepEncoder) -> None:
    """A contour drawn a little differently moves the centre; against other lesions that must be a small change."""
    here = make_patch(study).array
    shifted = np.roll(
        here, (1, 1, 1), axis=(1, 2, 3)
    )  # 5 mm; what enters at the edge comes from the other side
    others = [
        make_patch(study_of(replace(LESION, uptake=4.0, texture=6), seed=1)).array,
        make_patch(study_of(replace(LESION, radius_mm=10.0, density_hu=80.0), seed=2)).array,
    ]
    base, near, *far = encoder.encode([here, shifted, *others])
    assert np.linalg.norm(near - base) < 0.35 * min(np.linalg.norm(other - base) for other in far)


def test_another_scanner_matters_less_than_another_lesion(encoder: DeepEncoder) -> None:
    other = replace(LESION, uptake=4.0, radius_mm=13.0, texture=6)
    rows = encoder.encode(
        [make_patch(study_of(lesion, scanner)).array for lesion in (LESION, other) for scanner in SCANNERS]
    )
    between_scanners = max(np.linalg.norm(rows[0] - rows[1]), np.linalg.norm(rows[2] - rows[3]))
    between_lesions = min(np.linalg.norm(rows[0] - rows[2]), np.linalg.norm(rows[1] - rows[3]))
    assert between_scanners < 0.6 * between_lesions


def test_the_largest_lesion_is_in_the_middle() -> None:
    array = np.zeros((20, 20, 20), dtype=np.uint8)
    array[2:4, 2:4, 2:4] = 1
    array[10:15, 10:15, 10:15] = 1
    mask = Image(array, (2.0, 3.0, 4.0), (100.0, 200.0, 300.0), modality="mask")
    assert main_lesion(mask) == pytest.approx((124.0, 236.0, 348.0))


def test_it_says_what_lies_outside_the_box_and_the_scan(study: Study) -> None:
    large = study_of(replace(LESION, radius_mm=65.0, irregularity=0.0))
    assert make_patch(large).lesion_inside < 0.9
    ct = study.images["ct"]
    short = replace(ct, array=ct.array[ct.array.shape[0] // 2 :], origin=(*ct.origin[:2], LESION.centre[2]))
    patch = make_patch(replace(study, images={**study.images, "ct": short}))
    assert 0.4 < patch.covered["ct"] < 0.6
    assert patch.covered["pet"] == 1.0
    assert (patch.array[1, :8] == -1000).all()


def test_a_scan_of_another_place_is_air() -> None:
    study = study_of()
    away = moved(study.images["ct"], (5000.0, 0.0, 0.0))
    patch = make_patch(replace(study, images={**study.images, "ct": away}))
    assert patch.covered["ct"] == 0.0
    assert (patch.array[1] == -1000).all()


def test_a_fine_ct_is_averaged_not_sampled(study: Study) -> None:
    rng = np.random.default_rng(0)
    noise = (100 * rng.standard_normal((160, 160, 160))).astype(np.float32)
    fine = Image(noise, (1.0, 1.0, 1.0), tuple(c - 80 for c in LESION.centre), modality="ct")
    patch = make_patch(replace(study, images={**study.images, "ct": fine}))
    assert patch.array[1].astype(float).std() < 25  # plain sampling would leave about 70


@pytest.mark.parametrize("name", ["pet", "ct"])
def test_a_study_without_pet_or_ct_is_not_encoded(study: Study, name: str) -> None:
    rest = replace(study, images={k: v for k, v in study.images.items() if k != name})
    assert lacking(rest) == (name,)
    with pytest.raises(ExtractionError, match=rf"need PET, CT and a mask; this study lacks {name}\."):
        make_patch(rest)


def test_one_mask_is_enough_but_there_must_be_one(study: Study) -> None:
    only_ct = replace(study, masks={"ct": study.masks["ct"]})
    assert lacking(only_ct) == ()
    np.testing.assert_allclose(make_patch(only_ct).centre_mm, make_patch(study).centre_mm, atol=2.0)
    assert lacking(replace(study, masks={})) == ("mask",)


def test_an_empty_mask_is_a_reason(study: Study) -> None:
    empty = replace(study.masks["pet"], array=np.zeros_like(study.masks["pet"].array))
    with pytest.raises(ExtractionError, match="The mask is empty"):
        make_patch(replace(study, masks={"pet": empty}))


def test_columns_and_provenance_belong_together(study: Study, encoder: DeepEncoder) -> None:
    values, rows = deep_features(make_patch(study), encoder), deep_feature_rows(encoder)
    assert [f"deep.{name}" for name in values] == rows["column"].to_list()
    assert rows.schema == FEATURE_SCHEMA
    assert set(rows["version"]) == {encoder.version}
    assert all(np.isfinite(list(values.values())))
