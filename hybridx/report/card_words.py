"""A model card as Markdown and as rows for the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hybridx.report.language import language, say, speaking
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
        return say("undefined")
    text = f"{row['value']:{sign}.{digits}f}"
    if row["low"] is not None and row["high"] is not None:
        low, high = (f"{row[end]:{sign}.{digits}f}" for end in ("low", "high"))
        text += f" ({say('{low} to {high}', low=low, high=high)})"
    return text.replace("-", "−")


def card_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the card in short, as pairs of name and value."""
    trained = facts["trained"]
    return [
        (say("For"), facts["use"]["for"]),
        (say("Not for"), "; ".join(facts["use"]["not_for"])),
        (say("Gives"), _output(facts["output"])),
        (say("Trained on") if "design" not in trained else say("Built and tested on"), _trained(trained)),
        *((say("Validated on"), _trained(v)) for v in [trained.get("validated_on")] if v),
        *((say("Needs {modality}", modality=i["title"]), _columns(i["features"])) for i in facts["inputs"]),
        *_scores(facts["performance"]),
        (
            say("Checks that fired"),
            "; ".join(f"{c['code']} ({say(c['severity'])})" for c in facts["checks"]) or say("none"),
        ),
        (say("Not known"), "; ".join(facts["unknown"])),
        (say("Hashes"), "; ".join(f"{k} {v[:16]}" for k, v in facts["hashes"].items()) or say("none")),
    ]


def _scores(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        (p["metric"], f"{interval(p)}, {say('{n} patients', n=p['patients'])}")
        for p in rows
        if p["value"] is not None
    ]


def _output(output: Mapping[str, Any]) -> str:
    parts = [output["gives"]]
    if output.get("responder"):
        parts.append(say("responder: {what}", what=output["responder"]))
    if output.get("horizon_months"):
        parts.append(
            say(
                "scored at {n:g} months, told until {until:g}",
                n=output["horizon_months"],
                until=output["until_months"],
            )
        )
    return "; ".join(parts)


def _trained(trained: Mapping[str, Any]) -> str:
    parts = [say("SYNTHETIC patients")] if trained.get("synthetic") else []
    parts.append(
        say("number of patients unknown")
        if trained.get("patients") is None
        else say("{n} patients", n=trained["patients"])
    )
    if trained.get("events") is not None:
        parts.append(say("{n} events or responders", n=trained["events"]))
    if trained.get("centres"):
        n = trained["centres"]
        parts.append(say("{n} centre", n=n) if n == 1 else say("{n} centres", n=n))
    if trained.get("median_follow_up_months") is not None:
        parts.append(say("median follow-up {n:g} months", n=trained["median_follow_up_months"]))
    if trained.get("last_follow_up_months") is not None:
        parts.append(say("last follow-up {n:g} months", n=trained["last_follow_up_months"]))
    if trained.get("age_quartiles"):
        low, middle, high = trained["age_quartiles"]
        parts.append(say("age {middle:g} ({low:g} to {high:g}) years", low=low, middle=middle, high=high))
    if trained.get("sex"):
        parts.append(", ".join(f"{say(k)}: {n}" for k, n in trained["sex"].items()))
    if trained.get("design"):
        parts.append(str(trained["design"]))
    return "; ".join(parts)


def _columns(features: Iterable[Mapping[str, Any]]) -> str:
    features = list(features)
    units = sorted({f["unit"] for f in features if f["unit"] not in ("", "1")})
    more = " " + say("and {n} more", n=len(units) - _MOST_UNITS) if len(units) > _MOST_UNITS else ""
    said = f", {say('in {units}', units=', '.join(units[:_MOST_UNITS]) + more)}" if units else ""
    n = len(features)
    return (say("{n} feature", n=n) if n == 1 else say("{n} features", n=n)) + said


def card_markdown(facts: Mapping[str, Any]) -> str:
    """Return the whole card as Markdown, in the language its facts were written in."""
    with speaking(str(facts.get("language", "en"))):
        return _markdown(facts)


def _markdown(facts: Mapping[str, Any]) -> str:
    lines = [f"# {inert(facts['title'])}", "", inert(facts["use"]["notice"]), ""]
    lines += [f"- **{inert(name)}:** {inert(value)}" for name, value in card_rows(facts)]
    if facts["comparisons"]:
        compared = [
            (c["against"], interval({**c, "value": c["difference"]}, 3, "+"), say(c["verdict"]))
            for c in facts["comparisons"]
        ]
        lines += ["", f"## {say('Against others on the same patients')}", ""]
        lines += _table((say("Against"), say("Difference"), say("Verdict")), compared)
    if facts["subgroups"]:
        lines += ["", f"## {say('Parts of the cohort')}"]
        for part in facts["subgroups"]:
            lines += ["", *_table(part["columns"], part["rows"]), "", inert(part["note"])]
    if facts["checks"]:
        lines += ["", f"## {say('Checks that fired')}", "", *_in_english()]
        lines += [f"- **{c['code']}** ({say(c['severity'])}): {inert(c['said'])}" for c in facts["checks"]]
    if facts["limits"]:
        lines += ["", f"## {say('Limits')}", "", *_in_english()]
        lines += [f"- {inert(note)}" for note in facts["limits"]]
    lines += ["", f"## {say('Inputs')}", ""]
    for i in facts["inputs"]:
        listed = ", ".join(f"{f['column']} [{f['unit'] or '1'}]" for f in i["features"])
        lines += [f"### {inert(i['title'])}", "", _SPECIAL.sub(r"\\\1", listed), ""]
    lines += [f"## {say('Versions and hashes')}", ""]
    lines += [f"- {inert(k)}: {inert(v)}" for k, v in [*facts["versions"].items(), *facts["hashes"].items()]]
    return "\n".join(lines) + "\n"


def _in_english() -> list[str]:
    """Say of what the evaluation itself wrote that it is in English, where the card is not."""
    return [] if language() == "en" else [say("What the evaluation wrote is given in English."), ""]


def _table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    columns = list(columns)
    return [
        f"| {' | '.join(map(inert, columns))} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(inert(cell) for cell in row)} |" for row in rows),
    ]
