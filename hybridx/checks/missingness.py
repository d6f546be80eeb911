"""HX006, HX007: what is missing predicts the outcome, or the centre."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding
from hybridx.checks.missing_patterns import missing_patterns
from hybridx.checks.ranking import concordance, holm
from hybridx.prepare.single_tests import column_tests
from hybridx.terms.text import listing

__all__ = ["MISSING_BY_CENTRE", "MISSING_BY_OUTCOME"]

ALPHA = 0.01
STRONG = 0.2  # Cramer's V


def _outcome(facts: Facts) -> list[Finding]:
    patterns = missing_patterns(facts)
    flags = np.column_stack([np.where(p.asked, p.missing.astype(float), np.nan) for p in patterns])
    _, p = column_tests(flags, facts.y)
    adjusted = holm(p)
    hits = [k for k in np.argsort(adjusted, kind="stable") if adjusted[k] < ALPHA]
    if not hits:
        return []
    words, ranked = [], facts.y.kind in ("survival", "response")
    for k in hits:
        c, low, high = concordance(facts.y, flags[:, k]) if ranked else (np.nan, np.nan, np.nan)
        measure = "C" if facts.y.kind == "survival" else "AUC"
        shown = (
            f" {_fate(facts.y.kind, c)} ({measure} {c:.2f}, {low:.2f} to {high:.2f})"
            if np.isfinite(c)
            else ""
        )
        words.append(f"{patterns[k].words}, missing in {int(patterns[k].missing.sum())} patients{shown}")
    sentence = (
        f"What is missing predicts {facts.analysis.endpoint}: {listing(words, 3)} (adjusted p < {ALPHA:g})."
    )
    return [MISSING_BY_OUTCOME.finding("warning", sentence, [s for k in hits for s in patterns[k].subjects])]


def _fate(kind: str, c: float) -> str:
    """Say what happens to those who lack it, compared with the others."""
    if kind == "survival":
        return "who have the event earlier" if c > 0.5 else "who have the event later"
    return "who respond more often" if c > 0.5 else "who respond less often"


def _centre(facts: Facts) -> list[Finding]:
    centre = facts.centre
    patterns = missing_patterns(facts)
    p, strength = np.ones(len(patterns)), np.zeros(len(patterns))
    for k, pattern in enumerate(patterns):
        rows = pattern.asked & (centre != "")
        names = [c for c in np.unique(centre[rows]) if np.sum(rows & (centre == c)) >= 5]
        rows &= np.isin(centre, names)
        share = pattern.missing[rows].mean() if rows.any() else 0.0
        if len(names) < 2 or not 0 < share < 1:
            continue
        sizes = np.array([np.sum(rows & (centre == c)) for c in names], dtype=float)
        shares = np.array([pattern.missing[rows & (centre == c)].mean() for c in names])
        statistic = float(np.sum(sizes * (shares - share) ** 2) / (share * (1 - share)))
        p[k], strength[k] = chi2.sf(statistic, len(names) - 1), np.sqrt(statistic / sizes.sum())
    adjusted = holm(p)
    hits = [k for k in np.argsort(-strength, kind="stable") if adjusted[k] < ALPHA and strength[k] >= STRONG]
    if not hits:
        return []
    words = [f"{patterns[k].words} (Cramer's V {strength[k]:.2f})" for k in hits]
    sentence = f"What is missing tells the centre: {listing(words, 4)} (adjusted p < {ALPHA:g})."
    return [MISSING_BY_CENTRE.finding("warning", sentence, [s for k in hits for s in patterns[k].subjects])]


MISSING_BY_OUTCOME = Check(
    code="HX006",
    title="Missingness predicts the outcome",
    severities=("warning",),
    trigger=(
        "Whether a modality was measured, or whether a column within a measured modality is there, is "
        "associated with the "
        "outcome (score test, p adjusted after Holm over all distinct patterns of missing values, below "
        "0.01; patterns "
        "with eight patients or more on each side)."
    ),
    cure=(
        "Ask why it is missing. Sicker patients may not reach the scanner, and dead ones have no second "
        "scan: the flag is "
        "then a predictor that will not travel, or one from the future. Compare with a model of patients who "
        "all have the "
        "modality, look at `result.stress_test()`, and check the day of measurement (HX003)."
    ),
    limits="Missingness that depends on the unseen value itself, and patterns of fewer than eight patients.",
    look=_outcome,
    source="Sperrin M, et al. J Clin Epidemiol 2020. doi:10.1016/j.jclinepi.2020.03.028",
)

MISSING_BY_CENTRE = Check(
    code="HX007",
    title="Missingness tells the centre",
    severities=("warning",),
    trigger=(
        "A pattern of missing values differs between centres: chi-square test adjusted after Holm below 0.01, and "
        "Cramer's V of 0.2 or more."
    ),
    cure=(
        "A model can read the centre from what is missing. Validate with `hx.designs.LeaveOneCentreOut()`, look at "
        "`result.centres()`, and ask what each centre measures as a rule."
    ),
    limits="Centres with fewer than five patients, and differences of protocol that leave no gap.",
    look=_centre,
)
