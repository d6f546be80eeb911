"""The steps of the GPU, run on the CPU: the same whole numbers in every matrix, the same features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

torch = pytest.importorskip("torch")

from hybridx.errors import SettingsError  # noqa: E402
from hybridx.radiomics import torch_textures  # noqa: E402
from hybridx.radiomics.glcm import glcm  # noqa: E402
from hybridx.radiomics.glrlm import AGGREGATIONS, glrlm  # noqa: E402
from hybridx.radiomics.level_blocks import padded  # noqa: E402
from hybridx.radiomics.matrix_grid import directions, level_grid  # noqa: E402
from hybridx.radiomics.neighbour_matrices import neighbour_features  # noqa: E402
from hybridx.radiomics.neighbour_matrices import neighbour_tables as compiled_neighbours  # noqa: E402
from hybridx.radiomics.pair_kernels import count_pairs  # noqa: E402
from hybridx.radiomics.pyradiomics_glcm import pyradiomics_glcm  # noqa: E402
from hybridx.radiomics.pyradiomics_glrlm import pyradiomics_glrlm  # noqa: E402
from hybridx.radiomics.pyradiomics_glszm import pyradiomics_glszm  # noqa: E402
from hybridx.radiomics.pyradiomics_neighbours import pyradiomics_neighbours  # noqa: E402
from hybridx.radiomics.roi import Levels  # noqa: E402
from hybridx.radiomics.run_kernels import DIRECTIONS, PLANAR, count_places  # noqa: E402
from hybridx.radiomics.torch_batch import batch_of  # noqa: E402
from hybridx.radiomics.torch_pyradiomics import pyradiomics_textures  # noqa: E402
from hybridx.radiomics.torch_tables import neighbour_tables, pair_tables, place_tables  # noqa: E402
from hybridx.radiomics.torch_textures import FAMILIES, texture_features  # noqa: E402
from hybridx.radiomics.torch_zones import border_distances, label_zones  # noqa: E402
from hybridx.radiomics.zone_kernels import border_distance  # noqa: E402
from hybridx.radiomics.zones import find_zones, zone_features  # noqa: E402

CPU = torch.device("cpu")
PLANES = ("2D", "2_5D", "3D")
volumes = arrays(np.int32, st.tuples(*[st.integers(1, 6)] * 3), elements=st.integers(0, 3)).filter(np.any)


def lesion(array, grow=0):
    array = np.asarray(array, np.int32)
    form = ndimage.binary_dilation(array > 0, iterations=grow) if grow else array > 0
    return Levels(array, max(int(array.max()), 1), form, (1.0, 1.0, 1.0))


def several():
    rng = np.random.default_rng(4)
    smooth = ndimage.gaussian_filter(rng.normal(size=(9, 17, 14)), 1.5)
    ranks = smooth.ravel().argsort().argsort().reshape(smooth.shape) * 11 // smooth.size + 1
    ball = ndimage.gaussian_filter(rng.normal(size=ranks.shape), 2) > 0
    return [
        lesion(ranks),
        lesion(np.where(ball, ranks, 0), 1),
        lesion(rng.integers(0, 30, (5, 20, 6))),
        lesion(np.ones((4, 4, 30))),
        lesion(np.pad(rng.integers(0, 3, (1, 7, 7)), 2)),
        lesion([[[7]]]),
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(volumes, min_size=1, max_size=3))
def test_matrices_are_those_of_the_compiled_kernels(many):
    assert_same_matrices([lesion(array) for array in many])


def test_matrices_of_larger_lesions_are_those_of_the_compiled_kernels():
    assert_same_matrices(several())


def assert_same_matrices(lesions):
    grids = [level_grid(each) for each in lesions]
    batch = batch_of(grids, CPU)
    offsets = directions((1,), tuple(edge - 2 for edge in batch.shape), planar=False)
    flat = offsets[offsets[:, 0] == 0]
    pairs, runs = pair_tables(batch, offsets), place_tables(batch, DIRECTIONS)
    slices = place_tables(batch, DIRECTIONS[:PLANAR], by_slice=True)
    planes = pair_tables(batch, flat, by_slice=True)
    alike, apart = neighbour_tables(batch, offsets, 1)
    for i, grid in enumerate(grids):
        ranks = len(grid.values) + 1
        wanted = np.zeros((len(offsets), ranks, ranks), np.uint32)
        count_pairs(grid.flat, grid.box, grid.ends, 0, grid.shape[0], grid.steps(offsets), wanted)
        assert (pairs[i, 0, :, 1:ranks, 1:ranks] == wanted[:, 1:, 1:]).all()
        assert (planes[i].sum(axis=0)[:, 1:ranks, 1:ranks] == wanted[: len(flat), 1:, 1:]).all()
        for found, parts in ((runs, 1), (slices, grid.shape[0])):
            tables = np.zeros((parts, found.shape[2], ranks, found.shape[4]), np.uint32)
            count_places(padded(grid), grid.ends, tables)
            assert (found[i, :parts, :, 1:ranks] == tables[:, :, 1:]).all()
        near, far = compiled_neighbours(grid, offsets, 1)
        assert (alike[i, 0, : ranks - 1] == near).all()
        assert (apart[i, 0, : ranks - 1] == far).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(volumes, min_size=1, max_size=3), st.integers(0, 2), st.booleans())
def test_zones_are_those_of_the_compiled_scan(many, grow, planar):
    assert_same_zones([lesion(array, grow) for array in many], planar)


@pytest.mark.parametrize("planar", [True, False])
def test_zones_that_wind_are_those_of_the_compiled_scan(planar):
    spiral = np.ones((5, 21, 21), np.int32)
    spiral[:, 1::2] = 2
    spiral[:, 1::4, 0] = spiral[:, 3::4, -1] = 1
    assert_same_zones([*several(), lesion(spiral)], planar)


def assert_same_zones(lesions, planar):
    batch = batch_of([level_grid(each) for each in lesions], CPU)
    whole = border_distances([each.morphology for each in lesions], CPU)
    boxes = [ndimage.find_objects((each.array > 0).astype(int))[0] for each in lesions]
    found = label_zones(
        batch, planar=planar, distance=[d[planar][b] for d, b in zip(whole, boxes, strict=True)]
    )
    for levels, zones, distance in zip(lesions, found, whole, strict=True):
        assert (
            distance[planar].numpy() == border_distance(levels.morphology, planar=planar)[1:-1, 1:-1, 1:-1]
        ).all()
        (wanted,) = find_zones(levels, planar=planar, distances=True)
        for name in ("level", "size", "distance", "begins", "values"):
            got = getattr(zones, name)
            np.testing.assert_array_equal(got, getattr(wanted, name))
            assert got.dtype == getattr(wanted, name).dtype


def by_cpu(levels, aggregations, distances=(1,), alpha=0):
    planes = list(dict.fromkeys(name.rpartition("_")[0] for name in aggregations))
    return (
        glcm(levels, aggregations, distances)
        | glrlm(levels, aggregations)
        | zone_features(levels, planes)
        | neighbour_features(levels, planes, distances, alpha)
    )


@pytest.mark.parametrize(
    ("aggregations", "distances", "alpha"),
    [(AGGREGATIONS, (1,), 0), (("3D_comb",), (1, 2), 1), (("2_5D_avg", "2D_comb"), (2,), 2)],
)
def test_features_are_those_of_the_cpu(aggregations, distances, alpha):
    lesions = [*several(), lesion(np.zeros((3, 4, 5)))]
    found = texture_features(lesions, FAMILIES, aggregations, distance=distances, alpha=alpha, device="cpu")
    for levels, features in zip(lesions, found, strict=True):
        wanted = by_cpu(levels, aggregations, distances, alpha)
        assert set(features.values) == set(wanted.values)
        for tag, value in wanted.values.items():
            assert features.values[tag] == pytest.approx(value, rel=1e-10, abs=1e-12, nan_ok=True), tag
        assert features.reasons == wanted.reasons


def test_families_too_large_for_the_device_are_left_to_the_cpu(monkeypatch):
    monkeypatch.setattr(torch_textures, "TABLE_BYTES", 1000)
    (found,) = texture_features(several()[:1], FAMILIES, "3D_avg", device="cpu")
    assert found.values == pytest.approx(by_cpu(several()[0], ["3D_avg"]).values, rel=1e-12)


def test_only_the_families_asked_for():
    (found,) = texture_features(several()[1:2], ["ngldm", "gldzm"], device="cpu")
    assert {tag[:4] for tag in found.values} == {"ngl_", "dzm_"}
    (found,) = texture_features([lesion(np.zeros((2, 2, 2)))], ["ngtdm"], device="cpu")
    assert set(found.values) == {
        f"ngt_{f}_3D" for f in ("coarseness", "contrast", "busyness", "complexity", "strength")
    }


def test_unknown_names_and_devices_are_refused():
    with pytest.raises(SettingsError, match="Did you mean 'glrlm'"):
        texture_features(several(), ["glrml"], device="cpu")
    with pytest.raises(SettingsError, match="Unknown aggregation"):
        texture_features(several(), ["glrlm"], "3D", device="cpu")
    with pytest.raises(SettingsError, match="is no device"):
        texture_features(several(), device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match="PyTorch sees no GPU"):
            texture_features(several())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weighting_norm": "euclidean", "symmetrical": False},
        {"distances": (1, 2), "gldm_a": 1},
        {"force_2d": True},
        {"force_2d": True, "force_2d_dimension": 2, "weighting_norm": "no_weighting"},
    ],
)
@pytest.mark.parametrize("room", ["device", "none"])
def test_pyradiomics_names_have_the_values_of_the_cpu(options, room, monkeypatch):
    if room == "none":
        monkeypatch.setattr(torch_textures, "TABLE_BYTES", 1000)
    lesions = [*several(), lesion(np.zeros((3, 4, 5)))]
    plane = {k: v for k, v in options.items() if k.startswith("force")}
    near = plane | {k: v for k, v in options.items() if k == "distances"}
    norm = {k: v for k, v in options.items() if k == "weighting_norm"}
    found = pyradiomics_textures(lesions, **options, device="cpu")
    for levels, features in zip(lesions, found, strict=True):
        wanted = (
            pyradiomics_glcm(levels, symmetrical=options.get("symmetrical", True), **norm, **near)
            | pyradiomics_glrlm(levels, **norm, **plane)
            | pyradiomics_glszm(levels, **plane)
            | pyradiomics_neighbours(levels, gldm_a=options.get("gldm_a", 0), **near)
        )
        assert set(features.values) == set(wanted.values)
        for tag, value in wanted.values.items():
            assert features.values[tag] == pytest.approx(value, rel=1e-10, abs=1e-12, nan_ok=True), tag
        assert features.reasons == wanted.reasons


def test_pyradiomics_families_and_norms_are_checked():
    with pytest.raises(SettingsError, match="Did you mean 'gldm'"):
        pyradiomics_textures(several(), ["gldmm"], device="cpu")
    with pytest.raises(SettingsError, match="norm of weighting"):
        pyradiomics_textures(several(), weighting_norm="x", device="cpu")
    (found,) = pyradiomics_textures(several()[:1], ["gldm"], device="cpu")
    assert len(found.values) == 14


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")
def test_a_gpu_gives_the_values_of_the_cpu():
    lesions = several()
    for levels, features in zip(lesions, texture_features(lesions, FAMILIES, AGGREGATIONS), strict=True):
        wanted = by_cpu(levels, AGGREGATIONS)
        for tag, value in wanted.values.items():
            assert features.values[tag] == pytest.approx(value, rel=1e-10, abs=1e-12, nan_ok=True), tag
