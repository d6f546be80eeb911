"""How the image network is trained: on what the tables leave unexplained, in batches that all hold events.

The loss is the model's own (Cox partial likelihood with Efron ties, or logistic) of ``tables + image``, where the
tables' part is a HELD-OUT linear predictor of each patient: on fitted ones, which explain the training patients too
well, nothing would be left for the image to learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from hybridx.cohort import Outcome
from hybridx.fusion.image_network import ConditionedNetwork, Maps, make_network
from hybridx.fusion.image_patches import Patches, varied
from hybridx.measure.encoder import torch_device
from hybridx.models.losses import make_loss

__all__ = ["Learners", "Pictures", "TrainingSettings", "image_scores", "trained"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_VIEWS = 4  # varied copies of each patch that frozen stages see once, before training
_CHUNK = 16  # patches that go through frozen stages together
_SETTLE = 256  # patches from which an untrained encoder takes its batch statistics
_EVENTS_PER_BATCH = 8  # fewer make a partial likelihood of noise
_HEAD = 10.0  # how much faster what starts at zero learns than the encoder
_LONGEST = 5.0  # norm of a gradient, beyond which it is cut


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of `ImageFusion` that training needs; see there."""

    init: str
    stages: int
    learning_rate: float
    weight_decay: float
    modality_dropout: float
    augment: bool
    batch_size: int
    device: str
    seed: int


