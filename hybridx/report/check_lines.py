"""What the methodology checks found, for the pages: a table for the cohort, one line of alarm for a patient."""

from __future__ import annotations

from typing import Any

from hybridx.evaluate.registry import metric_named
from hybridx.report.background import Background
from hybridx.report.words import spoken_note

__all__ = ["alarm", "checks_table"]


def checks_table(background: Background) -> dict[str, Any]:
    """Return the count of findings, a row for each, and the checks that could not be run; nobody is named."""
    findings = background.result.checks()
    return {
        "brief": findings.brief,
        "rows": [
            [f.code, f"{f.severity}, silenced" if f.silenced else f.severity, _spoken(background, _said(f))]
            for f in findings
        ],
        "absent": [f"{code}: {why}" for code, why in findings.not_applicable.items()],
    }


def alarm(background: Background) -> str:
    """Return one line when a check says that the scores do not mean what they seem to mean, else nothing."""
    errors = background.result.checks().at("error")
    if not errors:
        return ""
    more = f" ({len(errors) - 1} more in the cohort report)" if len(errors) > 1 else ""
    return (
        f"The analysis has an error: {errors[0].code}, {errors[0].title.lower()}. {errors[0].sentence}{more}"
    )


def _spoken(background: Background, sentence: str) -> str:
    """Write a finding with the names of models and metrics that the page's tables have."""
    for name in background.result.metrics:
        sentence = sentence.replace(f"({name} ", f"({metric_named(name, background.result.kind).title} ")
    return spoken_note(sentence, background.result.models)


def _said(finding: Any) -> str:
    return f"{finding.sentence} Silenced: {finding.silenced}" if finding.silenced else finding.sentence
