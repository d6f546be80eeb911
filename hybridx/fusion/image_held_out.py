"""What held-out patients say: the tables' part and the image's part of each patient from fits that did not see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import minimize_scalar
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.fusion.image_context import TableContext
from hybridx.fusion.image_network import ConditionedNetwork
from hybridx.fusion.image_training import Learners, Pictures, TrainingSettings, image_scores, trained
from hybridx.fusion.late import LateFusion
from hybridx.models.losses import make_loss

__all__ = ["Choice", "Training", "choose", "held_out_images", "held_out_tables"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

_CLEAR = 1.0  # log-likelihood that the image must gain on held-out patients before it is used at all
_LOUDEST = 2.0  # largest weight of the image: held-out patients turn it down, to 0 if need be, or up a little


@dataclass(frozen=True, eq=False)
class Training:
    """The n training patients.

    Parameters
    ----------
    frame, y : table and Outcome
        In canonical order.
    columns : dict of str to list of str
        Blocks that condition the image, with their columns.
    measured : array of bool, shape (n, m)
        Who has which of them.
    place : array of int, shape (n,)
        Number of each patient's picture, -1 without one.
    table_part : array, shape (n,)
        Held-out linear predictor of the tables.
    """

    frame: pl.DataFrame
    y: Outcome
    columns: dict[str, list[str]]
    measured: BoolArray
    place: IntArray
    table_part: FloatArray

    def rows(self, index: IntArray) -> Self:
        """Return some of them."""
        return replace(
            self,
            frame=self.frame[index],
            y=self.y[index],
            measured=self.measured[index],
            place=self.place[index],
            table_part=self.table_part[index],
        )

    def context(self) -> TableContext:
        """Learn how their tables become context."""
        return TableContext.fit(self.frame, self.columns, self.measured)

    def described(self, context: TableContext) -> FloatArray:
        """Return their contexts, shape (n, c)."""
        return context.transform(self.frame, dict(zip(self.columns, self.measured.T, strict=True)))

    def learners(self, context: TableContext) -> Learners:
        """Return them as the network takes them."""
        return Learners(self.described(context), context.of_blocks(), self.table_part, self.y, self.place)

    def scores(
        self, network: ConditionedNetwork, context: TableContext, pictures: Pictures, stages: int
    ) -> FloatArray:
        """Return g of those with a picture, in their order."""
        seen = np.flatnonzero(self.place >= 0)
        return image_scores(network, pictures, self.place[seen], self.described(context)[seen], stages)


def held_out_tables(model: LateFusion, frame: pl.DataFrame, y: Outcome, folds: IntArray) -> FloatArray:
    """Return the tables' linear predictor of each patient from a fit that did not see them, shape (n,).

    For survival relative to the mean of that fit's patients: a log-hazard has no zero of its own. A patient without
    tables counts as average.
    """
    found = np.zeros(len(y))
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fitted = clone(model).fit(frame[train], y[train])
        middle = np.nanmean(fitted.linear_predictor(frame[train])) if y.kind == "survival" else 0.0
        predicted = fitted.linear_predictor(frame[test]) - middle
        found[test] = np.where(np.isnan(predicted), float(fitted.intercept_), predicted)
    return found


def held_out_images(
    training: Training, folds: IntArray, pictures: Pictures, looks: Sequence[int], settings: TrainingSettings
) -> dict[int, FloatArray]:
    """Return, for each epoch looked at, g of each patient from a network that did not see them, shape (n,).

    Relative to the mean of that network's training patients; 0 without a picture.
    """
    found = {epoch: np.zeros(len(training.y)) for epoch in looks}
    for fold in np.unique(folds):
        train = training.rows(np.flatnonzero(folds != fold))
        where = np.flatnonzero((folds == fold) & (training.place >= 0))
        test, context = training.rows(where), train.context()
        for epoch, network in trained(train.learners(context), pictures, looks, settings):
            middle = train.scores(network, context, pictures, settings.stages).mean()
            found[epoch][where] = test.scores(network, context, pictures, settings.stages) - middle
    return found


@dataclass(frozen=True)
class Choice:
    """Epoch at which to stop, weight of the image, and the log-likelihood that it gains on held-out patients."""

    epoch: int
    weight: float
    gain: float


def choose(held_out: Mapping[int, FloatArray], table_part: FloatArray, y: Outcome) -> Choice:
    """Choose epoch and weight by held-out likelihood; epoch 0 and weight 0 where nothing is gained clearly."""
    loss = make_loss(y)
    without = loss.value(table_part)
    best = Choice(0, 0.0, 0.0)
    for epoch, image in held_out.items():
        if not image.any():
            continue
        found = minimize_scalar(
            lambda w, image=image: loss.value(table_part + w * image),
            bounds=(0.0, _LOUDEST),
            method="bounded",
        )
        gain = without - float(found.fun)
        if gain > best.gain and gain >= _CLEAR:
            best = Choice(epoch, float(found.x), gain)
    return best
