"""Ordered and continuous outcomes, and explained variation, as functions; see `hybridx.evaluate.metrics`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.metrics_inputs import one, survival_outcome
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment
from hybridx.terms.estimate import Estimate

__all__ = [
    "explained_variation",
    "mae",
    "ordinal_c",
    "quadratic_kappa",
    "r2",
    "rmse",
    "royston_d",
    "rps",
    "spearman",
    "within_one",
]


def royston_d(outcome: Any, risk: Any, *, fold: Any = None, **settings: Any) -> Estimate:
    """Return Royston's D: the log hazard ratio between the worse and the better half that the **risk** would make.

    Parameters
    ----------
    outcome : Outcome or structured array, n rows
    risk : array of float, shape (n,) or (R, n)
        **Risk**, higher is worse, on any scale: only its ranks count. NaN where there is none.
    fold : array of int, same shape, optional
        Fold whose model made each prediction; ranks are taken within, and the model is stratified by it.
    **settings
        ``resamples``, ``level``, ``seed`` of the interval.

    Source
    ------
    Royston P, Sauerbrei W. Stat Med 2004. doi:10.1002/sim.1621. Checked against `royston` of R survival 3.5-3 to 1e-8.
    """
    return _one("royston_d", Panel.single(survival_outcome(outcome), risk, fold=fold), **settings)


def explained_variation(outcome: Any, risk: Any, *, fold: Any = None, **settings: Any) -> Estimate:
    """Return R2_D, the share of the variation of log survival time that the **risk** explains; see `royston_d`."""
    return _one("explained_variation", Panel.single(survival_outcome(outcome), risk, fold=fold), **settings)


def ordinal_c(outcome: Any, score: Any, *, fold: Any = None, **settings: Any) -> Estimate:
    """Return how often, of two patients with different levels, the one with the higher **score** has the worse level.

    Parameters
    ----------
    outcome : Outcome
        Ordinal, n rows.
    score : array of float, shape (n,) or (R, n)
        Any number that is higher when worse: an expected rank, a log-odds.
    fold : array of int, same shape, optional
        Pairs are compared within a fold only.
    **settings
        ``resamples``, ``level``, ``seed`` of the interval.

    Source
    ------
    Harrell's C with the level as time; (1 + Somers' D) / 2, checked against scipy 1.17.1 `somersd` to 1e-12.

    Examples
    --------
    >>> from hybridx.cohort.outcome import Outcome
    >>> ordinal_c(Outcome.ordinal(["CR", "PR", "PD"], criterion="RECIST"), [0.1, 0.9, 0.8]).value
    0.6666666666666666
    """
    return _one("ordinal_c", Panel.single(_of_kind(outcome, "ordinal"), score, fold=fold), **settings)


def quadratic_kappa(outcome: Any, levels: Any, **settings: Any) -> Estimate:
    """Return Cohen's kappa, quadratic weights, of the most probable and the true level: 0 is chance, 1 perfect.

    Parameters
    ----------
    outcome : Outcome
        Ordinal, n rows.
    levels : array of float, shape (n, K) or (R, n, K)
        **Probability of each level**, best to worst, as `predict_proba` gives them.
    **settings
        ``resamples``, ``level``, ``seed`` of the interval.

    Source
    ------
    Cohen J. Psychol Bull 1968. doi:10.1037/h0026256. Checked against scikit-learn 1.9.1 to 1e-12.
    """
    return _one("quadratic_kappa", _levels(outcome, levels), **settings)


def rps(outcome: Any, levels: Any, **settings: Any) -> Estimate:
    """Return the ranked probability score of the **probabilities of the levels**, lower is better.

    Parameters as `quadratic_kappa`.

    Source
    ------
    Epstein ES. J Appl Meteorol 1969. doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2. With two levels it is the
    Brier score (checked).
    """
    return _one("rps", _levels(outcome, levels), **settings)


def within_one(outcome: Any, levels: Any, **settings: Any) -> Estimate:
    """Return the share of patients whose most probable level is at most one off; parameters as `quadratic_kappa`."""
    return _one("within_one", _levels(outcome, levels), **settings)


def r2(outcome: Any, predicted: Any, **settings: Any) -> Estimate:
    """Return R2 of **predicted values**: 1 - squared error over that of the mean; below 0, worse than the mean.

    Parameters
    ----------
    outcome : Outcome
        Continuous, n rows.
    predicted : array of float, shape (n,) or (R, n)
        In the outcome's unit; NaN where there is none.
    **settings
        ``resamples``, ``level``, ``seed`` of the interval.

    Source
    ------
    Checked, as `rmse` and `mae`, against scikit-learn 1.9.1 to 1e-12.
    """
    return _one("r2", Panel.single(_of_kind(outcome, "continuous"), predicted), **settings)


def rmse(outcome: Any, predicted: Any, **settings: Any) -> Estimate:
    """Return the root mean squared error of **predicted values**, in the outcome's unit; parameters as `r2`."""
    return _one("rmse", Panel.single(_of_kind(outcome, "continuous"), predicted), **settings)


def mae(outcome: Any, predicted: Any, **settings: Any) -> Estimate:
    """Return the mean absolute error of **predicted values**, in the outcome's unit; parameters as `r2`."""
    return _one("mae", Panel.single(_of_kind(outcome, "continuous"), predicted), **settings)


def spearman(outcome: Any, predicted: Any, *, fold: Any = None, **settings: Any) -> Estimate:
    """Return Spearman's rank correlation of found and **predicted values**, ranks within a fold; see `r2`.

    Source
    ------
    Checked against scipy 1.17.1 to 1e-12.
    """
    panel = Panel.single(_of_kind(outcome, "continuous"), predicted, fold=fold)
    return _one("spearman", panel, **settings)


def _one(name: str, panel: Panel, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Estimate:
    return one(name, panel, Moment(), resamples=resamples, level=level, seed=seed)


def _of_kind(outcome: Any, kind: str) -> Outcome:
    if not isinstance(outcome, Outcome) or outcome.kind != kind:
        found = (
            f"{outcome.endpoint!r} is a {outcome.kind} outcome"
            if isinstance(outcome, Outcome)
            else "it is none"
        )
        msg = f"This metric takes an Outcome.{kind}(...); {found}."
        raise InputError(msg)
    return outcome


def _levels(outcome: Any, levels: Any) -> Panel:
    y = _of_kind(outcome, "ordinal")
    p = np.asarray(levels, dtype=np.float64)
    p = p[None] if p.ndim == 2 else p
    wanted = (len(y), len(y.levels))
    if p.ndim != 3 or p.shape[1:] != wanted:
        msg = f"levels has shape {np.shape(levels)} while it should be {wanted}: a probability of each level."
        raise InputError(msg)
    sums = p[~np.isnan(p).any(axis=2)].sum(axis=1)
    if np.nanmin(p, initial=0.0) < 0 or np.any(np.abs(sums - 1.0) > 1e-6):
        msg = "levels must be probabilities that sum to 1 in each row."
        raise InputError(msg)
    whole = Panel.single(y, p @ np.arange(wanted[1], dtype=np.float64))
    return replace(whole, levels=p[:, y.known])
