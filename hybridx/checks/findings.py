"""The findings of one analysis, as a table that shows itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, overload

import polars as pl

from hybridx.checks.finding import SEVERITIES, Finding

__all__ = ["Findings"]


@dataclasses.dataclass(frozen=True, eq=True, repr=False)
class Findings(Sequence[Finding]):
    """What the checks found, the worst first, and which could not be run; it is used like a list.

    Parameters
    ----------
    found : tuple of Finding
    not_applicable : mapping of code to str
        Checks that could not be run, with the reason.
    clean : tuple of str
        Codes of the checks that ran and found nothing.
    """

    found: tuple[Finding, ...]
    not_applicable: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clean: tuple[str, ...] = ()

    __hash__ = None  # type: ignore[assignment]  # holds a mapping

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.found[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    @property
    def open(self) -> tuple[Finding, ...]:
        """Findings that nobody silenced."""
        return tuple(finding for finding in self.found if not finding.silenced)

    @property
    def worst(self) -> str:
        """The worst severity among open findings; empty without any."""
        return next((s for s in SEVERITIES if any(f.severity == s for f in self.open)), "")

    def of(self, code: str) -> tuple[Finding, ...]:
        """Return the findings of one check."""
        return tuple(finding for finding in self.found if finding.code == code)

    def at(self, severity: str) -> tuple[Finding, ...]:
        """Return the open findings of one severity."""
        return tuple(finding for finding in self.open if finding.severity == severity)

    @property
    def silenced(self) -> dict[str, str]:
        """The reason of each check that was silenced, by code."""
        return {finding.code: finding.silenced for finding in self.found if finding.silenced}

    def silence(self, reasons: Mapping[str, str]) -> Findings:
        """Return the findings with those of some codes silenced; they stay visible, with the reason."""
        found = [
            dataclasses.replace(f, silenced=reasons[f.code]) if f.code in reasons else f for f in self.found
        ]
        return dataclasses.replace(self, found=in_order(found))

    @property
    def brief(self) -> str:
        """Count and worst, in one line."""
        ran = len(self.clean) + len({f.code for f in self.found})
        counts = [(severity, len(self.at(severity))) for severity in SEVERITIES]
        words = [
            f"{n} {severity}{'s' if n > 1 and severity != 'info' else ''}" for severity, n in counts if n
        ]
        hidden = len(self.found) - len(self.open)
        words += [f"{hidden} silenced"] if hidden else []
        return f"Checks: {', '.join(words) or 'nothing found'} ({ran} run, {len(self.not_applicable)} not applicable)."

    def table(self) -> pl.DataFrame:
        """Return one row per finding: `code`, `severity`, `title`, `sentence`, `subjects`, `patients`, `silenced`."""
        schema: dict[str, Any] = {
            "code": pl.String,
            "severity": pl.String,
            "title": pl.String,
            "sentence": pl.String,
            "subjects": pl.List(pl.String),
            "patients": pl.List(pl.String),
            "silenced": pl.String,
        }
        rows = [
            (f.code, f.severity, f.title, f.sentence, list(f.subjects), list(f.patients), f.silenced)
            for f in self.found
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def __repr__(self) -> str:
        lines = [self.brief, *(f"  {finding}" for finding in self.found)]
        return "\n".join(
            [*lines, *(f"  {c} not applicable: {why}" for c, why in self.not_applicable.items())]
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(f.code)}</td><td>{escape(f.severity)}</td><td>{escape(f.title)}</td>"
            f"<td style='text-align:left'>{escape(f.sentence)}</td><td>{escape(f.silenced)}</td></tr>"
            for f in self.found
        )
        absent = "".join(f"<li>{escape(c)}: {escape(why)}</li>" for c, why in self.not_applicable.items())
        head = "".join(f"<th>{name}</th>" for name in ("code", "severity", "check", "found", "silenced"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        more = f"<details><summary>Not applicable</summary><ul>{absent}</ul></details>" if absent else ""
        return f"<div><p><b>{escape(self.brief)}</b></p>{table}{more}</div>"

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads."""
        return {
            "found": [dataclasses.asdict(finding) for finding in self.found],
            "not_applicable": dict(self.not_applicable),
            "clean": list(self.clean),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Findings:
        """Return the findings that `to_json` wrote."""
        found = [
            Finding(**{**row, "subjects": tuple(row["subjects"]), "patients": tuple(row["patients"])})
            for row in stored["found"]
        ]
        return cls(tuple(found), dict(stored["not_applicable"]), tuple(stored["clean"]))


def in_order(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first, silenced ones last, then by code."""
    return tuple(sorted(found, key=lambda f: (bool(f.silenced), SEVERITIES.index(f.severity), f.code)))
