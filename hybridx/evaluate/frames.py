"""Out-of-fold predictions as a table, and the table as arrays again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.designs import Split
from hybridx.evaluate.folds import FoldResult
from hybridx.evaluate.kinds import KINDS, truth_columns
from hybridx.evaluate.panel import FloatArray, Panel

__all__ = ["apparent_frame", "panel_from_frame", "panel_of_folds", "predictions_frame"]


def predictions_frame(
    patients: Sequence[str],
    y: Outcome,
    *,
    open_rows: np.typing.NDArray[np.intp],
    splits: Sequence[Split],
    results: Sequence[FoldResult],
    names: Sequence[str],
    times: FloatArray,
) -> pl.DataFrame:
    """Return one row per model, repeat and patient whom a model predicts that never saw them.

    A patient whose outcome is unknown was in no training part; the mean over the folds of a repeat stands for them,
    with `fold` null. A patient who is not tested in a repeat has no row in it.
    """
    of_repeat: dict[int, list[tuple[Split, FoldResult]]] = {}
    for split, result in zip(splits, results, strict=True):
        if len(split.test):  # else a fit on everyone, which tests nobody
            of_repeat.setdefault(split.repeat, []).append((split, result))
    by_id = np.argsort(np.asarray(patients, dtype=object), kind="stable")
    is_open = np.isin(by_id, open_rows)
    kind = KINDS[y.kind]
    parts = []
    for name in names:
        for repeat in sorted(of_repeat):
            score, survival, fold = _assemble(name, of_repeat[repeat], open_rows, len(patients), len(times))
            order = by_id[(fold[by_id] >= 0) | is_open]
            part: dict[str, Any] = {
                "patient_id": [patients[i] for i in order],
                "model": [name] * len(order),
                "repeat": np.full(len(order), repeat),
                "fold": pl.Series(np.where(fold[order] >= 0, fold[order], -1)).replace(-1, None),
                kind.score: _with_null(score[order]),
            }
            part |= truth_columns(y, order)
            if kind.curve:
                part[kind.curve] = pl.Series(survival[order], dtype=pl.Array(pl.Float64, len(times)))
            parts.append(pl.DataFrame(part))
    return pl.concat(parts)


def _assemble(
    name: str,
    parts: Sequence[tuple[Split, FoldResult]],
    open_rows: np.typing.NDArray[np.intp],
    n: int,
    n_times: int,
) -> tuple[FloatArray, FloatArray, np.typing.NDArray[np.intp]]:
    """Return score (n,), survival (n, T) and fold (n,) of one model in one repeat, in cohort order."""
    score, survival = np.full(n, np.nan), np.full((n, n_times), np.nan)
    fold = np.full(n, -1, dtype=np.intp)
    of_open: list[tuple[FloatArray, FloatArray]] = []
    for split, result in parts:
        found = result.predictions[name]
        m = len(split.test)
        whole = np.full((len(found.score), n_times), np.nan) if found.survival is None else found.survival
        score[split.test], survival[split.test], fold[split.test] = found.score[:m], whole[:m], split.fold
        k = m + len(open_rows)
        of_open.append((found.score[m:k], whole[m:k]))
    if open_rows.size and of_open:
        # every fold's model is new to them; one that failed leaves NaN, and so does their mean
        score[open_rows] = np.mean([s for s, _ in of_open], axis=0)
        survival[open_rows] = np.mean([s for _, s in of_open], axis=0)
    return score, survival, fold


def apparent_frame(
    patients: Sequence[str],
    kind: str,
    *,
    n_open: int,
    splits: Sequence[Split],
    results: Sequence[FoldResult],
    names: Sequence[str],
    times: FloatArray,
) -> pl.DataFrame:
    """Return predictions of patients by models that were trained on them: kept apart, to measure optimism.

    Returns
    -------
    polars.DataFrame
        `patient_id`, `model`, `draw` (null: the fit on everyone), `drawn` (how often the patient is in the training
        part), the score, and where there is one the curve (see `Kind`). Empty where a design asks for none.
    """
    ids = pl.Series("patient_id", list(patients), dtype=pl.String)
    schema: dict[str, Any] = {
        "patient_id": pl.String,
        "model": pl.String,
        "draw": pl.Int64,
        "drawn": pl.Int64,
    }
    score, curve = KINDS[kind].score, KINDS[kind].curve
    schema[score] = pl.Float64
    if curve:
        schema[curve] = pl.Array(pl.Float64, len(times))
    parts: list[pl.DataFrame] = []
    for split, result in zip(splits, results, strict=True):
        start = len(split.test) + n_open
        if not len(split.seen):
            continue
        drawn = np.bincount(split.train, minlength=len(patients))[split.seen]
        for name in names:
            found = result.predictions[name]
            columns: dict[str, Any] = {
                "patient_id": ids.gather(split.seen),
                "model": [name] * len(split.seen),
                "draw": [split.repeat if len(split.test) else None] * len(split.seen),
                "drawn": drawn,
                score: _with_null(found.score[start:]),
            }
            if curve:
                nothing = np.full((len(split.seen), len(times)), np.nan)
                columns[curve] = nothing if found.survival is None else found.survival[start:]
            parts.append(pl.DataFrame(columns, schema=schema))
    return pl.concat(parts) if parts else pl.DataFrame()


def panel_from_frame(
    predictions: pl.DataFrame, model: str, y: Outcome, patients: Sequence[str], times: FloatArray
) -> Panel:
    """Return one model's predictions of the patients whose outcome is known, in the order of identifiers.

    Parameters
    ----------
    predictions : polars.DataFrame
        As `predictions_frame` makes it.
    model : str
    y : Outcome
        Known outcomes of `patients`.
    patients : sequence of str
        In the order the panel shall have.
    times : array
        Days of the `survival` column, or ranks of the levels.
    """
    rows = predictions.filter((pl.col("model") == model) & pl.col("fold").is_not_null())
    place = {patient: i for i, patient in enumerate(patients)}
    column = np.array([place[p] for p in rows["patient_id"].to_list()], dtype=np.intp)
    repeat = rows["repeat"].to_numpy()
    shape = (int(repeat.max(initial=0)) + 1, len(patients))
    fold, score = np.full(shape, -1, dtype=np.intp), np.full(shape, np.nan)
    fold[repeat, column] = rows["fold"].to_numpy()
    kind = KINDS[y.kind]
    score[repeat, column] = rows[kind.score].fill_null(float("nan")).to_numpy()
    curve = None
    if kind.curve in rows.columns:
        values = rows[kind.curve].to_numpy()
        if np.isfinite(values).any():
            curve = np.full((*shape, len(times)), np.nan)
            curve[repeat, column] = values
    if y.kind == "ordinal":
        return Panel(y, fold, score, levels=curve)
    return Panel(y, fold, score, curve, times if curve is not None else None)


def panel_of_folds(
    patients: Sequence[str],
    y: Outcome,
    splits: Sequence[Split],
    results: Sequence[FoldResult],
    *,
    name: str,
    times: FloatArray,
) -> Panel:
    """Return what folds found for one model as arrays: patients with a known outcome, in the order of identifiers."""
    nobody = np.empty(0, dtype=np.intp)
    frame = predictions_frame(
        patients, y, open_rows=nobody, splits=splits, results=results, names=[name], times=times
    )
    order = np.argsort(np.asarray(patients, dtype=object), kind="stable")
    rows = order[y.known[order]]
    return panel_from_frame(frame, name, y[rows], [patients[i] for i in rows], times)


def _with_null(values: FloatArray) -> pl.Series:
    return pl.Series(values).fill_nan(None)
