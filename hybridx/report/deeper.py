"""Below the bars: what each modality adds to the risk at several times, and what knowing it at all does."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from hybridx.errors import HybridxError
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import signed
from hybridx.report.svg import ACCENT, GRID, INK, MUTED, Drawing, Scale, ticks
from hybridx.report.words import modality_words
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["deeper"]

_MUCH = 0.25  # of the size of what is told: beyond that the order of modalities changes easily
_LINES = 4  # modalities that are drawn; all stand in the table
_DASHES = (None, "6 3", "2 3", "8 3 2 3")
_MONTHS = (3, 6, 12, 18, 24, 36, 60)


def deeper(background: Background, patient: str) -> dict[str, Any]:
    """Return sentences, and for survival what each modality adds to the risk at several times as figure and table.

    What a modality adds over time needs a fitted model to ask: it is told where one model was explained, not where
    explanations of several folds were put together or loaded.
    """
    nothing: dict[str, Any] = {"sentences": [], "figure": None, "columns": (), "rows": []}
    why = background.explanation
    if why is None or patient not in background.predicted or patient not in why.patients:
        return nothing
    return {**nothing, "sentences": _knowing(why, patient), **_over_time(background, patient)}


def _knowing(why: Any, patient: str) -> list[str]:
    """Say where knowing a modality at all moves this prediction otherwise than its values do."""
    if getattr(why, "knowing", None) is None:
        return []
    table = why.patient(patient).modalities.drop_nulls()
    if not table.height:
        return []
    apart = (table["contribution"] - table["knowing"]).abs()
    size = max(float(table["contribution"].abs().sum()), float(table["knowing"].abs().sum()))
    if not float(apart.sum()) > _MUCH * size:
        return []
    name, values, knowing = table.row(int(np.argmax(apart.to_numpy())))
    return [
        say(
            "The values of {modality} move this prediction by {values}, knowing {modality} at all by {knowing}: "
            "without it the model weighs the rest anew, or takes its absence as a sign.",
            modality=modality_words(name),
            values=signed(values),
            knowing=signed(knowing),
        )
    ]


def _over_time(background: Background, patient: str) -> dict[str, Any]:
    why = background.explanation
    source = getattr(why, "source", None)
    months = [m for m in _MONTHS if m <= background.until] if background.is_survival else []
    if source is None or len(months) < 2 or "patient_id" not in source.frame.columns:
        return {}
    from hybridx.explain import explain  # noqa: PLC0415 - only pages with one fitted model ask again

    row = source.frame.filter(pl.col("patient_id") == patient)
    try:
        over = explain(
            source.model, row, source.background, scale="risk", times=[m * DAYS_PER_MONTH for m in months]
        )
    except HybridxError:  # a model that knows no risk at a day
        return {}
    parts = 100 * over.modality_contributions()[0]
    order = np.argsort(-np.abs(parts).max(axis=1), kind="stable")
    lines = {
        modality_words(over.modality_names[i]): parts[i] for i in order if np.abs(parts[i]).max() >= 0.05
    }
    if not lines:
        return {}
    ends = [
        (say("an average patient"), [f"{v:.0f} %" for v in 100 * over.base[0]]),
        (say("This patient"), [f"{v:.0f} %" for v in 100 * over.prediction[0]]),
    ]
    rows = [(name, *(signed(v) for v in values)) for name, values in lines.items()]
    return {
        "figure": _drawing(months, dict(list(lines.items())[:_LINES])),
        "columns": (say("Adds to the risk, points"), *(say("{n} months", n=m) for m in months)),
        "rows": [(ends[0][0], *ends[0][1]), *rows, (ends[1][0], *ends[1][1])],
    }


def _drawing(months: list[int], lines: dict[str, Any], width: float = 460) -> Markup:
    """Draw one line per modality, told apart by dashes and name; above zero raises the risk."""
    known = np.concatenate([np.asarray(v) for v in lines.values()])
    x = Scale(0.0, float(months[-1]), 40, width - 150)
    y = Scale(min(float(known.min()), 0.0), max(float(known.max()), 0.0), 140, 14)
    said = "; ".join(f"{name}: {', '.join(signed(v) for v in values)}" for name, values in lines.items())
    drawing = Drawing(
        width, 182, say("What each modality adds to the risk over time, percentage points"), said
    )
    for level in ticks(y.low, y.high, 4):
        drawing.line(x.start, y(level), x.end, y(level), MUTED if level == 0 else GRID)
        drawing.text(x.start - 6, y(level) + 4, f"{level:+g}".replace("-", "−"), anchor="end", size=11)
    for month in months:
        drawing.text(x(month), 158, month, anchor="middle", size=11)
    drawing.text(x.end, 176, say("months"), anchor="end", size=11)
    placed: list[float] = []
    for (name, values), dashes in zip(lines.items(), _DASHES, strict=False):
        points = [(x(m), y(float(v))) for m, v in zip(months, values, strict=True)]
        drawing.path([(x(0), y(0.0)), *points], ACCENT, stroke_width=2.0, stroke_dasharray=dashes)
        at = points[-1][1] + 4
        while any(abs(at - other) < 12 for other in placed):
            at += 12
        placed.append(at)
        drawing.text(points[-1][0] + 8, at, name, size=11, colour=INK)
    return drawing.markup()
