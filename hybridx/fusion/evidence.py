r"""How far each group of features may move the prediction: asked of the data, and averaged over what they leave open.

A linear predictor is a sum of m groups, each with a prior of its own size,

.. math:: \eta = \sum_g \phi_g b_g, \qquad b_g \sim N(0, s_g^2 I), \qquad \log s_g \sim N(\mu_g, \sigma_g^2),

where the rows of each :math:`\phi_g` have mean square norm 1, so that s_g is the standard deviation of the group's
share of the predictor between patients. The evidence of s (the likelihood averaged over all b) is Laplace's: the loss
is replaced by its quadratic at the fit. Instead of the best s alone, predictions are averaged over s by importance
sampling on a fixed low-discrepancy sequence: with few events the data leave s wide open, and an average is safer than a
winner.

Where features outnumber patients all is done in the n coordinates of the patients, else in those of the features.

Source: evidence MacKay 1992, doi:10.1162/neco.1992.4.3.415; Cox models of many penalties in kernel coordinates van de
Wiel et al. 2021, doi:10.1080/10618600.2021.1904962.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models.losses import Loss

__all__ = ["EvidenceFit", "SizePrior", "fit_by_evidence"]

FloatArray = npt.NDArray[np.float64]

_MAX_ROUNDS, _MAX_HALVINGS = 40, 30
_FIRST_REACH, _SHORTER = 1.0, 0.8  # change of log s in a round: 5 in all
_WIDER = 1.2  # spread of the proposals against the posterior's curvature: importance weights stay bounded
_ABSURD = "The fit by evidence made no progress: are there values of absurd size in the table?"
_BOUND = 4.0  # prior standard deviations within which log s is searched


@dataclass(frozen=True)
class SizePrior:
    """Prior of the groups' sizes s: typical value (m,) and standard deviation of log s (m,); 0 fixes the size."""

    typical: FloatArray
    log_sd: FloatArray


@dataclass(frozen=True)
class EvidenceFit:
    """What the data say.

    Attributes
    ----------
    sizes : array of float, shape (m,)
        s at the highest posterior density.
    coefficients : list of array of float, shapes (q_g,)
        Of each group's columns, averaged over s.
    log_evidence : float
        At `sizes`, up to a constant of the loss.
    effective_draws : float
        How many of the draws of s carry weight; 1 when nothing was averaged.
    """

    sizes: FloatArray
    coefficients: list[FloatArray]
    log_evidence: float
    effective_draws: float


class _Quadratic(Protocol):
    """The loss as a quadratic around a predictor, whichever coordinates it is kept in."""

    def evidence(self, sizes: FloatArray) -> tuple[float, FloatArray]:
        """Return log evidence and its derivative by log s."""

    def solve(self, sizes: FloatArray) -> list[FloatArray]:
        """Return the posterior mean coefficients of each group."""


class _ByFeatures:
    def __init__(self, groups: Sequence[FloatArray], loss: Loss, eta: FloatArray) -> None:
        wide = np.hstack(groups)
        curved = loss.curvature(eta, wide)
        self.gram = wide.T @ curved
        self.pull = curved.T @ eta - wide.T @ loss.gradient(eta)
        self.group = np.repeat(np.arange(len(groups)), [g.shape[1] for g in groups])

    def _factor(self, sizes: FloatArray) -> tuple[tuple[FloatArray, bool], FloatArray, FloatArray]:
        scale = sizes[self.group]
        factor = cho_factor(
            scale[:, None] * self.gram * scale + np.eye(len(scale)), lower=True, check_finite=False
        )
        return factor, cho_solve(factor, scale * self.pull, check_finite=False), scale

    def evidence(self, sizes: FloatArray) -> tuple[float, FloatArray]:
        factor, mean, scale = self._factor(sizes)
        value = 0.5 * float(scale * self.pull @ mean) - float(np.log(np.diag(factor[0])).sum())
        variance = np.diag(cho_solve(factor, np.eye(len(scale)), check_finite=False))
        return value, np.bincount(self.group, mean**2 - 1.0 + variance, minlength=len(sizes))

    def solve(self, sizes: FloatArray) -> list[FloatArray]:
        _, mean, scale = self._factor(sizes)
        return [(scale * mean)[self.group == g] for g in range(len(sizes))]


