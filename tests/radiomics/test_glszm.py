"""Size zones against the standard's phantom, a flood fill by SciPy, and what must not matter."""

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from hybridx.errors import SettingsError
from hybridx.radiomics import level_blocks
from hybridx.radiomics.glszm import AGGREGATIONS, glszm
from hybridx.radiomics.roi import Levels
from hybridx.radiomics.zones import find_zones, zone_features

ROOT = Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
IBSI = ROOT / "ibsi"
needs_ibsi = pytest.mark.skipif(not IBSI.is_dir(), reason=f"the IBSI phantoms are not at {str(IBSI)!r}")

volumes = arrays(np.int32, st.tuples(*[st.integers(1, 6)] * 3), elements=st.integers(0, 3)).filter(np.any)


def lesion(array, count=None):
    array = np.asarray(array, np.int32)
    return Levels(array, int(count or array.max()), array > 0, (1.0, 1.0, 1.0))


def zones_of(array):
    """Level and size of every zone, level by level, by SciPy; corners connect."""
    found = []
    for level in np.unique(array[array > 0]):
        labels, n = ndimage.label(array == level, np.ones((3,) * array.ndim))
        found += [(int(level), int(size)) for size in ndimage.sum_labels(labels > 0, labels, range(1, n + 1))]
    return found


def statistics_of(zones, voxels):
    """The sixteen features, summed zone by zone as the standard defines them."""
    n = len(zones)
    i, j = np.array(zones, float).T
    cells, levels, values = Counter(zones), Counter(i), Counter(j)
    p = np.array(list(cells.values())) / n
    return [
        np.mean(1 / j**2),
        np.mean(j**2),
        np.mean(1 / i**2),
        np.mean(i**2),
        np.mean(1 / (i**2 * j**2)),
        np.mean(i**2 / j**2),
        np.mean(j**2 / i**2),
        np.mean(i**2 * j**2),
        sum(c**2 for c in levels.values()) / n,
        sum(c**2 for c in levels.values()) / n**2,
        sum(c**2 for c in values.values()) / n,
        sum(c**2 for c in values.values()) / n**2,
        n / voxels,
        i.var(),
        j.var(),
        -(p * np.log2(p)).sum(),
    ]


def by_hand(array, aggregation):
    if aggregation == "3D":
        return statistics_of(zones_of(array), np.count_nonzero(array))
    planes = [(zones_of(plane), np.count_nonzero(plane)) for plane in array if plane.any()]
    if aggregation == "2D":
        return np.mean([statistics_of(*plane) for plane in planes], axis=0)
    return statistics_of([zone for zones, _ in planes for zone in zones], np.count_nonzero(array))


@needs_ibsi
def test_the_digital_phantom_has_the_values_of_the_standard():
    sitk = pytest.importorskip("SimpleITK")
    folder = IBSI / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name / file)))
        for name, file in (("image", "phantom.nii.gz"), ("mask", "mask.nii.gz"))
    )
    found = zone_features(lesion(np.where(mask > 0, image, 0), 6), AGGREGATIONS).values
    with (IBSI / "ibsi_reference.csv").open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["config"] == "digital_phantom" and row["feature_tag"][:4] in {"szm_", "dzm_"}
        ]
    assert len(rows) == len(found) == 96
    for row in rows:
        value, wanted = float(f"{found[row['feature_tag']]:.3g}"), float(row["reference"])
        assert value == pytest.approx(wanted, rel=1e-12, abs=float(row["tolerance"])), row["feature_tag"]


@settings(max_examples=80, deadline=None)
@given(volumes)
def test_zones_and_features_are_those_of_a_flood_fill_of_each_level(array):
    (zones,) = find_zones(lesion(array, 3), planar=False, distances=False)
    assert Counter(zip(zones.values[zones.level - 1], zones.size, strict=True)) == Counter(zones_of(array))
    (zones,) = find_zones(lesion(array, 3), planar=True, distances=False)
    occupied = array[
        np.flatnonzero(array.any(axis=(1, 2))).min() : np.flatnonzero(array.any(axis=(1, 2))).max() + 1
    ]
    for plane, first, last in zip(occupied, zones.begins, zones.begins[1:], strict=False):
        found = zip(zones.values[zones.level[first:last] - 1], zones.size[first:last], strict=True)
        assert Counter(found) == Counter(zones_of(plane))
    features = glszm(lesion(array, 3), AGGREGATIONS).values
    for aggregation in AGGREGATIONS:
        found = [v for tag, v in features.items() if tag.endswith(f"_{aggregation}")]
        np.testing.assert_allclose(found, by_hand(array, aggregation), rtol=1e-12, atol=1e-12)


