"""Separable kernels in every right-angled orientation, pooled: what makes Laws' kernels and wavelets blind to pose."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybridx.radiomics.filter_fir import convolve_axis
from hybridx.radiomics.roi import Floats
from hybridx.terms.text import check_name

__all__ = ["POOLINGS", "convolve_separable", "orientations"]

POOLINGS = ("max", "mean", "min")


class Orientation(NamedTuple):
    """One separable kernel: taps for the axes (..., y, x) and how often it occurs as it is, and negated."""

    kernels: tuple[Floats, ...]
    as_is: int
    negated: int


def orientations(kernels: Sequence[Floats], *, rotations: bool) -> list[Orientation]:
    """Return the distinct orientations of a separable kernel under rotations by right angles.

    Parameters
    ----------
    kernels : sequence of ndarray, for the axes (y, x) or (z, y, x)
        Two for the 4 rotations of a slice, three for the 24 of a volume.
    rotations : bool
        False: the kernel as it is, alone.

    Returns
    -------
    list of Orientation
        Counts add up to 1, 4 or 24. An antisymmetric kernel turned around is its own negative, so it is convolved once.
    """
    kernels = [_odd(kernel) for kernel in kernels]
    n = len(kernels)
    if not rotations:
        return [Orientation(tuple(kernels), 1, 0)]
    found: dict[tuple[bytes, ...], list[int]] = {}
    taps: dict[tuple[bytes, ...], tuple[Floats, ...]] = {}
    for order in itertools.permutations(range(n)):
        parity = round(float(np.linalg.det(np.eye(n)[list(order)])))
        for signs in itertools.product((1, -1), repeat=n):
            if parity * int(np.prod(signs)) != 1:
                continue  # a mirror image is no rotation
            turned = [_turned(kernels[k], sign) for k, sign in zip(order, signs, strict=True)]
            negative = int(np.prod([sign for _, sign in turned])) < 0
            key = tuple(kernel.tobytes() for kernel, _ in turned)
            found.setdefault(key, [0, 0])[negative] += 1
            taps[key] = tuple(kernel for kernel, _ in turned)
    return [Orientation(taps[key], *counts) for key, counts in sorted(found.items())]


def convolve_separable(
    image: Floats,
    kernels: Sequence[Floats],
    boundary: str = "mirror",
    *,
    rotations: bool = False,
    pooling: str = "max",
) -> Floats:
    """Convolve with a separable kernel, in one orientation or pooled over all right-angled ones.

    Parameters
    ----------
    image : ndarray of float64, shape (z, y, x)
    kernels : sequence of ndarray, for the axes (y, x) or (z, y, x)
        Two work slice by slice.
    boundary : {'mirror', 'nearest', 'periodise', 'zero'}
    rotations : bool
    pooling : {'max', 'mean', 'min'}
        Over the orientations, voxel by voxel.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
    """
    check_name(pooling, POOLINGS, "pooling")
    poses = orientations(kernels, rotations=rotations)
    axes = list(range(image.ndim - len(kernels), image.ndim))
    total = sum(pose.as_is + pose.negated for pose in poses)
    pooled: Floats | None = None
    partial: list[tuple[bytes, Floats]] = []
    for (
        pose
    ) in poses:  # sorted by taps of the first axis, then the second: equal beginnings are convolved once
        shared = 0
        while shared < len(partial) and partial[shared][0] == pose.kernels[shared].tobytes():
            shared += 1
        if shared == len(axes):
            shared -= 1
        del partial[shared:]
        response = partial[-1][1] if partial else image
        for axis, kernel in list(zip(axes, pose.kernels, strict=True))[shared:]:
            response = convolve_axis(response, kernel, axis, boundary)
            partial.append((kernel.tobytes(), response))
        partial.pop()  # the last is never shared
        pooled = _pool(pooled, response, pose, pooling, total)
    if pooled is None:  # no kernel has no orientation
        msg = "A separable kernel needs taps for two or three axes."
        raise ValueError(msg)
    return pooled


def _pool(pooled: Floats | None, response: Floats, pose: Orientation, pooling: str, total: int) -> Floats:
    if pooling == "mean":
        response *= (pose.as_is - pose.negated) / total
        return response if pooled is None else np.add(pooled, response, out=pooled)
    if pose.as_is and pose.negated:
        np.abs(response, out=response)
        if pooling == "min":
            np.negative(response, out=response)
    elif pose.negated:
        np.negative(response, out=response)
    if pooled is None:
        return response
    return (np.maximum if pooling == "max" else np.minimum)(pooled, response, out=pooled)


def _odd(kernel: Floats) -> Floats:
    """Put a zero at the end of an even kernel: its centre stays, and it can be turned around it."""
    kernel = np.asarray(kernel, dtype=np.float64)
    return kernel if kernel.size % 2 else np.append(kernel, 0.0)


def _turned(kernel: Floats, sign: int) -> tuple[Floats, int]:
    """Turn a kernel around if asked; an antisymmetric one stays and hands back the sign instead."""
    if sign == 1:
        return kernel, 1
    if np.array_equal(kernel[::-1], -kernel):
        return kernel, -1
    return np.ascontiguousarray(kernel[::-1]), 1
