"""Fusion strategies on public cohorts of real patients, cross-validated from the outside.

    python benchmarks/real_cohorts.py --source FOLDER [--cohorts hnc icb kirc ...] [--models ...] [--repeats 5]

hnc      224 head-and-neck patients, PET and CT radiomics before and after radiotherapy: locoregional recurrence, AUC
icb      964 patients on immune checkpoint blockade, labs, tumour mutational burden, clinical facts: response, AUC
kirc, luad, hnsc   TCGA: age and sex, expression, copy number, mutations: overall survival, Harrell's C, published folds
gse7390  198 breast cancers, 76-gene signature and clinical facts, ships inside scikit-survival: time to metastasis

Every model is fitted with its default settings and chooses whatever it chooses inside the training folds. Scores are
means over repeats of the pooled held-out AUC, or means over folds of Harrell's C (log-hazards of different folds do not
compare). Source folders are described where the data are kept; nothing is copied.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, modalities_in
from hybridx.models.concordance import harrell_c


@dataclass
class Task:
    """One cohort, its outcome, and the folds that all models share."""

    name: str
    X: pl.DataFrame
    y: Outcome
    splits: list[list[tuple[np.ndarray, np.ndarray]]]  # repeats of folds


def repeated(y: Outcome, repeats: int) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    strata = y.event if y.kind == "survival" else y.value
    return [
        list(StratifiedKFold(5, shuffle=True, random_state=seed).split(np.zeros(len(y)), strata))
        for seed in range(repeats)
    ]


def numbers(table: pl.DataFrame, modality: str) -> pl.DataFrame:
    table = table.cast(pl.Float64, strict=False).with_columns(pl.all().replace([np.inf, -np.inf], None))
    return table.rename(lambda c: f"{modality}.{c}")


def hnc(source: Path, repeats: int) -> Task:
    folder = source / "hnc_delta_petct_lro"
    clinical = pl.read_csv(folder / "clinical.csv")
    y = Outcome.response(clinical["locoregional_recurrence"])
    parts = [
        clinical.select(pl.col("patient").alias("patient_id")),
        numbers(clinical.drop("patient", "locoregional_recurrence"), "clinical"),
    ]
    for name, modality in (("pet_pre", "pet"), ("pet_post", "pet@2"), ("ct_pre", "ct"), ("ct_post", "ct@2")):
        table = pl.read_csv(folder / f"{name}.csv", infer_schema_length=None).drop("patient")
        parts.append(numbers(table, modality))
    return Task("hnc", pl.concat(parts, how="horizontal"), y, repeated(y, repeats))


def icb(source: Path, repeats: int) -> Task:
    table = pl.read_csv(source / "icb_loris" / "Chowell_train.csv")
    blocks = {
        "clinical": ["Systemic_therapy_history", "Age", "Drug", "Sex", "Stage", "BMI"]
        + [f"CancerType{i}" for i in range(1, 19) if f"CancerType{i}" in table.columns],
        "lab": ["Albumin", "NLR", "Platelets", "HGB"],
        "genomics": ["TMB", "MSI", "FCNA", "HLA_LOH", "HED"],
    }
    parts = [table.select(pl.col("SAMPLE_ID").cast(pl.String).alias("patient_id"))]
    parts += [numbers(table.select(columns), modality) for modality, columns in blocks.items()]
    y = Outcome.response(table["Response"])
    return Task("icb", pl.concat(parts, how="horizontal"), y, repeated(y, repeats))


def tcga(cancer: str, source: Path) -> Task:
    folder = source / "tcga_porpoise"
    table = pl.read_csv(folder / f"tcga_{cancer}.csv.gz", infer_schema_length=None).unique(
        "case_id", maintain_order=True
    )
    parts = [
        table.select(pl.col("case_id").alias("patient_id")),
        numbers(table.select("age", "is_female"), "clinical"),
        numbers(table.select("oncotree_code").to_dummies(drop_first=True), "clinical"),
    ]
    parts += [
        numbers(table.select(pl.col(f"^.*_{suffix}$")), modality)
        for suffix, modality in (("rnaseq", "expression"), ("cnv", "cnv"), ("mut", "mutation"))
    ]
    X = pl.concat([p for p in parts if p.width], how="horizontal")
    y = Outcome.survival(
        np.maximum(table["survival_months"].to_numpy(), 0.01) * 30.4375,
        table["censorship"].to_numpy() == 0,
        endpoint="OS",
    )
    row = {case: i for i, case in enumerate(table["case_id"])}
    folds = []
    for k in range(5):
        split = pl.read_csv(folder / "splits_5foldcv" / f"tcga_{cancer}" / f"splits_{k}.csv")
        train, test = (
            np.array([row[c] for c in split[part].drop_nulls() if c in row]) for part in ("train", "val")
        )
        folds.append((train, test))
    return Task(cancer, X, y, [folds])


def gse7390(_source: Path, repeats: int) -> Task:
    cohort = hx.demo.breast_cancer()
    y = cohort.outcomes("metastasis")
    return Task("gse7390", cohort.frame(), y, repeated(y, repeats))


def models(task: Task, wanted: list[str] | None) -> dict:
    kind = task.y.kind
    fusion = hx.fusion
    single = {f"only {m}": fusion.EarlyFusion(modalities=[m], endpoint=kind) for m in modalities_in(task.X)}
    known = {
        "recommended": lambda: fusion.recommend((task.X, task.y)).model,
        "early": lambda: fusion.EarlyFusion(endpoint=kind),
        "early lasso": lambda: fusion.EarlyFusion(hx.models.CoxElasticNet(l1_ratio=0.9)),
        "early forest": lambda: fusion.EarlyFusion(
            hx.models.SurvivalForest() if kind == "survival" else hx.models.ForestResponse(), endpoint=kind
        ),
        "late": lambda: fusion.LateFusion(endpoint=kind),
        "kernel": lambda: fusion.KernelFusion(endpoint=kind),
        "kernel rbf": lambda: fusion.KernelFusion(("linear", "rbf"), endpoint=kind),
        "block ridge": lambda: fusion.BlockPenalizedFusion(endpoint=kind),
        "block lasso": lambda: fusion.BlockPenalizedFusion("lasso", endpoint=kind),
        "priority": lambda: fusion.BlockPenalizedFusion("priority", endpoint=kind),
        "gated": lambda: fusion.GatedFusion(endpoint=kind),
        "consensus": lambda: fusion.ConsensusFusion(endpoint=kind),
    }
    names = wanted or [k for k in known if kind == "survival" or k != "early lasso"]
    chosen = {name: known[name]() for name in names if name != "single"}
    return chosen | (single if wanted is None or "single" in wanted else {})


def score(model: object, task: Task) -> tuple[list[float], float]:
    found, started = [], time.process_time()
    for folds in task.splits:
        if task.y.kind == "survival":
            cs = []
            for train, test in folds:
                risk = clone(model).fit(task.X[train], task.y[train]).predict(task.X[test])
                cs.append(harrell_c(task.y.time_days[test], task.y.event[test], risk))
            found += cs
        else:
            held_out = np.zeros(len(task.y))
            for train, test in folds:
                held_out[test] = (
                    clone(model).fit(task.X[train], task.y[train]).decision_function(task.X[test])
                )
            found.append(float(roc_auc_score(task.y.value, held_out)))
    return found, (time.process_time() - started) / sum(len(f) for f in task.splits)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--cohorts", nargs="+", default=["hnc", "icb", "kirc", "luad", "hnsc", "gse7390"])
    parser.add_argument("--models", nargs="+", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in args.cohorts:
        makers = {"hnc": hnc, "icb": icb, "gse7390": gse7390}
        task = makers[name](args.source, args.repeats) if name in makers else tcga(name, args.source)
        sizes = {m: len(feature_columns(task.X, [m])) for m in modalities_in(task.X)}
        print(f"\n{name}: {len(task.y)} patients, {task.y.n_events} events, features {sizes}", flush=True)
        for label, model in models(task, args.models).items():
            found, seconds = score(model, task)
            spread = np.std(found, ddof=1) if len(found) > 1 else float("nan")
            print(f"  {label:18s}{np.mean(found):.3f}  (SD {spread:.3f})  {seconds:6.2f} s a fit", flush=True)


if __name__ == "__main__":
    main()
