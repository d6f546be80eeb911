"""The evidence room on four public cohorts of real patients: from their files to a cohort report, by the public way.

    python benchmarks/real_evidence.py --source FOLDER --out /tmp/evidence [--cohorts poplar hnc kirc sts] [--repeats 5]

poplar  287 patients with lung cancer of a randomised trial (docetaxel or atezolizumab): clinical facts and plasma
        variants, overall survival. Written as a data folder, then `hx.validate` and `hx.extract`.
hnc     224 head-and-neck patients: clinical facts, PET and CT radiomics before and after radiotherapy, locoregional
        recurrence as the response. Tables of numbers, `Block.from_table`.
kirc    345 kidney cancers of the TCGA: age and sex, expression, copy number, mutations, 35 tissue source sites, overall
        survival. `Block.from_table`.
sts     36 soft-tissue sarcomas: PET and CT images with masks, clinical facts, disease-free survival. Data folder of
        `benchmarks/sts.py`, then `hx.extract`.

Each is evaluated with the library's default models and design; what is printed is what a stranger would read first, and
``OUT/<cohort>/reports/cohort.html`` is the page. Source folders are described where the data are kept; nothing is
copied.

Printed with --repeats 1 (headline score of the default model with its 95 % interval, best single modality, checks):

    poplar  OS          200 of 287  C    0.635 (0.581 to 0.690)  clinical 0.630    HX006: the not sequenced live longer
    hnc     recurrence   57 of 224  AUC  0.806 (0.679 to 0.877)  PET after 0.739   no alarm
    kirc    OS           92 of 345  C    0.744 (0.658 to 0.810)  expression 0.727  no alarm
    sts     DFS          19 of 36   C    0.529 (0.261 to 0.753)  PET 0.586         HX011: few events; HX009: volume

In none of the four is the default shown to be better than the best single modality; the pages say so. Thresholds of
probability at which deciding by it is shown to be better than treating all or none: 24 of 97, 40 of 99, 26 of 99 (first
three). Runs take 24 to 70 s each on one shared core, extraction apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import yaml

import hybridx as hx
from hybridx.cohort import Block, Cohort, Outcome

sys.path.insert(0, str(Path(__file__).parent))
import sts as sarcoma

DAYS = 30.4375  # of a month
SEXES = {"F": "female", "M": "male"}


def poplar(source: Path, out: Path) -> tuple[Cohort, str, str]:
    """Baseline is randomisation: the arm and everything before it are known. Best response came later: no predictor."""
    sheet = pl.read_csv(source / "oak_poplar" / "poplar_clinical.csv", infer_schema_length=None)
    folder = out / "data"
    folder.mkdir(parents=True, exist_ok=True)
    sheet.select(
        patient_id="patient", sex=pl.col("sex").replace_strict(SEXES), age_years="bage", diagnosis="hist",
        ecog="ecoggr", tobacco="tobhx",
        prior_lines="priortxc", lesion_sum_mm="blsld", metastatic_sites="metsites",
        nonsquamous=(pl.col("hist") != "SQUAMOUS").cast(pl.Int8), arm="trt01p",
    ).write_csv(folder / "patients.csv")  # fmt: skip
    number = {"dtype": "float", "role": "predictor", "ge": 0}
    declared = {
        "tobacco": {
            "dtype": "string", "enum": ["NEVER", "PREVIOUS", "CURRENT"], "ordered": True, "role": "predictor",
            "description": "Tobacco use.",
        },
        "prior_lines": {**number, "description": "Lines of treatment before the trial."},
        "lesion_sum_mm": {**number, "unit": "mm", "description": "Sum of the longest diameters of target lesions."},
        "metastatic_sites": {**number, "description": "Sites with metastases."},
        "nonsquamous": {"dtype": "bool", "role": "predictor", "description": "Histology is not squamous."},
        "arm": {"dtype": "string", "role": "information", "description": "Treatment by randomisation."},
    }  # fmt: skip
    (folder / "columns.yaml").write_text(yaml.safe_dump({"patients": declared}), encoding="utf-8")
    _poplar_variants(source / "oak_poplar", sheet, folder)
    _poplar_outcomes(sheet).write_csv(folder / "outcomes.csv")
    for problem in hx.validate(folder)[:8]:
        print("   ", problem)
    return hx.extract(folder, out=out / "cohort"), "OS", "arm"


def _poplar_variants(source: Path, sheet: pl.DataFrame, folder: Path) -> None:
    # who has a burden was sequenced and passed: 211 patients. The assay covers 1.1 Mb (doi:10.1038/s41591-018-0134-3)
    sequenced = sheet.filter(pl.col("btmb").is_not_null()).select(patient_id="patient", panel_mb=pl.lit(1.1))
    sequenced.write_csv(folder / "sequencing.csv")
    found = pl.read_csv(source / "poplar_variants.csv", infer_schema_length=None)
    found = found.select(
        patient_id=pl.format("POPLAR_{}", "PtID"), gene="gene_name", classification="effect",
        hgvsp="protein_syntax", vaf="af",
        position=pl.format("{}:{} {}>{}", "chromosome", "position", "reference_sequence", "alternate_sequence"),
        panel_mb=pl.lit(1.1),
    )  # fmt: skip
    found.filter(pl.col("patient_id").is_in(sequenced["patient_id"].to_list())).write_csv(
        folder / "variants.csv"
    )


def _poplar_outcomes(sheet: pl.DataFrame) -> pl.DataFrame:
    times = [
        sheet.select(
            patient_id="patient", endpoint=pl.lit(name), origin=pl.lit("randomisation"),
            time_days=DAYS * pl.col(column), event=pl.col(f"{column}_event"),
        )
        for name, column in (("OS", "os"), ("PFS", "pfs"))
    ]  # fmt: skip
    response = sheet.filter(pl.col("bcor").is_in(["CR", "PR", "SD", "PD"])).select(
        patient_id="patient", endpoint=pl.lit("response"), response="bcor", criterion=pl.lit("RECIST")
    )
    return pl.concat([*times, response], how="diagonal")


def hnc(source: Path, _out: Path) -> tuple[Cohort, str, str]:
    """Baseline is the scan after radiotherapy, when both are known; the sheet has no dates."""
    folder = source / "hnc_delta_petct_lro"
    clinical = pl.read_csv(folder / "clinical.csv").rename({"patient": "patient_id"})
    blocks = [Block.from_table("clinical", clinical.drop("locoregional_recurrence"), units={"Age": "a"})]
    for name, modality in (("pet_pre", "pet"), ("pet_post", "pet@2"), ("ct_pre", "ct"), ("ct_post", "ct@2")):
        sheet = pl.read_csv(folder / f"{name}.csv", infer_schema_length=None).rename(
            {"patient": "patient_id"}
        )
        numbers = sheet.with_columns(pl.exclude("patient_id").cast(pl.Float64, strict=False))
        blocks.append(Block.from_table(modality, numbers))
    patients = clinical.select(
        "patient_id", sex=pl.when(pl.col("Male") == 1).then(pl.lit("male")).otherwise(pl.lit("female"))
    )
    cohort = Cohort.build(clinical["patient_id"], blocks, {"patients": patients})
    y = Outcome.response(
        clinical["locoregional_recurrence"],
        endpoint="recurrence",
        criterion="follow-up",
        responder="locoregional recurrence",
    )
    return cohort.with_outcome(y), "recurrence", "sex"


def kirc(source: Path, _out: Path) -> tuple[Cohort, str, str]:
    """Values are as published, standardised over all patients before any split: that step saw no outcome."""
    sheet = pl.read_csv(source / "tcga_porpoise" / "tcga_kirc.csv.gz", infer_schema_length=None)
    sheet = sheet.unique("case_id", maintain_order=True).rename({"case_id": "patient_id"})
    blocks = [
        Block.from_table("clinical", sheet.select("patient_id", "age", "is_female"), units={"age": "a"})
    ]
    for suffix, modality in (("rnaseq", "expression"), ("cnv", "cnv"), ("mut", "mutation")):
        blocks.append(Block.from_table(modality, sheet.select("patient_id", pl.col(f"^.*_{suffix}$"))))
    patients = sheet.select(
        "patient_id",
        centre="site",
        sex=pl.when(pl.col("is_female") == 1).then(pl.lit("female")).otherwise(pl.lit("male")),
    )
    cohort = Cohort.build(sheet["patient_id"], blocks, {"patients": patients})
    days = np.maximum(sheet["survival_months"].to_numpy(), 0.01) * DAYS  # one follow-up ends on its first day
    y = Outcome.survival(days, sheet["censorship"].to_numpy() == 0, endpoint="OS", origin="diagnosis")
    return cohort.with_outcome(y), "OS", "sex"


def sts(source: Path, out: Path) -> tuple[Cohort, str, str]:
    """See `benchmarks/sts.py` for what is a predictor and what is not."""
    folder = sarcoma.write_folder(source / "sts", out / "data")
    return hx.extract(folder, out=out / "cohort"), "DFS", "sex"


COHORTS: dict[str, Callable[[Path, Path], tuple[Cohort, str, str]]] = {
    "poplar": poplar, "hnc": hnc, "kirc": kirc, "sts": sts,
}  # fmt: skip


def evidence(name: str, source: Path, out: Path, repeats: int, *, stress: bool) -> None:
    """Evaluate, print what a reader sees first, write the pages of the cohort."""
    cohort, endpoint, part = COHORTS[name](source, out)
    start = time.monotonic()
    result = hx.evaluate(
        cohort=cohort, endpoint=endpoint, design=hx.designs.NestedCV(repeats=repeats), stress=stress,
        checkpoint=out / "folds",
    )  # fmt: skip
    seconds = time.monotonic() - start
    print(f"\n=== {name}: {seconds:.0f} s\n{result}\n\n{result.checks()}")
    print(hx.evaluate.enough_data(cohort, endpoint))
    curve = result.decision_curve([result.primary]).drop_nulls(["gain_low"])
    helped = curve.filter(pl.col("gain_low") > 0)
    where = "at no threshold" if helped.is_empty() else f"at {helped.height} of {curve.height} thresholds"
    print(f"Decisions: better than treating all or none {where} (pointwise interval).")
    print(result.subgroups(part))
    if "centre" in cohort.frame().columns:
        print(result.centres())
    result.save(out / "results")
    hx.report.write_reports(out / "results", out / "reports", patients=cohort.patients[:1])
    print(f"Page: {out / 'reports' / 'cohort.html'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cohorts", nargs="+", default=list(COHORTS), choices=list(COHORTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--stress", action="store_true")
    asked = parser.parse_args()
    for name in asked.cohorts:
        evidence(name, asked.source, asked.out / name, asked.repeats, stress=asked.stress)


if __name__ == "__main__":
    main()
