"""Counts of the texture matrices on lesions large enough for every way of counting, against plain numpy."""

import numpy as np
import pytest

from hybridx.radiomics.level_blocks import padded
from hybridx.radiomics.matrix_grid import directions, level_grid
from hybridx.radiomics.neighbour_matrices import neighbour_tables
from hybridx.radiomics.pair_kernels import count_pairs
from hybridx.radiomics.roi import Levels
from hybridx.radiomics.run_kernels import DIRECTIONS, count_places

LARGE = {
    "few levels": ((9, 40, 40), 3, 0),
    "rough": ((14, 50, 50), 40, 0),
    "smooth with holes": ((9, 60, 60), 12, 4),
    "a row longer than what is coded at once": ((3, 4, 2500), 5, 3),
    "long runs": ((4, 5, 700), 2, 60),
    "runs along slices": ((300, 6, 6), 2, 60),
}


def volume(name):
    """Levels with gaps between them, 0 outside; the last number is how long they stay equal."""
    shape, many, smooth = LARGE[name]
    rng = np.random.default_rng(0)
    array = rng.integers(1, many + 1, shape)
    if smooth:
        axis = int(np.argmax(shape))
        array = np.repeat(array, smooth, axis)[tuple(slice(n) for n in shape)]
    array[rng.random(shape) < 0.02] = 0
    return (array * 3).astype(np.int32)


def lesion(array):
    return Levels(array, int(array.max()), array > 0, (1.0, 1.0, 1.0))


def beside(array, offset):
    """Return the array moved by an offset, 0 where nothing comes from."""
    far = max(map(abs, offset))
    framed = np.pad(array, far)
    return framed[tuple(slice(far + o, far + o + n) for o, n in zip(offset, array.shape, strict=True))]


@pytest.mark.parametrize("distances", [(1,), (1, 2)])
@pytest.mark.parametrize("name", LARGE)
def test_pairs(name, distances):
    array = volume(name)
    grid = level_grid(lesion(array), max(distances))
    ranks, many = array // 3, len(grid.values) + 1
    offsets = directions(distances, grid.shape, planar=False)
    tables = np.zeros((len(offsets), many, many), np.uint32)
    count_pairs(grid.flat, grid.box, grid.ends, 0, grid.shape[0], grid.steps(offsets), tables)
    for offset, table in zip(offsets, tables, strict=True):
        pairs = np.bincount((ranks * many + beside(ranks, offset)).ravel(), minlength=many * many)
        assert (table[1:, 1:] == pairs.reshape(many, many)[1:, 1:]).all()


@pytest.mark.parametrize("name", LARGE)
def test_places_of_runs(name):
    array = volume(name)
    grid = level_grid(lesion(array))
    ranks, many, longest = array // 3, len(grid.values) + 1, max(array.shape) + 2
    tables = np.zeros((1, len(DIRECTIONS), many, longest), np.uint32)
    count_places(padded(grid), grid.ends, tables)
    for step, table in zip(DIRECTIONS, tables[0], strict=True):
        place, alive, before = np.ones(array.shape, int), array > 0, ranks
        while alive.any():
            before = beside(before, step)
            alive = alive & (before == ranks)
            place += alive
        counts = np.bincount((ranks * longest + place).ravel(), minlength=many * longest)
        assert (table[1:] == counts.reshape(many, longest)[1:]).all()


@pytest.mark.parametrize("alpha", [0, 3])
@pytest.mark.parametrize("distances", [(1,), (1, 2)])
@pytest.mark.parametrize("name", LARGE)
def test_neighbours(name, distances, alpha):
    array = volume(name)
    grid = level_grid(lesion(array), max(distances))
    offsets = directions(distances, grid.shape, planar=False)
    alike, apart = neighbour_tables(grid, offsets, alpha)
    others = [beside(array, side * offset) for offset in offsets for side in (1, -1)]
    known = sum(np.sign(other) for other in others)
    near = sum((other > 0) & (abs(other - array) <= alpha) for other in others)
    ranks, columns = array // 3, 2 * len(offsets) + 1
    counts = np.bincount((ranks * columns + near).ravel(), minlength=columns * (ranks.max() + 1))
    assert (alike == counts.reshape(-1, columns)[1:]).all()
    amounts = np.where(known > 0, abs(known * array - sum(others)), 1)
    sums = np.bincount((ranks * columns + known).ravel(), amounts.ravel(), columns * (ranks.max() + 1))
    assert (apart == sums.reshape(-1, columns)[1:]).all()
