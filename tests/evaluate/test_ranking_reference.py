"""Concordance as R's survival package counts it (weights, strata as folds, late entry, Uno's weights), and pycox."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.evaluate.discrimination import harrell_values, uno_values
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.time_dependent import antolini_values
from hybridx.evaluate.weighted_km import late_entry, survival_curves

HERE = Path(__file__).parents[1] / "reference"
PATIENTS = pl.read_csv(HERE / "ranking_patients.csv")
VALUES = {row["what"]: row for row in pl.read_csv(HERE / "ranking_concordance.csv").iter_rows(named=True)}
WEIGHT = PATIENTS["weight"].cast(pl.Float64).to_numpy()


def outcome(*, late, time="time"):
    entry = PATIENTS["entry"].to_numpy() if late else None
    return Outcome.survival(PATIENTS[time].to_numpy(), PATIENTS["event"].to_numpy(), entry_days=entry)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("folds", [False, True])
def test_harrell(late, weighted, folds):
    words = ["plain", *["entry"] * late, *["weights"] * weighted, *["folds"] * folds]
    weights = WEIGHT if weighted else np.ones(len(WEIGHT))
    panel = Panel.single(
        outcome(late=late), PATIENTS["risk"].to_numpy(), fold=PATIENTS["fold"].to_numpy() if folds else None
    )
    expected = VALUES[" ".join(words)]["concordance"]
    assert harrell_values(panel, weights[None])[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tau", [20.0, 1000.0])
def test_uno(tau):
    panel = Panel.single(outcome(late=False, time="untied"), PATIENTS["risk"].to_numpy())
    expected = VALUES[f"uno {tau:g}"]["concordance"]
    assert uno_values(panel, np.ones((1, len(WEIGHT))), tau)[0] == pytest.approx(expected, abs=1e-12)


def test_kaplan_meier_with_late_entry_and_weights():
    expected = pl.read_csv(HERE / "ranking_late_curve.csv")
    y = outcome(late=True)
    found = survival_curves(y.time_days, y.event, WEIGHT[None], late_entry(y)).at(expected["time"])
    np.testing.assert_allclose(found[0], expected["survival"], atol=1e-12)


@pytest.mark.parametrize("case", ["untied times, level probabilities", "untied times", "tied times"])
def test_antolini_against_pycox(case):
    stored = json.loads((HERE / "antolini_pycox.json").read_text())
    world = stored["cases"][case]
    y = Outcome.survival(world["time"], stored["event"])
    panel = Panel.single(y, survival=world["survival"], times=stored["grid"])
    assert antolini_values(panel, np.ones((1, len(y))))[0] == pytest.approx(world["value"], abs=1e-12)
