"""D-calibration by SurvivalEVAL: the values in `d_calibration.json`.

    pip install survivaleval==0.9.0 torch
    python tests/reference/d_calibration.py > tests/reference/d_calibration.json

200 patients drawn by numpy (seed 31), exponential curves that are right and that are too steep, on a fine grid of times
with the patients' own among them, so that no value rests on a way of interpolating.
"""

from __future__ import annotations

import json
import sys

import numpy as np

__all__ = ["BINS", "draw"]

BINS = (5, 10)


def draw(power=1.0):
    """Return times, events, the rising grid, survival on it (200, T), and survival at the patients' own times."""
    rng = np.random.default_rng(31)
    x = rng.normal(size=200)
    happens, leaves = 400 * rng.exponential(size=200) * np.exp(-x), rng.uniform(20, 1200, size=200)
    time, event = np.minimum(happens, leaves) + 1, happens <= leaves
    grid = np.unique(time)
    hazard = (np.exp(x) / 400) ** power * 400 ** (power - 1)
    survival = np.exp(-np.outer(hazard, grid))
    return time, event, grid, survival, np.exp(-hazard * time)


def main() -> None:
    """Print the reference values."""
    from importlib.metadata import version

    from SurvivalEVAL.evaluations.calibration.distributional.distribution_calibration import d_calibration

    found = {"survivaleval": version("survivaleval")}
    for power in (1.0, 2.0):
        _, event, _, _, own = draw(power)
        for bins in BINS:
            statistic, p_value, counts = d_calibration(own, event, bins)
            found[f"power {power:g}, {bins} bins"] = {
                "statistic": float(statistic),
                "p_value": float(p_value),
                "counts": np.asarray(counts)[::-1].tolist(),  # theirs run from survival 1 down to 0
            }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
