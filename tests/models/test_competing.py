"""Competing risks: incidences that add up, known hazards recovered, the reference equal to its peers."""

import numpy as np
import polars as pl
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from hybridx.cohort import Outcome
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.explain import explain
from hybridx.fusion import LateFusion
from hybridx.fusion.trusted import TRUSTED
from hybridx.models import (
    AalenJohansen,
    CompetingRisks,
    CoxRidge,
    GradientBoostedCox,
    LogisticModel,
    SurvivalForest,
    WeibullAFT,
    XGBoostAFT,
    frozen,
)
from hybridx.models.competing import _lost
from hybridx.models.competing_causes import cause_specific
from tests.models.world import draw, without

DAYS = [0.0, 40.0, 150.0, 400.0, 900.0, 1e6]


def world(n, seed=0):
    """Return (X, y, hazards): relapse and death with constant hazards per day that depend on other columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    hazards = np.column_stack([2e-3 * np.exp(0.9 * x[:, 0]), 1e-3 * np.exp(0.7 * x[:, 1] - 0.5 * x[:, 0])])
    each = rng.exponential(size=(n, 2)) / hazards
    end = rng.uniform(100, 1500, size=n)
    time = np.minimum(each.min(axis=1), end)
    event = each.min(axis=1) <= end
    cause = np.where(event, np.where(each[:, 0] < each[:, 1], "relapse", "death"), "")
    X = pl.DataFrame(
        {"patient_id": [f"P{i:04d}" for i in range(n)], **{f"pet.x{j}": x[:, j] for j in range(4)}}
    )
    return X, Outcome.survival(time, event, endpoint="DFS", cause=cause), hazards


def truth(hazards, days):
    """Return the incidence of relapse and of death, each (n, n_times)."""
    total = hazards.sum(axis=1)
    gone = -np.expm1(-total[:, None] * np.asarray(days))
    return [(h / total)[:, None] * gone for h in hazards.T]


@pytest.fixture(scope="module")
def small():
    return world(240, seed=1)


@pytest.fixture(scope="module")
def fitted(small):
    X, y, _ = small
    return CompetingRisks(CoxRidge(prior_sd=0.8), cause="relapse").fit(X[:180], y[:180])


def test_known_hazards_are_recovered():
    X, y, hazards = world(2500, seed=2)
    model = CompetingRisks().fit(X[:1500], y[:1500])
    days = [100, 300, 700]
    for cause, expected in zip(("relapse", "death"), truth(hazards[1500:], days), strict=True):
        found = model.predict_incidence(X[1500:], days, cause)
        assert np.abs(found - expected).mean() < 0.03  # sampling error of 1500 patients
        np.testing.assert_allclose(found.mean(axis=0), expected.mean(axis=0), atol=0.02)
    slopes = np.polyfit(X["pet.x0"].to_numpy()[1500:], model.predict(X[1500:], "relapse"), 1)
    assert slopes[0] == pytest.approx(0.9, abs=0.1)


def test_one_minus_kaplan_meier_overstates_the_incidence():
    X, y, hazards = world(1500, seed=3)
    expected = truth(hazards, [700])[0].mean()
    relapse = cause_specific(y, "relapse")
    naive = 1 - float(KaplanMeierFitter().fit(relapse.time_days, relapse.event).predict(700))
    reference = AalenJohansen("relapse").fit(None, y).estimate(700)
    assert naive > expected + 0.1
    assert reference.value == pytest.approx(expected, abs=0.03)
    assert reference.low < expected < reference.high
    alone = 1 - CoxRidge(prior_sd=0.8).fit(X, relapse).predict_survival(X, [700])
    ours = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, y).predict_incidence(X, [700], "relapse")
    assert (alone > ours).all() and alone.mean() > expected + 0.1
    assert ours.mean() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    "model",
    [
        CoxRidge(prior_sd=0.8),
        SurvivalForest(n_trees=15, min_leaf=10),
        WeibullAFT(prior_sd=0.6),
        XGBoostAFT(distribution="lognormal", max_depth=1, n_rounds=10, n_folds=2),
        {"relapse": GradientBoostedCox(max_depth=1, n_rounds=10, n_folds=2), "death": CoxRidge(prior_sd=0.2)},
    ],
    ids=["ridge", "forest", "weibull", "lognormal", "mixed"],
)
def test_incidences_and_survival_add_up_to_one(model, small):
    X, y, _ = small
    fitted = CompetingRisks(model).fit(X[:180], y[:180])
    parts = np.array([fitted.predict_incidence(X[180:], DAYS, cause) for cause in fitted.causes_])
    total = parts.sum(axis=0) + fitted.predict_survival(X[180:], DAYS)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    assert (parts[:, :, 0] == 0).all() and (parts >= 0).all() and (parts <= 1).all()
    assert (np.diff(parts, axis=2) >= -1e-15).all()
    end = fitted.last_day_
    flat = fitted.predict_incidence(X[180:], [end, 50 * end], "death")
    np.testing.assert_allclose(flat[:, 0], flat[:, 1], atol=1e-12)
    # a day's answer does not hang on which other days were asked for
    alone = fitted.predict_incidence(X[180:], [400], "relapse")
    np.testing.assert_array_equal(alone[:, 0], parts[fitted.causes_.index("relapse"), :, 3])


@given(rises=st.lists(st.lists(st.floats(0, 900), min_size=3, max_size=3), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_shares_of_any_hazards_add_up(rises):
    hazards = np.cumsum(np.array(rises).T, axis=1)[:, None, :]
    start = np.concatenate([np.zeros((3, 1, 1)), hazards[:, :, :-1]], axis=2)
    lost = _lost(start, hazards)
    assert np.isfinite(lost).all() and (lost >= 0).all()
    np.testing.assert_allclose(lost.sum(axis=(0, 2)) + np.exp(-hazards[:, :, -1].sum(axis=0)), 1, atol=1e-12)


def test_without_covariates_the_reference_comes_out(small):
    _, y, _ = small
    X = pl.DataFrame({"lab.noise": np.random.default_rng(0).normal(size=240)})
    flat = CompetingRisks(CoxRidge(prior_sd=1e-6)).fit(X, y)
    reference = AalenJohansen().fit(X, y)
    for cause in ("death", "relapse"):
        ours = flat.predict_incidence(X[:3], [50, 200, 500], cause)
        np.testing.assert_allclose(ours, reference.predict_incidence(X[:3], [50, 200, 500], cause), atol=5e-3)


def test_row_order_copies_and_refits(small, fitted):
    X, y, _ = small
    order = np.random.default_rng(4).permutation(180)
    shuffled = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X[order], y[order])
    expected = fitted.predict_incidence(X[180:], [300])
    np.testing.assert_allclose(shuffled.predict_incidence(X[180:], [300], "relapse"), expected, atol=1e-9)
    pandas = clone(fitted).fit(X[:180].to_pandas(), y[:180])
    np.testing.assert_allclose(pandas.predict_incidence(X[180:].to_pandas(), [300]), expected, atol=1e-12)
    tuned = CompetingRisks(cause="death").fit(X[:180], y[:180])
    cheap = frozen(tuned)
    assert set(cheap.model) == {"death", "relapse"} and all(m.prior_sd for m in cheap.model.values())
    np.testing.assert_allclose(cheap.fit(X[:180], y[:180]).predict(X), tuned.predict(X), atol=1e-9)


def test_a_search_chooses_by_the_cause_meant(small):
    X, y, _ = small
    search = GridSearchCV(CompetingRisks(CoxRidge(), cause="relapse"), {"model__prior_sd": [0.01, 0.8]}, cv=3)
    search.fit(X.to_pandas(), y)
    assert search.best_score_ > 0.6


def test_risk_of_a_cause_can_be_explained(small, fitted):
    X, _, _ = small
    why = explain(fitted.models_["relapse"], X[180:], X[:180])
    np.testing.assert_allclose(why.prediction, fitted.predict(X[180:]))
    assert why.importance()["feature"][0] == "pet.x0"


def test_a_rare_cause_has_one_hazard_for_all(small):
    X, y, _ = small
    cause = np.where((y.cause == "death") & (np.cumsum(y.cause == "death") <= 3), "stroke", y.cause)
    rare = Outcome.survival(y.time_days, y.event, endpoint="DFS", cause=cause)
    model = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, rare)
    assert set(model.common_) == {"stroke"} and model.n_events_["stroke"] == 3
    assert (
        model.notes_[0].startswith("stroke: one hazard for all patients.")
        and "got 3 events" in model.notes_[0]
    )
    assert (model.predict(X, "stroke") == 0).all()
    parts = sum(model.predict_incidence(X, DAYS, cause) for cause in model.causes_)
    np.testing.assert_allclose(parts + model.predict_survival(X, DAYS), 1, atol=1e-12)
    reference = AalenJohansen().fit(X, rare).predict_incidence(None, [800], "stroke")
    assert model.predict_incidence(X, [800], "stroke").mean() == pytest.approx(reference[0, 0], rel=0.3)
    with pytest.raises(NotEnoughDataError, match=r"'DFS: stroke'; got 3 events"):
        CompetingRisks(cause="stroke").fit(X, rare)
    few = Outcome.survival(y.time_days[:30], np.arange(30) < 6, cause=np.array(["a", "b"] * 15))
    with pytest.raises(NotEnoughDataError, match=r"no cause with enough events:\n  a: one hazard"):
        CompetingRisks().fit(X[:30], few)


def test_fusion_models_and_patients_with_nothing_measured():
    X, y, _, _ = draw(150, seed=5)
    cause = np.where(np.arange(150) % 3 == 0, "death", "relapse")
    both = Outcome.survival(y.time_days, y.event, cause=cause)
    model = CompetingRisks(LateFusion({"clinical": CoxRidge(prior_sd=0.4)}), cause="relapse").fit(X, both)
    new = X[:6]
    for modality in ("clinical", "pet", "lab"):
        new = without(new, modality, np.arange(6) == 2)
    incidence, survival = model.predict_incidence(new, DAYS), model.predict_survival(new, DAYS)
    assert np.isnan(incidence).all(axis=1).tolist() == [i == 2 for i in range(6)]
    assert np.isnan(survival[2]).all() and np.isnan(model.predict(new)[2])


def test_saved_and_loaded_without_pickle(small, fitted):
    X, y, _ = small
    for model in (fitted, AalenJohansen().fit(None, y)):
        content = skops.io.dumps(model)
        assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)
        back = skops.io.loads(content, trusted=list(TRUSTED))
        np.testing.assert_array_equal(
            back.predict_incidence(X[180:], DAYS, "death"), model.predict_incidence(X[180:], DAYS, "death")
        )


def test_unknown_outcomes_are_left_out_with_one_warning(small, fitted):
    X, y, _ = small
    time = y.time_days[:182].copy()
    time[180:] = np.nan
    more = Outcome.survival(time, np.where(np.isnan(time), False, y.event[:182]), cause=y.cause[:182])
    with pytest.warns(HybridxWarning, match="2 of 182 patients have no known") as told:
        model = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X[:182], more)
    assert len(told) == 1
    np.testing.assert_allclose(model.predict(X, "relapse"), fitted.predict(X, "relapse"), atol=1e-9)


def test_what_cannot_be_used_is_named(small, fitted):
    X, y, _ = small
    plain = Outcome.survival(y.time_days, y.event, endpoint="DFS")
    silent = Outcome.survival(y.time_days, y.event, endpoint="DFS", cause=np.full(240, ""))
    none = Outcome.survival(y.time_days, np.zeros(240), endpoint="DFS", cause=y.cause)
    for model in (CompetingRisks(), AalenJohansen()):
        with pytest.raises(InputError, match="'DFS' has no causes: state which event"):
            model.fit(X, plain)
        with pytest.raises(
            InputError, match=rf"{y.n_events} of {y.n_events} events of 'DFS' have no stated cause"
        ):
            model.fit(X, silent)
        with pytest.raises(InputError, match="'DFS' has no events in 240 patients"):
            model.fit(X, none)
        with pytest.raises(InputError, match="are for survival outcomes; 'response' is a response"):
            model.fit(X, np.zeros(240))
        with pytest.raises(InputError, match="240 rows while the outcome has 239"):
            model.fit(X, y[:239])
        with pytest.raises(SettingsError, match=r"Unknown cause 'relaps'\. Did you mean 'relapse'"):
            clone(model).set_params(cause="relaps").fit(X, y)
    with pytest.raises(SettingsError, match="Unknown cause 'dead'"):
        fitted.predict_incidence(X, [100], "dead")
    both = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, y)
    with pytest.raises(InputError, match="Say which cause is meant: death, relapse"):
        both.predict(X)
    with pytest.raises(SettingsError, match=r"Unknown cause in `model` 'deth'\. Did you mean 'death'"):
        CompetingRisks({"deth": CoxRidge()}).fit(X, y)
    with pytest.raises(SettingsError, match="takes survival estimators"):
        CompetingRisks(LogisticModel()).fit(X, y)
    with pytest.raises(InputError, match="times are days >= 0"):
        fitted.predict_incidence(X, [-1])


def test_a_single_cause_is_meant_without_being_named(small):
    X, y, _ = small
    one = Outcome.survival(y.time_days, y.event, cause=np.where(y.event, "death", ""))
    model = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, one)
    curves = CoxRidge(prior_sd=0.8).fit(X, Outcome.survival(y.time_days, y.event)).predict_survival(X, DAYS)
    np.testing.assert_allclose(model.predict_incidence(X, DAYS), 1 - curves, atol=1e-9)


def test_delayed_entry_is_used_where_the_models_use_it():
    """Only who is free of events at entry is ever seen: counting them from day 0 makes the events look rare."""
    X, y, hazards = world(1600, seed=8)
    entry = np.maximum(
        0, np.random.default_rng(8).uniform(-200, 400, size=1600)
    )  # a third is there from the start
    seen = np.flatnonzero(y.time_days > entry)
    X, y, entry, hazards = X[seen], y[seen], entry[seen], hazards[seen]
    late = Outcome.survival(y.time_days, y.event, endpoint="DFS", cause=y.cause, entry_days=entry)
    expected = truth(hazards, [300])[0].mean()
    honest = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, late).predict_incidence(X, [300], "relapse").mean()
    blind = CompetingRisks(CoxRidge(prior_sd=0.8)).fit(X, y).predict_incidence(X, [300], "relapse").mean()
    assert honest == pytest.approx(expected, abs=0.03)
    assert blind < expected - 0.05
    with pytest.warns(HybridxWarning, match="SurvivalForest does not use entry_days"):
        CompetingRisks(SurvivalForest(n_trees=3, min_leaf=20)).fit(X[:200], late[:200])
