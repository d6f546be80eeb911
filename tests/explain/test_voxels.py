"""From a patient's image part to voxels: sums, grids, references, and what was planted in the picture."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.cohort import images
from hybridx.errors import ExplanationError, InputError
from hybridx.explain import explain, explain_voxels
from hybridx.explain.picture import Picture, picture_of
from hybridx.explain.voxel_grid import box_grid, onto_image
from hybridx.explain.voxel_paths import along_paths, by_regions, tilted
from hybridx.fusion import EarlyFusion, ImageFusion, LateFusion
from hybridx.imaging import Grid, Image, Study
from hybridx.imaging.reading import read_image
from hybridx.measure.deep import PATCH_SPACING_MM, make_patch
from hybridx.measure.encoder import EDGE, DeepEncoder
from hybridx.models import CoxRidge, SurvivalForest
from tests.fusion.image_world import draw_images

N = 40


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Patches of 32 voxels, their deep features, and a risk that hangs on the size of the lesion."""
    X, y, *_ = draw_images(tmp_path_factory.mktemp("voxels"), N, seed=1, edge=EDGE, missing=0.1, clinical=0.3)
    encoder, rows = DeepEncoder.load(), X["deep.image"].to_list()
    codes = np.full((N, encoder.features), np.nan)
    for i, reference in enumerate(rows):
        if reference is not None:
            codes[i] = encoder.encode(images.read(reference)["patch"])[0]
    X = X.with_columns(
        pl.Series(f"deep.petct_{k:03d}", codes[:, k], nan_to_null=True) for k in range(codes.shape[1])
    )
    return X, y


@pytest.fixture(scope="module")
def late(world):
    X, y = world
    return EarlyFusion(CoxRidge(prior_sd=0.3), modalities=["clinical", "deep"]).fit(X, y)


def seen(X):
    return X.filter("deep.measured")["patient_id"].to_list()


def test_voxels_sum_to_what_the_explanation_gives_the_modality(world, late):
    X, _ = world
    why = explain(late, X)
    for patient in seen(X)[:3]:
        found = why.voxels(patient, tolerance=0.05)
        wanted = float(why.modalities.filter(pl.col("patient_id") == patient)["deep"][0])
        total = sum(float(one.array.sum()) for one in found.maps.values())
        assert total == pytest.approx(wanted, abs=1e-6)
        assert found.contribution == pytest.approx(wanted, abs=1e-9)
        assert abs(found.rest) < 1e-6 and abs(found.outside) < 1e-9
        assert found.table()["sum"].sum() == pytest.approx(wanted, abs=1e-6)
        assert "integrated gradients" in found.method


@pytest.mark.parametrize("asked", [{"scale": "risk", "times": 400.0}, {"scale": "rmst", "tau": 600.0}])
def test_voxels_sum_on_another_scale_as_well(world, late, asked):
    X, _ = world
    patient = seen(X)[0]
    why = explain(late, X, knowing=False, **asked)
    wanted = float(why.modalities.filter(pl.col("patient_id") == patient)["deep"][0])
    found = explain_voxels(late, X, patient, references=3, tolerance=0.1, **asked)
    assert found.scale == why.scale
    assert found.contribution == pytest.approx(wanted, rel=1e-6)
    assert found.table()["sum"].sum() == pytest.approx(wanted, abs=1e-6)
    # more risk, fewer event-free days: the maps are near mirror images, and neither is empty
    own = explain_voxels(late, X, patient, references=3, tolerance=0.1)
    alike = np.corrcoef(found.maps["pet"].array.ravel(), own.maps["pet"].array.ravel())[0, 1]
    assert (alike > 0.9) if asked["scale"] == "risk" else (alike < -0.9)


def test_a_scale_that_is_no_function_of_the_predictor_is_refused(world):
    X, y = world
    model = EarlyFusion(SurvivalForest(n_trees=10), modalities=["deep"]).fit(X, y)
    with pytest.raises(ExplanationError, match="voxels are told on its own scale only"):
        explain_voxels(model, X, seen(X)[0], scale="risk", times=400.0)


