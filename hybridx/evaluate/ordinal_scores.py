"""Ordered responses (CR > PR > SD > PD): are patients ordered, levels hit, and probabilities honest.

`levels` of the panel are the probabilities of each level, best to worst; `score` is the expected rank, higher is worse;
the predicted level is the most probable one (of two alike the better).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.discrimination import harrell_values
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats

__all__ = ["ordinal_c_values", "predicted_level", "quadratic_kappa_values", "rps_values", "within_values"]


def ordinal_c_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return how often, of two patients with different levels, the one with the higher score has the worse level.

    Somers' D of score given level is 2 C - 1. Pairs of one fold only.
    """
    # concordance with "time" falling from level to level, everybody with event: the worst level comes first
    time = 1.0 + np.nanmax(panel.outcome.value, initial=0.0) - panel.outcome.value
    order = Outcome.survival(time, np.ones(panel.n, dtype=bool))
    return harrell_values(replace(panel, outcome=order), weights)


def predicted_level(levels: FloatArray) -> FloatArray:
    """Return the rank of the most probable level, NaN without a prediction; the last axis holds the levels."""
    there = np.asarray(np.isfinite(levels).all(axis=-1))
    return np.where(there, np.argmax(np.where(there[..., None], levels, 0.0), axis=-1), np.nan)


def quadratic_kappa_values(panel: Panel, weights: FloatArray) -> FloatArray:
    r"""Return Cohen's kappa with quadratic weights: agreement of predicted and true level beyond chance, shape (B,).

    .. math:: \kappa = 1 - \frac{\sum_i w_i (a_i - b_i)^2}{\frac{1}{\sum w} \sum_{ij} w_i w_j (a_i - b_j)^2}
    """
    truth = panel.outcome.value
    parts = []
    for repeat in range(panel.fold.shape[0]):
        told, w = _told(panel, repeat, weights)
        total = np.maximum(w.sum(axis=1), 1e-300)
        found = (w @ (truth - told) ** 2) / total
        # mean over all pairs (i, j) of (a_i - b_j)^2 = both mean squares less twice the product of the means
        by_chance = (w @ truth**2 + w @ told**2) / total - 2.0 * (w @ truth) * (w @ told) / total**2
        parts.append(
            1.0 - np.divide(found, by_chance, out=np.full_like(found, np.nan), where=by_chance > 1e-12)
        )
    return mean_over_repeats(np.stack(parts))


def within_values(panel: Panel, weights: FloatArray, steps: int) -> FloatArray:
    """Return the share of patients whose predicted level is at most `steps` from the true one, shape (B,)."""
    truth = panel.outcome.value
    parts = []
    for repeat in range(panel.fold.shape[0]):
        told, w = _told(panel, repeat, weights)
        total = w.sum(axis=1)
        near = w @ (np.abs(truth - told) <= steps).astype(np.float64)
        parts.append(np.divide(near, total, out=np.full_like(near, np.nan), where=total > 0))
    return mean_over_repeats(np.stack(parts))


def rps_values(panel: Panel, weights: FloatArray) -> FloatArray:
    r"""Return the ranked probability score, the Brier score of ordered levels, lower is better, shape (B,).

    .. math:: \frac{1}{K - 1} \sum_{k=1}^{K-1} \left( P(Y \le k) - 1(y \le k) \right)^2

    Proper: no model can better its score by telling other probabilities than it believes.
    """
    levels = _levels(panel)
    truth = panel.outcome.value
    steps = np.arange(levels.shape[2] - 1)
    reached = truth[:, None] <= steps[None, :]
    parts = []
    for repeat in range(levels.shape[0]):
        valid = panel.valid[repeat]
        cumulative = np.cumsum(np.where(valid[:, None], levels[repeat], 0.0), axis=1)[:, :-1]
        squared = np.where(valid, ((cumulative - reached) ** 2).mean(axis=1), 0.0)
        w = weights * valid
        total = w.sum(axis=1)
        parts.append(np.divide(w @ squared, total, out=np.full_like(total, np.nan), where=total > 0))
    return mean_over_repeats(np.stack(parts))


def _levels(panel: Panel) -> FloatArray:
    if panel.levels is None:
        return np.full((*panel.score.shape, 2), np.nan)
    return panel.levels


def _told(panel: Panel, repeat: int, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    told = predicted_level(_levels(panel)[repeat])
    there = panel.valid[repeat] & ~np.isnan(told)
    return np.where(there, told, 0.0), weights * there
