"""The missing-modality stress test: how good the same models stay when test patients lose a modality.

In each fold the fitted primary model predicts its test patients once as they are and once without each modality; a
patient's prediction depends on their own data only, so every mixture of the two is what the model would have said. Who
loses the modality is drawn at random (a fixed seed; another draw for each of at least ten repeats), the same patients
and more as the share grows. A patient who had nothing else is left without a prediction, and is counted, not scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.added_average import has_modality
from hybridx.evaluate.compare import paired_difference
from hybridx.evaluate.frames import panel_from_frame
from hybridx.evaluate.metric import Metric
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import measure, metric_named
from hybridx.terms.text import listing

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from hybridx.evaluate.result import Result

__all__ = ["StressTest", "stress_test_of"]

LEAST_DRAWS = 10

_ROWS: dict[str, Any] = {
    "modality": pl.String, "share": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "change": pl.Float64, "change_low": pl.Float64, "change_high": pl.Float64, "n": pl.Int64, "n_lost": pl.Int64,
    "n_left_with_nothing": pl.Float64, "method": pl.String,
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class StressTest:
    """How a model's score falls as patients lose a modality.

    Parameters
    ----------
    metric : Metric
    table : polars.DataFrame
        `modality`, `share` (of the patients who have it, who lose it), `value`, `low`, `high`, `change` against nobody
        losing it with `change_low`, `change_high` (paired, the patients who still have a prediction), `n`, `n_lost`,
        `n_left_with_nothing` (mean over draws), `method`.
    title : str
    note : str
        What the figures cannot say.
    """

    metric: Metric
    table: pl.DataFrame
    title: str
    note: str

    def figure(self) -> go.Figure:
        """Draw the score against the share of patients who lose each modality."""
        from hybridx.evaluate.figures_modalities import stress_figure  # noqa: PLC0415 - plotly on demand

        return stress_figure(self)

    def __repr__(self) -> str:
        """Say where each modality's curve begins and ends; `table` has what lies between."""
        lines = [f"StressTest({self.title})"]
        for (modality,), curve in self.table.group_by("modality", maintain_order=True):
            steps = [_step(row) for row in curve.sort("share").iter_rows(named=True)]
            lines.append(f"  {modality!s:<16} {' -> '.join(dict.fromkeys((steps[0], steps[-1])))}")
        return "\n".join([*lines, f"  - {self.note}"])

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only where something is shown

        table = self.table.drop("method")._repr_html_()
        return f"<div><p><b>{escape(self.title)}</b></p>{table}<p>{escape(self.note)}</p></div>"


def _step(row: dict[str, Any]) -> str:
    value = "undefined" if row["value"] is None else f"{row['value']:.3f}"
    low, high = row["low"], row["high"]
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"lost by {100 * row['share']:.0f} %: {value}{interval}"


def stress_test_of(result: Result, shares: Sequence[float], metric: str) -> StressTest:
    """Return the stress test of a result; see `Result.stress_test`.

    Raises
    ------
    InputError
        The result has no predictions without a modality, or a share is outside [0, 1].
    """
    asked = metric_named(metric, result.kind)
    frame = result.predictions_without
    if not frame.height:
        msg = "The result has no predictions without a modality. Evaluate again with `evaluate(..., stress=True)`."
        raise InputError(msg)
    wrong = [share for share in shares if not 0 <= share <= 1]
    if wrong or not len(shares):
        msg = f"shares={listing(wrong or ['none given'])}: wanted shares of patients in [0, 1], such as (0, 0.5, 1)."
        raise InputError(msg)
    whole = result.panel(result.primary)
    draws = -(-LEAST_DRAWS // whole.fold.shape[0])
    rows: list[tuple[Any, ...]] = []
    for number, modality in enumerate(frame["without"].unique(maintain_order=True).to_list()):
        bare = _panel_without(result, modality)
        place = _places(result, modality, whole.fold.shape[0] * draws, number)
        rows += [
            (modality, share, *_scored(result, asked, modality, (whole, bare), place <= share))
            for share in sorted(set(shares))
        ]
    table = pl.DataFrame(rows, schema=_ROWS, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))
    better = "higher" if asked.best == "high" else "lower"
    note = (
        f"{asked.title}: {better} is better. Modalities are lost at random, by those who have them; in practice it is "
        "seldom chance who lacks a scan. Patients left with nothing have no prediction and are not scored."
    )
    title = f"{result.endpoint}: {result.primary} when patients lose a modality, {asked.title}"
    return StressTest(asked, table, title, note)


def _panel_without(result: Result, modality: str) -> Panel:
    rows = result.predictions_without.filter(pl.col("without") == modality).rename({"without": "model"})
    times = np.asarray(result.times_days, dtype=np.float64)
    return panel_from_frame(rows, modality, result.outcome, result.scored_patients, times)


def _places(result: Result, modality: str, repeats: int, number: int) -> np.typing.NDArray[np.float64]:
    """Return for each draw and patient when they lose the modality, as a share; above 1: they do not have it."""
    has = has_modality(result, modality)
    rng = np.random.default_rng((result.seed, number, 0x57E55))
    place = np.full((repeats, len(has)), 2.0)
    count = int(has.sum())
    for row in place:
        row[has] = (rng.permutation(count) + 0.5) / max(count, 1)
    return place


def _scored(
    result: Result,
    metric: Metric,
    modality: str,
    panels: tuple[Panel, Panel],
    loses: np.typing.NDArray[np.bool_],
) -> tuple[Any, ...]:
    """Return a row of the table from value on; `loses` says who loses the modality in each draw, (draws, n)."""
    whole, bare = panels
    if (loses == loses[0]).all():  # nothing to draw: everyone, or nobody
        loses = loses[: whole.fold.shape[0]]
    draws = len(loses)
    before = _repeated(whole, draws)
    after = _mixed(before, _repeated(bare, draws), loses)
    resamples = result._resamples  # noqa: SLF001 - shared with every other interval of the result
    e = measure(metric, after, result.moment, resamples)
    names = (f"without {modality}", result.primary)
    d = paired_difference(metric, (after, before), names, result.moment, resamples)
    nothing = float((before.valid & ~after.valid).sum(axis=1).mean())
    lost = int(loses[0].sum())
    return (e.value, e.low, e.high, d.value, d.low, d.high, e.n, lost, nothing, e.method)


def _repeated(panel: Panel, draws: int) -> Panel:
    """Return the panel with its repeats over and over, `draws` in all."""
    rows = np.arange(draws) % panel.fold.shape[0]
    survival = None if panel.survival is None else panel.survival[rows]
    return replace(panel, fold=panel.fold[rows], score=panel.score[rows], survival=survival)


def _mixed(whole: Panel, bare: Panel, loses: np.typing.NDArray[np.bool_]) -> Panel:
    survival = None
    if whole.survival is not None and bare.survival is not None:
        survival = np.where(loses[:, :, None], bare.survival, whole.survival)
    return replace(whole, score=np.where(loses, bare.score, whole.score), survival=survival)