class Pictures:
    """The patches of n patients, as far as the frozen stages of the encoder take them.

    Frozen stages are shared by all folds: they have learnt nothing from these patients.
    """

    def __init__(self, patches: Patches, settings: TrainingSettings) -> None:
        self._patches, self._settings = patches, settings
        self._device = torch_device(settings.device)
        self._network = make_network(settings.init, 0, settings.seed).to(self._device)
        self._clean: Maps | None = None
        self._views: list[Maps] = []
        if settings.stages:
            rng = np.random.default_rng([settings.seed, 1])
            self._clean = self._frozen(patches)
            if settings.augment:
                self._views = [self._frozen(varied(patches, rng)) for _ in range(_VIEWS)]

    def __len__(self) -> int:
        return len(self._patches)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (3, z, y, x) of one patch."""
        return self._patches.shape[1:]

    def tensor(self, rows: IntArray) -> torch.Tensor:
        """Return raw patches on the device."""
        return torch.from_numpy(self._patches[rows].astype(np.float32)).to(self._device)

    def clean(self, rows: IntArray) -> Maps:
        """Return patches as they are."""
        if self._clean is not None:
            return self._clean.rows(rows).to(self._device)
        return self._network.lower(self.tensor(rows), 0)

    def training(self, rows: IntArray, rng: np.random.Generator) -> Maps:
        """Return patches as one of many scans might have shown them."""
        if not self._settings.augment:
            return self.clean(rows)
        if self._views:
            which = rng.integers(len(self._views), size=len(rows))
            return Maps.join([self._views[v].rows(rows[[i]]) for i, v in enumerate(which.tolist())]).to(
                self._device
            )
        patches = torch.from_numpy(varied(self._patches[rows], rng).astype(np.float32))
        return self._network.lower(patches.to(self._device), 0)

    @torch.no_grad()
    def _frozen(self, patches: Patches) -> Maps:
        parts = []
        for start in range(0, len(patches), _CHUNK):
            part = torch.from_numpy(patches[start : start + _CHUNK].astype(np.float32)).to(self._device)
            parts.append(self._network.lower(part, self._settings.stages).to(torch.device("cpu")))
        return Maps.join(parts)


@dataclass(frozen=True, eq=False)
class Learners:
    """The n patients that a network is trained on.

    Parameters
    ----------
    context : array, shape (n, c)
        See `TableContext`.
    blocks : array of int, shape (c,)
        Block of each number of the context.
    table_part : array, shape (n,)
        Held-out linear predictor of the tables.
    y : Outcome
        Known outcomes.
    place : array of int, shape (n,)
        Number of each patient's picture, -1 without one.
    """

    context: FloatArray
    blocks: IntArray
    table_part: FloatArray
    y: Outcome
    place: IntArray

    def rows(self, index: IntArray) -> Self:
        """Return some of them."""
        return replace(
            self,
            context=self.context[index],
            table_part=self.table_part[index],
            y=self.y[index],
            place=self.place[index],
        )


def trained(
    learners: Learners, pictures: Pictures, looks: Sequence[int], settings: TrainingSettings
) -> Iterator[tuple[int, ConditionedNetwork]]:
    """Train a network and hand it out after some of the epochs.

    Parameters
    ----------
    learners : Learners
    pictures : Pictures
    looks : sequence of int
        Epochs, rising, after which the network is handed out; training ends with the last.
    settings : TrainingSettings

    Yields
    ------
    (int, ConditionedNetwork)
        Epoch and the network, which goes on changing when the next one is asked for.
    """
    context, place, y = learners.context, learners.place, learners.y
    rng = np.random.default_rng([settings.seed, 2])
    network = make_network(settings.init, context.shape[1], settings.seed).to(torch_device(settings.device))
    if settings.init == "random":
        network.settle(pictures.tensor(place[place >= 0][:_SETTLE]))
    optimiser = _optimiser(network, settings)
    for epoch in range(1, (looks[-1] if len(looks) else 0) + 1):
        for batch in _batches(y, settings.batch_size, rng):
            shown = batch[(place[batch] >= 0) & (rng.random(len(batch)) >= settings.modality_dropout)]
            if len(shown) < 2:
                continue
            seen = _dropped(context[shown], learners.blocks, settings.modality_dropout, rng)
            g = network(pictures.training(place[shown], rng), _tensor(seen, network), settings.stages)
            g = g - g.mean()  # an absent image counts as an average one
            eta = learners.table_part[batch].copy()
            eta[np.isin(batch, shown)] += g.detach().cpu().numpy().astype(np.float64)
            loss = make_loss(y[batch])
            down = loss.gradient(eta)[np.isin(batch, shown)] / max(loss.size, 1.0)
            optimiser.zero_grad()
            g.backward(_tensor(down, network))
            torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.grad is not None], _LONGEST)
            optimiser.step()
        if epoch in looks:
            yield epoch, network


@torch.no_grad()
def image_scores(
    network: ConditionedNetwork, pictures: Pictures, rows: IntArray, context: FloatArray, stages: int
) -> FloatArray:
    """Return g of some pictures (by number), one context each, shape (len(rows),)."""
    parts = [
        network(pictures.clean(rows[s : s + _CHUNK]), _tensor(context[s : s + _CHUNK], network), stages)
        for s in range(0, len(rows), _CHUNK)
    ]
    return torch.cat(parts).cpu().numpy().astype(np.float64) if parts else np.zeros(0)


def _tensor(values: FloatArray, network: ConditionedNetwork) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(network.weights.weight.device)


def _optimiser(network: ConditionedNetwork, settings: TrainingSettings) -> torch.optim.Optimizer:
    for name in ("fine", "middle")[: settings.stages]:
        getattr(network.encoder, name).requires_grad_(requires_grad=False)
    slow = [p for p in network.encoder.parameters() if p.requires_grad]
    quick = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
    groups = [
        # towards zero only what starts there: the encoder's weights have a meaning
        {"params": slow, "lr": settings.learning_rate, "weight_decay": 0.0},
        {"params": quick, "lr": settings.learning_rate * _HEAD, "weight_decay": settings.weight_decay},
    ]
    return torch.optim.AdamW(groups)


def _batches(y: Outcome, size: int, rng: np.random.Generator) -> list[IntArray]:
    """Deal patients to batches of about `size`, each with its share of events (or responders)."""
    happened = y.event if y.kind == "survival" else y.value == 1.0
    rare = int(happened.sum()) if y.kind == "survival" else int(min(happened.sum(), (~happened).sum()))
    count = max(1, min(round(len(y) / size), rare // _EVENTS_PER_BATCH))
    order = np.concatenate([rng.permutation(np.flatnonzero(happened == flag)) for flag in (True, False)])
    return [np.sort(order[i::count]) for i in range(count)]


def _dropped(context: FloatArray, blocks: IntArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Return contexts in which some blocks look absent, their flags included."""
    if not len(blocks):
        return context
    keep = rng.random((len(context), int(blocks.max()) + 1)) >= share
    return context * keep[:, blocks]
