"""HX008: the features of a modality tell the centre."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.terms.text import listing

__all__ = ["CENTRE_SIGNAL", "separability"]

FloatArray = npt.NDArray[np.float64]

LEAST = 10  # patients of a centre
FOLDS = 5
TELLS = 0.80
SURELY = 0.65
WIDER = (
    4 / 3
)  # over 200 draws of noise (2 x 60 patients, 300 columns) the SD was 0.070 where the formula says 0.053


def _look(facts: Facts) -> list[Finding]:
    centre = facts.centre
    told: dict[str, tuple[float, float, float, int]] = {}
    asked = 0
    for modality in facts.measured:
        which = facts.modality == modality
        rows = facts.measured[modality] & (centre != "")
        names = [c for c in np.unique(centre[rows]) if np.sum(rows & (centre == c)) >= LEAST]
        rows &= np.isin(centre, names)
        if len(names) < 2 or not which.any():
            continue
        asked += 1
        auc, low, high = separability(facts.matrix[np.ix_(rows, which)], centre[rows])
        if auc >= TELLS and low >= SURELY:
            told[modality] = (auc, low, high, int(rows.sum()))
    if not asked:
        msg = f"no modality was measured in {LEAST} patients of two centres"
        raise NotApplicable(msg)
    if not told:
        return []
    order = sorted(told, key=lambda m: -told[m][0])
    words = [
        f"{m} (AUC {told[m][0]:.2f}, {told[m][1]:.2f} to {told[m][2]:.2f}, {told[m][3]} patients)"
        for m in order
    ]
    sentence = f"The centre can be told from the features of {listing(words, 4)}, out of fold."
    return [CENTRE_SIGNAL.finding("warning", sentence, order)]


def separability(matrix: FloatArray, centre: npt.NDArray[np.str_]) -> tuple[float, float, float]:
    """Return the cross-validated AUC, with 95 % interval, of a ridge classifier of the centre; mean over centres.

    Parameters
    ----------
    matrix : array, shape (n, p)
        NaN where missing: filled with the training mean.
    centre : array of str, shape (n,)
        Each centre with `FOLDS` patients or more.

    Notes
    -----
    One centre against the rest, five folds, columns standardised in the training part, ridge penalty equal to the mean
    of the kernel's diagonal. The standard error is that of Hanley and McNeil (1982) for the centre with the fewest
    patients, which is the largest, widened by a third for the fits of the folds.
    """
    names, which = np.unique(centre, return_inverse=True)
    fold = np.empty(len(centre), dtype=np.intp)
    rng = np.random.default_rng(0)
    for k in range(len(names)):
        rows = np.flatnonzero(which == k)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    targets = np.eye(len(names))[which]
    scores = np.zeros(targets.shape)
    for f in range(FOLDS):
        train, test = fold != f, fold == f
        mean = _mean(matrix[train])
        inside, outside = (np.where(np.isnan(m), 0.0, m - mean) for m in (matrix[train], matrix[test]))
        sd = np.sqrt((inside**2).mean(axis=0))
        inside, outside = (np.clip(m / np.where(sd > 0, sd, np.inf), -5, 5) for m in (inside, outside))
        kernel = inside @ inside.T
        penalty = max(float(np.trace(kernel)) / len(kernel), 1e-12)
        centred = targets[train] - targets[train].mean(axis=0)
        weights = np.linalg.solve(kernel + penalty * np.eye(len(kernel)), centred)
        scores[test] = outside @ inside.T @ weights
    found = [_auc(scores[:, k], which == k, fold) for k in range(len(names))]
    auc = float(np.mean(found))
    fewest = int(np.bincount(which).min())
    se = WIDER * _hanley(auc, fewest, len(centre) - fewest)
    return auc, max(auc - 1.96 * se, 0.0), min(auc + 1.96 * se, 1.0)


def _mean(matrix: FloatArray) -> FloatArray:
    there = ~np.isnan(matrix)
    return np.asarray(np.where(there, matrix, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def _auc(score: FloatArray, flag: npt.NDArray[np.bool_], fold: npt.NDArray[np.intp]) -> float:
    """Compare patients of one fold only: scores of different fits have different zeros."""
    right = total = 0.0
    for f in np.unique(fold):
        inside, ones = score[fold == f], flag[fold == f]
        a, b = int(ones.sum()), int((~ones).sum())
        right += float(rankdata(inside)[ones].sum()) - a * (a + 1) / 2
        total += a * b
    return right / total if total else 0.5


def _hanley(auc: float, a: int, b: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    return math.sqrt((auc * (1 - auc) + (a - 1) * (q1 - auc**2) + (b - 1) * (q2 - auc**2)) / (a * b))


CENTRE_SIGNAL = Check(
    code="HX008",
    title="Features tell the centre",
    severities=("warning",),
    trigger=(
        "A ridge classifier, cross-validated in five folds, tells the centre from the features of one "
        "modality with a mean "
        "AUC of 0.80 or more (one centre against the rest) whose 95 % interval stays above 0.65. Centres "
        "with ten patients "
        "or more."
    ),
    cure=(
        "If the outcome differs between centres, a model can predict it by recognising the scanner. "
        "Harmonise inside the "
        "fold (`hybridx.prepare.ComBat`, with what differs by case mix as covariates), validate with "
        "`hx.designs.LeaveOneCentreOut()`, and compare the scores within centres (`result.centres()`)."
    ),
    limits=(
        "Centres that truly see other patients: the check cannot tell case mix from machine. Differences "
        "that a linear "
        "score does not see."
    ),
    look=_look,
    source="Fortin JP, et al. NeuroImage 2018. doi:10.1016/j.neuroimage.2017.11.024",
)
