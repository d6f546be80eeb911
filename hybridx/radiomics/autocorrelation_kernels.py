"""Sums over all pairs of voxels, weighted by the inverse of their distance, compiled: of pairs, and of spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["pair_sums", "power_sums"]


@compiled
def pair_sums(positions: Any, deviations: Any) -> Any:
    """Return the sums over pairs i < j of w, w * d_i * d_j and w * (d_i - d_j)², w = 1 / distance."""
    weight = product = difference = 0.0
    for i in range(len(deviations)):
        z, y, x = positions[i, 0], positions[i, 1], positions[i, 2]
        d = deviations[i]
        for j in range(i):
            dz, dy, dx = positions[j, 0] - z, positions[j, 1] - y, positions[j, 2] - x
            w = 1.0 / np.sqrt(dz * dz + dy * dy + dx * dx)
            weight += w
            product += w * d * deviations[j]
            difference += w * (d - deviations[j]) ** 2
    return weight, product, difference


@compiled
def power_sums(ones: Any, once: Any, twice: Any, weights: Any, multiplicity: Any) -> Any:
    """Return the weighted sums of |ones|², |once|² and Re(twice * conj(ones)) over all frequencies.

    Weights are even, so those of half the frequencies along z and y serve both halves.
    """
    nz, ny, nx = ones.shape
    sums = np.zeros(3)
    for z in range(nz):
        wz = min(z, nz - z)
        for y in range(ny):
            wy = min(y, ny - y)
            s0 = s1 = s2 = 0.0
            for x in range(nx):
                w = weights[wz, wy, x] * multiplicity[x]
                a, b, c = ones[z, y, x], once[z, y, x], twice[z, y, x]
                s0 += w * (a.real * a.real + a.imag * a.imag)
                s1 += w * (b.real * b.real + b.imag * b.imag)
                s2 += w * (a.real * c.real + a.imag * c.imag)
            sums[0] += s0
            sums[1] += s1
            sums[2] += s2
    return sums
