"""Makes combat.json: what neuroCombat and neuroHarmonize return on a small table of three scanners.

Run in an environment of its own: pip install neuroCombat==0.2.12 neuroHarmonize==2.5.2, then python combat.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pandas as pd

np.int = int  # noqa: NPY001  neuroCombat 0.2.12 still asks for it
from neuroCombat import neuroCombat  # noqa: E402
from neuroHarmonize import harmonizationApply, harmonizationLearn  # noqa: E402

rng = np.random.default_rng(7)
batch = np.repeat(["A", "B", "C"], [18, 14, 10])
n, p = len(batch), 8
age = np.round(
    rng.normal(60, 8, n) + 4 * (batch == "B")
)  # whole numbers: neuroCombat keeps covariates as float32
stage = np.where(rng.random(n) < 0.4 + 0.2 * (batch == "C"), "III", "II")
shift = {"A": 0.0, "B": 2.0, "C": -1.0}
scale = {"A": 1.0, "B": 1.6, "C": 0.6}
noise = rng.normal(size=(n, p)) * np.array([scale[b] for b in batch])[:, None]
values = 10 + rng.normal(size=p) + 0.05 * age[:, None] + 0.8 * (stage == "III")[:, None] + noise
values += np.array([shift[b] for b in batch])[:, None] * (0.5 + rng.random(p))
values = np.round(values * 10.0 ** np.arange(-2, p - 2), 9)

covars = pd.DataFrame({"batch": batch, "age": age, "stage": stage})


def run(**settings):
    found = neuroCombat(
        values.T, covars, "batch", categorical_cols=["stage"], continuous_cols=["age"], **settings
    )
    return found["data"].T.tolist()


train = np.array([i % 3 != 0 for i in range(n)])
site = pd.DataFrame({"SITE": batch, "age": age, "late": (stage == "III").astype(float)})
model, learnt = harmonizationLearn(values[train], site[train].reset_index(drop=True))
applied = harmonizationApply(values[~train], site[~train].reset_index(drop=True), model)

result = {
    "made_with": {
        package: importlib.metadata.version(package) for package in ("neuroCombat", "neuroHarmonize", "numpy")
    },
    "batch": batch.tolist(),
    "age": age.tolist(),
    "stage": stage.tolist(),
    "values": values.tolist(),
    "parametric": run(),
    "nonparametric": run(parametric=False),
    "none": run(eb=False),
    "location": run(eb=False, mean_only=True),
    "reference": run(ref_batch="B"),
    "train": train.tolist(),
    "learnt": learnt.tolist(),
    "applied": applied.tolist(),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(result))
