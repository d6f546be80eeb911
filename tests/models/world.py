"""A small multimodal world with known truth, as the wide frame that models eat."""

import numpy as np
import polars as pl

from hybridx.cohort import Outcome

FEATURES = {"clinical": 5, "pet": 12, "lab": 4}
EFFECT = {"clinical": 0.8, "pet": 0.9, "lab": 0.0}


def draw(n=90, seed=0, missing=0.25, holes=0.05):
    """Return (frame, survival outcome, response outcome, true log-hazard); lab is pure noise."""
    rng = np.random.default_rng(seed)
    columns = {
        "patient_id": [f"P{i:03d}" for i in range(n)],
        "centre": ["A", "B", "A"] * (n // 3) + ["A"] * (n % 3),
    }
    log_hazard = np.zeros(n)
    for modality, p in FEATURES.items():
        factor = rng.normal(size=n)
        values = factor[:, None] * 0.7 + rng.normal(size=(n, p))
        log_hazard += EFFECT[modality] * factor
        values[rng.random((n, p)) < holes] = np.nan
        there = np.ones(n, dtype=bool) if modality == "clinical" else rng.random(n) >= missing
        values[~there] = np.nan
        columns[f"{modality}.measured"] = there
        # units of very different size, as in real tables
        columns |= {f"{modality}.x{j}": values[:, j] * 10.0 ** (j % 4) + 5.0 for j in range(p)}
    time = 400 * rng.exponential(size=n) * np.exp(-log_hazard) + 1
    censored = rng.uniform(50, 1500, size=n)
    y = Outcome.survival(np.ceil(np.minimum(time, censored)), time <= censored)
    response = Outcome.response((rng.random(n) < 1 / (1 + np.exp(log_hazard))).astype(float))
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None)), y, response, log_hazard


def draw_other(log_hazard, seed=0):
    """Return (ordinal outcome, continuous outcome) that follow the true log-hazard of `draw`; higher is worse."""
    rng = np.random.default_rng([seed, 7])
    n = len(log_hazard)
    worse = log_hazard + 0.5 * rng.logistic(size=n)
    levels = np.array(["CR", "PR", "SD", "PD"])[np.searchsorted(np.quantile(worse, [0.25, 0.5, 0.75]), worse)]
    change = 25.0 * log_hazard - 10.0 + 15.0 * rng.normal(size=n)
    return (
        Outcome.ordinal(levels, criterion="RECIST"),
        Outcome.continuous(change, endpoint="PSA change", unit="%"),
    )


def without(frame, modality, rows):
    """Return the frame with `modality` not measured in the rows of a mask."""
    gone = pl.Series(np.asarray(rows, dtype=bool))
    names = [c for c in frame.columns if c.startswith(f"{modality}.") and not c.endswith(".measured")]
    flag = (
        pl.when(gone)
        .then(pl.lit(False))
        .otherwise(pl.col(f"{modality}.measured"))
        .alias(f"{modality}.measured")
    )
    return frame.with_columns(flag, *(pl.when(gone).then(None).otherwise(pl.col(c)).alias(c) for c in names))
