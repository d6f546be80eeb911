"""Decision curves of a result: net benefit of every model over thresholds, beside treating all and treating none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.decisions import LEVEL, net_benefit_values, treat_all_values
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.terms.text import check_name, listing

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["DEFAULT_THRESHOLDS", "TREAT_ALL", "TREAT_NONE", "check_thresholds", "decision_table"]

TREAT_ALL, TREAT_NONE = "treat all", "treat none"
DEFAULT_THRESHOLDS = tuple(round(0.01 * k, 2) for k in range(1, 100))
CURVE_RESAMPLES = 500  # of the shared ones: a curve's band is drawn at a hundred points, not quoted

_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "threshold": pl.Float64,
    "net_benefit": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "gain": pl.Float64,
    "gain_low": pl.Float64,
    "gain_high": pl.Float64,
    "flagged": pl.Float64,
    "n": pl.Int64,
}


def check_thresholds(thresholds: Sequence[float] | None) -> FloatArray:
    """Return thresholds, rising, each once.

    Raises
    ------
    InputError
        One lies outside (0, 1).
    """
    cuts = np.unique(np.asarray(DEFAULT_THRESHOLDS if thresholds is None else thresholds, dtype=np.float64))
    if not cuts.size or not ((cuts > 0) & (cuts < 1)).all():
        outside = cuts[~((cuts > 0) & (cuts < 1))]
        found = listing(f"{value:g}" for value in outside) if outside.size else "none"
        msg = f"thresholds are probabilities above 0 and below 1, such as (0.1, 0.2, 0.3); got {found}."
        raise InputError(msg)
    return cuts


def decision_table(
    result: Result, models: Sequence[str] | None, thresholds: Sequence[float] | None
) -> pl.DataFrame:
    """Return one row per model and threshold; see `Result.decision_curve`."""
    if result.kind not in ("survival", "response"):
        msg = f"{result.endpoint!r} is a {result.kind} endpoint: a decision curve needs one probability per patient."
        raise InputError(msg)
    cuts = check_thresholds(thresholds)
    names = [n for n in result.models if result.roles[n] != "reference"] if models is None else list(models)
    panels = {check_name(name, result.models, "model"): result.panel(name) for name in names}
    parts = [
        _rows_of(result, name, panel, cuts)
        for name, panel in panels.items()
        if result.kind == "response" or panel.survival is not None
    ]
    scored = np.asarray(np.any([panel.predicted for panel in panels.values()], axis=0))
    widest = max(panels.values(), key=lambda panel: int(panel.predicted.sum()))
    return pl.concat(
        [*parts, _treat_all(result, widest.rows(scored), cuts, scored), _treat_none(cuts, int(scored.sum()))]
    )


def _rows_of(result: Result, name: str, panel: Panel, cuts: FloatArray) -> pl.DataFrame:
    keep = panel.predicted
    part, at = panel.rows(keep), result.horizon_days
    weights = _weights(result, keep)
    values = net_benefit_values(part, weights, at, cuts)
    # against the better of the two strategies that need no model, found anew in each resample
    gain = values - np.maximum(treat_all_values(part, weights, at, cuts), 0.0)
    low, high = _ends(values, result.level)
    gain_low, gain_high = _ends(gain, result.level)
    return _frame(
        name, cuts, part.n, values[0], low, high, _flagged(part, at, cuts), gain[0], gain_low, gain_high
    )


def _treat_all(
    result: Result, panel: Panel, cuts: FloatArray, keep: np.typing.NDArray[np.bool_]
) -> pl.DataFrame:
    values = treat_all_values(panel, _weights(result, keep), result.horizon_days, cuts)
    nothing = np.full(len(cuts), np.nan)
    low, high = _ends(values, result.level)
    return _frame(
        TREAT_ALL, cuts, panel.n, values[0], low, high, np.ones(len(cuts)), nothing, nothing, nothing
    )


def _treat_none(cuts: FloatArray, n: int) -> pl.DataFrame:
    zero, nothing = np.zeros(len(cuts)), np.full(len(cuts), np.nan)
    return _frame(TREAT_NONE, cuts, n, zero, zero, zero, zero, nothing, nothing, nothing)


def _weights(result: Result, keep: np.typing.NDArray[np.bool_]) -> FloatArray:
    """Return the patients as they are, then the shared resamples of them."""
    drawn = result._resamples.counts[:CURVE_RESAMPLES, keep].astype(np.float64)  # noqa: SLF001 - one table, one result
    return np.concatenate([np.ones((1, int(keep.sum()))), drawn])


def _ends(values: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval at each threshold, NaN where a twentieth of the resamples has no value."""
    drawn = values[1:]
    defined = np.isfinite(drawn).mean(axis=0) >= 0.95
    tails = [50 - 50 * level, 50 + 50 * level]
    ends = np.full((2, values.shape[1]), np.nan)
    if defined.any():
        ends[:, defined] = np.nanpercentile(drawn[:, defined], tails, axis=0)
    return ends[0], ends[1]


def _flagged(panel: Panel, time_days: float | None, cuts: FloatArray) -> FloatArray:
    """Return the share of patients at or above each threshold, mean over repeats."""
    probability = panel.score if time_days is None else 1.0 - panel.survival_at(time_days)
    there = panel.valid & ~np.isnan(probability)
    above = np.where(there, probability, -1.0)[:, None, :] >= cuts[None, :, None] - LEVEL
    return mean_over_repeats(above.sum(axis=2) / np.maximum(there.sum(axis=1), 1)[:, None])


def _frame(name: str, cuts: FloatArray, n: int, *columns: FloatArray) -> pl.DataFrame:
    net, low, high, flagged, gain, gain_low, gain_high = columns
    frame = pl.DataFrame(
        {
            "model": [name] * len(cuts),
            "threshold": cuts,
            "net_benefit": net,
            "low": low,
            "high": high,
            "gain": gain,
            "gain_low": gain_low,
            "gain_high": gain_high,
            "flagged": flagged,
            "n": [n] * len(cuts),
        },
        schema=_SCHEMA,
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
