r"""Ridge fits with one penalty per block of columns, and those penalties from held-out patients.

A priori each block b carries a linear predictor of standard deviation s_b between patients,

.. math:: \eta = a + \sum_b Z_b \beta_b, \qquad \beta_b \sim N(0, s_b^2 / q_b), \qquad
   K = \sum_b \frac{s_b^2}{q_b} Z_b Z_b^\top,

so :math:`\eta = a + K \alpha` and the fit has as many unknowns as patients, whatever the number q_b of columns. The
kernels of the blocks are computed once per fold; for each trial of (s_b) a fit is a handful of Newton steps, and the
held-out likelihood comes with its exact gradient by log s_b (implicit differentiation of the fit), so that a
quasi-Newton search finds all penalties together in a dozen trials. With fewer columns than patients the same steps are
taken in as many unknowns as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, lu_factor, lu_solve
from scipy.optimize import minimize

from hybridx.errors import ConvergenceError
from hybridx.models.losses import Loss

__all__ = ["BlockFit", "BlockFold", "fit_blocks", "search_prior_sds"]

FloatArray = npt.NDArray[np.float64]

_MAX_STEPS, _MAX_HALVINGS = 60, 40
_EXACT, _QUICK = (
    1e-12,
    1e-6,
)  # Newton decrement, relative to the objective, of a fit and of a trial in the search


class _Kernel:
    """Sum of the blocks' kernels at given prior SDs, and the linear algebra of a Newton step on it."""

    def __init__(self, blocks: Sequence[FloatArray], test: Sequence[FloatArray] = ()) -> None:
        scaled = [z / np.sqrt(max(z.shape[1], 1)) for z in blocks]
        other = [z / np.sqrt(max(z.shape[1], 1)) for z in test]
        self.n = len(blocks[0])
        self.dense = sum(z.shape[1] for z in blocks) > self.n
        self.widths = [z.shape[1] for z in blocks]
        if self.dense:
            self._parts = np.stack([z @ z.T for z in scaled])
            self._cross = [a @ b.T for a, b in zip(other, scaled, strict=True)] if test else []
        else:
            self._columns, self._test = scaled, other

    def at(self, prior_sds: FloatArray) -> None:
        """Set the prior SDs, shape (m,)."""
        self._variance = prior_sds**2
        if self.dense:
            self._sum = np.tensordot(self._variance, self._parts, 1)
        else:
            self._factor = np.hstack([s * z for s, z in zip(prior_sds, self._columns, strict=True)])

    def times(self, x: FloatArray) -> FloatArray:
        """Return K x."""
        return np.asarray(self._sum @ x if self.dense else self._factor @ (self._factor.T @ x))

    def by_block(self, x: FloatArray) -> FloatArray:
        """Return each block's share of K x, shape (n, m)."""
        if self.dense:
            return np.asarray((self._parts @ x).T * self._variance)
        return np.column_stack(
            [v * (z @ (z.T @ x)) for v, z in zip(self._variance, self._columns, strict=True)]
        )

    def test_by_block(self, x: FloatArray) -> FloatArray:
        """Return each block's share of the held-out patients' predictor; `x` has one column per block or one."""
        columns = [x[:, min(i, x.shape[1] - 1)] for i in range(len(self.widths))]
        if self.dense:
            parts = [v * (k @ c) for v, k, c in zip(self._variance, self._cross, columns, strict=True)]
        else:
            parts = [
                v * (t @ (z.T @ c))
                for v, t, z, c in zip(self._variance, self._test, self._columns, columns, strict=True)
            ]
        return np.column_stack(parts)

    def test_times(self, x: FloatArray) -> FloatArray:
        """Return K(held-out, training) x, shape (n_test, k)."""
        if self.dense:
            return np.asarray(np.tensordot(self._variance, np.stack(self._cross), 1) @ x)
        pairs = zip(self._variance, self._test, self._columns, strict=True)
        return np.asarray(sum(v * (t @ (z.T @ x)) for v, t, z in pairs))

    def factorise(self, loss: Loss, eta: FloatArray) -> None:
        """Prepare the solution of (I + K W) x = y, with W the curvature of the loss at `eta`."""
        if self.dense:
            self._w = loss.curvature(eta, np.eye(self.n))
            system = self._sum @ self._w
            system[np.diag_indices(self.n)] += 1.0
            self._lu = lu_factor(system, overwrite_a=True, check_finite=False)
        else:
            self._wf = loss.curvature(eta, self._factor)
            inner = self._factor.T @ self._wf
            inner[np.diag_indices_from(inner)] += 1.0
            self._cholesky = cho_factor(inner, check_finite=False)
            self._at = (loss, eta)

    def curvature(self, x: FloatArray) -> FloatArray:
        """Return W x, shape (n, k)."""
        if self.dense:
            return np.asarray(self._w @ x)
        loss, eta = self._at
        return loss.curvature(eta, x)

    def solve(self, y: FloatArray) -> FloatArray:
        """Return (I + K W)^-1 y, shape (n, k)."""
        if self.dense:
            return np.asarray(lu_solve(self._lu, y, check_finite=False))
        return np.asarray(y - self._factor @ cho_solve(self._cholesky, self._wf.T @ y, check_finite=False))


