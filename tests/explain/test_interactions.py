"""Interactions between modalities against their definition, a closed form, and models that have none."""

from itertools import combinations
from math import factorial

import numpy as np
import polars as pl
import pytest

from hybridx.cohort.columns import to_matrix
from hybridx.errors import ExplanationError, InputError
from hybridx.explain import modality_interactions
from hybridx.explain.interactions import interaction_values
from hybridx.fusion import EarlyFusion, KernelFusion, LateFusion
from hybridx.models import CoxRidge, XGBoostCox
from hybridx.prepare import PreparedModel, Standardizer
from tests.explain.toys import Additive, Interacting, Toy, table
from tests.models.world import draw

BACKGROUND = table(24, seed=1, missing=0.0)
PATIENTS = table(14, seed=2)


class Product(Toy):
    """The product of two modalities."""

    def formula(self, values, measured):  # noqa: ARG002
        return values[:, 0] * values[:, 2]


def by_definition(worth, k, i, j):
    total, others = 0.0, [m for m in range(k) if m not in (i, j)]
    for size in range(len(others) + 1):
        for chosen in combinations(others, size):
            mask = sum(1 << m for m in chosen)
            weight = factorial(size) * factorial(k - size - 2) / factorial(k - 1)
            gain = worth[mask | 1 << i | 1 << j] - worth[mask | 1 << i] - worth[mask | 1 << j] + worth[mask]
            total = total + weight * gain
    return total


@pytest.mark.parametrize("k", [2, 3, 5])
def test_values_are_the_definition(k):
    rng = np.random.default_rng(k)
    worth = {mask: rng.normal(size=4) for mask in range(2**k)}
    found = interaction_values(worth, k)
    assert list(found) == list(combinations(range(k), 2))
    for (i, j), values in found.items():
        np.testing.assert_allclose(values, by_definition(worth, k, i, j), atol=1e-12)


def test_a_product_has_its_closed_form():
    model = Product(columns={"clinical": ["clinical.a"], "pet": ["pet.a"], "lab": ["lab.a"]})

    class Two(Product):
        def formula(self, values, measured):  # noqa: ARG002
            return values[:, 0] * values[:, 1]

    model = Two(columns=model.columns).fit(None)
    found = modality_interactions(model, PATIENTS, BACKGROUND)
    there = to_matrix(BACKGROUND, ["clinical.a", "pet.a"])
    pairs = found.patients.filter((pl.col("first") == "clinical") & (pl.col("second") == "pet"))
    own = to_matrix(PATIENTS.with_columns(pl.col("patient_id").cast(pl.String)), ["clinical.a", "pet.a"])
    ids = PATIENTS["patient_id"].cast(pl.String).to_list()
    for who, value in pairs.select("patient_id", "interaction").iter_rows():
        x, z = own[ids.index(who)]
        expected = np.mean((x - there[:, 0]) * (z - there[:, 1]))
        assert value == pytest.approx(expected, abs=1e-9)
    rest = found.patients.filter((pl.col("first") != "clinical") | (pl.col("second") != "pet"))
    assert rest["interaction"].abs().max() < 1e-12
    assert found.table().row(0)[:2] == ("clinical", "pet")


def test_additive_models_have_none():
    assert modality_interactions(Additive().fit(None), PATIENTS, BACKGROUND).table()["mean_abs"].max() < 1e-12
    X, y, *_ = draw(90, seed=3)
    for model in (LateFusion(), KernelFusion()):
        found = modality_interactions(model.fit(X[:70], y[:70]), X[70:], X[:70])
        assert found.table().height == 3
        assert found.table()["mean_abs"].max() < 1e-9


def test_interacting_model_is_summarised_with_intervals():
    found = modality_interactions(Interacting().fit(None), PATIENTS, BACKGROUND)
    rows = found.table()
    assert rows["mean_abs"].is_sorted(descending=True) and rows["mean_abs"][0] > 0.05
    assert (rows["low"] <= rows["mean_abs"]).all() and (rows["mean_abs"] <= rows["high"]).all()
    counted = found.patients.group_by("first", "second").len()
    assert sorted(counted["len"].to_list()) == sorted(rows["n"].to_list())
    assert len(found.plot().data[0].y) == rows.height
    assert "clinical with" in repr(found) or "pet with" in repr(found)


def test_refusals():
    X, y, *_ = draw(60, seed=3)
    with pytest.raises(ExplanationError, match="a fusion model, got CoxRidge"):
        modality_interactions(CoxRidge(columns=["clinical.x1"]).fit(X, y), X)
    model = Additive().fit(None)
    with pytest.raises(InputError, match="background has no rows"):
        modality_interactions(model, PATIENTS, BACKGROUND.head(0))
    nobody = PATIENTS.with_columns(pl.lit(value=False).alias(f"{m}.measured") for m in ("pet", "lab"))
    found = modality_interactions(model, nobody, BACKGROUND)
    assert found.table().height == 0
    assert "no patient has two modalities" in repr(found)


def test_too_many_modalities_are_refused():
    names = {f"m{i}": [f"m{i}.x"] for i in range(9)}
    frame = pl.DataFrame({c: np.arange(12.0) for columns in names.values() for c in columns})
    with pytest.raises(
        ExplanationError, match="9 of the model's modalities; all coalitions are formed of up to 8"
    ):
        modality_interactions(Product(columns=names).fit(None), frame)


def test_interactions_are_seen_through_preparation():
    X, y, *_ = draw(90, seed=3)
    trees = EarlyFusion(XGBoostCox(max_depth=3, n_rounds=15))
    piped = PreparedModel([("scale", Standardizer()), ("model", trees)]).fit(X, y)
    plain = EarlyFusion(XGBoostCox(max_depth=3, n_rounds=15)).fit(X, y)
    a, b = modality_interactions(plain, X).table(), modality_interactions(piped, X).table()
    assert a["mean_abs"].max() > 0.01
    np.testing.assert_allclose(
        a.sort("first", "second")["mean_abs"], b.sort("first", "second")["mean_abs"], atol=1e-3
    )
