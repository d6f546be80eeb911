"""HX017, HX018, HX019: one patient on both sides of a split, under one name or two, or in two cohorts."""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.checks.matching import matches
from hybridx.cohort.columns import feature_columns, to_matrix
from hybridx.errors import HybridxError

__all__ = ["ACROSS_COHORTS", "TWO_FOLDS", "TWO_NAMES"]


def _two_folds(facts: Facts) -> list[Finding]:
    analysis, found = facts.analysis, []
    key = ["model", "repeat", "patient_id"]
    several = (
        analysis.predictions.filter(pl.col("fold").is_not_null())
        .group_by(key)
        .len()
        .filter(pl.col("len") > 1)
    )
    if several.height:
        who = sorted(several["patient_id"].unique().to_list())
        sentence = f"{len(who)} patients were tested more than once within a repeat: the folds overlap."
        found.append(TWO_FOLDS.finding("error", sentence, patients=who))
    try:
        y = analysis.cohort.outcomes(analysis.endpoint)
        splits = analysis.design.splits(analysis.cohort, y)
    except (HybridxError, AttributeError) as error:
        if found:
            return found
        msg = f"the design does not give its splits again: {error}"
        raise NotApplicable(msg) from error
    both: set[int] = set()
    bad = 0
    for split in splits:
        shared = np.intersect1d(split.train, split.test)
        bad += bool(len(shared))
        both |= set(shared.tolist())
    if both:
        who = sorted(analysis.cohort.patients[i] for i in both)
        sentence = (
            f"{len(who)} patients are in the training and the test part of one split ({bad} of {len(splits)} "
            "splits): "
            "the models were asked about patients they had seen."
        )
        found.append(TWO_FOLDS.finding("error", sentence, patients=who))
    return found


def _two_names(facts: Facts) -> list[Finding]:
    patients, found = facts.analysis.cohort.patients, matches(facts.whole_matrix)
    if not found:
        return []
    who = sorted({patients[i] for m in found for i in (m.a, m.b)})
    apart = _apart(facts, [(m.a, m.b) for m in found])
    sentence = (
        f"{len(found)} {'pair' if len(found) == 1 else 'pairs'} of patients ({len(who)} identifiers) have the same "
        f"values, {min(m.equal for m in found)} to {max(m.equal for m in found)} telling ones each: one "
        "person under two "
        f"names{apart}."
    )
    return [TWO_NAMES.finding("error", sentence, patients=who)]


def _apart(facts: Facts, pairs: list[tuple[int, int]]) -> str:
    """Say how many pairs were torn apart by a fold."""
    panel = facts.analysis.panel(facts.analysis.primary)
    place = {row: k for k, row in enumerate(facts.rows.tolist())}
    torn = 0
    for a, b in pairs:
        if a in place and b in place:
            one, two = panel.fold[:, place[a]], panel.fold[:, place[b]]
            torn += bool(np.any((one >= 0) & (two >= 0) & (one != two)))
    return (
        f"; {torn} of the pairs were tested in different folds, one twin by a model that knew the other"
        if torn
        else ""
    )


def _across(facts: Facts) -> list[Finding]:
    if facts.other is None:
        msg = "no second cohort was given: result.checks(other=cohort)"
        raise NotApplicable(msg)
    mine, theirs = facts.whole, facts.other.frame()
    shared = [c for c in feature_columns(theirs) if c in set(facts.columns)]
    found = matches(to_matrix(mine, shared), to_matrix(theirs, shared))
    own, other = facts.analysis.cohort.patients, facts.other.patients
    same_name = sorted(set(own) & set(other))
    findings = []
    if found:
        who = sorted({own[m.a] for m in found})
        sentence = (
            f"{len(who)} patients of this cohort are in the second one ({len(other)} patients), by their values in "
            f"{len(shared)} shared columns."
        )
        findings.append(ACROSS_COHORTS.finding("error", sentence, patients=who))
    unmatched = [p for p in same_name if p not in {own[m.a] for m in found}]
    if unmatched:
        sentence = (
            f"{len(unmatched)} identifiers are in both cohorts, and values do not say that it is the same person: "
            "other people of the same number, the same ones measured again, or too few values to tell."
        )
        findings.append(ACROSS_COHORTS.finding("warning", sentence, patients=unmatched))
    if not findings and len(shared) < 3:
        msg = f"the cohorts share {len(shared)} columns: too few to recognise a patient by"
        raise NotApplicable(msg)
    return findings


_HOW = (
    "They agree (to six significant digits) in nine tenths or more of the telling values that both have, in three at "
    "least, and fewer than 1 in 1,000 such pairs are expected among strangers. A telling value is one that 5 % of "
    "patients or fewer have, in columns that mostly hold such values."
)

TWO_FOLDS = Check(
    code="HX017",
    title="Same patient in training and test",
    severities=("error",),
    trigger=(
        "A patient was tested twice in one repeat, or the design, asked again for its splits, puts a patient "
        "into the "
        "training and the test part of one of them."
    ),
    cure="Use the designs of `hx.designs`, or make the splits of your own design by patient, not by scan or lesion.",
    limits="A patient under two identifiers (HX018), and relatives.",
    look=_two_folds,
)

TWO_NAMES = Check(
    code="HX018",
    title="Duplicate patients",
    severities=("error",),
    trigger=f"Two patients of the cohort have the same values. {_HOW}",
    cure=(
        "Find out which record is right, keep one, and evaluate again. A follow-up scan belongs to the same "
        "patient as a "
        "second timepoint (`pet@2`)."
    ),
    limits="The same patient segmented or measured anew, whose values all differ a little.",
    look=_two_names,
)

ACROSS_COHORTS = Check(
    code="HX019",
    title="Duplicate patients across cohorts",
    severities=("error", "warning"),
    trigger=(
        "With `result.checks(other=cohort)`:\n\n"
        f"- **error**: a patient has the values of one in the second cohort, whatever the identifiers. {_HOW}\n"
        "- **warning**: an identifier is in both cohorts, and values do not tell that it is the same person."
    ),
    cure="Take the shared patients out of one cohort: an external validation is one on people the model has not met.",
    limits="The same patient measured with another scanner or extraction, whose values all differ.",
    look=_across,
)