def _newton(
    kernel: _Kernel, loss: Loss, alpha: FloatArray, intercept: float, tolerance: float
) -> tuple[FloatArray, float]:
    """Minimise ``loss(K alpha + a) + alpha' K alpha / 2`` and leave the last factorisation in the kernel."""
    smooth = kernel.times(alpha)
    objective = loss.value(smooth + intercept) + 0.5 * float(alpha @ smooth)
    decrement, one = np.inf, np.ones((kernel.n, 1))
    for _ in range(_MAX_STEPS):
        eta = smooth + intercept
        gradient = loss.gradient(eta)
        kernel.factorise(loss, eta)
        right = kernel.curvature(eta[:, None])[:, 0] - gradient
        target, shift = kernel.solve(kernel.times(right)[:, None])[:, 0], 0.0
        if loss.has_intercept:
            unit = kernel.solve(one)
            bent = kernel.curvature(np.column_stack([target, unit[:, 0]]))
            shift = float((right.sum() - bent[:, 0].sum()) / bent[:, 1].sum())
            target = target + shift * unit[:, 0]
        step = right - kernel.curvature(target[:, None])[:, 0] - alpha
        step_smooth, step_shift = target - shift - smooth, shift - intercept
        decrement = -float((gradient + alpha) @ step_smooth + gradient.sum() * step_shift)
        if decrement <= _EXACT * (1.0 + abs(objective)):
            return alpha, intercept
        length = 1.0
        for _ in range(_MAX_HALVINGS):
            trial, moved = alpha + length * step, smooth + length * step_smooth
            value = loss.value(moved + intercept + length * step_shift) + 0.5 * float(trial @ moved)
            if value <= objective - 1e-4 * length * decrement:
                break
            length *= 0.5
        else:
            if decrement <= 1e-6 * (1.0 + abs(objective)):  # rounding, not failure: no descent left to find
                return alpha, intercept
            break
        alpha, smooth, objective = trial, moved, value
        intercept += length * step_shift
        if length == 1.0 and decrement <= tolerance * (1.0 + abs(objective)):
            return alpha, intercept
    msg = (
        f"The block-penalised fit did not converge in {_MAX_STEPS} Newton steps (decrement {decrement:.3g})."
    )
    raise ConvergenceError(msg)


@dataclass(frozen=True)
class BlockFit:
    """Coefficients per block, each (q_b,), per standardised column, and intercept (0 for Cox)."""

    coefs: list[FloatArray]
    intercept: float

    def predictor(self, blocks: Sequence[FloatArray]) -> FloatArray:
        """Return each block's share of the linear predictor, shape (n, m)."""
        return np.column_stack([z @ b for z, b in zip(blocks, self.coefs, strict=True)])


