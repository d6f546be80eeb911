"""How often the methodology checks cry wolf: alarms per check over clean synthetic worlds, and over null worlds.

    OMP_NUM_THREADS=1 python benchmarks/check_false_alarms.py            # 50 clean and 50 null worlds, some minutes
    OMP_NUM_THREADS=1 python benchmarks/check_false_alarms.py --worlds 5

Synthetic data: the table says how the checks behave, nothing about patients. Each world has 120 to 300 patients of
three centres that differ in nothing, five modalities that are missing at random, a survival and a response endpoint; a
ridge model of everything, threefold cross-validation, explained, 200 resamples, and a second cohort of strangers. In a
null world no feature has to do with the outcome. Information (too few events per feature, fusion not separated from its
best modality) is true in most of these worlds and counted apart.
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
    print("        " + "".join(f"{name:>18}" for name in columns))
    for check in hx.checks.CHECKS:
        cells = [
            f"{c[check.code, 'alarm']}/{c[check.code, 'ran']} ({c[check.code, 'info']})"
            for c in columns.values()
        ]
        print(f"{check.code:<8}" + "".join(f"{cell:>18}" for cell in cells) + f"  {check.title}")


if __name__ == "__main__":
    main()
