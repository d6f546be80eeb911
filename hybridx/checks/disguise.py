"""HX005: a feature that is the outcome under another name."""

from __future__ import annotations

import numpy as np

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.checks.ranking import aucs, concordance, rank_correlation
from hybridx.terms.text import listing

__all__ = ["DISGUISE"]

TOO_GOOD = 0.95
TOO_GOOD_LOW = 0.90
SAME = 0.99
LEAST = 10  # in the smaller group: among a thousand columns, one tells three patients from ten by luck
MOST = 20  # columns whose C is computed: the strongest by their test


def _look(facts: Facts) -> list[Finding]:
    happened = facts.happened
    if happened.sum() < LEAST or (~happened).sum() < (0 if facts.y.kind == "survival" else LEAST):
        msg = f"fewer than {LEAST} patients with the event (or without, for a response): luck does as well"
        raise NotApplicable(msg)
    named: dict[str, str] = {}
    z, _ = facts.tests
    for j in np.argsort(-np.abs(z), kind="stable")[:MOST]:
        column = facts.matrix[:, j]
        there = ~np.isnan(column)
        if (happened & there).sum() < LEAST:
            continue
        c, low, high = concordance(facts.y, column)
        if max(c, 1 - c) >= TOO_GOOD and max(low, 1 - high) >= TOO_GOOD_LOW:
            label = "C" if facts.y.kind == "survival" else "AUC"
            named[facts.columns[j]] = f"{label} {max(c, 1 - c):.3f} alone"
    if facts.y.kind == "survival":
        named = {**_times(facts), **_events(facts), **named}
    if not named:
        return []
    which = listing((f"{name} ({why})" for name, why in named.items()), 4)
    sentence = (
        f"{len(named)} {'column tells' if len(named) == 1 else 'columns tell'} {facts.analysis.endpoint} "
        "almost without "
        f"error: {which}. No baseline measurement does; it was probably made from the outcome."
    )
    return [DISGUISE.finding("error", sentence, list(named))]


def _times(facts: Facts) -> dict[str, str]:
    """Find columns that are the time, up to a rising or falling map, over all patients or among those with an event."""
    time, found = facts.y.time_days, {}
    distinct = np.array([len(np.unique(c[~np.isnan(c)])) for c in facts.matrix.T])
    for rows in (np.ones(len(time), dtype=bool), facts.y.event):
        ranks = facts.ranks[rows]
        there = ~np.isnan(ranks)
        n = there.sum(axis=0)
        order = np.argsort(np.argsort(time[rows], kind="stable")).astype(float)
        x = np.where(there, ranks - np.nanmean(ranks, axis=0), 0.0)
        t = np.where(there, order[:, None], 0.0)
        t = np.where(there, t - t.sum(axis=0) / np.maximum(n, 1), 0.0)
        r = (x * t).sum(axis=0) / np.maximum(np.sqrt((x**2).sum(axis=0) * (t**2).sum(axis=0)), 1e-12)
        for j in np.flatnonzero((np.abs(r) > SAME - 0.04) & (n >= LEAST) & (distinct >= LEAST)):
            exact = rank_correlation(facts.matrix[rows, j], time[rows])
            if abs(exact) >= SAME:
                who = "" if rows.all() else " among patients with the event"
                found[facts.columns[j]] = f"Spearman {exact:+.3f} with the time{who}"
    return found


def _events(facts: Facts) -> dict[str, str]:
    """Find columns that tell who had the event, whenever it was."""
    auc, smaller = aucs(facts.ranks, facts.y.event)
    best = np.maximum(auc, 1 - auc)
    hits = np.flatnonzero((best >= SAME) & (smaller >= LEAST))
    return {facts.columns[j]: f"AUC {best[j]:.3f} for having had the event" for j in hits}


DISGUISE = Check(
    code="HX005",
    title="The outcome in disguise",
    severities=("error",),
    trigger=(
        "One column alone ranks patients with C (survival) or AUC (response) of 0.95 or more, with a 95 % "
        "interval that "
        "stays above 0.90; or it is the time up to a rising or falling map (|Spearman| of 0.99 or more, over "
        "all patients "
        "or among those with an event); or it tells who had the event with AUC of 0.99 or more. Asked from "
        "ten events on."
    ),
    cure=(
        "Find out when and how the column was written. What was made from the outcome (status at last "
        "contact, date of "
        "death, response coded as a number) leaves the blocks."
    ),
    limits=(
        "A column made from the outcome with noise, or known for a few patients only. Honest held-out C of "
        "the best models "
        "in this field lies between 0.6 and 0.8; whatever is well above deserves the same question."
    ),
    look=_look,
    source="Kapoor S, Narayanan A. Patterns 2023. doi:10.1016/j.patter.2023.100804",
)
