"""Best response: change of each patient as a waterfall, or, where only categories are known, how many had which."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from hybridx.cohort import Cohort
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import percent
from hybridx.report.svg import HIGHER, INK, LOWER, MUTED, Drawing, Scale, ticks
from hybridx.terms.endpoints import endpoint_title
from hybridx.terms.response import CRITERIA

__all__ = ["category_frame", "change_frame", "response_part", "waterfall_figure"]

RESPONSE_LINE, PROGRESS_LINE = -30.0, 20.0  # RECIST 1.1, sum of diameters (doi:10.1016/j.ejca.2008.10.026)
_OF_SIZE = re.compile(r"recist|size|diameter|target|tumou?r|lesion|sld|groess|größe", re.IGNORECASE)
_AXIS_END = 100.0
# Light to dark from best to worst: the order survives grey print.
_SHADES = ("#d3eaf6", "#8cc4e4", "#7d8796", "#8f3407")
_UNKNOWN = "not assessed"
_NOT_KNOWN = "#f0cf7a"


def response_part(background: Background) -> list[dict[str, Any]]:
    """Return the figures on best response that the cohort's outcomes allow; nothing without any response."""
    cohort, found = background.cohort, []
    changes = change_frame(cohort)
    if changes is not None:
        found.append(_waterfall_part(cohort, changes))
    counts = category_frame(cohort)
    if counts is not None:
        found.append(_category_part(counts))
    return found


def change_frame(cohort: Cohort) -> pl.DataFrame | None:
    """Return the change of each patient in per cent, largest growth first, without identifiers.

    Returns
    -------
    polars.DataFrame or None
        `endpoint`, `row` (1 is the largest growth), `change_percent`, `category` (null where not assessed). Of the
        first continuous endpoint whose unit is ``%``. None when there is none, or nobody has a value.
    """
    names = [e for e in cohort.endpoints if _is_change(cohort, e)]
    if not names:
        return None
    of_size = [e for e in names if _OF_SIZE.search(e)]
    endpoint = (of_size or names)[0]
    y = cohort.outcomes(endpoint)
    table = pl.DataFrame({"patient_id": list(cohort.patients), "change_percent": y.value}).fill_nan(None)
    categories = _categories(cohort)
    if categories is None:
        table = table.with_columns(pl.lit(None, pl.String).alias("category"))
    else:
        table = table.join(categories.select("patient_id", "category"), on="patient_id", how="left")
    table = table.drop_nulls("change_percent").sort(["change_percent", "category"], descending=[True, False])
    if not table.height:
        return None
    return table.select(
        pl.lit(endpoint).alias("endpoint"),
        pl.int_range(1, pl.len() + 1).alias("row"),
        "change_percent",
        "category",
    )


def _is_change(cohort: Cohort, endpoint: str) -> bool:
    table = cohort.tables.get("outcomes")
    if table is None or not {"value", "unit"} <= set(table.columns):
        return False
    rows = table.filter((pl.col("endpoint") == endpoint) & pl.col("value").is_not_null())
    return bool(rows.height) and set(rows["unit"].drop_nulls()) == {"%"}


def _categories(cohort: Cohort) -> pl.DataFrame | None:
    """Return `patient_id`, `category`, `criterion` of the criterion that most patients were judged by."""
    table = cohort.tables.get("outcomes")
    if table is None:
        return None
    parts = [
        table.filter(pl.col(column).is_not_null()).select("patient_id", pl.col(column).alias("category"))
        for column in ("response", "level")
        if column in table.columns
    ]
    known = {category: name for name, c in CRITERIA.items() for category in c.categories}
    rows = (
        pl.concat(parts) if parts else pl.DataFrame(schema={"patient_id": pl.String, "category": pl.String})
    )
    rows = rows.filter(pl.col("category").is_in(list(known)))
    if not rows.height:
        return None
    rows = rows.with_columns(pl.col("category").replace_strict(known).alias("criterion"))
    counts = rows["criterion"].value_counts().sort(["count", "criterion"], descending=[True, False])
    return rows.filter(pl.col("criterion") == counts["criterion"][0]).unique("patient_id", keep="first")