class _ByPatients:
    def __init__(self, groups: Sequence[FloatArray], loss: Loss, eta: FloatArray) -> None:
        curvature = loss.curvature(eta, np.eye(len(eta)))
        values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
        keep = values > 1e-8 * max(float(values[-1]), 1e-300)
        root = np.sqrt(values[keep])
        self.out = vectors[:, keep] * root  # curvature = out @ out.T
        self.target = (vectors[:, keep] / root).T @ (curvature @ eta - loss.gradient(eta))
        self.turned = [g.T @ self.out for g in groups]
        self.kernels = [t.T @ t for t in self.turned]

    def _factor(self, sizes: FloatArray) -> tuple[tuple[FloatArray, bool], FloatArray]:
        total = np.eye(len(self.target))
        for size, kernel in zip(sizes, self.kernels, strict=True):
            total += size**2 * kernel
        factor = cho_factor(total, lower=True, check_finite=False)
        return factor, cho_solve(factor, self.target, check_finite=False)

    def evidence(self, sizes: FloatArray) -> tuple[float, FloatArray]:
        factor, dual = self._factor(sizes)
        value = -0.5 * float(self.target @ dual) - float(np.log(np.diag(factor[0])).sum())
        inverse = cho_solve(factor, np.eye(len(dual)), check_finite=False)
        slope = [
            size**2 * (float(dual @ (kernel @ dual)) - float(np.vdot(inverse, kernel)))
            for size, kernel in zip(sizes, self.kernels, strict=True)
        ]
        return value, np.array(slope)

    def solve(self, sizes: FloatArray) -> list[FloatArray]:
        _, dual = self._factor(sizes)
        return [size**2 * (turned @ dual) for size, turned in zip(sizes, self.turned, strict=True)]


def fit_by_evidence(
    groups: Sequence[FloatArray], loss: Loss, prior: SizePrior, *, n_draws: int = 64
) -> EvidenceFit:
    """Fit all groups at once, each shrunk as far as the evidence asks for.

    Parameters
    ----------
    groups : sequence of array of float, shapes (n, q_g)
        Rows of mean square norm 1 over the patients who have the group; rows of 0 for the others.
    loss : Loss
        Of the n patients. An intercept is a group like any other: a column of ones with a fixed, generous size.
    prior : SizePrior
        Of the m groups.
    n_draws : int
        Draws of s that predictions are averaged over, a power of 2; 0 takes the best s alone.

    Raises
    ------
    SettingsError
        `n_draws` is neither 0 nor a power of 2.
    ConvergenceError
        The fit found no solution.
    """
    if n_draws < 0 or n_draws & (n_draws - 1):
        msg = f"n_draws is 0 or a power of 2, got {n_draws!r}."
        raise SettingsError(msg)
    with np.errstate(over="ignore"):
        if not all(np.isfinite(np.vdot(g, g)) for g in groups):
            raise ConvergenceError(_ABSURD)
    free = np.flatnonzero(prior.log_sd > 0)
    sizes = prior.typical.astype(np.float64)
    eta = np.zeros(len(groups[0]))
    form = _ByFeatures if sum(g.shape[1] for g in groups) <= len(eta) else _ByPatients
    coefficients = [np.zeros(g.shape[1]) for g in groups]
    for k in range(_MAX_ROUNDS):
        quadratic = form(groups, loss, eta)
        moved = _best_sizes(quadratic, prior, sizes, free) if len(free) else sizes
        # larger sizes move the predictor, and that the quadratic: shorter and shorter steps keep the two from chasing
        # each other; the last rounds are Newton's method at sizes that stand still
        reach = _FIRST_REACH * _SHORTER**k
        moved = sizes * np.exp(np.clip(np.log(moved / sizes), -reach, reach))
        coefficients, new = _step(groups, loss, coefficients, quadratic.solve(moved), moved)
        change = max(float(np.abs(new - eta).max()), float(np.abs(np.log(moved / sizes)).max(initial=0.0)))
        sizes, eta = moved, new
        if change < 1e-3:
            break
    else:
        # sizes that still wander a little are no harm: they are averaged; a predictor that does is no fit
        if change > 0.1:
            msg = f"The fit by evidence did not settle in {_MAX_ROUNDS} rounds (last change {change:.3g})."
            raise ConvergenceError(msg)
    quadratic = form(groups, loss, eta)
    best = quadratic.evidence(sizes)[0]
    if not n_draws or not len(free):
        return EvidenceFit(sizes, quadratic.solve(sizes), best, 1.0)
    mean, effective = _average(quadratic, prior, sizes, free, n_draws)
    return EvidenceFit(sizes, mean, best, effective)


