r"""The course of a laboratory value up to the landmark: slope, lowest value, time above the limit, doubling time.

Doubling time: ordinary least squares of the natural logarithm of the value on time, :math:`\ln 2` over the slope, in
months of 30.4375 days. Rules: at least three values within the last twelve months over at least 90 days; values below
the limit of detection (and PSA below 0.1 ug/L) have no logarithm worth regressing, so the regression starts after the
last of them; a marker that falls, stands still or would need more than 120 months counts as 120.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hybridx.measure.table_settings import LabSettings
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["LONGEST_MONTHS", "MARKERS", "TITLES", "doubling_months", "series_values"]

MARKERS: tuple[str, ...] = (
    "psa", "cea", "ca19_9", "ca125", "ca15_3", "afp", "hcg", "nse", "cyfra21_1", "scc", "s100b", "cga",
    "thyroglobulin", "calcitonin",
)  # fmt: skip
LONGEST_MONTHS = 120.0
SHORTEST_SPAN_DAYS = 90.0
FLOOR: Mapping[str, float] = {"psa": 0.1}

# Suffix -> words after the analyte's title, and unit ("{}" stands for the analyte's own)
TITLES: Mapping[str, tuple[str, str]] = {
    "slope": ("slope per month", "{}/mo"),
    "nadir": ("lowest value", "{}"),
    "days_above": ("time above the upper limit", "d"),
    "doubling": ("doubling time", "mo"),
}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class _Series:
    analyte: str
    days: Numbers
    values: Numbers
    upper: Numbers
    below: NDArray[np.bool_]


def series_values(daily: pl.DataFrame, settings: LabSettings) -> pl.DataFrame:
    r"""Return what the series up to the landmark allow, under the analyte's name and ``_`` and what it is.

    Parameters
    ----------
    daily : polars.DataFrame
        `patient_id`, `analyte`, `day`, `value`, `ref_high`, `below`: one row per analyte and day, none after the
        landmark.
    settings : LabSettings
        What makes a series.

    Returns
    -------
    polars.DataFrame
        `patient_id`, `analyte` (with the suffix), `day` of the last value used, `value`.

    Source
    ------
    Doubling time: Arlen 2008, doi:10.1016/j.juro.2008.01.099 (values of the last twelve months, at least three over
    three months); the nomograms of Memorial Sloan Kettering take the same :math:`\ln 2` over the slope of the
    logarithm.
    """
    start = settings.landmark_day - settings.series_days
    daily = daily.filter((pl.col("day") >= start) & (pl.col("day") <= settings.landmark_day))
    rows = [
        (patient, f"{series.analyte}_{kind}", float(series.days[-1]), value)
        for patient, series in _series(daily, settings)
        for kind in settings.series
        if _wanted(kind, series.analyte, settings) and (value := _KINDS[kind](series)) is not None
    ]
    schema = {"patient_id": pl.String, "analyte": pl.String, "day": pl.Float64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _series(daily: pl.DataFrame, settings: LabSettings) -> Iterator[tuple[str, _Series]]:
    span = pl.col("day").max() - pl.col("day").min()
    whose = ["patient_id", "analyte"]
    long_enough = (pl.len() >= settings.series_values) & (span >= settings.series_span_days) & (span > 0)
    chosen = daily.filter(long_enough.over(whose)).sort(*whose, "day")
    for (patient, analyte), rows in chosen.group_by(whose, maintain_order=True):
        yield (
            str(patient),
            _Series(
                str(analyte),
                rows["day"].to_numpy(),
                rows["value"].to_numpy(),
                rows["ref_high"].cast(pl.Float64).fill_null(math.nan).to_numpy(),
                rows["below"].to_numpy(),
            ),
        )


def _wanted(kind: str, analyte: str, settings: LabSettings) -> bool:
    if kind == "slope":
        return True
    return analyte in MARKERS or (kind != "doubling" and analyte in settings.series_analytes)


def _rise(days: Numbers, values: Numbers) -> float:
    """Return the least-squares slope per month."""
    months = (days - days.mean()) / DAYS_PER_MONTH
    return float(months @ (values - values.mean()) / (months @ months))


def _slope(series: _Series) -> float | None:
    return _rise(series.days, series.values)


def _nadir(series: _Series) -> float | None:
    return float(series.values.min())


def _days_above(series: _Series) -> float | None:
    """Return the days above the limit, the value taken as moving in straight lines between samples."""
    if not np.isfinite(series.upper).all() or not (series.upper > 0).all():
        return None
    excess = series.values / series.upper - 1
    before, after, gap = excess[:-1], excess[1:], np.diff(series.days)
    high, low = np.maximum(before, after), np.minimum(before, after)
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = high / (high - low)
    share = np.where(low > 0, 1.0, np.where(high > 0, crossing, 0.0))
    return float(share @ gap)


def _doubling(series: _Series) -> float | None:
    mute = series.below | (series.values <= 0) | (series.values < FLOOR.get(series.analyte, 0.0))
    start = int(np.flatnonzero(mute)[-1]) + 1 if mute.any() else 0
    return doubling_months(series.days[start:], series.values[start:])


def doubling_months(days: Sequence[float] | Numbers, values: Sequence[float] | Numbers) -> float | None:
    """Return the doubling time of a rising marker in months, or None where the values do not allow one.

    Parameters
    ----------
    days : array of float, shape (n,)
        Different days, in order.
    values : array of float, shape (n,)
        Above 0.

    Returns
    -------
    float or None
        At most 120, which also stands for a marker that does not rise; None with fewer than three values or less
        than 90 days between the first and the last.

    Examples
    --------
    >>> doubling_months([-182.625, -91.3125, 0], [1, 2, 4])
    3.0
    """
    when, level = np.asarray(days, float), np.asarray(values, float)
    if len(when) < 3 or when[-1] - when[0] < SHORTEST_SPAN_DAYS:
        return None
    rise = _rise(when, np.log(level))
    if rise <= math.log(2) / LONGEST_MONTHS:
        return LONGEST_MONTHS
    return round(math.log(2) / rise, 12)


_KINDS: Mapping[str, Callable[[_Series], float | None]] = {
    "slope": _slope,
    "nadir": _nadir,
    "days_above": _days_above,
    "doubling": _doubling,
}
