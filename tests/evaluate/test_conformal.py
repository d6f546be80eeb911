import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.evaluate.conformal_response import ConformalResponse
from hybridx.evaluate.conformal_survival import ConformalSurvival
from hybridx.fusion import LateFusion
from hybridx.fusion.trusted import TRUSTED
from hybridx.models import CoxRidge, LogisticModel

from .world import make_cohort


class Known(BaseEstimator):
    """An exponential model that is right, or wrong by a factor in its hazard; it learns nothing."""

    def __init__(self, wrong=1.0):
        self.wrong = wrong

    def fit(self, X, y):  # noqa: ARG002 - an estimator's signature
        return self

    def predict_survival(self, X, times):
        hazard = self.wrong * np.exp(X["a.x"].to_numpy()) / 300.0
        return np.exp(-np.outer(hazard, times))


class Told(BaseEstimator):
    """Gives as probability of response what column a.p says."""

    def fit(self, X, y):  # noqa: ARG002 - an estimator's signature
        return self

    def predict_proba(self, X):
        p = X["a.p"].to_numpy()
        return np.column_stack([1 - p, p])


def draw(n, seed, follow_up=1500.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censored = 300 * rng.exponential(size=n) * np.exp(-x), rng.uniform(50, follow_up, size=n)
    y = Outcome.survival(np.minimum(time, censored) + 1e-6, time <= censored)
    return pl.DataFrame({"a.x": x}), y, time


def fitted(model, n=400, seed=0, **settings):
    X, y, _ = draw(n, seed)
    return ConformalSurvival(model, **settings).fit(X, y)


@pytest.mark.parametrize("wrong", [0.3, 1.0, 3.0])
def test_a_model_that_promises_too_much_or_too_little_is_put_right(wrong):
    X, _, time = draw(4000, 99)
    held = [np.mean(time >= fitted(Known(wrong), seed=seed).predict(X)) for seed in range(8)]
    # 400 patients: a cut-off has a standard error of about 0.02 of coverage, eight of them of 0.007
    assert np.mean(held) == pytest.approx(0.9, abs=0.025)


def test_cut_of_a_right_model_is_the_level():
    assert fitted(Known(), n=3000).cut_ == pytest.approx(0.9, abs=0.025)


def test_intervals_hold_the_time_and_are_infinite_beyond_follow_up():
    bounds = fitted(Known(), n=1000, level=0.8)
    X, _, time = draw(4000, 99)
    low, high = bounds.predict_interval(X).T
    assert np.mean((low <= time) & (time <= high)) == pytest.approx(0.8, abs=0.04)
    assert np.isinf(high).any() and (high[np.isfinite(high)] <= bounds.end_days_).all()
    assert (low < high).all() and (low <= bounds.end_days_).all()


def test_a_higher_level_promises_less():
    X, _, _ = draw(50, 9)
    low, lower = (fitted(Known(), level=level).predict(X) for level in (0.8, 0.95))
    assert (lower < low).all()


def test_few_patients_and_a_high_level_promise_nothing_and_say_so():
    bounds = fitted(Known(), n=60, level=0.99)
    assert (bounds.predict(draw(5, 3)[0]) == 0).all()
    assert "excludes nothing" in bounds.notes_[0]


def test_without_censoring_it_is_split_conformal():
    """Each u = S(T) of held-out patients is exchangeable: the cut is its conformal quantile, up to the grid of cuts."""
    X, _, time = draw(200, 4)
    y = Outcome.survival(time + 1e-6, np.ones(200, bool))
    found = ConformalSurvival(Known(2.0), level=0.9).fit(X, y).cut_
    u = np.sort(np.exp(-2.0 * np.exp(X["a.x"].to_numpy()) / 300 * time))
    assert found == pytest.approx(u[int(np.ceil(201 * 0.9)) - 1], abs=0.01)


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(120, 3)


def test_missing_modalities_and_nothing_measured(cohort):
    X, y = cohort.frame(), cohort.outcomes("OS")
    bounds = ConformalSurvival(LateFusion(endpoint="survival")).fit(X, y)
    nothing = X.head(1).with_columns(
        pl.selectors.float().cast(pl.Float64) * None, pl.selectors.boolean() & pl.lit(value=False)
    )
    told = bounds.predict(pl.concat([X, nothing]))
    assert np.isfinite(told).all()
    assert np.isnan(bounds.model_.predict(nothing)).all()
    assert told[-1] == pytest.approx(bounds.grid_[bounds.population_ <= bounds.cut_][0], abs=bounds.grid_[1])


def test_order_of_rows_changes_nothing(cohort):
    X, y = cohort.frame(), cohort.outcomes("OS")
    order = np.random.default_rng(0).permutation(len(y))
    first = ConformalSurvival(CoxRidge(prior_sd=0.5)).fit(X, y)
    second = ConformalSurvival(CoxRidge(prior_sd=0.5)).fit(X[order], y[order])
    assert first.cut_ == second.cut_
    assert np.allclose(first.predict(X), second.predict(X))


def test_unknown_outcomes_are_left_out(cohort):
    X, y = cohort.frame(), cohort.outcomes("OS")
    time = y.time_days.copy()
    time[:5] = np.nan
    partly = Outcome.survival(time, y.event)
    first = ConformalSurvival(CoxRidge(prior_sd=0.5)).fit(X, partly)
    second = ConformalSurvival(CoxRidge(prior_sd=0.5)).fit(X[5:], y[5:])
    assert first.cut_ == second.cut_


def responses(n, seed, sharp=1.0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=n)
    return pl.DataFrame({"a.p": 1 / (1 + np.exp(-sharp * np.log(p / (1 - p))))}), (
        rng.uniform(size=n) < p
    ).astype(float)


@pytest.mark.parametrize("sharp", [0.3, 3.0])
def test_sets_hold_the_truth_in_each_class(sharp):
    X, y = responses(600, 0, sharp)
    sets = ConformalResponse(Told()).fit(X, y)
    far, truth = responses(5000, 1, sharp)
    inside = sets.predict_set(far)[np.arange(5000), truth.astype(int)]
    for label in (0.0, 1.0):
        assert inside[truth == label].mean() == pytest.approx(0.9, abs=0.03)
    assert set(sets.predict(far)) == {"responder", "non-responder", "both"}


def test_limit_is_the_conformal_quantile():
    X, y = responses(99, 5)
    sets = ConformalResponse(Told(), by_class=False).fit(X, y)
    strange = np.sort(np.where(y == 1, 1 - X["a.p"].to_numpy(), X["a.p"].to_numpy()))
    assert sets.limits_ == pytest.approx([strange[89], strange[89]])  # ceil(100 * 0.9) = 90


def test_too_few_of_a_class_puts_it_in_every_set():
    X, _ = responses(16, 2)
    y = np.arange(16) % 2.0
    sets = ConformalResponse(Told(), level=0.95).fit(X, y)
    assert set(sets.predict(X)) == {"both"} and len(sets.notes_) == 2


def test_an_empty_set_becomes_the_likelier_label():
    X, y = (
        pl.DataFrame({"a.p": np.r_[np.full(30, 0.05), np.full(30, 0.95)]}),
        np.r_[np.zeros(30), np.ones(30)],
    )
    sets = ConformalResponse(Told()).fit(X, y)
    assert sets.predict(pl.DataFrame({"a.p": [0.4, 0.6]})).tolist() == ["non-responder", "responder"]


def test_nothing_measured_is_both(cohort):
    X, y = cohort.frame(), cohort.outcomes("response")
    sets = ConformalResponse(LateFusion(endpoint="response")).fit(X, y)
    nothing = X.head(1).with_columns(
        pl.selectors.float().cast(pl.Float64) * None, pl.selectors.boolean() & pl.lit(value=False)
    )
    assert sets.predict(nothing).tolist() == ["both"]


def test_clones_and_refusals(cohort):
    assert clone(ConformalSurvival(CoxRidge(), level=0.8)).level == 0.8
    X, y = cohort.frame(), cohort.outcomes("OS")
    with pytest.raises(SettingsError, match="coverage in"):
        ConformalSurvival(CoxRidge(), level=90).fit(X, y)
    with pytest.raises(SettingsError, match="folds=1"):
        ConformalResponse(LogisticModel(), folds=1).fit(X, cohort.outcomes("response"))
    with pytest.raises(InputError, match="`predict_survival`, got LogisticModel"):
        ConformalSurvival(LogisticModel()).fit(X, y)
    with pytest.raises(InputError, match="takes a survival outcome"):
        ConformalSurvival(CoxRidge()).fit(X, cohort.outcomes("response"))
    with pytest.raises(InputError, match="120 rows while the outcome has 5"):
        ConformalSurvival(CoxRidge()).fit(X, y[:5])
    with pytest.raises(NotEnoughDataError, match="10 events or more"):
        ConformalSurvival(CoxRidge()).fit(X[:8], y[:8])


def test_late_entry_is_refused_with_the_cure():
    cohort = make_cohort(80, 1)
    y = cohort.outcomes("OS")
    late = Outcome.survival(
        y.time_days, y.event, entry_days=np.where(np.arange(80) % 2, 0.6 * y.time_days, 0.0)
    )
    with pytest.raises(
        InputError, match=r"late entry, which ConformalSurvival does not allow for.*Count times from"
    ):
        ConformalSurvival(CoxRidge()).fit(cohort.frame(), late)
    early = Outcome.survival(
        y.time_days + 10, y.event, entry_days=np.full(80, 5.0)
    )  # before anybody's first time
    assert ConformalSurvival(CoxRidge(prior_sd=0.5)).fit(cohort.frame(), early).cut_ > 0


@pytest.mark.parametrize(
    ("wrapper", "endpoint"),
    [
        (ConformalSurvival(LateFusion()), "OS"),
        (ConformalResponse(LateFusion(endpoint="response")), "response"),
    ],
)
def test_a_saved_wrapper_comes_back_without_unpickling(wrapper, endpoint):
    cohort = make_cohort(80, 1)
    fitted = clone(wrapper).fit(cohort.frame(), cohort.outcomes(endpoint))
    content = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)
    back = skops.io.loads(content, trusted=list(TRUSTED))
    assert np.array_equal(back.predict(cohort.frame()), fitted.predict(cohort.frame()))