def test_what_was_planted_is_found_in_the_lesion(world, late):
    """Risk hangs on the lesion's size alone: around it only noise differs between patients."""
    X, _ = world
    share, fills = [], []
    for patient in seen(X)[:3]:
        found = explain_voxels(late, X, patient, tolerance=0.1)
        share.append(np.mean(list(found.inside.values())))
        fills.append(found.lesion_share)
    assert np.mean(share) > 3 * np.mean(fills)


def test_the_voxels_named_are_those_that_move_the_prediction(world, late):
    """Half a hundredth of the voxels, exchanged for another patient's, by size of the map and at random."""
    X, _ = world
    row, other = X.filter("deep.measured")[4], X.filter("deep.measured")[9]
    patch, away = (images.read(one["deep.image"][0])["patch"].astype(np.float32) for one in (row, other))
    picture = picture_of(late, row, X, "deep", patch)
    found = along_paths(picture, patch, away[None], np.ones(1), 0.3)
    size, few = np.abs(found.values[:2]).ravel(), found.values[:2].size // 200
    rng = np.random.default_rng(0)

    def moved(chosen):
        swapped = patch.copy()
        swapped[:2].reshape(-1)[chosen] = away[:2].reshape(-1)[chosen]
        return abs(float(picture.predict(swapped[None])[0] - picture.predict(patch[None])[0]))

    by_chance = np.mean([moved(rng.permutation(size.size)[:few]) for _ in range(5)])
    assert moved(np.argsort(-size)[:few]) > 3 * by_chance


def test_trees_have_no_slope_and_are_told_by_regions(world):
    X, y = world
    model = EarlyFusion(SurvivalForest(n_trees=20), modalities=["deep"]).fit(X, y)
    patient = seen(X)[2]
    with pytest.raises(ExplanationError, match="do not add up to the prediction: it jumps"):
        explain_voxels(model, X, patient, method="gradient", references=2)
    found = explain_voxels(model, X, patient, references=2)
    assert "Shapley values of" in found.method
    total = sum(float(one.array.sum()) for one in found.maps.values()) + found.rest
    assert total == pytest.approx(found.contribution, abs=1e-6)
    assert "the model has no slope" in repr(found)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    X, y, *_ = draw_images(tmp_path_factory.mktemp("image"), 100, seed=3)
    model = ImageFusion(max_epochs=6, min_events=30, n_folds=2, epochs=4).fit(X, y)
    model.image_weight_ = (
        1.0  # whatever held-out patients said: the path through the network is under test here
    )
    return X, y, model


def test_a_network_trained_with_the_model_is_followed(read):
    X, _, model = read
    why = explain(model, X)
    patient = seen(X)[1]
    found = why.voxels(patient)
    wanted = float(why.modalities.filter(pl.col("patient_id") == patient)["deep"][0])
    assert wanted != 0
    assert sum(float(one.array.sum()) for one in found.maps.values()) + found.rest == pytest.approx(
        wanted, abs=1e-6
    )
    assert found.maps["pet"].array.shape == (16, 16, 16)
    assert why.knowing is None  # a model that reads pictures is not asked a hundred times unless asked to


def test_knowing_goes_through_the_network_when_asked(read):
    X, _, model = read
    why = explain(model, X[:4], X[:30], knowing=True)
    nobody = np.nanmean(model.linear_predictor(X[:30]))
    np.testing.assert_allclose(
        why.knowing.drop("patient_id").to_numpy().sum(axis=1), why.prediction - nobody, atol=1e-6
    )


def linear_picture(coefficients):
    """A prediction that is a weighted sum of voxels."""

    class Linear(Picture):
        def predict(self, patches):
            return np.tensordot(patches.astype(np.float64), coefficients, axes=4)

        def slope(self, patches):
            return np.repeat(coefficients[None], len(patches), axis=0)

    return Linear(pl.DataFrame(), [], np.zeros(0), None, ())


