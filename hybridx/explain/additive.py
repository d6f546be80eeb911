r"""Exact Shapley values of an S-curve of a sum: risk, survival, RMST or probability of a linear model.

The linear predictor of a patient put together from two is a sum, :math:`\eta = o + \sum_{j \in S} d_j`, with d_j what
column j adds in this patient more than in a background patient; the prediction is g of it. With the columns of a
modality together (Owen's rule; the order of columns random within it), the value of column j of modality m is

.. math:: \phi_j = \int_0^1\!\!\int_0^1 E\,[g(o + V_r + W_q + d_j) - g(o + V_r + W_q)]\; dr\, dq,

V_r the sum of D = sum of d over each other modality taken with probability r, W_q that of the other columns of m with
probability q. On the range of eta, g is a sum of waves exp(i omega u), whose expectation over independent choices is a
product; the integrals are of polynomials. So no coalition is formed: p columns cost p times some thousand products
instead of 2^p predictions. How well the waves give g is measured (1e-9 of its range), and so is the sum of the values.

Source
------
Owen 1972, doi:10.1287/mnsc.18.5.64 (multilinear extension); Owen 1977, doi:10.1007/978-3-642-45494-3_7. Checked against
brute force over all subsets of 8 columns, and over modalities and columns, to 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hybridx.explain.additive_kernels import wave_values

__all__ = ["Game", "additive_values"]

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.intp]
Link = Callable[[FloatArray], FloatArray]

_MISFIT = 1e-9  # of the range of g
_GAP = 1e-7  # of the range: largest that the sum may miss, else the integrals had too few nodes
_WAVES = (16, 32, 64, 128, 256)
_MOST_NODES = 96


@dataclass(frozen=True)
class Game:
    """Patients against background patients, in what their columns add to the linear predictor.

    Parameters
    ----------
    own : array of float, shape (n, p)
        What each column adds in each patient.
    other : array of float, shape (B, p)
        In each background patient, from the same starting point.
    start : float
        The starting point.
    group : array of int, shape (p,)
        Modality of each column, 0 to k - 1.
    """

    own: FloatArray
    other: FloatArray
    start: float
    group: IntArray


def additive_values(game: Game, link: Link) -> tuple[FloatArray, FloatArray] | None:
    """Return values (n, p, n_times) and their base (n_times,); None where no sum of waves gives the S-curve.

    Parameters
    ----------
    game : Game
    link : function of array (R,) to array (R, n_times)
        g, smooth.
    """
    order = np.argsort(game.group, kind="stable")
    own, other, group = game.own[:, order], game.other[:, order], game.group[order]
    offset = game.start + other.sum(axis=1)
    base = link(offset).mean(axis=0)
    moves = (own[:, None] != other[None]).any(axis=(0, 1))
    values = np.zeros((*game.own.shape, base.shape[0]))
    if not moves.any():
        return values, base
    active = np.flatnonzero(moves)
    own, other = own[:, active], other[:, active]
    # bounds of every sum that a mixture can give
    steps = own[:, None] - other[None]
    low = float((offset + np.minimum(steps, 0.0).sum(axis=2)).min())
    high = float((offset + np.maximum(steps, 0.0).sum(axis=2)).max())
    waves = _waves(link, low, high)
    if waves is None:
        return None
    omega, coefficients, middle = waves
    ends = np.append(np.flatnonzero(np.diff(group[active], prepend=-1)), len(active))
    most = max(np.abs(steps[:, :, first:last]).sum(axis=2).max() for first, last in pairwise(ends))
    q = _nodes((int(np.diff(ends).max()) + 1) // 2, omega * most)
    r, others = np.polynomial.legendre.leggauss(len(ends) // 2)
    found = wave_values(own, other, offset - middle, ends, omega, q, ((r + 1) / 2, others / 2))
    values[:, order[active]] = (found @ coefficients).real
    total = link(game.start + game.own.sum(axis=1)) - base
    gap = np.abs(values.sum(axis=1) - total)
    if (gap > _GAP * np.ptp(link(np.array([low, high])), axis=0)).any():
        return None
    return values, base


def _nodes(full: int, swing: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return Gauss-Legendre nodes on [0, 1] and weights, both (K, most), and how many there are for each wave.

    `full` nodes give a polynomial of this degree exactly; a wave that turns by less than `swing` (K,) radians in all
    needs no more than a third of these, and some.
    """
    count = np.minimum(full, np.minimum(_MOST_NODES, 8 + np.ceil(swing / 3.0))).astype(np.intp)
    place, weight = np.zeros((len(count), count.max())), np.zeros((len(count), count.max()))
    for n in np.unique(count):
        q, w = np.polynomial.legendre.leggauss(int(n))
        place[count == n, :n], weight[count == n, :n] = (q + 1) / 2, w / 2
    return place, weight, count


def _waves(link: Link, low: float, high: float) -> tuple[FloatArray, ComplexArray, float] | None:
    """Return frequencies (K,), coefficients (K, n_times) and the middle c with g(u) = Re sum_k c_k exp(i w_k (u - c)).

    The period is twice the range, so that g need not be periodic on the range itself; the coefficients are those of
    least squares.
    """
    middle, half = 0.5 * (low + high), max(0.5 * (high - low), 0.5)
    size = np.maximum(np.ptp(link(np.array([low, high])), axis=0), 1e-12)
    for count in _WAVES:
        omega = np.pi * np.arange(count + 1) / (2.0 * half)
        # Chebyshev's points: closer together at the ends, where least squares would go astray
        u = half * np.cos(np.pi * (np.arange(4 * count) + 0.5) / (4 * count))
        basis = np.hstack([np.cos(np.outer(u, omega)), np.sin(np.outer(u, omega[1:]))])
        found = np.linalg.lstsq(basis, link(middle + u), rcond=1e-14)[0]
        check = np.linspace(-half, half, 7 * count + 1)
        tried = np.hstack([np.cos(np.outer(check, omega)), np.sin(np.outer(check, omega[1:]))]) @ found
        if (np.abs(tried - link(middle + check)) <= _MISFIT * size).all():
            coefficients = found[: count + 1].astype(np.complex128)
            coefficients[1:] -= 1j * found[count + 1 :]
            return np.asarray(omega), np.asarray(coefficients), middle
    return None
