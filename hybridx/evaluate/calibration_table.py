"""The calibration curve and groups of one model, from its pooled out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import beta

from hybridx.evaluate.calibration import calibration_curve_values
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.summary import Calibration
from hybridx.evaluate.weighted_km import kaplan_meier, late_entry, standing_for
from hybridx.terms.estimate import Estimate

__all__ = ["calibration_of"]

CURVE_RESAMPLES = 300  # a curve's band is drawn, not quoted
PER_GROUP = 15


def calibration_of(
    name: str, panel: Panel, time_days: float | None, three: Sequence[Estimate], resamples: Resamples
) -> Calibration:
    """Return calibration of a model; `three` are its O:E, slope and ICI."""
    empty = pl.DataFrame(schema=dict.fromkeys(("predicted", "observed", "low", "high"), pl.Float64))
    curve, groups = empty, empty
    if panel.outcome.kind == "response" or panel.survival is not None:
        mask = panel.predicted
        part = panel.rows(mask)
        curve = _curve(part, time_days, resamples, mask)
        groups = _groups(part, time_days, resamples.level)
    return Calibration(name, time_days, three[0], three[1], three[2], curve, groups)


def _curve(
    panel: Panel, time_days: float | None, resamples: Resamples, mask: np.typing.NDArray[np.bool_]
) -> pl.DataFrame:
    drawn = resamples.counts[:CURVE_RESAMPLES, mask].astype(np.float64)
    predicted, observed = calibration_curve_values(
        panel, np.concatenate([np.ones((1, panel.n)), drawn]), time_days
    )
    low_end, high_end = np.quantile(predicted, [0.025, 0.975])
    inside = (predicted >= low_end) & (predicted <= high_end)
    order = np.flatnonzero(inside)[np.argsort(predicted[inside], kind="stable")]
    tails = [50 - 50 * resamples.level, 50 + 50 * resamples.level]
    band = np.full((2, len(order)), np.nan)
    refits = observed[1:, order]
    fitted = ~np.isnan(refits).any(axis=1)
    if fitted.mean() >= 0.9:
        band = np.percentile(refits[fitted], tails, axis=0)
    frame = pl.DataFrame(
        {"predicted": predicted[order], "observed": observed[0, order], "low": band[0], "high": band[1]}
    )
    return frame.unique("predicted", keep="first", maintain_order=True).with_columns(pl.all().fill_nan(None))


def _groups(panel: Panel, time_days: float | None, level: float) -> pl.DataFrame:
    p = panel.mean_probability() if time_days is None else panel.mean_event_probability(time_days)
    k = int(np.clip(panel.n // PER_GROUP, 2, 5))
    cuts = np.quantile(p, np.arange(1, k) / k)
    place = np.searchsorted(cuts, p, side="left")
    once = np.ones((1, panel.n))
    late = None if time_days is None else standing_for(panel.outcome, once, time_days)
    standing = (once if late is None else late)[0]
    rows = []
    for group in range(k):
        inside = place == group
        if not inside.any():  # ties can empty a group
            continue
        part = panel.rows(inside)
        told = (
            float(np.average(p[inside], weights=standing[inside])) if standing[inside].sum() > 0 else np.nan
        )
        observed, low, high, events = (
            _share(part, level) if time_days is None else _event_probability(part, time_days, level)
        )
        rows.append((group + 1, part.n, events, told, observed, low, high))
    schema = {"group": pl.Int64, "n": pl.Int64, "n_events": pl.Int64} | dict.fromkeys(
        ("predicted", "observed", "low", "high"), pl.Float64
    )
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def _share(panel: Panel, level: float) -> tuple[float, float, float, int]:
    """Return the share of responders with its Clopper-Pearson interval."""
    k, n = panel.outcome.n_events, panel.n
    tail = 0.5 - level / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return k / n, low, high, k


def _event_probability(panel: Panel, time_days: float, level: float) -> tuple[float, float, float, int]:
    """Return one minus Kaplan-Meier at a time; NaN when follow-up of the group ends before it."""
    time, event = panel.outcome.time_days, panel.outcome.event
    events = int(np.sum(event & (time <= time_days)))
    times, survival, low, high = kaplan_meier(time, event, entry=late_entry(panel.outcome), level=level)
    if time.max() < time_days and survival[-1] > 0:
        return np.nan, np.nan, np.nan, events
    at = int(np.searchsorted(times, time_days, side="right")) - 1
    if at < 0:
        return 0.0, 0.0, 0.0, events
    found: FloatArray = 1.0 - np.array([survival[at], high[at], low[at]])
    return float(found[0]), float(found[1]), float(found[2]), events
