"""Counterfactuals and similar patients: small, plausible, by the model's own word, as good as trying all."""

from itertools import combinations, product

import numpy as np
import polars as pl
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.explain import explain
from hybridx.explain.counterfactual import CAUTION
from hybridx.explain.moves import Moves
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import XGBoostCox
from hybridx.prepare import PreparedModel, Standardizer
from tests.explain.toys import Toy
from tests.models.world import draw

NAMES = {"clinical": ["clinical.age", "clinical.stage", "clinical.sex"], "lab": ["lab.ldh", "lab.albumin"]}


class Known(Toy):
    """A risk that can be read off."""

    def formula(self, v, measured):  # noqa: ARG002
        age, stage, sex, ldh, albumin = v.T
        return 0.02 * age + 0.5 * stage + 0.1 * sex + 0.004 * ldh - 0.05 * albumin


def people(n=200, seed=0):
    rng = np.random.default_rng(seed)
    columns = {
        "patient_id": [f"P{i:03d}" for i in range(n)],
        "clinical.measured": np.ones(n, dtype=bool),
        "clinical.age": rng.normal(65, 9, n),
        "clinical.stage": rng.integers(1, 5, n).astype(float),
        "clinical.sex": rng.integers(0, 2, n).astype(float),
        "lab.measured": rng.random(n) < 0.8,
        "lab.ldh": rng.normal(250, 60, n),
        "lab.albumin": rng.normal(40, 4, n),
    }
    frame = pl.DataFrame(columns)
    return frame.with_columns(
        pl.when("lab.measured").then(pl.col(c)).alias(c) for c in ("lab.ldh", "lab.albumin")
    )


@pytest.fixture(scope="module")
def known():
    X = people()
    return X, explain(Known(columns=NAMES).fit(None), X, X, units={"lab.ldh": "U/L"})


def high_with_lab(X, why, quantile=0.8):
    level = np.nanquantile(why.prediction, quantile)
    rows = np.flatnonzero((why.prediction > level) & X["lab.measured"].to_numpy())
    return [X["patient_id"][int(r)] for r in rows[:8]]


def test_the_model_itself_says_so_and_nothing_else_moves(known):
    X, why = known
    model = why.source.model
    for who in high_with_lab(X, why):
        found = why.counterfactual(who, "low")
        assert found.reached and 1 <= found.rows.height <= 3
        row = X["patient_id"].to_list().index(who)
        made = X[[row]].with_columns(
            pl.lit(value).alias(c) for c, value in found.rows.select("feature", "to").iter_rows()
        )
        assert model.linear_predictor(made)[0] == pytest.approx(found.after)
        assert found.before == pytest.approx(why.prediction[row])
        assert found.after <= found.target == pytest.approx(np.median(why.prediction))
        assert found.rows["value"].to_list() == [X[c][row] for c in found.rows["feature"]]
        assert (
            (found.rows["lowest"] <= found.rows["to"]) & (found.rows["to"] <= found.rows["highest"])
        ).all()
        assert not any(c.endswith(".measured") for c in found.rows["feature"])
        assert CAUTION in found.sentence() and CAUTION in repr(found)


def test_as_few_as_trying_everything_and_about_as_short(known):
    X, why = known
    for who in high_with_lab(X, why, 0.9)[:4]:
        found = why.counterfactual(who, "low")
        moves = Moves(why.source, why.patients.index(who), [c for cs in NAMES.values() for c in cs], {})
        best = None
        for size in (1, 2, 3):
            for columns in combinations(moves.columns, size):
                tried = [
                    dict(zip(columns, v, strict=True)) for v in product(*(moves.grid[c] for c in columns))
                ]
                good = [
                    one for one, risk in zip(tried, moves.predict(tried), strict=True) if risk <= found.target
                ]
                costs = [moves.cost(one) for one in moves.possible(good)] if good else []
                best = min([*costs, *([] if best is None else [best])], default=None)
            if best is not None:
                break
        assert found.rows.height == size
        own = moves.cost(dict(found.rows.select("feature", "to").iter_rows()))
        assert own <= best + 1e-9


