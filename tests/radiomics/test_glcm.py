"""Co-occurrence features: IBSI's consensus, a slow reference, symmetries, and what is not defined."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics import glcm as module
from hybridx.radiomics.glcm import AGGREGATIONS, glcm
from hybridx.radiomics.glcm_kernels import FEATURES
from hybridx.radiomics.matrix_grid import directions
from hybridx.radiomics.roi import Levels

from .glcm_cases import (
    assert_same,
    digital_phantom,
    lesion,
    needs_phantom,
    off_consensus,
    shaped_lesions,
    volumes,
)


def count(array, offset, many):
    matrix = np.zeros((many, many))
    for here in itertools.product(*map(range, array.shape)):
        for side in (1, -1):
            there = tuple(h + side * o for h, o in zip(here, offset, strict=True))
            if (
                all(0 <= t < n for t, n in zip(there, array.shape, strict=True))
                and array[here]
                and array[there]
            ):
                matrix[array[here] - 1, array[there] - 1] += 1
    return matrix


def by_definition(matrix):
    """IBSI's formulas as they are printed, of one matrix; None without a pair."""
    if not matrix.sum():
        return None
    many = len(matrix)
    p, i, j = matrix / matrix.sum(), *np.indices(matrix.shape) + 1
    margin, level = p.sum(axis=1), np.arange(1, many + 1)
    mean = (margin * level).sum()
    variance = (margin * (level - mean) ** 2).sum()
    apart = np.array([p[abs(i - j) == k].sum() for k in range(many)])
    added = np.array([p[i + j == k].sum() for k in range(2, 2 * many + 1)])
    k, s = np.arange(many), np.arange(2, 2 * many + 1)

    def bits(x):
        return -(x[x > 0] * np.log2(x[x > 0])).sum()

    both = np.outer(margin, margin)
    joint, hx, hxy1 = bits(p), bits(margin), -(p[p > 0] * np.log2(both[p > 0])).sum()
    hxy2 = bits(both)
    flat = (margin > 0).sum() < 2
    return dict(
        zip(
            FEATURES,
            [
                p.max(), mean, variance, joint, (k * apart).sum(), ((k - (k * apart).sum()) ** 2 * apart).sum(),
                bits(apart), (s * added).sum(), ((s - (s * added).sum()) ** 2 * added).sum(), bits(added),
                (p**2).sum(), ((i - j) ** 2 * p).sum(), (abs(i - j) * p).sum(), (p / (1 + abs(i - j))).sum(),
                (p / (1 + abs(i - j) / many)).sum(), (p / (1 + (i - j) ** 2)).sum(),
                (p / (1 + (i - j) ** 2 / many**2)).sum(), 2 * sum(p[j > i] / (j - i)[j > i] ** 2),
                np.nan if flat else ((i - mean) * (j - mean) * p).sum() / variance, (i * j * p).sum(),
                ((i + j - 2 * mean) ** 2 * p).sum(), ((i + j - 2 * mean) ** 3 * p).sum(),
                ((i + j - 2 * mean) ** 4 * p).sum(), np.nan if flat else (joint - hxy1) / hx,
                np.sqrt(1 - np.exp(-2 * max(hxy2 - joint, 0))),
            ],
            strict=True,
        )
    )  # fmt: skip


def reference(array, many, aggregation, distance):
    reach = range(-distance, distance + 1)
    offsets = [
        o for o in itertools.product(reach, reach, reach) if o > (0, 0, 0) and max(map(abs, o)) == distance
    ]
    if not aggregation.startswith("3D"):
        offsets = [o for o in offsets if o[0] == 0]
    blocks = [array[z : z + 1] for z in range(len(array))] if aggregation.startswith("2D") else [array]
    matrices = [[count(block, offset, many) for offset in offsets] for block in blocks]
    merged = [[sum(group)] for group in matrices] if aggregation.endswith("comb") else matrices
    found = [by_definition(matrix) for group in merged for matrix in group]
    found = [one for one in found if one]
    mean = {}
    for name in FEATURES:
        values = np.array([one[name] for one in found])
        values = values[~np.isnan(values)]
        mean[f"cm_{name}_{aggregation}"] = values.mean() if len(values) else np.nan
    return mean


@needs_phantom
def test_every_consensus_value_of_the_digital_phantom():
    found = glcm(digital_phantom(), AGGREGATIONS)
    assert len(found.values) == 150
    assert not off_consensus(found.values, "cm_")
    assert not found.reasons


@settings(max_examples=25, deadline=None)
@given(
    array=volumes(),
    aggregation=st.sampled_from(AGGREGATIONS),
    distance=st.integers(1, 2),
    spare=st.integers(0, 2),
)
def test_definition(array, aggregation, distance, spare):
    levels = lesion(array, int(array.max(initial=1)) + spare)
    found = glcm(levels, aggregation, distance)
    # An information measure near 0 is the root of a difference of entropies, hence the absolute tolerance.
    assert_same(found.values, reference(array, levels.count, aggregation, distance), rtol=1e-9, atol=2e-7)
    assert set(found.reasons) == {tag for tag, value in found.values.items() if np.isnan(value)}


