"""HX016: the explanation speaks of patients whom the explained model was trained on."""

from __future__ import annotations

from collections import Counter

import numpy as np

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.checks.ranking import rank_correlation

__all__ = ["EXPLAINED_ROWS"]

IN_ORDER = 0.9
LEAST = 5


def _look(facts: Facts) -> list[Finding]:
    why = facts.explanation
    if why is None:
        msg = "the result holds no explanation"
        raise NotApplicable(msg)
    if not (hasattr(why, "patients") and hasattr(why, "prediction")):
        msg = f"an explanation of type {type(why).__name__} does not say whom it is about"
        raise NotApplicable(msg)
    counts = Counter(str(p) for p in why.patients)
    panel = facts.analysis.panel(facts.analysis.primary)
    first = int(np.argmax((panel.fold >= 0).any(axis=1)))
    tested = {p for p, fold in zip(facts.patients, panel.fold[first], strict=True) if fold >= 0}
    known = set(facts.patients)
    found = []
    again = sorted(p for p, n in counts.items() if n > 1)
    if again:
        sentence = (
            f"{len(again)} patients are explained more than once, {max(counts.values())} times at most: each is "
            "tested "
            "by one model only, so the others had them in training."
        )
        found.append(EXPLAINED_ROWS.finding("error", sentence, patients=again))
    never = sorted(p for p in counts if p in known and p not in tested)
    if never:
        sentence = (
            f"{len(never)} explained patients were never tested: the explanation speaks of training patients."
        )
        found.append(EXPLAINED_ROWS.finding("error", sentence, patients=never))
    if not found and (r := _agreement(facts, first)) is not None and r < IN_ORDER:
        sentence = (
            f"The explained predictions are not the out-of-fold ones (Spearman {r:.2f} within folds): another "
            "model was "
            "explained, perhaps one that was trained on these patients."
        )
        found.append(EXPLAINED_ROWS.finding("warning", sentence))
    return found


def _agreement(facts: Facts, repeat: int) -> float | None:
    """Return the mean rank correlation, within folds, of explained and out-of-fold predictions."""
    explained = dict(
        zip(facts.explanation.patients, np.asarray(facts.explanation.prediction, float), strict=True)
    )
    value = np.array([explained.get(p, np.nan) for p in facts.patients])
    panel = facts.analysis.panel(facts.analysis.primary)
    fold, score = panel.fold[repeat], panel.score[repeat]
    found = []
    for f in np.unique(fold[fold >= 0]):
        rows = (fold == f) & np.isfinite(value) & np.isfinite(score)
        if rows.sum() >= LEAST and not np.isnan(r := rank_correlation(value[rows], score[rows])):
            found.append(r)
    return float(np.mean(found)) if found else None


EXPLAINED_ROWS = Check(
    code="HX016",
    title="Explanation of training rows",
    severities=("error", "warning"),
    trigger=(
        "- **error**: a patient is explained more than once, or was never tested in the first repeat: "
        "contributions come "
        "from models that had these patients in training;\n"
        "- **warning**: within folds, the explained predictions are in another order than the out-of-fold "
        "predictions "
        "(mean Spearman below 0.9)."
    ),
    cure=(
        "Let the evaluation explain: `hx.evaluate(..., explain=hx.explain)` explains each patient once, by "
        "the model that "
        "never saw them. On training rows a model also explains what it learnt by heart."
    ),
    limits="The background patients of Shapley values, which may be training patients, and rightly so.",
    look=_look,
)
