"""The metrics as functions: arrays in, an `Estimate` with its interval out.

Survival metrics of **risks** (any scale, higher is worse): `harrell_c`, `uno_c`, `auc_t`. Of **probabilities** of
survival: `brier_t`, `ibs`, `observed_expected`, `calibration_slope`, `ici`. Of the probability of **response**:
`roc_auc`, `brier`, and the three calibration metrics without a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.cohort.outcome import Outcome, as_outcome
from hybridx.errors import InputError
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, measure, metric_named
from hybridx.terms.estimate import Estimate

__all__ = [
    "auc_t",
    "brier",
    "brier_t",
    "calibration_slope",
    "harrell_c",
    "ibs",
    "ici",
    "observed_expected",
    "roc_auc",
    "uno_c",
]


def _one(name: str, panel: Panel, moment: Moment, *, resamples: int, level: float, seed: int) -> Estimate:
    metric = metric_named(name, panel.outcome.kind)
    return measure(metric, panel, moment, Resamples(panel.n, resamples, seed, level))


def _survival(outcome: Any) -> Outcome:
    y = as_outcome(outcome)
    if y.kind != "survival":
        msg = f"{y.endpoint!r} is a {y.kind} outcome; this metric takes survival outcomes."
        raise InputError(msg)
    return y


def harrell_c(
    outcome: Any, risk: Any, *, fold: Any = None, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return Harrell's C: how often, of two patients, the one with the higher risk has the event first.

    Parameters
    ----------
    outcome : Outcome or structured array, n rows
        Rows with an unknown outcome are left out.
    risk : array of float, shape (n,) or (R, n)
        **Risk**, higher is worse (not a survival probability); NaN where there is none. R rows: repeats, averaged.
    fold : array of int, same shape, optional
        Fold whose model made each prediction; pairs are compared within a fold only.
    resamples, level, seed : int, float, int
        Of the interval.

    Source
    ------
    Harrell FE et al. JAMA 1982. doi:10.1001/jama.1982.03320430047030. Checked against scikit-survival 0.28.0 and
    lifelines 0.30.3 to 1e-12.

    Examples
    --------
    >>> from hybridx.cohort.outcome import Outcome
    >>> y = Outcome.survival([10, 20, 30, 40], [True, True, False, True])
    >>> harrell_c(y, [4, 3, 1, 2]).value
    1.0
    """
    panel = Panel.single(_survival(outcome), risk, fold=fold)
    return _one("harrell_c", panel, Moment(), resamples=resamples, level=level, seed=seed)


def uno_c(
    outcome: Any,
    risk: Any,
    *,
    tau_days: float | None = None,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return Uno's C up to `tau_days`: Harrell's C freed of its dependence on the censoring.

    Parameters
    ----------
    outcome, risk, fold, resamples, level, seed
        As in `harrell_c`: **risk**, higher is worse.
    tau_days : float, optional
        Events from here on are not looked at; choose it where some patients are still followed.

    Source
    ------
    Uno H et al. Stat Med 2011. doi:10.1002/sim.4154. Checked against scikit-survival 0.28.0 to 1e-12.
    """
    panel = Panel.single(_survival(outcome), risk, fold=fold)
    return _one("uno_c", panel, Moment(tau_days=tau_days), resamples=resamples, level=level, seed=seed)


def auc_t(
    outcome: Any,
    risk: Any,
    time_days: float,
    *,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the cumulative/dynamic AUC: how well **risk** tells who has the event by `time_days` from who has not.

    Source
    ------
    Hung H, Chiang CT. Can J Stat 2010. doi:10.1002/cjs.10046. Checked against scikit-survival 0.28.0 to 1e-12.
    """
    panel = _followed(Panel.single(_survival(outcome), risk, fold=fold), time_days)
    return _one("auc_t", panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)


def brier_t(
    outcome: Any,
    survival: Any,
    time_days: float,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the Brier score at a time: mean squared error of the **probability of survival**, censoring weighted.

    Parameters
    ----------
    survival : array of float, shape (n,)
        Probability of being free of the event at `time_days`, in [0, 1] (not a risk).

    Source
    ------
    Graf E et al. Stat Med 1999. doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5.
    Checked against scikit-survival 0.28.0 to 1e-12.
    """
    panel = _probabilities(outcome, np.asarray(survival, dtype=np.float64)[:, None], [time_days])
    return _one("brier_t", panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)


def ibs(
    outcome: Any, survival: Any, times: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the integrated Brier score of **survival probabilities** (n, T) at `times` (T,), lower is better.

    Source
    ------
    As `brier_t`; checked against scikit-survival 0.28.0 to 1e-12.
    """
    panel = _probabilities(outcome, survival, times)
    moment = Moment(grid_days=tuple(np.asarray(times, dtype=float).tolist()))
    return _one("ibs", panel, moment, resamples=resamples, level=level, seed=seed)


def roc_auc(
    outcome: Any,
    probability: Any,
    *,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the ROC AUC: how often a responder has a higher **probability of response** than a non-responder.

    Source
    ------
    Checked against scikit-learn 1.9.1 to 1e-12.
    """
    panel = Panel.single(_response(outcome), probability, fold=fold)
    return _one("roc_auc", panel, Moment(), resamples=resamples, level=level, seed=seed)


def brier(
    outcome: Any, probability: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the Brier score of the **probability of response**: its mean squared error, lower is better.

    Source
    ------
    Brier GW. Monthly Weather Review 1950. Checked against scikit-learn 1.9.1 to 1e-12.
    """
    panel = _response_probabilities(_response(outcome), probability)
    return _one("brier", panel, Moment(), resamples=resamples, level=level, seed=seed)


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
        panel = _response_probabilities(y, probability)
        return _one(name, panel, Moment(), resamples=resamples, level=level, seed=seed)
    if time_days is None:
        msg = f"{name} of a survival outcome belongs to a time: give `time_days`."
        raise InputError(msg)
    panel = _probabilities(y, np.asarray(probability, dtype=np.float64)[:, None], [time_days])
    return _one(name, panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)


def _probabilities(outcome: Any, survival: Any, times: Any) -> Panel:
    return _followed(Panel.single(_survival(outcome), survival=survival, times=times), np.max(times))


def _response_probabilities(outcome: Outcome, probability: Any) -> Panel:
    panel = Panel.single(outcome, probability)
    if np.nanmin(panel.score, initial=0.0) < 0 or np.nanmax(panel.score, initial=1.0) > 1:
        msg = "The probability of response lies in [0, 1]; log-odds and classes with other codes are not accepted here."
        raise InputError(msg)
    return panel


def _followed(panel: Panel, time_days: Any) -> Panel:
    """Refuse a time that nobody's follow-up reaches: whatever a score said there would rest on no patient."""
    end = float(panel.outcome.time_days.max(initial=0.0))
    if not 0 < float(time_days) <= end:
        msg = f"time_days={float(time_days):g}: wanted a day > 0 up to the end of follow-up, {end:g}."
        raise InputError(msg)
    return panel


def _response(outcome: Any) -> Outcome:
    y = as_outcome(outcome)
    if y.kind != "response":
        msg = f"{y.endpoint!r} is a {y.kind} outcome; this metric takes responses (1 responder, 0 not)."
        raise InputError(msg)
    return y
