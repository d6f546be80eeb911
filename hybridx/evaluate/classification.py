"""Response at a stated threshold: sensitivity, specificity, predictive values, balanced accuracy, MCC.

A threshold comes from outside (0.5, or what a decision asks for), or is learnt without the patients it is applied to:
`learnt_thresholds`. Chosen on the test patients it would flatter every model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.terms.text import check_name

__all__ = ["MEASURES", "RULES", "classification_values", "learnt_thresholds", "shifted_to_half", "trials_of"]

RULES = ("prevalence", "youden")
MEASURES = ("sensitivity", "specificity", "ppv", "npv", "balanced_accuracy", "mcc")
LEVEL = 1e-12  # 1 - 0.8 is no less than 0.2


def classification_values(name: str, panel: Panel, weights: FloatArray, threshold: float) -> FloatArray:
    """Return one measure of yes/no predictions under each row of weights, shape (B,), averaged over repeats.

    Parameters
    ----------
    name : str
        ``sensitivity``, ``specificity``, ``ppv``, ``npv``, ``balanced_accuracy`` or ``mcc``.
    threshold : float
        A patient with this probability of response or more is called a responder.

    Returns
    -------
    array
        NaN where nobody is there to be counted. The MCC of a model that calls everybody the same is 0, its limit.
    """
    parts = [
        _MEASURES[name](*_counts(panel, repeat, weights, threshold)) for repeat in range(panel.fold.shape[0])
    ]
    return mean_over_repeats(np.stack(parts))


def trials_of(name: str, panel: Panel, threshold: float) -> float:
    """Return how many patients a measure is a share of, mean over repeats (the rarer class for balanced accuracy)."""
    once = np.ones((1, panel.n))
    counts = np.array([_counts(panel, r, once, threshold) for r in range(panel.fold.shape[0])])
    tp, fp, fn, tn = counts.mean(axis=0)[:, 0]
    of = {
        "sensitivity": tp + fn,
        "specificity": tn + fp,
        "ppv": tp + fp,
        "npv": tn + fn,
        "balanced_accuracy": min(tp + fn, tn + fp),
    }
    return float(of.get(name, 0.0))


def learnt_thresholds(panel: Panel, rule: str) -> FloatArray:
    """Return the threshold for each prediction, learnt from the other folds of its repeat, shape (R, n).

    Parameters
    ----------
    panel : Panel
        Of a response, predicted in two folds or more.
    rule : {"prevalence", "youden"}
        Share of responders among the other folds' patients; or the threshold with the largest sensitivity +
        specificity on their own out-of-fold predictions. The first looks at outcomes only and is far steadier.

    Raises
    ------
    InputError
        There is one fold only: no patients are left to learn from.
    """
    check_name(rule, RULES, "rule for a threshold")
    cuts = np.full(panel.score.shape, np.nan)
    label = panel.outcome.value
    for repeat, rows in panel.blocks():
        others = panel.valid[repeat] & (panel.fold[repeat] != panel.fold[repeat, rows[0]])
        if not others.any():
            msg = f"threshold={rule!r} is learnt on patients of other folds; give `fold`, with two folds or more."
            raise InputError(msg)
        cuts[repeat, rows] = (
            label[others].mean()
            if rule == "prevalence"
            else _youden(panel.score[repeat, others], label[others])
        )
    return cuts


def shifted_to_half(panel: Panel, cuts: FloatArray) -> Panel:
    """Return the panel with scores moved so that each prediction's own threshold lies at 0.5."""
    return replace(panel, score=panel.score - cuts + 0.5)


def _youden(p: FloatArray, label: FloatArray) -> float:
    candidates = np.unique(p)
    middle = (candidates[1:] + candidates[:-1]) / 2
    if not middle.size:
        return float(candidates[0])
    called = p[None, :] >= middle[:, None]
    positive = label == 1.0
    index = called[:, positive].mean(axis=1) - called[:, ~positive].mean(axis=1)
    return float(middle[int(np.nanargmax(index))]) if np.isfinite(index).any() else float(np.median(p))


def _counts(
    panel: Panel, repeat: int, weights: FloatArray, threshold: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    valid = panel.valid[repeat]
    called = valid & (np.where(valid, panel.score[repeat], -np.inf) >= threshold - LEVEL)
    positive = panel.outcome.value == 1.0
    groups: list[npt.NDArray[np.bool_]] = [
        called & positive,
        called & ~positive,
        valid & ~called & positive,
        valid & ~called & ~positive,
    ]
    tp, fp, fn, tn = (weights @ group.astype(np.float64) for group in groups)
    return tp, fp, fn, tn


def _share(part: FloatArray, rest: FloatArray) -> FloatArray:
    whole = part + rest
    return np.asarray(np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0))


def _mcc(tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray) -> FloatArray:
    product = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    value = np.divide(tp * tn - fp * fn, product, out=np.zeros_like(product), where=product > 0)
    return np.where((tp + fn > 0) & (tn + fp > 0), value, np.nan)


Measure = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]

_MEASURES: dict[str, Measure] = {
    "sensitivity": lambda tp, _fp, fn, _tn: _share(tp, fn),
    "specificity": lambda _tp, fp, _fn, tn: _share(tn, fp),
    "ppv": lambda tp, fp, _fn, _tn: _share(tp, fp),
    "npv": lambda _tp, _fp, fn, tn: _share(tn, fn),
    "balanced_accuracy": lambda tp, fp, fn, tn: (_share(tp, fn) + _share(tn, fp)) / 2,
    "mcc": _mcc,
}
