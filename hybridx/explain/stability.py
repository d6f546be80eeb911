r"""Stability: how alike the explanations are that other training patients would have given.

Importances of each refit are ranked, and Spearman's correlation is averaged over all pairs of refits. Two sources:

* the folds of an evaluation (`Explanation.stability`). Two training parts of K-fold cross-validation share
  (K - 2) / (K - 1) of their patients, so this is kinder than new patients would be;
* halves drawn at random (`refit_stability`): the two halves of a split share nobody, each has half of the patients, so
  this is stricter than new cohorts of full size would be.

The interval over folds is a jackknife over refits, on Fisher's scale; the interval over splits counts that splits reuse
the same patients (variance 1/B + 1 instead of 1/B), so it is about as wide as the spread of single splits.

Source
------
Kuncheva 2007, A stability index for feature selection (overlap of the top k, corrected for chance); halves:
Shah & Samworth 2013, doi:10.1111/j.1467-9868.2011.01034.x; correction for reuse: Nadeau & Bengio 2003,
doi:10.1023/A:1024068626366. Rank correlations checked against SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import rankdata
from scipy.stats import t as student
from sklearn.base import clone

from hybridx.cohort.columns import to_frame
from hybridx.cohort.outcome import as_outcome
from hybridx.errors import HybridxError, NotEnoughDataError, SettingsError
from hybridx.explain.explainer import explain
from hybridx.explain.importance import importance_by_fold
from hybridx.explain.interval_bars import interval_bars
from hybridx.explain.tabled import TabledFigure
from hybridx.terms.estimate import Estimate

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["Stability", "halves", "refit_stability", "stability_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Stability:
    """How alike the importances of several refits are.

    Parameters
    ----------
    rows : polars.DataFrame
        `feature` or `modality`, `rank` (mean over refits, 1 is the most important), `low`, `high` (best and worst),
        `share` of refits in which it is among the first `top`; by mean rank.
    agreement : Estimate
        Spearman's correlation of the importances of two refits: 1 the same order, 0 no relation.
    overlap : Estimate
        Kuncheva's index of the first `top`: 1 the same ones, 0 what chance gives.
    level : {"feature", "modality"}
    top, refits : int
    """

    rows: pl.DataFrame
    agreement: Estimate
    overlap: Estimate
    level: str
    top: int
    refits: int

    def table(self, top: int | None = None) -> pl.DataFrame:
        """Return the rows, or the `top` ones."""
        return self.rows if top is None else self.rows.head(top)

    def plot(self, top: int = 20) -> TabledFigure:
        """Return the mean rank of each row, with its best and worst."""
        rows = self.table(top)
        axis = f"rank over {self.refits} refits, 1 is the most important (line: best to worst)"
        return interval_bars(
            rows[self.level].to_list(), rows, "rank", axis, f"refits in the first {self.top}"
        )

    def __repr__(self) -> str:
        return (
            f"Stability({self.refits} refits by {self.level}: rank correlation {self.agreement}; "
            f"first {self.top}, beyond chance: {self.overlap})"
        )


def stability_of(why: Explanation, level: str = "feature", *, top: int = 10) -> Stability:
    """Return how alike the importances of the folds of an evaluation are.

    Parameters
    ----------
    why : Explanation
        Out of fold, ``result.explanation``, of 3 folds or more.
    level : {"feature", "modality"}
    top : int
        How many of the most important ones are compared as a set.

    Raises
    ------
    NotEnoughDataError
        Fewer than 3 folds, or fewer than 2 features.
    """
    names, by_fold = importance_by_fold(why, level)
    if len(by_fold) < 3:
        msg = (
            f"Stability compares models: the explanation has {len(by_fold)} of them, wanted 3 or more. Use "
            "evaluate(..., explain=hx.explain), or refit_stability(model, X, y)."
        )
        raise NotEnoughDataError(msg)
    top = _checked_top(top, names)
    pairs = list(combinations(range(len(by_fold)), 2))
    agreement = np.array([rank_correlation(by_fold[i], by_fold[j]) for i, j in pairs])
    overlap = np.array([_kuncheva(by_fold[i], by_fold[j], top) for i, j in pairs])
    return Stability(
        _ranks(names, by_fold, level, top),
        _jackknifed(agreement, pairs, len(by_fold)),
        _jackknifed(overlap, pairs, len(by_fold)),
        level,
        top,
        len(by_fold),
    )


def refit_stability(
    model: Any,
    X: Any,
    y: Any,
    *,
    splits: int = 10,
    level: str = "feature",
    top: int = 10,
    seed: int = 0,
) -> Stability:
    """Return how alike the importances of models are that were fitted on two halves of the patients.

    Parameters
    ----------
    model : estimator of `hybridx.models` or `hybridx.fusion`
        Unfitted, or fitted: a clone is fitted, tuning included.
    X, y : table, Outcome
        All patients; each half fits a model, and all patients are explained by both.
    splits : int
        Random splits into halves, each two fits; 3 or more.
    level, top
        As in `stability_of`.
    seed : int

    Raises
    ------
    NotEnoughDataError
        A model cannot be fitted on half of the patients.
    SettingsError
        Fewer than 3 splits.
    """
    if splits < 3:
        msg = f"splits={splits!r}: wanted 3 or more."
        raise SettingsError(msg)
    frame, outcome = to_frame(X), as_outcome(y)
    found: list[dict[str, float]] = []
    for one, other in halves(frame, splits, seed):
        for rows in (one, other):
            told, importance = importance_by_fold(fit_and_explain(model, frame, outcome, rows), level)
            found.append(dict(zip(told, importance[0], strict=True)))
    names = list(dict.fromkeys(name for one in found for name in one))
    table = np.array([[one.get(name, 0.0) for name in names] for one in found])
    top = _checked_top(top, names)
    agreement = np.array([rank_correlation(a, b) for a, b in zip(table[::2], table[1::2], strict=True)])
    overlap = np.array([_kuncheva(a, b, top) for a, b in zip(table[::2], table[1::2], strict=True)])
    return Stability(
        _ranks(names, table, level, top),
        _over_splits(agreement),
        _over_splits(overlap),
        level,
        top,
        len(table),
    )


def halves(frame: pl.DataFrame, splits: int, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Return random splits of the rows into halves; a patient's rows stay together."""
    ids = frame["patient_id"].to_list() if "patient_id" in frame.columns else range(frame.height)
    who = np.unique(np.array(ids), return_inverse=True)[1]
    n, rng, found = int(who.max(initial=-1)) + 1, np.random.default_rng(seed), []
    for _ in range(splits):
        first = rng.permutation(n) < n // 2
        found.append((np.flatnonzero(first[who]), np.flatnonzero(~first[who])))
    return found


