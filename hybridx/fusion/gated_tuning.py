"""Interactions, weight decay and length of training of a gated network: as asked, or the best in inner folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Outcome
from hybridx.fusion.gated_search import search
from hybridx.fusion.gated_task import Task
from hybridx.fusion.gated_training import Recipe
from hybridx.models.data import event_folds

__all__ = ["folds_of", "recipe_of", "tuned"]

_DECAYS = (0.01, 0.03, 0.1, 0.3)
_STOPS = (10, 20, 40, 80)
_CLEAR = 1.0  # log-likelihood that pairs must gain on held-out patients before they are used
_SEARCH_NETWORKS = 2  # averaged for each setting tried
_HIDDEN = 16  # units of the hidden layers
_EVENTS_FOR_PAIRS = 150  # fewer, and pairs are not tried
_TUNING, _HELD_OUT = 0, 1_000_003  # the folds of the held-out scores are others than those of the tuning


def recipe_of(model: Any, interactions: str) -> Recipe:
    """Return how the networks of a `GatedFusion` are built and trained."""
    return Recipe(
        width=model.width,
        hidden=_HIDDEN if interactions == "hidden" else 0,
        pairs=model.width if interactions == "pairs" else 0,
        dropout=model.dropout,
        modality_dropout=model.modality_dropout,
        learning_rate=model.learning_rate,
        seed=model.random_state,
        device=model.device,
    )


def folds_of(model: Any, task: Task, *, tuning: bool) -> npt.NDArray[np.intp]:
    """Return the inner fold of each patient with a known outcome; those of the tuning are not those of the scores."""
    columns = [c for names in task.columns.values() for c in names]
    shift = _TUNING if tuning else _HELD_OUT
    return event_folds(task.frame[: len(task.y)], columns, task.y, model.n_folds, model.random_state + shift)


def tuned(model: Any, task: Task) -> tuple[str, float, int, pl.DataFrame | None]:
    """Return interactions, weight decay and epochs, and the held-out loss of each setting tried (None: none was).

    Parameters
    ----------
    model : GatedFusion
        Its settings; what is None (or "auto") is chosen.
    task : Task
    """
    kinds = [model.interactions]
    if model.interactions == "auto":
        kinds = ["attention", "pairs"] if _n_rare(task.y) >= _EVENTS_FOR_PAIRS else ["attention"]
    decays = _DECAYS if model.weight_decay is None else (float(model.weight_decay),)
    stops = _STOPS if model.epochs is None else (int(model.epochs),)
    if len(kinds) * len(decays) * len(stops) == 1:
        return kinds[0], decays[0], stops[0], None
    recipes = {name: recipe_of(model, name) for name in kinds}
    folds = folds_of(model, task, tuning=True)
    tried = search(task, folds, recipes, decays=decays, stops=stops, n_seeds=_SEARCH_NETWORKS)
    paid = pl.col("loss") + _CLEAR * (pl.col("interactions") == "pairs")
    best = tried.sort(paid, maintain_order=True).row(0, named=True)
    return best["interactions"], best["weight_decay"], best["epochs"], tried


def _n_rare(y: Outcome) -> int:
    return y.n_events if y.kind == "survival" else min(y.n_events, len(y) - y.n_events)
