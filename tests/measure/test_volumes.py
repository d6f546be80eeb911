"""The viewer's volumes: the lesion is where it was, steps are fine enough, sizes are bounded, turns show depth."""

from __future__ import annotations

import numpy as np
import pytest

from hybridx.imaging import Grid, Image, Study
from hybridx.measure.volumes import CT_LOWEST, CT_STEP, MOST_VOXELS, PET_STEP, TURNS, key_volumes
from tests.imaging.volumes import OBLIQUE
from tests.measure.test_views import HOT, study


def _place(volumes, name, at_least):
    inside = np.argwhere(volumes[name] >= at_least)[:, ::-1]  # x, y, z
    return volumes["origin"] + inside.mean(axis=0) * volumes["spacing"]


@pytest.mark.parametrize("direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), OBLIQUE])
def test_lesion_is_at_its_place_in_every_volume(direction):
    volumes = key_volumes(study(direction))
    assert volumes["pet"].shape == volumes["ct"].shape == volumes["mask"].shape
    for name, floor in (("pet", 20 / PET_STEP), ("ct", (50 - CT_LOWEST) / CT_STEP), ("mask", 1)):
        np.testing.assert_allclose(_place(volumes, name, floor), HOT, atol=2.5)
    assert volumes["mask"].sum() * np.prod(volumes["spacing"]) == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.1)


def test_values_come_back_within_half_a_step():
    volumes = key_volumes(study())
    inside = volumes["mask"] > 0
    assert volumes["pet"].dtype == np.int16 and volumes["ct"].dtype == np.uint8
    assert np.median(volumes["ct"][inside] * CT_STEP + CT_LOWEST) == pytest.approx(60, abs=CT_STEP / 2)
    assert volumes["pet"].max() * PET_STEP == pytest.approx(30, abs=4.0)


def test_volume_is_bounded_and_a_scan_without_outline_is_shown_round_its_middle():
    large = Image(np.zeros((300, 200, 200), np.float32), (3.0,) * 3, unit="HU", modality="ct")
    volumes = key_volumes(Study("P1", 1, {"ct": large}, {}))
    assert volumes["ct"].size <= MOST_VOXELS and "pet" not in volumes and "mask" not in volumes
    middle = volumes["origin"] + volumes["spacing"] * (np.array(volumes["ct"].shape[::-1]) - 1) / 2
    np.testing.assert_allclose(middle, large.grid.box().mean(axis=0), atol=5.0)
    assert key_volumes(Study("P1", 1, {}, {})) == {}


def test_one_spot_turns_round_the_axis_of_the_body():
    spot = np.zeros((40, 50, 60), np.float32)
    spot[10, 25, 50] = 8.0  # low in the body, on the patient's left
    turns = key_volumes(
        Study("P1", 1, {"pet": Image(spot, (4.0,) * 3, unit="g/mL{SUVbw}", modality="pet")}, {})
    )
    pictures = turns["pet_turns"]
    assert len(pictures) == TURNS and float(turns["turns_ceiling"]) == pytest.approx(8.0)
    rows, columns = zip(*(np.unravel_index(p.argmax(), p.shape) for p in pictures), strict=True)
    assert set(rows) == {29}, "head up: the tenth slice from below of forty"
    middle = (pictures.shape[2] - 1) / 2
    assert columns[0] - middle == pytest.approx(20.5, abs=1), "seen from the front, left is on the right"
    assert abs(columns[TURNS // 2] - middle) <= 1, "seen from the side, half-way"


@pytest.mark.parametrize("shape", [(4, 30, 41), (4, 31, 40), (4, 20, 20)])
def test_a_solid_body_has_no_gaps_from_any_side(shape):
    solid = Image(np.full(shape, 3.0, np.float32), (4.0,) * 3, unit="g/mL{SUVbw}", modality="pet")
    for picture in key_volumes(Study("P1", 1, {"pet": solid}, {}))["pet_turns"]:
        seen = np.flatnonzero(picture[0])
        assert len(seen) == seen[-1] - seen[0] + 1 and (picture == picture[0]).all()


def test_nan_is_air_or_nothing():
    holes = np.full((20, 20, 20), np.nan, np.float32)
    images = {
        "pet": Image(holes, (4.0,) * 3, unit="g/mL{SUVbw}", modality="pet"),
        "ct": Image(holes, (4.0,) * 3, unit="HU", modality="ct"),
    }
    volumes = key_volumes(Study("P1", 1, images, {}))
    assert not volumes["pet"].any() and not volumes["ct"].any() and not volumes["pet_turns"].any()
    assert isinstance(images["pet"].grid, Grid)
