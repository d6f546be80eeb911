"""How long explanations take, ours and the neighbours': curves of a forest, eight features, four modalities.

    OMP_NUM_THREADS=1 python benchmarks/explain_speed.py [--survshap PYTHON]

Synthetic survival. Seconds are those of the processor, since a busy machine stretches the clock. What a neighbour would
need hours for is run on few patients and multiplied, and says so. survshap is no dependency: name the python of an
environment that has it (and scikit-survival) to have it in the table; else it is left out, and the output says so.

Ours are exact up to rounding where the line says so. KernelExplainer samples; its error is measured against the exact
values of its own game (shap's TreeExplainer against the same ten background patients), as a root mean square relative
to theirs. What it would need for a smaller error is read off its own measured errors and seconds, along a straight line
through their logarithms, and is an extrapolation. The line is kind to it: between the last two sizes the error falls
with the power -0.73 only. It explains against background patients, a forest's curves here along the paths of its
training patients: two definitions of what is unknown, so that values are not compared. Milliseconds of modalities hold
the setting up of the table of patients and background, which one patient alone pays in full.

Printed on 2 cores shared with others (load 10 to 20), Linux, Python 3.11; survshap's "shap_kernel" crashes on these
versions. The last table is from a second start of the program:

    one core; numpy 2.4.6, numba 0.68.1, shap 0.51.0, scikit-survival 0.28.0, scikit-learn 1.9.1

    four modalities, 96 columns, milliseconds a patient
      early         modalities exactly  37.8 (alone)   2.7 (of fifty); by columns, risk at a day   10.2, exact
      early xgboost modalities exactly  37.7 (alone)   2.7 (of fifty); by columns, risk at a day   41.9, sampled
      late          modalities exactly  14.8 (alone)   2.4 (of fifty); by columns, risk at a day    7.0, exact
      late forest   modalities exactly  17.9 (alone)   2.8 (of fifty); by columns, risk at a day   50.9, sampled
      block ridge   modalities exactly  12.8 (alone)   1.5 (of fifty); by columns, risk at a day    9.0, exact
      kernel        modalities exactly  17.2 (alone)   0.3 (of fifty); by columns, risk at a day   10.6, exact
      kernel (rbf)  modalities exactly  37.1 (alone)   0.6 (of fifty); by columns, risk at a day  157.6, sampled
      gated         modalities exactly  41.0 (alone)   5.0 (of fifty); by columns, risk at a day   83.4, sampled
      consensus     modalities exactly  34.5 (alone)   4.1 (of fifty); by columns, risk at a day   64.5, sampled

    a forest of 8 features, milliseconds a patient
      hybridx, exact               0.73
      survshap, shap_kernel: failed, ValueError: Shape of passed values is (20, 8), indices imply (20, 20)
      survshap 0.4.2, kernel     5314     (one patient): 7,232 x

    random survival forest, 100 trees, n = 300, p = 1,000, S(t) at 20 days, all patients
      hybridx, exact                           0.97 s  (3.2 ms a patient; misses S(t) by 4e-14)
      shap KernelExplainer,  2048 samples       1711 s  (1 patients, times 300; error 1.68 of the values' size): 1,767 x
      shap KernelExplainer,  4096 samples       3993 s  (1 patients, times 300; error 0.43 of the values' size): 4,123 x
      shap KernelExplainer,  8192 samples       8150 s  (1 patients, times 300; error 0.26 of the values' size): 8,415 x
      its error goes with samples to the power -1.35, its seconds to the power 1.13;
        along that curve, an error of 0.10 takes 16,596 samples and 18,045 s: 18,632 x
        along that curve, an error of 0.01 takes 91,649 samples and 123,560 s: 127,578 x
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
from hybridx.fusion import (
    BlockPenalizedFusion,
    ConsensusFusion,
    EarlyFusion,
    GatedFusion,
    KernelFusion,
    LateFusion,
)
from hybridx.models import SurvivalForest

N, TREES, DAYS = 300, 100, 20
PATIENTS = 1  # that KernelExplainer explains: it takes half a minute for each
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
    known = against_background(model, at, background, matrix[:PATIENTS])
    sizes, errors, seconds = [2048, 4096, 8192], [], []
    for samples in sizes:
        np.random.seed(0)  # noqa: NPY002 - what KernelExplainer draws from
        start = process_time()
        explainer = shap.KernelExplainer(curves, background)
        found = explainer.shap_values(matrix[:PATIENTS], nsamples=samples, l1_reg=0, silent=True)
        seconds.append((process_time() - start) / PATIENTS * N)
        gap = np.asarray(found) - known
        errors.append(float(np.sqrt(np.mean(gap**2) / np.mean(known**2))))
        print(
            f"  shap KernelExplainer, {samples:5d} samples {seconds[-1]:10.0f} s  ({PATIENTS} patients, times "
            f"{N // PATIENTS}; error {errors[-1]:.2f} of the values' size): {seconds[-1] / ours:,.0f} x",
            flush=True,
        )
    slope = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
    cost = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
    print(f"  its error goes with samples to the power {slope:.2f}, its seconds to the power {cost:.2f};")
    for wanted in (0.1, 0.01):
        times = (wanted / errors[-1]) ** (1 / slope)
        whole = seconds[-1] * times**cost
        print(
            f"    along that curve, an error of {wanted:.2f} takes {sizes[-1] * times:,.0f} samples and "
            f"{whole:,.0f} s: {whole / ours:,.0f} x"
        )


def against_background(
    model: SurvivalForest, at: np.ndarray, background: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return exactly what KernelExplainer estimates: Shapley values against these patients, (n, p, n_times)."""
    trees = [tree.tree_ for tree in model.forest_.estimators_]
    described = [
        {
            "children_left": tree.children_left,
            "children_right": tree.children_right,
            "children_default": tree.children_left,
            "features": tree.feature,
            "thresholds": tree.threshold,
            "values": np.ascontiguousarray(tree.value[:, at, 1] / len(trees)),
            "node_sample_weight": tree.weighted_n_node_samples,
        }
        for tree in trees
    ]
    # through float32, in which the forest itself compares
    single = [table.astype(np.float32).astype(np.float64) for table in (rows, background)]
    explainer = shap.TreeExplainer(
        {"trees": described}, data=single[1], feature_perturbation="interventional"
    )
    found = np.asarray(explainer.shap_values(single[0], check_additivity=False))
    curve = [model.forest_.predict_survival_function(t, return_array=True)[:, at] for t in (rows, background)]
    np.testing.assert_allclose(found.sum(axis=1), curve[0] - curve[1].mean(axis=0), atol=1e-6)
    return found


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
    forest = hx.models.SurvivalForest(n_trees=50, min_leaf=5)
    models = {
        "early": EarlyFusion(),
        "early xgboost": EarlyFusion(hx.models.XGBoostCox(n_rounds=50, max_depth=3)),
        "late": LateFusion(),
        "late forest": LateFusion(forest),
        "block ridge": BlockPenalizedFusion(),
        "kernel": KernelFusion(),
        "kernel (rbf)": KernelFusion(("linear", "rbf")),
        "gated": GatedFusion(epochs=30, n_members=5, show_progress=False),
        "consensus": ConsensusFusion(),
    }
    pattern = np.ones(4, dtype=bool)
    for name, model in models.items():
        model.fit(X[:150], y[:150])
        rows = np.arange(50)
        patients, reference = X[150:], X[:150]
        took = []
        for some in (rows[:1], rows):
            start = process_time()
            made = Substitution(model, patients, reference)
            case = Case(made, some, pattern, made.background(pattern, some))
            worth = worth_of_coalitions(case, model.linear_predictor(patients[some]), range(16))
            exact_values(worth, 4, len(some))
            took.append(1e3 * (process_time() - start) / len(some))
        start = process_time()
        why = hx.explain(model, patients[:10], reference, scale="risk", times=365.0)
        whole = 1e3 * (process_time() - start) / 10
        print(
            f"  {name:13s} modalities exactly {took[0]:5.1f} (alone) {took[1]:5.1f} (of fifty); by columns, risk at a "
            f"day {whole:6.1f}, {'sampled' if 'sampled' in why.method else 'exact'}",
            flush=True,
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
