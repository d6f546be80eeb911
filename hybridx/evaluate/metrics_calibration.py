"""Calibration as functions: arrays of probabilities in, an `Estimate` out; see `hybridx.evaluate.metrics`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.cohort.outcome import as_outcome
from hybridx.errors import InputError
from hybridx.evaluate.d_calibration import DCalibration, d_calibration_of
from hybridx.evaluate.metrics_inputs import one, response_probabilities, survival_probabilities
from hybridx.evaluate.registry import Moment
from hybridx.terms.estimate import Estimate

__all__ = [
    "calibration_intercept",
    "calibration_slope",
    "d_calibration",
    "e50",
    "e90",
    "ici",
    "observed_expected",
]


def observed_expected(
    outcome: Any, probability: Any, time_days: float | None = None, **settings: Any
) -> Estimate:
    """Return observed over expected events: 1 is right, above 1 the model promises too few.

    Parameters
    ----------
    probability : array of float, shape (n,)
        Survival: probability of being **event-free** at `time_days`. Response: probability of **response**.
    time_days : float, optional
        Needed for a survival outcome.
    **settings
        ``resamples``, ``level``, ``seed``.
    """
    return _calibration("observed_expected", outcome, probability, time_days, **settings)


def calibration_slope(
    outcome: Any, probability: Any, time_days: float | None = None, **settings: Any
) -> Estimate:
    """Return the calibration slope: 1 is right, below 1 the model exaggerates; parameters as `observed_expected`.

    Survival: the coefficient of log(-log S) in a Cox model of what happened up to `time_days`. Response: the
    coefficient of the logit.

    Source
    ------
    van Houwelingen HC. Stat Med 2000. doi:10.1002/1097-0258(20001230)19:24<3401::AID-SIM554>3.0.CO;2-2. Checked
    against lifelines 0.30.3 (Cox) and scikit-learn 1.9.1 (logistic) to 1e-5.
    """
    return _calibration("calibration_slope", outcome, probability, time_days, **settings)


def calibration_intercept(
    outcome: Any, probability: Any, time_days: float | None = None, **settings: Any
) -> Estimate:
    """Return the calibration intercept: 0 is right, above 0 the model promises too few events (or responses).

    Parameters as `observed_expected`. The shift of all predictions, in log odds (response) or log hazard (survival),
    after which their mean is what was observed.

    Source
    ------
    Van Calster B et al. BMC Med 2019. doi:10.1186/s12916-019-1466-7. Checked against R 4.2 `glm` with an offset
    (response) and by solving its definition with `survfit` and `uniroot` (survival) to 1e-7
    (`tests/reference/survival_scores.R`).
    """
    return _calibration("calibration_intercept", outcome, probability, time_days, **settings)


def e50(outcome: Any, probability: Any, time_days: float | None = None, **settings: Any) -> Estimate:
    """Return E50: half of the patients are told a probability closer than this to what is found; see `ici`."""
    return _calibration("e50", outcome, probability, time_days, **settings)


def e90(outcome: Any, probability: Any, time_days: float | None = None, **settings: Any) -> Estimate:
    """Return E90: nine tenths of the patients are told a probability closer than this to what is found; see `ici`."""
    return _calibration("e90", outcome, probability, time_days, **settings)


def d_calibration(outcome: Any, survival: Any, times: Any, *, bins: int = 10) -> DCalibration:
    """Return the test of whole **survival curves** (n, T) at `times` (T,); see `hybridx.evaluate.d_calibration`.

    Source
    ------
    Haider H et al. J Mach Learn Res 2020; 21(85). Checked against SurvivalEVAL 0.9.0 to 1e-10.
    """
    return d_calibration_of(survival_probabilities(outcome, survival, times), bins)


def ici(outcome: Any, probability: Any, time_days: float | None = None, **settings: Any) -> Estimate:
    """Return the integrated calibration index: the mean distance between told and found probability, 0 is perfect.

    Parameters as `observed_expected`. With few patients it is well above 0 even for a perfect model, and no bootstrap
    interval of it is true (see `hybridx.evaluate.calibrated`): the estimate has none, and its `method` says what a
    perfectly calibrated model would show on these patients.

    Source
    ------
    Austin PC, Harrell FE, van Klaveren D. Stat Med 2020. doi:10.1002/sim.8570 (Cox model with restricted cubic
    splines; three knots here).
    """
    return _calibration("ici", outcome, probability, time_days, **settings)


def _calibration(
    name: str,
    outcome: Any,
    probability: Any,
    time_days: float | None,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    y = as_outcome(outcome)
    if y.kind == "response":
        panel = response_probabilities(y, probability)
        return one(name, panel, Moment(), resamples=resamples, level=level, seed=seed)
    if time_days is None:
        msg = f"{name} of a survival outcome belongs to a time: give `time_days`."
        raise InputError(msg)
    panel = survival_probabilities(y, np.asarray(probability, dtype=np.float64)[:, None], [time_days])
    return one(name, panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)
