"""Ridge Cox and logistic models with a fixed penalty, fitted on many parts of one cohort at once: for simulations.

The cohort's patients in order of time, one row of 0/1 weights per part; each part has its own scaling. Coefficients are
normal with standard deviation `PRIOR_SD` over the root of the number of features, so that the penalty is fixed. With
fewer features than patients Newton steps are taken over coefficients, else over patients; both reach the same maximum.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fit_parts"]

PRIOR_SD = 0.6
STEPS, TOLERANCE = 25, 1e-5


def cox_parts(time, event, w):
    """Return ``eta -> (gradient, diagonal, rows)`` of Breslow's likelihood; its Hessian is diagonal - rows' rows."""
    happened = np.flatnonzero(event)
    at_risk = (time[None, :] >= time[happened][:, None]).astype(float)  # (E, n)
    here = w[:, happened]  # events of the part

    def parts(eta):
        hazard = w * np.exp(eta - eta.max(axis=1, keepdims=True))
        total = hazard @ at_risk.T  # (b, E)
        share = np.where(here > 0, 1.0 / np.maximum(total, 1e-300), 0.0)
        expected = hazard * (share @ at_risk)
        rows = share[:, :, None] * (at_risk[None] * hazard[:, None, :])
        return w * event - expected, expected, rows

    return parts


def logistic_parts(response, w):
    """Return the same of the logistic likelihood around the part's own share of responders."""
    share = (w @ response) / w.sum(axis=1)
    base = np.log(share / (1 - share))[:, None]

    def parts(eta):
        p = 1 / (1 + np.exp(-eta - base))
        return w * (response - p), w * p * (1 - p), None

    return parts


def fit_parts(x, w, y):
    """Fit one model on each part of a cohort.

    Parameters
    ----------
    x : array, shape (n, p)
        NaN is the mean of the part.
    w : array of 0 and 1, shape (b, n)
    y : (time, event) or (response,)

    Returns
    -------
    coef : array, shape (b, p)
        Of standardised features.
    centre, spread : arrays, shape (b, p)
    eta : array, shape (b, n)
        Log-hazards or log-odds (without their base) of everyone, trained on or not.
    """
    there = np.isfinite(x)
    full = np.where(there, x, 0.0)
    count = w @ there
    centre = w @ full / count
    spread = np.sqrt(np.maximum(w @ full**2 / count - centre**2, 1e-12))
    b, (n, p) = len(w), x.shape
    scale = PRIOR_SD**2 / p
    z = np.where(there, (full[None] - centre[:, None]) / spread[:, None], 0.0)  # (b, n, p)
    eta, coef = np.zeros((b, n)), np.zeros((b, p))
    if p < n:
        parts = cox_parts(*y, w) if len(y) == 2 else logistic_parts(y[0], w)
        for _ in range(STEPS):
            gradient, diagonal, rows = parts(eta)
            hessian = np.swapaxes(z, 1, 2) @ (diagonal[:, :, None] * z) + np.eye(p) / scale
            if rows is not None:
                low = rows @ z
                hessian -= np.swapaxes(low, 1, 2) @ low
            slope = np.einsum("bn,bnp->bp", gradient, z) - coef / scale
            step = np.linalg.solve(hessian, slope[:, :, None])[:, :, 0]
            coef = coef + step
            new = np.einsum("bnp,bp->bn", z, coef)
            moved, eta = np.abs(new - eta).max(), new
            if moved < TOLERANCE:
                break
        return coef, centre, spread, eta
    for part in range(b):  # one at a time: the matrices of all would not stay in the cache
        coef[part], eta[part] = _over_patients(x=z[part], w=w[part], y=y, scale=scale)
    return coef, centre, spread, eta


def _over_patients(x, w, y, scale):
    inside = w > 0
    z = x[inside]
    once, mine = np.ones((1, len(z))), [v[inside] for v in y]
    parts = cox_parts(*mine, once) if len(y) == 2 else logistic_parts(*mine, once)
    kernel, eta = scale * (z @ z.T), np.zeros(len(z))
    for _ in range(STEPS):
        gradient, diagonal, rows = parts(eta[None])
        hessian = np.diag(diagonal[0])
        if rows is not None:
            hessian -= rows[0].T @ rows[0]
        alpha = np.linalg.solve(np.eye(len(z)) + hessian @ kernel, hessian @ eta + gradient[0])
        moved, eta = np.abs(kernel @ alpha - eta).max(), kernel @ alpha
        if moved < TOLERANCE:
            break
    coef = scale * (z.T @ alpha)
    return coef, x @ coef
