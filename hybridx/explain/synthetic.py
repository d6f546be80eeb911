"""Patients put together from others: each modality, or each column of one, from a patient or from the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.errors import ExplanationError
from hybridx.explain.modality_sum import modality_sum
from hybridx.fusion import FusionModel

__all__ = ["Substitution"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

_BACKGROUND = 30  # patients that "average" is taken over
_COMPLETE = 10  # of them that must have all of a pattern, before modalities are taken from different patients
_CHUNK = 20_000  # rows of one call of the model


class Substitution:
    """A model's predictions of patients put together from `frame` (rows 0 to n - 1) and `reference` (the rows after).

    Parameters
    ----------
    model : FusionModel
        Fitted.
    frame, reference : polars.DataFrame
        Patients to explain and background patients.

    Attributes
    ----------
    players : list of list of str
        The columns of each of the model's modalities that change hands, a picture's reference being one of them.
    chunk : int
        Rows of one call of the model.
    """

    chunk = _CHUNK

    def __init__(self, model: FusionModel, frame: pl.DataFrame, reference: pl.DataFrame) -> None:
        self.model = model
        self.modalities = list(model.modalities_)
        self.players = [_players(model, m, frame) for m in self.modalities]
        self._n = frame.height
        self._measured = np.vstack([model.measured(frame), model.measured(reference)])
        self._images = {c for players in self.players for c in players if c.endswith(".image")}
        # a whole block is gathered at once: a model's call should not wait for a hundred columns one by one
        self._numeric = [
            [(j, c) for j, c in enumerate(players) if c not in self._images] for players in self.players
        ]
        names = [[c for _, c in numeric] for numeric in self._numeric]
        self._numbers = [np.vstack([_numbers(frame, own), _numbers(reference, own)]) for own in names]
        self._blocks = [
            pl.DataFrame(numbers, schema=dict.fromkeys(own, pl.Float64), orient="row")
            .fill_nan(None)
            .with_columns(_series(frame, reference, c) for c in players if c in self._images)
            .select(players)
            for numbers, own, players in zip(self._numbers, names, self.players, strict=True)
        ]
        # centre and the like: a model may read them, and they stay the patient's own
        plain = [c for c in frame.columns if "." not in c and c != "patient_id" and c in reference.columns]
        self._carried = pl.DataFrame([_series(frame, reference, c) for c in plain])
        self._sum = modality_sum(model, frame, reference)

    def background(self, pattern: BoolArray, rows: IntArray) -> IntArray:
        """Return background patients for a pattern: a row per patient, a column per measured modality, as row numbers.

        Parameters
        ----------
        pattern : array of bool, shape (m,)
            Modalities measured.
        rows : array of int
            Patients to explain; they lend a modality that nobody in the background has.
        """
        there = self._measured[self._n :]
        complete = self._n + np.flatnonzero(there[:, pattern].all(axis=1))
        present = np.flatnonzero(pattern)
        if len(complete) >= min(_COMPLETE, len(there)):
            return np.repeat(_evenly(complete, _BACKGROUND)[:, None], len(present), axis=1)
        rng = np.random.default_rng(len(there))
        columns = []
        for m in present:
            have = self._n + np.flatnonzero(there[:, m])
            have = have if len(have) else rows
            columns.append(rng.permutation(np.resize(_evenly(have, _BACKGROUND), _BACKGROUND)))
        return np.column_stack(columns)

    def predict(
        self,
        source: IntArray,
        carrier: IntArray,
        pattern: BoolArray,
        inner: tuple[int, IntArray] | None = None,
    ) -> FloatArray:
        """Return the model's prediction of R patients put together, shape (R,) or, where it is a vector, (R, ...).

        Parameters
        ----------
        source : array of int, shape (R, k)
            Row that each measured modality comes from.
        carrier : array of int, shape (R,)
            Row that everything without a modality comes from.
        pattern : array of bool, shape (m,)
            Modalities measured.
        inner : (int, array of int of shape (R, p)), optional
            One measured modality (its place in `source`) whose columns come from rows of their own.
        """
        found = []
        for start in range(0, len(source), self.chunk):
            part = slice(start, start + self.chunk)
            columns = None if inner is None else (inner[0], inner[1][part])
            found.append(self._predict(source[part], carrier[part], pattern, columns))
        result = np.concatenate(found) if found else np.empty(0)
        if np.isnan(result).any():
            msg = (
                f"{type(self.model).__name__} gives no prediction for a patient put together from two, so it cannot be "
                "explained."
            )
            raise ExplanationError(msg)
        return result

    def _predict(
        self,
        source: IntArray,
        carrier: IntArray,
        pattern: BoolArray,
        inner: tuple[int, IntArray] | None,
    ) -> FloatArray:
        if self._sum is None:
            return np.asarray(self.model.linear_predictor(self.table(source, carrier, pattern, inner)))
        present, instead = np.flatnonzero(pattern), None
        if inner is not None:
            m = int(present[inner[0]])
            alone = np.arange(len(pattern)) == m
            mixed = self.table(source[:, [inner[0]]], carrier, alone, (0, inner[1]))
            instead = (inner[0], self._sum.ask(mixed)[:, m])
        return self._sum.predict(source, present, instead)

    def table(
        self,
        source: IntArray,
        carrier: IntArray,
        pattern: BoolArray,
        inner: tuple[int, IntArray] | None = None,
    ) -> pl.DataFrame:
        """Return the patients put together, as `predict` hands them to the model."""
        columns = [self._carried[carrier]] if self._carried.width else []
        present = np.flatnonzero(pattern).tolist()
        for m, modality in enumerate(self.modalities):
            columns.append(pl.DataFrame({f"{modality}.measured": np.full(len(source), pattern[m])}))
            if not pattern[m]:
                columns.append(self._blocks[m].clear(len(source)))
                continue
            i = present.index(m)
            if inner is None or inner[0] != i:
                columns.append(self._blocks[m][source[:, i]])
            else:
                columns.append(self._mixed(m, inner[1]))
        return pl.concat(columns, how="horizontal")

    def _mixed(self, m: int, rows: IntArray) -> pl.DataFrame:
        """Return the columns of one modality, each from rows of its own, (R, p)."""
        block, numeric = self._blocks[m], self._numeric[m]
        numbers = self._numbers[m][rows[:, [j for j, _ in numeric]], np.arange(len(numeric))]
        made = pl.DataFrame(numbers, schema=dict.fromkeys((c for _, c in numeric), pl.Float64), orient="row")
        pictures = {c: block[c][rows[:, j]] for j, c in enumerate(block.columns) if c in self._images}
        return made.fill_nan(None).with_columns(**pictures).select(block.columns)


def _players(model: FusionModel, modality: str, frame: pl.DataFrame) -> list[str]:
    names, image = list(model.columns_[modality]), f"{modality}.image"
    reads = getattr(model, "needs_images", False) and image in frame.columns
    return [*names, image] if (reads or not names) and image not in names else names


def _numbers(frame: pl.DataFrame, columns: list[str]) -> FloatArray:
    there = [i for i, c in enumerate(columns) if c in frame.columns]
    result = np.full((frame.height, len(columns)), np.nan)
    result[:, there] = to_matrix(frame, [columns[i] for i in there])
    return result


def _series(frame: pl.DataFrame, reference: pl.DataFrame, column: str) -> pl.Series:
    found = [table[column] for table in (frame, reference) if column in table.columns]
    dtype = found[0].dtype if found else pl.String
    whole = [
        table[column].cast(dtype)
        if column in table.columns
        else pl.Series([None], dtype=dtype).new_from_index(0, table.height)
        for table in (frame, reference)
    ]
    return pl.concat([series.alias(column) for series in whole])


def _evenly(rows: IntArray, most: int) -> IntArray:
    # evenly spaced: the same ones each time, and none at random
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)])
