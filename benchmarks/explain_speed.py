"""How long explanations take, ours and the neighbours': curves of a forest, eight features, four modalities.

    OMP_NUM_THREADS=1 python benchmarks/explain_speed.py [--survshap PYTHON]

Synthetic survival. Seconds are those of the processor, since a busy machine stretches the clock. What a neighbour would
need hours for is run on few patients and multiplied, and says so. survshap is no dependency: name the python of an
environment that has it (and scikit-survival) to have it in the table; else it is left out, and the output says so.

Ours are exact up to rounding where the line says so. KernelExplainer samples: its error is the root mean square
difference between two seeds, over the square root of 2, relative to the root mean square of its values. Its seconds
are those for that error, so that at equal error the ratio is larger than the one printed. It explains against
background patients, a forest's curves here along the paths of its training patients: two definitions of what is
unknown, so values are not compared. Processor time swings with the load: in another run the two ratios were 1,589 and
3,295.

Printed on 2 cores shared with others, Linux, Python 3.11 (survshap's "shap_kernel" crashes on these versions):

    one core; numpy 2.4.6, numba 0.68.1, shap 0.51.0, scikit-survival 0.28.0, scikit-learn 1.9.1

    four modalities, 96 columns, milliseconds a patient
      late          modalities exactly   30.3 (alone)    4.5 (of fifty)
                    risk by a day, with columns     7.7 (of ten): Shapley values of an S-curve of a sum, exact
      kernel (rbf)  modalities exactly   91.8 (alone)   24.5 (of fifty)
                    risk by a day, with columns   716.4 (of ten): Shapley values, exact over modalities, sampled within
      gated         modalities exactly   48.0 (alone)    7.5 (of fifty)
                    risk by a day, with columns    95.3 (of ten): Shapley values, exact over modalities, sampled within

    a forest of 8 features, milliseconds a patient
      hybridx, exact               0.71
      survshap, shap_kernel: failed, ValueError: Shape of passed values is (20, 8), indices imply (20, 20)
      survshap 0.4.2, kernel     4561     (one patient): 6,427 x

    random survival forest, 100 trees, n = 300, p = 1,000, S(t) at 20 days, all patients
      hybridx, exact                           0.96 s  (3.2 ms a patient; misses S(t) by 4e-14)
      shap KernelExplainer, 2048 samples         2818 s  (2 runs of 1 patient, against 10; relative error 0.77): 2,936 x
      shap KernelExplainer, 4096 samples         5083 s  (2 runs of 1 patient, against 10; relative error 0.38): 5,296 x
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl
import shap

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.explain.coalitions import Case, exact_values, worth_of_coalitions
from hybridx.explain.synthetic import Substitution
from hybridx.fusion import GatedFusion, KernelFusion, LateFusion
from hybridx.models import SurvivalForest

N, TREES, DAYS = 300, 100, 20
_SURVSHAP = """
import sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
from time import process_time
from importlib.metadata import version
from sksurv.ensemble import RandomSurvivalForest
from sksurv.util import Surv
from survshap import SurvivalModelExplainer, PredictSurvSHAP
data = np.load(sys.argv[1])
X = pd.DataFrame(data["X"], columns=[f"x{j}" for j in range(data["X"].shape[1])])
y = Surv.from_arrays(data["event"], data["time"])
forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=5, random_state=0).fit(X, y)
explainer = SurvivalModelExplainer(model=forest, data=X, y=y)
start = process_time()
found = PredictSurvSHAP(function_type="sf", calculation_method=sys.argv[2])
found.fit(explainer, X.iloc[[0]], timestamps=data["days"])
print(process_time() - start, version("survshap"), version("scikit-survival"))
"""


def world(n: int, sizes: dict[str, int], seed: int = 0) -> tuple[pl.DataFrame, Outcome]:
    """Return a table in which the first columns of each modality count, and its survival."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {"patient_id": [f"P{i}" for i in range(n)]}
    risk = np.zeros(n)
    for m, p in sizes.items():
        block = rng.normal(size=(n, p))
        risk += 0.5 * block[:, 0] + 0.5 * np.abs(block[:, min(1, p - 1)])
        columns[f"{m}.measured"] = np.ones(n, bool)
        columns |= {f"{m}.x{j}": block[:, j] for j in range(p)}
    time = 500 * rng.exponential(size=n) * np.exp(-risk) + 1
    censored = rng.uniform(100, 2000, size=n)
    return pl.DataFrame(columns), Outcome.survival(np.minimum(time, censored), time <= censored)


