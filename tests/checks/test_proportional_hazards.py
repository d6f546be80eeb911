"""Schoenfeld residuals and the test on them, beside lifelines, and with delayed entry beside R."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hybridx.checks.proportional_hazards import _fit, _schoenfeld, _test

pytestmark = pytest.mark.filterwarnings("ignore")  # of pandas and numpy, from lifelines


def world(n=200):
    rng = np.random.default_rng(0)
    risk = rng.normal(size=n)
    time, end = rng.exponential(np.exp(-0.7 * risk)) * 50, rng.exponential(60, n)
    return risk, np.ceil(np.minimum(time, end)), time < end  # whole days: many ties


def test_lifelines_without_delayed_entry():
    from lifelines.statistics import proportional_hazard_test

    risk, time, event = world()
    fitted = _fit(risk, time, event, None)
    table = pd.DataFrame({"risk": risk, "time": time, "event": event.astype(int)})
    theirs = fitted.compute_residuals(table, "schoenfeld").iloc[:, 0]
    ours = _schoenfeld(float(fitted.params_.iloc[0]), risk, time, event, None)
    order = np.lexsort((theirs, table.loc[theirs.index, "time"]))
    mine = np.lexsort((ours, np.sort(time[event])))
    np.testing.assert_allclose(ours[mine], theirs.to_numpy()[order], atol=1e-10)
    assert abs(ours.sum()) < 1e-3  # the score at the maximum
    expected = proportional_hazard_test(fitted, table, time_transform="rank").p_value
    assert _test(risk, time, event, None)[0] == pytest.approx(
        float(expected[0]), abs=0.02
    )  # order within ties


def test_r_with_delayed_entry():
    # survival 3.5-3: residuals(coxph(Surv(e, t, d) ~ x), "schoenfeld")
    e = np.array([0.0, 0, 2, 3, 0, 5, 1, 4])
    t = np.array([5.0, 8, 9, 7, 12, 11, 6, 14])
    d = np.array([1, 1, 0, 1, 1, 1, 1, 0], bool)
    x = np.array([0.5, -1, 2, 0.3, -0.7, 1.1, 0.9, -0.2])
    wanted = [
        0.1709732079118,
        0.4790056560082,
        -0.0372075869896,
        -1.3446538281526,
        0.9868603553289,
        -0.2549778041068,
    ]
    np.testing.assert_allclose(_schoenfeld(0.0796553934553, x, t, d, e), wanted, atol=1e-9)


def test_delayed_entry_is_tested_and_changes_the_answer():
    risk, time, event = world()
    entry = np.random.default_rng(1).uniform(0, 30, len(time))
    late = time > entry
    there = (risk[late], time[late], event[late])
    p, _ = _test(*there, entry[late])
    assert 0 < p < 1 and p != _test(*there, None)[0]
