"""HX020: every column of a block is associated with the outcome: it was selected on all patients."""

from __future__ import annotations

import numpy as np

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable

__all__ = ["SELECTED_BEFORE"]

ALPHA = 0.05
LEAST_COLUMNS = 8
LEAST_DIMENSIONS = 4.0


def _look(facts: Facts) -> list[Finding]:
    _, p = facts.tests
    found, looked = [], False
    for modality in dict.fromkeys(facts.modality.tolist()):
        which = np.flatnonzero(facts.modality == modality)
        if (
            len(which) < LEAST_COLUMNS
            or (dimensions := _dimensions(facts.ranks[:, which])) < LEAST_DIMENSIONS
        ):
            continue
        looked = True
        if not np.all(p[which] < ALPHA):
            continue
        sentence = (
            f"All {len(which)} columns of {modality} are associated with {facts.analysis.endpoint} (p < {ALPHA:g} "
            "each, "
            f"largest {p[which].max():.3f}; {dimensions:.0f} independent directions): they look selected on all "
            "patients."
        )
        found.append(SELECTED_BEFORE.finding("warning", sentence, [facts.columns[j] for j in which]))
    if not looked:
        msg = f"no block has {LEAST_COLUMNS} columns that are not mostly one and the same"
        raise NotApplicable(msg)
    return found


def _dimensions(ranks: np.ndarray) -> float:
    """Return the effective number of directions: (sum of eigenvalues)^2 over the sum of their squares."""
    there = ~np.isnan(ranks)
    centred = np.where(there, ranks - np.nanmean(ranks, axis=0), 0.0)
    size = np.sqrt((centred**2).sum(axis=0))
    scaled = centred[:, size > 0] / size[size > 0]
    gram = scaled @ scaled.T if scaled.shape[0] < scaled.shape[1] else scaled.T @ scaled
    squares = float((gram**2).sum())
    return float(np.trace(gram) ** 2 / squares) if squares > 0 else 0.0


SELECTED_BEFORE = Check(
    code="HX020",
    title="Selected on all patients",
    severities=("warning",),
    trigger=(
        "Every column of a block with eight columns or more, in four or more effective directions, is "
        "associated with "
        "the outcome at p < 0.05 (score test of its ranks). A block that nobody selected by its outcome has "
        "columns that "
        "have nothing to do with it."
    ),
    cure=(
        "Build the cohort from all columns that were measured and select inside the fold "
        "(`hybridx.prepare.UnivariateScreen` and "
        "models with a sparse penalty do). If the columns were chosen on other patients (a published signature, an "
        "earlier cohort), silence the check and say so."
    ),
    limits=(
        "A selection that let a few weak columns through, and blocks of fewer than eight columns. A short "
        "list of strong, "
        "well-known markers raises it although nobody selected them on these patients."
    ),
    look=_look,
    source="Ambroise C, McLachlan GJ. PNAS 2002. doi:10.1073/pnas.102102699",
)
