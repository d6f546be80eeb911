"""How often the methodology checks cry wolf: alarms per check over clean synthetic worlds, and over null worlds.

    OMP_NUM_THREADS=1 python benchmarks/check_false_alarms.py            # 50 clean and 50 null worlds, some minutes
    OMP_NUM_THREADS=1 python benchmarks/check_false_alarms.py --worlds 5

Synthetic data: the table says how the checks behave, nothing about patients. Each world has 120 to 300 patients of
three centres that differ in nothing, five modalities that are missing at random, a survival and a response endpoint; a
ridge model of everything, threefold cross-validation, explained, 200 resamples, and a second cohort of strangers. In a
null world no feature has to do with the outcome. Information (too few events per feature, fusion not separated from its
best modality) is true in most of these worlds and counted apart.

The run of 50 worlds, by seed 0 to 49; a cohort is the same in its clean and null columns but for the outcome. The
interval of C or AUC includes 0.5 in 94 % (survival) and 92 % (response) of the null worlds.

    alarms (error or warning) / worlds in which the check ran, of 50; info in brackets
                   clean OS clean response        null OS  null response
    HX001          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Fitted before the split
    HX002          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Prepared on all patients
    HX003          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Post-baseline predictor
    HX004          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Identifier-like column
    HX005          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  The outcome in disguise
    HX006          2/50 (0)       1/50 (0)       0/50 (0)       1/50 (0)  Missingness predicts the outcome
    HX007          1/50 (0)       1/50 (0)       1/50 (0)       1/50 (0)  Missingness tells the centre
    HX008          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Features tell the centre
    HX009          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Texture that is volume in disguise
    HX010          0/46 (0)        0/0 (0)        0/2 (0)        0/0 (0)  Proportional hazards violated
    HX011         0/50 (50)      0/50 (50)      0/50 (50)      0/50 (50)  Too few events
    HX012          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Metric without interval
    HX013          0/50 (0)        0/0 (0)       0/50 (0)        0/0 (0)  Tau or horizon beyond follow-up
    HX014         0/50 (48)      0/50 (48)      0/50 (50)      0/50 (50)  Fusion not better than its best modality
    HX015          1/46 (0)       1/43 (0)        0/2 (0)        0/2 (0)  Calibration slope outside the band
    HX016          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Explanation of training rows
    HX017          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Same patient in training and test
    HX018          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Duplicate patients
    HX019          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Duplicate patients across cohorts
    HX020          0/50 (0)       0/50 (0)       0/50 (0)       0/50 (0)  Selected on all patients
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

import hybridx as hx
from hybridx.evaluate import NestedCV
from hybridx.models import CoxRidge, LogisticModel

sys.path.insert(0, str(Path(__file__).parents[1]))  # the world is that of the tests
from tests.checks.world import make_cohort, rename_patients


def findings_of(seed: int, signal: float, endpoint: str) -> tuple[object, float, float]:
    """Return what the checks find in one world, their seconds, and whether C includes 0.5."""
    n = int(np.random.default_rng(seed).integers(120, 301))
    model = CoxRidge() if endpoint == "OS" else LogisticModel()
    design = NestedCV(folds=3, repeats=1, seed=seed)
    cohort = make_cohort(n, seed, signal=signal)
    settings = {"resamples": 200, "workers": 1, "progress": False, "explain": hx.explain}
    result = hx.evaluate({"all": model}, cohort, endpoint, design, **settings)
    other = rename_patients(make_cohort(100, 10_000 + seed), "Q")  # strangers of the same clinics
    start = time.perf_counter()
    found = hx.checks.run(result, other=other)
    seconds = time.perf_counter() - start
    main = result.estimate("all", result.metrics[0])
    return found, seconds, float(main.low <= 0.5 <= main.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.worlds)
    columns = {}
    for signal in (1.0, 0.0):
        for endpoint in ("OS", "response"):
            done = [findings_of(seed, signal, endpoint) for seed in seeds]
            name = f"{'clean' if signal else 'null'} {endpoint}"
            columns[name] = Counter(
                (code, level)
                for found, _, _ in done
                for code, level in {(f.code, "alarm" if f.severity != "info" else "info") for f in found}
            )
            ran = Counter(c for f, _, _ in done for c in {*f.clean, *(x.code for x in f)})
            columns[name].update({(code, "ran"): count for code, count in ran.items()})
            chance = np.mean([c for _, _, c in done])
            print(
                f"{name}: {np.mean([s for _, s, _ in done]):.2f} s a world; interval includes 0.5 in {chance:.0%}"
            )
            for seed, (found, _, _) in zip(seeds, done, strict=True):
                for f in found:
                    if f.severity != "info":
                        print(f"  world {seed}: {f}")
    print(f"\nalarms (error or warning) / worlds in which the check ran, of {asked.worlds}; info in brackets")
    print("        " + "".join(f"{name:>15}" for name in columns))
    for check in hx.checks.CHECKS:
        cells = [
            f"{c[check.code, 'alarm']}/{c[check.code, 'ran']} ({c[check.code, 'info']})"
            for c in columns.values()
        ]
        print(f"{check.code:<8}" + "".join(f"{cell:>15}" for cell in cells) + f"  {check.title}")


if __name__ == "__main__":
    main()
