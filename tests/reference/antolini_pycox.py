"""Time-dependent concordance as pycox counts it: the values in antolini_pycox.json beside this file.

Made with pycox 0.3.0 in an environment of its own (pycox needs numpy < 2 and scipy < 1.12):

    python tests/reference/antolini_pycox.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from pycox.evaluation import EvalSurv

HERE = Path(__file__).parent


def main():
    rng = np.random.default_rng(5)
    n = 80
    x = rng.normal(size=n)
    died, left = 500 * rng.exponential(size=n) * np.exp(-x), rng.uniform(30, 1500, size=n)
    event, continuous = died <= left, np.minimum(died, left).round(3) + 1
    grid = np.arange(60.0, 1500.0, 60.0)
    shape = np.exp(0.4 * rng.normal(size=n))
    crossing = np.exp(-np.exp(x + rng.normal(size=n))[:, None] * (grid / 600) ** shape[:, None])
    cases = {
        "untied times, level probabilities": (continuous, crossing.round(1), "adj_antolini"),
        "untied times": (continuous, crossing.round(9), "antolini"),
        "tied times": (np.ceil(continuous / 60) * 60 + 5, crossing.round(9), "antolini"),
    }
    found = {}
    for name, (time, survival, method) in cases.items():
        table = pd.DataFrame(survival.T, index=grid)
        value = EvalSurv(table, time, event, steps="post").concordance_td(method)
        found[name] = {"time": time.tolist(), "survival": survival.tolist(), "value": float(value)}
    whole = {"grid": grid.tolist(), "event": event.tolist(), "cases": found}
    (HERE / "antolini_pycox.json").write_text(json.dumps(whole) + "\n")


if __name__ == "__main__":
    main()
