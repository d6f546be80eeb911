"""A modality that says nothing (constant, empty) is named in the notes of every fusion model, and costs nothing."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone

from hybridx.cohort.columns import measured_mask
from hybridx.fusion.usable import no_usable_column, unused_modalities
from tests.models.catalogue import FUSION_MODELS, endpoint_of
from tests.models.world import draw


@pytest.fixture(scope="module")
def data():
    X, y, response, _ = draw(100, seed=4)
    flat = [pl.when(pl.col(c).is_not_null()).then(3.0).alias(c) for c in X.columns if c.startswith("lab.x")]
    return {"X": X.with_columns(flat), "survival": y, "response": response}


@pytest.mark.parametrize("name", FUSION_MODELS)
def test_a_constant_modality_is_named(name, data):
    X = data["X"]
    model = clone(FUSION_MODELS[name]).fit(X, data[endpoint_of(FUSION_MODELS[name])])
    (note,) = [text for text in model.notes_ if text.startswith("lab ")]
    assert ("was left out" in note) == ("lab" not in model.modalities_)
    assert "lab" not in model.modalities_ or "has no part in the model" in note
    assert name.startswith("gated") or "lab.x0 (" in note
    one_value = X.with_columns(pl.when(pl.col("lab.x0").is_not_null()).then(-7.0).alias("lab.x0"))
    rows = X["pet.measured"].to_numpy()
    np.testing.assert_array_equal(
        model.linear_predictor(X.filter(rows)), model.linear_predictor(one_value.filter(rows))
    )


def test_one_usable_column_is_enough(data):
    X = data["X"]
    flags = measured_mask(X, "lab")
    assert "one value in all training patients" in no_usable_column(X, "lab", flags, 0.5)
    some = X.with_columns(pl.int_range(X.height).cast(pl.Float64).alias("lab.x1"))
    assert no_usable_column(some, "lab", flags, 0.5) is None


def test_sentences_name_columns_and_reasons():
    columns = {"pet": ["pet.a"], "lab": ["lab.a", "lab.b"]}
    assert unused_modalities(columns, {"lab.a": "one value"}) == []
    assert unused_modalities(columns, {"pet.a": "missing in 60 % of training patients"}) == [
        "pet has no part in the model: pet.a (missing in 60 % of training patients)."
    ]
