"""How long an honest evaluation takes: nested cross-validation of five strategies, radiomics-sized.

    python benchmarks/evaluate_speed.py --world radiomics_regime.py [--n 300] [--folds 5] [--repeats 1] [--workers 2]

`--world` is a file as of `benchmarks/yardstick.py` (1,542 columns in four blocks). Prints CPU seconds per fit of each
strategy, alone, on one training part, then the wall time of the whole evaluation with baselines and 1,000 resamples.

Printed on two quiet cores (November 2026), with --repeats 5:

    kernel          1.31 s of CPU per fit of 240 patients
    late            0.88 s of CPU per fit of 240 patients
    early           0.73 s of CPU per fit of 240 patients
    block ridge     1.33 s of CPU per fit of 240 patients
    consensus      15.37 s of CPU per fit of 240 patients
    5 × 5-fold nested cross-validation, n = 300, 1547 columns, 2 workers: folds 4.0 min, table of 10 models with
    intervals 0.1 min

Equal fits of a fold are shared (`hybridx.compute.sharing`). CPU of one such fold with baselines: these five strategies
21.2 s, 21.3 s without sharing (10 of 41 sharable computations are copies, but the forest within the consensus takes
nearly all of the time); late fusion with its 14 coalitions 2.5 s, 8.8 s without sharing (172 of 196 are copies).
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

from optimism import cohort_of
from yardstick import load_world

import hybridx as hx

STRATEGIES = {
    "kernel": hx.fusion.KernelFusion,
    "late": hx.fusion.LateFusion,
    "early": hx.fusion.EarlyFusion,
    "block ridge": hx.fusion.BlockPenalizedFusion,
    "consensus": hx.fusion.ConsensusFusion,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    cohort = cohort_of(load_world(args.world)(0).draw(args.n, seed=1000))
    design = hx.designs.NestedCV(args.folds, args.repeats)
    train = design.splits(cohort, "OS")[0].train
    X, y = cohort.frame()[train], cohort.outcomes("OS")[train]
    for name, strategy in STRATEGIES.items():
        started = time.process_time()
        strategy().fit(X, y)
        print(
            f"{name:12s} {time.process_time() - started:7.2f} s of CPU per fit of {len(train)} patients",
            flush=True,
        )
    started = time.perf_counter()
    models = {name: strategy() for name, strategy in STRATEGIES.items()}
    result = hx.evaluate(models, cohort, "OS", design, workers=args.workers, progress=False)
    folded = time.perf_counter() - started
    result.table()
    whole = time.perf_counter() - started
    print(
        f"{design.words}, n = {args.n}, {X.width} columns, {args.workers} workers: folds {folded / 60:.1f} min, ",
        end="",
    )
    print(f"table of {len(result.models)} models with intervals {(whole - folded) / 60:.1f} min")


if __name__ == "__main__":
    main()