def test_only_what_may_change_changes(known):
    X, why = known
    who = high_with_lab(X, why)[0]
    assert set(why.counterfactual(who, "low", changeable=["lab"]).rows["modality"]) <= {"lab"}
    one = why.counterfactual(who, "low", changeable=["lab.ldh"], most=1)
    assert one.rows["feature"].to_list() == ["lab.ldh"]
    assert one.rows["unit"].to_list() == ["U/L"]
    narrow = why.counterfactual(who, "low", changeable=["lab.ldh"], limits={"lab.ldh": (240.0, 260.0)})
    assert narrow.rows["to"].is_between(240, 260).all()


def test_reference_limits_stand_beside_laboratory_values(known):
    X, why = known
    rows = why.counterfactual(high_with_lab(X, why)[0], "low", changeable=["lab.albumin", "lab.ldh"]).rows
    assert rows["reference_high"].is_not_null().any()


def test_what_cannot_be_reached_is_said(known):
    X, why = known
    who = X["patient_id"][int(np.nanargmax(why.prediction))]
    found = why.counterfactual(who, -50.0, changeable=["clinical.sex"])
    assert not found.reached
    assert "No plausible change of so few values reaches -50.00" in found.sentence()
    assert found.after <= found.before


def test_already_there(known):
    X, why = known
    who = X["patient_id"][int(np.nanargmin(why.prediction))]
    found = why.counterfactual(who, "low")
    assert found.reached and not found.rows.height and found.after == found.before
    assert found.sentence().startswith("The model already says")
    assert why.counterfactual(who, "high").after > found.target


def test_categories_take_only_values_that_somebody_has(known):
    X, why = known
    for who in high_with_lab(X, why)[:3]:
        rows = why.counterfactual(who, "low", changeable=["clinical.stage"], most=1).rows
        assert set(rows["to"]) <= {1.0, 2.0, 3.0, 4.0}


def test_a_pair_of_categories_that_nobody_has_does_not_arise():
    # stage 1 never occurs in sex 1
    X = people(300, seed=1).with_columns(
        pl.when((pl.col("clinical.sex") == 1) & (pl.col("clinical.stage") == 1))
        .then(2.0)
        .otherwise(pl.col("clinical.stage"))
        .alias("clinical.stage")
    )
    why = explain(Known(columns=NAMES).fit(None), X, X)
    rows = X.with_row_index().filter((pl.col("clinical.sex") == 1) & (pl.col("clinical.stage") == 4))["index"]
    for row in rows[:5]:
        moves = Moves(why.source, int(row), NAMES["clinical"], {})
        assert moves.possible([{"clinical.stage": 1.0}]) == []
        assert moves.possible([{"clinical.stage": 1.0, "clinical.sex": 0.0}])


def test_features_that_move_together_are_not_torn_apart():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    X = people().with_columns(
        pl.Series("clinical.age", 65 + 9 * a),
        pl.Series("clinical.stage", 40 + 2 * a + 0.05 * rng.normal(size=200)),
    )
    why = explain(Known(columns=NAMES).fit(None), X, X)
    row = int(a.argmax())
    moves = Moves(why.source, row, ["clinical.age", "clinical.stage"], {})
    alone = [{"clinical.age": 47.0}]
    together = [{"clinical.age": 47.0, "clinical.stage": 36.0}]
    assert moves.possible(alone) == []
    assert moves.possible(together) == together


def test_a_missing_value_or_modality_is_never_invented(known):
    X, why = known
    row = int(np.flatnonzero(~X["lab.measured"].to_numpy())[0])
    who = X["patient_id"][row]
    assert Moves(why.source, row, NAMES["lab"], {}).columns == []
    with pytest.raises(InputError, match="has no value that may change"):
        why.counterfactual(who, -5.0, changeable=["lab"])


