"""The page of a check: what triggers it, then what cures it. ``docs/checks/`` holds the same pages.

``python -m hybridx.checks.pages docs/checks`` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hybridx.checks.finding import Check
from hybridx.checks.registry import CHECKS
from hybridx.terms.text import check_name

__all__ = ["explain", "page", "write_pages"]


def page(check: Check) -> str:
    """Return the page of a check as Markdown."""
    parts = [
        f"# {check.code}: {check.title}",
        f"Severity: {', '.join(check.severities)}.",
        f"## Trigger\n\n{check.trigger}",
        f"## Cure\n\n{check.cure}",
        f"## What it cannot see\n\n{check.limits}",
    ]
    parts += [f"## Source\n\n{check.source}"] if check.source else []
    silence = (
        f'`result.checks(silence={{"{check.code}": "your reason"}})` keeps the finding, with your reason.'
    )
    return "\n\n".join([*parts, f"## Judged, and kept\n\n{silence}"]) + "\n"


def explain(code: str) -> None:
    """Print the page of a check: trigger, then cure.

    Raises
    ------
    SettingsError
        Unknown code; the nearest one is given.

    Examples
    --------
    >>> explain("HX013")  # doctest: +ELLIPSIS
    # HX013: ...
    """
    table = {check.code: check for check in CHECKS}
    sys.stdout.write(page(table[check_name(code.upper(), table, "check")]))


def write_pages(folder: str | Path) -> list[Path]:
    """Write the page of every check, and a list of all, to a folder."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    rows = [f"| [{c.code}]({c.code}.md) | {c.title} | {', '.join(c.severities)} |" for c in CHECKS]
    texts = {"README.md": "\n".join(["# Methodology checks", "", INTRODUCTION, "", *HEAD, *rows, ""])}
    texts |= {f"{check.code}.md": page(check) for check in CHECKS}
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")
    return [target / name for name in texts]


INTRODUCTION = (
    "They run by themselves at the end of `hx.evaluate`; `result.checks()` returns what they found. These pages are "
    "written from the code by `python -m hybridx.checks.pages docs/checks`. False alarms, warnings and errors, "
    "on 50 clean synthetic survival worlds: HX006 2, HX007 1, HX015 1 (of 46), all others none; "
    "`benchmarks/check_false_alarms.py` counts them, on null worlds and responses too."
)
HEAD = ["| Code | Check | Severity |", "|---|---|---|"]

if __name__ == "__main__":
    write_pages(sys.argv[1] if len(sys.argv) > 1 else "docs/checks")
