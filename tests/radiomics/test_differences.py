"""What docs/pyradiomics.md says of the two engines is what they do."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from hybridx.errors import ExtractionError
from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, measure_radiomics, peer_engine

PAGE = (Path(__file__).parents[2] / "docs" / "pyradiomics.md").read_text(encoding="utf-8")
SETTINGS = RadiomicsSettings.pyradiomics(bin_width=5, families=("firstorder", "glcm", "ngtdm"))


def lesions() -> dict[str, tuple[Image, Image]]:
    noise = np.random.default_rng(0).normal(50, 20, (12, 12, 12)).astype(np.float32)
    cube, lone = np.zeros((2, 12, 12, 12), np.uint8)
    cube[4:8, 4:8, 4:8] = 1
    lone[2, 2, 2] = lone[6, 6, 6] = lone[9, 2, 9] = 1
    flat = np.full_like(noise, 7.0)
    made = {
        "one intensity": (flat, cube),
        "one grey level": (flat, cube),
        "no voxel has a neighbour": (noise, lone),
    }
    edges = (2.0, 2.0, 2.0)
    return {
        name: (Image(image, edges, modality="ct"), Image(mask, edges, modality="mask"))
        for name, (image, mask) in made.items()
    }


def table() -> list[tuple[list[str], str, float]]:
    part = PAGE.partition("## Where a value is not defined")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`(\w+)`", names), lesion.strip(), float(value)) for names, lesion, value in rows]


@pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")
def test_the_table_of_conventions_is_complete_and_true():
    told: dict[str, dict[str, float]] = {}
    for names, lesion, value in table():
        told.setdefault(lesion, {}).update(dict.fromkeys(names, value))
    told["one grey level"] |= told.pop("one intensity")  # the same lesion has both
    made = lesions()
    for lesion, conventions in told.items():
        theirs = measure_radiomics(*made[lesion], SETTINGS, engine="pyradiomics").values
        ours = measure_radiomics(*made[lesion], SETTINGS)
        lost = {
            name: value
            for name, value in theirs.items()
            if math.isfinite(value) and math.isnan(ours.values[name]) and ours.reasons[name]
        }
        assert lost == {
            f"original_{name}": pytest.approx(value, abs=1e-12) for name, value in conventions.items()
        }


def test_the_table_of_defaults_is_true():
    ours, theirs = RadiomicsSettings.pyradiomics(bin_width=5), RadiomicsSettings.from_parameter_file({})
    assert (theirs.bin_width, theirs.interpolator, theirs.minimum_dimensions, theirs.label) == (
        25,
        "bspline",
        2,
        1,
    )
    assert (ours.interpolator, ours.normalise_scale, ours.minimum_dimensions, ours.label) == (
        "linear",
        100,
        1,
        None,
    )
    assert RadiomicsSettings.from_parameter_file({"setting": {"normalize": True}}).normalise_scale == 1


@pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")
def test_a_direction_of_one_grey_level_is_left_out():
    image, mask = np.zeros((2, 5, 5, 5), np.float32)
    for place, value in (((2, 2, 2), 1), ((2, 2, 3), 1), ((2, 3, 2), 30)):
        image[place], mask[place] = value, 1
    pair = Image(image, (1.0, 1.0, 1.0)), Image(mask.astype(np.uint8), (1.0, 1.0, 1.0))
    settings = RadiomicsSettings.pyradiomics(bin_width=5, families=("glcm",))
    theirs = measure_radiomics(*pair, settings, engine="pyradiomics").values
    ours = measure_radiomics(*pair, settings).values
    # of three directions with neighbours two have both levels, opposite in each pair
    for name, here, convention in (("Correlation", -1, 1), ("Imc1", -1, 0), ("MCC", 1, 0)):
        assert ours[f"original_glcm_{name}"] == pytest.approx(here)
        assert theirs[f"original_glcm_{name}"] == pytest.approx((2 * here + convention) / 3)


@pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")
def test_a_mask_that_covers_the_image_is_measured():
    noise = np.random.default_rng(1).normal(50, 20, (6, 7, 8)).astype(np.float32)
    pair = Image(noise, (1.0, 1.0, 1.0)), Image(np.ones(noise.shape, np.uint8), (1.0, 1.0, 1.0))
    with pytest.raises(ExtractionError, match="No labels found"):
        measure_radiomics(*pair, SETTINGS, engine="pyradiomics")
    assert not measure_radiomics(*pair, SETTINGS).reasons
