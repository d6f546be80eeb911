"""HX004: a column that says who a patient is, not how they are."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding
from hybridx.checks.ranking import rank_correlation
from hybridx.terms.text import listing

__all__ = ["IDENTIFIERS"]

FloatArray = npt.NDArray[np.float64]

NAMES = frozenset(
    [
        "id",
        "ids",
        "mrn",
        "pid",
        "uid",
        "guid",
        "identifier",
        "accession",
        "subject",
        "casenumber",
        "recordnumber",
        "index",
        "rownum",
    ]
)
LEAST_PATIENTS = 15
MONOTONE = 0.98
SAME_LENGTH = 0.95
LONG = 10**8  # whole numbers that long, all different, are numbers of records


def _look(facts: Facts) -> list[Finding]:
    order = _order(facts.analysis.cohort.patients)
    place = np.arange(len(order), dtype=np.float64)
    sure: dict[str, str] = {}
    for name, column in zip(facts.columns, facts.whole_matrix.T, strict=True):
        there = column[~np.isnan(column)]
        n = len(there)
        if n < LEAST_PATIENTS or len(np.unique(there)) < n:
            continue
        whole = bool(np.all(there == np.round(there)))
        reasons = []
        if whole and np.ptp(there) == n - 1:
            reasons.append("numbered without a gap")
        if whole and _named(name):
            reasons.append("called like an identifier")
        if whole and _long(there):
            reasons.append("long whole numbers")
        for which, positions in (("patient identifiers", order), ("rows", place)):
            if abs(rank_correlation(column, positions)) >= MONOTONE:
                reasons.append(f"in the order of {which}")
        if reasons:
            sure[name] = reasons[0]
    if not sure:
        return []
    which = listing((f"{name} ({why})" for name, why in sure.items()), 4)
    sentence = (
        f"{len(sure)} {'column differs' if len(sure) == 1 else 'columns differ'} in every patient and "
        f"{'looks' if len(sure) == 1 else 'look'} like an identifier: {which}. It can carry centre, date of "
        "inclusion "
        "or outcome into the model."
    )
    return [IDENTIFIERS.finding("error", sentence, list(sure))]


def _long(values: FloatArray) -> bool:
    """Say whether whole numbers are long as those of records are: nine digits or more, nearly all equally many.

    Large measured sums are whole, too. They spread over powers of ten, or came as numbers of single precision, of which
    a running number of that length is hardly ever one.
    """
    size = np.abs(values)
    if size.min() < LONG or np.all(values.astype(np.float32) == values):
        return False
    _, counts = np.unique(np.floor(np.log10(size)), return_counts=True)
    return bool(counts.max() >= SAME_LENGTH * len(values))


def _named(column: str) -> bool:
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", column.partition(".")[2]).lower())
    numbered = words[-1] in {"no", "nr", "number", "num"} and words[0] in {
        "patient",
        "case",
        "record",
        "study",
    }
    return numbered or not NAMES.isdisjoint(words)


def _order(patients: tuple[str, ...]) -> FloatArray:
    """Return the place of each patient in the natural order of identifiers: P2 before P10."""
    keys = [[(0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.split(r"(\d+)", p)] for p in patients]
    place = np.empty(len(patients))
    place[sorted(range(len(patients)), key=keys.__getitem__)] = np.arange(len(patients))
    return place


IDENTIFIERS = Check(
    code="HX004",
    title="Identifier-like column",
    severities=("error",),
    trigger=(
        "A column differs in every patient (15 or more) and one of these holds: whole numbers without a gap; whole "
        "numbers in a column called id, mrn, uid, accession, patient_no or alike; whole numbers of nine "
        "digits or more, in 95 % of patients equally many, and more exact than single precision; "
        "values in the order of patient identifiers or of rows (|Spearman| of 0.98 or more), as a date of "
        "inclusion or "
        "a running number has."
    ),
    cure=(
        "Leave the column out of the blocks: an identifier belongs into `patient_id`, a centre into "
        "`centre`, a date into "
        "the days of a measurement. If the rows were sorted by a real measurement, shuffle them, or silence "
        "the check."
    ),
    limits="Identifiers with repeats (of families, wards, scanners), and text that was hashed into a fraction.",
    look=_look,
)
