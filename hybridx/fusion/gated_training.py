"""Training of many gated networks side by side: full batch, Adam, whole modalities hidden at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hybridx.errors import ConvergenceError
from hybridx.fusion.network import Shape, Weights, forward, new_weights, penalty
from hybridx.fusion.network_losses import BatchedLoss

__all__ = ["Batch", "Recipe", "hide_modalities", "train"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes
    ----------
    width, hidden, pairs : int
        See `hybridx.fusion.network.Shape`.
    dropout, modality_dropout : float
        Share of each encoding, and of a patient's measured modalities, that is hidden at each step.
    learning_rate : float
        Of Adam.
    seed : int
        Of weights and dropout.
    device : str
        ``cpu`` or ``cuda``.
    """

    width: int
    hidden: int
    pairs: int
    dropout: float
    modality_dropout: float
    learning_rate: float
    seed: int
    device: str


@dataclass(frozen=True)
class Batch:
    """F data sets of the same n patients, as tensors on the device.

    Attributes
    ----------
    blocks : list of m tensors (F, n, k_m)
    measured : tensor of bool (F, n, m)
    losses : dict of head to loss
    sizes : dict of head to int
        Numbers each head gives.
    parts : dict of head to float
        Share of each head's loss in the sum.
    start : dict of head to array (size,)
        Where the heads' own intercepts start.
    """

    blocks: list[torch.Tensor]
    measured: torch.Tensor
    losses: dict[str, BatchedLoss]
    sizes: dict[str, int]
    parts: dict[str, float]
    start: dict[str, FloatArray]

    def shape(self, recipe: Recipe) -> Shape:
        """Return the sizes of a network for these data."""
        return Shape(
            tuple(b.shape[2] for b in self.blocks), recipe.width, recipe.hidden, recipe.pairs, self.sizes
        )


def hide_modalities(
    measured: torch.Tensor, networks: int, rate: float, generator: torch.Generator
) -> torch.Tensor:
    """Return what each network sees, (F, S, n, m): each measured modality is hidden at `rate`, one always stays.

    Parameters
    ----------
    measured : tensor of bool (F, n, m)
        What there is.
    rate : float
        From 0 to 1.
    generator : torch.Generator
        Of the CPU; every fold hides the same.
    """
    n, m = measured.shape[1:]
    drawn = torch.rand((1, networks, n, m), generator=generator).to(measured.device)
    there = measured[:, None]
    # the one that was drawn highest stays even where all would go
    last = torch.where(there, drawn, -1.0).argmax(dim=-1, keepdim=True)
    kept = (drawn >= rate).expand(measured.shape[0], -1, -1, -1).scatter(-1, last, value=True)
    return there & kept


def train(
    batch: Batch,
    recipe: Recipe,
    decays: Sequence[float],
    epochs: int,
    *,
    stops: Iterable[int] = (),
    on_stop: Callable[[int, Weights], None] | None = None,
) -> Weights:
    """Train S networks, each with its own weight decay, on each of F data sets.

    Parameters
    ----------
    decays : sequence of float, length S
        Factor of half the squared distance of the weights from their start, beside the loss per event.
    epochs : int
        Steps of the optimiser; each sees every patient.
    stops : iterable of int
        After these epochs `on_stop(epoch, weights)` is called.

    Raises
    ------
    ConvergenceError
        A loss is not finite; the message names the head and the epoch.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    device, networks, at = torch.device(recipe.device), len(decays), set(stops)
    weights = new_weights(batch.shape(recipe), len(batch.measured), networks, generator)
    for head, start in batch.start.items():
        weights[f"{head}.bias"] += torch.as_tensor(start, dtype=torch.float32)
    weights = {name: tensor.to(device).requires_grad_(requires_grad=True) for name, tensor in weights.items()}
    start = {name: tensor.detach().clone() for name, tensor in weights.items()}
    optimiser = torch.optim.Adam(list(weights.values()), lr=recipe.learning_rate)
    decay = torch.as_tensor(decays, dtype=torch.float32, device=device)
    for epoch in range(1, epochs + 1):
        optimiser.zero_grad()
        total = _loss(batch, weights, recipe, generator, epoch) + decay * penalty(weights, start)
        total.sum().backward()
        optimiser.step()
        if epoch in at and on_stop is not None:
            with torch.no_grad():
                on_stop(epoch, weights)
    return {name: tensor.detach() for name, tensor in weights.items()}


def _loss(
    batch: Batch, weights: Weights, recipe: Recipe, generator: torch.Generator, epoch: int
) -> torch.Tensor:
    networks = weights["evidence"].shape[1]
    seen = hide_modalities(batch.measured, networks, recipe.modality_dropout, generator)
    keep = None
    if recipe.dropout:
        n, m = batch.measured.shape[1:]
        drawn = torch.rand((1, networks, n, m, recipe.width), generator=generator).to(seen.device)
        keep = (drawn >= recipe.dropout).to(torch.float32) / (1.0 - recipe.dropout)
    outputs, _ = forward(weights, batch.blocks, seen, keep)
    total = torch.zeros_like(weights["evidence"])
    for head, loss in batch.losses.items():
        value = loss(outputs[head])
        if not torch.isfinite(value).all():
            msg = (
                f"The {head} head's loss is not finite at epoch {epoch} (learning_rate={recipe.learning_rate!r}). "
                "Take a smaller learning_rate, or look for values of absurd size in the table."
            )
            raise ConvergenceError(msg)
        total = total + batch.parts[head] * value
    return total
