"""Through preparation: values in their own unit, what was filled in, what stands for what."""

import numpy as np
import polars as pl
import pytest

from hybridx.explain import explain
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import CoxRidge
from hybridx.prepare import (
    BlockImputer,
    CorrelationClusters,
    CorrelationFilter,
    PreparedModel,
    PrincipalComponents,
    Standardizer,
)
from tests.models.world import draw


@pytest.fixture(scope="module")
def world():
    X, y, *_ = draw(120, seed=7)
    X = X.with_columns((pl.col("pet.x0") * 40 + 300).alias("pet.x0"))
    copy = X["pet.x0"] * 2 + 1
    return X.with_columns(copy.alias("pet.copy")), y


def test_a_scaled_table_is_explained_as_the_table_itself(world):
    X, y = world
    plain = LateFusion().fit(X, y)
    piped = PreparedModel([("scale", Standardizer()), ("model", LateFusion())]).fit(X, y)
    a, b = explain(plain, X), explain(piped, X)
    assert b.values.equals(a.values)
    assert a.feature_names == b.feature_names
    np.testing.assert_allclose(
        a.features.drop("patient_id").to_numpy(), b.features.drop("patient_id").to_numpy(), atol=5e-4
    )
    np.testing.assert_allclose(b.prediction, piped.linear_predictor(X))
    assert b.knowing is not None


def test_what_was_filled_in_is_told_in_the_column_s_own_unit(world):
    X, y = world
    why = explain(LateFusion().fit(X, y), X)
    filled = why.details.imputed
    row = int(np.flatnonzero(filled["clinical.x0"].is_not_null())[0])
    assert filled["clinical.x0"][row] == pytest.approx(X["clinical.x0"].median())
    patient = why.patient(why.patients[row])
    line = patient.table().row(by_predicate=pl.col("feature") == "clinical.x0", named=True)
    assert line["state"] == "imputed" and line["value"] is None
    assert line["filled"] == pytest.approx(X["clinical.x0"].median())
    # nothing is "filled in" in a modality that nobody measured, nor where a value stands
    assert filled.filter(~X["pet.measured"]).select(
        c for c in filled.columns if c.startswith("pet.")
    ).null_count().row(0) == tuple(
        [int((~X["pet.measured"]).sum())] * sum(c.startswith("pet.") for c in filled.columns)
    )
    there = X["clinical.x0"].is_not_null()
    assert filled["clinical.x0"].filter(there).null_count() == int(there.sum())


def test_a_step_that_scales_first_hides_the_number_but_not_the_mark(world):
    X, y = world
    piped = PreparedModel([("scale", Standardizer()), ("model", LateFusion())]).fit(X, y)
    why = explain(piped, X)
    filled = why.details.imputed["clinical.x0"]
    assert filled.is_nan().sum() == X["clinical.x0"].null_count()
    who = why.patients[int(np.flatnonzero(X["clinical.x0"].is_null())[0])]
    line = why.patient(who).table().row(by_predicate=pl.col("feature") == "clinical.x0", named=True)
    assert (line["state"], line["filled"]) == ("imputed", None)


def test_an_imputing_step_is_asked_for_what_it_put_there(world):
    X, y = world
    piped = PreparedModel([("impute", BlockImputer()), ("model", LateFusion())]).fit(X, y)
    why, seen = explain(piped, X), piped.prepared(X)
    missing = (X["clinical.x0"].is_null() & X["clinical.measured"]).to_numpy()
    np.testing.assert_allclose(
        why.details.imputed["clinical.x0"].to_numpy()[missing], seen["clinical.x0"].to_numpy()[missing]
    )
    assert why.values["clinical.x0"].null_count() == X["clinical.x0"].null_count()


@pytest.mark.parametrize("step", [CorrelationFilter(0.95), CorrelationClusters(0.95)])
def test_the_kept_column_says_for_which_it_stands(world, step):
    X, y = world
    piped = PreparedModel([("thin", step), ("model", LateFusion())]).fit(X, y)
    why = explain(piped, X)
    assert ("pet.copy" in why.feature_names) != ("pet.x0" in why.feature_names)
    kept, gone = ("pet.copy", "pet.x0") if "pet.copy" in why.feature_names else ("pet.x0", "pet.copy")
    assert why.details.stands_for[kept] == [gone]
    who = why.patients[int(np.flatnonzero(X["pet.measured"])[0])]
    table = why.patient(who).table()
    assert table.filter(pl.col("feature") == kept)["stands_for"].item() == gone
    assert f"stands for {gone}" in str(why.patient(who).plot(40).to_dict())


def test_a_filter_inside_the_model_is_found_too(world):
    X, y = world
    why = explain(EarlyFusion(CoxRidge(correlation=0.95)).fit(X, y), X)
    assert sorted(["pet.x0", "pet.copy"]) in [sorted([k, *v]) for k, v in why.details.stands_for.items()]


def test_made_columns_carry_the_values_that_the_step_made(world):
    X, y = world
    steps = [
        ("impute", BlockImputer()),
        ("parts", PrincipalComponents(2, min_columns=3)),
        ("model", LateFusion()),
    ]
    piped = PreparedModel(steps).fit(X, y)
    why, seen = explain(piped, X), piped.prepared(X)
    made = [c for c in why.feature_names if c not in X.columns]
    assert made
    np.testing.assert_array_equal(
        why.values[made[0]].fill_null(np.nan).to_numpy(), seen[made[0]].fill_null(np.nan).to_numpy()
    )


def test_units_come_from_the_provenance(world):
    X, y = world
    features = pl.DataFrame({"column": ["pet.x0", "no.such"], "unit": ["g/mL{SUVbw}", "1"]})
    why = explain(LateFusion().fit(X, y), X, features=features)
    assert why.units == {"pet.x0": "g/mL{SUVbw}"}
    assert why.details.about["column"].to_list() == ["pet.x0"]
