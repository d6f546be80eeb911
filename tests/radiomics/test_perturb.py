"""Perturbed masks and images: millimetres whatever the voxels, the volume kept, never an empty lesion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image, read_image, read_mask
from hybridx.radiomics.perturb_image import add_noise, move, noise_level
from hybridx.radiomics.perturb_mask import (
    grow,
    randomise_contour,
    randomise_supervoxels,
    resize,
)
from hybridx.radiomics.perturbations import Perturbation, draw_perturbations
from hybridx.radiomics.supervoxels import supervoxels
from hybridx.radiomics.surface_distance import signed_distance
from tests.measure.real_data import real

from .made_lesions import ball, hot


def volume_ml(mask: Image) -> float:
    return float((mask.array > 0).sum()) * mask.grid.voxel_ml


def dice(one: Image, other: Image) -> float:
    a, b = one.array > 0, other.array > 0
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.98, 0.98, 5.0), (4.0, 4.0, 3.0)])
@pytest.mark.parametrize("mm", [-5.0, 5.0])
def test_growth_is_in_millimetres_whatever_the_voxels(spacing, mm):
    mask = ball(20.0, spacing)
    grown = volume_ml(grow(mask, mm).mask)
    assert grown == pytest.approx(4.0 / 3.0 * np.pi * (20.0 + mm) ** 3 / 1000.0, rel=0.1)


def test_signed_distance_is_the_distance_to_the_faces():
    mask = ball(15.0, (1.0, 1.0, 2.0))
    z, y, x = (np.arange(n) for n in mask.array.shape)
    middle = [(n - 1) / 2 for n in mask.array.shape]
    radius = np.sqrt(
        (2.0 * (z[:, None, None] - middle[0])) ** 2
        + (y[None, :, None] - middle[1]) ** 2
        + (x[None, None, :] - middle[2]) ** 2
    )
    off = signed_distance(mask.array > 0, (2.0, 1.0, 1.0)) - (radius - 15.0)
    assert np.abs(off[radius > 3]).max() < 1.0  # a voxelled ball is no ball; an edge is up to 2 mm
    assert abs(np.mean(off)) < 0.15


@settings(max_examples=15, deadline=None)
@given(share=st.floats(-0.95, 0.95), radius=st.floats(3.0, 15.0))
def test_a_resized_lesion_has_the_volume_asked_for_and_the_same_middle(share, radius):
    mask = ball(radius)
    new = resize(mask, share).mask
    assert new.array.sum() == max(1, round(int(mask.array.sum()) * (1.0 + share)))
    inner, outer = (mask, new) if share >= 0 else (new, mask)
    assert (outer.array > 0)[inner.array > 0].all()


def test_a_flat_lesion_at_the_border_grows_where_there_is_room():
    array = np.zeros((4, 12, 12), np.uint8)
    array[0, 2:10, 2:10] = 1
    mask = Image(array, (2.0, 2.0, 5.0), modality="mask")
    assert resize(mask, 0.5).mask.array.sum() == 96
    tiny = Image(np.ones((1, 2, 2), np.uint8), (2.0, 2.0, 5.0), modality="mask")
    assert "reach out of the image" in resize(tiny, 1.0).reason
    with pytest.raises(SettingsError, match="above -1"):
        resize(mask, -1.0)


def test_dilation_contains_and_erosion_is_contained():
    mask = ball()
    before = mask.array > 0
    assert (grow(mask, 4.0).mask.array > 0)[before].all()
    assert before[grow(mask, -4.0).mask.array > 0].all()
    assert np.array_equal(grow(mask, 0.0).mask.array, mask.array)


def test_erosion_never_empties_a_lesion_and_says_so():
    found = grow(ball(6.0), -50.0)
    assert found.mask.array.any()
    assert "would leave nothing" in found.reason
    assert "less than half a voxel edge" in grow(ball(), 0.1).reason
    assert grow(ball(), -4.0).reason == ""


@pytest.mark.parametrize("mm", [float("nan"), float("inf")])
def test_impossible_distance(mm):
    with pytest.raises(SettingsError, match="not a finite distance"):
        grow(ball(), mm)


def test_empty_mask_is_refused():
    empty = ball().with_array(np.zeros_like(ball().array))
    for action in (
        lambda: grow(empty, 1.0),
        lambda: randomise_contour(empty, np.random.default_rng(0)),
        lambda: move(empty, empty),
        lambda: Perturbation(noise=1.0).apply(empty, empty),
    ):
        with pytest.raises(InputError, match="empty"):
            action()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), sd=st.floats(0.5, 3.0))
def test_a_smooth_contour_keeps_the_volume_to_the_voxel(seed, sd):
    mask = ball(14.0)
    new = randomise_contour(mask, np.random.default_rng(seed), sd_mm=sd).mask
    assert new.array.sum() == mask.array.sum()
    assert dice(mask, new) > 0.5


def test_the_contour_moves_by_the_standard_deviation_asked_for():
    mask = ball(14.0, (1.0, 1.0, 1.0), pad_mm=10.0)
    before = signed_distance(mask.array > 0, (1.0, 1.0, 1.0), 8.0)
    moved = []
    for seed in range(10):
        new = randomise_contour(mask, np.random.default_rng(seed), sd_mm=2.0, length_mm=8.0).mask.array > 0
        edge = np.abs(signed_distance(new, (1.0, 1.0, 1.0), 1.0)) < 1.0
        moved.append(before[edge])
    assert np.std(np.concatenate(moved)) == pytest.approx(2.0, rel=0.25)


def test_lengths_of_a_contour_are_checked():
    with pytest.raises(SettingsError, match="0 < sd_mm <= length_mm"):
        randomise_contour(ball(), np.random.default_rng(0), sd_mm=3.0, length_mm=2.0)


def test_supervoxels_do_not_cross_an_edge_of_intensity():
    mask = ball(15.0)
    image = hot(mask, noise=0.0)
    labels = supervoxels(image.array, np.ones(mask.array.shape, bool), (3.0, 2.0, 2.0), 8.0)
    shares = np.bincount(labels.ravel(), weights=mask.array.ravel()) / np.bincount(labels.ravel())
    assert set(np.unique(shares)) <= {0.0, 1.0}
    edges = np.bincount(labels.ravel()) * mask.grid.voxel_ml
    assert np.median(edges) == pytest.approx(0.512, rel=0.5)


def test_a_contour_that_the_image_draws_stays_and_one_it_does_not_wanders():
    mask = ball(15.0)
    sharp = randomise_supervoxels(hot(mask, noise=0.01), mask, np.random.default_rng(0)).mask
    vague = [
        randomise_supervoxels(hot(mask, uptake=0.0), mask, np.random.default_rng(seed)).mask
        for seed in range(4)
    ]
    assert dice(mask, sharp) > 0.99
    assert 0.5 < np.mean([dice(mask, one) for one in vague]) < 0.95
    assert dice(vague[0], vague[1]) < 0.99


def test_tiny_and_flat_lesions_survive_supervoxels():
    array = np.zeros((9, 9, 9), np.uint8)
    array[4, 4, 4] = 1
    mask = Image(array, (2.0,) * 3, modality="mask")
    flat = Image(np.full((9, 9, 9), 3.0, np.float32), (2.0,) * 3, modality="pet")
    for seed in range(5):
        found = randomise_supervoxels(flat, mask, np.random.default_rng(seed))
        assert found.mask.array.any()
        assert found.reason == "" or "no supervoxel" in found.reason


@pytest.mark.parametrize("sd", [0.0, 2.0, 20.0])
def test_noise_level_finds_what_was_added(sd):
    mask = ball(15.0, (1.0, 1.0, 2.0))
    image = hot(mask, uptake=100.0, noise=sd, modality="ct")
    assert noise_level(image, mask) == pytest.approx(sd, rel=0.05, abs=0.3)


def test_noise_is_added_with_its_level():
    image = hot(ball(), noise=0.0)
    noisy = add_noise(image, np.random.default_rng(0), 0.7)
    assert np.std(noisy.array - image.array) == pytest.approx(0.7, rel=0.02)
    with pytest.raises(SettingsError, match="not a standard deviation"):
        add_noise(image, np.random.default_rng(0), -1.0)


def test_a_shift_by_a_whole_voxel_is_a_shift_of_the_array():
    mask = ball()
    image = hot(mask)
    moved, new = move(image, mask, voxels=(1.0, 0.0, -2.0))
    inner = (slice(4, -4),) * 3
    assert np.allclose(moved.array[inner], np.roll(image.array, (-2, 0, 1), (0, 1, 2))[inner], atol=1e-4)
    assert np.array_equal(new.mask.array, np.roll(mask.array, (-2, 0, 1), (0, 1, 2)))


def test_a_quarter_turn_is_a_turn_of_the_array():
    mask = ball(10.0, (2.0, 2.0, 3.0))
    array = np.zeros_like(mask.array)
    z, y, x = (n // 2 for n in array.shape)
    array[z, y - 2 : y + 3, x - 6 : x + 7] = 1
    bar = mask.with_array(array)
    moved, new = move(hot(bar, noise=0.0), bar, degrees=90.0)
    assert np.array_equal(new.mask.array, np.rot90(array, 1, (1, 2)))
    assert new.mask.array.sum() == array.sum()
    assert moved.array[new.mask.array > 0].min() > 6.5


def test_turning_there_and_back_keeps_the_mean():
    mask = ball(14.0, (0.98, 0.98, 5.0))
    image = hot(mask, noise=0.0)
    turned, new = move(image, mask, degrees=17.0, margin_mm=20.0)
    assert new.mask.modality == "mask"
    assert turned.modality == "pet"
    assert volume_ml(new.mask) == pytest.approx(volume_ml(mask), rel=0.03)
    assert turned.array[new.mask.array > 0].mean() == pytest.approx(7.0, rel=0.04)


def test_an_oblique_volume_turns_within_its_own_slices():
    mask = ball()
    tilted = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0)  # coronal slices
    oblique = Image(mask.array, mask.spacing, mask.origin, tilted, "mask")
    plain, there = move(hot(mask), mask, degrees=30.0, voxels=(0.3, 0.1, 0.2))
    other, here = move(hot(oblique), oblique, degrees=30.0, voxels=(0.3, 0.1, 0.2))
    assert np.allclose(plain.array, other.array, atol=1e-3)
    assert np.array_equal(there.mask.array, here.mask.array)


def test_a_lesion_of_one_voxel_survives_a_shift_by_half():
    array = np.zeros((9, 9, 9), np.uint8)
    array[4, 4, 4] = 1
    mask = Image(array, (2.0,) * 3, modality="mask")
    _, found = move(hot(mask), mask, voxels=(0.5, 0.5, 0.5))
    assert found.mask.array.any()
    assert "no voxel would lie in the lesion by half" in found.reason


def test_a_chain_is_deterministic_and_cut_out():
    mask = ball(12.0, pad_mm=80.0)
    image = hot(mask)
    chain = draw_perturbations(2, seed=3)
    first, again = chain[0].apply(image, mask), chain[0].apply(image, mask)
    other = chain[1].apply(image, mask)
    assert np.array_equal(first.image.array, again.image.array)
    assert np.array_equal(first.mask.array, again.mask.array)
    assert first.image.grid == first.mask.grid
    assert first.image.array.size < image.array.size / 4
    assert not np.array_equal(first.image.array[:5, :5, :5], other.image.array[:5, :5, :5])


def test_a_chain_without_change_keeps_the_voxels():
    mask = ball()
    image = hot(mask)
    same = Perturbation().apply(image, mask)
    assert Perturbation().changes_nothing
    assert np.array_equal(same.image.array[same.mask.array > 0], image.array[mask.array > 0])
    assert same.reasons == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Perturbation(contour="supervoxel"), "Did you mean 'supervoxels'"),
        (lambda: Perturbation(noise=-1.0), "noise=-1.0 is not a possible value"),
        (lambda: Perturbation(resize=-1.0), "resize=-1.0 is not a possible value"),
        (lambda: Perturbation(voxels=(1.0, 2.0)), "shift along x, y and z"),
        (lambda: draw_perturbations(1), "at least 2"),
        (lambda: draw_perturbations(3, degrees=-1.0), "bound to either side"),
    ],
)
def test_what_cannot_be_asked_for(call, message):
    with pytest.raises(SettingsError, match=message):
        call()


def test_another_grid_is_refused():
    mask = ball()
    image = hot(ball(12.0, (1.0, 1.0, 1.0)))
    with pytest.raises(InputError, match="resample it first"):
        move(image, mask)
    with pytest.raises(InputError, match="resample it first"):
        randomise_supervoxels(image, mask, np.random.default_rng(0))


# mean Dice of MIRP's redrawn contours with the mask as drawn: tests/reference/perturbations_mirp.py
@pytest.mark.parametrize(("patient", "peer"), [("STS_001", 0.894), ("STS_002", 0.812), ("STS_004", 0.877)])
def test_contours_of_real_lesions_wander_as_far_as_mirp_s(patient, peer):
    folder = real("sts", "nifti", patient)
    image = read_image(folder / "PET_image.nii.gz", "pet")
    mask = read_mask(folder / "PET_mask.nii.gz", image)
    drawn = [randomise_supervoxels(image, mask, np.random.default_rng(seed)).mask for seed in range(6)]
    assert np.mean([dice(mask, one) for one in drawn]) == pytest.approx(peer, abs=0.05)
    assert np.mean([volume_ml(one) for one in drawn]) == pytest.approx(volume_ml(mask), rel=0.08)
