r"""Cox's partial likelihood: ties, strata, case weights and delayed entry, right at any size of the log-hazard.

With the risk set :math:`R_k` and the deaths :math:`D_k` at event time k of a stratum, weights w, mean weight of the
deaths :math:`\bar w_k`, :math:`S_k = \sum_{R_k} w_j e^{\eta_j}` and :math:`T_k = \sum_{D_k} w_j e^{\eta_j}`,

.. math::
    -\log L = \sum_k \Big[ \sum_{l=0}^{d_k - 1} \bar w_k \log\big(S_k - \tfrac{l}{d_k} T_k\big)
              - \sum_{D_k} w_j \eta_j \Big] \quad \text{(Efron)}

and l = 0 throughout for Breslow. S and T are kept as logarithms; :math:`\tau = T / S` lies in (0, 1], so the terms of
tied deaths are :math:`\log S_k + \log(1 - l \tau_k / d_k)` and nothing overflows or cancels, at log-hazards of +-500 as
at 0.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from hybridx.errors import InputError
from hybridx.models.cox_event_times import event_times, late_start
from hybridx.models.cox_risk_sets import NestedRiskSets, RiskSets, TreeRiskSets
from hybridx.terms.text import check_name

__all__ = ["CoxLoss", "Ties"]

Ties = Literal["efron", "breslow"]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
_BLOCK = 1 << 16  # numbers whose weighted copy stays in the processor's cache


@dataclass
class _State:
    """Everything that depends on the linear predictor: K event times, and the later ones among tied deaths."""

    theta: FloatArray  # eta + log w, (n,)
    log_sum: FloatArray  # log S, (K,)
    own: FloatArray  # w e^eta / S of each tied death, at its own event time
    rest: FloatArray  # 1 - f tau of each later tied death


class CoxLoss:
    """Negative log partial likelihood of n patients.

    Parameters
    ----------
    time_days : array-like of float, shape (n,)
        Time of the event or of the last follow-up.
    event : array-like of bool, shape (n,)
        True: it happened.
    ties : {"efron", "breslow"}
        What to do about events on the same day.
    strata : array-like, shape (n,), optional
        Patients are compared within their stratum only.
    weights : array-like of float, shape (n,), optional
        Case weights >= 0; weight 2 counts as two patients (exactly so for Breslow).
    entry : array-like of float, shape (n,), optional
        Delayed entry: the patient is at risk after this time only. NaN: from the start.

    Attributes
    ----------
    size : float
        Number of events, weighted.

    Raises
    ------
    InputError
        Lengths differ, or a weight is negative or not finite.

    Source
    ------
    Efron 1977, doi:10.1080/01621459.1977.10480613; weights as in R's survival (Therneau & Grambsch 2000). Checked
    against R survival 3.5-3 to 1e-8.

    Examples
    --------
    >>> import numpy as np
    >>> loss = CoxLoss([5, 3, 3, 1], [True, True, True, False])
    >>> round(loss.value(np.zeros(4)), 4), round(float(np.log(3) + np.log(2)), 4)
    (1.7918, 1.7918)
    """

    has_intercept = False

    def __init__(
        self,
        time_days: npt.ArrayLike,
        event: npt.ArrayLike,
        *,
        ties: Ties = "efron",
        strata: npt.ArrayLike | None = None,
        weights: npt.ArrayLike | None = None,
        entry: npt.ArrayLike | None = None,
    ) -> None:
        check_name(ties, ("efron", "breslow"), "ties")
        time = np.asarray(time_days, dtype=np.float64)
        happened = np.asarray(event, dtype=bool)
        weight = _checked_weights(weights, len(time))
        for name, given in (("event", happened), ("strata", strata), ("entry", entry)):
            if given is not None and len(np.asarray(given)) != len(time):
                msg = f"{name} has {len(np.asarray(given))} rows where the times have {len(time)}."
                raise InputError(msg)
        counts = np.ones(len(time), dtype=bool)
        if weight is not None:  # weight 0: not there at all
            counts = weight > 0
            happened = happened & counts
        self._weight = weight
        self._log_weight = None if weight is None else np.log(np.where(counts, weight, 1.0))
        code = None if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1].reshape(-1)
        order, end, bounds, group_time = event_times(time, happened, code)
        first = np.zeros(len(time), dtype=np.intp) if code is None else bounds[code]
        self._days = group_time
        begin = late_start(first, bounds, group_time, entry, code)
        self._risk: RiskSets | None = None
        if bounds[-1] and (begin > first).any():
            self._risk = TreeRiskSets(np.where(counts, begin, end), end, int(bounds[-1]))
        elif bounds[-1]:
            rows = order[(end > begin)[order] & counts[order]]
            self._risk = NestedRiskSets(rows, end[rows] - 1, bounds, len(end))
        self._ties(happened, end, ties)

    def _ties(self, happened: npt.NDArray[np.bool_], end: IntArray, ties: Ties) -> None:
        """Lay out the deaths by event time and the weights of the terms of the likelihood."""
        dead = np.flatnonzero(happened)
        dead = dead[np.argsort(end[dead], kind="stable")]
        group = end[dead] - 1
        count = np.bincount(group) if len(dead) else np.zeros(0, dtype=np.intp)
        start = np.append(0, np.cumsum(count))
        weight = np.ones(len(dead)) if self._weight is None else self._weight[dead]
        total = np.bincount(group, weight) if len(dead) else np.zeros(0)
        self.size = float(total.sum())
        self._dead, self._dead_group, self._dead_weight, self._total = dead, group, weight, total
        position = np.arange(len(dead)) - start[group]
        late = np.flatnonzero(position) if ties == "efron" else np.zeros(0, dtype=np.intp)
        self._late_group = group[late]
        self._fraction = position[late] / count[group[late]]
        mean = total / np.maximum(count, 1)
        self._late_weight = mean[self._late_group]
        self._first_weight = total if ties == "breslow" else mean
        # only tied deaths are ever summed apart
        self._tied_groups = np.unique(self._late_group)
        tied = (count[group] > 1) if len(late) else np.zeros(len(dead), dtype=bool)
        self._tied, self._tied_group = dead[tied], group[tied]
        starts = np.append(0, np.cumsum(count[self._tied_groups]))
        self._tied_sums = csr_array(
            (np.empty(len(self._tied)), self._tied, starts), shape=(len(self._tied_groups), len(happened))
        )

    def _at(self, eta: FloatArray) -> _State:
        theta = np.asarray(eta, dtype=np.float64)
        if self._log_weight is not None:
            theta = theta + self._log_weight
        assert self._risk is not None  # noqa: S101  # callers return early where nothing happened
        log_sum = self._risk.log_sums(theta)
        own = np.exp(np.minimum(theta[self._tied] - log_sum[self._tied_group], 0.0))
        share = np.minimum(np.bincount(self._tied_group, own, len(log_sum)), 1.0)
        return _State(theta, log_sum, own, 1.0 - self._fraction * share[self._late_group])

    def _value(self, eta: FloatArray, at: _State) -> float:
        denominators = self._total @ at.log_sum + self._late_weight @ np.log(at.rest)
        return float(denominators - self._dead_weight @ np.asarray(eta)[self._dead])

    def _term(self, at: _State, power: int, fractions: int) -> FloatArray:
        """Return, for each event time, the weighted sum of f^fractions / (1 - f tau)^power over its deaths."""
        result = self._first_weight.copy() if not fractions else np.zeros(len(self._total))
        if len(self._late_group):
            late = self._late_weight / at.rest
            if power == 2:
                late /= at.rest
            for _ in range(fractions):
                late *= self._fraction
            result += np.bincount(self._late_group, late, len(result))
        return result

    def _expected(self, at: _State) -> FloatArray:
        """Return each row's expected number of events (the sum of its selection probabilities), weighted."""
        assert self._risk is not None  # noqa: S101
        expected = self._risk.back(at.theta, at.log_sum, self._term(at, 1, 0))
        if len(self._tied):  # among d tied events a death counts with 1 - f only
            less = self._term(at, 1, 1)[self._tied_group] * at.own
            expected[self._tied] = np.maximum(expected[self._tied] - less, 0.0)
        return expected

    def value(self, eta: FloatArray) -> float:
        """Return the negative log partial likelihood."""
        return 0.0 if self._risk is None else self._value(eta, self._at(eta))

    def gradient(self, eta: FloatArray) -> FloatArray:
        """Return minus the (weighted) martingale residuals, shape (n,)."""
        if self._risk is None:
            return np.zeros(len(eta))
        result = self._expected(self._at(eta))
        result[self._dead] -= self._dead_weight
        return result

    def _means(self, at: _State, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the sums of w e^eta Z over each risk set (K, p) and over tied deaths (n_tied, p), divided by S."""
        assert self._risk is not None  # noqa: S101
        means = self._risk.sums(at.theta, at.log_sum, Z)
        if not len(self._tied):
            return means, np.empty((0, Z.shape[1]))
        sums = copy(self._tied_sums)
        sums.data = at.own
        return means, sums @ Z

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the observed information of the coefficients of `Z` (n, p), shape (p, p)."""
        return self.second_order(eta, Z)[2]

    def second_order(self, eta: FloatArray, Z: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return value, gradient by `eta` (n,) and information of the coefficients of `Z` (p, p), sharing the work."""
        if self._risk is None:
            return 0.0, np.zeros(len(eta)), np.zeros((Z.shape[1], Z.shape[1]))
        at = self._at(eta)
        gradient = self._expected(at)
        information = _weighted_gram(Z, gradient)
        gradient[self._dead] -= self._dead_weight
        means, own = self._means(at, Z)
        # per event time the sum of outer products of (S-mean - f T-mean), a 2 x 2 form, as that of one or two vectors
        a = self._term(at, 2, 0)
        tied = self._tied_groups
        means *= np.sqrt(a)[:, None]
        if len(tied):
            b, c = self._term(at, 2, 1)[tied], self._term(at, 2, 2)[tied]
            means[tied] -= (b / np.sqrt(a[tied]))[:, None] * own
            own *= np.sqrt(np.maximum(c - b**2 / a[tied], 0.0))[:, None]
            information -= own.T @ own
        information -= means.T @ means
        return self._value(eta, at), gradient, information

    def hazard_steps(self, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the event times, stratum after stratum, and the log of the baseline hazard's step at each, (K,)."""
        if self._risk is None:
            return np.empty(0), np.empty(0)
        at = self._at(eta)
        return self._days, np.log(self._term(at, 1, 0)) - at.log_sum

    def curvature(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the second derivative by the linear predictors, times `Z` (n, k), shape (n, k)."""
        if self._risk is None:
            return np.zeros(Z.shape)
        at = self._at(eta)
        means, own = self._means(at, Z)
        tied = self._tied_groups
        V = self._term(at, 2, 0)[:, None] * means
        if len(tied):
            b, c = self._term(at, 2, 1)[tied][:, None], self._term(at, 2, 2)[tied][:, None]
            less = c * own - b * means[tied]
            V[tied] -= b * own
        result = self._expected(at)[:, None] * Z - self._risk.back(at.theta, at.log_sum, V)
        if len(tied):
            result[self._tied] -= at.own[:, None] * less[np.searchsorted(tied, self._tied_group)]
        return np.asarray(result)


def _weighted_gram(Z: FloatArray, weight: FloatArray) -> FloatArray:
    """Return Z' diag(weight) Z, a block of rows at a time: no weighted copy of the whole table."""
    total = np.zeros((Z.shape[1], Z.shape[1]))
    root = np.sqrt(weight)[:, None]
    size = max(_BLOCK // max(Z.shape[1], 1), 256)
    for start in range(0, len(Z), size):
        part = root[start : start + size] * Z[start : start + size]
        total += part.T @ part
    return total


def _checked_weights(weights: npt.ArrayLike | None, n: int) -> FloatArray | None:
    if weights is None:
        return None
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight >= 0)).all():
        msg = f"weights are finite numbers >= 0, one for each of {n} patients, got {weights!r}."
        raise InputError(msg)
    return weight
