"""Machine code of `hybridx.explain.additive`: products of waves over columns, integrated over how many are in."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["wave_values"]


@compiled
def _others(whole: Any, m: int, r: Any, r_weight: Any) -> Any:
    """Return the wave's mean over the other modalities, each in or out, all sizes of coalition alike."""
    total = 0.0j
    for s in range(len(r)):
        one = 1.0 + 0.0j
        for k in range(len(whole)):
            if k != m:
                one *= 1.0 - r[s] + r[s] * whole[k]
        total += r_weight[s] * one
    return total


@compiled
def _within(turn: Any, q: Any, q_weight: Any, before: Any, found: Any) -> None:
    """Put into `found` what each column of a modality changes of its wave; `before` is room for p + 1 products."""
    p = len(turn)
    found[:] = 0.0
    for s in range(len(q)):
        before[0] = 1.0
        for j in range(p):
            before[j + 1] = before[j] * (1.0 - q[s] + q[s] * turn[j])
        after = 1.0 + 0.0j
        for j in range(p - 1, -1, -1):
            found[j] += q_weight[s] * (turn[j] - 1.0) * before[j] * after
            after *= 1.0 - q[s] + q[s] * turn[j]


@compiled
def wave_values(  # noqa: PLR0917 - compiled code takes no keywords
    own: Any, other: Any, offset: Any, ends: Any, omega: Any, nodes: Any, inside: Any
) -> Any:
    """Return the value of each column for each wave, mean over background patients, complex (n, p, K).

    Parameters
    ----------
    own, other : arrays of float, shapes (n, p) and (B, p)
        Columns of one modality stand together.
    offset : array of float, shape (B,)
        Linear predictor of the background patients.
    ends : array of int, shape (k + 1,)
        Where each modality begins, and p.
    omega : array of float, shape (K,)
        Frequencies; the first is 0, which no column changes.
    nodes : (array of float (K, most), array of float (K, most), array of int (K,))
        Gauss-Legendre on [0, 1] for columns: of each wave places, weights, and how many count.
    inside : (array of float, array of float)
        The same for other modalities.
    """
    n, p = own.shape
    many, k = len(other), len(ends) - 1
    q, q_weight, count = nodes
    result = np.zeros((n, p, len(omega)), np.complex128)
    turn, found = np.empty(p, np.complex128), np.empty(p, np.complex128)
    before, whole = np.empty(p + 1, np.complex128), np.empty(k, np.complex128)
    for i in range(n):
        for b in range(many):
            for w in range(1, len(omega)):
                for m in range(k):
                    whole[m] = 1.0
                    for j in range(ends[m], ends[m + 1]):
                        turn[j] = np.exp(1j * omega[w] * (own[i, j] - other[b, j]))
                        whole[m] *= turn[j]
                start = np.exp(1j * omega[w] * offset[b]) / many
                for m in range(k):
                    part = slice(ends[m], ends[m + 1])
                    _within(turn[part], q[w, : count[w]], q_weight[w, : count[w]], before, found[part])
                    result[i, part, w] += start * _others(whole, m, inside[0], inside[1]) * found[part]
    return result
