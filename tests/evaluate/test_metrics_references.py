"""Net benefit against dcurves, D-calibration against SurvivalEVAL, Royston D and calibration against R."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate import metrics
from hybridx.evaluate.calibration import calibration_curve_values
from hybridx.evaluate.d_calibration import d_calibration_of
from hybridx.evaluate.decisions import net_benefit_values, treat_all_values
from hybridx.evaluate.panel import Panel

REFERENCE = Path(__file__).parents[1] / "reference"
FAST = {"resamples": 100}


def program(name):
    spec = importlib.util.spec_from_file_location(name, REFERENCE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, json.loads((REFERENCE / f"{name}.json").read_text())


@pytest.mark.parametrize("kind", ["survival", "response"])
def test_net_benefit_is_that_of_dcurves(kind):
    module, expected = program("net_benefit")
    time, event, told, response, probability = module.draw()
    if kind == "survival":
        panel = Panel.single(Outcome.survival(time, event), survival=1 - told[:, None], times=[module.TIME])
        at = module.TIME
    else:
        panel, at = Panel.single(Outcome.response(response.astype(float)), probability), None
    for name, values in (("model", net_benefit_values), ("treat all", treat_all_values)):
        found = values(panel, np.ones((1, panel.n)), at, module.THRESHOLDS)[0]
        theirs = np.array([np.nan if v is None else v for v in expected[f"{kind} {name}"]])
        there = ~np.isnan(theirs)
        np.testing.assert_allclose(found[there], theirs[there], rtol=0, atol=1e-12)
        # dcurves gives nothing where nobody flagged is followed to the time; if all of them had the event before, their
        # share of events is 1 whatever the follow-up
        for cut, value in zip(np.array(module.THRESHOLDS)[~there], found[~there], strict=True):
            flagged = told >= cut
            assert time[flagged].max() < at and event[flagged][np.argmax(time[flagged])]
            assert value == pytest.approx(flagged.mean(), abs=1e-12)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_d_calibration_is_that_of_survivaleval(power):
    module, expected = program("d_calibration")
    time, event, grid, survival, own = module.draw(power)
    y = Outcome.survival(time, event)
    for bins in module.BINS:
        found = metrics.d_calibration(y, survival, grid, bins=bins)
        theirs = expected[f"power {power:g}, {bins} bins"]
        np.testing.assert_allclose(found.bins["count"], theirs["counts"], atol=1e-10)
        assert found.statistic == pytest.approx(theirs["statistic"], abs=1e-10)
        assert found.p_value == pytest.approx(theirs["p_value"], abs=1e-10)
    assert (found.p_value > 0.05) == (power == 1.0)
    assert own == pytest.approx(survival[np.arange(200), np.searchsorted(grid, time)], abs=1e-12)


def test_d_calibration_beyond_the_grid_is_censored_there_and_needs_curves():
    module, _ = program("d_calibration")
    time, event, grid, survival, _ = module.draw()
    short = grid <= np.median(time)
    panel = Panel.single(Outcome.survival(time, event), survival=survival[:, short], times=grid[short])
    cut = Outcome.survival(np.minimum(time, grid[short][-1]), event & (time <= grid[short][-1]))
    same = Panel.single(cut, survival=survival[:, short], times=grid[short])
    assert d_calibration_of(panel).statistic == pytest.approx(d_calibration_of(same).statistic, abs=1e-12)
    assert np.isnan(d_calibration_of(Panel.single(cut, time)).p_value)
    assert "few" in repr(d_calibration_of(panel.rows(np.arange(200) < 30)))


@pytest.fixture(scope="module")
def r():
    data = pl.read_csv(REFERENCE / "survival_scores_data.csv")
    values = dict(pl.read_csv(REFERENCE / "survival_scores.csv").iter_rows())
    return {name: data[name].to_numpy() for name in data.columns}, values


def test_royston_d_is_that_of_r(r):
    data, expected = r
    y = Outcome.survival(data["time"], data["event"])
    d = metrics.royston_d(y, data["risk"], **FAST)
    assert d.value == pytest.approx(expected["royston_d"], abs=1e-8)
    assert d.low < d.value < d.high
    explained = metrics.explained_variation(y, data["risk"], **FAST).value
    assert explained == pytest.approx(expected["explained_variation"], abs=1e-8)
    tied = metrics.royston_d(y, data["tied"], **FAST).value
    assert tied == pytest.approx(expected["royston_d_tied"], abs=1e-8)
    folds = metrics.royston_d(y, data["risk"], fold=data["fold"], **FAST).value
    assert folds == pytest.approx(expected["royston_d_folds"], abs=1e-8)
    backwards = metrics.explained_variation(y, -data["risk"], **FAST).value
    assert backwards == pytest.approx(-explained, abs=1e-8)  # a risk the wrong way round explains nothing


def test_the_calibration_intercept_is_that_of_r(r):
    data, expected = r
    y = Outcome.survival(data["time"], data["event"])
    found = metrics.calibration_intercept(y, 1 - data["told"], 300.0, **FAST)
    assert found.value == pytest.approx(expected["intercept_survival"], abs=1e-7)
    response = Outcome.response(data["response"].astype(float))
    found = metrics.calibration_intercept(response, data["p"], **FAST)
    assert found.value == pytest.approx(expected["intercept_response"], abs=1e-7)
    assert found.low < found.value < found.high


def test_the_flexible_calibration_curve_and_its_distances_are_those_of_r(r):
    data, expected = r
    y = Outcome.survival(data["time"], data["event"])
    panel = Panel.single(y, survival=1 - data["told"][:, None], times=[300.0])
    _, found = calibration_curve_values(panel, np.ones((1, 120)), 300.0)
    np.testing.assert_allclose(found[0, :3], [expected[f"curve_{i}"] for i in range(3)], atol=1e-7)
    for name in ("ici", "e50", "e90"):
        value = getattr(metrics, name)(y, 1 - data["told"], 300.0, **FAST).value
        assert value == pytest.approx(expected[name], abs=1e-7)


def test_late_entry_is_that_of_r(r):
    data, expected = r
    place = np.arange(1, 121)
    entry = np.where(place % 3 == 0, np.round(data["time"] * (place % 7) / 8, 6), 0.0)
    y = Outcome.survival(data["time"], data["event"], entry_days=entry)
    found = metrics.royston_d(y, data["risk"], **FAST).value
    assert found == pytest.approx(expected["royston_d_late"], abs=1e-8)
    slope = metrics.calibration_slope(y, 1 - data["told"], 300.0, **FAST).value
    assert slope == pytest.approx(expected["slope_late"], abs=1e-7)
    assert abs(slope - expected["slope_all"]) > 0.01
