"""The metrics by name: the outcome each takes, what it eats, which way is better, and its value with an interval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.evaluate.accuracy import brier_t_values, brier_values, ibs_skill_values, ibs_values
from hybridx.evaluate.calibrated import distance_when_calibrated
from hybridx.evaluate.calibration import ici_values, observed_expected_values, slope_values
from hybridx.evaluate.discrimination import auc_t_values, harrell_values, roc_auc_values, uno_values
from hybridx.evaluate.intervals import Interval, Resamples, all_one_way, perfect_ranking
from hybridx.evaluate.metric import Metric, Moment, horizon_of
from hybridx.evaluate.metric_tables import CONTINUOUS, ORDINAL, RESPONSE, SURVIVAL
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.precision_recall import pr_auc_values
from hybridx.evaluate.studentised import heavy_tails, studentised
from hybridx.evaluate.time_dependent import antolini_values
from hybridx.evaluate.training_noise import training_of, widened
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name

__all__ = ["METRICS", "Metric", "Moment", "describe", "measure", "metric_named", "metrics_of"]


def _tau(moment: Moment) -> float:
    return np.inf if moment.tau_days is None else moment.tau_days


def _grid(moment: Moment) -> FloatArray:
    if len(moment.grid_days) < 2:
        msg = "An integrated score needs two times or more."
        raise InputError(msg)
    return np.asarray(moment.grid_days, dtype=np.float64)


METRICS: tuple[Metric, ...] = (
    Metric("harrell_c", "Harrell C", "survival", "risk", "high", 0.5, "", lambda p, w, _: harrell_values(p, w)),
    Metric("uno_c", "Uno C", "survival", "risk", "high", 0.5, "tau", lambda p, w, m: uno_values(p, w, _tau(m))),
    Metric(
        "auc_t", "AUC(t)", "survival", "risk", "high", 0.5, "horizon",
        lambda p, w, m: auc_t_values(p, w, horizon_of(m)),
    ),
    Metric(
        "brier_t", "Brier(t)", "survival", "survival", "low", np.nan, "horizon",
        lambda p, w, m: brier_t_values(p, w, np.array([horizon_of(m)]))[:, 0],
    ),
    Metric(
        "ibs", "Integrated Brier score", "survival", "survival", "low", np.nan, "tau",
        lambda p, w, m: ibs_values(p, w, _grid(m)),
    ),
    Metric(
        "ibs_skill", "IBS skill against Kaplan-Meier", "survival", "survival", "high", 0.0, "tau",
        lambda p, w, m: ibs_skill_values(p, w, _grid(m)), shown=False,
    ),
    Metric(
        "antolini_c", "C-td (Antolini)", "survival", "survival", "high", 0.5, "tau",
        lambda p, w, m: antolini_values(p, w, _tau(m)), shown=False,
    ),
    Metric(
        "observed_expected", "Observed / expected", "survival", "survival", "one", np.nan, "horizon",
        lambda p, w, m: observed_expected_values(p, w, horizon_of(m)),
    ),
    Metric(
        "calibration_slope", "Calibration slope", "survival", "survival", "one", 0.0, "horizon",
        lambda p, w, m: slope_values(p, w, horizon_of(m)),
    ),
    Metric(
        "ici", "Integrated calibration index", "survival", "survival", "low", np.nan, "horizon",
        lambda p, w, m: ici_values(p, w, horizon_of(m)), distance=True,
    ),
    Metric("roc_auc", "ROC AUC", "response", "probability", "high", 0.5, "", lambda p, w, _: roc_auc_values(p, w)),
    Metric(
        "pr_auc", "PR AUC", "response", "probability", "high", np.nan, "", lambda p, w, _: pr_auc_values(p, w),
        shown=False,
    ),
    Metric("brier", "Brier score", "response", "probability", "low", np.nan, "", lambda p, w, _: brier_values(p, w)),
    Metric(
        "observed_expected", "Observed / expected", "response", "probability", "one", np.nan, "",
        lambda p, w, _: observed_expected_values(p, w, None),
    ),
    Metric(
        "calibration_slope", "Calibration slope", "response", "probability", "one", 0.0, "",
        lambda p, w, _: slope_values(p, w, None),
    ),
    Metric(
        "ici", "Integrated calibration index", "response", "probability", "low", np.nan, "",
        lambda p, w, _: ici_values(p, w, None), distance=True,
    ),
    *SURVIVAL, *RESPONSE, *ORDINAL, *CONTINUOUS,
)  # fmt: skip


def metrics_of(kind: str, *, shown: bool = True) -> list[Metric]:
    """Return the metrics for a kind of outcome, the headline first; all of them with ``shown=False``."""
    return [metric for metric in METRICS if metric.kind == kind and (metric.shown or not shown)]


def metric_named(name: str, kind: str) -> Metric:
    """Return a metric by name.

    Raises
    ------
    SettingsError
        Unknown for this kind of outcome; the nearest name is given.
    """
    table = {metric.name: metric for metric in metrics_of(kind, shown=False)}
    return table[check_name(name, table, f"metric for {'an' if kind == 'ordinal' else 'a'} {kind} endpoint")]


def measure(
    metric: Metric,
    panel: Panel,
    moment: Moment,
    resamples: Resamples,
    *,
    keep: Any = None,
) -> Estimate:
    """Return a metric of a model's out-of-fold predictions with its interval.

    Parameters
    ----------
    keep : array of bool, shape (n,), optional
        Score these patients only; by default all who have a prediction.

    Returns
    -------
    Estimate
        Undefined (NaN, with the reason in `method`) when the model gives no probabilities, or pairs are missing.
    """
    mask = panel.predicted if keep is None else panel.predicted & keep
    part = panel.rows(mask)
    n, n_events = part.n, part.n_events
    if metric.eats == "survival" and panel.survival is None:
        nothing = "the model gives risks, not probabilities of survival"
        return Estimate(np.nan, np.nan, np.nan, resamples.level, n, n_events, nothing)
    if metric.eats == "levels" and panel.levels is None:
        nothing = "the model gives no probability of each level"
        return Estimate(np.nan, np.nan, np.nan, resamples.level, n, n_events, nothing)
    if metric.distance:
        value, low, high, method = _distance(metric, part, moment, resamples)
        return Estimate(value, low, high, resamples.level, n, n_events, method)
    found = _interval(metric, part, moment, resamples, mask)
    found = widened(found, training_of(metric, [part], moment), metric)
    if metric.trials is not None:
        found = all_one_way(found, metric.trials(part, moment), resamples.level)
    elif metric.useless == 0.5:  # a ranking: C or AUC
        happened = part.outcome.n_events
        trials = happened if metric.kind == "survival" else min(happened, n - happened)
        found = perfect_ranking(found, trials, resamples.level)
    return Estimate(found.value, found.low, found.high, resamples.level, n, n_events, describe(found, panel))


def _interval(
    metric: Metric, panel: Panel, moment: Moment, resamples: Resamples, mask: npt.NDArray[np.bool_]
) -> Interval:
    errors = metric.with_error
    if errors is not None:
        found = studentised(resamples, lambda weights: errors(panel, weights), metric.back, mask)
        if np.isfinite(found.low):
            return replace(found, note=found.note + heavy_tails(panel))
    # predictions without any error have no logarithm of it
    return resamples.interval(lambda weights: metric.values(panel, weights, moment), mask)


def _distance(
    metric: Metric, panel: Panel, moment: Moment, resamples: Resamples
) -> tuple[float, float, float, str]:
    """Return a distance from perfection without an interval, which would be false, but with what perfection shows."""
    value = float(metric.values(panel, np.ones((1, panel.n)), moment)[0]) if panel.n else np.nan
    if np.isnan(value):
        return value, np.nan, np.nan, "undefined on these patients"
    low, high = distance_when_calibrated(metric, panel, moment, seed=resamples.seed, level=resamples.level)
    share = f"{100 * resamples.level:g} %"
    method = (
        "no interval, a distance is biased upwards in small samples; a perfectly calibrated model would show "
        f"{low:.3f} to {high:.3f} ({share}) on these patients"
    )
    return value, np.nan, np.nan, method


def describe(found: Interval, panel: Panel) -> str:
    """Say how a value came about: the interval, then folds and repeats."""
    repeats = panel.fold.shape[0]
    folds = len(np.unique(panel.fold[panel.fold >= 0]))
    if folds <= 1 and repeats == 1:
        return found.note
    several = f", mean of {repeats} repeats" if repeats > 1 else ""
    return f"{found.note}; out-of-fold predictions of {folds} folds{several}"
