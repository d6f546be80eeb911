"""Coordinate descent on a quadratic with lasso and ridge terms, compiled: the inner loop of `cox_path`.

Imported only where a path is computed, since compiling (once per machine, about a second) needs numba.

Both kernels minimise over b, started at b = theta, with gradient g and curvature H at theta,

    g'(b - theta) + (b - theta)' H (b - theta) / 2 + sum_j l1_j |b_j| + l2_j b_j^2 / 2.
"""

from __future__ import annotations

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["descend_gram", "descend_rows"]


@compiled
def _shrunk(target, l1):  # noqa: ANN001, ANN202
    """Return `target` pulled towards 0 by `l1`, and no further than to 0."""
    if target > l1:
        return target - l1
    if target < -l1:
        return target + l1
    return 0.0


@compiled
def descend_gram(b, gradient, H, l1, l2, tolerance, max_sweeps):  # noqa: ANN001, ANN201, PLR0917
    """Solve with the curvature at hand, (q, q): a coordinate that does not move costs nothing.

    `b` and `gradient` are overwritten, with the solution and with the gradient of the quadratic there. Returns the
    number of sweeps, or -1 where `max_sweeps` were not enough.
    """
    q = b.shape[0]
    active_only = False
    for sweep in range(max_sweeps):
        moved = 0.0
        for j in range(q):
            if active_only and b[j] == 0.0:
                continue
            bend = H[j, j] + l2[j]
            if bend <= 0.0:
                continue
            target = H[j, j] * b[j] - gradient[j]
            new = _shrunk(target, l1[j]) / bend
            step = new - b[j]
            if step != 0.0:
                b[j] = new
                row = H[j]
                for k in range(q):
                    gradient[k] += step * row[k]
                moved = max(moved, bend * step * step)
        if moved <= tolerance:
            if not active_only:
                return sweep + 1
            active_only = False
        else:
            active_only = True
    return -1


@compiled
def descend_rows(b, gradient, Zt, HZt, l1, l2, tolerance, max_sweeps):  # noqa: ANN001, ANN201, PLR0917
    """Solve with H = Z' (HZ) kept as its factors, both transposed to (q, n): for more coefficients q than rows n.

    `b` is overwritten with the solution. Returns the number of sweeps, or -1 where `max_sweeps` were not enough.
    """
    q, n = Zt.shape
    bends = np.empty(q)
    for j in range(q):
        bends[j] = np.dot(Zt[j], HZt[j])
    pull = np.zeros(n)  # H (b - theta), by row
    active_only = False
    for sweep in range(max_sweeps):
        moved = 0.0
        for j in range(q):
            if active_only and b[j] == 0.0:
                continue
            bend = bends[j] + l2[j]
            if bend <= 0.0:
                continue
            target = bends[j] * b[j] - gradient[j] - np.dot(Zt[j], pull)
            new = _shrunk(target, l1[j]) / bend
            step = new - b[j]
            if step != 0.0:
                b[j] = new
                row = HZt[j]
                for k in range(n):
                    pull[k] += step * row[k]
                moved = max(moved, bend * step * step)
        if moved <= tolerance:
            if not active_only:
                return sweep + 1
            active_only = False
        else:
            active_only = True
    return -1
