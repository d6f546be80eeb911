"""Two outlines against each other: identities, known shifts, and what is not defined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image, agreement, consensus

SPACING = (2.0, 2.0, 3.0)


def mask(array, **more):
    return Image(np.asarray(array).astype(np.uint8), SPACING, modality="mask", **more)


def ball(centre=(20, 30, 30), radius=18.0, shape=(40, 60, 60)):
    z, y, x = np.indices(shape)
    away = ((z - centre[0]) * 3.0) ** 2 + ((y - centre[1]) * 2.0) ** 2 + ((x - centre[2]) * 2.0) ** 2
    return away <= radius**2


def test_identity():
    found = agreement(mask(ball()), mask(ball()))
    assert (found.dice, found.surface_dice, found.hausdorff95_mm) == (1.0, 1.0, 0.0)
    assert (found.volume_error_ml, found.lesion_sensitivity, found.lesion_precision) == (0.0, 1.0, 1.0)


def test_a_shifted_ball_has_the_dice_of_two_spheres_and_its_shift_as_distance():
    shift, radius = 4.0, 18.0
    found = agreement(mask(np.roll(ball(), 2, axis=2)), mask(ball()))
    lens = np.pi * (4 * radius + shift) * (2 * radius - shift) ** 2 / 12
    assert found.dice == pytest.approx(lens / (4 / 3 * np.pi * radius**3), abs=0.01)
    assert found.hausdorff95_mm == pytest.approx(shift, abs=0.3)
    # surface-distance-based-measures 0.1 gives 0.796165
    assert found.surface_dice == pytest.approx(0.796165, abs=1e-4)


def test_volume_error_has_a_sign():
    larger, smaller = mask(ball(radius=20.0)), mask(ball(radius=16.0))
    assert agreement(larger, smaller).volume_error_percent == pytest.approx(
        100 * (20**3 / 16**3 - 1), rel=0.05
    )
    assert agreement(smaller, larger).volume_error_ml < 0


def test_lesions_found_and_invented():
    reference = ball((10, 15, 15), 8) | ball((30, 45, 45), 8) | ball((30, 15, 45), 8)
    drawn = ball((10, 15, 16), 8) | ball((30, 45, 45), 4) | ball((10, 45, 15), 6)
    found = agreement(mask(drawn), mask(reference))
    assert (found.n_reference, found.n_lesions) == (3, 3)
    assert (found.lesion_sensitivity, found.lesion_precision) == pytest.approx((2 / 3, 2 / 3))
    assert agreement(mask(drawn), mask(reference), overlap=0.5).lesion_sensitivity == pytest.approx(1 / 3)


def test_empty_outlines():
    nothing = mask(np.zeros((40, 60, 60)))
    found = agreement(nothing, mask(ball()))
    assert (found.dice, found.surface_dice, found.hausdorff95_mm) == (0.0, 0.0, np.inf)
    assert np.isnan(found.lesion_precision)
    assert found.lesion_sensitivity == 0.0
    both = agreement(nothing, nothing)
    assert np.isnan([both.dice, both.surface_dice, both.hausdorff95_mm, both.volume_error_percent]).all()
    assert both.table().height == 12


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.6))
def test_bounds_and_symmetry(seed, share):
    rng = np.random.default_rng(seed)
    one, two = (mask(rng.random((5, 6, 7)) < share) for _ in range(2))
    here, there = agreement(one, two), agreement(two, one)
    assert here.dice == there.dice or np.isnan([here.dice, there.dice]).all()
    np.testing.assert_allclose(here.surface_dice, there.surface_dice, rtol=1e-9)
    np.testing.assert_allclose(here.hausdorff95_mm, there.hausdorff95_mm, rtol=1e-9)
    assert np.isnan(here.dice) or 0.0 <= here.dice <= 1.0
    np.testing.assert_equal(here.lesion_sensitivity, there.lesion_precision)


def test_refusals():
    with pytest.raises(InputError, match="resample"):
        agreement(mask(ball()), mask(ball(), origin=(5.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="tolerance_mm=0"):
        agreement(mask(ball()), mask(ball()), tolerance_mm=0)
    with pytest.raises(InputError, match="needs at least 3"):
        consensus([mask(ball())] * 2, "majority")
    with pytest.raises(InputError, match="Nobody"):
        consensus([mask(np.zeros((4, 4, 4)))] * 2)
    with pytest.raises(InputError, match="resample it first"):
        consensus([mask(ball()), mask(ball(), origin=(5.0, 0.0, 0.0))])
    with pytest.raises(SettingsError, match="staple"):
        consensus([mask(ball())] * 2, "stapel")


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_a_consensus_of_good_readers_beats_the_bad_one(method):
    rng = np.random.default_rng(0)
    truth = ball()
    readers = []
    for flips in (0.02, 0.02, 0.02, 0.3, 0.02):
        noise = rng.random(truth.shape) < flips
        readers.append(mask(np.where(noise & ball(radius=24.0), ~truth, truth)))
    found = consensus(readers, method)
    assert agreement(found.mask, mask(truth)).dice > 0.99
    assert found.readers["sensitivity"].arg_min() == 3
    assert found.readers["reader"].to_list() == [1, 2, 3, 4, 5]


def test_identical_readers_are_their_own_consensus():
    found = consensus([mask(ball())] * 3, "majority")
    np.testing.assert_array_equal(found.mask.array, ball())
    assert found.readers["specificity"].to_list() == [1.0] * 3
