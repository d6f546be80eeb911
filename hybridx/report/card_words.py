"""A model card as Markdown and as rows for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hybridx.report.rendering import shorten

__all__ = ["card_markdown", "card_rows", "inert"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~$])")
_LONGEST = 400
_MOST_UNITS = 6


def inert(text: Any) -> str:
    r"""Write a text from data so that neither Markdown nor HTML in it does anything.

    Examples
    --------
    >>> inert("<b>*x*</b>")
    '\\<b\\>\\*x\\*\\</b\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(shorten(text, _LONGEST).split()))


def interval(row: Mapping[str, Any], digits: int = 2, sign: str = "") -> str:
    """Write a value with its interval, or what there is of it."""
    if row["value"] is None:
        return "undefined"
    text = f"{row['value']:{sign}.{digits}f}"
    if row["low"] is not None and row["high"] is not None:
        text += f" ({row['low']:{sign}.{digits}f} to {row['high']:{sign}.{digits}f})"
    return text.replace("-", "−")


def card_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the card in short, as pairs of name and value."""
    trained = facts["trained"]
    return [
        ("For", facts["use"]["for"]),
        ("Not for", "; ".join(facts["use"]["not_for"])),
        ("Gives", _output(facts["output"])),
        ("Trained on" if "design" not in trained else "Built and tested on", _trained(trained)),
        *(("Validated on", _trained(v)) for v in [trained.get("validated_on")] if v),
        *((f"Needs {i['title']}", _columns(i["features"])) for i in facts["inputs"]),
        *_scores(facts["performance"]),
        ("Checks that fired", "; ".join(f"{c['code']} ({c['severity']})" for c in facts["checks"]) or "none"),
        ("Not known", "; ".join(facts["unknown"])),
        ("Hashes", "; ".join(f"{k} {v[:16]}" for k, v in facts["hashes"].items()) or "none"),
    ]


def _scores(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(p["metric"], f"{interval(p)}, {p['patients']} patients") for p in rows if p["value"] is not None]


def _output(output: Mapping[str, Any]) -> str:
    parts = [output["gives"]]
    if output.get("responder"):
        parts.append(f"responder: {output['responder']}")
    if output.get("horizon_months"):
        parts.append(f"scored at {output['horizon_months']:g} months, told until {output['until_months']:g}")
    return "; ".join(parts)


def _trained(trained: Mapping[str, Any]) -> str:
    parts = ["SYNTHETIC patients"] if trained.get("synthetic") else []
    parts.append(
        "number of patients unknown" if trained.get("patients") is None else f"{trained['patients']} patients"
    )
    if trained.get("events") is not None:
        parts.append(f"{trained['events']} events or responders")
    if trained.get("centres"):
        parts.append(f"{trained['centres']} centre{'' if trained['centres'] == 1 else 's'}")
    for name, words in (
        ("median_follow_up_months", "median follow-up"),
        ("last_follow_up_months", "last follow-up"),
    ):
        if trained.get(name) is not None:
            parts.append(f"{words} {trained[name]:g} months")
    if trained.get("age_quartiles"):
        low, middle, high = trained["age_quartiles"]
        parts.append(f"age {middle:g} ({low:g} to {high:g}) years")
    if trained.get("sex"):
        parts.append(", ".join(f"{k}: {n}" for k, n in trained["sex"].items()))
    if trained.get("design"):
        parts.append(str(trained["design"]))
    return "; ".join(parts)


def _columns(features: Iterable[Mapping[str, Any]]) -> str:
    features = list(features)
    units = sorted({f["unit"] for f in features if f["unit"] not in ("", "1")})
    more = f" and {len(units) - _MOST_UNITS} more" if len(units) > _MOST_UNITS else ""
    said = f", in {', '.join(units[:_MOST_UNITS])}{more}" if units else ""
    return f"{len(features)} feature{'' if len(features) == 1 else 's'}{said}"


def card_markdown(facts: Mapping[str, Any]) -> str:
    """Return the whole card as Markdown."""
    lines = [f"# {inert(facts['title'])}", "", inert(facts["use"]["notice"]), ""]
    lines += [f"- **{inert(name)}:** {inert(value)}" for name, value in card_rows(facts)]
    if facts["comparisons"]:
        compared = [
            (c["against"], interval({**c, "value": c["difference"]}, 3, "+"), c["verdict"])
            for c in facts["comparisons"]
        ]
        lines += ["", "## Against others on the same patients", ""]
        lines += _table(("Against", "Difference", "Verdict"), compared)
    if facts["subgroups"]:
        lines += ["", "## Parts of the cohort"]
        for part in facts["subgroups"]:
            lines += ["", *_table(part["columns"], part["rows"]), "", inert(part["note"])]
    if facts["checks"]:
        lines += ["", "## Checks that fired", ""]
        lines += [f"- **{c['code']}** ({c['severity']}): {inert(c['said'])}" for c in facts["checks"]]
    if facts["limits"]:
        lines += ["", "## Limits", "", *(f"- {inert(note)}" for note in facts["limits"])]
    lines += ["", "## Inputs", ""]
    for i in facts["inputs"]:
        listed = ", ".join(f"{f['column']} [{f['unit'] or '1'}]" for f in i["features"])
        lines += [f"### {inert(i['title'])}", "", _SPECIAL.sub(r"\\\1", listed), ""]
    lines += ["## Versions and hashes", ""]
    lines += [f"- {inert(k)}: {inert(v)}" for k, v in [*facts["versions"].items(), *facts["hashes"].items()]]
    return "\n".join(lines) + "\n"


def _table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    columns = list(columns)
    return [
        f"| {' | '.join(map(inert, columns))} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(inert(cell) for cell in row)} |" for row in rows),
    ]
