"""How often the sanity test passes when outcomes have nothing to do with the patients, and when they have.

    PYTHONPATH=. python benchmarks/sanity_size.py [cohorts]

Cohorts of 100 patients from the world of `tests/models/world.py`, 5 clinical and 12 PET features, ridge on all of them;
outcomes shuffled once before anything (nothing to find), or left as they are. 19 shuffles, so that p <= 0.05 is the
smallest value there is.

    ridge          no relation    passed 0.050 of 60, mean p 0.54
    ridge          real outcomes  passed 0.583 of 60, mean p 0.11

(5 % expected of the first: the size of the test. The second is its power: a half of 100 patients is 50, and in four of
ten such cohorts explanations that do follow the outcome are not told apart from chance. Not passing is no proof of the
contrary. Boosted trees have not been run to the end.)
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

import hybridx as hx
from hybridx.explain import sanity_test
from tests.models.world import draw


def main() -> None:
    warnings.simplefilter("ignore")
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    models = {
        "ridge": hx.fusion.EarlyFusion(modalities=["clinical", "pet"]),
        "boosted trees": hx.fusion.EarlyFusion(
            hx.models.XGBoostCox(n_rounds=20, max_depth=2), modalities=["clinical", "pet"]
        ),
    }
    for name, model in models.items():
        for real in (False, True):
            p = []
            for seed in range(cohorts):
                X, y, *_ = draw(100, seed=seed)
                outcome = y if real else y[np.random.default_rng(seed).permutation(100)]
                p.append(sanity_test(model, X, outcome, seed=seed).p)
            passed = np.mean(np.array(p) <= 0.05)
            kind = "real outcomes" if real else "no relation"
            print(
                f"{name:14s} {kind:14s} passed {passed:.3f} of {cohorts}, mean p {np.mean(p):.2f}", flush=True
            )


if __name__ == "__main__":
    main()
