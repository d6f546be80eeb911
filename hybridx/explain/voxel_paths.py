r"""From one patient's picture to those of others: what each voxel adds on the way.

Where the prediction F has a slope, the way is straight and the voxels' parts are integrated gradients,

.. math:: a_v = \sum_b w_b\,(x_v - x^{(b)}_v)
   \int_0^1 \frac{\partial F}{\partial x_v}\bigl(x^{(b)} + t\,(x - x^{(b)})\bigr)\,dt,

which sum to :math:`F(x) - \sum_b w_b F(x^{(b)})`. Where it has none (trees), regions of the picture change hands one
after another, in random orders each walked forwards and backwards: Shapley values of regions, whose sum is exact.

The pictures :math:`x^{(b)}` are those of background patients, each with its lesion in the middle of the box; the
weights w are the flattest (exponential tilting) with which they stand for the average that a contribution starts from.

Source
------
Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks, arXiv:1703.01365; several references: Erion et
al. 2021, doi:10.1038/s42256-021-00343-w; antithetic orders: Mitchell et al. 2022, arXiv:2104.12199.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import softmax

from hybridx.explain.picture import Patches
from hybridx.explain.voxel_scale import AnyPicture

__all__ = ["Parts3D", "along_paths", "by_regions", "tilted"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_POINTS = (
    4,
    8,
    16,
    32,
)  # of Gauss and Legendre's rule; each doubling is tried only where the last left a gap
_HOPELESS = 0.3  # gap at eight points beyond which no slope leads from one picture to the other
_TILT = 60.0  # largest log-ratio of two weights
_MASK = 2  # channel of the contour
_LESION_REGIONS = 24
_SEED = 20_170_304


@dataclass(frozen=True, eq=False)
class Parts3D:
    """What each voxel of a patch adds.

    Parameters
    ----------
    values : array of float, shape (3, z, y, x)
        By channel: PET, CT, contour.
    total : float
        What they sum to.
    gap : float
        What was missing from that sum before it was dealt out in proportion, as a share of the sizes summed.
    method : str
    """

    values: FloatArray
    total: float
    gap: float
    method: str


def tilted(values: FloatArray, target: float) -> FloatArray | None:
    """Return the flattest weights > 0, summing to 1, with which `values` have the mean `target`; None: impossible."""
    spread = float(np.std(values))
    if spread == 0.0:
        return np.full(len(values), 1.0 / len(values)) if np.allclose(values, target, atol=1e-9) else None
    z = (values - target) / spread

    def mean(tilt: float) -> float:
        return float(softmax(tilt * z) @ z)

    edge = _TILT / max(float(np.ptp(z)), 1.0)
    if mean(-edge) * mean(edge) >= 0:
        return None
    return np.asarray(softmax(brentq(mean, -edge, edge, xtol=1e-12) * z))


def along_paths(
    picture: AnyPicture, patch: Patches, others: Patches, weights: FloatArray, tolerance: float
) -> Parts3D | None:
    """Return integrated gradients from several pictures to one; None where they do not add up within `tolerance`.

    Parameters
    ----------
    picture : Picture or BentPicture
    patch : array of float32, shape (3, z, y, x)
    others : array of float32, shape (B, 3, z, y, x)
    weights : array of float, shape (B,)
    tolerance : float
        Largest gap between voxels and prediction, as a share of the weighted sizes |F(x) - F(x_b)|.
    """
    wanted = picture.predict(patch[None])[0] - picture.predict(others)
    size = float(weights @ np.abs(wanted))
    if size == 0.0:
        return Parts3D(np.zeros(patch.shape), 0.0, 0.0, "integrated gradients")
    used = np.flatnonzero(weights > 1e-6)
    for points in _POINTS:
        node, share = np.polynomial.legendre.leggauss(points)
        at, share = (node + 1) / 2, share / 2
        values = np.zeros(patch.shape)
        gaps = np.zeros(len(others))
        for b in used:
            step = patch - others[b]
            way = others[b][None] + at[:, None, None, None, None].astype(np.float32) * step[None]
            slope = np.tensordot(share, picture.slope(way.astype(np.float32)), axes=1)
            part = slope * step
            gaps[b] = wanted[b] - part.sum()
            values += weights[b] * part
        gap = float(weights @ np.abs(gaps)) / size
        if gap <= tolerance:
            text = f"integrated gradients from {len(used)} patients' pictures, {points} points each (gap {gap:.1%})"
            total = float(weights[used] @ wanted[used])
            return Parts3D(_closed(values, total), total, gap, text)
        if points >= 8 and gap > _HOPELESS:
            return None
    return None


def by_regions(picture: AnyPicture, patch: Patches, others: Patches, weights: FloatArray) -> Parts3D:
    """Return Shapley values of regions of the picture: blocks of the lesion, coarser blocks around it, the contour.

    Parameters
    ----------
    picture, patch, others, weights
        As in `along_paths`.
    """
    regions = _regions(patch)
    count = int(regions.max()) + 1
    sizes = np.bincount(regions.ravel(), minlength=count)
    rng = np.random.default_rng(_SEED)
    used, gains = np.flatnonzero(weights > 1e-6), np.zeros((2, count))
    for b in used:
        order = rng.permutation(count)
        for way, walk in enumerate((order, order[::-1])):
            rank = np.argsort(walk)[regions]
            steps = np.stack([np.where(rank < t, patch, others[b]) for t in range(count + 1)])
            gain = np.diff(picture.predict(steps))
            gains[way, walk] += weights[b] * gain
    per_region = gains.mean(axis=0)
    error = float(np.abs(gains[0] - gains[1]).mean() / 2)
    text = (
        f"Shapley values of {count} regions against {len(used)} patients' pictures (both ways differ by {error:.2g} a "
        "region); the model has no slope"
    )
    values = (per_region / np.maximum(sizes, 1))[regions]
    return Parts3D(values, float(per_region.sum()), 0.0, text)


def _closed(values: FloatArray, total: float) -> FloatArray:
    """Deal what is missing from a sum out in proportion to size."""
    size = np.abs(values)
    whole = float(size.sum())
    share = size / whole if whole else np.full(size.shape, 1.0 / size.size)
    return np.asarray(values + (total - values.sum()) * share)


def _regions(patch: Patches) -> IntArray:
    """Return the number of each voxel's region, shape of the patch."""
    inside = patch[_MASK] > 0.5
    index = np.indices(inside.shape)
    coarse = _blocks(index, 16)
    for edge in (4, 6, 8, 12, 16, 32):
        fine = _blocks(index, edge)
        if len(np.unique(fine[inside])) <= _LESION_REGIONS:
            break
    one = np.where(inside, 1 + coarse.max() + fine, coarse)
    one = np.unique(one, return_inverse=True)[1].reshape(inside.shape)
    per_image = int(one.max()) + 1
    return np.stack([one, per_image + one, np.full(inside.shape, 2 * per_image)]).astype(np.intp)


def _blocks(index: npt.NDArray[np.int_], edge: int) -> IntArray:
    z, y, x = (axis // edge for axis in index)
    across = int(index.max()) // edge + 1
    return np.asarray((z * across + y) * across + x, dtype=np.intp)
