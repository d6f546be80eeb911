"""The new grid by pyradiomics' rules, beside ITK's own resampling wherever it is not asked."""

import dataclasses

import numpy as np
import pytest

from hybridx.imaging import Grid, Image
from hybridx.radiomics import RadiomicsSettings, pyradiomics_grid
from hybridx.radiomics.pair import Pair


def made(rng, spacing, *, kind=np.float32):
    shape = tuple(rng.integers(9, 20, 3))
    mask = np.zeros(shape, bool)
    low = rng.integers(0, 4, 3)
    high = np.array(shape) - rng.integers(0, 4, 3)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask[part] = rng.random(mask[part].shape) < 0.6
    grid = Grid(shape[::-1], spacing, (12.5, -30.25, 101.0))
    return Pair((rng.normal(size=shape) * 100).astype(kind), mask, grid, grid)


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
@pytest.mark.parametrize("edge", [0.7, 1.0, 2.0, 3.3])
def test_image_and_mask_are_itks(monkeypatch, interpolator, edge):
    rng = np.random.default_rng(int(edge * 10))
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=edge, interpolator=interpolator)
    own = 0
    for spacing in ((0.977, 0.977, 3.27), (4.1, 4.1, 3.27), (1.0, 1.0, 1.0), (1.3, 2.1, 0.9)):
        pair = made(rng, spacing)
        found = pyradiomics_grid.pyradiomics_scene(pair, settings)
        with monkeypatch.context() as patch:
            patch.setattr(pyradiomics_grid, "_interpolated", lambda *_: None)
            patch.setattr(pyradiomics_grid, "_nearest", lambda *_: None)
            theirs = pyradiomics_grid.pyradiomics_scene(pair, settings)
        assert np.array_equal(found.form, theirs.form)
        assert found.image.dtype == theirs.image.dtype
        assert np.allclose(found.image, theirs.image, rtol=1e-6, atol=1e-4)
        assert found.spacing == theirs.spacing
        positions = [np.linspace(0.1, n - 1.2, 7) for n in pair.grid.size]
        own += pyradiomics_grid._nearest(pair.mask, positions) is not None
    assert own


def test_half_way_between_two_voxels_itk_decides():
    mask = np.ones((4, 4, 4), bool)
    assert pyradiomics_grid._nearest(mask, [np.array([0.5, 1.5]), np.arange(2.0), np.arange(2.0)]) is None
    beyond = pyradiomics_grid._nearest(
        mask, [np.array([-0.6, 0.0, 3.4, 3.6]), np.arange(2.0), np.arange(2.0)]
    )
    assert beyond[0, 0].tolist() == [False, True, True, False]


def test_a_lesion_at_every_border_is_resampled_linearly_as_itk_does(monkeypatch):
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.1, interpolator="linear")
    pair = made(np.random.default_rng(3), (4.1, 4.1, 3.27))
    pair = dataclasses.replace(pair, mask=np.ones_like(pair.mask))
    found = pyradiomics_grid.pyradiomics_scene(pair, settings)
    monkeypatch.setattr(Image, "to_sitk", None)  # not asked
    assert np.array_equal(found.image, pyradiomics_grid.pyradiomics_scene(pair, settings).image)
    monkeypatch.undo()
    monkeypatch.setattr(pyradiomics_grid, "_interpolated", lambda *_: None)
    theirs = pyradiomics_grid.pyradiomics_scene(pair, settings)
    assert (theirs.image == 0).any() == (found.image == 0).any()
    assert np.allclose(found.image, theirs.image, rtol=1e-6, atol=1e-4)
