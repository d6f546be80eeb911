"""The metrics as functions: arrays in, an `Estimate` with its interval out.

Survival metrics of **risks** (any scale, higher is worse): `harrell_c`, `uno_c`, `auc_t`. Of **probabilities** of
survival: `brier_t`, `ibs`, `ibs_skill`, `antolini_c`, `observed_expected`, `calibration_slope`, `ici`. Of the
probability of **response**: `roc_auc`, `pr_auc`, `brier`, and the calibration metrics without a time. For one of
several **competing events**: `wolbers_c`, `cause_auc_t`, `cause_brier_t`; everywhere else `Outcome.event` is what
counts, whatever its cause. Late entry (`Outcome.entry_days`) is used, but for competing
events, where it is refused.

Others live in files of their own and are to be had from here too: more of calibration (`metrics_calibration`),
decisions (`metrics_decisions`), Royston D, ordered and continuous outcomes (`metrics_kinds`), `reclassification_table`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.evaluate.delong import delong_estimate
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.metrics_calibration import (
    calibration_intercept,
    calibration_slope,
    d_calibration,
    e50,
    e90,
    ici,
    observed_expected,
)
from hybridx.evaluate.metrics_causes import cause_auc_t, cause_brier_t, wolbers_c
from hybridx.evaluate.metrics_curves import antolini_c, ibs_skill, pr_auc
from hybridx.evaluate.metrics_decisions import (
    balanced_accuracy,
    mcc,
    net_benefit,
    npv,
    ppv,
    sensitivity,
    specificity,
)
from hybridx.evaluate.metrics_inputs import (
    followed,
    one,
    response_outcome,
    response_probabilities,
    survival_outcome,
    survival_probabilities,
)
from hybridx.evaluate.metrics_kinds import (
    explained_variation,
    mae,
    ordinal_c,
    quadratic_kappa,
    r2,
    rmse,
    royston_d,
    rps,
    spearman,
    within_one,
)
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.reclassification import reclassification_table
from hybridx.evaluate.registry import Moment
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name

__all__ = [
    "antolini_c",
    "auc_t",
    "balanced_accuracy",
    "brier",
    "brier_t",
    "calibration_intercept",
    "calibration_slope",
    "cause_auc_t",
    "cause_brier_t",
    "d_calibration",
    "e50",
    "e90",
    "explained_variation",
    "harrell_c",
    "ibs",
    "ibs_skill",
    "ici",
    "mae",
    "mcc",
    "net_benefit",
    "npv",
    "observed_expected",
    "ordinal_c",
    "ppv",
    "pr_auc",
    "quadratic_kappa",
    "r2",
    "reclassification_table",
    "rmse",
    "roc_auc",
    "royston_d",
    "rps",
    "sensitivity",
    "spearman",
    "specificity",
    "uno_c",
    "within_one",
    "wolbers_c",
]


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
    panel = Panel.single(survival_outcome(outcome), risk, fold=fold)
    return one("harrell_c", panel, Moment(), resamples=resamples, level=level, seed=seed)


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
    panel = Panel.single(survival_outcome(outcome), risk, fold=fold)
    return one("uno_c", panel, Moment(tau_days=tau_days), resamples=resamples, level=level, seed=seed)


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
    panel = followed(Panel.single(survival_outcome(outcome), risk, fold=fold), time_days)
    return one("auc_t", panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)


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
    panel = survival_probabilities(outcome, np.asarray(survival, dtype=np.float64)[:, None], [time_days])
    return one("brier_t", panel, Moment(horizon_days=time_days), resamples=resamples, level=level, seed=seed)


def ibs(
    outcome: Any, survival: Any, times: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the integrated Brier score of **survival probabilities** (n, T) at `times` (T,), lower is better.

    Source
    ------
    As `brier_t`; checked against scikit-survival 0.28.0 to 1e-12.
    """
    panel = survival_probabilities(outcome, survival, times)
    moment = Moment(grid_days=tuple(np.asarray(times, dtype=float).tolist()))
    return one("ibs", panel, moment, resamples=resamples, level=level, seed=seed)


def roc_auc(
    outcome: Any,
    probability: Any,
    *,
    fold: Any = None,
    interval: str = "bootstrap",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the ROC AUC: how often a responder has a higher **probability of response** than a non-responder.

    Parameters
    ----------
    outcome, probability, fold, resamples, level, seed
        As in `harrell_c`.
    interval : {"bootstrap", "delong"}
        Resamples of patients, or DeLong's formula; `hybridx.evaluate.delong_test` compares two models by the latter.

    Source
    ------
    Checked against scikit-learn 1.9.1 to 1e-12.
    """
    panel = Panel.single(response_outcome(outcome), probability, fold=fold)
    if check_name(interval, ("bootstrap", "delong"), "interval") == "delong":
        return delong_estimate(panel, Resamples(panel.n, level=level).level)
    return one("roc_auc", panel, Moment(), resamples=resamples, level=level, seed=seed)


def brier(
    outcome: Any, probability: Any, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the Brier score of the **probability of response**: its mean squared error, lower is better.

    Source
    ------
    Brier GW. Monthly Weather Review 1950. Checked against scikit-learn 1.9.1 to 1e-12.
    """
    panel = response_probabilities(response_outcome(outcome), probability)
    return one("brier", panel, Moment(), resamples=resamples, level=level, seed=seed)
