"""What the methodology checks found, for the pages: a table for the cohort, one line of alarm for a patient."""

from __future__ import annotations

from typing import Any

from hybridx.checks.findings import SEVERITIES
from hybridx.evaluate.registry import metric_named
from hybridx.report.background import Background
from hybridx.report.language import language, say
from hybridx.report.words import spoken_note

__all__ = ["alarm", "brief", "checks_table", "finding_words"]


def checks_table(background: Background) -> dict[str, Any]:
    """Return the count of findings, a row for each, and the checks that could not be run; nobody is named."""
    findings = background.result.checks()
    return {
        "brief": brief(findings),
        "rows": [
            [
                f.code,
                say("{severity}, silenced", severity=say(f.severity)) if f.silenced else say(f.severity),
                _spoken(background, _said(f)),
            ]
            for f in findings
        ],
        "absent": [f"{code}: {why}" for code, why in findings.not_applicable.items()],
    }


def brief(findings: Any) -> str:
    """Say how many findings there are of which severity, as ``findings.brief`` does, in the page's language."""
    counts = [(severity, len(findings.at(severity))) for severity in SEVERITIES]
    words = [f"{n} {_counted(severity, n)}" for severity, n in counts if n]
    silenced = sum(bool(f.silenced) for f in findings)
    words += [f"{silenced} {say('silenced')}"] if silenced else []
    return say(
        "Checks: {found} ({ran} run, {absent} not applicable).",
        found=", ".join(words) or say("nothing found"),
        ran=len(findings.clean) + len({f.code for f in findings}),
        absent=len(findings.not_applicable),
    )


def finding_words(finding: Any) -> str:
    """Return a finding's sentence, or in another language than English where it stands."""
    if language() == "en":
        return str(finding.sentence)
    return say("see finding {code} under the checks", code=finding.code)


def _counted(severity: str, n: int) -> str:
    several = n > 1 and (severity != "info" or language() != "en")  # English has no plural of it
    return say(f"{severity}s" if several else severity)


def alarm(background: Background) -> dict[str, str] | None:
    """Return what a check says against the scores: `lead`, `sentence` (English) and `more`; None without an error."""
    errors = background.result.checks().at("error")
    if not errors:
        return None
    title = say(errors[0].title)
    found = f"{errors[0].code}, {title.lower() if language() == 'en' else title}."
    more = say("({n} more in the cohort report)", n=len(errors) - 1) if len(errors) > 1 else ""
    return {
        "lead": say("The analysis has an error: {found}", found=found),
        "sentence": str(errors[0].sentence),
        "more": more,
    }


def _spoken(background: Background, sentence: str) -> str:
    """Write a finding with the names of models and metrics that the page's tables have."""
    for name in background.result.metrics:
        sentence = sentence.replace(f"({name} ", f"({metric_named(name, background.result.kind).title} ")
    return spoken_note(sentence, background.result.models)


def _said(finding: Any) -> str:
    return f"{finding.sentence} Silenced: {finding.silenced}" if finding.silenced else finding.sentence
