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
    flat = dataclasses.replace(
        pair, voxels=np.full_like(pair.voxels, 7)
    )  # every sum is a whole number: ITK decides
    assert (pyradiomics_grid.pyradiomics_scene(flat, settings).image == 7).any()
    with pytest.raises(TypeError):
        without_itk(monkeypatch, flat, settings)


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
