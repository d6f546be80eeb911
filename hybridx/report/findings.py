"""The source data as a physician reads them: lesions, laboratory values with ranges, variants, the course."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.course import Happening, sparkline, timeline_figure
from hybridx.report.language import say
from hybridx.report.reasons import unit_text
from hybridx.report.rendering import number
from hybridx.report.words import analyte_title, modality_words
from hybridx.terms.analytes import find_analyte

__all__ = ["labs", "lesions", "timeline", "variants"]

_LESION_COLUMNS = {
    "volume_ml": "Volume, mL",
    "diameter_mm": "Diameter, mm",
    "suv_max": "SUVmax",
    "suv_peak": "SUVpeak (1 mL)",
    "suv_mean": "SUVmean",
    "mtv_41pct": "MTV 41 %, mL",
    "mtv_suv4": "MTV SUV ≥ 4, mL",
    "tlg": "TLG, mL·SUV",
    "tlg_41pct": "TLG 41 %, mL·SUV",
    "psma_tv_41pct": "PSMA-TV 41 %, mL",
    "tl_psma": "TL-PSMA, mL·SUV",
    "sstr_tv_41pct": "SSTR-TV 41 %, mL",
    "tl_sstr": "TL-SSTR, mL·SUV",
    "suv_max_to_liver": "SUVmax / liver",
}
_MOST_LESIONS = 6
_MOST_ROWS = 12  # of a table on the page; the rest is counted


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    return float(value) if math.isfinite(float(value)) else None


def lesions(background: Background, patient: str) -> dict[str, Any]:
    """Return the lesion table: one row per lesion, the columns that hold at least one value."""
    rows = background.rows_of("lesions", patient)
    if rows is None or not rows.height:
        return {"rows": [], "columns": [], "more": 0}
    if "modality" in rows.columns and (rows["modality"] == "pet").any():
        # the same lesions stand there again as drawn on CT, without uptake
        rows = rows.filter(pl.col("modality") == "pet")
    columns = [c for c in _LESION_COLUMNS if c in rows.columns and rows[c].is_not_null().any()]
    if "volume_ml" in rows.columns:
        rows = rows.sort("volume_ml", descending=True, nulls_last=True)
    table = []
    for row in rows.head(_MOST_LESIONS).iter_rows(named=True):
        place = [
            str(row["lesion"]),
            *([] if row.get("modality") is None else [modality_words(str(row["modality"]))]),
        ]
        if row.get("timepoint") not in (None, 1):
            place.append(say("timepoint {n}", n=row["timepoint"]))
        table.append([", ".join(place), *(number(_finite(row[c])) for c in columns)])
    return {
        "rows": table,
        "columns": [say("Lesion"), *(say(_LESION_COLUMNS[c]) for c in columns)],
        "more": max(rows.height - _MOST_LESIONS, 0),
    }


def _flag(value: float, low: float | None, high: float | None) -> str:
    if low is not None and value < low:
        return "↓ " + say("low")
    if high is not None and value > high:
        return "↑ " + say("high")
    return ""


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return say("not given")
    if low is None:
        return f"≤ {number(high)}"
    return f"≥ {number(low)}" if high is None else say("{low} to {high}", low=number(low), high=number(high))


def _usual_limits(name: str, unit: str, sex: Any) -> tuple[float | None, float | None]:
    known = find_analyte(name)
    if known is None:
        return None, None
    low, high = known.limits(None if sex is None else str(sex))
    try:
        factor = known.factor(unit)
    except InputError:  # a unit of another kind: no range rather than a wrong one
        return None, None
    return None if low is None else low / factor, None if high is None else high / factor


def labs(background: Background, patient: str) -> list[dict[str, Any]]:
    """Return one row per analyte: the last value up to baseline, its reference range, flag and course.

    The range delivered with the value by its laboratory counts; usual adult limits stand in where it gave none, and
    are marked as such.
    """
    rows = background.rows_of("labs", patient)
    if rows is None or not rows.height:
        return []
    sex = background.fact(patient, "sex")
    table = []
    for (analyte, unit), group in rows.sort("day", nulls_last=True).group_by(
        "analyte", "unit", maintain_order=True
    ):
        known = group.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
        if not known.height:
            continue
        before = known.filter(pl.col("day") <= 0)
        chosen = (before if before.height else known.head(1)).tail(1).row(0, named=True)
        low, high = _finite(chosen.get("ref_low")), _finite(chosen.get("ref_high"))
        usual = low is None and high is None
        if usual:
            low, high = _usual_limits(str(analyte), str(unit), sex)
        value = float(chosen["value"])
        days = [math.nan if d is None else float(d) for d in known["day"]]
        title = analyte_title(str(analyte))
        table.append(
            {
                "title": title,
                "value": number(value),
                "unit": unit_text(unit),
                "day": say("not given")
                if chosen["day"] is None
                else f"{chosen['day']:.0f}".replace("-", "−"),
                "late": chosen["day"] is not None and chosen["day"] > 0,
                "range": _range(low, high)
                + (" " + say("(usual)") if usual and not (low is None and high is None) else ""),
                "usual": usual and not (low is None and high is None),
                "flag": _flag(value, low, high),
                "spark": sparkline(
                    days, known["value"].to_list(), low, high, title=say("{title} over days", title=title)
                ),
                "n": known.height,
            }
        )
    return sorted(table, key=lambda row: (not row["flag"], row["title"].casefold()))


def variants(background: Background, patient: str) -> dict[str, Any]:
    """Return the variant table; `state` says whether the patient was sequenced at all."""
    rows = background.rows_of("variants", patient)
    if rows is None or not rows.height:
        return {"state": say("No sequencing result is recorded."), "rows": []}
    found = rows.filter(pl.col("classification") != "none_found")
    if not found.height:
        return {"state": say("Sequenced; no variant was found."), "rows": []}
    order = [c for c in ("vaf",) if c in found.columns]
    found = found.sort(order, descending=True, nulls_last=True) if order else found
    table = [
        {
            "gene": str(row["gene"]),
            "change": "–" if row.get("hgvsp") is None else str(row["hgvsp"]),
            "kind": str(row["classification"]).replace("_", " "),
            "vaf": "–" if _finite(row.get("vaf")) is None else f"{100 * row['vaf']:.0f} %",
        }
        for row in found.head(_MOST_ROWS).iter_rows(named=True)
    ]
    more = max(found.height - _MOST_ROWS, 0)
    return {"state": say("and {n} more", n=more) if more else "", "rows": table}


def _happenings(background: Background, patient: str) -> list[Happening]:
    def rows(table: str) -> list[Mapping[str, Any]]:
        frame = background.rows_of(table, patient)
        return [] if frame is None or "day" not in frame.columns else list(frame.iter_rows(named=True))

    def day(row: Mapping[str, Any], name: str = "day") -> float:
        return math.nan if row.get(name) is None else float(row[name])

    found = [Happening(say("Imaging"), str(r["modality"]).upper(), day(r)) for r in rows("studies")]
    samples = dict.fromkeys(day(r) for r in rows("labs"))
    found += [Happening(say("Laboratory"), say("blood sample"), d) for d in samples]
    sequenced = dict.fromkeys(day(r) for table in ("variants", "expression") for r in rows(table))
    found += [Happening(say("Genomics"), say("tissue sequenced"), d) for d in sequenced]
    for row in rows("treatments"):
        kind = say(str(row["kind"]).replace("_", " "))
        label = f"{kind}: {row['agent']}" if row.get("agent") else kind
        end = day(row, "end_day")
        found.append(Happening("Treatment", label, day(row), end if math.isfinite(end) else None))
    return [h for h in found if math.isfinite(h.day)]


def _lanes(treatments: list[Happening]) -> list[Happening]:
    """Give each kind of treatment its lane, and a further one where two of a kind overlap and would hide each other."""
    placed: list[Happening] = []
    for h in sorted(treatments, key=lambda h: h.day):
        kind, _, agent = h.label.partition(": ")
        lane, count = kind.capitalize(), 1
        while any(p.lane == lane and (p.day if p.end is None else p.end) >= h.day for p in placed):
            count += 1
            lane = f"{kind.capitalize()} ({count})"
        placed.append(Happening(lane, agent or kind, h.day, h.end))
    return placed


def timeline(background: Background, patient: str) -> dict[str, Any]:
    """Return the time axis of scans, samples and treatments, and the same as rows."""
    happenings = _happenings(background, patient)
    treatments = [h for h in happenings if h.lane == "Treatment"]
    happenings = [h for h in happenings if h.lane != "Treatment"] + _lanes(treatments)
    rows = [
        (f"{h.lane}: {h.label}", f"{h.day:.0f}", "–" if h.end is None else f"{h.end:.0f}")
        for h in sorted(happenings, key=lambda h: h.day)
    ]
    figure = timeline_figure(happenings, title=say("Course in days from baseline")) if happenings else None
    return {"figure": figure, "rows": rows, "treated_after": any(h.day >= 0 for h in treatments)}
