"""Net benefit by dcurves: the values in `net_benefit.json`.

    pip install dcurves==1.1.7
    python tests/reference/net_benefit.py > tests/reference/net_benefit.json

150 patients drawn by numpy (seed 21), a response and a censored survival with ties, thresholds 0.02 to 0.9. Where the
follow-up of those flagged ends before the time, dcurves gives no value (null).
"""

from __future__ import annotations

import json
import sys

import numpy as np

__all__ = ["THRESHOLDS", "TIME", "draw"]

THRESHOLDS = [0.02, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9]
TIME = 300.0


def draw():
    """Return times, events, event probability at `TIME`, responses and probability of response, each (150,)."""
    rng = np.random.default_rng(21)
    x = rng.normal(size=150)
    happens, leaves = 500 * rng.exponential(size=150) * np.exp(-x), rng.uniform(30, 900, size=150)
    time, event = np.ceil(np.minimum(happens, leaves) / 10) * 10, happens <= leaves
    told = 1 - np.exp(-0.6 * np.exp(0.8 * x))
    chance = 1 / (1 + np.exp(-1.2 * x))
    return time, event, told, rng.uniform(size=150) < chance, 1 / (1 + np.exp(-0.7 * x))


def main() -> None:
    """Print the reference values."""
    from importlib.metadata import version

    import pandas as pd
    from dcurves import dca

    time, event, told, response, probability = draw()
    frame = pd.DataFrame({"time": time, "event": event, "told": told, "response": response, "p": probability})
    survival = dca(frame, "event", ["told"], thresholds=THRESHOLDS, time=TIME, time_to_outcome_col="time")
    binary = dca(frame, "response", ["p"], thresholds=THRESHOLDS)
    found = {"dcurves": version("dcurves")}
    for kind, table, model in (("survival", survival, "told"), ("response", binary, "p")):
        for name in (model, "all"):
            values = table.loc[table["model"] == name].sort_values("threshold")["net_benefit"]
            key = f"{kind} {'treat all' if name == 'all' else 'model'}"
            found[key] = [None if np.isnan(v) else float(v) for v in values]
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
