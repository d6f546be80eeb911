"""Run lengths against the standard's phantom, a walk along every line, and what must not matter."""

import csv
import itertools
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridx.errors import SettingsError
from hybridx.radiomics import glrlm as room
from hybridx.radiomics.glrlm import AGGREGATIONS, glrlm, run_matrices
from hybridx.radiomics.matrix_grid import level_grid
from hybridx.radiomics.roi import Levels
from hybridx.radiomics.run_kernels import DIRECTIONS

ROOT = Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
IBSI = ROOT / "ibsi"
needs_ibsi = pytest.mark.skipif(not IBSI.is_dir(), reason=f"the IBSI phantoms are not at {str(IBSI)!r}")

volumes = arrays(np.int32, st.tuples(*[st.integers(1, 5)] * 3), elements=st.integers(0, 3)).filter(np.any)


def lesion(array, count=None):
    return Levels(
        np.asarray(array, np.int32), int(count or np.max(array)), np.asarray(array) > 0, (1.0, 1.0, 1.0)
    )


def runs_of(array, step):
    """Every maximal run along `step`, walked from its first voxel."""
    inside = {tuple(p): int(array[tuple(p)]) for p in np.argwhere(array)}
    found = Counter()
    for place, level in inside.items():
        if inside.get(tuple(np.subtract(place, step))) == level:
            continue
        length, at = 0, place
        while inside.get(at) == level:
            length, at = length + 1, tuple(np.add(at, step).tolist())
        found[level, length] += 1
    return found


def statistics_of(matrix, voxels):
    """The sixteen features of a dense matrix, as the standard writes them."""
    dense = np.zeros(np.max(list(matrix), axis=0) + 1)
    for cell, n in matrix.items():
        dense[cell] = n
    dense = dense[1:, 1:]
    i, j = np.arange(1, len(dense) + 1)[:, None], np.arange(1, dense.shape[1] + 1)[None]
    n = dense.sum()
    p = dense / n
    mean_i, mean_j = (p * i).sum(), (p * j).sum()
    by_level, by_length = dense.sum(axis=1), dense.sum(axis=0)
    return [
        (p / j**2).sum(),
        (p * j**2).sum(),
        (p / i**2).sum(),
        (p * i**2).sum(),
        (p / (i**2 * j**2)).sum(),
        (p * i**2 / j**2).sum(),
        (p * j**2 / i**2).sum(),
        (p * i**2 * j**2).sum(),
        (by_level**2).sum() / n,
        (by_level**2).sum() / n**2,
        (by_length**2).sum() / n,
        (by_length**2).sum() / n**2,
        n / voxels,
        (p * (i - mean_i) ** 2).sum(),
        (p * (j - mean_j) ** 2).sum(),
        -(p[p > 0] * np.log2(p[p > 0])).sum(),
    ]


def by_hand(array, aggregation):
    """Features of one aggregation from walks along every line."""
    steps = [s for s in itertools.product((-1, 0, 1), repeat=3) if s > (0, 0, 0)]
    if aggregation.startswith("2"):
        steps = [s for s in steps if s[0] == 0]
    parts = [array] if not aggregation.startswith("2D") else [plane[None] for plane in array if plane.any()]
    rows = []
    for part in parts:
        matrices = [runs_of(part, step) for step in steps]
        voxels = np.count_nonzero(part)
        if aggregation.endswith("avg"):
            rows += [statistics_of(matrix, voxels) for matrix in matrices]
        else:
            rows.append(statistics_of(sum(matrices, Counter()), voxels * len(steps)))
    return np.mean(rows, axis=0)


@needs_ibsi
def test_the_digital_phantom_has_the_values_of_the_standard():
    sitk = pytest.importorskip("SimpleITK")
    folder = IBSI / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name / file)))
        for name, file in (("image", "phantom.nii.gz"), ("mask", "mask.nii.gz"))
    )
    found = glrlm(lesion(np.where(mask > 0, image, 0), 6), AGGREGATIONS).values
    with (IBSI / "ibsi_reference.csv").open() as file:
        rows = [
            r
            for r in csv.DictReader(file)
            if r["config"] == "digital_phantom" and r["feature_tag"][:4] == "rlm_"
        ]
    assert len(rows) == len(found) == 96
    for row in rows:
        value, wanted = float(f"{found[row['feature_tag']]:.3g}"), float(row["reference"])
        assert value == pytest.approx(wanted, rel=1e-12, abs=float(row["tolerance"])), row["feature_tag"]


