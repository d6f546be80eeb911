"""Fusion strategies in a world with a known optimum: few patients, many correlated features, blocks missing whole.

    python benchmarks/yardstick.py --world radiomics_regime.py [--worlds 20] [--n 100 200 300 400] [--methods ...]

`--world` is a Python file with a class ``World(seed, null=())``: ``draw(n, seed)`` gives blocks, measured, time_days
and event, ``oracle_risk(draw)`` the best risk that what is measured allows. Every method is fitted with its default
settings on n patients and scored by Harrell's C on 4,000 others of the same world; differences are paired by world.
With ``--null deep`` that block is pure noise, and each method is also fitted without it. Finished fits are kept in
`--keep` (CSV), so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.models.concordance import harrell_c

TEST = 4000


def load_world(path: Path):
    spec = importlib.util.spec_from_file_location("world", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["world"] = module
    spec.loader.exec_module(module)
    return module.World


def table(draw) -> pl.DataFrame:
    columns = {}
    for modality, block in draw.blocks.items():
        columns[f"{modality}.measured"] = draw.measured[modality]
        columns |= {f"{modality}.f{j:04d}": block[:, j] for j in range(block.shape[1])}
    return pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))


def methods() -> dict:
    fusion, models = hx.fusion, hx.models
    return {
        "clinical": lambda _: fusion.EarlyFusion(modalities=["clinical"]),
        "recommended": lambda _: fusion.recommend,
        "kernel": lambda m: fusion.KernelFusion(modalities=m),
        "late": lambda m: fusion.LateFusion(modalities=m),
        "block ridge": lambda m: fusion.BlockPenalizedFusion(modalities=m),
        "block lasso": lambda m: fusion.BlockPenalizedFusion("lasso", modalities=m),
        "priority": lambda m: fusion.BlockPenalizedFusion("priority", modalities=m),
        "consensus": lambda m: fusion.ConsensusFusion(modalities=m),
        "gated": lambda m: fusion.GatedFusion(modalities=m),
        "early ridge": lambda m: fusion.EarlyFusion(modalities=m),
        "early lasso": lambda m: fusion.EarlyFusion(models.CoxElasticNet(l1_ratio=0.9), modalities=m),
        "early xgboost": lambda m: fusion.EarlyFusion(models.XGBoostCox(), modalities=m),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="Seed of the first world.")
    parser.add_argument("--n", type=int, nargs="+", default=[100, 200, 300, 400])
    parser.add_argument(
        "--methods", nargs="+", default=["clinical", "kernel", "late", "block ridge", "early ridge"]
    )
    parser.add_argument("--null", nargs="*", default=[], help="Blocks that are pure noise.")
    parser.add_argument("--keep", type=Path, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    World, known = load_world(args.world), methods()
    done = pl.read_csv(args.keep).rows() if args.keep and args.keep.exists() else []
    found = {(n, seed, method): (c, seconds) for n, seed, method, c, seconds in done}
    for n in args.n:
        for seed in range(args.first, args.first + args.worlds):
            wanted = ["oracle", *args.methods, *(f"{m} without" for m in args.methods if args.null)]
            if all((n, seed, m) in found for m in wanted):
                continue
            world = World(seed, null=tuple(args.null))
            train, test = world.draw(n, seed=1000 + seed), world.draw(TEST, seed=2000 + seed)
            X, new = table(train), table(test)
            y = Outcome.survival(train.time_days, train.event, endpoint="OS")
            useful = [b for b in train.blocks if b not in args.null]
            for name in wanted:
                if (n, seed, name) in found:
                    continue
                started = time.process_time()
                if name == "oracle":
                    risk = world.oracle_risk(test)
                else:
                    method = name.removesuffix(" without")
                    model = known[method](useful if name.endswith(" without") else None)
                    model = model((X, y)).model if method == "recommended" else model
                    risk = model.fit(X, y).predict(new)
                c = harrell_c(test.time_days, test.event, risk)
                found[n, seed, name] = (c, time.process_time() - started)
                if args.keep:
                    rows = [(*key, *value) for key, value in found.items()]
                    names = ["n", "world", "method", "c", "seconds"]
                    pl.DataFrame(rows, schema=names, orient="row").write_csv(args.keep)
        report(found, n, args)


def report(found: dict, n: int, args: argparse.Namespace) -> None:
    seeds = range(args.first, args.first + args.worlds)
    base = np.array([found[n, s, "clinical"][0] for s in seeds]) if "clinical" in args.methods else None
    print(f"\nn = {n}, {args.worlds} worlds" + (f", noise: {', '.join(args.null)}" if args.null else ""))
    for name in ["oracle", *args.methods]:
        c = np.array([found[n, s, name][0] for s in seeds])
        line = f"  {name:14s} C {c.mean():.4f}"
        if base is not None and name not in ("clinical", "oracle"):
            d = c - base
            half = 1.96 * d.std(ddof=1) / np.sqrt(len(d))
            line += f"   - clinical {d.mean():+.4f} ({d.mean() - half:+.4f} to {d.mean() + half:+.4f})"
        if args.null and name != "oracle":
            d = c - np.array([found[n, s, f"{name} without"][0] for s in seeds])
            line += f"   lost to the noise {-d.mean():.4f}"
        print(line + f"   {np.mean([found[n, s, name][1] for s in seeds]):6.2f} s", flush=True)


if __name__ == "__main__":
    main()
