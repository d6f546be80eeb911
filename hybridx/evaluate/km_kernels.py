"""Counts and product-limit curves of many weightings, compiled: what every curve in `weighted_km` is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["count_days", "product_limit"]


@compiled
def count_days(day: Any, arrival: Any, event: Any, weights: Any, n_days: int, dust: float) -> Any:  # noqa: PLR0917
    """Return events, censorings and patients at risk on each day, each of shape (B, n_days).

    `day` is the index of a patient's last day, `arrival` that of the last day on which the patient was not yet at risk
    (-1: at risk from the start), `dust` the share of all weight that is rounding.
    """
    n_weightings, n = weights.shape
    events = np.zeros((n_weightings, n_days))
    censored = np.zeros((n_weightings, n_days))
    at_risk = np.zeros((n_weightings, n_days))
    for b in range(n_weightings):
        late = False
        for i in range(n):
            w = weights[b, i]
            if event[i]:
                events[b, day[i]] += w
            else:
                censored[b, day[i]] += w
            if arrival[i] >= 0:
                late = True
                at_risk[b, arrival[i]] -= w
        risk = weight = 0.0
        for k in range(n_days - 1, -1, -1):
            ends = events[b, k] + censored[b, k]
            weight += ends
            risk += ends + at_risk[b, k]
            at_risk[b, k] = risk
        if (
            late
        ):  # sums that came and went leave dust, which must keep nobody alive when all at risk have the event
            for k in range(n_days):
                if abs(at_risk[b, k] - events[b, k]) <= dust * weight:
                    at_risk[b, k] = events[b, k]
    return events, censored, at_risk


@compiled
def product_limit(ends: Any, at_risk: Any) -> Any:
    """Return the running product of 1 - ends / at_risk, shape (B, n_days); days with nobody at risk change nothing."""
    curves = np.empty(ends.shape)
    for b in range(ends.shape[0]):
        value = 1.0
        for k in range(ends.shape[1]):
            if at_risk[b, k] > 0.0:
                value *= 1.0 - ends[b, k] / at_risk[b, k]
            curves[b, k] = value
    return curves