@pytest.mark.parametrize("name", shaped_lesions())
def test_rows_give_what_matrices_give(name, monkeypatch):
    levels = lesion(shaped_lesions()[name])
    whole = glcm(levels, AGGREGATIONS, distance=(1, 2))
    monkeypatch.setattr(module, "WORKSPACE", 0)
    assert_same(glcm(levels, AGGREGATIONS, distance=(1, 2)).values, whole.values, rtol=1e-12, atol=1e-12)


def test_five_thousand_levels_without_their_matrices(monkeypatch):
    array = np.random.default_rng(1).integers(1, 5001, size=(12, 40, 40))
    array[0, 0, :2] = 1, 5000
    entropies, contrasts, energies = [], [], []
    for z, y, x in directions([1], array.shape, planar=False):
        padded = np.pad(array, 1)
        there = padded[1 + z : 13 + z, 1 + y : 41 + y, 1 + x : 41 + x]
        first, second = array[there > 0], there[there > 0]
        _, counts = np.unique(
            np.concatenate([first * 9999 + second, second * 9999 + first]), return_counts=True
        )
        p = counts / counts.sum()
        entropies.append(-(p * np.log2(p)).sum())
        energies.append((p**2).sum())
        contrasts.append(((first - second) ** 2).mean())
    monkeypatch.setattr(module, "count_pairs", None)  # 13 matrices of 5,001 x 5,001 would be 1.3 GB
    found = glcm(lesion(array, 5000)).values
    assert found["cm_joint_entr_3D_avg"] == pytest.approx(np.mean(entropies), rel=1e-12)
    assert found["cm_energy_3D_avg"] == pytest.approx(np.mean(energies), rel=1e-12)
    assert found["cm_contrast_3D_avg"] == pytest.approx(np.mean(contrasts), rel=1e-12)


@pytest.mark.parametrize("name", shaped_lesions())
def test_symmetries(name):
    levels = lesion(shaped_lesions()[name])
    found = glcm(levels, AGGREGATIONS).values
    padded = glcm(lesion(np.pad(levels.array, ((2, 1), (3, 1), (1, 4))), levels.count), AGGREGATIONS).values
    assert padded == pytest.approx(found, rel=1e-14, nan_ok=True)
    turned = glcm(
        lesion(levels.array.transpose(2, 0, 1)[:, ::-1], levels.count), ["3D_avg", "3D_comb"]
    ).values
    assert_same(found, turned, rtol=1e-12, atol=1e-12)
    mirrored = glcm(lesion(levels.array[::-1, :, ::-1], levels.count), AGGREGATIONS).values
    assert_same(mirrored, found, rtol=1e-12, atol=1e-12)


def test_several_aggregations_are_what_each_gives_alone():
    levels = lesion(shaped_lesions()["ellipsoid"])
    together = glcm(levels, AGGREGATIONS).values
    alone = {tag: value for name in AGGREGATIONS for tag, value in glcm(levels, name).values.items()}
    assert together == pytest.approx(alone, rel=1e-14)


def test_one_level_has_no_correlation():
    found = glcm(lesion(np.full((3, 3, 3), 4), 6), AGGREGATIONS)
    missing = {tag for tag, value in found.values.items() if np.isnan(value)}
    assert missing == {f"cm_{name}_{how}" for name in ("corr", "info_corr1") for how in AGGREGATIONS}
    assert set(found.reasons.values()) == {"neighbours have one grey level"}
    assert found.values["cm_joint_entr_3D_avg"] == 0


def test_lonely_voxels_have_no_neighbours():
    array = np.zeros((3, 3, 3), dtype=np.int32)
    array[0, 0, 0], array[2, 2, 2] = 1, 2
    found = glcm(lesion(array), AGGREGATIONS)
    assert np.isnan(list(found.values.values())).all()
    assert found.reasons["cm_energy_3D_avg"] == "no two voxels are neighbours at distance 1"
    assert found.reasons["cm_energy_2D_avg"] == "no two voxels in a slice are neighbours at distance 1"
    apart = glcm(lesion(array), "3D_avg", distance=2)
    assert apart.values["cm_contrast_3D_avg"] == 1
    assert glcm(lesion(array * 0), "3D_comb").reasons["cm_contrast_3D_comb"] == "the lesion has no voxel"


def test_what_cannot_be_done_is_said():
    levels = lesion(np.ones((2, 2, 2)))
    with pytest.raises(SettingsError, match=r"Unknown aggregation .* '3D_average'\. Did you mean '3D_avg'"):
        glcm(levels, "3D_average")
    with pytest.raises(SettingsError, match="distances is 0; wanted one or more whole numbers"):
        glcm(levels, distance=0)
    with pytest.raises(InputError, match="run from 1 to 1; wanted 0 outside the lesion and 1 to 0"):
        glcm(Levels(levels.array, 0, levels.morphology, (1.0, 1.0, 1.0)))
