from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator

from hybridx.cohort import Cohort
from hybridx.errors import HybridxError, SettingsError
from hybridx.evaluate.designs import NestedCV
from hybridx.evaluate.permutation import PermutationTest, _dealt, permutation_test
from hybridx.evaluate.registry import metric_named

from .world import _block, make_cohort

C = metric_named("harrell_c", "survival")
DESIGN = NestedCV(folds=3, repeats=1)


class Sign(BaseEstimator):
    """Cheap: the sign with which the first clinical feature goes with early events in the training part."""

    def fit(self, X, y):
        x = X["clinical.x0"].to_numpy()
        known = y.event if y.kind == "survival" else y.known
        target = -y.time_days if y.kind == "survival" else y.value
        self.sign_ = np.sign(np.corrcoef(x[known], target[known])[0, 1])
        return self

    def predict(self, X):
        return self.sign_ * X["clinical.x0"].to_numpy()


def run(cohort, model=None, **settings):
    settings = {"permutations": 39, "workers": 1, "progress": False} | settings
    return permutation_test(Sign() if model is None else model, cohort, "OS", DESIGN, **settings)


def test_a_signal_is_found_and_its_p_value_is_the_least_possible():
    found = run(make_cohort(80, 1))
    assert found.observed > 0.65
    assert found.p_value == pytest.approx(1 / 40)
    assert np.median(found.null) < 0.58
    assert "p = 0.025" in repr(found)


def test_observed_and_dealt_outcomes_go_through_the_same_steps():
    """A cohort that has the third deal's outcomes shows as observed what the third deal showed: the test is exact."""
    cohort = make_cohort(60, 2)
    found = run(cohort)
    dealt = _dealt(cohort.outcomes("OS"), cohort, np.zeros(60), (0, 3))
    table = pl.DataFrame(
        {
            "patient_id": list(cohort.patients),
            "endpoint": "OS",
            "origin": "baseline",
            "time_days": dealt.time_days,
            "event": dealt.event,
        }
    )
    other = replace(cohort, tables={**cohort.tables, "outcomes": table})
    assert run(other, permutations=20).observed == found.null[2]
    assert found.null[2] != found.observed


@pytest.mark.slow
def test_noise_gives_p_values_spread_over_0_to_1():
    p = [run(make_cohort(60, seed, signal=0.0), permutations=24).p_value for seed in range(12)]
    # 12 uniform p-values: all above 0.4 or all below 0.6 has a chance of 0.002 each
    assert min(p) < 0.4 and max(p) > 0.6


def test_order_of_rows_and_workers_change_nothing():
    cohort = make_cohort(60, 2)
    shuffled = cohort.select(list(np.random.default_rng(0).permutation(cohort.patients)))
    assert np.array_equal(run(cohort).null, run(shuffled).null)


def test_a_killed_run_goes_on(tmp_path, monkeypatch):
    cohort = make_cohort(60, 2)
    first = run(cohort, checkpoint=tmp_path)
    monkeypatch.setattr(Sign, "predict", None)  # nothing is fitted or predicted any more
    again = run(cohort, checkpoint=tmp_path)
    assert np.array_equal(first.null, again.null) and first.observed == again.observed


def test_dealing_within_centres_forgives_what_centres_explain():
    rng = np.random.default_rng(0)
    cohort = make_cohort(120, 5, signal=0.0)
    centre = np.array(["A", "B"] * 60)
    patients = pl.DataFrame({"patient_id": list(cohort.patients), "centre": centre.tolist()})
    time = np.where(centre == "A", 200.0, 600.0) * rng.uniform(0.5, 1.5, 120)
    outcomes = pl.DataFrame(
        {
            "patient_id": list(cohort.patients),
            "endpoint": "OS",
            "origin": "baseline",
            "time_days": time,
            "event": True,
        }
    )
    x = np.where(centre == "A", 1.0, -1.0) + 0.1 * rng.normal(size=120)
    blocks = [
        _block("clinical", ["clinical.x0"], list(cohort.patients), x[:, None], np.ones(120, dtype=bool))
    ]
    cohort = Cohort.build(list(cohort.patients), blocks, {"patients": patients, "outcomes": outcomes}, {})
    assert run(cohort).p_value == pytest.approx(1 / 40)
    assert run(cohort, within="centre").p_value > 0.1


def test_plus_one_rule_and_failures_count_against():
    null = np.array([0.5, 0.6, np.nan, 0.4])
    assert PermutationTest(C, 0.6, null, "", "").p_value == pytest.approx(3 / 5)
    assert "1 permutations failed" in repr(PermutationTest(C, 0.6, null, "", ""))
    low = metric_named("ibs", "survival")
    assert PermutationTest(low, 0.2, np.array([0.1, 0.3, 0.25]), "", "").p_value == pytest.approx(2 / 4)


def test_figure_shows_null_and_observed():
    figure = PermutationTest(C, 0.7, np.linspace(0.4, 0.6, 30), "", "OS: Harrell C").figure()
    assert "p = 0.0323" in figure.layout.title.text
    assert figure.layout.shapes[0].x0 == 0.7


def test_refusals():
    cohort = make_cohort(60, 2)
    with pytest.raises(SettingsError, match=">= 20"):
        run(cohort, permutations=10)
    with pytest.raises(SettingsError, match="best at one"):
        run(cohort, metric="calibration_slope")
    with pytest.raises(SettingsError, match="wanted 'centre'"):
        run(cohort, within="center")
    with pytest.raises(HybridxError, match="gives no Integrated Brier"):
        run(cohort, metric="ibs")