def fit_blocks(blocks: Sequence[FloatArray], loss: Loss, prior_sds: FloatArray) -> BlockFit:
    r"""Minimise :math:`loss(\eta) + \sum_b \tfrac{q_b}{2 s_b^2} |\beta_b|^2`, intercept free.

    Parameters
    ----------
    blocks : sequence of array of float, each (n, q_b)
        Standardised columns without NaN.
    loss : Loss
        Cox or logistic.
    prior_sds : array of float, shape (m,)
        s_b > 0, in units of log-hazard (log-odds) between patients.

    Raises
    ------
    ConvergenceError
        Newton's method made no progress.

    Source
    ------
    Checked against `hybridx.models.ridge.ridge_path` on rescaled columns to 1e-8.
    """
    kernel = _Kernel(blocks)
    kernel.at(prior_sds)
    alpha, intercept = _newton(kernel, loss, np.zeros(kernel.n), 0.0, _EXACT)
    coefs = [s**2 / max(z.shape[1], 1) * (z.T @ alpha) for s, z in zip(prior_sds, blocks, strict=True)]
    return BlockFit(coefs=coefs, intercept=intercept)


class BlockFold:
    """One fold of the search: kernels of the training patients and towards the held-out ones.

    Parameters
    ----------
    train, test : sequence of array of float, each (n, q_b)
        Standardised columns, prepared on the training patients.
    loss : Loss
        Of the training patients.
    rows : array of int
        Where the held-out patients stand.
    """

    def __init__(
        self, train: Sequence[FloatArray], test: Sequence[FloatArray], loss: Loss, rows: npt.NDArray[np.intp]
    ) -> None:
        self.kernel, self.loss, self.rows = _Kernel(train, test), loss, rows
        self._alpha, self._intercept = np.zeros(self.kernel.n), 0.0

    def held_out(self, prior_sds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the held-out linear predictor (n_test,) and its derivative by log s_b, (n_test, m)."""
        kernel = self.kernel
        kernel.at(prior_sds)
        alpha, intercept = _newton(kernel, self.loss, self._alpha, self._intercept, _QUICK)
        self._alpha, self._intercept = alpha, intercept
        parts = kernel.test_by_block(alpha[:, None])
        change = kernel.solve(2.0 * kernel.by_block(alpha))
        shift = np.zeros(change.shape[1])
        if self.loss.has_intercept:
            unit = kernel.solve(np.ones((kernel.n, 1)))
            bent = kernel.curvature(np.hstack([change, unit])).sum(axis=0)
            shift = -bent[:-1] / bent[-1]
            change = change + unit * shift
        slope = 2.0 * parts - kernel.test_times(kernel.curvature(change)) + shift
        return parts.sum(axis=1) + intercept, slope


def search_prior_sds(
    folds: Sequence[BlockFold],
    loss: Loss,
    start: FloatArray,
    bounds: tuple[float, float],
    prior: Callable[[FloatArray], tuple[float, FloatArray]],
) -> FloatArray:
    """Return the prior SDs, shape (m,), with the best held-out likelihood.

    Parameters
    ----------
    folds : sequence of BlockFold
        Together they hold out each patient once.
    loss : Loss
        Of all patients.
    start : array of float, shape (m,)
        First trial.
    bounds : (float, float)
        Smallest and largest s_b.
    prior : callable
        Value and gradient, at log s_b, of what is added to the held-out loss.
    """
    n = sum(len(fold.rows) for fold in folds)

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        eta, slope = np.zeros(n), np.zeros((n, len(theta)))
        for fold in folds:
            eta[fold.rows], slope[fold.rows] = fold.held_out(np.exp(theta))
        value, gradient = prior(theta)
        return loss.value(eta) + value, slope.T @ loss.gradient(eta) + gradient

    found = minimize(
        objective,
        np.log(start),
        jac=True,
        method="L-BFGS-B",
        bounds=[(np.log(bounds[0]), np.log(bounds[1]))] * len(start),
        options={"ftol": 1e-5, "gtol": 1e-2, "maxiter": 40},
    )
    return np.asarray(np.exp(found.x))