@settings(max_examples=60, deadline=None)
@given(volumes)
def test_matrices_and_features_are_those_of_a_walk_along_every_line(array):
    grid = level_grid(lesion(array, 3))
    offsets, level, length, count = run_matrices(grid, np.eye(13))
    for direction, step in enumerate(DIRECTIONS):
        cells = slice(offsets[direction], offsets[direction + 1])
        found = dict(zip(zip(level[cells], length[cells], strict=True), count[cells], strict=True))
        assert found == runs_of(array, tuple(-step))
    features = glrlm(lesion(array, 3), AGGREGATIONS).values
    for aggregation in AGGREGATIONS:
        found = [v for tag, v in features.items() if tag.endswith(aggregation)]
        np.testing.assert_allclose(found, by_hand(array, aggregation), rtol=1e-12, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(volumes, st.lists(st.integers(0, 2), min_size=6, max_size=6), st.permutations([0, 1, 2]))
def test_neither_empty_margins_nor_the_order_of_axes_matter_in_three_dimensions(array, margin, axes):
    wanted = glrlm(lesion(array, 3), AGGREGATIONS).values
    wide = glrlm(lesion(np.pad(array, np.reshape(margin, (3, 2))), 3), AGGREGATIONS).values
    assert wide == wanted
    turned = glrlm(lesion(np.ascontiguousarray(array.transpose(axes)), 3), ["3D_avg", "3D_comb"]).values
    for tag, value in turned.items():
        assert value == pytest.approx(wanted[tag], rel=1e-12, abs=1e-12)


def test_levels_counted_block_by_block_give_the_same_values(monkeypatch):
    array = np.random.default_rng(0).integers(0, 40, (6, 9, 7))
    wanted = glrlm(lesion(array), AGGREGATIONS).values
    monkeypatch.setattr(room, "TABLE_BYTES", 13 * 11 * 4 * 7)
    monkeypatch.setattr(room, "CACHE_BYTES", 4 * 11 * 4 * 41 * 2)
    found = glrlm(lesion(array), AGGREGATIONS).values
    assert found == pytest.approx(wanted, rel=1e-13)


def test_more_levels_than_two_bytes_hold():
    array = np.random.default_rng(0).permutation(70_000).reshape(10, 70, 100) + 1
    found = glrlm(lesion(array), "3D_comb").values
    assert found["rlm_lre_3D_comb"] == 1.0
    assert found["rlm_r_perc_3D_comb"] == 1.0
    assert found["rlm_hgre_3D_comb"] == pytest.approx(np.mean(np.arange(1, 70_001.0) ** 2), rel=1e-12)
    assert found["rlm_gl_var_3D_comb"] == pytest.approx(np.var(np.arange(70_000)), rel=1e-12)


def test_one_voxel_and_one_level_are_defined_and_nothing_is_not():
    one = glrlm(lesion([[[2]]], 4), AGGREGATIONS)
    assert not one.reasons
    assert one.values["rlm_sre_2D_avg"] == 1.0
    assert one.values["rlm_hgre_3D_comb"] == 4.0
    assert one.values["rlm_rl_entr_3D_avg"] == 0.0
    flat = glrlm(lesion(np.ones((3, 4, 5), int)), "3D_avg").values
    assert flat["rlm_gl_var_3D_avg"] == 0.0
    nothing = glrlm(
        Levels(np.zeros((2, 3, 4), np.int32), 3, np.zeros((2, 3, 4), bool), (1.0, 1.0, 1.0)), AGGREGATIONS
    )
    assert len(nothing.values) == 96
    assert np.isnan(list(nothing.values.values())).all()
    assert set(nothing.reasons) == set(nothing.values)
    assert set(nothing.reasons.values()) == {"the lesion has no voxel"}


def test_an_unknown_aggregation_names_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean '3D_avg'"):
        glrlm(lesion([[[1]]]), "3D_avrg")
