"""When gated fusion is worth choosing: cohorts of growing size, with and without an interaction between modalities.

    OMP_NUM_THREADS=1 python benchmarks/gated_interactions.py  # the table, half an hour on one core
    OMP_NUM_THREADS=1 python benchmarks/gated_interactions.py --sizes 200,400 --seeds 2  # a glance
    python benchmarks/gated_interactions.py --figure gated.png                           # and the figure

Three modalities: clinical (8 columns), pet (40) and genomics (30), the last two each missing whole in a fifth of the
patients, and each driven by one factor. ADDITIVE: log-hazard = 0.6 clinical + 0.6 pet + 0.6 genomics. INTERACTION:
log-hazard = 0.6 clinical + 0.9 pet x genomics, so a high PET factor is bad with one genotype and good with the other.
Harrell's C on 2,000 new patients; "truth" is that of the log-hazard itself, missing modalities or not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from hybridx.cohort import Outcome
from hybridx.fusion import BlockPenalizedFusion, EarlyFusion, FusionModel, GatedFusion, LateFusion
from hybridx.models import XGBoostCox
from hybridx.models.concordance import harrell_c

COLUMNS = {"clinical": 8, "pet": 40, "genomics": 30}
WORLDS = ("additive", "interaction")


def models() -> dict[str, FusionModel]:
    """Return what is compared, defaults throughout."""
    return {
        "gated": GatedFusion(show_progress=False),
        "late (ridge)": LateFusion(),
        "block-penalised": BlockPenalizedFusion(),
        "early (ridge)": EarlyFusion(),
        "early (XGBoost)": EarlyFusion(XGBoostCox()),
    }


def draw(world: str, n: int, seed: int) -> tuple[pl.DataFrame, Outcome, np.ndarray]:
    """Return table, outcome and log-hazard of n patients; about 60 % have an event."""
    rng, structure = np.random.default_rng(seed), np.random.default_rng(12)
    factor, columns = {}, {}
    for modality, p in COLUMNS.items():
        loading = structure.normal(size=p)
        factor[modality] = rng.normal(size=n)
        values = factor[modality][:, None] * loading + rng.normal(size=(n, p))
        there = np.ones(n, dtype=bool) if modality == "clinical" else rng.random(n) >= 0.2
        values[~there] = np.nan
        columns[f"{modality}.measured"] = there
        columns |= {f"{modality}.x{j}": values[:, j] for j in range(p)}
    if world == "additive":
        log_hazard = 0.6 * sum(factor.values())
    else:
        log_hazard = 0.6 * factor["clinical"] + 0.9 * factor["pet"] * factor["genomics"]
    days = 700 * rng.weibull(1.3, n) * np.exp(-log_hazard / 1.3)
    censored = rng.uniform(100, 1800, n)
    y = Outcome.survival(np.minimum(days, censored) + 0.1, days <= censored)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None)), y, log_hazard


def measure(sizes: list[int], n_seeds: int) -> pl.DataFrame:
    """Fit every model on every cohort."""
    records = []
    for world in WORLDS:
        new, outcome, truth = draw(world, 2000, 20_000)
        best = harrell_c(outcome.time_days, outcome.event, truth)
        for n in sizes:
            for seed in range(n_seeds):
                X, y, _ = draw(world, n, 100 * n + seed)
                for name, model in models().items():
                    start = time.perf_counter()
                    c = model.fit(X, y).score(new, outcome)
                    row = {"world": world, "n": n, "events": y.n_events, "seed": seed, "model": name, "C": c}
                    records.append(row | {"seconds": time.perf_counter() - start, "truth": best})
                    print(records[-1], flush=True)
    return pl.DataFrame(records)


def draw_figure(table: pl.DataFrame, path: Path) -> None:
    """Draw C by the number of patients, one panel per world."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only the figure needs it

    colours = ("#0072B2", "#999999", "#009E73", "#CC79A7", "#D55E00")
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.8), sharey=True, layout="constrained")
    titles = ("Modalities add up", "Modalities modify each other's effect")
    for panel, world, title in zip(panels, WORLDS, titles, strict=True):
        part = table.filter(pl.col("world") == world)
        for (name, colour), width in zip(
            zip(models(), colours, strict=True), (2.6, 1.4, 1.4, 1.4, 1.4), strict=True
        ):
            line = part.filter(pl.col("model") == name).group_by("n").agg(pl.mean("C")).sort("n")
            panel.plot(line["n"], line["C"], "o-", label=name, color=colour, linewidth=width, markersize=4)
        panel.axhline(part["truth"][0], color="black", linewidth=0.8, linestyle=":")
        panel.annotate("true log-hazard", (part["n"].min(), part["truth"][0]), va="bottom", fontsize=8)
        panel.set(title=title, xlabel="training patients", xscale="log")
        ticks = sorted(part["n"].unique())
        panel.set_xticks(ticks, [str(t) for t in ticks])
        panel.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Harrell's C on 2,000 new patients")
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="150,300,600,1500")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--figure", type=Path)
    chosen = parser.parse_args()
    table = measure([int(n) for n in chosen.sizes.split(",")], chosen.seeds)
    summary = table.group_by("world", "n", "model", maintain_order=True).agg(pl.mean("C", "seconds", "truth"))
    with pl.Config(tbl_rows=-1):
        print(summary)
    if chosen.figure:
        draw_figure(table, chosen.figure)


if __name__ == "__main__":
    main()
