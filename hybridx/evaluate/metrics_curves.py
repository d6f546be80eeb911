"""Antolini's C, the skill of the integrated Brier score, and PR AUC as functions; see `hybridx.evaluate.metrics`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.evaluate.metrics_inputs import one, response_outcome, survival_outcome, survival_probabilities
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment
from hybridx.terms.estimate import Estimate

__all__ = ["antolini_c", "ibs_skill", "pr_auc"]


def antolini_c(
    outcome: Any,
    survival: Any,
    times: Any,
    *,
    tau_days: float | None = None,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return Antolini's C-td: how often the one with the event had, at that time, the lower survival probability.

    Parameters
    ----------
    outcome : Outcome or structured array, n rows
        Late entry is used.
    survival : array of float, shape (n, T) or (R, n, T)
        **Probability of survival** at `times`, in [0, 1]; curves may cross.
    times : array of float, shape (T,)
        Days, rising. An event is judged at the last of them not after it.
    tau_days : float, optional
        Events from here on are not looked at.
    fold : array of int, shape (n,) or (R, n), optional
        Pairs are compared within a fold only.

    Source
    ------
    Antolini L, Boracchi P, Biganzoli E. Stat Med 2005. doi:10.1002/sim.2427. Checked against pycox 0.3.0 to 1e-12.

    Examples
    --------
    >>> from hybridx.cohort.outcome import Outcome
    >>> y = Outcome.survival([10, 20, 30], [True, True, False])
    >>> antolini_c(y, [[0.5, 0.2], [0.9, 0.1], [0.9, 0.8]], [10, 20]).value
    1.0
    """
    panel = Panel.single(survival_outcome(outcome), survival=survival, times=times, fold=fold)
    return one("antolini_c", panel, Moment(tau_days=tau_days), resamples=resamples, level=level, seed=seed)


def ibs_skill(
    outcome: Any,
    survival: Any,
    times: Any,
    *,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return 1 - IBS / IBS of the Kaplan-Meier curve: 1 is perfect, 0 no better than one curve for everybody.

    Parameters as in `antolini_c`. With folds the reference of each is the curve of the other folds; without, it is the
    curve of the patients scored (see `hybridx.evaluate.accuracy.ibs_skill_values`).
    """
    checked = survival_probabilities(outcome, survival, times)  # refuses times beyond all follow-up
    panel = Panel.single(survival_outcome(outcome), survival=survival, times=times, fold=fold)
    moment = Moment(grid_days=tuple(np.asarray(checked.times).tolist()))
    return one("ibs_skill", panel, moment, resamples=resamples, level=level, seed=seed)


def pr_auc(
    outcome: Any,
    probability: Any,
    *,
    fold: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the average precision: the mean, over responders, of the share of responders among those ranked as high.

    A model that knows nothing gets the share of responders, so compare it between models of the same patients only.

    Source
    ------
    Checked against scikit-learn 1.9.1 (`average_precision_score`) to 1e-12.
    """
    panel = Panel.single(response_outcome(outcome), probability, fold=fold)
    return one("pr_auc", panel, Moment(), resamples=resamples, level=level, seed=seed)
