"""Choice of interactions, weight decay and number of epochs, and scores of patients held out from the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hybridx.cohort import Outcome
from hybridx.fusion.gated_combining import Scores
from hybridx.fusion.gated_task import Task
from hybridx.fusion.gated_time import IntervalLoss, person_intervals
from hybridx.fusion.gated_training import Batch, Recipe, train
from hybridx.fusion.network import Weights, forward
from hybridx.models.losses import make_loss

__all__ = ["held_out", "main_output", "search"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def main_output(batch: Batch, weights: Weights, measured: torch.Tensor) -> FloatArray:
    """Return the main head's output of each network, without offset, (F, S, n, size)."""
    output = forward(weights, batch.blocks, measured)[0]["main"]
    return np.asarray(output.to(torch.float64).cpu().numpy())


def search(
    task: Task,
    folds: npt.NDArray[np.intp],
    recipes: dict[str, Recipe],
    *,
    decays: Sequence[float],
    stops: Sequence[int],
    n_seeds: int,
) -> pl.DataFrame:
    """Return the held-out loss of each setting, pooled over the folds to one likelihood.

    Parameters
    ----------
    recipes : dict of name to recipe
    decays, stops : sequences
        Weight decays and numbers of epochs to try.
    n_seeds : int
        Networks that are averaged for each.

    Source
    ------
    Pooled cross-validated likelihood: Verweij & van Houwelingen 1993, doi:10.1002/sim.4780122407.
    """
    rows = task.training_rows(folds)
    batch, _ = task.batch(rows)
    n, is_cox = len(task.y), task.cuts is None and task.y.kind == "survival"
    held = ~rows[:, :n]
    records: list[dict[str, float | str | int]] = []

    for name, recipe in recipes.items():

        def score(epoch: int, weights: Weights, name: str = name) -> None:
            output = main_output(batch, weights, batch.measured)
            if is_cox:  # a log-hazard has no zero of its own
                output = output - output.mean(axis=2, keepdims=True)
            mean = output[:, :, :n].reshape(len(held), len(decays), n_seeds, n, -1).mean(axis=2)
            eta = np.einsum("fn,fdnj->dnj", held, mean)
            for decay, value in zip(decays, eta, strict=True):
                loss = _loss(task.y, task.cuts, value)
                records.append({"interactions": name, "weight_decay": decay, "epochs": epoch, "loss": loss})

        train(batch, recipe, np.repeat(decays, n_seeds).tolist(), max(stops), stops=stops, on_stop=score)
    return pl.DataFrame(records)


def _loss(y: Outcome, cuts: FloatArray | None, output: FloatArray) -> float:
    if cuts is None:
        return make_loss(y).value(output[:, 0])
    return IntervalLoss(*person_intervals(cuts, y.time_days, y.event, y.entry_days)).value(output.ravel())


def held_out(
    task: Task, folds: npt.NDArray[np.intp], recipe: Recipe, *, decay: float, epochs: int, networks: int
) -> Scores:
    """Return scores of the patients with a known outcome, each from networks (and a line) that did not see them."""
    rows = task.training_rows(folds)
    batch, _ = task.batch(rows)
    weights = train(batch, recipe, [decay] * networks, epochs)
    n, is_cox = len(task.y), task.cuts is None and task.y.kind == "survival"
    held, anchor = ~rows[:, :n], task.anchor
    measured = batch.measured
    hidden = measured.clone()
    if anchor is not None:
        hidden[..., anchor] = False

    with torch.no_grad():
        full, alone = main_output(batch, weights, measured), main_output(batch, weights, hidden)
    if is_cox:  # a log-hazard has no zero of its own
        center = full.mean(axis=2, keepdims=True)
        full, alone = full - center, alone - center
    full, alone = (np.einsum("fn,fsnj->nj", held, part[:, :, :n]) / networks for part in (full, alone))
    line = np.zeros(n)
    if task.line is not None:
        line = np.einsum("fn,fn->n", held, task.line.held_out(rows[:, :n]))
    there = task.measured[:n]
    others = np.delete(there, anchor, axis=1).any(axis=1) if anchor is not None else there.any(axis=1)
    return Scores(
        line=line,
        network=full,
        alone=alone,
        anchored=there[:, anchor] if anchor is not None else np.zeros(n, dtype=bool),
        others=others,
    )
