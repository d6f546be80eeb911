"""A result in Jupyter: the headline table and the notes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from hybridx.evaluate.horizon import months
from hybridx.evaluate.kinds import counted
from hybridx.evaluate.registry import metrics_of

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["result_html"]


def result_html(result: Result) -> str:
    """Return models x metrics with intervals, then the notes; every text is escaped."""
    metrics = metrics_of(result.kind)
    cells = {(row["model"], row["metric"]): row for row in result.table().iter_rows(named=True)}
    head = "".join(f"<th>{escape(_title(metric, result))}</th>" for metric in metrics)
    body = ""
    for name in result.models:
        n = next((row["n"] for (model, _), row in cells.items() if model == name), "")
        mark = "<b>{}</b>" if name == result.primary else "{}"
        values = "".join(
            f"<td style='text-align:right'>{_cell(cells.get((name, m.name)))}</td>" for m in metrics
        )
        role = escape(result.roles[name])
        body += f"<tr><td>{mark.format(escape(name))}</td><td>{role}</td><td>{n}</td>{values}</tr>"
    title = f"{result.endpoint}: {counted(result.outcome)} in {len(result.outcome)} patients; {result.design}"
    checks = result.checks()
    found = [checks.brief, *(str(finding) for finding in checks.at("error"))]
    notes = "".join(f"<li>{escape(note)}</li>" for note in [*found, *result.notes])
    return (
        f"<div><p><b>{escape(title)}</b></p><table><thead><tr><th>model</th><th></th><th>n</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table><ul>{notes}</ul></div>"
    )


def _title(metric: Any, result: Result) -> str:
    at = metric.time_days(result.moment)
    return str(metric.title) if at is None else f"{metric.title}, {months(at)}"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["value"] is None:
        return f"<span title='{escape(row['method'], quote=True)}'>&ndash;</span>"
    interval = "" if row["low"] is None else f"<br><small>{row['low']:.3f} to {row['high']:.3f}</small>"
    return f"{row['value']:.3f}{interval}"