def _posterior(
    quadratic: _Quadratic, prior: SizePrior, sizes: FloatArray, free: npt.NDArray[np.intp], x: FloatArray
) -> tuple[float, FloatArray]:
    """Return the log posterior of log s of the free groups, and its derivative."""
    tried = sizes.copy()
    tried[free] = np.exp(x)
    value, slope = quadratic.evidence(tried)
    off = (x - np.log(prior.typical[free])) / prior.log_sd[free]
    return value - 0.5 * float(off @ off), slope[free] - off / prior.log_sd[free]


def _best_sizes(
    quadratic: _Quadratic, prior: SizePrior, sizes: FloatArray, free: npt.NDArray[np.intp]
) -> FloatArray:
    middle, reach = np.log(prior.typical[free]), _BOUND * prior.log_sd[free]

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        value, slope = _posterior(quadratic, prior, sizes, free, x)
        return -value, -slope

    found = minimize(
        objective,
        np.log(sizes[free]),
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([middle - reach, middle + reach]),
        options={"maxiter": 30, "ftol": 1e-9},
    )
    result = sizes.copy()
    result[free] = np.exp(found.x)
    return result


def _step(
    groups: Sequence[FloatArray],
    loss: Loss,
    old: list[FloatArray],
    new: list[FloatArray],
    sizes: FloatArray,
) -> tuple[list[FloatArray], FloatArray]:
    """Go towards the new coefficients as far as the penalised loss falls."""

    def objective(b: list[FloatArray]) -> tuple[float, FloatArray]:
        eta = np.sum([g @ c for g, c in zip(groups, b, strict=True)], axis=0)
        return loss.value(eta) + 0.5 * sum(float(c @ c) / s**2 for c, s in zip(b, sizes, strict=True)), eta

    before, length = objective(old)[0], 1.0
    for _ in range(_MAX_HALVINGS):
        tried = [o + length * (n - o) for o, n in zip(old, new, strict=True)]
        value, eta = objective(tried)
        if value <= before + 1e-9 * (1.0 + abs(before)):
            return tried, eta
        length *= 0.5
    raise ConvergenceError(_ABSURD)


def _average(
    quadratic: _Quadratic,
    prior: SizePrior,
    sizes: FloatArray,
    free: npt.NDArray[np.intp],
    n_draws: int,
) -> tuple[list[FloatArray], float]:
    """Return coefficients averaged over the posterior of s, and the effective number of draws."""
    mode, width = np.log(sizes[free]), 0.05
    hessian = np.empty((len(free), len(free)))
    for i in range(len(free)):
        shift = np.zeros(len(free))
        shift[i] = width
        ahead = _posterior(quadratic, prior, sizes, free, mode + shift)[1]
        behind = _posterior(quadratic, prior, sizes, free, mode - shift)[1]
        hessian[i] = -(ahead - behind) / (2 * width)
    values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
    # where the evidence is flat or bent the wrong way the prior's own width is the widest that is sensible
    spread = vectors / np.sqrt(np.maximum(values, 1.0 / float(prior.log_sd[free].max()) ** 2))
    points = qmc.Sobol(len(free), scramble=False).random(2 * n_draws)[
        n_draws:
    ]  # the sequence starts in a corner
    steps = _WIDER * norm.ppf(np.clip(points, 1e-4, 1.0 - 1e-4))
    logs, found = np.empty(n_draws), []
    for k, step in enumerate(steps):
        x = mode + spread @ step
        logs[k] = _posterior(quadratic, prior, sizes, free, x)[0] + 0.5 * float(step @ step) / _WIDER**2
        drawn = sizes.copy()
        drawn[free] = np.exp(x)
        found.append(quadratic.solve(drawn))
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    mean = [
        np.sum([w * draw[g] for w, draw in zip(weights, found, strict=True)], axis=0)
        for g in range(len(sizes))
    ]
    return mean, float(1.0 / np.sum(weights**2))
