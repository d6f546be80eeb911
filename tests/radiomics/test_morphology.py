"""Size and form: the standard's values, bodies of known size, invariances, brute force, and what has no form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.special import elliprg, eval_legendre

from hybridx.radiomics import autocorrelation as module
from hybridx.radiomics.autocorrelation import autocorrelation
from hybridx.radiomics.enclosing import (
    convex_hull,
    ellipsoid,
    enclosing_box,
    enclosing_ellipsoid,
    largest_distance,
)
from hybridx.radiomics.mesh import measure_surface
from hybridx.radiomics.mesh_patterns import MIDDLES, share, triangles
from hybridx.radiomics.morphology import morphology
from hybridx.radiomics.roi import Roi
from tests.radiomics.known_lesions import digital_phantom, ellipsoid_roi, off_the_standard, random_roi


def turned(roi: Roi, axes=(2, 0, 1), flip=1) -> Roi:
    def turn(array):
        return np.ascontiguousarray(np.flip(array.transpose(axes), flip))

    spacing = tuple(roi.spacing[a] for a in axes)
    return Roi(turn(roi.image), turn(roi.morphology), turn(roi.intensity), spacing)


def with_margin(roi: Roi, margin=((3, 0), (0, 5), (2, 1))) -> Roi:
    image = np.pad(roi.image, margin, constant_values=77.0)
    return Roi(image, np.pad(roi.morphology, margin), np.pad(roi.intensity, margin), roi.spacing)


def test_the_digital_phantom():
    found = morphology(digital_phantom()[0])
    assert off_the_standard(found.values, "digital_phantom", "morph_") == []
    assert len(found.values) == 29 and not found.reasons


@pytest.mark.parametrize("seed", range(6))
def test_turning_mirroring_and_margins_change_nothing(seed):
    roi = random_roi(seed, filled=0.2 + 0.1 * seed)
    first = morphology(roi).values
    for other in (turned(roi), turned(roi, (1, 2, 0), (0, 2)), with_margin(roi)):
        again = morphology(other).values
        for tag, value in first.items():
            rel = 1e-5 if "mvee" in tag else 1e-9
            assert again[tag] == pytest.approx(value, rel=rel, abs=1e-9), tag


def test_an_ellipsoid_has_its_volume_axes_and_diameter():
    roi = ellipsoid_roi((30.0, 24.0, 18.0), spacing=(1.0, 1.2, 0.8))
    found = morphology(roi).values
    volume = 4 / 3 * math.pi * 30 * 24 * 18
    assert found["morph_volume"] == pytest.approx(volume, rel=0.005)
    assert found["morph_vol_approx"] == pytest.approx(volume, rel=0.005)
    axes = [found[f"morph_pca_{name}_axis"] for name in ("maj", "min", "least")]
    # the standard's axes are 4 standard deviations; of a filled ellipsoid those are 2 / sqrt(5) of its axes
    short = 2 / math.sqrt(5)
    assert axes == pytest.approx([60 * short, 48 * short, 36 * short], rel=0.005)
    assert found["morph_diam"] == pytest.approx(60, rel=0.02)
    assert found["morph_vol_dens_aee"] == pytest.approx(short**-3, rel=0.01)
    assert found["morph_vol_dens_mvee"] == pytest.approx(1, abs=0.07) and found["morph_vol_dens_mvee"] < 1
    assert found["morph_vol_dens_aabb"] == pytest.approx(math.pi / 6, rel=0.05)
    # faces of cubes are slanted less than the body they stand for: the area of a mesh on a mask is 8 % too large
    assert 0.88 < found["morph_sphericity"] < 0.93
    assert abs(found["morph_moran_i"]) < 0.01 and abs(found["morph_geary_c"] - 1) < 0.01  # noise


def test_a_box_has_the_faces_of_a_box():
    mask = np.zeros((12, 14, 16), bool)
    mask[1:11, 1:13, 1:15] = True
    roi = Roi(np.ones(mask.shape), mask, mask, (2.0, 1.0, 0.5))
    surface = measure_surface(mask, roi.spacing)
    hull = convex_hull(surface, roi.spacing)
    assert sorted(enclosing_box(hull)) == pytest.approx([7.0, 12.0, 20.0])
    # bevelled edges cut wedges of 1/8 of the neighbouring cubes off; corners more
    assert 0.97 * 1680 < surface.volume < 1680
    assert surface.volume == pytest.approx(hull.volume, rel=1e-12)
    assert surface.area == pytest.approx(hull.area, rel=1e-12)


def test_patterns_fill_a_cube_with_their_complements_and_close_the_surface():
    for code in range(256):
        assert share(code) + share(code ^ 255) == pytest.approx(1.0, abs=1e-12)
        found, weights = triangles(code)
        assert (len(found) == 0) == (code in {0, 255})
        assert weights.sum() == pytest.approx(triangles(code ^ 255)[1].sum())
    assert share(0) == 0.0 and share(255) == 1.0
    assert share(1) == pytest.approx(1 / 48)
    assert share(0b00001111) == pytest.approx(0.5)
    corner = MIDDLES[triangles(1)[0][0]]
    assert np.linalg.norm(corner, axis=1) == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.02, 0.9))
def test_the_hull_and_the_diameter_are_those_of_all_vertices(seed, filled):
    """Brute force: every face between a voxel and its outside gives a vertex."""
    roi = random_roi(seed, (4, 5, 6), filled=filled)
    padded = np.pad(roi.morphology, 1)
    vertices = []
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 0.5
        low = np.moveaxis(padded, axis, 0)
        crossing = np.argwhere(np.moveaxis(low[1:] != low[:-1], 0, axis)) + step
        vertices.append(crossing * roi.spacing)
    vertices = np.concatenate(vertices)
    widest = np.sqrt(((vertices[:, None] - vertices[None]) ** 2).sum(axis=-1)).max()
    hull = convex_hull(measure_surface(roi.morphology, roi.spacing), roi.spacing)
    assert largest_distance(hull.points) == pytest.approx(widest, rel=1e-12)
    reach = vertices @ hull.normals.T
    ours = hull.points @ hull.normals.T
    assert reach.max(axis=0) == pytest.approx(ours.max(axis=0), abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_boxes_and_ellipsoids_hold_every_corner_and_are_no_larger_than_the_plain_ones(seed):
    roi = random_roi(seed, (5, 5, 6), filled=0.1)
    hull = convex_hull(measure_surface(roi.morphology, roi.spacing), roi.spacing)
    sides = np.ptp(hull.points, axis=0)
    box, half = enclosing_box(hull), enclosing_ellipsoid(hull)
    assert hull.volume * (1 - 1e-9) <= box.prod() <= sides.prod() * (1 + 1e-9) or len(hull.points) < 8
    # around the box along the axes there is an ellipsoid of pi sqrt(3) / 2 times its volume
    volume = 4 / 3 * math.pi * half.prod()
    assert hull.volume < volume <= sides.prod() * math.pi * math.sqrt(3) / 2 * (1 + 1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_smallest_box_is_that_of_another_hull_in_each_plane(seed):
    roi = random_roi(seed, (6, 7, 8), filled=0.15) if seed else ellipsoid_roi((7.0, 6.0, 4.0))
    hull = convex_hull(measure_surface(roi.morphology, roi.spacing), roi.spacing)
    best = np.inf
    for normal in hull.normals:
        plane = np.linalg.svd(normal[None])[2][1:]
        flat = hull.points @ plane.T
        corners = flat[ConvexHull(flat).vertices]
        along = np.roll(corners, -1, axis=0) - corners
        along /= np.linalg.norm(along, axis=1)[:, None]
        across = np.column_stack([-along[:, 1], along[:, 0]])
        area = np.ptp(corners @ along.T, axis=0) * np.ptp(corners @ across.T, axis=0)
        best = min(best, area.min() * np.ptp(hull.points @ normal))
    assert enclosing_box(hull).prod() == pytest.approx(best, rel=1e-7)


def test_the_smallest_ellipsoid_of_a_cube_and_of_an_octahedron():
    cube = np.zeros((5, 5, 5), bool)
    cube[2, 2, 2] = True
    hull = convex_hull(measure_surface(cube, (2.0, 2.0, 2.0)), (2.0, 2.0, 2.0))
    assert enclosing_ellipsoid(hull) == pytest.approx([1.0, 1.0, 1.0], rel=1e-5)  # an octahedron's
    stretched = convex_hull(measure_surface(cube, (2.0, 4.0, 6.0)), (2.0, 4.0, 6.0))
    assert enclosing_ellipsoid(stretched) == pytest.approx([3.0, 2.0, 1.0], rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.9))
def test_autocorrelation_is_the_sum_over_pairs(seed, filled):
    roi = random_roi(seed, (4, 7, 5), filled=filled)
    n = int(roi.intensity.sum())
    if n < 2:
        return
    places = np.argwhere(roi.intensity) * np.array(roi.spacing)
    distance = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=-1))
    w = np.divide(1.0, distance, out=np.zeros_like(distance), where=distance > 0)
    d = roi.values - roi.values.mean()
    moran = n / w.sum() * (w * np.outer(d, d)).sum() / (d @ d)
    geary = (n - 1) / (2 * w.sum()) * (w * (d[:, None] - d[None]) ** 2).sum() / (d @ d)
    for ways in (0, 10**9):  # by spectra, by pairs
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "PAIRWISE", ways)
            found = autocorrelation(roi).values
        assert found["morph_moran_i"] == pytest.approx(moran, rel=1e-9, abs=1e-12)
        assert found["morph_geary_c"] == pytest.approx(geary, rel=1e-9)


def test_spectra_in_parts_are_the_whole(monkeypatch):
    roi = random_roi(4, (9, 20, 31))
    whole = autocorrelation(roi).values
    monkeypatch.setattr(module, "WORKING_BYTES", 200_000)
    assert autocorrelation(roi).values == pytest.approx(whole, rel=1e-12)


def test_order_is_seen():
    roi = ellipsoid_roi((8.0, 8.0, 8.0))
    gradient = np.broadcast_to(np.arange(roi.image.shape[0], dtype=float)[:, None, None], roi.image.shape)
    ordered = autocorrelation(
        Roi(np.ascontiguousarray(gradient), roi.morphology, roi.intensity, roi.spacing)
    ).values
    assert ordered["morph_moran_i"] > 0.15 and ordered["morph_geary_c"] < 0.9


def test_the_area_of_an_ellipsoid_is_the_standards_series():
    """Not the area itself, by as much as its docstring says; Legendre's polynomials here, a recurrence there."""
    for half, factor in (
        ((4.0, 3.0, 2.0), 1.04),
        ((2.0, 2.0, 1.0), 1.24),
        ((2.0, 1.0, 1.0), 0.81),
        ((1.0,) * 3, 1.0),
    ):
        a, b, c = (h**2 for h in half)
        volume, area = ellipsoid(np.array(half))
        assert area / (4 * math.pi * elliprg(a * b, a * c, b * c)) == pytest.approx(factor, abs=0.005)
        assert volume == pytest.approx(4 / 3 * math.pi * math.prod(half))
    alpha, beta = math.sqrt(1 - 9 / 16), math.sqrt(1 - 4 / 16)
    k = np.arange(21)
    x = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = 4 * math.pi * 12 * ((alpha * beta) ** k / (1 - 4 * k**2) * eval_legendre(k, x)).sum()
    assert ellipsoid(np.array([4.0, 3.0, 2.0]))[1] == pytest.approx(series, rel=1e-12)


