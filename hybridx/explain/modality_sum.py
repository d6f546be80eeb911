"""A linear predictor that is a sum over modalities: every coalition of modalities is a sum of terms computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["ModalitySum", "modality_sum"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class ModalitySum:
    """What each modality adds in each row, and what a sum of these is read as.

    Parameters
    ----------
    terms : array of float, shape (rows, m)
        0 where a modality is absent.
    constant : float
        The linear predictor without any term.
    link : callable
        Linear predictors (R,) to predictions, (R,) or (R, n_times).
    ask : callable
        Table to terms (R, m).
    """

    terms: FloatArray
    constant: float
    link: Callable[[FloatArray], FloatArray]
    ask: Callable[[pl.DataFrame], FloatArray]

    def predict(
        self, source: IntArray, present: IntArray, instead: tuple[int, FloatArray] | None = None
    ) -> FloatArray:
        """Return predictions of R patients put together.

        Parameters
        ----------
        source : array of int, shape (R, k)
            Row that each measured modality comes from.
        present : array of int, shape (k,)
            Which modalities these are.
        instead : (int, array of float of shape (R,)), optional
            Terms of one of the k, in place of those of the rows.
        """
        total = np.full(len(source), self.constant)
        for j, m in enumerate(present):
            total += instead[1] if instead is not None and instead[0] == j else self.terms[source[:, j], m]
        return np.asarray(self.link(total))


def modality_sum(model: Any, frame: pl.DataFrame, reference: pl.DataFrame) -> ModalitySum | None:
    """Return the sum that a model offers by `modality_terms`; None where it offers none, or the sum is not its word.

    Parameters
    ----------
    model : fusion model, or one read on another scale, which then has a `link` from its `unscaled` predictor
    frame, reference : polars.DataFrame
        Patients, whose predictions the sum is held against, and background patients.
    """
    ask, link = getattr(model, "modality_terms", None), getattr(model, "link", _as_it_is)
    if ask is None or link is None:
        return None
    here, there = ask(frame), ask(reference)
    if here is None or there is None:
        return None
    rows = np.flatnonzero(model.measured(frame).any(axis=1))
    if not len(rows):
        return None
    unscaled = getattr(model, "unscaled", model.linear_predictor)
    nothing = float(unscaled(frame[rows[:1]])[0] - here[rows[0]].sum())
    wanted, found = model.linear_predictor(frame[rows]), link(nothing + here[rows].sum(axis=1))
    if not (np.abs(found - wanted) <= _SAME * (1.0 + np.abs(wanted))).all():
        return None
    return ModalitySum(np.vstack([here, there]), nothing, link, ask)


def _as_it_is(eta: FloatArray) -> FloatArray:
    return eta
