"""Would more patients help: the held-out score of a model against the number of patients it was trained on.

In each fold of a design the test part stays as it is, and the model is fitted anew on growing parts of the training
part, each holding the one before, drawn so that the share of events stays. What comes next is read off an inverse power
law; see `hybridx.evaluate.learning_ahead`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.compute.tasks import map_tasks
from hybridx.errors import HybridxError, InputError
from hybridx.evaluate.cuts import Cut, run_cut
from hybridx.evaluate.designs import Design, NestedCV, Split
from hybridx.evaluate.folds import FoldResult, FoldTask
from hybridx.evaluate.frames import panel_of_folds
from hybridx.evaluate.horizon import times_of
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.learning_ahead import continued, verdict_of
from hybridx.evaluate.max_t import stretched
from hybridx.evaluate.metric import Metric, Moment
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.plan import models_to_run
from hybridx.evaluate.registry import measure, metric_named, metrics_of
from hybridx.evaluate.training_noise import training_of
from hybridx.fusion.image_need import wants_images
from hybridx.terms.text import listing

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["LearningCurve", "learning_curve"]

_TABLE: dict[str, Any] = {
    "share": pl.Float64, "n_train": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "n": pl.Int64, "failed": pl.Int64, "method": pl.String,
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve:
    """A held-out score against training size, and where it is heading.

    Parameters
    ----------
    metric : Metric
    table : polars.DataFrame
        `share` of the training part, `n_train` (mean), `value`, `low`, `high`, `n` (patients scored), `failed`
        (folds in which the model could not be fitted), `method`.
    extrapolated : polars.DataFrame
        `n_train`, `value`, `low`, `high`: the power law, from the smallest part to three times the largest; `gain`,
        `gain_low`, `gain_high`: the difference to the largest part.
    title : str
    verdict : str
        One sentence on whether more patients would help.
    """

    metric: Metric
    table: pl.DataFrame
    extrapolated: pl.DataFrame
    title: str
    verdict: str

    def figure(self) -> go.Figure:
        """Draw scores with intervals and the continuation with its band."""
        from hybridx.evaluate.figures_modalities import learning_curve_figure  # noqa: PLC0415 - plotly on demand

        return learning_curve_figure(self)

    def __repr__(self) -> str:
        lines = [f"LearningCurve({self.title})"]
        for row in self.table.iter_rows(named=True):
            value = "undefined" if row["value"] is None else f"{row['value']:.3f}"
            interval = "" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})"
            lines.append(f"  trained on {row['n_train']:>6.0f}: {value}{interval}")
        return "\n".join([*lines, f"  {self.verdict}"])

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only where something is shown

        return f"<pre>{escape(repr(self))}</pre>"


def learning_curve(
    model: Any,
    cohort: Cohort,
    endpoint: str,
    shares: Sequence[float] = (0.3, 0.5, 0.7, 0.85, 1.0),
    *,
    repeats: int = 2,
    design: Design | None = None,
    metric: str | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    workers: int | None = None,
    progress: bool = True,
) -> LearningCurve:
    """Say how a model's held-out score grows with the number of training patients, and where it is heading.

    Parameters
    ----------
    model : estimator
        Unfitted; fitted anew on every part, tuning included.
    cohort : Cohort
    endpoint : str
    shares : sequence of float in (0, 1]
        Of each training part; three or more for a continuation.
    repeats : int
        Of the default design, ``NestedCV(folds=5, repeats=repeats)``.
    design : Design, optional
        In place of it.
    metric : str, optional
        Default the headline metric.
    resamples, level, workers, progress
        As in `evaluate`.

    Raises
    ------
    InputError
        A share is impossible.
    NotEnoughDataError
        Too few patients or events for the design.

    Examples
    --------
    >>> hx.evaluate.learning_curve(hx.fusion.KernelFusion(), cohort, "OS").figure()  # doctest: +SKIP
    """
    parts = sorted(set(shares))
    if not parts or not all(0 < share <= 1 for share in parts):
        msg = (
            f"shares={listing(shares)}: wanted shares of the training part in (0, 1], such as (0.3, 0.6, 1)."
        )
        raise InputError(msg)
    cohort = cohort.at(cohort.landmark_day) if cohort.measured_after(cohort.landmark_day) else cohort
    y = cohort.outcomes(endpoint)
    asked = metrics_of(y.kind)[0] if metric is None else metric_named(metric, y.kind)
    design = NestedCV(repeats=repeats) if design is None else design
    splits = [split for split in design.splits(cohort, y) if len(split.test)]
    moment, times, _ = times_of(y[y.known])
    (entry,), _ = models_to_run({"model": model}, cohort, y.kind, baselines=False)
    table = cohort.frame(images=wants_images(model))
    grown = [[_part_of(split, share, y, cohort) for split in splits] for share in parts]
    cuts = [
        Cut(
            table,
            split.train,
            split.test,
            FoldTask(
                split.repeat, split.fold, table.head(0), y[split.train], table.head(0), (entry,), y.kind, times,
                "model",
            ),
        )
        for row in grown
        for split in row
    ]  # fmt: skip
    done = map_tasks(
        run_cut, cuts, workers=workers, description=f"Learning curve of {endpoint}", progress=progress
    )
    panels, counts, failed = [], [], []
    for k, row in enumerate(grown):
        results = [_value(task) for task in done[k * len(row) : (k + 1) * len(row)]]
        panels.append(panel_of_folds(cohort.patients, y, row, results, name="model", times=times))
        counts.append(float(np.mean([len(split.train) for split in row])))
        failed.append(sum(bool(result.predictions["model"].failure) for result in results))
    seed = int(getattr(design, "seed", 0))
    scored = Resamples(panels[0].n, resamples, seed, level)
    return _curve(asked, panels, (parts, counts, failed), moment, scored)


def _value(task: Any) -> FoldResult:
    if not task.ok:
        msg = f"A fold could not be run: {task.error}"
        raise HybridxError(msg)
    result: FoldResult = task.value
    return result


def _part_of(split: Split, share: float, y: Outcome, cohort: Cohort) -> Split:
    """Return the split with a share of its training part, events in proportion; a larger share holds the smaller."""
    if share == 1.0:
        return split
    ids = np.array([cohort.patients[i] for i in split.train], dtype=object)
    by_id = split.train[np.argsort(ids, kind="stable")]  # the order of rows changes nothing
    rng = np.random.default_rng((split.repeat, split.fold, 0x1EA2))
    by_lot = by_id[rng.permutation(len(by_id))]
    happened = _stratum(y)[by_lot]
    kept = []
    for stratum in np.unique(happened):
        members = by_lot[happened == stratum]
        kept.append(members[: max(1, round(share * len(members)))])
    chosen = np.isin(split.train, np.concatenate(kept))
    return replace(split, train=split.train[chosen])


def _stratum(y: Outcome) -> npt.NDArray[Any]:
    if y.kind == "survival":
        return y.event
    return np.zeros(len(y)) if y.kind == "continuous" else y.value


def _curve(
    metric: Metric,
    panels: list[Panel],
    parts: tuple[list[float], list[float], list[int]],
    moment: Moment,
    resamples: Resamples,
) -> LearningCurve:
    rows, draws = [], []
    title = f"{panels[0].outcome.endpoint}: {metric.title}"
    for panel, share, count, failures in zip(panels, *parts, strict=True):
        e = measure(metric, panel, moment, resamples)
        rows.append((share, count, e.value, e.low, e.high, e.n, failures, e.method))
        keep = panel.predicted
        weights = resamples.counts[:, keep].astype(np.float64)
        part = panel.rows(keep)
        drawn = np.full(resamples.count, np.nan)
        if not np.isnan(e.value):
            training = training_of(metric, [part], moment)
            drawn = stretched(partial(_values, metric, part, moment), weights, training)
        draws.append(drawn)
    table = pl.DataFrame(rows, schema=_TABLE, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
    size = np.array(parts[1])
    found = np.array([np.nan if row[2] is None else row[2] for row in rows], dtype=np.float64)
    ahead = continued(metric, size, found, np.array(draws), resamples.level)
    return LearningCurve(metric, table, ahead, title, verdict_of(metric, size, found, ahead))


def _values(metric: Metric, panel: Panel, moment: Moment, weights: FloatArray) -> FloatArray:
    return metric.values(panel, weights, moment)
