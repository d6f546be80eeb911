"""Smallest box and smallest ellipsoid around points, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["ascend", "smallest_box"]


@compiled
def _around(points: Any, hull: Any) -> int:
    """Write the corners of the convex hull of points in a plane, in their order around it; return their number."""
    # along a direction that no row of voxels has: points of one rank would spoil the chain
    order = np.argsort(points[:, 0] * 0.7451 + points[:, 1] * 0.6669)
    n = len(order)
    m = 0
    for turn in range(2):
        base = m
        for k in range(n):
            p = points[order[k]] if turn == 0 else points[order[n - 1 - k]]
            while m - base >= 2:
                ax, ay = hull[m - 1, 0] - hull[m - 2, 0], hull[m - 1, 1] - hull[m - 2, 1]
                if ax * (p[1] - hull[m - 2, 1]) - ay * (p[0] - hull[m - 2, 0]) > 0.0:
                    break
                m -= 1
            hull[m, 0], hull[m, 1] = p[0], p[1]
            m += 1
        m -= 1
    return m


@compiled
def _smallest_rectangle(points: Any, hull: Any) -> Any:
    """Return the sides of the rectangle of least area around points in a plane (one side lies on a hull edge)."""
    m = _around(points, hull)
    best, best_a, best_b = np.inf, 0.0, 0.0
    for i in range(m):
        ex, ey = hull[(i + 1) % m, 0] - hull[i, 0], hull[(i + 1) % m, 1] - hull[i, 1]
        length = np.sqrt(ex * ex + ey * ey)
        if length == 0.0:
            continue
        ex, ey = ex / length, ey / length
        low_a, high_a, low_b, high_b = np.inf, -np.inf, np.inf, -np.inf
        for j in range(m):
            a = hull[j, 0] * ex + hull[j, 1] * ey
            b = hull[j, 1] * ex - hull[j, 0] * ey
            low_a, high_a = min(low_a, a), max(high_a, a)
            low_b, high_b = min(low_b, b), max(high_b, b)
        if (high_a - low_a) * (high_b - low_b) < best:
            best, best_a, best_b = (high_a - low_a) * (high_b - low_b), high_a - low_a, high_b - low_b
    return best_a, best_b


@compiled
def smallest_box(points: Any, normals: Any) -> Any:
    """Return the sides of the box of least volume among those with a face along one of the normals."""
    best = np.inf
    sides = np.zeros(3)
    flat = np.empty((len(points), 2))
    hull = np.empty((2 * len(points) + 2, 2))
    for k in range(len(normals)):
        w = normals[k]
        axis = np.argmin(np.abs(w))
        u = np.zeros(3)
        u[axis] = 1.0
        u = u - w * w[axis]
        u /= np.sqrt((u * u).sum())
        v = np.array((w[1] * u[2] - w[2] * u[1], w[2] * u[0] - w[0] * u[2], w[0] * u[1] - w[1] * u[0]))
        low, high = np.inf, -np.inf
        for i in range(len(points)):
            p = points[i]
            h = p[0] * w[0] + p[1] * w[1] + p[2] * w[2]
            low, high = min(low, h), max(high, h)
            flat[i, 0] = p[0] * u[0] + p[1] * u[1] + p[2] * u[2]
            flat[i, 1] = p[0] * v[0] + p[1] * v[1] + p[2] * v[2]
        a, b = _smallest_rectangle(flat, hull)
        if (high - low) * a * b < best:
            best = (high - low) * a * b
            sides[0], sides[1], sides[2] = high - low, a, b
    return sides


@compiled
def ascend(q: Any, weights: Any, inverse: Any, distance: Any, tolerance: float) -> bool:
    """Move weight to the furthest or away from the nearest point, as often as there are points.

    All arrays change in place: points with a 1, shape (n, 4); weights (n,); inverse of their moments (4, 4); squared
    distances (n,). Returns whether the ellipsoid is the smallest to within the tolerance. Both ends of a step follow
    from one product with the inverse, whose rounding the caller clears between calls.
    """
    n = len(q)
    v = np.empty(4)
    for _ in range(max(n, 100)):
        far, near = -1.0, np.inf
        i_far = i_near = 0
        for i in range(n):
            if distance[i] > far:
                far, i_far = distance[i], i
            if weights[i] > 0.0 and distance[i] < near:
                near, i_near = distance[i], i
        if max(far / 4.0 - 1.0, 1.0 - near / 4.0) < tolerance:
            return True
        k, step = i_far, (far - 4.0) / (4.0 * (far - 1.0))
        if far - 4.0 <= 4.0 - near:  # a step away from the innermost point, at most until its weight is gone
            k, step = i_near, -weights[i_near] / (1.0 - weights[i_near])
            if near > 1.0:
                step = max(step, (near - 4.0) / (4.0 * (near - 1.0)))
        for a in range(4):
            v[a] = inverse[a, 0] * q[k, 0] + inverse[a, 1] * q[k, 1] + inverse[a, 2] * q[k, 2] + inverse[a, 3]
        share = step / (1.0 - step + step * distance[k])
        for i in range(n):
            z = q[i, 0] * v[0] + q[i, 1] * v[1] + q[i, 2] * v[2] + v[3]
            distance[i] = (distance[i] - share * z * z) / (1.0 - step)
            weights[i] *= 1.0 - step
        weights[k] = max(weights[k] + step, 0.0)
        for a in range(4):
            for b in range(4):
                inverse[a, b] = (inverse[a, b] - share * v[a] * v[b]) / (1.0 - step)
    return False
