r"""DeLong's interval and test for ROC AUC: a formula in place of resamples, for one model or two on the same patients.

Each patient's influence on the AUC is how far the patient's placement (the share of the other class that is ranked
rightly against them) lies from the AUC. With folds, placements are taken within the fold, whose model ranked both:

.. math:: \varphi_i = \frac{\sum_{j \in \mathrm{fold}(i)} (S_{ij} - A)}{\sum_{\mathrm{pairs}} 1}, \qquad
          V = \frac{m}{m - 1} \sum_{\mathrm{responders}} \varphi_i^2
              + \frac{n}{n - 1} \sum_{\mathrm{others}} \varphi_j^2

averaged over repeats before squaring. In one fold this is DeLong's variance; midranks give it in O(n log n). For
cross-validated predictions the interval is widened as that of the bootstrap is, see `hybridx.evaluate.training_noise`.

Source
------
DeLong ER et al. Biometrics 1988. doi:10.2307/2531595. Sun X, Xu W. IEEE Signal Process Lett 2014.
doi:10.1109/LSP.2014.2337313. LeDell E et al. Electron J Stat 2015. doi:10.1214/15-EJS1035 (folds). Checked against R
pROC 1.18.0 to 1e-10 (``tests/reference/delong.R``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from hybridx.cohort.outcome import as_outcome
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate.compare import Difference
from hybridx.evaluate.intervals import Interval, perfect_ranking
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.registry import Moment, describe, metric_named
from hybridx.evaluate.training_noise import training_of, widened
from hybridx.terms.estimate import Estimate

__all__ = ["delong_estimate", "delong_test"]

FEWEST = 2  # of each class, for a variance


def delong_estimate(panel: Panel, level: float = 0.95) -> Estimate:
    """Return the ROC AUC of a panel of probabilities of response with DeLong's interval."""
    metric = metric_named("roc_auc", "response")
    part = panel.rows(panel.predicted)
    n, n_events = part.n, part.n_events
    value, influence = _influence(part)
    found = _normal(value, influence, part.outcome.value, level, (0.0, 1.0))
    found = widened(found, training_of(metric, [part], Moment()), metric)
    found = perfect_ranking(found, min(int(n_events or 0), n - int(n_events or 0)), level)
    return Estimate(found.value, found.low, found.high, level, n, n_events, describe(found, part))


def delong_test(
    outcome: Any,
    a: Any,
    b: Any,
    *,
    fold: Any = None,
    names: Sequence[str] = ("a", "b"),
    level: float = 0.95,
) -> Difference:
    """Compare the ROC AUC of two models on the same patients by DeLong's test.

    Parameters
    ----------
    outcome : Outcome, or array of 0/1, n rows
        Response; rows with an unknown outcome are left out.
    a, b : array of float, shape (n,) or (R, n)
        **Probability of response** (or any score that rises with it) by each model; NaN where there is none.
    fold : array of int, same shape, optional
        Fold whose model made each prediction; patients are compared within a fold only.
    names : two str
        Of the models.
    level : float
        Of the interval.

    Returns
    -------
    Difference
        AUC(a) - AUC(b), its interval, and `p_value`, below 1 - level exactly where the interval excludes 0.

    Raises
    ------
    InputError
        The outcome is no response.
    SettingsError
        `level` lies outside [0.5, 1), or there are not two names.

    Examples
    --------
    >>> found = delong_test([1, 1, 1, 0, 0, 0], [0.9, 0.7, 0.4, 0.5, 0.2, 0.1], [0.6, 0.3, 0.7, 0.5, 0.4, 0.2])
    >>> round(found.value, 3), round(found.p_value, 3)
    (0.111, 0.724)
    """
    y = as_outcome(outcome)
    if y.kind != "response":
        msg = f"{y.endpoint!r} is a {y.kind} outcome; DeLong's test takes responses (1 responder, 0 not)."
        raise InputError(msg)
    if not 0.5 <= level < 1 or len(names) != 2:
        msg = f"delong_test needs level in [0.5, 1) and two names, got {level!r}, {names!r}."
        raise SettingsError(msg)
    panels = [Panel.single(y, score, fold=fold) for score in (a, b)]
    both = panels[0].valid & panels[1].valid
    there = np.asarray(both.any(axis=0))
    kept = [panel.where(both).rows(there) for panel in panels]
    first = kept[0]
    (value_a, phi_a), (value_b, phi_b) = (_influence(panel) for panel in kept)
    metric = metric_named("roc_auc", "response")
    found = _normal(value_a - value_b, phi_a - phi_b, first.outcome.value, level, (-1.0, 1.0))
    found = widened(found, training_of(metric, kept, Moment()), metric, difference=True)
    method = f"paired difference on {first.n} patients; {describe(found, first)}"
    p_value = np.nan if found.p_at is None else found.p_at(0.0)
    return Difference(
        found.value, found.low, found.high, level, first.n, first.n_events, method,
        a=names[0], b=names[1], metric="roc_auc", value_a=value_a, value_b=value_b, p_value=p_value,
    )  # fmt: skip


def _influence(panel: Panel) -> tuple[float, FloatArray]:
    """Return the AUC and each patient's influence on it, shape (n,), means over repeats."""
    responder = panel.outcome.value == 1.0
    repeats, n = panel.fold.shape
    rightly, met = np.zeros((repeats, n)), np.zeros((repeats, n))
    for repeat, rows in panel.blocks():
        score, case = panel.score[repeat, rows], responder[rows]
        among_all, m = rankdata(score), int(case.sum())
        for of, against in ((case, rows.size - m), (~case, m)):
            if of.any():
                beaten = among_all[of] - rankdata(score[of])  # of the other class, ties a half
                rightly[repeat, rows[of]] = beaten if of is case else against - beaten
                met[repeat, rows[of]] = against
    total = met[:, responder].sum(axis=1)
    there = total > 0
    if not there.any():
        return np.nan, np.zeros(n)
    auc = rightly[there][:, responder].sum(axis=1) / total[there]
    phi = (rightly[there] - auc[:, None] * met[there]) / total[there][:, None]
    return float(auc.mean()), np.asarray(phi.mean(axis=0))


def _normal(
    value: float, influence: FloatArray, response: FloatArray, level: float, limits: tuple[float, float]
) -> Interval:
    classes = [influence[response == label] for label in (1.0, 0.0)]
    if np.isnan(value) or min(len(part) for part in classes) < FEWEST:
        reason = (
            "undefined on these patients" if np.isnan(value) else "no interval: fewer than two of a class"
        )
        return Interval(value, np.nan, np.nan, reason)
    error = float(np.sqrt(sum(len(part) / (len(part) - 1) * np.sum(part**2) for part in classes)))
    if error < 1e-12:
        return Interval(value, value, value, "DeLong: no patient moves it")
    half = float(ndtri(0.5 + level / 2)) * error
    low, high = max(value - half, limits[0]), min(value + half, limits[1])

    def p_at(truth: float) -> float:
        return float(2.0 * ndtr(-abs(value - truth) / error))

    return Interval(value, low, high, "DeLong", p_at)
