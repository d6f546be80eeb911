r"""Lasso and elastic-net fits of Cox and logistic models along a path of penalties, one factor per feature.

.. math:: \min_{a, b}\; \ell(a + X b) + \lambda \sum_j f_j \left( \alpha |b_j| + \tfrac{1 - \alpha}{2} b_j^2 \right)

with :math:`\ell` a `Loss` (a sum over patients, not a mean), :math:`\lambda` the penalty, :math:`\alpha` the
`l1_ratio` and :math:`f_j` the penalty factors. Proximal Newton: the loss is replaced by its second-order expansion with
the full curvature, which coordinate descent minimises; a line search makes every step go down. Each penalty starts
where the last one ended, and the sequential strong rule (Tibshirani et al. 2012, doi:10.1111/j.1467-9868.2011.01004.x)
picks the few features worth looking at; the optimality of all others is checked, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lstsq

from hybridx.errors import ConvergenceError, InputError, SettingsError
from hybridx.models.losses import Loss
from hybridx.models.ridge import ridge_path

__all__ = ["PenaltyPath", "cox_path", "largest_penalty", "path_note", "penalty_grid"]

FloatArray = npt.NDArray[np.float64]

_MAX_STEPS, _MAX_HALVINGS, _MAX_SWEEPS = 100, 40, 20_000
# Predicted decrease, relative to the objective, below which the last Newton step is taken and the search ends; that
# step squares the error once more.
_TOLERANCE = 1e-9
# The same for one coordinate of the descent inside: where columns are almost copies, many small moves add up.
_INNER = 1e-15
# Change of a linear predictor in the last step, without a penalty to stop it: the likelihood is flat out there.
_RUNAWAY = 0.01


@dataclass(frozen=True)
class PenaltyPath:
    """What `cox_path` found.

    Attributes
    ----------
    penalties : array of float, shape (k,)
        As given, as far as the path went.
    coefs : array of float, shape (k, p)
        Coefficients at each penalty; exact zeros where a feature is not used.
    intercepts : array of float, shape (k,)
        0 for Cox.
    """

    penalties: FloatArray
    coefs: FloatArray
    intercepts: FloatArray


@dataclass
class _Point:
    """Where the search stands: coefficients of all columns, linear predictor, gradient by the coefficients."""

    theta: FloatArray
    eta: FloatArray
    slope: FloatArray


def cox_path(
    X: FloatArray,
    loss: Loss,
    penalties: Sequence[float] | FloatArray,
    l1_ratio: float = 1.0,
    penalty_factors: npt.ArrayLike | None = None,
    *,
    partial: bool = False,
) -> PenaltyPath:
    """Fit the elastic net of `loss` at each penalty, in the order given.

    Parameters
    ----------
    X : array of float, shape (n, p)
        Features without NaN, usually standardised.
    loss : Loss
        `CoxLoss` (no intercept) or `LogisticLoss` (unpenalised intercept).
    penalties : sequence of float
        Each >= 0, on the sum over patients: glmnet's and scikit-survival's ``lambda`` times n. Start with the largest
        (see `penalty_grid`): each fit starts where the last one ended.
    l1_ratio : float
        Share of the lasso, 0 (ridge) to 1 (lasso).
    penalty_factors : array-like of float, shape (p,), optional
        Multiplies the penalty of each feature; 0 leaves a feature unpenalised. None: 1 for all.
    partial : bool, default False
        Let the path end before the first penalty that is so weak that no minimum can be told (columns that are almost
        copies), instead of raising; for searches, which need no penalty that weak.

    Returns
    -------
    PenaltyPath
        Coefficients and intercepts, one row per penalty reached.

    Raises
    ------
    SettingsError, InputError
        A penalty, ratio or factor is negative or not finite, or shapes disagree.
    ConvergenceError
        No minimum was found (an unpenalised feature that separates the events, values of absurd size); with `partial`,
        not even at the first penalty.

    Source
    ------
    Simon et al. 2011, doi:10.18637/jss.v039.i05; Lee, Sun & Saunders 2014, doi:10.1137/130921428. Checked against
    scikit-survival 0.28 `CoxnetSurvivalAnalysis` and scikit-learn 1.9 `LogisticRegression` to 1e-4.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridx.models.losses import CoxLoss
    >>> X = np.array([[1.5, -0.3], [0.5, 0.6], [-0.5, -0.6], [-1.5, 0.3]])
    >>> path = cox_path(X, CoxLoss([1, 3, 2, 4], [True] * 4), [4.0, 1.0])
    >>> (path.coefs != 0).tolist()
    [[False, False], [True, False]]
    """
    X, grid, factors = _checked(X, penalties, l1_ratio, penalty_factors)
    if l1_ratio == 0 and (factors > 0).all() and (grid > 0).all():
        scale = np.sqrt(factors)  # exact and quicker: no coordinate descent where nothing becomes zero
        fits = ridge_path(X / scale, loss, list(grid))
        return PenaltyPath(
            grid, np.array([f.coef for f in fits]) / scale, np.array([f.intercept for f in fits])
        )
    free = int(loss.has_intercept)
    design = np.asfortranarray(np.column_stack([np.ones(len(X)), X]) if free else X)
    factors = np.append(np.zeros(free), factors)
    point = _null(design, loss, factors)
    coefs, last = np.zeros((len(grid), design.shape[1])), np.inf
    for i, penalty in enumerate(grid):
        # at the empty model the rule's "last" penalty is the one that just empties it
        before = last if np.isfinite(last) else max(_emptying(point, factors, l1_ratio), penalty)
        now = l1_ratio * penalty * factors, (1.0 - l1_ratio) * penalty * factors
        try:
            point = _fit(design, loss, point, now, l1_ratio * before * factors)
        except ConvergenceError:
            if not (partial and i):
                raise
            grid, coefs = grid[:i], coefs[:i]
            break
        coefs[i], last = point.theta, penalty
    intercepts = coefs[:, 0].copy() if free else np.zeros(len(grid))
    return PenaltyPath(grid, coefs[:, free:], intercepts)


def largest_penalty(
    X: FloatArray, loss: Loss, l1_ratio: float = 1.0, penalty_factors: npt.ArrayLike | None = None
) -> float:
    """Return the smallest penalty at which every penalised coefficient is zero.

    Parameters
    ----------
    X, loss, l1_ratio, penalty_factors
        As in `cox_path`; a ratio below 0.001 counts as 0.001, since ridge never empties a model.
    """
    X, _, factors = _checked(X, [], l1_ratio, penalty_factors)
    free = int(loss.has_intercept)
    design = np.asfortranarray(np.column_stack([np.ones(len(X)), X]) if free else X)
    factors = np.append(np.zeros(free), factors)
    return _emptying(_null(design, loss, factors), factors, max(l1_ratio, 1e-3))


def penalty_grid(
    X: FloatArray,
    loss: Loss,
    l1_ratio: float = 1.0,
    penalty_factors: npt.ArrayLike | None = None,
    *,
    n_penalties: int = 30,
    end: float = 0.05,
) -> FloatArray:
    """Return falling penalties from the one that empties the model to `end` times that, evenly spaced in logarithm."""
    top = largest_penalty(X, loss, l1_ratio, penalty_factors)
    return np.geomspace(top, top * end, n_penalties) if top > 0 else np.zeros(n_penalties)


def path_note(weakest: float, l1_ratio: float) -> str:
    """Return what to say of a search whose path ended early, at penalty `weakest`."""
    return (
        f"The search ended at penalty {weakest:.3g} (l1_ratio {l1_ratio:g}): below it columns that are almost copies "
        "have no minimum that could be told."
    )


def _checked(
    X: FloatArray,
    penalties: Sequence[float] | FloatArray,
    l1_ratio: float,
    penalty_factors: npt.ArrayLike | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    X = np.asarray(X, dtype=np.float64)
    grid = np.asarray(penalties, dtype=np.float64).reshape(-1)
    if not 0 <= l1_ratio <= 1 or not (np.isfinite(grid) & (grid >= 0)).all():
        msg = (
            f"l1_ratio lies in [0, 1] and penalties are finite and >= 0, got {l1_ratio!r} and {penalties!r}."
        )
        raise SettingsError(msg)
    factors = (
        np.ones(X.shape[1]) if penalty_factors is None else np.asarray(penalty_factors, dtype=np.float64)
    )
    if factors.shape != (X.shape[1],) or not (np.isfinite(factors) & (factors >= 0)).all():
        msg = (
            f"penalty_factors are finite numbers >= 0, one per feature ({X.shape[1]}), got shape {factors.shape}: "
            f"{penalty_factors!r}."
        )
        raise SettingsError(msg)
    if not np.isfinite(X).all():
        columns = np.flatnonzero(~np.isfinite(X).all(axis=0))
        msg = f"{len(columns)} columns of X hold values that are missing or infinite, the first is number {columns[0]}."
        raise InputError(msg)
    return X, grid, factors


def _emptying(point: _Point, factors: FloatArray, l1_ratio: float) -> float:
    held = factors > 0
    if not held.any() or l1_ratio == 0:
        return 0.0
    return float(np.max(np.abs(point.slope[held]) / factors[held]) / l1_ratio)


def _null(design: FloatArray, loss: Loss, factors: FloatArray) -> _Point:
    """Return the fit of the unpenalised columns alone."""
    theta, eta = np.zeros(design.shape[1]), np.zeros(len(design))
    point = _Point(theta, eta, design.T @ loss.gradient(eta))
    free = np.flatnonzero(factors == 0)
    return _Elastic(loss, design[:, free]).from_(point, free, design) if len(free) else point


def _fit(
    design: FloatArray, loss: Loss, point: _Point, now: tuple[FloatArray, FloatArray], before: FloatArray
) -> _Point:
    """Return the fit at one penalty: `now` holds each column's lasso and ridge, `before` the lasso of the last fit."""
    l1, l2 = now
    work = (l1 == 0) | (point.theta != 0) | (np.abs(point.slope) >= 2 * l1 - before)
    while True:
        columns = np.flatnonzero(work)
        if len(columns):
            point = _Elastic(loss, design[:, columns], l1[columns], l2[columns]).from_(point, columns, design)
        missed = ~work & (np.abs(point.slope) > l1 * (1 + 1e-7) + 1e-10)
        if not missed.any():
            return point
        work |= missed


class _Elastic:
    """The penalised loss of a few columns `Z`, (n, q), with lasso and ridge of each; no penalty by default."""

    def __init__(
        self, loss: Loss, Z: FloatArray, l1: FloatArray | None = None, l2: FloatArray | None = None
    ) -> None:
        nothing = np.zeros(Z.shape[1])
        self.loss, self.Z = loss, np.ascontiguousarray(Z)
        self.l1, self.l2 = (nothing if l1 is None else l1), (nothing if l2 is None else l2)
        self.lasso, self.unbound = bool(self.l1.any()), bool((self.l1 + self.l2 == 0).any())

    def penalty(self, b: FloatArray) -> float:
        return float(self.l1 @ np.abs(b) + 0.5 * (self.l2 @ b**2))

    def from_(self, point: _Point, columns: npt.NDArray[np.intp], design: FloatArray) -> _Point:
        """Return the minimum over these `columns` of the design, found from `point`."""
        theta = point.theta.copy()
        theta[columns], eta = self.minimum(theta[columns], point.eta)
        return _Point(theta, eta, design.T @ self.loss.gradient(eta))

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
