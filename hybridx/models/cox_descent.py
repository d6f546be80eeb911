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

from hybridx.errors import ConvergenceError, InputError, SettingsError
from hybridx.models.cox_descent_search import emptying_penalty, fit_from, null_point
from hybridx.models.losses import Loss
from hybridx.models.ridge import ridge_path

__all__ = ["PenaltyPath", "cox_path", "largest_penalty", "path_note", "penalty_grid"]

FloatArray = npt.NDArray[np.float64]


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
    point = null_point(design, loss, factors)
    coefs, last = np.zeros((len(grid), design.shape[1])), np.inf
    for i, penalty in enumerate(grid):
        # at the empty model the rule's "last" penalty is the one that just empties it
        before = last if np.isfinite(last) else max(emptying_penalty(point, factors, l1_ratio), penalty)
        now = l1_ratio * penalty * factors, (1.0 - l1_ratio) * penalty * factors
        try:
            point = fit_from(design, loss, point, now, l1_ratio * before * factors)
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
    return emptying_penalty(null_point(design, loss, factors), factors, max(l1_ratio, 1e-3))


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