def many_features() -> None:
    """Time S(t) of a forest of 1,000 features."""
    X, y = world(N, {"pet": 1000})
    model = SurvivalForest(n_trees=TREES, min_leaf=5, correlation=None).fit(X, y)
    days = np.quantile(y.time_days, np.linspace(0.05, 0.9, DAYS))
    start = process_time()
    why = hx.explain(model, X, X, scale="survival", times=days)
    ours = process_time() - start
    gap = np.abs(why.base + why.contributions.sum(axis=1) - why.prediction).max()
    print(f"\nrandom survival forest, {TREES} trees, n = {N}, p = 1,000, S(t) at {DAYS} days, all patients")
    print(
        f"  hybridx, exact                     {ours:10.2f} s  ({1e3 * ours / N:.1f} ms a patient; "
        f"misses S(t) by {gap:.0e})"
    )
    matrix = X.select(model.columns_).to_numpy()
    at = np.searchsorted(model.forest_.unique_times_, days, side="right") - 1

    def curves(rows: np.ndarray) -> np.ndarray:
        return model.forest_.predict_survival_function(rows, return_array=True)[:, at]

    background = matrix[np.linspace(0, N - 1, 10).astype(int)]
    for samples in (2048, 4096):
        found, took = [], 0.0
        for seed in (0, 1):
            np.random.seed(seed)  # noqa: NPY002 - what KernelExplainer draws from
            start = process_time()
            explainer = shap.KernelExplainer(curves, background)
            found.append(
                np.asarray(explainer.shap_values(matrix[:1], nsamples=samples, l1_reg=0, silent=True))
            )
            took += process_time() - start
        error = np.sqrt(np.mean((found[0] - found[1]) ** 2) / 2) / np.sqrt(np.mean(found[0] ** 2))
        whole = took / 2 * N
        print(
            f"  shap KernelExplainer, {samples} samples {whole:12.0f} s  (2 runs of 1 patient, against 10; "
            f"relative error {error:.2f}): {whole / ours:,.0f} x"
        )


def few_features(survshap: str | None) -> None:
    """Time S(t) of a forest of eight features."""
    X, y = world(N, {"pet": 8})
    model = SurvivalForest(n_trees=TREES, min_leaf=5, correlation=None).fit(X, y)
    days = np.quantile(y.time_days, np.linspace(0.05, 0.9, DAYS))
    start = process_time()
    hx.explain(model, X, X, scale="survival", times=days)
    ours = (process_time() - start) / N
    print(f"\na forest of 8 features, milliseconds a patient\n  hybridx, exact         {1e3 * ours:10.2f}")
    if survshap is None:
        print("  survshap: not asked for (--survshap)")
        return
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "world.npz", Path(folder) / "script.py"
        matrix = X.select(model.columns_).to_numpy()
        np.savez(file, X=matrix, event=y.event, time=y.time_days, days=days)
        script.write_text(_SURVSHAP)
        for method in ("shap_kernel", "kernel"):
            run = subprocess.run(
                [survshap, str(script), str(file), method], capture_output=True, text=True, check=False
            )
            if run.returncode:
                print(f"  survshap, {method}: failed, {run.stderr.strip().splitlines()[-1]}")
                continue
            seconds, *versions = run.stdout.split()[-3:]
            took = float(seconds)
            print(
                f"  survshap {versions[0]}, {method} {1e3 * took:8.0f}     (one patient): {took / ours:,.0f} x"
            )


def four_modalities() -> None:
    """Time exact Shapley values of four modalities, by all 16 coalitions against 30 patients."""
    X, y = world(200, {"clinical": 6, "lab": 10, "ct": 40, "pet": 40})
    print("four modalities, 96 columns, milliseconds a patient")
    models = {
        "late": LateFusion(),
        "kernel (rbf)": KernelFusion(("linear", "rbf")),
        "gated": GatedFusion(epochs=30, n_members=5, show_progress=False),
    }
    pattern = np.ones(4, dtype=bool)
    for name, model in models.items():
        model.fit(X[:150], y[:150])
        rows = np.arange(50)
        patients, reference = X[150:], X[:150]
        made = Substitution(model, patients, reference)
        took = []
        for some in (rows[:1], rows):
            start = process_time()
            case = Case(made, some, pattern, made.background(pattern, some))
            worth = worth_of_coalitions(case, model.linear_predictor(patients[some]), range(16))
            exact_values(worth, 4, len(some))
            took.append(1e3 * (process_time() - start) / len(some))
        start = process_time()
        why = hx.explain(model, patients[:10], reference, scale="risk", times=365.0)
        whole = 1e3 * (process_time() - start) / 10
        print(
            f"  {name:13s} modalities exactly {took[0]:6.1f} (alone) {took[1]:6.1f} (of fifty)\n"
            f"                risk by a day, with columns {whole:7.1f} (of ten): {why.method.split('(')[0].strip()}"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--survshap", metavar="PYTHON", help="python of an environment with survshap")
    chosen = parser.parse_args()
    names = ("numpy", "numba", "shap", "scikit-survival", "scikit-learn")
    print("one core; " + ", ".join(f"{name} {version(name)}" for name in names) + "\n")
    # what is compiled on first use is compiled before the clock starts
    X, y = world(60, {"pet": 8})
    hx.explain(SurvivalForest(n_trees=2, min_leaf=5).fit(X, y), X[:2], X, scale="risk", times=[100.0])
    hx.explain(LateFusion().fit(X, y), X[:2], X, scale="risk", times=[100.0])
    four_modalities()
    few_features(chosen.survshap)
    many_features()


if __name__ == "__main__":
    sys.exit(main())
