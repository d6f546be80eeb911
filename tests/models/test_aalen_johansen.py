"""The reference of competing risks equals its peers."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from sksurv.nonparametric import cumulative_incidence_competing_risks

from hybridx.cohort import Outcome
from hybridx.errors import InputError
from hybridx.models import AalenJohansen

CAUSES = np.array(["", "a", "b", "c"])


def sample(n=120, seed=0, *, ties=True):
    rng = np.random.default_rng(seed)
    time = rng.exponential(size=n) * 60 + 1
    code = rng.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
    return (np.ceil(time) if ties else time), code


def outcome(time, code, **more):
    return Outcome.survival(time, code > 0, endpoint="DFS", cause=CAUSES[code], **more)


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_incidence_and_interval_equal_scikit_survival(ties, seed):
    time, code = sample(seed=seed, ties=ties)
    ours = AalenJohansen().fit(None, outcome(time, code))
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        days, incidence, limits = cumulative_incidence_competing_risks(code, time, conf_type="log-log")
    at = np.searchsorted(days, ours.times_days_)
    np.testing.assert_allclose(1 - ours.survival_, incidence[0, at], atol=1e-9)
    for row, cause in enumerate(ours.causes_, start=1):
        curve = ours.curve(cause)
        np.testing.assert_allclose(curve["incidence"], incidence[row, at], atol=1e-9)
        there = curve["low"].is_not_null().to_numpy() & (np.arange(len(at)) < len(at) - 1)
        for side, name in enumerate(("low", "high")):
            np.testing.assert_allclose(curve[name].to_numpy()[there], limits[row, side, at][there], atol=1e-9)


def test_incidence_equals_lifelines():
    time, code = sample(ties=False)
    ours = AalenJohansen().fit(None, outcome(time, code))
    for number, cause in enumerate("abc", start=1):
        peer = AalenJohansenFitter(calculate_variance=True).fit(time, code, event_of_interest=number)
        theirs = peer.cumulative_density_.iloc[:, 0].reindex(ours.times_days_).to_numpy()
        np.testing.assert_allclose(ours.curve(cause)["incidence"], theirs, atol=1e-9)
        spread = np.sqrt(peer.variance_.reindex(ours.times_days_).to_numpy())
        mine = np.sqrt(ours.curve(cause)["variance"].to_numpy())
        # lifelines takes the delta-method form: the two differ by the order of 1 / patients at risk
        early = ours.at_risk_ > 30
        np.testing.assert_allclose(mine[early], spread[early], rtol=0.05, atol=1e-4)


def test_delayed_entry_equals_lifelines():
    time, code = sample(n=200, seed=3)
    entry = np.where(np.arange(200) % 3 == 0, np.floor(time * 0.7), 0.0)
    ours = AalenJohansen().fit(None, outcome(time, code, entry_days=entry))
    peer = KaplanMeierFitter().fit(time, code > 0, entry=entry)
    days = [5, 20, 60, 120]
    np.testing.assert_allclose(ours.predict_survival(None, days)[0], peer.predict(days), atol=1e-9)
    without = AalenJohansen().fit(None, outcome(time, code))
    assert np.abs(without.predict_survival(None, days) - ours.predict_survival(None, days)).max() > 0.01


@given(rows=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_incidences_add_up_for_any_patients(rows):
    time, code = (np.array(column) for column in zip(*rows, strict=True))
    if not (code > 0).any():
        return
    model = AalenJohansen().fit(None, outcome(time.astype(float), code))
    days = [0, 1, 7, 15, 30, 1000]
    parts = np.array([model.predict_incidence(None, days, c)[0] for c in model.causes_])
    np.testing.assert_allclose(parts.sum(axis=0) + model.predict_survival(None, days)[0], 1, atol=1e-12)
    assert (parts[:, 0] == 0).all() and (np.diff(parts, axis=1) >= 0).all()
    assert np.isfinite(model.variance_).all() and (model.variance_ >= 0).all()
    for cause in model.causes_:
        curve = model.curve(cause).drop_nulls()
        assert ((curve["low"] <= curve["incidence"]) & (curve["incidence"] <= curve["high"])).all()


def test_interval_covers_the_truth():
    """95 % intervals of the incidence at day 60 hold the truth in about 95 of 100 samples."""
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        each = rng.exponential(size=(80, 2)) * np.array([80.0, 160.0])
        end = rng.uniform(30, 200, size=80)
        code = np.where(each.min(axis=1) > end, 0, np.where(each[:, 0] < each[:, 1], 1, 2))
        y = outcome(np.minimum(each.min(axis=1), end), code)
        found = AalenJohansen("a").fit(None, y).estimate(60)
        hits += found.low <= (2 / 3) * (1 - np.exp(-60 * 3 / 160)) <= found.high
    assert 0.92 <= hits / 300 <= 0.98  # 3 standard errors of 300 samples are 0.04


def test_estimate_says_what_it_rests_on():
    time, code = sample()
    found = AalenJohansen("b").fit(None, outcome(time, code)).estimate(40, level=0.9)
    assert (found.n, found.n_events, found.level) == (120, int((code == 2).sum()), 0.9)
    assert found.low < found.value < found.high and "Aalen-Johansen" in found.method
    at_start = AalenJohansen("b").fit(None, outcome(time, code)).estimate(0)
    assert at_start.value == 0 and np.isnan(at_start.low)
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        AalenJohansen("b").fit(None, outcome(time, code)).curve(level=95)


def test_every_patient_gets_the_same():
    import polars as pl

    time, code = sample()
    X = pl.DataFrame({"lab.a": np.arange(120.0)})
    model = AalenJohansen("a").fit(X, outcome(time, code))
    assert model.predict(X).tolist() == [0.0] * 120
    curves = model.predict_incidence(X, [10, 50])
    assert curves.shape == (120, 2) and (np.ptp(curves, axis=0) == 0).all()