def fit_and_explain(model: Any, frame: pl.DataFrame, outcome: Any, rows: IntArray) -> Explanation:
    """Fit a clone on some rows and explain all of them."""
    try:
        fitted = clone(model).fit(frame[rows], outcome[rows])
    except HybridxError as error:
        error.add_note(f"while fitting on a half of the patients ({len(rows)} rows)")
        raise
    return explain(fitted, frame, frame, knowing=False)


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Spearman's correlation, 0 where one of the two is constant: it orders nothing."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _checked_top(top: int, names: list[str]) -> int:
    if len(names) < 2:
        msg = f"Ranks need 2 features or modalities, the explanation has {len(names)}."
        raise NotEnoughDataError(msg)
    if top < 1:
        msg = f"top={top!r}: wanted 1 or more."
        raise SettingsError(msg)
    return min(top, max(len(names) // 2, 1))


def _kuncheva(a: FloatArray, b: FloatArray, top: int) -> float:
    p = len(a)
    common = len(_first(a, top) & _first(b, top))
    return float((common * p - top**2) / (top * (p - top)))


def _first(importance: FloatArray, top: int) -> set[int]:
    # what moves nobody is never among the first
    return {int(i) for i in np.argsort(-importance, kind="stable")[:top] if importance[i] > 0}


def _ranks(names: list[str], table: FloatArray, level: str, top: int) -> pl.DataFrame:
    ranks = np.array([rankdata(-row) for row in table])
    among = np.array([[i in _first(row, top) for i in range(len(names))] for row in table])
    rows = pl.DataFrame(
        {
            level: names,
            "rank": ranks.mean(axis=0),
            "low": ranks.min(axis=0),
            "high": ranks.max(axis=0),
            "share": among.mean(axis=0),
        }
    )
    return rows.sort("rank", level)


def _fisher(value: FloatArray) -> FloatArray:
    return np.arctanh(np.clip(value, -0.9999, 0.9999))


def _jackknifed(pairs_value: FloatArray, pairs: list[tuple[int, int]], k: int) -> Estimate:
    value, z = float(pairs_value.mean()), _fisher(pairs_value)
    out = np.array(
        [np.mean([v for v, pair in zip(z, pairs, strict=True) if i not in pair]) for i in range(k)]
    )
    error = float(np.sqrt((k - 1) / k * ((out - out.mean()) ** 2).sum()))
    half = float(student.ppf(0.975, k - 1)) * error
    centre = float(z.mean())
    low, high = float(np.tanh(centre - half)), float(np.tanh(centre + half))
    method = f"mean over pairs of {k} folds, jackknife over folds; folds share training patients"
    return Estimate(value, min(low, value), max(high, value), 0.95, method=method)


def _over_splits(values: FloatArray) -> Estimate:
    b, z = len(values), _fisher(values)
    half = float(student.ppf(0.975, b - 1) * z.std(ddof=1) * np.sqrt(1.0 / b + 1.0))
    low, high = float(np.tanh(z.mean() - half)), float(np.tanh(z.mean() + half))
    value = float(values.mean())
    method = f"mean over {b} splits into halves; interval as wide as one split needs"
    return Estimate(value, min(low, value), max(high, value), 0.95, method=method)