def category_frame(cohort: Cohort) -> pl.DataFrame | None:
    """Return how many patients had which response: `criterion`, `category`, `title`, `n`, `share`, `responder`."""
    rows = _categories(cohort)
    if rows is None:
        return None
    criterion = CRITERIA[rows["criterion"][0]]
    counts = dict(rows["category"].value_counts().iter_rows())
    total = sum(counts.values())
    return pl.DataFrame(
        [
            (
                criterion.title,
                name,
                title,
                counts.get(name, 0),
                counts.get(name, 0) / total,
                criterion.is_responder(name),
            )
            for name, title in criterion.categories.items()
        ],
        schema=["criterion", "category", "title", "n", "share", "responder"],
        orient="row",
    )


def _waterfall_part(cohort: Cohort, changes: pl.DataFrame) -> dict[str, Any]:
    endpoint = changes["endpoint"][0]
    of_size = bool(_OF_SIZE.search(endpoint))
    values = changes["change_percent"].to_list()
    drawing = waterfall_figure(
        values,
        changes["category"].to_list(),
        title=say("{endpoint} of each patient", endpoint=say(endpoint_title(endpoint))),
        lines=of_size,
    )
    shrunk, grown = sum(v <= RESPONSE_LINE for v in values), sum(v >= PROGRESS_LINE for v in values)
    said = (
        say(
            "{shrunk} of {n} patients shrank by 30 % or more, {grown} grew by 20 % or more (dashed: the limits of "
            "RECIST 1.1; a response also needs confirmation and no new lesion).",
            shrunk=shrunk,
            grown=grown,
            n=len(values),
        )
        if of_size
        else say("{n} of {of} patients fell.", n=sum(v < 0 for v in values), of=len(values))
    )
    missing = len(cohort) - len(values)
    gap = " " + say("Without a value: {n} patients.", n=missing) if missing else ""
    cut = sum(v > _AXIS_END for v in values)
    if cut:
        gap += " " + say("Cut at +100 %: {n} bars, the largest {most:+.0f} %.", n=cut, most=max(values))
    quantiles = [changes["change_percent"].quantile(q, "linear") for q in (0.0, 0.25, 0.5, 0.75, 1.0)]
    rows = [
        (n, _signed(q))
        for n, q in zip(
            (say("Smallest"), say("Lower quartile"), say("Median"), say("Upper quartile"), say("Largest")),
            quantiles,
            strict=True,
        )
    ]
    return {
        "drawing": drawing,
        "caption": say("One bar per patient, largest growth on the left.") + f" {said}{gap}",
        "columns": (say("Change"), "%"),
        "rows": rows,
    }


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}".replace("-", "−")


def waterfall_figure(
    changes: Sequence[float],
    categories: Sequence[str | None] = (),
    *,
    title: str,
    lines: bool = True,
    width: float = 1060,
) -> Markup:
    """Draw the change of each patient as a bar from zero, in the order given.

    Parameters
    ----------
    changes : sequence of float
        Per cent; above +100 a bar is cut and its number written on it.
    categories : sequence of str or None
        Response category of each patient, which decides the shade; empty for none.
    lines : bool
        Draw -30 and +20 per cent.
    """
    left, bottom = 48.0, 300.0
    lowest, highest = min([-35.0, *changes]), max([25.0, *changes])
    y = Scale(max(lowest * 1.06, -_AXIS_END), min(highest * 1.06, _AXIS_END), bottom, 24)
    step = (width - left - 8) / max(len(changes), 1)
    # without any category the side of zero decides the colour
    named = [c or _UNKNOWN for c in categories] if any(categories) else [""] * len(changes)
    order = [c for criterion in CRITERIA.values() for c in criterion.categories]
    legend = sorted(set(named) - {""}, key=lambda c: order.index(c) if c in order else len(order))
    shade = _shades(legend)
    drawing = Drawing(width, bottom + (44 if legend else 22), title, _spoken(changes))
    for tick in ticks(y.low, y.high, 6):
        drawing.line(left, y(tick), width - 8, y(tick))
        drawing.text(
            left - 6, y(tick) + 4, f"{tick:+g}".replace("-", "−").replace("+0", "0"), anchor="end", size=11
        )
    drawing.text(4, 13, say("change, %"), size=11)
    for i, (change, name) in enumerate(zip(changes, named, strict=True)):
        top, low = sorted((y(change), y(0.0)))
        fill = shade[name] if name else HIGHER if change > 0 else LOWER
        gap = min(0.15 * step, 2.0)
        edge = {"stroke": MUTED, "stroke_width": 0.6} if step > 6 else {}
        drawing.rect(left + i * step, top, step - gap, max(low - top, 0.8), fill, **edge)
        if change > y.high and step >= 24:
            drawing.text(
                left + (i + 0.5) * step, y.end - 3, f"{change:+.0f}", anchor="middle", size=9.5, colour=INK
            )
    drawing.line(left, y(0.0), width - 8, y(0.0), INK)
    for limit in (RESPONSE_LINE, PROGRESS_LINE) if lines else ():
        drawing.line(left, y(limit), width - 8, y(limit), INK, stroke_dasharray="5 3")
        # growth stands on the left and shrinkage on the right: each limit is named where no bar of its side is
        at, anchor = (left + 4, "start") if limit < 0 else (width - 10, "end")
        words = f"{limit:+.0f} %".replace("-", "−")
        halo = {"paint_order": "stroke", "stroke": "#fff", "stroke_width": 3}
        drawing.text(at, y(limit) - 4, words, anchor=anchor, size=11, colour=INK, **halo)
    for i, name in enumerate(legend):
        drawing.rect(left + 150 * i, bottom + 24, 14, 12, shade[name], stroke=MUTED)
        drawing.text(
            left + 150 * i + 20, bottom + 34, f"{say(name)} ({named.count(name)})", size=11.5, colour=INK
        )
    return drawing.markup()


