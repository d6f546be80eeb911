"""What knowing a modality does: Shapley values over what is measured, against brute force and where they must agree."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest

from hybridx.errors import ExplanationError, InputError
from hybridx.explain import explain
from hybridx.explain.knowing import knowing, sentence, shapley_weights, told_apart
from hybridx.fusion import KernelFusion, LateFusion
from tests.explain.toys import COLUMNS, Additive, Interacting
from tests.models.world import draw


def toy_table(n=12, seed=0):
    rng = np.random.default_rng(seed)
    columns = {"patient_id": [f"P{i}" for i in range(n)]}
    for modality, names in COLUMNS.items():
        columns[f"{modality}.measured"] = rng.random(n) < 0.75
        columns |= {name: rng.normal(size=n) for name in names}
    columns["clinical.measured"][0] = columns["pet.measured"][0] = columns["lab.measured"][0] = True
    return pl.DataFrame(columns)


def worth(model, row, known):
    gone = [m for m in COLUMNS if m not in known]
    return float(
        model.linear_predictor(row.with_columns(pl.lit(value=False).alias(f"{m}.measured") for m in gone))[0]
    )


def brute_force(model, X):
    nobody = np.nanmean(model.linear_predictor(X))
    result = np.zeros((X.height, len(COLUMNS)))
    measured = model.measured(X)
    for r in range(X.height):
        have = [m for m, there in zip(COLUMNS, measured[r], strict=True) if there]
        if not have:
            result[r] = np.nan
        orders = list(permutations(have))
        for order in orders:
            before = nobody
            for i, m in enumerate(order):
                after = worth(model, X[r], order[: i + 1])
                result[r, list(COLUMNS).index(m)] += (after - before) / len(orders)
                before = after
    return result


@pytest.mark.parametrize("toy", [Interacting, Additive])
def test_it_equals_brute_force_over_all_orders(toy):
    X = toy_table()
    X = pl.concat([X, X[:1].with_columns(pl.lit(value=False).alias(f"{m}.measured") for m in COLUMNS)])
    model = toy().fit(X)
    found = knowing(model.linear_predictor, X, X, list(COLUMNS), model.measured(X))
    np.testing.assert_allclose(found, brute_force(model, X), atol=1e-12)
    assert np.isnan(found[-1]).all()
    measured = model.measured(X)
    some = measured.any(axis=1)
    assert (found[some][~measured[some]] == 0).all()


@pytest.mark.parametrize("k", [1, 3, 6])
def test_weights_share_out_everything(k):
    weights = shapley_weights(k)
    total = weights.sum(axis=0)
    assert total[-1] == pytest.approx(1) and total[0] == pytest.approx(-1)
    np.testing.assert_allclose(total[1:-1], 0, atol=1e-15)


@pytest.fixture(scope="module")
def world():
    X, y, *_ = draw(120, seed=2)
    return X, y


def test_it_stands_beside_the_features_in_an_explanation(world):
    X, y = world
    model = LateFusion().fit(X, y)
    why = explain(model, X)
    known = why.knowing.drop("patient_id").to_numpy()
    some = ~np.isnan(why.prediction)
    np.testing.assert_allclose(
        known[some].sum(axis=1), (why.prediction - np.nanmean(why.prediction))[some], atol=1e-9
    )
    patient = why.patient(why.patients[3])
    assert patient.modality_table()["knowing"].to_list() == [
        why.knowing[m][3] for m in patient.modality_table()["modality"]
    ]
    assert patient.plot_modalities().table().columns == ["modality", "contribution", "knowing"]


def test_where_absent_counts_as_average_the_two_agree_and_nothing_is_said(world):
    X, y = world
    whole = X.filter(pl.all_horizontal("clinical.measured", "pet.measured", "lab.measured"))
    rows = X["patient_id"].is_in(whole["patient_id"].implode()).to_numpy()
    model = KernelFusion().fit(X[np.flatnonzero(rows)], y[np.flatnonzero(rows)])
    why = explain(model, whole)
    table = why.knowing_table()
    assert (table["difference"] < 0.02 * table["features"].max()).all()
    assert "differ" not in repr(why)


def test_a_large_difference_is_said_in_one_sentence():
    ids = pl.Series("patient_id", ["A", "B"])
    features = pl.DataFrame({"patient_id": ids, "pet": [1.0, -1.0], "ct": [0.1, 0.1]})
    known = pl.DataFrame({"patient_id": ids, "pet": [0.5, -0.5], "ct": [0.1, 0.1]})
    table = told_apart(features, known)
    assert table.row(0) == ("pet", 1.0, 0.5, 0.5)
    assert (
        "the values of pet move a prediction by 1 on average, knowing pet at all by 0.5, 0.5 apart in a patient"
        in sentence(table)
    )
    assert not sentence(told_apart(features, features))


def test_it_can_be_left_out_and_says_so(world):
    X, y = world
    why = explain(LateFusion().fit(X, y), X[:3], X, knowing=False)
    assert why.knowing is None
    with pytest.raises(InputError, match="explain with knowing=True"):
        why.knowing_table()
    assert why.patient(why.patients[0]).modality_table()["knowing"].null_count() == 3


def test_a_coalition_without_a_prediction_is_named():
    X = toy_table(3).with_columns(pl.lit(value=True).alias(f"{m}.measured") for m in COLUMNS)

    def predict(frame):
        return np.where(frame["pet.measured"].to_numpy(), 1.0, np.nan)

    with pytest.raises(ExplanationError, match="for a patient who has clinical only"):
        knowing(predict, X, X, list(COLUMNS), np.ones((3, 3), dtype=bool))


def test_more_than_ten_modalities_are_not_tried():
    assert (
        knowing(len, pl.DataFrame(), pl.DataFrame(), list("abcdefghijk"), np.ones((1, 11), dtype=bool))
        is None
    )