@pytest.mark.parametrize("model", [LateFusion(), EarlyFusion(XGBoostCox(n_rounds=30, max_depth=2))])
def test_models_of_the_library(model):
    X, y, *_ = draw(120, seed=3)
    fitted = model.fit(X[:90], y[:90])
    why = explain(fitted, X[90:], X[:90], knowing=False)
    order = np.argsort(why.prediction)
    reached = 0
    for row in order[len(order) // 2 : len(order) // 2 + 6]:
        found = why.counterfactual(why.patients[row], "low" if row % 2 else "high")
        side = -1 if found.direction == "low" else 1
        assert found.reached == (side * (found.after - found.target) >= 0)
        if found.rows.height:
            assert side * (found.after - found.before) > 0
        reached += found.reached
    assert reached >= 3
    assert CAUTION in str(found.plot().to_dict())


def test_through_preparation_values_stay_in_their_own_unit():
    X, y, response, _ = draw(120, seed=3)
    for outcome, endpoint in ((y, "survival"), (response, "response")):
        model = PreparedModel([("scale", Standardizer()), ("model", LateFusion(endpoint=endpoint))])
        why = explain(model.fit(X, outcome), X, knowing=False)
        who = why.patients[int(np.argsort(why.prediction)[70])]
        found = why.counterfactual(who, "low")
        row = X.filter(pl.col("patient_id") == who)
        assert found.reached and found.rows.height
        assert found.rows["value"].to_list() == [row[c][0] for c in found.rows["feature"]]
        made = row.with_columns(
            pl.lit(value).alias(c) for c, value in found.rows.select("feature", "to").iter_rows()
        )
        assert model.linear_predictor(made)[0] == pytest.approx(found.after)


def test_refusals_name_the_cure(known):
    X, why = known
    who = high_with_lab(X, why)[0]
    with pytest.raises(InputError, match=r"Did you mean 'lab\.ldh'"):
        why.counterfactual(who, changeable=["lab.ldhh"])
    with pytest.raises(InputError, match=r"Did you mean 'low'"):
        why.counterfactual(who, "lower")
    with pytest.raises(SettingsError, match="most=9"):
        why.counterfactual(who, most=9)
    with pytest.raises(SettingsError, match="without one"):
        why.counterfactual(who, 1.0, cutoff=2.0)
    with pytest.raises(SettingsError, match=r"may not change: lab\.ldh"):
        why.counterfactual(who, changeable=["clinical"], limits={"lab.ldh": (1.0, 2.0)})
    with pytest.raises(SettingsError, match="wanted low <= high"):
        why.counterfactual(who, limits={"lab.ldh": (2.0, 1.0)})


def test_similar_patients_are_the_nearest_by_contributions(known):
    _, why = known
    who = why.patients[3]
    told = why.features.drop("patient_id").to_numpy()
    distance = np.linalg.norm(told - told[3], axis=1)
    order = np.argsort(distance)[1:6]
    found = why.similar(who, 5)
    assert found.rows["patient_id"].to_list() == [why.patients[i] for i in order]
    np.testing.assert_allclose(found.rows["distance"], distance[order])
    assert found.rows["closer_than"][0] == pytest.approx(198 / 199)
    np.testing.assert_allclose(found.rows["prediction"], why.prediction[order])
    by_modality = why.similar(who, 5, level="modality")
    assert by_modality.rows["distance"].max() < found.rows["distance"].max()
    assert who not in found.rows["patient_id"].to_list()


def test_similar_patients_bring_their_outcomes_and_keep_names_out_of_figures():
    X, y, response, _ = draw(60, seed=5)
    why = explain(LateFusion().fit(X, y), X, X, knowing=False)
    found = why.similar("P003", 4, outcomes=y)
    for row in found.rows.iter_rows(named=True):
        at = why.patients.index(row["patient_id"])
        assert (row["time_days"], row["event"]) == (y.time_days[at], y.event[at])
    text = str(found.plot().to_dict()) + repr(found)
    assert not any(name in text for name in why.patients)
    assert "outcome" in why.similar("P003", 2, outcomes=response).rows.columns
    given = pl.DataFrame({"patient_id": why.patients, "alive": ["yes"] * 60})
    assert why.similar("P003", 2, outcomes=given).rows["alive"].to_list() == ["yes", "yes"]
    assert why.similar("P003", 500).rows.height == 59
    with pytest.raises(InputError, match="wanted an Outcome of the 60 explained patients"):
        why.similar("P003", outcomes=y[:10])
    with pytest.raises(InputError, match="needs 'patient_id'"):
        why.similar("P003", outcomes=given.drop("patient_id"))
    with pytest.raises(SettingsError, match="k=0"):
        why.similar("P003", 0)
