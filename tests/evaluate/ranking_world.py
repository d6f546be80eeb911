"""Cohorts for the tests of rankings, and the definitions of the scores, pair by pair and as slow as they read."""

from __future__ import annotations

import numpy as np

from hybridx.cohort import Outcome

__all__ = ["cohort", "curves", "pair_share"]


def cohort(kind="continuous", n=60, seed=0):
    """Return an outcome, risks, and real weights (3, n) with zeros."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    died, left = 500 * rng.exponential(size=n) * np.exp(-x), rng.uniform(30, 1500, size=n)
    time, event, risk = np.minimum(died, left) + 1, died <= left, x + rng.normal(size=n)
    entry = cause = None
    if "tied" in kind:
        time, risk = np.ceil(time / 60) * 60, risk.round(0)
    if "tail" in kind:
        event &= time < np.quantile(time, 0.6)
    if "censored" in kind:
        event[:] = False
    if "one event" in kind:
        event[:] = False
        event[np.argsort(time)[n // 4]] = True
    if "constant" in kind:
        risk[:] = 0.3
    if "late" in kind:
        entry = np.where(rng.random(n) < 0.6, np.floor(rng.random(n) * time), np.nan)
        entry = np.where(entry >= time, 0.0, entry)
    if "causes" in kind:
        cause = np.where(event, rng.choice(["relapse", "death"], size=n, p=[0.6, 0.4]), "")
    weights = rng.random((3, n)) * (rng.random((3, n)) < 0.8)
    weights[0] = 1.0
    return Outcome.survival(time, event, entry_days=entry, cause=cause), risk, weights


def curves(risk, times, seed=0):
    """Return survival (n, T) whose curves cross, with level values."""
    rng = np.random.default_rng(seed)
    shape = np.exp(0.5 * rng.normal(size=len(risk)))
    return np.exp(-np.exp(risk)[:, None] * (times[None, :] / 600) ** shape[:, None]).round(2)


def pair_share(comparable, higher, first, second):
    """Return sum v_i w_j K_ij S_ij / sum v_i w_j K_ij with S = 1, 1/2, 0 from the sign of `higher` (n, n)."""
    ranked = np.where(higher > 0, 1.0, np.where(higher == 0, 0.5, 0.0))
    pairs = first[:, None] * second[None, :] * comparable
    return float((pairs * ranked).sum() / pairs.sum()) if pairs.sum() > 0 else np.nan
