"""Explanations over time: figures with direction and units, tables that add up, files that come back."""

import json

import numpy as np
import polars as pl
import pytest

from hybridx.errors import ExplanationError, InputError
from hybridx.explain import TimeExplanation, explain
from hybridx.fusion import LateFusion
from tests.models.world import draw

DAYS = [100.0, 400.0, 800.0]


@pytest.fixture(scope="module")
def over_time():
    X, y, *_ = draw(90, seed=5)
    model = LateFusion().fit(X[:70], y[:70])
    units = {"pet.x0": "g/mL", "clinical.x0": "<b>"}
    return explain(model, X[70:], X[:70], scale="risk", times=DAYS, units=units)


def test_the_figure_gives_back_a_table_that_adds_up(over_time):
    moving = (np.abs(over_time.modality_contributions()).max(axis=2) > 0).sum(axis=1)
    row = int(moving.argmax())
    for level, top in (("modality", 8), ("feature", 3)):
        table = over_time.plot(over_time.patients[row], level, top=top).table()
        total = table.group_by("time_days").agg(
            (pl.col("base").first() + pl.col("contribution").sum() - pl.col("prediction").first()).alias(
                "gap"
            )
        )
        assert total.height == len(DAYS)
        assert total["gap"].abs().max() < 1e-9
        assert table[level].n_unique() == (4 if level == "feature" else moving[row])


def test_the_figure_says_direction_unit_and_value(over_time):
    figure = over_time.plot(over_time.patients[1], "feature", top=30)
    text = figure.to_json()
    assert "adds to the risk" in text and "higher: worse" in text and "months" in text
    names = [trace.name for trace in figure.data]
    value = over_time.values["pet.x0"][1]
    if value is not None:
        assert f"pet.x0 = {value:.4g} g/mL" in names
    assert not any("<b>" in name for name in names)
    months = next(t for t in figure.data if t.name == "this patient").x
    np.testing.assert_allclose(months, np.array(DAYS) / 30.4375)


def test_importance_over_time_is_the_mean_size_at_each_day(over_time):
    table = over_time.plot_importance("modality").table()
    pet = table.filter(pl.col("modality") == "pet").sort("time_days")["mean_abs"].to_numpy()
    of = over_time.modality_names.index("pet")
    wanted = np.abs(over_time.modality_contributions()[:, of]).mean(axis=0)
    np.testing.assert_allclose(pet, wanted, atol=1e-12)
    assert len(over_time.plot_importance("feature", top=3).data) == 3


def test_saved_and_loaded_is_the_same(over_time, tmp_path):
    found = TimeExplanation.load(over_time.save(tmp_path / "why"))
    np.testing.assert_array_equal(found.contributions, over_time.contributions)
    np.testing.assert_array_equal(found.prediction, over_time.prediction)
    assert found.values.equals(over_time.values)
    assert (found.scales, found.units, found.method) == (over_time.scales, over_time.units, over_time.method)
    assert found.at(400.0).importance().equals(over_time.at(400.0).importance())


def test_nobody_measured_survives_the_files(tmp_path):
    X, y, *_ = draw(60, seed=2)
    model = LateFusion(modalities=["pet", "lab"]).fit(X, y)
    none = X.filter(~pl.col("pet.measured") & ~pl.col("lab.measured"))
    assert none.height
    why = explain(model, none, X, scale="survival", times=DAYS)
    assert np.isnan(TimeExplanation.load(why.save(tmp_path / "x")).contributions).all()
    assert why.plot(why.patients[0]).table().height == 0


def test_a_changed_file_is_found_out(over_time, tmp_path):
    folder = over_time.save(tmp_path / "why")
    table = pl.read_parquet(folder / "contributions.parquet")
    table.with_columns(pl.col("base") + 0.1).write_parquet(folder / "contributions.parquet")
    with pytest.raises(ExplanationError, match="do not add up"):
        TimeExplanation.load(folder)
    facts = json.loads((folder / "time_explanation.json").read_text())
    (folder / "time_explanation.json").write_text(json.dumps({**facts, "format": 9}))
    with pytest.raises(InputError, match="has format 9; this version reads 1"):
        TimeExplanation.load(folder)
    with pytest.raises(InputError, match="holds no readable explanation"):
        TimeExplanation.load(tmp_path)


def test_an_unknown_patient_is_named_with_the_nearest(over_time):
    with pytest.raises(InputError, match="Did you mean"):
        over_time.plot("P07")
