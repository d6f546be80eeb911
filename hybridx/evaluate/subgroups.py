"""Is the model as good for everyone: a score per subgroup or centre, the gaps between them, and what centres share.

Within a subgroup, patients are compared only with one another, and only where one fitted model predicted both. A small
subgroup has a wide interval; a gap whose interval holds 0 is no proof of fairness.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError, NotEnoughDataError
from hybridx.evaluate.intervals import Interval
from hybridx.evaluate.metric import Metric
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.registry import measure
from hybridx.terms.text import listing, nearest

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["NOT_RECORDED", "group_labels", "score_gaps", "score_groups"]

NOT_RECORDED = "not recorded"
LEAST_PATIENTS, LEAST_EVENTS = 10, 5  # below this a subgroup is counted, not scored
MOST_GROUPS = 12  # a column with more values is a measurement, or an identifier

Labels = npt.NDArray[Any]

_GROUPS: dict[str, Any] = {
    "group": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "n_events": pl.Int64,
    "method": pl.String,
}
_GAPS: dict[str, Any] = {
    "group": pl.String,
    "other": pl.String,
    "value_group": pl.Float64,
    "value_other": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "n_other": pl.Int64,
    "separated": pl.Boolean,
    "method": pl.String,
}


def group_labels(
    result: Result, by: str | Mapping[str, Any] | pl.Series, cuts: Sequence[float] | None = None
) -> tuple[str, Labels]:
    """Return a name and the subgroup of each scored patient as text, in the order of `Result.panel`.

    Parameters
    ----------
    by : str, mapping of patient to label, or Series
        A column of the patients table, or one of `Cohort.frame` (``centre``, ``clinical.age``, ``pet.measured``); a
        Series has one value per patient of the cohort, in its order.
    cuts : sequence of float, optional
        Where to cut a column of numbers.

    Raises
    ------
    InputError
        No such column, patients that the cohort does not have, or too many different values.
    """
    name, values = _values(result, by)
    numbers = values.dtype.is_numeric() and values.dtype != pl.Boolean
    if cuts is not None:
        return name, _cut(name, values, cuts)
    distinct = values.drop_nulls().unique()
    if len(distinct) > MOST_GROUPS or (numbers and values.dtype.is_float() and len(distinct) > 6):
        cure = "Give a mapping of patient to a coarser label."
        if numbers:
            middle = float(np.median(values.drop_nulls().cast(pl.Float64).to_numpy()))
            cure = f"Cut it: subgroups({name!r}, cuts=[{middle:g}])."
        msg = f"{name!r} has {len(distinct)} different values; a subgroup needs patients. {cure}"
        raise InputError(msg)
    return name, np.array([_said(v) for v in values.to_list()], dtype=object)


def score_groups(result: Result, model: str, metric: Metric, labels: Labels) -> pl.DataFrame:
    """Return one row per subgroup: the score with its interval and the counts; too small ones are counted only."""
    panel = result.panel(model)
    rows: list[tuple[Any, ...]] = []
    for label in _ordered(labels):
        keep = labels == label
        part = panel.rows(panel.predicted & keep)
        n, events = part.n, part.outcome.n_events
        if too_small(part):
            how = f"too few to score: wanted {LEAST_PATIENTS} patients and {LEAST_EVENTS} events"
            rows.append((label, np.nan, np.nan, np.nan, result.level, n, events, how))
            continue
        e = measure(metric, panel, result.moment, result._resamples, keep=keep)  # noqa: SLF001 - one mechanism
        rows.append((label, e.value, e.low, e.high, e.level, e.n, e.n_events, e.method))
    return pl.DataFrame(rows, schema=_GROUPS, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def score_gaps(
    result: Result, model: str, metric: Metric, table: pl.DataFrame, labels: Labels
) -> pl.DataFrame:
    """Return the difference of each subgroup to the largest one, with its interval in the same resamples of patients.

    `separated` says whether the interval excludes 0 at a level that is shared among all gaps (Bonferroni): of twenty
    subgroups that do not differ, one would otherwise look different.
    """
    scored = table.drop_nulls("value").filter(pl.col("group") != NOT_RECORDED)
    if scored.height < 2:
        return pl.DataFrame(schema=_GAPS)
    largest = scored.sort("n", "group", descending=[True, False])["group"][0]
    others = [g for g in scored["group"].to_list() if g != largest]
    panel, resamples = result.panel(model), result._resamples  # noqa: SLF001 - one mechanism for all intervals
    strict = replace(resamples, level=1 - (1 - resamples.level) / len(others))
    strict.__dict__["counts"] = resamples.counts  # the same draws, drawn once
    rows = []
    for name in others:
        first, second = (panel.predicted & (labels == g) for g in (name, largest))
        mask = first | second
        inside = first[mask]
        a, b = panel.rows(first), panel.rows(second)

        def gap(weights: FloatArray, a: Panel = a, b: Panel = b, inside: Any = inside) -> FloatArray:
            left = metric.values(a, weights[:, inside], result.moment)
            return np.asarray(left - metric.values(b, weights[:, ~inside], result.moment))

        if metric.distance:
            once = np.ones((1, int(mask.sum())))
            why = "no interval: a distance from perfection is biased upwards, the more so the smaller the subgroup"
            found = Interval(float(gap(once)[0]), np.nan, np.nan, why)
            apart = False
        else:
            found, wider = resamples.interval(gap, mask), strict.interval(gap, mask)
            apart = bool(wider.low > 0 or wider.high < 0)
        values = dict(scored.select("group", "value").iter_rows())
        method = f"{found.note}; `separated` at a level shared among {len(others)}; models not refitted"
        ends = (values[name], values[largest], found.value, found.low, found.high)
        rows.append((name, largest, *ends, a.n, b.n, apart, method))
    return pl.DataFrame(rows, schema=_GAPS, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def too_small(part: Panel) -> bool:
    """Return whether a subgroup is too small to be scored."""
    rarer = part.outcome.n_events
    if part.outcome.kind == "response":
        rarer = min(rarer, part.n - rarer)
    return part.n < LEAST_PATIENTS or (part.outcome.kind in ("survival", "response") and rarer < LEAST_EVENTS)


def check_some(table: pl.DataFrame, name: str) -> None:
    """Refuse a division in which no subgroup can be scored.

    Raises
    ------
    NotEnoughDataError
    """
    if not table["value"].is_not_null().any():
        sizes = listing(
            (f"{g} ({n}, {e} events)" for g, n, e in table.select("group", "n", "n_events").iter_rows()), 8
        )
        msg = (
            f"No subgroup of {name!r} can be scored; each needs {LEAST_PATIENTS} patients and {LEAST_EVENTS} events, "
            f"there are: {sizes}."
        )
        raise NotEnoughDataError(msg)


def _values(result: Result, by: str | Mapping[str, Any] | pl.Series) -> tuple[str, pl.Series]:
    cohort, scored = result.cohort, list(result.scored_patients)
    if isinstance(by, pl.Series):
        if len(by) != len(cohort.patients):
            msg = f"subgroups: got a Series of {len(by)} values for {len(cohort.patients)} patients of the cohort."
            raise InputError(msg)
        by_patient = dict(zip(cohort.patients, by.to_list(), strict=True))
        return by.name or "subgroup", pl.Series([by_patient[p] for p in scored], dtype=by.dtype)
    if isinstance(by, Mapping):
        unknown = sorted(str(p) for p in by if p not in set(cohort.patients))
        if unknown:
            msg = f"subgroups: {len(unknown)} patients of the mapping are not in the cohort: {listing(unknown)}."
            raise InputError(msg)
        return "subgroup", pl.Series([by.get(p) for p in scored], strict=False)
    table = cohort.tables.get("patients")
    frame = cohort.frame()
    for source in (table, frame):
        if source is not None and by in source.columns and by != "patient_id":
            ids = pl.DataFrame({"patient_id": scored}, schema={"patient_id": pl.String})
            rows = ids.join(
                source.select("patient_id", by), on="patient_id", how="left", maintain_order="left"
            )
            return by, rows[by]
    known = [*(() if table is None else table.columns), *frame.columns]
    guess = nearest(by, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    columns = () if table is None else [c for c in table.columns if c != "patient_id"]
    msg = (
        f"subgroups({by!r}): no such column.{hint} The patients table has: {listing(columns, 12)}; features and flags "
        "are those of `cohort.frame()`."
    )
    raise InputError(msg)


def _cut(name: str, values: pl.Series, cuts: Sequence[float]) -> Labels:
    edges = [float(c) for c in cuts]
    if not values.dtype.is_numeric() or not edges or any(b <= a for a, b in itertools.pairwise(edges)):
        msg = f"subgroups({name!r}, cuts={list(cuts)!r}): wanted rising numbers and a column of numbers."
        raise InputError(msg)
    names = [
        f"< {edges[0]:g}",
        *(f"{a:g} to < {b:g}" for a, b in itertools.pairwise(edges)),
        f">= {edges[-1]:g}",
    ]
    x = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    place = np.searchsorted(edges, x, side="right")
    return np.array(
        [NOT_RECORDED if np.isnan(v) else names[i] for v, i in zip(x, place, strict=True)], dtype=object
    )


def _said(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ordered(labels: Labels) -> list[str]:
    names = sorted(set(labels.tolist()) - {NOT_RECORDED}, key=_natural)
    return [*names, NOT_RECORDED] if NOT_RECORDED in labels else names


def _natural(label: str) -> tuple[int, float, str]:
    if label[:1] in "<>":
        return (0 if label.startswith("<") else 2, 0.0, label)
    try:
        return (1, float(label.partition(" ")[0]), label)
    except ValueError:
        return (1, np.inf, label)
