"""Interpolation along one axis: weighted sums of lines, compiled."""

from __future__ import annotations

from typing import Any

from hybridx.compute.compiled import compiled

__all__ = ["blend", "blend_lines"]


@compiled
def blend(array: Any, places: Any, weights: Any, out: Any) -> None:
    """out[o, k, i] = Σ_t weights[t, k] array[o, places[t, k], i], for a long last axis."""
    for o in range(out.shape[0]):
        for k in range(out.shape[1]):
            row, weight = array[o, places[0, k]], weights[0, k]
            line = out[o, k]
            for i in range(len(line)):
                line[i] = row[i] * weight
            for t in range(1, len(places)):
                row, weight = array[o, places[t, k]], weights[t, k]
                for i in range(len(line)):
                    line[i] += row[i] * weight


@compiled
def blend_lines(array: Any, places: Any, weights: Any, out: Any) -> None:
    """out[o, k] = Σ_t weights[t, k] array[o, places[t, k]]."""
    for o in range(out.shape[0]):
        row, line = array[o], out[o]
        for k in range(len(line)):
            total = row[places[0, k]] * weights[0, k]
            for t in range(1, len(places)):
                total += row[places[t, k]] * weights[t, k]
            line[k] = total
