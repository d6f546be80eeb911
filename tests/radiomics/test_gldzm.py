"""Distance zones against a slow count of steps to the border, and what the border is."""

import gc
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from hybridx.errors import InputError
from hybridx.radiomics.gldzm import AGGREGATIONS, gldzm
from hybridx.radiomics.glszm import glszm
from hybridx.radiomics.roi import Levels
from hybridx.radiomics.zone_kernels import border_distance
from hybridx.radiomics.zones import find_zones, zone_features

volumes = arrays(np.int32, st.tuples(*[st.integers(1, 6)] * 3), elements=st.integers(0, 3)).filter(np.any)


def peeled(mask):
    """Distance as the number of times a layer must be peeled off until the voxel is gone (faces only)."""
    distance = np.zeros(mask.shape, int)
    left = np.pad(mask, 1)
    while left.any():
        distance += left[(slice(1, -1),) * mask.ndim]
        left = ndimage.binary_erosion(left)
    return distance


def zones_of(array, distance):
    """Level and distance of every zone, by SciPy."""
    found = []
    for level in np.unique(array[array > 0]):
        labels, n = ndimage.label(array == level, np.ones((3,) * array.ndim))
        found += [(int(level), int(d)) for d in ndimage.minimum(distance, labels, range(1, n + 1))]
    return sorted(found)


@settings(max_examples=60, deadline=None)
@given(volumes, st.integers(0, 2))
def test_zones_lie_as_deep_as_layers_can_be_peeled_off(array, grow):
    form = ndimage.binary_dilation(array > 0, iterations=grow) if grow else array > 0
    levels = Levels(array, 3, form, (1.0, 1.0, 1.0))
    (zones,) = find_zones(levels, planar=False, distances=True)
    found = sorted(zip(zones.values[zones.level - 1].tolist(), zones.distance.tolist(), strict=True))
    assert found == zones_of(array, peeled(form))
    (zones,) = find_zones(levels, planar=True, distances=True)
    found = sorted(zip(zones.values[zones.level - 1].tolist(), zones.distance.tolist(), strict=True))
    pairs = [zones_of(plane, peeled(mask)) for plane, mask in zip(array, form, strict=True) if plane.any()]
    assert found == sorted(itertools.chain.from_iterable(pairs))


def test_distances_of_a_large_form_with_holes():
    rng = np.random.default_rng(5)
    form = ndimage.gaussian_filter(rng.normal(size=(24, 60, 50)), 3) > -0.01
    assert (border_distance(form, planar=False)[1:-1, 1:-1, 1:-1] == peeled(form)).all()
    flat = np.stack([peeled(plane) for plane in form])
    assert flat.max() > 6
    assert (border_distance(form, planar=True)[1:-1, 1:-1, 1:-1] == flat).all()


def test_the_border_is_the_forms_not_that_of_the_grey_levels_nor_of_a_hole_left_by_resegmentation():
    array = np.full((5, 5, 5), 1, np.int32)
    array[2, 2, 2] = 0  # taken out of the intensity mask
    array[2, 2, 1] = 2
    solid = gldzm(Levels(array, 2, np.ones((5, 5, 5), bool), (1.0, 1.0, 1.0))).values
    assert solid["dzm_lde_3D"] == (1 + 4) / 2
    hollow = gldzm(Levels(array, 2, array > 0, (1.0, 1.0, 1.0))).values
    assert hollow["dzm_lde_3D"] == 1.0
    margin = np.pad(array, 3)
    form = np.zeros(margin.shape, bool)
    form[2:-2, 2:-2, 2:-2] = True
    wider = gldzm(Levels(margin, 2, form, (1.0, 1.0, 1.0))).values
    assert wider["dzm_lde_3D"] == (4 + 9) / 2


def test_percentage_counts_voxels_and_levels_agree_with_the_size_zones():
    array = np.random.default_rng(0).integers(0, 4, (5, 8, 9)).astype(np.int32)
    levels = Levels(array, 3, np.ones(array.shape, bool), (1.0, 1.0, 1.0))
    size, distance, both = (
        f.values
        for f in (
            glszm(levels, AGGREGATIONS),
            gldzm(levels, AGGREGATIONS),
            zone_features(levels, AGGREGATIONS),
        )
    )
    assert {**size, **distance} == both
    for aggregation in AGGREGATIONS:
        for tag in ("lgze", "hgze", "glnu", "glnu_norm", "z_perc", "gl_var"):
            assert distance[f"dzm_{tag}_{aggregation}"] == pytest.approx(
                size[f"szm_{tag}_{aggregation}"], rel=1e-13
            )
    (zones,) = find_zones(levels, planar=False, distances=True)
    assert distance["dzm_lde_3D"] == pytest.approx(np.mean(zones.distance.astype(float) ** 2), rel=1e-13)
    assert distance["dzm_zd_var_3D"] == pytest.approx(zones.distance.var(), rel=1e-13)


def test_a_lesion_is_labelled_once_for_both_families_and_forgotten_with_it(monkeypatch):
    from hybridx.radiomics import zones as room

    asked = []
    find = room.find_zones
    monkeypatch.setattr(room, "find_zones", lambda *a, **k: asked.append(k) or find(*a, **k))
    array = np.random.default_rng(1).integers(0, 3, (4, 5, 6)).astype(np.int32)
    levels = Levels(array, 2, array > 0, (1.0, 1.0, 1.0))
    glszm(levels, AGGREGATIONS), gldzm(levels, AGGREGATIONS)
    assert sorted(k["planar"] for k in asked) == [False, True]
    kept = len(room._REMEMBERED)
    del levels
    gc.collect()
    assert len(room._REMEMBERED) < kept


def test_a_grey_level_outside_the_form_is_refused():
    array = np.ones((3, 3, 3), np.int32)
    form = np.ones((3, 3, 3), bool)
    form[0, 0, :2] = False
    array[0, 0, 0] = 2
    with pytest.raises(InputError, match="2 voxels have a grey level outside the morphological mask"):
        gldzm(Levels(array, 2, form, (1.0, 1.0, 1.0)))


def test_one_voxel_is_defined_and_nothing_is_not():
    one = gldzm(
        Levels(np.full((1, 1, 1), 3, np.int32), 4, np.ones((1, 1, 1), bool), (1.0, 1.0, 1.0)), AGGREGATIONS
    )
    assert one.values["dzm_sde_2D"] == one.values["dzm_z_perc_3D"] == 1.0
    empty = np.zeros((2, 3, 4), np.int32)
    nothing = gldzm(Levels(empty, 3, np.ones(empty.shape, bool), (1.0, 1.0, 1.0)), AGGREGATIONS)
    assert np.isnan(list(nothing.values.values())).all()
    assert nothing.reasons == dict.fromkeys(nothing.values, "the lesion has no voxel")
