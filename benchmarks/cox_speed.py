"""How long a Cox regression takes, ours and the neighbours', on synthetic cohorts with times rounded up to days.

    OMP_NUM_THREADS=1 python benchmarks/cox_speed.py                      # the whole table, minutes
    OMP_NUM_THREADS=1 python benchmarks/cox_speed.py --sizes 100000x10    # one cohort

Every fit is the unpenalised Newton fit from a matrix in memory (coxnet: lasso path of 30 penalties); one process and
one core each. Seconds are those of the processor, since a busy machine stretches the clock; the clock's stand beside.
The median of five runs where a run takes less than two seconds, else one. statsmodels is no dependency: put it on the
path to have it in the table.
"""
# ruff: noqa: PLC0415, PLW0108 - each peer is imported in its own process only; a lambda postpones the whole fit

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time

import numpy as np

SIZES = ["100000x10", "100000x100", "1000000x10"]
PEERS = [
    "hybridx",
    "hybridx, untied",
    "hybridx CoxRegression",
    "lifelines",
    "scikit-survival",
    "statsmodels",
    "coxnet",
]
PATH_PEERS = ["hybridx cox_path", "coxnet, 1e-7", "coxnet, 1e-10"]


def cohort(n, p, *, rounded=True, seed=0):
    """Return features, days and events; about six in ten have the event."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    effect = rng.normal(size=p) * 0.3 / np.sqrt(p / 10)
    time_, last = rng.exponential(size=n) * np.exp(-X @ effect) * 1000, rng.exponential(size=n) * 1500
    days = np.minimum(time_, last)
    return X, np.ceil(days) if rounded else days, time_ <= last


def hybridx_fit(X, days, event):
    from hybridx.models.cox_newton import fit_cox

    return lambda: fit_cox(X, days, event).coef


def hybridx_estimator(X, days, event):
    import polars as pl

    from hybridx.cohort import Outcome
    from hybridx.models import CoxRegression

    frame = pl.DataFrame(X, schema=[f"lab.x{j}" for j in range(X.shape[1])])
    y = Outcome.survival(days, event)
    return lambda: CoxRegression().fit(frame, y).summary()["log_hazard_ratio"].to_numpy()


def lifelines_fit(X, days, event):
    import pandas as pd
    from lifelines import CoxPHFitter

    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]).assign(days=days, event=event)
    return lambda: CoxPHFitter().fit(table, "days", "event").params_.to_numpy()


def scikit_survival_fit(X, days, event):
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(event, days)
    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(X, y).coef_


def statsmodels_fit(X, days, event):
    from statsmodels.duration.hazard_regression import PHReg

    return lambda: PHReg(days, X, status=event, ties="efron").fit().params


def coxnet_fit(X, days, event, tolerance=1e-7, **settings):
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(event, days)
    settings = settings or {"n_alphas": 30, "l1_ratio": 1.0}
    return lambda: (
        CoxnetSurvivalAnalysis(tol=tolerance, max_iter=1_000_000, **settings).fit(X, y).coef_[:, -1]
    )


FITS = {
    "hybridx": hybridx_fit,
    "hybridx, untied": hybridx_fit,
    "hybridx CoxRegression": hybridx_estimator,
    "lifelines": lifelines_fit,
    "scikit-survival": scikit_survival_fit,
    "statsmodels": statsmodels_fit,
    "coxnet": coxnet_fit,
}


def wide_fit(who):
    """Return a lasso path of 30 penalties for 300 patients with 1,500 correlated features."""
    from hybridx.models import cox_path, penalty_grid
    from hybridx.models.losses import CoxLoss

    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 20)) @ rng.normal(size=(20, 1500)) * 0.5 + rng.normal(size=(300, 1500))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    time_, last = (
        rng.exponential(size=300) * np.exp(-0.3 * X[:, :8].sum(axis=1)) * 1000,
        rng.uniform(100, 3000, 300),
    )
    days, event = np.minimum(time_, last), time_ <= last
    loss = CoxLoss(days, event)
    grid = penalty_grid(X, loss, end=0.05)
    if who == "hybridx cox_path":
        return lambda: cox_path(X, loss, grid).coefs[-1]
    return coxnet_fit(X, days, event, float(who.split(", ")[1]), alphas=list(grid / 300), l1_ratio=1.0)


def measure(who, size):
    """Print one measurement as JSON."""
    if size == "300x1500":
        fit = wide_fit(who)
    else:
        n, p = (int(number) for number in size.split("x"))
        fit = FITS[who](*cohort(n, p, rounded="untied" not in who))
    clock, processor = [], []
    if who.startswith("hybridx"):
        fit()  # imports and compiled code
    while len(clock) < (5 if not processor or processor[0] < 2 else 1):
        a, b = time.perf_counter(), time.process_time()
        coef = fit()
        clock.append(time.perf_counter() - a)
        processor.append(time.process_time() - b)
    found = {"processor": statistics.median(processor), "clock": statistics.median(clock), "runs": len(clock)}
    print(json.dumps({**found, "first": [float(x) for x in np.asarray(coef)[:2]]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=[*SIZES, "300x1500"])
    parser.add_argument("--peers", nargs="*")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a peer is given up")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(*options.one)
        return
    print(
        f"{'patients x features':22}{'who':26}{'processor s':>12}{'clock s':>10}{'runs':>6}   first coefficients"
    )
    for size in options.sizes:
        for who in PATH_PEERS if size == "300x1500" else PEERS:
            if options.peers and not any(who.startswith(name) for name in options.peers):
                continue
            if who == "statsmodels" and importlib.util.find_spec("statsmodels") is None:
                print(f"{size:22}{who:26}{'not installed':>12}")
                continue
            command = [sys.executable, __file__, "--one", who, size]
            try:
                out = subprocess.run(
                    command, capture_output=True, text=True, timeout=options.limit, check=True
                ).stdout
            except subprocess.TimeoutExpired:
                print(f"{size:22}{who:26}{f'> {options.limit:g}':>12}", flush=True)
                continue
            except subprocess.CalledProcessError as error:
                print(f"{size:22}{who:26} failed: {error.stderr.strip().splitlines()[-1][:70]}", flush=True)
                continue
            row = json.loads(out.splitlines()[-1])
            first = ", ".join(f"{x:.5f}" for x in row["first"])
            print(
                f"{size:22}{who:26}{row['processor']:12.3f}{row['clock']:10.3f}{row['runs']:6d}   {first}",
                flush=True,
            )


if __name__ == "__main__":
    main()
