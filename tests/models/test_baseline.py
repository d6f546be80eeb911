"""Survival curves are curves, whatever the log-hazard."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from hybridx.errors import InputError
from hybridx.models import BreslowBaseline

TIMES = [0.0, 0.5, 1.0, 7.0, 30.0, 365.0, 1e5]


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 400), st.booleans(), st.floats(-500, 500)), min_size=1, max_size=40
    ),
    new=st.lists(st.floats(-700, 700), min_size=1, max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_curve_starts_at_one_and_falls(rows, new):
    time, event, eta = (np.array(column) for column in zip(*rows, strict=True))
    baseline = BreslowBaseline.fit(time.astype(float), event, eta)
    curves = baseline.survival(np.array(new), TIMES)
    assert np.isfinite(curves).all()
    assert (curves >= 0).all() and (curves <= 1).all()
    assert (curves[:, 0] == 1).all()
    assert (np.diff(curves, axis=1) <= 0).all()
    flat = baseline.survival(np.array(new), [baseline.last_day, 10 * baseline.last_day])
    np.testing.assert_array_equal(flat[:, 0], flat[:, 1])
    # a worse log-hazard is never a better curve
    order = np.argsort(new)
    assert (np.diff(curves[order], axis=0) <= 1e-12).all()


def test_equals_lifelines_breslow():
    rng = np.random.default_rng(0)
    n = 120
    x = rng.normal(size=n)
    time, event = rng.exponential(size=n) * 300 * np.exp(-x), rng.random(n) < 0.7
    peer = CoxPHFitter().fit(pd.DataFrame({"x": x, "time": time, "event": event}), "time", "event")
    eta = peer.params_["x"] * (x - x.mean())
    ours = BreslowBaseline.fit(time, event, eta).survival(np.zeros(1), np.sort(time))[0]
    theirs = np.exp(-peer.baseline_cumulative_hazard_.iloc[:, 0].reindex(np.sort(time)).to_numpy())
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_shift_of_all_log_hazards_changes_nothing():
    rng = np.random.default_rng(1)
    time, event, eta = rng.exponential(size=50) * 100, rng.random(50) < 0.5, rng.normal(size=50)
    a = BreslowBaseline.fit(time, event, eta).survival(eta, TIMES)
    b = BreslowBaseline.fit(time, event, eta + 400).survival(eta + 400, TIMES)
    np.testing.assert_allclose(a, b, atol=1e-9)


def test_nan_stays_nan_and_times_keep_their_order():
    baseline = BreslowBaseline.fit(np.array([10.0, 20.0]), np.array([True, True]), np.zeros(2))
    curves = baseline.survival(np.array([np.nan, 0.0]), [30, 0, 15])
    assert np.isnan(curves[0]).all()
    np.testing.assert_allclose(curves[1], [np.exp(-1.5), 1.0, np.exp(-0.5)])


@pytest.mark.parametrize("times", [[-1.0], [np.nan], [np.inf], [[1.0, 2.0]]])
def test_impossible_times_are_refused(times):
    baseline = BreslowBaseline.fit(np.array([10.0]), np.array([True]), np.zeros(1))
    with pytest.raises(InputError, match="times are days >= 0"):
        baseline.survival(np.zeros(1), times)