def test_a_linear_prediction_is_told_exactly_and_by_regions_alike():
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=(3, 16, 16, 16))
    patch = rng.normal(size=(3, 16, 16, 16)).astype(np.float32)
    others = rng.normal(size=(4, 3, 16, 16, 16)).astype(np.float32)
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    picture = linear_picture(coefficients)
    exact = coefficients * (patch - np.tensordot(weights, others.astype(np.float64), axes=1))
    found = along_paths(picture, patch, others, weights, 1e-4)
    np.testing.assert_allclose(found.values, exact, atol=1e-5)
    coarse = by_regions(picture, patch, others, weights)
    assert coarse.total == pytest.approx(exact.sum(), rel=1e-6)
    assert coarse.values[2].sum() == pytest.approx(exact[2].sum(), rel=1e-5)  # the contour is one region
    inside = patch[2] > 0.5
    assert coarse.values[0][inside].sum() == pytest.approx(exact[0][inside].sum(), rel=1e-4)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12), st.floats(0.02, 0.98))
def test_tilted_weights_have_the_mean_asked_for(values, where):
    values = np.array(values)
    target = values.min() + where * np.ptp(values)
    weights = tilted(values, target)
    if np.ptp(values) < 1e-3:
        return
    if weights is None:  # so near the edge that one patient would have to stand for all
        assert where < 0.25 or where > 0.75 or len(np.unique(values)) > 2
        return
    assert (weights > 0).all() and weights.sum() == pytest.approx(1)
    assert weights @ values == pytest.approx(target, abs=1e-6 * max(1.0, np.ptp(values)))
    assert tilted(values, values.max() + 1.0) is None


def turned(size, spacing, axes):
    axes = np.asarray(axes, dtype=float)
    middle = Grid(size, spacing, (0.0,) * 3, tuple(axes.ravel())).points([[(n - 1) / 2 for n in size]])[0]
    x, y, z = np.array([5.0, 6.0, 7.0]) - middle
    return Grid(size, spacing, (x, y, z), tuple(axes.ravel()))


TURN = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    "axes", [np.eye(3), np.diag([-1.0, -1, 1]), np.diag([1.0, 1, -1]), np.eye(3)[[1, 2, 0]], TURN]
)
def test_a_map_lands_where_it_belongs_on_any_grid(axes):
    box = box_grid(16, 3.0, (5.0, 6.0, 7.0))
    image = turned((60, 54, 50), (1.7, 2.1, 2.5), axes)
    values = np.zeros((16, 16, 16))
    values[10:13, 4:6, 2:4], values[3, 12, 12] = 1.0, -2.0
    found, lost = onto_image(values, box, image)
    assert found.shape == (50, 54, 60)
    assert lost == pytest.approx(0, abs=1e-9)
    for sign in (1, -1):
        part, own = np.clip(sign * found, 0, None), np.clip(sign * values, 0, None)
        assert part.sum() == pytest.approx(own.sum())
        centre = (np.argwhere(part > 0) * part[part > 0][:, None]).sum(axis=0) / part.sum()
        wanted = (np.argwhere(own > 0) * own[own > 0][:, None]).sum(axis=0) / own.sum()
        gap = image.points([centre[::-1]])[0] - box.points([wanted[::-1]])[0]
        assert np.abs(gap).max() < 0.7  # a fraction of a voxel


def test_what_lies_beyond_the_scan_is_counted():
    box = box_grid(16, 3.0, (0.0, 0.0, 0.0))
    half = Grid((100, 100, 100), (1.0, 1.0, 1.0), (0.5, -50.0, -50.0))
    found, lost = onto_image(np.ones((16, 16, 16)), box, half)
    assert found.sum() == pytest.approx(16**3 / 2) and lost == pytest.approx(16**3 / 2)


