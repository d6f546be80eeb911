"""What a modality adds on average over all orders in which modalities could have been added (Shapley)."""

from __future__ import annotations

from dataclasses import replace
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridx.evaluate.max_t import stretched, together
from hybridx.evaluate.metric import Metric
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.training_noise import training_of

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["average_rows", "has_modality"]

Coalition = tuple[str, ...]


def has_modality(result: Result, modality: str) -> np.typing.NDArray[np.bool_]:
    """Return which of the scored patients have a modality, in the order of panels."""
    flags = dict(zip(result.cohort.patients, result.cohort.measured[modality].to_list(), strict=True))
    return np.array([bool(flags[p]) for p in result.scored_patients])


def average_rows(
    result: Result, metric: Metric, models: dict[Coalition, str], modalities: Coalition
) -> tuple[list[tuple[Any, ...]], int]:
    """Return modality, added value, interval, simultaneous interval, adjusted p, patients, those who have it, method.

    Parameters
    ----------
    models : dict of coalition to str
        Name of the model of each; that of all modalities stands last.
    """
    resamples = result._resamples  # noqa: SLF001 - as above
    reason = _cannot_average(metric, models, modalities)
    sets = list(models)
    panels = [result.panel(models[c]) for c in sets]
    cells = _cells_of_all(panels)
    keep = np.asarray(cells.any(axis=0))
    if reason or not keep.any():
        n, reason = int(keep.sum()), reason or "in no fold do all models predict"
        return [(name, *[np.nan] * 6, n, None, reason) for name in modalities], n
    filled = [_fill_in(panel, cells).rows(keep) for panel in panels]
    share = _shapley_weights(sets, modalities)

    def game(weights: FloatArray) -> FloatArray:
        scores = np.stack([metric.values(panel, weights, result.moment) for panel in filled], axis=1)
        return np.asarray((scores - metric.useless) @ share)  # v(nothing) = useless

    values = game(np.ones((1, int(keep.sum()))))[0]
    weights = resamples.counts[:, keep].astype(np.float64)
    training = training_of(metric, [filled[-1]], result.moment)
    draws = stretched(game, weights, training)
    tails = [0.5 - result.level / 2, 0.5 + result.level / 2]
    low, high = np.nanquantile(draws, tails, axis=0)
    family = together(values, draws, result.level)
    method = (
        f"Shapley average over {len(sets)} coalitions; percentile, {resamples.count} resamples of patients"
    )
    n = int(keep.sum())
    rows = [
        (m, values[i], low[i], high[i], family.low[i], family.high[i], family.p[i], n,
         int((has_modality(result, m) & keep).sum()), method)
        for i, m in enumerate(modalities)
    ]  # fmt: skip
    return rows, n


def _cannot_average(metric: Metric, models: dict[Coalition, str], modalities: Coalition) -> str:
    if len(models) < 2 ** len(modalities) - 1:
        return f"needs every coalition: with {len(modalities)} modalities only some were fitted"
    if np.isnan(metric.useless):
        return f"{metric.title} has no score of knowing nothing that is the same in all data"
    return ""


def _cells_of_all(panels: list[Panel]) -> np.typing.NDArray[np.bool_]:
    """Return where the model of all modalities predicts and no other model failed in the fold, shape (R, n)."""
    cells = panels[-1].valid.copy()
    for panel in panels:
        for repeat in range(panel.fold.shape[0]):
            for fold in np.unique(panel.fold[repeat]):
                there = panel.fold[repeat] == fold
                if not panel.valid[repeat, there].any():
                    cells[repeat, there] = False
    return cells


def _fill_in(panel: Panel, cells: np.typing.NDArray[np.bool_]) -> Panel:
    """Give patients of whom a model knows nothing the middle prediction of their fold."""
    score = panel.score.copy()
    survival = None if panel.survival is None else panel.survival.copy()
    for repeat in range(panel.fold.shape[0]):
        for fold in np.unique(panel.fold[repeat][cells[repeat]]):
            there = cells[repeat] & (panel.fold[repeat] == fold)
            known = there & panel.valid[repeat]
            gap = there & ~panel.valid[repeat]
            score[repeat, gap] = np.median(score[repeat, known])
            if survival is not None:
                survival[repeat, gap] = np.median(survival[repeat, known], axis=0)
    score[~cells] = np.nan
    return replace(panel, score=score, survival=survival)


def _shapley_weights(sets: list[Coalition], modalities: Coalition) -> FloatArray:
    """Return how much each coalition's score counts for each modality, shape (coalitions, m)."""
    m = len(modalities)
    weights = np.zeros((len(sets), m))
    for i, found in enumerate(sets):
        size = len(found)
        inside = factorial(size - 1) * factorial(m - size) / factorial(m)
        outside = factorial(size) * factorial(m - size - 1) / factorial(m) if size < m else 0.0
        weights[i] = [inside if name in found else -outside for name in modalities]
    return weights
