"""Who was measured with what, patients with the same modalities side by side, and how many share each pattern."""

from __future__ import annotations

from typing import Any

import polars as pl

from hybridx.cohort import Cohort
from hybridx.report.background import Background
from hybridx.report.forest import measured_map
from hybridx.report.language import say
from hybridx.report.rendering import percent
from hybridx.report.words import modality_words
from hybridx.terms.modalities import modality_title

__all__ = ["failed_patients", "map_part", "pattern_frame"]

_MOST_PATTERNS = 12


def map_part(background: Background) -> dict[str, Any]:
    """Return the map of the modalities, ordered by what was measured, with a table of the patterns."""
    cohort = background.cohort
    order = _order(cohort)
    rows = []
    for name in cohort.modalities:
        failed = failed_patients(cohort, name)
        flags = [bool(v) for v in cohort.measured[name]]
        missed = [p in failed and not f for p, f in zip(cohort.patients, flags, strict=True)]
        rows.append((modality_words(name), [flags[i] for i in order], [missed[i] for i in order]))
    patterns = _patterns(background)
    listed = patterns.head(_MOST_PATTERNS)
    table = [
        [_pattern(r["modalities"]), str(r["n"]), percent(r["share"]), str(r["events"])]
        for r in listed.iter_rows(named=True)
    ]
    rest = patterns.height - listed.height
    if rest > 0:
        others = patterns.tail(rest)
        table.append(
            [
                say("{n} other patterns", n=rest),
                str(others["n"].sum()),
                percent(others["share"].sum()),
                str(others["events"].sum()),
            ]
        )
    complete = int(cohort.measured.select(pl.all_horizontal(pl.exclude("patient_id"))).to_series().sum())
    return {
        "drawing": measured_map(rows, title=say("Who was measured with what")),
        "caption": say(
            "Patients in the order of what was measured; {n} of {of} have every modality; patterns: {patterns}.",
            n=complete,
            of=len(cohort),
            patterns=patterns.height,
        ),
        "columns": (
            say("Measured"),
            say("Patients"),
            say("Share"),
            say("Events") if background.is_survival else say("Responders"),
        ),
        "rows": table,
    }


def _pattern(modalities: str) -> str:
    return ", ".join(modality_words(m) for m in modalities.split()) or say("nothing")


def pattern_frame(background: Background) -> pl.DataFrame:
    """Return how many patients share each pattern of modalities: `measured`, `n`, `share`, `events`."""
    return _patterns(background).drop("modalities")


def _patterns(background: Background) -> pl.DataFrame:
    cohort, y = background.cohort, background.outcome
    flags = cohort.measured.drop("patient_id")
    there = [[m for m, flag in zip(flags.columns, row, strict=True) if flag] for row in flags.iter_rows()]
    happened = y.event if y.kind == "survival" else y.value == 1.0
    table = pl.DataFrame(
        {
            "measured": [", ".join(map(modality_title, names)) for names in there],
            "modalities": [" ".join(names) for names in there],
            "event": happened & y.known,
        }
    )
    return (
        table.group_by("measured", "modalities")
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("event").sum().cast(pl.Int64).alias("events"))
        .with_columns((pl.col("n") / len(cohort)).alias("share"))
        .select("measured", "n", "share", "events", "modalities")
        .sort(["n", "measured"], descending=[True, False])
    )


def _order(cohort: Cohort) -> list[int]:
    """Return the rows by what was measured: the modality that most have first, so that stripes join up."""
    names = sorted(cohort.modalities, key=lambda m: -int(cohort.measured[m].sum()))
    columns = [cohort.measured[m].to_list() for m in names]
    failed = [failed_patients(cohort, m) for m in names]
    keys = [
        tuple(
            (0 if column[i] else 1 if p in lost else 2) for column, lost in zip(columns, failed, strict=True)
        )
        for i, p in enumerate(cohort.patients)
    ]
    return sorted(range(len(cohort)), key=lambda i: (keys[i], i))


def failed_patients(cohort: Cohort, modality: str) -> set[str]:
    """Return the patients for whom something failed in a modality."""
    failures = cohort.tables.get("failures")
    return set() if failures is None else set(failures.filter(pl.col("modality") == modality)["patient_id"])
