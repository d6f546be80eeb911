r"""How a network and the line beside it are weighed on held-out patients, and how their sum becomes a prediction.

.. math:: \eta_i = w_l\, l_i + w_f\, (f_i - c) + b

with the line's score l of the anchor modality and the network's f, both of patients that neither had seen, and weights
that are never negative: where the network says nothing that held-out patients bear out, the line is what remains.
Patients without the anchor have the network alone, with a weight of its own near 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from hybridx.cohort import Outcome
from hybridx.fusion.gated_time import IntervalLoss, cumulative_hazard, mean_log_hazard, person_intervals
from hybridx.models import BreslowBaseline
from hybridx.models.losses import make_loss

__all__ = ["Combination", "Scores"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NOTHING = 1e-6  # a weight below it is none
_PRIOR_SD = 0.5  # of the weight of a network alone, around 1
_SMALLEST = 0.05  # its lower bound: the ranking stays
_ENOUGH_ALONE = 10  # patients without the anchor's information on whom that weight may rest


@dataclass(frozen=True)
class Scores:
    """Raw scores of n patients.

    Attributes
    ----------
    line : array (n,)
        Of the anchor modality, centred on its training mean; 0 where not measured.
    network : array (n, size)
        With everything that is measured.
    alone : array (n, size)
        With the anchor hidden.
    anchored : array of bool (n,)
        Whether the anchor is measured.
    others : array of bool (n,)
        Whether anything else is.
    """

    line: FloatArray
    network: FloatArray
    alone: FloatArray
    anchored: BoolArray
    others: BoolArray


@dataclass(frozen=True)
class Combination:
    """Weights, centre and intercepts learnt on held-out scores.

    Attributes
    ----------
    line, network, alone : float
        Weights of the line, of the network beside it, and of the network without it.
    center, intercept : array (size,)
        c and b above; b is 0 for the Cox head.
    baseline : BreslowBaseline or None
        Cox head only.
    cuts : array (J,) or None
        Interval ends in days of the hazard head.
    horizon : float
        Days over which the hazard head's risk is averaged; infinite for the other heads.
    reference : float
        Average risk of the hazard head in training, so that 0 is an average patient.
    """

    line: float
    network: float
    alone: float
    center: FloatArray
    intercept: FloatArray
    baseline: BreslowBaseline | None
    cuts: FloatArray | None
    horizon: float
    reference: float

    @classmethod
    def fit(
        cls, scores: Scores, y: Outcome, cuts: FloatArray | None, horizon: float, *, has_line: bool
    ) -> Self:
        """Learn from held-out scores and the known outcomes of the same patients."""
        center = scores.network.mean(axis=0)
        size = scores.network.shape[1]
        net, alone = scores.network - center, scores.alone - center
        line = np.repeat(scores.line[:, None], size, axis=1)
        if has_line:
            rows = scores.anchored
            w_line, w_net = _weights([line[rows], net[rows]], y[np.flatnonzero(rows)], cuts, ["free", "free"])
            rows = scores.others
            w_alone = 1.0
            if rows.sum() >= _ENOUGH_ALONE:
                (w_alone,) = _weights([alone[rows]], y[np.flatnonzero(rows)], cuts, ["prior"])
        else:
            w_line = 0.0
            (w_net,) = _weights([net], y, cuts, ["prior"])
            w_alone = w_net
        part = cls(w_line, w_net, w_alone, center, np.zeros(size), None, cuts, horizon, 0.0)
        eta = part._eta(scores)
        intercept, baseline, reference = np.zeros(size), None, 0.0
        if cuts is not None or y.kind == "response":
            loss, ones = _loss_of(y, cuts)
            intercept = _minimise(eta.reshape(-1, 1), loss, ones, ["fixed"])[1]
        else:
            baseline = BreslowBaseline.fit(y.time_days, y.event, eta[:, 0], entry=y.entry_days)
        if cuts is not None:
            reference = float(mean_log_hazard(eta + intercept, cuts, horizon).mean())
        return cls(w_line, w_net, w_alone, center, intercept, baseline, cuts, horizon, reference)

    def _eta(self, scores: Scores) -> FloatArray:
        with_line = self.line * scores.line[:, None] + self.network * (scores.network - self.center)
        without = self.alone * (scores.network - self.center)
        return np.where(scores.anchored[:, None], with_line, without) + self.intercept

    def predictor(self, scores: Scores) -> FloatArray:
        """Return log-hazard or log-odds, shape (n,)."""
        eta = self._eta(scores)
        if self.cuts is None:
            return np.asarray(eta[:, 0])
        return mean_log_hazard(eta, self.cuts, self.horizon) - self.reference

    def survival(self, scores: Scores, days: FloatArray) -> FloatArray:
        """Return survival curves, shape (n, n_times)."""
        eta = self._eta(scores)
        if self.cuts is not None:
            return np.exp(-cumulative_hazard(eta, self.cuts, days))
        if self.baseline is None:
            msg = "A response has no survival curve."
            raise TypeError(msg)
        return self.baseline.survival(eta[:, 0], days)


def _loss_of(y: Outcome, cuts: FloatArray | None) -> tuple[Any, FloatArray]:
    """Return the loss of flattened scores and the columns of its free intercepts."""
    if cuts is not None:
        loss = IntervalLoss(*person_intervals(cuts, y.time_days, y.event, y.entry_days))
        return loss, loss.intercepts
    return make_loss(y), np.ones((len(y), 1 if y.kind == "response" else 0))


def _weights(columns: list[FloatArray], y: Outcome, cuts: FloatArray | None, kinds: list[str]) -> list[float]:
    loss, ones = _loss_of(y, cuts)
    design = np.column_stack([column.ravel() for column in columns])
    return [float(w) for w in _minimise(design, loss, ones, kinds)[0]]


def _minimise(
    design: FloatArray, loss: Any, ones: FloatArray, kinds: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Return weights (k,) and intercepts (q,).

    Parameters
    ----------
    kinds : list of {"free", "prior", "fixed"}, length k
        Non-negative; near 1; 1.
    """
    k, q = design.shape[1], ones.shape[1]
    both = np.column_stack([design, ones])
    prior = np.full(k + q, 1e-6)  # an interval without event has no finite intercept of its own
    prior[:k] = [1.0 / _PRIOR_SD**2 if kind == "prior" else 0.0 for kind in kinds]
    target = np.append(np.ones(k), np.zeros(q))

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        eta, off = both @ theta, theta - target
        value = loss.value(eta) + 0.5 * float(prior @ off**2)
        return value, both.T @ loss.gradient(eta) + prior * off

    limits = {"free": (0.0, None), "prior": (_SMALLEST, 3.0), "fixed": (1.0, 1.0)}
    found = minimize(
        objective,
        np.append(np.ones(k), np.zeros(q)),
        jac=True,
        method="L-BFGS-B",
        bounds=[limits[kind] for kind in kinds] + [(-20.0, 20.0)] * q,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 1000},
    ).x
    return np.where(found[:k] < _NOTHING, 0.0, found[:k]), found[k:]