@pytest.fixture(scope="module")
def study():
    """A lesion of 2 cm in a PET of 4 mm and a CT of 2 mm, whose axes run the other way."""
    rng = np.random.default_rng(5)

    def image(modality, spacing, size, values, *, flip):
        inside, around = values
        axes = (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0) if flip else (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
        origin = tuple((-1 if axes[4 * k] > 0 else 1) * spacing * (size - 1) / 2 for k in range(3))
        empty = Image(np.zeros((size,) * 3, np.float32), (spacing,) * 3, origin, axes, modality)
        index = np.indices((size,) * 3)[::-1].reshape(3, -1).T
        distance = np.linalg.norm(empty.grid.points(index), axis=1).reshape((size,) * 3)
        lesion = distance < 20
        values = np.where(lesion, inside, around) + rng.normal(size=lesion.shape)
        mask = Image(lesion.astype(np.uint8), empty.spacing, empty.origin, axes, "mask")
        return empty.with_array(values.astype(np.float32)), mask

    pet, pet_mask = image("pet", 4.0, 40, (9.0, 1.0), flip=False)
    ct, ct_mask = image("ct", 2.0, 80, (40.0, -120.0), flip=True)
    return Study("Müller <b>7</b>", 1, {"pet": pet, "ct": ct}, {"pet": pet_mask, "ct": ct_mask})


@pytest.fixture(scope="module")
def told(world, late, study):
    X, _ = world
    patch = make_patch(study)
    codes = DeepEncoder.load().encode(patch.array)[0]
    row = X.filter("deep.measured")[:1].with_columns(
        pl.lit(study.patient_id).alias("patient_id"),
        pl.lit(None, dtype=pl.String).alias("deep.image"),
        *(pl.lit(float(v)).alias(f"deep.petct_{k:03d}") for k, v in enumerate(codes)),
    )
    return explain_voxels(late, row, study.patient_id, study, background=X)


def test_maps_lie_on_the_images_own_grids(told, study):
    assert told.maps["pet"].grid.same(study.images["pet"].grid)
    assert told.maps["ct"].grid.same(study.images["ct"].grid)
    total = sum(float(one.array.sum()) for one in told.maps.values()) + told.rest + told.outside
    assert total == pytest.approx(told.contribution, abs=1e-6)
    z, y, x = np.nonzero(np.abs(told.maps["ct"].array) > 0)
    points = study.images["ct"].grid.points(np.column_stack([x, y, z]))
    half = PATCH_SPACING_MM * EDGE / 2
    assert np.abs(points).max() <= half + 3  # the box around the lesion, nothing beyond it


def test_it_is_written_as_nifti_without_a_name(told, tmp_path):
    folder = told.save(tmp_path / "out")
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["contour.nii.gz", "ct.nii.gz", "pet.nii.gz", "voxels.json"]
    again = read_image(folder / "ct.nii.gz", modality="")
    assert again.grid.same(told.maps["ct"].grid)
    np.testing.assert_allclose(again.array, told.maps["ct"].array, rtol=1e-5, atol=1e-9)
    facts = json.loads((folder / "voxels.json").read_text())
    assert facts["contribution"] == told.contribution
    assert "Müller" not in (folder / "voxels.json").read_text()


def test_the_figure_has_four_views_escaped_names_and_its_table(told):
    figure = told.plot()
    text = str(figure.to_dict())
    assert "<b>" not in text and "Müller &lt;b&gt;" in text
    assert sum(trace.type == "heatmap" for trace in figure.data) == 8
    assert sum(trace.type == "contour" for trace in figure.data) == 4
    assert figure.table().equals(told.table())


def test_mistakes_are_named(world, late, read):
    X, y = world
    patient = seen(X)[0]
    with pytest.raises(InputError, match=r"0 rows of patient 'p 000'"):
        explain_voxels(late, X, "p 000")
    with pytest.raises(InputError, match="no picture of this patient"):
        explain_voxels(late, X, X.filter(~pl.col("deep.measured"))["patient_id"][0])
    with pytest.raises(InputError, match="The background has no pictures"):
        explain_voxels(late, X, patient, background=X.drop("deep.image"))
    other = X.with_columns(pl.col("deep.petct_003") + 1.0)
    with pytest.raises(InputError, match="were not made from this picture with the encoder of this version"):
        explain_voxels(late, other, patient)
    with pytest.raises(InputError, match="holds no studies"):
        explain_voxels(late, X, patient, "nowhere")
    with pytest.raises(InputError, match="does not use 'deep'"):
        explain_voxels(LateFusion(modalities=["clinical"]).fit(X, y), X, patient)
    with pytest.raises(InputError, match=r"'gradients'\. Did you mean 'gradient'"):
        explain_voxels(late, X, patient, method="gradients")
    stored = explain(late, X)
    del_source = type(stored).concat([stored])
    with pytest.raises(InputError, match="no model to ask"):
        del_source.voxels(patient)


def test_the_same_call_gives_the_same_bytes(world, late):
    X, _ = world
    a, b = (explain_voxels(late, X, seen(X)[0], references=3, tolerance=0.2) for _ in range(2))
    assert all((a.maps[name].array == b.maps[name].array).all() for name in a.maps)
