"""The search for one elastic-net fit: proximal Newton over the columns that may move, the others being checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lstsq

from hybridx.errors import ConvergenceError
from hybridx.models.losses import Loss

__all__ = ["Elastic", "Point", "emptying_penalty", "fit_from", "null_point"]

FloatArray = npt.NDArray[np.float64]

_MAX_STEPS, _MAX_HALVINGS, _MAX_SWEEPS = 100, 40, 20_000
# Predicted decrease, relative to the objective, below which the last Newton step is taken and the search ends; that
# step squares the error once more.
_TOLERANCE = 1e-9
# The same for one coordinate of the descent inside: where columns are almost copies, many small moves add up.
_INNER = 1e-15
# Change of a linear predictor in the last step, without a penalty to stop it: the likelihood is flat out there.
_RUNAWAY = 0.01


@dataclass
class Point:
    """Where the search stands: coefficients of all columns, linear predictor, gradient by the coefficients."""

    theta: FloatArray
    eta: FloatArray
    slope: FloatArray


def emptying_penalty(point: Point, factors: FloatArray, l1_ratio: float) -> float:
    """Return the smallest penalty at which every penalised coefficient is zero, at a point where they are."""
    held = factors > 0
    if not held.any() or l1_ratio == 0:
        return 0.0
    return float(np.max(np.abs(point.slope[held]) / factors[held]) / l1_ratio)


def null_point(design: FloatArray, loss: Loss, factors: FloatArray) -> Point:
    """Return the fit of the unpenalised columns alone."""
    theta, eta = np.zeros(design.shape[1]), np.zeros(len(design))
    point = Point(theta, eta, design.T @ loss.gradient(eta))
    free = np.flatnonzero(factors == 0)
    return Elastic(loss, design[:, free]).from_(point, free, design) if len(free) else point


def fit_from(
    design: FloatArray, loss: Loss, point: Point, now: tuple[FloatArray, FloatArray], before: FloatArray
) -> Point:
    """Return the fit at one penalty: `now` holds each column's lasso and ridge, `before` the lasso of the last fit."""
    l1, l2 = now
    work = (l1 == 0) | (point.theta != 0) | (np.abs(point.slope) >= 2 * l1 - before)
    while True:
        columns = np.flatnonzero(work)
        if len(columns):
            point = Elastic(loss, design[:, columns], l1[columns], l2[columns]).from_(point, columns, design)
        missed = ~work & (np.abs(point.slope) > l1 * (1 + 1e-7) + 1e-10)
        if not missed.any():
            return point
        work |= missed


class Elastic:
    """The penalised loss of a few columns `Z`, (n, q), with lasso and ridge of each; no penalty by default."""

    def __init__(
        self, loss: Loss, Z: FloatArray, l1: FloatArray | None = None, l2: FloatArray | None = None
    ) -> None:
        nothing = np.zeros(Z.shape[1])
        self.loss, self.Z = loss, np.ascontiguousarray(Z)
        self.l1, self.l2 = (nothing if l1 is None else l1), (nothing if l2 is None else l2)
        self.lasso, self.unbound = bool(self.l1.any()), bool((self.l1 + self.l2 == 0).any())

    def penalty(self, b: FloatArray) -> float:
        """Return the lasso and ridge terms at `b`."""
        return float(self.l1 @ np.abs(b) + 0.5 * (self.l2 @ b**2))

    def from_(self, point: Point, columns: npt.NDArray[np.intp], design: FloatArray) -> Point:
        """Return the minimum over these `columns` of the design, found from `point`."""
        theta = point.theta.copy()
        theta[columns], eta = self.minimum(theta[columns], point.eta)
        return Point(theta, eta, design.T @ self.loss.gradient(eta))

    def minimum(self, b: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coefficients and linear predictor of the minimum, searched from `b` and `eta`."""
        objective, decrease = self.loss.value(eta) + self.penalty(b), np.inf
        for _ in range(_MAX_STEPS):
            gradient = self.Z.T @ self.loss.gradient(eta)
            new, curved = self.model_minimum(b, eta, gradient, _INNER * (1.0 + abs(objective)))
            step = new - b
            decrease = self.penalty(b) - self.penalty(new) - float(gradient @ step) - 0.5 * curved
            step_eta, length = self.Z @ step, 1.0
            if decrease <= _TOLERANCE * (1.0 + abs(objective)):
                if self.unbound and np.max(np.abs(step_eta)) > _RUNAWAY:
                    break
                return new, eta + step_eta
            for _ in range(_MAX_HALVINGS):
                trial = b + length * step
                value = self.loss.value(eta + length * step_eta) + self.penalty(trial)
                if value <= objective - 1e-4 * length * decrease:
                    break
                length *= 0.5
            else:
                break
            b, eta, objective = trial, eta + length * step_eta, value
        msg = (
            f"The penalised fit of {len(b)} columns found no minimum (expected decrease {decrease:.3g} of "
            f"{objective:.3g}). An unpenalised column may separate the events, or a column is of absurd size."
        )
        raise ConvergenceError(msg)

    def model_minimum(
        self, b: FloatArray, eta: FloatArray, gradient: FloatArray, tolerance: float
    ) -> tuple[FloatArray, float]:
        """Return the minimum of the penalised second-order expansion at `b`, and its bend along the step there."""
        # numba: a third of a second
        from hybridx.models.cox_descent_kernels import descend_gram, descend_rows  # noqa: PLC0415

        Z, new, sweeps = self.Z, b.copy(), 1
        n, q = Z.shape
        # measured: where most coefficients stay put, the matrix of curvatures pays up to a few times as many columns
        if q > 3 * n and self.lasso:
            HZ = self.loss.curvature(eta, Z)
            sweeps = descend_rows(
                new, gradient, Z.T.copy(), HZ.T.copy(), self.l1, self.l2, tolerance, _MAX_SWEEPS
            )
            curved = float((Z @ (new - b)) @ (HZ @ (new - b)))
        else:
            H = np.ascontiguousarray(self.loss.information(eta, Z))
            if self.lasso:
                sweeps = descend_gram(new, gradient.copy(), H, self.l1, self.l2, tolerance, _MAX_SWEEPS)
            else:
                new = b - lstsq(H + np.diag(self.l2), gradient + self.l2 * b, check_finite=False)[0]
            curved = float((new - b) @ (H @ (new - b)))
        if sweeps < 0:
            msg = f"Coordinate descent over {q} columns did not settle in {_MAX_SWEEPS} sweeps: some are almost copies."
            raise ConvergenceError(msg)
        return new, curved
