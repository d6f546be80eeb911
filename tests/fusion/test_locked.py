"""A locked model predicts what it predicted, warns where it must, and loads nothing that it does not know."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.pipeline import Pipeline

from hybridx.cohort import Block, Cohort, Outcome
from hybridx.errors import InputError
from hybridx.fusion import EarlyFusion, LateFusion, LockedModel, lock
from hybridx.models import SurvivalForest, XGBoostCox


def cohort_of(n, seed, shift=0.0, without=()):
    """Return a cohort of two modalities whose first features carry the risk."""
    rng = np.random.default_rng(seed)
    ids = [f"P{i:03d}" for i in range(n)]
    blocks, hazard = [], np.zeros(n)
    for modality, width in (("clinical", 3), ("pet", 6)):
        values = rng.normal(size=(n, width)) + shift
        hazard += values[:, 0]
        has = np.array([modality != "pet" or (i % 4 > 0 and i not in without) for i in range(n)])
        has &= ~np.isin(np.arange(n), without)
        names = [f"{modality}.x{j}" for j in range(width)]
        patients = [p for p, flag in zip(ids, has, strict=True) if flag]
        frame = pl.DataFrame({"patient_id": patients, **{c: values[has, j] for j, c in enumerate(names)}})
        rows = {"modality": modality, "title": "", "unit": "mmol/L", "family": "t", "ibsi_id": None}
        features = pl.DataFrame(
            [{"column": c, **rows, "extractor": "t", "version": "1", "settings_hash": ""} for c in names],
            schema_overrides={"ibsi_id": pl.String},
        )
        flags = dict(zip(ids, has.tolist(), strict=True))
        blocks.append(Block(modality, frame, flags, dict.fromkeys(patients, 0.0), features))
    time = rng.exponential(np.exp(-hazard)) * 500 + 1
    table = pl.DataFrame(
        {"patient_id": ids, "endpoint": ["OS"] * n, "time_days": time, "event": rng.random(n) < 0.7}
    )
    return Cohort.build(ids, blocks, {"outcomes": table})


@pytest.fixture(scope="module")
def training():
    return cohort_of(80, seed=1)


@pytest.mark.parametrize(
    "model",
    [LateFusion(), EarlyFusion(), EarlyFusion(SurvivalForest()), LateFusion(models={"pet": XGBoostCox()})],
    ids=["late", "early", "forest", "xgboost"],
)
def test_round_trip_gives_the_same_numbers(model, training, tmp_path):
    X, y = training.frame(), training.outcomes("OS")
    fitted = model.fit(X, y)
    back = LockedModel.load(lock(fitted, X, y, cohort=training).save(tmp_path / "model"))
    new = cohort_of(20, seed=2).frame()
    np.testing.assert_array_equal(back.model.predict(new), fitted.predict(new))
    np.testing.assert_array_equal(
        back.model.predict_survival(new, [100, 400]), fitted.predict_survival(new, [100, 400])
    )
    assert back.manifest["columns"]["pet"]["pet.x0"] == "mmol/L"
    assert back.manifest["n_patients"] == 80


def test_no_training_patient_travels_with_the_model(training, tmp_path):
    X, y = training.frame(), training.outcomes("OS")
    folder = lock(LateFusion().fit(X, y), X, y, cohort=training).save(tmp_path / "model")
    assert "P00" not in (folder / "model.json").read_text()
    assert not hasattr(LockedModel.load(folder).model, "held_out_")


def test_warnings(training):
    X, y = training.frame(), training.outcomes("OS")
    locked = lock(LateFusion().fit(X, y), X, y, cohort=training)
    usual = locked.predict(cohort_of(12, seed=3, without=(5,)), times=[365])
    assert usual["risk"].is_null().to_list() == [i == 5 for i in range(12)]
    assert "no prediction" in usual["warnings"][5]
    assert usual["survival_365d"].drop_nulls().is_between(0, 1).all()
    assert usual["measured"][0] == "clinical" and usual["measured"][1] == "clinical, pet"
    far = locked.predict(cohort_of(8, seed=4, shift=25.0))
    assert all("outside the training range" in text for text in far["warnings"])
    one = cohort_of(8, seed=4)
    block = one.blocks["clinical"].with_columns(pl.lit(1e9).alias("clinical.x1"))
    one = dataclasses.replace(one, blocks={**one.blocks, "clinical": block})
    text = "clinical.x1 lies far outside what training saw: the farthest value that the model knows is used"
    table = locked.predict(one)
    assert all(text in found for found in table["warnings"])
    assert table["risk"].abs().max() < 10
    rare = dict(locked.manifest) | {"patterns": [{"measured": ["clinical", "pet"], "patients": 3}]}
    assert (
        "only 3 training patients" in LockedModel(locked.model, rare).predict(cohort_of(4, 5))["warnings"][1]
    )


def test_response_gives_a_probability(training):
    X = training.frame()
    y = Outcome.response((np.nan_to_num(X["clinical.x0"].to_numpy()) > 0).astype(float))
    table = lock(LateFusion(endpoint="response").fit(X, y), X, y).predict(training)
    assert table["probability"].is_between(0, 1).all()


def test_a_changed_file_is_refused(training, tmp_path):
    X, y = training.frame(), training.outcomes("OS")
    folder = lock(LateFusion().fit(X, y), X, y).save(tmp_path / "model")
    content = bytearray((folder / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.skops").write_bytes(bytes(content))
    with pytest.raises(InputError, match="was changed"):
        LockedModel.load(folder)


def test_foreign_types_are_refused(training, tmp_path):
    X, y = training.frame(), training.outcomes("OS")
    folder = lock(LateFusion().fit(X, y), X, y).save(tmp_path / "model")
    content = skops.io.dumps(Pipeline([("evil", Outcome.response([0, 1]))]))
    (folder / "model.skops").write_bytes(content)
    manifest = json.loads((folder / "model.json").read_text()) | {
        "sha256": hashlib.sha256(content).hexdigest()
    }
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="asks for types"):
        LockedModel.load(folder)


def test_empty_folder_names_the_cure(tmp_path):
    with pytest.raises(InputError, match="hybridx fit"):
        LockedModel.load(tmp_path)


def test_what_was_measured_later_is_not_looked_at(training):
    X, y = training.frame(), training.outcomes("OS")
    for model in (LateFusion(), EarlyFusion()):
        locked = lock(model.fit(X, y), X, y, cohort=training)
        new = cohort_of(12, seed=7)
        days = new.days.with_columns(pl.when(new.measured["pet"]).then(30.0).alias("pet"))
        late = locked.predict(dataclasses.replace(new, days=days), times=[100])
        blocks = {"clinical": new.blocks["clinical"]}
        alone = dataclasses.replace(
            new,
            blocks=blocks,
            measured=new.measured.drop("pet"),
            days=new.days.drop("pet"),
            features=new.features.filter(pl.col("modality") == "clinical"),
        )
        assert late["risk"].to_list() == locked.predict(alone)["risk"].to_list()
        assert ["measured later" in text for text in late["warnings"]] == new.measured["pet"].to_list()
        assert set(late["measured"]) == {"clinical"}


def test_no_survival_where_training_followed_nobody(training):
    X, y = training.frame(), training.outcomes("OS")
    locked = lock(LateFusion().fit(X, y), X, y, cohort=training)
    end = float(y.time_days.max())
    table = locked.predict(cohort_of(6, seed=3), times=[100, end + 1])
    assert table["survival_100d"].null_count() == 0
    assert table[f"survival_{end + 1:g}d"].null_count() == 6
    assert all("no survival after day" in text for text in table["warnings"])


def test_another_unit_is_refused_and_other_settings_are_said(training):
    X, y = training.frame(), training.outcomes("OS")
    locked = lock(LateFusion().fit(X, y), X, y, cohort=training)
    new = cohort_of(8, seed=3)
    pet = pl.col("modality") == "pet"

    def told(**changes):
        changed = [pl.when(pet).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in changes.items()]
        return locked.predict(dataclasses.replace(new, features=new.features.with_columns(changed)))

    with pytest.raises(InputError, match=r"pet\.x0 in 'mg/dL' instead of 'mmol/L'"):
        told(unit="mg/dL")
    warned = ["other settings" in text for text in told(settings_hash="bin width 64")["warnings"]]
    assert warned == new.measured["pet"].to_list()
    assert not any("other settings" in text for text in locked.predict(new)["warnings"])


def test_a_value_that_nobody_has_is_imputed_whoever_else_is_in_the_cohort(training):
    X, y = training.frame(), training.outcomes("OS")
    for model in (LateFusion(), EarlyFusion()):
        locked = lock(model.fit(X, y), X, y, cohort=training)
        new = cohort_of(8, seed=3)
        empty = pl.lit(None, dtype=pl.Float64).alias("clinical.x1")
        blocks = {**new.blocks, "clinical": new.blocks["clinical"].with_columns(empty)}
        unknown = dataclasses.replace(new, blocks=blocks)
        absent = dataclasses.replace(
            new,
            blocks={**new.blocks, "clinical": new.blocks["clinical"].drop("clinical.x1")},
            features=new.features.filter(pl.col("column") != "clinical.x1"),
        )
        table = locked.predict(absent)
        assert table["risk"].to_list() == locked.predict(unknown)["risk"].to_list()
        assert all("nobody here has clinical.x1" in text for text in table["warnings"])
