"""Each patient's prediction by the primary model, mean over repeats, with the band of its bootstrap refits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.compute.tasks import map_tasks
from hybridx.evaluate.bands import BandTask, band_around, numbers_per_patient, refit_predictions
from hybridx.evaluate.checkpoints import bands_checkpoint
from hybridx.evaluate.folds import FoldResult
from hybridx.evaluate.hidden import hidden_bands
from hybridx.evaluate.identity import code_version, digest
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.panel import FloatArray, mean_over_repeats
from hybridx.evaluate.plan import Plan

__all__ = ["curves_frame"]

REFITS_PER_TASK = 10


def curves_frame(
    plan: Plan, results: Sequence[FoldResult], predictions: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return `Result.curves` and `Result.bands_without`, and a sentence when refits failed."""
    rows = predictions.filter(pl.col("model") == plan.primary)
    patients = sorted(plan.cohort.patients)
    kind = plan.outcome.kind
    survives = kind == "survival"
    column = "survival" if survives else KINDS[kind].score
    centre = _centre(rows, column, patients, plan.times.size if survives else 1)
    levels = _centre(rows, "levels", patients, plan.times.size) if kind == "ordinal" else None
    low, high = np.full_like(centre, np.nan), np.full_like(centre, np.nan)
    ends = None if levels is None else (np.full_like(levels, np.nan), np.full_like(levels, np.nan))
    notes: list[str] = []
    hidden = pl.DataFrame()
    if plan.bands:
        drawn, notes = _refits(plan, results)
        by_id = np.argsort(np.asarray(plan.cohort.patients, dtype=object), kind="stable")
        drawn = drawn[:, by_id]
        own = drawn[..., : centre.shape[1]]
        low, high = band_around(centre, own, probability=kind in ("survival", "response"))
        if survives:
            low, high = _falling(low, high)
        if levels is not None:
            ends = band_around(levels, drawn[..., 1 : 1 + levels.shape[1]])
        hidden = hidden_bands(plan, patients, centre, drawn)
    frame = _frame(plan, patients, {column: centre, "low": low, "high": high})
    if levels is not None and ends is not None:
        for name, part in (("levels", levels), ("levels_low", ends[0]), ("levels_high", ends[1])):
            frame = frame.with_columns(_lists(name, part))
    return frame, hidden, notes


def _centre(rows: pl.DataFrame, column: str, patients: list[str], width: int) -> FloatArray:
    """Return the mean over repeats, (n, width); NaN for who was never tested."""
    place = {patient: i for i, patient in enumerate(patients)}
    at = np.array([place[p] for p in rows["patient_id"].to_list()], dtype=np.intp)
    repeat = rows["repeat"].to_numpy()
    values = np.full((int(repeat.max()) + 1, len(patients), max(1, width)), np.nan)
    values[repeat, at] = rows[column].to_numpy().astype(np.float64).reshape(rows.height, -1)
    return mean_over_repeats(values)


def _lists(name: str, part: FloatArray) -> pl.Series:
    """Return the probabilities of the levels as a column of lists, null where nothing is told."""
    lists = [None if np.isnan(row).any() else row.tolist() for row in part]
    return pl.Series(name, lists, dtype=pl.List(pl.Float64))


def _refits(plan: Plan, results: Sequence[FoldResult]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return refitted predictions of every patient, rows in cohort order; see `refit_predictions`."""
    tasks: list[BandTask] = []
    places: list[tuple[slice, npt.NDArray[np.intp]]] = []
    for split, result in zip(plan.splits, results, strict=True):
        if split.repeat != plan.first_repeat or result.frozen is None:
            continue
        # patients without an outcome are new to every fold's model; the first fold stands for all
        rows = np.concatenate([split.test, plan.open_rows]) if split.fold == 0 else split.test
        for start in range(0, plan.bands, REFITS_PER_TASK):
            count = min(REFITS_PER_TASK, plan.bands - start)
            tasks.append(
                BandTask(
                    fold=split.fold,
                    first=start,
                    count=count,
                    X_train=plan.frame[split.train],
                    y_train=plan.outcome[split.train],
                    X_test=plan.frame[rows],
                    estimator=result.frozen,
                    kind=plan.outcome.kind,
                    times=plan.times,
                    seed=plan.seed,
                    without=plan.hidden,
                )
            )
            places.append((slice(start, start + count), rows))
    width = (1 + len(plan.hidden)) * numbers_per_patient(plan.outcome.kind, len(plan.times))
    drawn = np.full((plan.bands, len(plan.outcome), width), np.nan)
    store = bands_checkpoint(plan.checkpoint)
    done = map_tasks(
        refit_predictions,
        tasks,
        checkpoint=store,
        keys=None if store is None else [digest("bands", code_version(), task) for task in tasks],
        workers=plan.workers,
        engine=plan.engine,
        client=plan.client,
        description="Refitting for the patients' bands",
        progress=plan.progress,
    )
    failed = 0
    for (draws, rows), task in zip(places, done, strict=True):
        if task.ok:
            values, lost = task.value
            drawn[draws, rows] = values
            failed += lost
        else:
            failed += draws.stop - draws.start
    total = sum(task.count for task in tasks)
    return drawn, [
        f"{failed} of {total} bootstrap refits failed and are missing from the bands."
    ] if failed else []


def _falling(low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Make the ends of a band fall with time, as survival does; this only ever widens it."""
    return np.minimum.accumulate(low, axis=1), np.maximum.accumulate(high[:, ::-1], axis=1)[:, ::-1]


def _frame(plan: Plan, patients: list[str], parts: dict[str, FloatArray]) -> pl.DataFrame:
    times = plan.times
    if plan.outcome.kind != "survival":
        columns = {name: part[:, 0] for name, part in parts.items()}
        frame = pl.DataFrame({"patient_id": patients, **columns})
    else:
        ids = pl.Series("patient_id", patients, dtype=pl.String)
        frame = pl.DataFrame(
            {
                "patient_id": ids.gather(np.repeat(np.arange(len(patients)), times.size)),
                "time_days": np.tile(times, len(patients)),
                **{name: part.ravel() for name, part in parts.items()},
            }
        )
    frame = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame.insert_column(1, pl.lit(plan.primary).alias("model"))