def test_zones_that_wind_and_meet_late_are_one():
    maze = np.zeros((7, 31, 31), np.int32)
    maze[:, ::2] = 1
    maze[3, 1::4, 0] = maze[3, 3::4, -1] = 1
    spiral = np.where(maze > 0, 1, 2)
    (zones,) = find_zones(lesion(spiral), planar=False, distances=False)
    assert Counter(zip(zones.level, zones.size, strict=True)) == Counter(zones_of(spiral))
    comb = np.full((1, 9, 41), 2, np.int32)
    comb[0, :, ::2] = 1
    comb[0, -1] = 1
    (zones,) = find_zones(lesion(comb), planar=True, distances=False)
    assert Counter(zip(zones.level, zones.size, strict=True)) == Counter(zones_of(comb[0]))


@pytest.mark.parametrize(("smooth", "levels"), [(0.0, 4), (1.0, 9), (3.0, 40)])
def test_a_larger_lesion_with_holes_and_parts(smooth, levels):
    rng = np.random.default_rng(3)
    field = (
        ndimage.gaussian_filter(rng.normal(size=(23, 41, 37)), smooth)
        if smooth
        else rng.normal(size=(23, 41, 37))
    )
    ranks = field.ravel().argsort().argsort().reshape(field.shape) * levels // field.size + 1
    inside = ndimage.gaussian_filter(rng.normal(size=field.shape), 2) > -0.02
    array = np.where(inside, ranks, 0)
    features = glszm(lesion(array), AGGREGATIONS).values
    for aggregation in ("2D", "3D"):
        found = [v for tag, v in features.items() if tag.endswith(f"_{aggregation}")]
        np.testing.assert_allclose(found, by_hand(array, aggregation), rtol=1e-11)


def test_large_zones_are_counted_beside_small_ones():
    array = np.zeros((40, 40, 60), np.int32)
    array[:, :, :13] = array[:, :, 14:27] = array[:, :, 40:53] = 1  # three zones of 20,800
    array[:, :, 28:33] = array[:, :, 34:39] = 2  # two of 8,000
    array[:, :20, 54:] = 3  # one of 4,800
    found = list(glszm(lesion(array)).values.values())
    np.testing.assert_allclose(found, statistics_of(zones_of(array), np.count_nonzero(array)), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(volumes, st.lists(st.integers(0, 2), min_size=6, max_size=6), st.permutations([0, 1, 2]))
def test_neither_empty_margins_nor_the_order_of_axes_matter_in_three_dimensions(array, margin, axes):
    wanted = zone_features(lesion(array, 3), AGGREGATIONS).values
    assert zone_features(lesion(np.pad(array, np.reshape(margin, (3, 2))), 3), AGGREGATIONS).values == wanted
    for tag, value in zone_features(
        lesion(np.ascontiguousarray(array.transpose(axes)), 3), "3D"
    ).values.items():
        assert value == pytest.approx(wanted[tag], rel=1e-12, abs=1e-12)


def test_levels_labelled_block_by_block_give_the_same_values(monkeypatch):
    array = np.random.default_rng(0).integers(0, 8, (6, 9, 7))
    wanted = zone_features(lesion(array), AGGREGATIONS).values
    monkeypatch.setattr(level_blocks, "MAX_ROWS", 3)
    assert zone_features(lesion(array), AGGREGATIONS).values == pytest.approx(wanted, rel=1e-13)


def test_one_voxel_is_defined_and_nothing_is_not():
    one = glszm(lesion([[[2]]], 4), AGGREGATIONS)
    assert not one.reasons
    assert [one.values[f"szm_{tag}_3D"] for tag in ("sze", "hgze", "zs_var", "zs_entr")] == [
        1.0,
        4.0,
        0.0,
        0.0,
    ]
    nothing = glszm(lesion(np.zeros((2, 3, 4)), 3), AGGREGATIONS)
    assert len(nothing.values) == 48
    assert np.isnan(list(nothing.values.values())).all()
    assert nothing.reasons == dict.fromkeys(nothing.values, "the lesion has no voxel")


def test_an_unknown_aggregation_or_family_names_the_nearest():
    with pytest.raises(SettingsError, match=r"Unknown aggregation of zones '2\.5D'\. Did you mean '2_5D'"):
        glszm(lesion([[[1]]]), "2.5D")
    with pytest.raises(SettingsError, match="Unknown family of zones"):
        zone_features(lesion([[[1]]]), "3D", ["glszm"])