def test_one_voxel_has_a_volume_and_no_axes():
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    found = morphology(Roi(np.full(mask.shape, 5.0), mask, mask, (2.0, 2.0, 2.0)))
    missing = {tag for tag, value in found.values.items() if math.isnan(value)}
    assert missing == set(found.reasons)
    assert found.values["morph_volume"] == pytest.approx(8 / 6) and found.values[
        "morph_diam"
    ] == pytest.approx(2.0)
    assert {"morph_pca_maj_axis", "morph_pca_flatness", "morph_vol_dens_aee", "morph_moran_i"} <= missing


def test_a_single_slice_loses_features_and_never_the_lesion():
    mask = np.zeros((3, 9, 9), bool)
    mask[1, 2:7, 1:8] = True
    found = morphology(Roi(np.random.default_rng(0).normal(size=mask.shape), mask, mask, (5.0, 1.0, 1.0)))
    missing = {tag for tag, value in found.values.items() if math.isnan(value)}
    assert missing == set(found.reasons) == {"morph_vol_dens_aee"}
    assert found.values["morph_pca_flatness"] == 0.0 and found.values["morph_pca_least_axis"] == 0.0


def test_an_empty_mask_and_an_empty_intensity_mask():
    none = np.zeros((3, 3, 3), bool)
    found = morphology(Roi(np.ones(none.shape), none, none, (1.0, 1.0, 1.0)))
    assert len(found.values) == 29 == len(found.reasons)
    some = ~none
    kept = morphology(Roi(np.ones(none.shape), some, none, (1.0, 1.0, 1.0)))
    assert set(kept.reasons) == {"morph_com", "morph_integ_int", "morph_moran_i", "morph_geary_c"}
