"""How often the intervals of importance hold the importance that new cohorts would give on average.

    PYTHONPATH=. python benchmarks/importance_coverage.py [cohorts]

Cohorts of 150 patients are drawn from the world of `tests/models/world.py` (21 features, 3 modalities, one of them
noise), each cross-validated in 5 folds with out-of-fold explanations. What intervals should hold is the mean importance
over all cohorts. "Patients only" is the interval without the folds: the model held fixed.

100 cohorts, nominal 95 %:

    modality  folds and patients  coverage 0.927 (rows from 0.81 to 1.00), mean width 9.6 SD of the importance
    modality  patients only       coverage 0.333 (rows from 0.19 to 0.41), mean width 0.9 SD of the importance
    feature   folds and patients  coverage 0.934 (rows from 0.75 to 0.99), mean width 9.1 SD of the importance
    feature   patients only       coverage 0.213 (rows from 0.13 to 0.31), mean width 0.6 SD of the importance

Where late fusion drops a modality, its importance in that cohort is 0 and has no interval: 3 % of the rows of
modalities, 2 % of those of features.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings

import numpy as np

import hybridx as hx
from hybridx.explain import Explanation
from tests.models.world import draw


def out_of_fold(seed: int) -> Explanation:
    X, y, *_ = draw(150, seed=seed)
    fold = np.random.default_rng(seed).permutation(150) % 5
    parts = []
    for k in range(5):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        model = hx.fusion.LateFusion().fit(X[train], y[train])
        parts.append(hx.explain(model, X[test], X[train], knowing=False))
    return Explanation.concat(parts)


def main() -> None:
    warnings.simplefilter("ignore")
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    found = [out_of_fold(seed) for seed in range(cohorts)]
    for level in ("modality", "feature"):
        for name, one_model in (("folds and patients", False), ("patients only", True)):
            tables = [
                (dataclasses.replace(why, folds=None) if one_model else why)
                .importance_intervals(level)
                .table()
                for why in found
            ]
            tables = [table.sort(level) for table in tables]
            value = np.array([table["mean_abs"].to_numpy() for table in tables])
            low = np.array([table["low"].to_numpy() for table in tables])
            high = np.array([table["high"].to_numpy() for table in tables])
            truth = value.mean(axis=0)
            held = (low <= truth) & (truth <= high)
            width = (high - low).mean() / value.std(axis=0).mean()
            print(
                f"{level:9s} {name:19s} coverage {held.mean():.3f} (rows from {held.mean(axis=0).min():.2f} to "
                f"{held.mean(axis=0).max():.2f}), mean width {width:.1f} SD of the importance over cohorts"
            )


if __name__ == "__main__":
    main()
