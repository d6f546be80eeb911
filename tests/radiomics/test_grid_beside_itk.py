"""The new grid by pyradiomics' rules, beside ITK's own resampling wherever it is not asked."""

import dataclasses

import numpy as np
import pytest

from hybridx.imaging import Grid, Image
from hybridx.radiomics import RadiomicsSettings, pyradiomics_grid
from hybridx.radiomics.pair import Pair


def made(rng, spacing, *, kind=np.float32, direction=None):
    shape = tuple(rng.integers(9, 20, 3))
    mask = np.zeros(shape, bool)
    low = rng.integers(0, 4, 3)
    high = np.array(shape) - rng.integers(0, 4, 3)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask[part] = rng.random(mask[part].shape) < 0.6
    turned = np.diag(rng.choice([-1.0, 1.0], 3)) if direction is None else direction
    grid = Grid(
        shape[::-1], spacing, tuple(rng.uniform(-500, 500, 3).tolist()), tuple(turned.ravel().tolist())
    )
    return Pair((rng.normal(size=shape) * 100).astype(kind), mask, grid, grid)


def by_itk(monkeypatch, pair, settings):
    with monkeypatch.context() as patch:
        patch.setattr(pyradiomics_grid, "_positions", lambda *_: None)
        return pyradiomics_grid.pyradiomics_scene(pair, settings)


def without_itk(monkeypatch, pair, settings):
    with monkeypatch.context() as patch:
        patch.setattr(Image, "to_sitk", None)
        return pyradiomics_grid.pyradiomics_scene(pair, settings)


@pytest.mark.parametrize("edge", [0.5, 0.7, 1.0, 2.0, 3.3])
def test_image_and_mask_are_itks(monkeypatch, edge):
    rng = np.random.default_rng(int(edge * 10))
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=edge, interpolator="linear")
    for spacing in (
        (0.977, 0.977, 3.27),
        (4.6875, 3.90625, 3.27),
        (1.0, 1.0, 1.0),
        (1.5, 2.1, 0.9),
        (2.5, 2.5, 5.0),
    ):
        for _ in range(4):
            pair = made(rng, spacing)
            found, theirs = (way(monkeypatch, pair, settings) for way in (without_itk, by_itk))
            assert np.array_equal(found.form, theirs.form)
            assert found.image.dtype == theirs.image.dtype and found.spacing == theirs.spacing
            assert np.allclose(found.image, theirs.image, rtol=1e-6, atol=1e-4)


def test_a_lesion_at_every_border_is_resampled_as_itk_does(monkeypatch):
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.1, interpolator="linear")
    pair = made(np.random.default_rng(3), (4.1, 4.1, 3.27))
    pair = dataclasses.replace(pair, mask=np.ones_like(pair.mask))
    found, theirs = (way(monkeypatch, pair, settings) for way in (without_itk, by_itk))
    assert np.array_equal(found.form, theirs.form) and not found.form.all()
    assert np.allclose(found.image, theirs.image, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
def test_whole_numbers_are_cut_off_where_itk_does(monkeypatch, interpolator):
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.1, interpolator=interpolator)
    rng = np.random.default_rng(4)
    pair = made(rng, (0.977, 0.977, 3.27), kind=np.int16)
    inside = np.zeros_like(pair.mask)
    inside[3:-3, 5:-5, 5:-5] = pair.mask[3:-3, 5:-5, 5:-5]
    pair = dataclasses.replace(pair, mask=inside)
    settings = dataclasses.replace(settings, pad_voxels=1)
    found, theirs = (way(monkeypatch, pair, settings) for way in (without_itk, by_itk))
    assert found.image.dtype == theirs.image.dtype == np.int16
    assert np.array_equal(found.form, theirs.form)
    assert np.array_equal(found.image[found.form], theirs.image[theirs.form])
    flat = dataclasses.replace(pair, voxels=np.full_like(pair.voxels, 7))  # every sum is a whole number
    assert (pyradiomics_grid.pyradiomics_scene(flat, settings).image == 7).any()
    if interpolator == "linear":  # of equal voxels, exactly
        assert (without_itk(monkeypatch, flat, settings).image == 7).all()
    else:
        with pytest.raises(TypeError):
            without_itk(monkeypatch, flat, settings)


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
def test_for_filters_every_voxel_around_the_lesion_is_itks(monkeypatch, interpolator):
    filters = {"image_types": ("original", "log"), "log_sigma_mm": (2.0,), "pad_voxels": 4}
    settings = RadiomicsSettings.pyradiomics(
        bin_width=25, resample_mm=1.0, interpolator=interpolator, **filters
    )
    rng = np.random.default_rng(8)
    voxels = rng.integers(-1000, 1500, (40, 50, 44)).astype(np.int16)
    voxels[18:24, 16:30, 20:28] = -1000  # air, cut off by the scanner
    mask = np.zeros(voxels.shape, bool)
    mask[16:22, 22:28, 18:24] = rng.random((6, 6, 6)) < 0.7
    for origin in ((0.0, 0.0, 0.0), (-249.51, -171.3, 812.6)):
        grid = Grid(voxels.shape[::-1], (0.977, 0.977, 1.31), origin, (1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
        pair = Pair(voxels, mask, grid, grid)
        found, theirs = (way(monkeypatch, pair, settings) for way in (without_itk, by_itk))
        assert found.image.dtype == np.int16 and found.image.size > 4000
        assert np.array_equal(found.image, theirs.image) and np.array_equal(found.form, theirs.form)


def test_where_the_last_bit_of_a_position_decides_itk_is_asked(monkeypatch):
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.0, interpolator="linear")
    mask = np.zeros((9, 9, 9), bool)
    mask[3:6, 3:6, 3:6] = True
    grid = Grid((9, 9, 9), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel().tolist()))
    ramp = np.arange(9, dtype=np.int16)[:, None, None] * 4 + np.zeros_like(mask, np.int16)
    pair = Pair(ramp, mask, grid, grid)  # quarters of a voxel, fourths of a step
    with pytest.raises(TypeError):
        without_itk(monkeypatch, pair, settings)


def test_half_way_between_two_voxels_both_take_the_same(monkeypatch):
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=2.0, interpolator="linear")
    rng = np.random.default_rng(6)
    for _ in range(20):  # the last bits of the origin decide
        pair = made(rng, (1.0, 5.0, 4.0))
        at = pyradiomics_grid._positions(pair.grid, np.full(3, 0.5), np.full(3, 2.0), [4, 4, 4])
        assert not pyradiomics_grid.decided(at[0])
        found, theirs = (way(monkeypatch, pair, settings) for way in (without_itk, by_itk))
        assert np.array_equal(found.form, theirs.form)


def test_turned_grids_leave_what_is_half_way_to_itk():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    grid = Grid((5, 5, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(turn.ravel().tolist()))
    edges, counts = np.full(3, 2.0), [2, 2, 2]
    assert pyradiomics_grid._positions(grid, np.full(3, 0.5), edges, counts) is None
    assert pyradiomics_grid._positions(grid, np.full(3, 0.4), edges, counts)[2].tolist() == [0.4, 2.4]


def test_beyond_the_mask_there_is_no_lesion():
    mask = np.ones((4, 4, 4), bool)
    moved = pyradiomics_grid.nearest(mask, [np.array([-0.6, 0.0, 3.4, 3.6]), np.arange(2.0), np.arange(2.0)])
    assert moved[0, 0].tolist() == [False, True, True, False]
