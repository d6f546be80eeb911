"""Pictures all the way: from an extracted cohort through evaluation, explanation and a locked model."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import hybridx as hx
from hybridx.cohort import Block, Cohort
from hybridx.demo import make_cohort
from hybridx.fusion import ImageFusion, LateFusion
from hybridx.fusion.image_need import wants_images
from hybridx.fusion.locked import LockedModel
from hybridx.fusion.locking import lock
from hybridx.measure import ExtractSettings
from tests.fusion.image_world import draw_images

SMALL = {"max_epochs": 4, "min_events": 10, "n_folds": 2}


def as_cohort(folder, n, **settings):
    """Return drawn patients as a cohort on disk, as extraction would leave it."""
    frame, y, *_ = draw_images(folder, n, **settings)
    ids = frame["patient_id"].to_list()
    blocks = []
    for modality in ("clinical", "lab", "deep"):
        names = [c for c in frame.columns if c.startswith(f"{modality}.") and frame[c].dtype == pl.Float64]
        table = frame.select("patient_id", *names)
        if modality == "deep":
            table, names = table.with_columns(pl.lit(0.5).alias("deep.petct_000")), ["deep.petct_000"]
        about = {"title": "x", "unit": "1", "family": "t", "ibsi_id": None, "extractor": "t", "version": "1"}
        rows = [{"column": c, "modality": modality, **about, "settings_hash": "0"} for c in names]
        features = pl.DataFrame(rows, schema_overrides={"ibsi_id": pl.String})
        measured = dict(zip(ids, frame[f"{modality}.measured"].to_list(), strict=True))
        table = table.filter(pl.Series([measured[p] for p in ids]))
        blocks.append(Block(modality, table, measured, dict.fromkeys(ids, 0.0), features))
    outcomes = {
        "patient_id": ids,
        "endpoint": ["OS"] * n,
        "origin": ["baseline"] * n,
        "time_days": y.time_days,
        "event": y.event,
    }
    images = frame.select(
        "patient_id",
        pl.lit("patch:deep").alias("kind"),
        pl.col("deep.image").str.split("#").list.last().alias("address"),
        pl.lit(0.0).alias("day"),
    ).drop_nulls("address")
    tables = {"outcomes": pl.DataFrame(outcomes), "images": images}
    return Cohort.build(ids, blocks, tables, {"synthetic": True}, folder=folder)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return as_cohort(tmp_path_factory.mktemp("cohort"), 90, seed=2)


def test_only_models_that_read_pictures_ask_for_them():
    assert wants_images(LateFusion(), ImageFusion()) and not wants_images(LateFusion(), object(), None)
    assert wants_images(make_pipeline("passthrough", ImageFusion()))
    assert wants_images(GridSearchCV(ImageFusion(), {"epochs": [1]}))


@pytest.mark.slow
def test_evaluation_in_worker_processes_and_explanation(cohort):
    design = hx.designs.NestedCV(folds=2, repeats=1, seed=0)
    settings = {
        "models": {
            "image": ImageFusion(epochs=2, **SMALL),
            "late": LateFusion(modalities=["clinical", "lab"]),
        },
        "cohort": cohort,
        "endpoint": "OS",
        "design": design,
        "explain": hx.explain,
        "resamples": 100,
        "progress": False,
    }
    here = hx.evaluate(**settings, workers=1)
    there = hx.evaluate(**settings, workers=2)
    assert here.predictions.equals(there.predictions), "spawned workers find the same pictures"
    risk = here.predictions.filter(pl.col("model") == "image")["risk"]
    assert risk.null_count() == 0
    why = here.explanation
    assert why.modality_names == ["clinical", "lab", "deep"] and "deep.image" in why.feature_names
    has = cohort.select(why.patients).frame(images=True)["deep.image"].is_not_null().to_numpy()
    share = why.modalities["deep"].to_numpy()
    assert (share[~has] == 0).all() and (share[has] != 0).any()


def test_an_evaluation_without_such_a_model_reads_no_pictures(cohort, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("hybridx.cohort.cohort.images_of", refuse)
    result = hx.evaluate(
        models={"late": LateFusion()}, cohort=cohort, endpoint="OS", baselines=False, resamples=100, workers=1,
        design=hx.designs.NestedCV(folds=2, repeats=1, seed=0), progress=False,
    )  # fmt: skip
    assert result.predictions["risk"].null_count() == 0


def test_a_locked_model_predicts_a_moved_cohort_of_new_patients(cohort, tmp_path):
    X, y = cohort.frame(images=True), cohort.outcomes("OS")
    model = ImageFusion(epochs=4, **SMALL).fit(X, y)
    lock(model, X, y, cohort=cohort).save(tmp_path / "model")
    saved = Cohort.load(cohort.save(tmp_path / "elsewhere"))
    predicted = LockedModel.load(tmp_path / "model").predict(saved, times=[365])
    np.testing.assert_allclose(predicted["risk"].to_numpy(), model.predict(X), atol=1e-12)
    assert predicted["survival_365d"].null_count() == 0
    # a picture taken after the model's day is not looked at
    late = dataclasses.replace(saved, days=saved.days.with_columns(pl.lit(40.0).alias("deep")))
    blind = LockedModel.load(tmp_path / "model").predict(late)
    assert blind["measured"].str.contains("deep").sum() == 0
    assert blind["warnings"].str.contains("deep was measured later").any()


@pytest.mark.slow
def test_the_whole_way_from_the_demo(tmp_path):
    make_cohort(tmp_path / "data", patients=24, seed=3, workers=1, progress=False)
    bare = ExtractSettings(views=False, volumes=False)  # what pages show, and no model reads
    cohort = hx.extract(tmp_path / "data", out=tmp_path / "cohort", settings=bare, workers=1, progress=False)
    X = cohort.frame(images=True)
    assert X["deep.image"].is_not_null().to_list() == cohort.measured["deep"].to_list()
    assert not any(p in text for p, text in zip(cohort.patients, X["deep.image"].fill_null(""), strict=True))
    settings = {"modalities": ["clinical"], "max_epochs": 2, "min_events": 4, "n_folds": 5}
    result = hx.evaluate(
        models={"image": ImageFusion(**settings)}, cohort=cohort, endpoint="PFS", explain=hx.explain,
        baselines=False, resamples=100, workers=1, progress=False,
        design=hx.designs.NestedCV(folds=3, repeats=1, seed=0),
    )  # fmt: skip
    risk = result.predictions.filter(pl.col("model") == "image")["risk"]
    assert risk.null_count() == 0 and result.explanation is not None
