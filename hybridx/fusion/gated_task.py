"""What gated networks are trained on: patients, heads and folds, turned into batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hybridx.cohort import Outcome
from hybridx.fusion.gated_inputs import BlockInput, stack_inputs
from hybridx.fusion.gated_line import Line
from hybridx.fusion.gated_time import person_intervals
from hybridx.fusion.gated_training import Batch
from hybridx.fusion.network_losses import BatchedBernoulli, BatchedCox, BatchedLoss

__all__ = ["Task"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """Patients of a fit, those with a known main outcome first.

    Attributes
    ----------
    frame : table of n patients
    columns : dict of modality to its feature columns
    measured : array of bool (n, m)
    y : Outcome
        Main outcome of the first ``len(y)`` patients, all known.
    cuts : array (J,) or None
        Interval ends of the hazard head; None: a Cox head (or a response).
    other : Outcome or None
        The second outcome of all n patients, in part unknown.
    other_part : float
        Share of its loss.
    line : Line or None
        The line of the anchor modality.
    components : int
        See `BlockInput`.
    device : str
    """

    frame: pl.DataFrame
    columns: dict[str, list[str]]
    measured: BoolArray
    y: Outcome
    cuts: FloatArray | None
    other: Outcome | None
    other_part: float
    line: Line | None
    components: int
    device: str

    @property
    def anchor(self) -> int | None:
        """Where the anchor stands among the modalities."""
        if self.line is None:
            return None
        return list(self.columns).index(self.line.data.columns[0].partition(".")[0])

    def training_rows(self, folds: npt.NDArray[np.intp] | None) -> BoolArray:
        """Return who is trained on in each data set, (F, n); None: one data set of everyone.

        Patients of whom only the second outcome is known are trained on throughout.
        """
        n = self.frame.height
        if folds is None:
            return np.ones((1, n), dtype=bool)
        train = np.ones((len(np.unique(folds)), n), dtype=bool)
        for f, fold in enumerate(np.unique(folds)):
            train[f, : len(self.y)] = folds != fold
        return train

    def batch(self, train: BoolArray) -> tuple[Batch, list[list[BlockInput | None]]]:
        """Prepare inputs and losses for data sets with training rows (F, n)."""
        device = torch.device(self.device)
        blocks, seen, fitted = stack_inputs(self.frame, self.columns, self.measured, train, self.components)
        main_rows = train & (np.arange(self.frame.height) < len(self.y))
        losses = {"main": self._loss(self.y, self.cuts, main_rows)}
        sizes = {"main": 1 if self.cuts is None else len(self.cuts)}
        parts, start = {"main": 1.0}, {"main": self._start(self.y, self.cuts)}
        if self.other is not None:
            losses["second"] = self._loss(self.other, None, train & self.other.known)
            sizes["second"], parts["second"] = 1, self.other_part
            start["second"] = self._start(self.other[np.flatnonzero(self.other.known)], None)
        as_tensor = [torch.as_tensor(block, dtype=torch.float32, device=device) for block in blocks]
        return Batch(
            blocks=as_tensor,
            measured=torch.as_tensor(seen, device=device),
            losses=losses,
            sizes=sizes,
            parts=parts,
            start=start,
        ), fitted

    def _loss(self, y: Outcome, cuts: FloatArray | None, train: BoolArray) -> BatchedLoss:
        n, device = train.shape[1], torch.device(self.device)
        pad = n - len(y)  # patients without this outcome stand at the end and are in no training set of it
        if y.kind == "survival":
            time = np.pad(np.nan_to_num(y.time_days, nan=1.0), (0, pad), constant_values=1.0)
            event = np.pad(y.event, (0, pad))
            entry = None if y.entry_days is None else np.pad(y.entry_days, (0, pad), constant_values=np.nan)
            if cuts is None:
                late = None if entry is None or not np.nan_to_num(entry).any() else entry
                return BatchedCox(time, event, train, device, late)
            happened, exposed = person_intervals(cuts, time, event, entry)
            return BatchedBernoulli(happened, exposed, train, (train & event).sum(axis=1), device)
        value = np.pad(np.nan_to_num(y.value), (0, pad))[:, None]
        rare = np.minimum((train * value[:, 0]).sum(axis=1), (train * (1 - value[:, 0])).sum(axis=1))
        return BatchedBernoulli(value, np.ones_like(value), train, rare, device)

    def _start(self, y: Outcome, cuts: FloatArray | None) -> FloatArray:
        """Return the intercepts of a network that knows nothing of the patients."""
        if y.kind == "survival":
            if cuts is None:
                return np.zeros(1)
            happened, exposed = person_intervals(cuts, y.time_days, y.event, y.entry_days)
            share = (happened.sum(axis=0) + 0.5) / (exposed.sum(axis=0) + 1.0)
        else:
            share = np.array([(y.value.sum() + 0.5) / (len(y) + 1.0)])
        share = np.clip(share, 1e-3, 1.0 - 1e-3)
        return np.log(share / (1.0 - share))
