"""Agreement with R's survival package, whose values stand beside the program that made them (tests/reference)."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.models import BreslowBaseline, CoxRegression
from hybridx.models.cox_newton import fit_cox

REFERENCE = Path(__file__).parents[1] / "reference"
PATIENTS = pl.read_csv(REFERENCE / "cox_patients.csv")
FITS = pl.read_csv(REFERENCE / "cox_fits.csv")
BASELINES = pl.read_csv(REFERENCE / "cox_baselines.csv")
FEATURES = ["age", "ldh", "male"]
WHAT = ["plain", "strata", "weights", "entry", "all"]

every_case = pytest.mark.parametrize(("ties", "what"), [(t, w) for t in ("efron", "breslow") for w in WHAT])


def used(what, name):
    return what in (name, "all")


def settings(what):
    columns = {"strata": "centre", "weights": "weight", "entry": "entry"}
    return {name: PATIENTS[column].to_numpy() for name, column in columns.items() if used(what, name)}


def in_r(table, ties, what):
    return table.filter((pl.col("ties") == ties) & (pl.col("what") == what))


@every_case
def test_newton_fit_equals_coxph(ties, what):
    time, event = PATIENTS["time"].to_numpy(), PATIENTS["event"].to_numpy()
    fit = fit_cox(PATIENTS.select(FEATURES).to_numpy(), time, event, ties=ties, **settings(what))
    peer = in_r(FITS, ties, what)
    np.testing.assert_allclose(fit.coef, peer["coef"], rtol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), peer["se"], rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(peer["log_likelihood"][0], rel=1e-10)
    assert fit.null_log_likelihood == pytest.approx(peer["null_log_likelihood"][0], rel=1e-10)


@every_case
def test_estimator_and_baselines_equal_coxph_and_survfit(ties, what):
    X = PATIENTS.select(
        "centre", *(pl.col(name).cast(pl.Float64).alias(f"clinical.{name}") for name in FEATURES)
    )
    entry = PATIENTS["entry"] if used(what, "entry") else None
    y = Outcome.survival(PATIENTS["time"], PATIENTS["event"], entry_days=entry)
    model = CoxRegression(ties=ties, strata="centre" if used(what, "strata") else None)
    model.fit(X, y, sample_weight=PATIENTS["weight"].to_numpy() if used(what, "weights") else None)
    table, peer = model.summary(), in_r(FITS, ties, what)
    np.testing.assert_allclose(table["log_hazard_ratio"], peer["coef"], rtol=1e-6)
    np.testing.assert_allclose(table["se"], peer["se"], rtol=1e-6)
    assert model.log_likelihood_ == pytest.approx(peer["log_likelihood"][0], rel=1e-10)
    curves = in_r(BASELINES, ties, what)
    assert set(curves["stratum"]) == ({"north", "south", "west"} if used(what, "strata") else {"one"})
    for (stratum,), curve in curves.group_by("stratum"):
        baseline = model.baselines_[stratum] if used(what, "strata") else model.baseline_
        times = curve["time"].to_numpy()
        # our curve is that of the average patient, as is R's with all covariates at their mean
        np.testing.assert_allclose(
            -np.log(baseline.survival(np.zeros(1), times)[0]),
            curve["cumulative_hazard"],
            rtol=1e-6,
            atol=1e-12,
        )


@pytest.mark.parametrize("what", ["plain", "entry", "weights"])
def test_baseline_alone_equals_survfit(what):
    peer = in_r(FITS, "breslow", what)
    matrix = PATIENTS.select(FEATURES).to_numpy()
    eta = (matrix - matrix.mean(axis=0)) @ peer["coef"].to_numpy()
    baseline = BreslowBaseline.fit(
        PATIENTS["time"].cast(pl.Float64).to_numpy(), PATIENTS["event"].to_numpy() == 1, eta, **settings(what)
    )
    curve = in_r(BASELINES, "breslow", what)
    found = -np.log(baseline.survival(np.zeros(1), curve["time"].to_numpy())[0])
    np.testing.assert_allclose(found, curve["cumulative_hazard"], rtol=1e-8, atol=1e-12)
