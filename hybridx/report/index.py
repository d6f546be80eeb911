"""The index of a batch: every patient with risk, what was measured and what went wrong; sorts and filters offline."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

from hybridx.report.background import Background
from hybridx.report.bars import share_cell
from hybridx.report.language import say
from hybridx.report.outlook_kinds import found_words
from hybridx.report.page import Page
from hybridx.report.rendering import months, number, percent, render
from hybridx.report.response_outlook import validated
from hybridx.report.trust import provenance
from hybridx.report.value_words import with_unit
from hybridx.report.who import failures_of
from hybridx.report.words import (
    INTENDED_USE,
    INTENDED_USE_SHORT,
    endpoint_words,
    modality_words,
    model_title,
    survivors,
)

__all__ = ["index_page", "index_script"]


_LAST = -1e12  # where a patient without a prediction sorts, whatever is predicted for the others


@functools.cache
def index_script() -> tuple[str, str]:
    """Return the sorting script, and the words by which a page's content policy lets it, and nothing else, run."""
    text = resources.files("hybridx.report").joinpath("templates/index.js").read_text(encoding="utf-8")
    return text, f"; script-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def index_page(
    background: Background,
    pages: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    *,
    cohort_link: str = "cohort.html",
    response: Background | None = None,
    response_link: str = "",
) -> Page:
    """Return the list of all patients with links to their pages.

    Parameters
    ----------
    background : Background
    pages : mapping of str to str
        Patient to relative address of the page; a patient who is not in it has no page.
    problems : mapping of str to str, optional
        Patient to the reason why the page could not be written.
    cohort_link : str
        Relative address of the cohort report; empty for none.
    response : Background, optional
        A second result, of the therapy response: a column more, and what was observed.
    response_link : str
        Relative address of its cohort report.
    """
    result, cohort = background.result, background.cohort
    script, script_source = index_script()
    rows = [
        _row(background, p, pages.get(p, ""), (problems or {}).get(p, "")) | _responding(response, p)
        for p in cohort.patients
    ]
    # Worst first: the index opens on those whom a board would want to see; no prediction comes last.
    rows.sort(key=lambda r: (math.isnan(r["share"]), r["share_sort"]))
    title = say("{endpoint}: all patients", endpoint=result.endpoint)
    html = render(
        "index.html.j2",
        title=title,
        endpoint=endpoint_words(result.endpoint),
        headline=_headline(background),
        second="" if response is None else _headline(response),
        second_words="" if response is None else endpoint_words(response.result.endpoint),
        second_link=response_link,
        second_validated="" if response is None else validated(response),
        model=model_title(result.primary),
        rows=rows,
        modalities=[modality_words(m) for m in cohort.modalities],
        group_names=[background.group_title(g) for g in background.group_names],
        wrongs=sorted({kind for r in rows for kind in r["wrong"]}),
        n_failed=sum(bool(r["wrong"]) for r in rows),
        cohort_link=cohort_link,
        synthetic=bool(cohort.provenance.get("synthetic")),
        provenance=provenance(background),
        notice=say(INTENDED_USE),
        notice_short=say(INTENDED_USE_SHORT),
        script=script,
        script_source=script_source,
    )
    return Page(html, title)


def _headline(background: Background) -> str:
    result = background.result
    if background.is_survival:
        return f"{survivors(result.endpoint)} {say('at {n} months', n=number(background.main_horizon))}"
    if result.kind == "response":
        return say("probability of {endpoint}", endpoint=result.endpoint)
    return str(result.endpoint)


def _responding(response: Background | None, patient: str) -> dict[str, Any]:
    """Return the cells of the second result; a patient who is not in it has no prediction there."""
    if response is None:
        return {}
    share, i = response.predicted.get(patient, math.nan), response.row_of(patient)
    return {
        "second": {
            "unknown": i is not None and not response.outcome.known[i],
            "sort": _LAST if math.isnan(share) else share,
            "shown": "" if math.isnan(share) else percent(share),
            "bar": share_cell(share, title=f"{100 * share:.0f} %") if math.isfinite(share) else "",
            "observed": "" if i is None else _observed(response, i),
        }
    }


def _row(background: Background, patient: str, page: str, problem: str) -> dict[str, Any]:
    cohort = background.cohort
    i = background.index_of(patient)
    share = background.predicted.get(patient, math.nan)
    group = background.groups.get(patient)
    failures = failures_of(background, patient)
    words = [
        (modality_words(f["modality"]) if f["modality"] else say("study"), f["reason"]) for f in failures
    ]
    measured = [bool(cohort.measured[m][i]) for m in cohort.modalities]
    return {
        "patient": patient,
        "page": page,
        "problem": problem,
        "share": share,
        # of levels the higher rank is the worse, of shares the lower
        "share_sort": _LAST
        if math.isnan(share)
        else -share
        if background.result.kind == "ordinal"
        else share,
        "shown": "" if math.isnan(share) else _told(background, patient, share),
        "bar": share_cell(share, title=f"{100 * share:.0f} %" if math.isfinite(share) else "")
        if background.result.kind in ("survival", "response")
        else "",
        "group": "" if group is None else background.group_title(group),
        "group_class": "" if group is None else background.group_class(group),
        "measured": measured,
        "n_measured": sum(measured),
        "failures": words,
        "wrong": sorted({*([say("no page")] if problem else []), *(where for where, _ in words)}),
        "observed": _observed(background, i),
    }


def _told(background: Background, patient: str, value: float) -> str:
    """Write a prediction: a share, the likeliest level with its probability, or a value."""
    y = background.outcome
    if y.kind == "continuous":
        return with_unit(value, y.unit)
    if y.kind != "ordinal":
        return percent(value)
    levels = background.levels.get(patient, ())
    if not levels:  # of an earlier version, without the probabilities
        return say("level {n}", n=number(1 + value))
    best = max(range(len(levels)), key=lambda k: levels[k].value)
    return f"{y.levels[best]} ({percent(levels[best].value)})"


def _observed(background: Background, i: int) -> str:
    y = background.outcome
    if not y.known[i]:
        return say("not recorded")
    if y.kind in ("ordinal", "continuous"):
        return found_words(y, i)
    if y.kind == "response":
        return say("responder") if y.value[i] == 1 else say("non-responder")
    what = say("event") if y.event[i] else say("no event")
    return say("{what}, {n} mo", what=what, n=months(float(y.time_days[i])))
