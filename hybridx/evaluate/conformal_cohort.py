r"""What can be promised about each patient of an evaluated cohort, from the out-of-fold predictions that were kept.

Nothing is fitted again. Each patient's own held-out prediction (mean over repeats) is widened by how wrong the held-out
predictions of the *other* patients were; a patient's own outcome does not enter:

- response: the labels no stranger than all but a share alpha of the others with that label;
- ordered: the levels nearest to the likeliest one, as many as alpha allows, always neighbours. A level's score is the
  probability of the smallest run of neighbours, grown from the likeliest level, that holds it;
- continuous: the prediction plus the alpha / 2 and 1 - alpha / 2 quantiles of the others' errors;
- survival: the days on which the patient's curve falls to two cut-offs; see `hybridx.evaluate.conformal_survival`.

Held-out scores of one cohort are exchangeable, so a patient of it with a known outcome is covered with probability
1 - alpha or more (survival: approximately, by the weights for censoring). A patient whose outcome is unknown is told
the mean of all folds' models, which are a little better than those of the others' folds: the range is then wide enough.

Source
------
Vovk V. Ann Math Artif Intell 2015. doi:10.1007/s10472-013-9368-4 (cross-conformal). Lu C, Angelopoulos A, Pomerantz S.
MICCAI 2022. arXiv:2207.02238 (ordered sets). Lei J et al. JASA 2018. doi:10.1080/01621459.2017.1307116 (intervals).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.evaluate.conformal import check_settings, conformal_quantile
from hybridx.evaluate.conformal_cut import survival_ranges
from hybridx.evaluate.conformal_response import FEWEST
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.panel import FloatArray

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["CohortConformal", "conformal_of", "grown_mass"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CohortConformal:
    """A conformal set or interval for each patient of a result.

    Parameters
    ----------
    kind : {"survival", "response", "ordinal", "continuous"}
    level : float
        Coverage asked for.
    n : int
        Patients with a prediction and a known outcome, from whom the widths were learnt.
    table : polars.DataFrame
        `patient_id` and, of patients with a prediction, ``set`` (list of labels or levels), or ``low`` and ``high`` (in
        the outcome's unit; days for survival, where an upper end beyond follow-up is infinite).
    reason : {"", "not kept", "too few", "late entry"}
        Why there are none: the predictions were not kept, too few known outcomes for this level, or patients who came
        under observation late (who had the event before was never seen).
    """

    kind: str
    level: float
    n: int
    table: pl.DataFrame
    reason: str = ""

    def of(self, patient_id: str) -> Mapping[str, Any] | None:
        """Return one patient's row; None where the model says nothing about them."""
        rows = self.table.filter(pl.col("patient_id") == patient_id)
        return rows.row(0, named=True) if rows.height else None


def conformal_of(result: Result, level: float = 0.9) -> CohortConformal:
    """Return conformal sets (response, ordered) or intervals (continuous, survival) of the primary model's predictions.

    Parameters
    ----------
    result : Result
    level : float
        Coverage asked for, 0.5 to below 1. Of a response it holds within responders and within non-responders.

    Raises
    ------
    SettingsError
        Impossible `level`.

    Examples
    --------
    >>> hx.evaluate.conformal_of(result, level=0.9).of("P012")  # doctest: +SKIP
    {'patient_id': 'P012', 'low': 81.3, 'high': inf}
    """
    check_settings("conformal_of", level, 2)
    predictions = result.predictions.filter(pl.col("model") == result.primary)
    kind = KINDS[result.kind]
    column = kind.curve or kind.score
    if column not in predictions.columns:
        return CohortConformal(result.kind, level, 0, pl.DataFrame(), "not kept")
    patients, told = _means(predictions, column)
    y = result.cohort.outcomes(result.endpoint)
    place = {p: i for i, p in enumerate(result.cohort.patients)}
    y = y[np.array([place[p] for p in patients], dtype=np.intp)]
    answers: dict[str, Any] = {}
    reason = ""
    if result.kind == "survival":
        answers, reason = survival_ranges(told, np.asarray(result.times_days, dtype=np.float64), y, level)
    elif result.kind == "continuous":
        answers, reason = _ranges(told[:, 0], y.value, y.known, level)
    else:
        labels = ["non-responder", "responder"] if result.kind == "response" else list(y.levels)
        levels = np.column_stack([1 - told[:, 0], told[:, 0]]) if result.kind == "response" else told
        inside, reason = _sets(levels, y.value, y.known, level, by_class=result.kind == "response")
        answers = {"set": [[labels[k] for k in np.flatnonzero(row)] for row in inside]}
    table = pl.DataFrame() if reason else pl.DataFrame({"patient_id": patients, **answers})
    return CohortConformal(result.kind, level, int(y.known.sum()), table, reason)


def _means(predictions: pl.DataFrame, column: str) -> tuple[list[str], FloatArray]:
    """Return who has a prediction, and its mean over repeats, shape (n, 1) or (n, T)."""
    there = predictions.drop_nulls(column)
    if not there.height:
        return [], np.empty((0, 1))
    values = there[column].to_numpy().astype(np.float64).reshape(there.height, -1)
    rows = ~np.isnan(values).any(axis=1)
    names, where = np.unique(
        np.asarray(there["patient_id"].to_list(), dtype=object)[rows], return_inverse=True
    )
    total = np.zeros((len(names), values.shape[1]))
    np.add.at(total, where, values[rows])
    return [str(name) for name in names], total / np.bincount(where, minlength=len(names))[:, None]


def _sets(
    levels: FloatArray, value: FloatArray, known: BoolArray, level: float, *, by_class: bool
) -> tuple[BoolArray, str]:
    """Return which labels are in each patient's set, shape (n, K), learnt from the others."""
    n, width = levels.shape
    nothing = np.zeros((n, width), dtype=bool)
    strange = 1.0 - levels if by_class else grown_mass(levels)
    label = np.where(known, value, -1).astype(int)
    if (by_class and any((label == k).sum() <= FEWEST for k in range(width))) or known.sum() <= 2 * FEWEST:
        return nothing, "too few"
    own = strange[np.arange(n), np.maximum(label, 0)]
    inside = nothing
    for i in range(n):
        others = known & (np.arange(n) != i)
        for k in range(width):
            group = others & (label == k) if by_class else others
            inside[i, k] = strange[i, k] <= conformal_quantile(own[group], level) + 1e-12
    likeliest = levels == levels.max(axis=1, keepdims=True)
    return np.where(inside.any(axis=1, keepdims=True), inside, likeliest), ""


def grown_mass(levels: FloatArray) -> FloatArray:
    """Return, for each level, the probability of the run of neighbours grown from the likeliest level until it is in.

    The run takes the likelier of its two neighbours first. Shape (n, K) in and out.

    Examples
    --------
    >>> grown_mass(np.array([[0.1, 0.5, 0.3, 0.1]])).round(3).tolist()
    [[0.9, 0.5, 0.8, 1.0]]
    """
    n, width = levels.shape
    low = high = levels.argmax(axis=1)
    rows = np.arange(n)
    mass = np.zeros((n, width))
    total = levels[rows, low].copy()
    mass[rows, low] = total
    for _ in range(width - 1):
        below = np.where(low > 0, levels[rows, np.maximum(low - 1, 0)], -1.0)
        above = np.where(high < width - 1, levels[rows, np.minimum(high + 1, width - 1)], -1.0)
        down = below >= above  # of two alike the better level
        taken = np.where(down, low - 1, high + 1)
        total = total + np.maximum(below, above)
        mass[rows, taken] = total
        low, high = np.where(down, low - 1, low), np.where(down, high, high + 1)
    return mass


def _ranges(
    told: FloatArray, value: FloatArray, known: BoolArray, level: float
) -> tuple[dict[str, FloatArray], str]:
    """Return the ends of each patient's interval, learnt from the errors of the others."""
    least = int(np.ceil(2.0 / (1.0 - level) - 1e-9))
    if known.sum() < least:
        return {}, "too few"
    error = value - told
    low, high = np.empty(len(told)), np.empty(len(told))
    for i in range(len(told)):
        others = np.sort(error[known & (np.arange(len(told)) != i)])
        tail = int(np.floor((len(others) + 1) * (1.0 - level) / 2.0 + 1e-9))
        low[i], high[i] = told[i] + others[tail - 1], told[i] + others[len(others) - tail]
    return {"low": low, "high": high}, ""
