r"""How late fusion weighs the modalities, and what happens to the weight of one that a patient lacks.

The standardised risks z of the modalities are combined as a log-hazard (or log-odds) with non-negative weights w,

.. math:: \eta_i = \sum_m w_m \tilde z_{im}, \qquad
   \tilde z_{im} = z_{im} \text{ if measured, else } E[z_{im} \mid \text{the risks that are measured}].

The expectation is linear in the measured risks, with the correlations of the held-out risks. So the weight of an absent
modality passes to the present ones as far as they carry the same information: all of it between two copies of one risk
(which is renormalising to the weights present), none of it between independent ones (renormalising would then spread
too far the risks of patients with little measured).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from hybridx.models.losses import Loss

__all__ = ["carry_over", "effective_weights", "nonnegative_weights", "risk_correlation"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Patients that a correlation must rest on before more than half of it is believed.
_PRIOR_PATIENTS = 10.0
# Correlations are pulled together until no direction has less variance than this, so that they can be inverted.
_SMALLEST_VARIANCE = 0.1


def risk_correlation(z: FloatArray, measured: BoolArray) -> FloatArray:
    """Return the correlations of the modalities' held-out risks, shape (m, m), none below 0.

    Parameters
    ----------
    z : array of float, shape (n, m)
        Standardised held-out risks; what is not measured is not looked at.
    measured : array of bool, shape (n, m)
        Pairs of modalities are compared in the patients who have both, and shrunk where those are few.
    """
    m = z.shape[1]
    result = np.eye(m)
    for i in range(m):
        for j in range(i):
            both = measured[:, i] & measured[:, j]
            a, b = z[both, i], z[both, j]
            if both.sum() > 2 and a.std() > 0 and b.std() > 0:
                r = max(0.0, float(np.corrcoef(a, b)[0, 1]))
                result[i, j] = result[j, i] = r * both.sum() / (both.sum() + _PRIOR_PATIENTS)
    lowest = float(np.linalg.eigvalsh(result)[0])
    if lowest < _SMALLEST_VARIANCE:
        shrink = (1.0 - _SMALLEST_VARIANCE) / (1.0 - lowest)
        result = shrink * result + (1.0 - shrink) * np.eye(m)
    return result


def carry_over(correlation: FloatArray, present: BoolArray) -> FloatArray:
    """Return the matrix (m, m) that turns measured risks (0 where absent) into those expected of all modalities."""
    matrix = np.diag(present.astype(np.float64))
    if present.any() and not present.all():
        known = correlation[np.ix_(present, present)]
        cross = correlation[np.ix_(~present, present)]
        # non-negative, so that a worse risk in one modality never lowers the fused risk
        matrix[np.ix_(~present, present)] = np.maximum(np.linalg.solve(known, cross.T).T, 0.0)
    return matrix


def effective_weights(weights: FloatArray, correlation: FloatArray, measured: BoolArray) -> FloatArray:
    """Return each patient's weight of each modality, shape (n, m); 0 where it is not measured.

    Parameters
    ----------
    weights : array of float, shape (m,)
        Weights when everything is measured.
    correlation : array of float, shape (m, m)
        From `risk_correlation`.
    measured : array of bool, shape (n, m)
        Pattern of each patient.
    """
    patterns, which = np.unique(measured, axis=0, return_inverse=True)
    table = np.array([weights @ carry_over(correlation, pattern) for pattern in patterns])
    return np.asarray(table.reshape(len(patterns), len(weights))[which.ravel()])


def nonnegative_weights(z: FloatArray, loss: Loss, free: BoolArray) -> tuple[FloatArray, float]:
    """Return non-negative weights of the modalities, small ones shrunk to none, shape (m,), and the intercept.

    A modality must improve the held-out likelihood by more than one standard error of what a useless one would reach
    by chance (a lasso penalty of exactly that size); `free` modalities need not.

    Parameters
    ----------
    z : array of float, shape (n, m)
        Held-out risks, expected values where not measured.
    loss : Loss
        Of the same patients.
    free : array of bool, shape (m,)
        Modalities without penalty.
    """
    m = z.shape[1]
    design = np.column_stack([z, np.ones(len(z))]) if loss.has_intercept else z
    start = np.zeros(design.shape[1])
    if loss.has_intercept:
        start[-1] = _intercept(loss, np.zeros(len(z)))
    information = loss.information(design @ start, design)
    spread = np.diag(information)[:m].copy()
    if loss.has_intercept:
        spread -= information[:m, m] ** 2 / information[m, m]
    penalty = np.zeros(design.shape[1])
    penalty[:m] = np.where(free, 0.0, np.sqrt(np.maximum(spread, 0.0)))

    def objective(w: FloatArray) -> tuple[float, FloatArray]:
        eta = design @ w
        return loss.value(eta) + float(penalty @ w), design.T @ loss.gradient(eta) + penalty

    start[:m] = 0.1
    bounds = [(0.0, None)] * m + [(None, None)] * (design.shape[1] - m)
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8}
    )
    weights = np.asarray(found.x[:m])
    weights = np.where(weights < 1e-6, 0.0, weights)
    return weights, _intercept(loss, z @ weights) if loss.has_intercept else 0.0


def _intercept(loss: Loss, eta: FloatArray) -> float:
    """Return the shift of `eta` at which the predicted and the observed number of responders agree."""
    shift, ones = 0.0, np.ones((len(eta), 1))
    for _ in range(50):
        step = float(loss.gradient(eta + shift).sum()) / max(
            float(loss.information(eta + shift, ones)[0, 0]), 1e-12
        )
        shift -= float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-10:
            break
    return shift