def _shades(legend: Sequence[str]) -> dict[str, str]:
    """Return the shade of each category: by its place in its criterion, the same in every figure."""
    found = {_UNKNOWN: _NOT_KNOWN}
    for criterion in CRITERIA.values():
        names = list(criterion.categories)
        for i, name in enumerate(names):
            found[name] = _SHADES[round(i * (len(_SHADES) - 1) / (len(names) - 1))]
    return {name: found[name] for name in legend}


def _spoken(changes: Sequence[float]) -> str:
    if not changes:
        return say("nobody has a value")
    ordered = sorted(changes)
    return say(
        "{n} patients, from {low:.0f} to {high:.0f} per cent, median {middle:.0f}",
        n=len(changes),
        low=ordered[0],
        high=ordered[-1],
        middle=ordered[len(ordered) // 2],
    )


def _category_part(counts: pl.DataFrame) -> dict[str, Any]:
    total, responders = int(counts["n"].sum()), int(counts.filter("responder")["n"].sum())
    criterion = say(counts["criterion"][0])
    low, high = _wilson(responders, total)
    drawing = _category_figure(counts, title=say("Best response by {criterion}", criterion=criterion))
    return {
        "drawing": drawing,
        "caption": say(
            "{criterion}: {n} of {of} assessed patients responded, {share} (95 % interval {low:.0f} to {high:.0f} %, "
            "Wilson).",
            criterion=criterion,
            n=responders,
            of=total,
            share=percent(responders / total),
            low=100 * low,
            high=100 * high,
        ),
        "columns": (say("Category"), say("Patients"), say("Share")),
        "rows": [
            (
                f"{r['category']}, {say(r['title'])}" if r["category"] != r["title"] else say(r["title"]),
                str(r["n"]),
                percent(r["share"]),
            )
            for r in counts.iter_rows(named=True)
        ],
    }


def _wilson(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), which keeps its width at 0 and at n."""
    z = 1.959963984540054
    centre, half = (k + z * z / 2) / (n + z * z), z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _category_figure(counts: pl.DataFrame, *, title: str, width: float = 520) -> Markup:
    row, labels = 26.0, 200.0
    x = Scale(0.0, max(int(counts["n"].max()), 1) * 1.25, labels, width)
    shade = _shades(counts["category"].to_list())
    drawing = Drawing(
        width,
        row * counts.height + 8,
        title,
        "; ".join(f"{say(r['title'])}: {r['n']}" for r in counts.iter_rows(named=True)),
    )
    for i, r in enumerate(counts.iter_rows(named=True)):
        drawing.text(labels - 10, row * i + 18, say(r["title"]), anchor="end", colour=INK, size=12.5)
        drawing.rect(
            labels, row * i + 5, max(x(r["n"]) - labels, 0.0), 17, shade[r["category"]], stroke=MUTED
        )
        drawing.text(x(r["n"]) + 6, row * i + 18, f"{r['n']} ({percent(r['share'])})", colour=INK, size=12)
    return drawing.markup()
