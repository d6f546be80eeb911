r"""From a log-hazard to a survival curve: Breslow's estimate of the baseline.

.. math:: H_0(t) = \sum_{t_k \le t} d_k / \sum_{j \in R_k} e^{\eta_j}, \qquad S(t \mid \eta) = \exp(-H_0(t)\, e^{\eta})

with R_k those at risk at t_k: entered before, followed at least until then. Kept and multiplied as logarithms, so a
log-hazard of +-500 gives 0 or 1 and never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.models.cox_loss import CoxLoss, Ties

__all__ = ["BreslowBaseline", "check_times"]

FloatArray = npt.NDArray[np.float64]


def check_times(times: npt.ArrayLike) -> FloatArray:
    """Return times in days as an array, shape (n_times,).

    Raises
    ------
    InputError
        A time is negative or not finite.
    """
    days = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if days.ndim != 1 or not np.isfinite(days).all() or (days < 0).any():
        msg = f"times are days >= 0, one after the other, got {times!r}."
        raise InputError(msg)
    return days


@dataclass(frozen=True)
class BreslowBaseline:
    """Cumulative baseline hazard, a step function.

    Attributes
    ----------
    times_days : array of float, shape (k,)
        Event times of the training patients, rising.
    log_hazard : array of float, shape (k,)
        Logarithm of the cumulative hazard of a patient with log-hazard 0 from each of these times on.
    last_day : float
        End of the longest follow-up in training. Later than that the curve stays flat: nobody was seen there.
    """

    times_days: FloatArray
    log_hazard: FloatArray
    last_day: float

    @classmethod
    def fit(
        cls,
        time_days: FloatArray,
        event: npt.NDArray[np.bool_],
        eta: FloatArray,
        *,
        entry: FloatArray | None = None,
        weights: FloatArray | None = None,
        ties: Ties = "breslow",
    ) -> Self:
        """Estimate the baseline from n patients with log-hazard `eta`, shape (n,).

        Parameters
        ----------
        entry : array of float, shape (n,), optional
            Delayed entry: who enters later was not at risk before (`Outcome.entry_days`).
        weights : array of float, shape (n,), optional
            Case weights >= 0.
        ties : {"breslow", "efron"}
            "efron" counts each of d tied deaths with 1 / d of the others already gone, as R does after an Efron fit.

        Source
        ------
        Checked against R survival 3.5-3 `survfit` to 1e-8, both kinds of ties.
        """
        loss = CoxLoss(time_days, event, ties=ties, weights=weights, entry=entry)
        days, log_steps = loss.hazard_steps(eta)
        log_hazard = np.logaddexp.accumulate(log_steps) if len(log_steps) else log_steps
        return cls(times_days=days, log_hazard=log_hazard, last_day=float(np.max(time_days)))

    def survival(self, eta: FloatArray, times: npt.ArrayLike) -> FloatArray:
        """Return S(t) for each patient and time, shape (n, n_times); NaN where `eta` is NaN.

        Parameters
        ----------
        eta : array of float, shape (n,)
            Log-hazards on the scale of `fit`.
        times : array-like of float, shape (n_times,)
            Days since origin, >= 0, in any order.
        """
        days = check_times(times)
        steps = np.append(-np.inf, self.log_hazard)
        log_hazard = steps[np.searchsorted(self.times_days, days, side="right")]
        # e^700 is the largest exponent a double holds; S is 0 long before
        total = np.exp(np.minimum(log_hazard[None, :] + np.asarray(eta)[:, None], 700.0))
        return np.exp(-total)
