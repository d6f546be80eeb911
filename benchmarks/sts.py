"""Real input: the soft-tissue sarcoma PET/CT patients (McGill, TCIA collection Soft-tissue-Sarcoma) through the CLI.

    python benchmarks/sts.py --source DATA/sts --out /tmp/sts        # writes a data folder, then runs the commands
    python benchmarks/sts.py --source DATA/sts --out /tmp/sts --folder-only

The source holds ``outcome.csv`` (the public clinical sheet, days from diagnosis), ``dicom_headers.csv`` and
``nifti/<patient>/{PET,CT}_{image,mask}.nii.gz``. Source: Vallières et al., Phys Med Biol 2015,
doi:10.1088/0031-9155/60/14/5471.

Decisions of this adapter:

* Baseline (day 0) is the PET/CT. Times are counted from it, so nothing in the images lies after the origin.
* Chemotherapy, radiotherapy and surgery were decided after baseline: they are no features. The sheet has no dates
  for them, so they cannot stand in ``treatments.csv`` either.
* Lung metastasis is analysed as time to lung metastasis, other events censoring it at last follow-up.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import yaml

ENDPOINTS = {
    "DFS": ("dfs_time_days", "dfs_event"),
    "lung_metastasis": ("lungmets_time_days", "lung_mets"),
    "OS": ("os_time_days", "death"),
}
COLUMNS = {
    "patients": {
        "grade": {
            "dtype": "string",
            "enum": ["Low", "Intermediate", "High"],
            "ordered": True,
            "role": "predictor",
            "description": "Tumour grade at biopsy (FNCLCC: low, intermediate, high).",
        },
        "histology": {
            "dtype": "string",
            "role": "information",
            "description": "Histological type at biopsy.",
        },
        "site": {"dtype": "string", "role": "information", "description": "Site of the primary tumour."},
    }
}


def write_folder(source: Path, folder: Path) -> Path:
    """Write the data folder of the patients who stand in ``outcome.csv`` and return it."""
    sheet = pl.read_csv(source / "outcome.csv", null_values=["", "--"])
    folder.mkdir(parents=True, exist_ok=True)
    headers = pl.read_csv(source / "dicom_headers.csv").select(
        "patient", "weight_kg", (100 * pl.col("height_m")).round(1).alias("height_cm"), "PET_model"
    )
    sheet = sheet.join(headers, on="patient", how="left", maintain_order="left")
    sheet.select(
        patient_id="patient",
        sex=pl.col("sex").str.to_lowercase(),
        age_years="age",
        diagnosis=pl.lit("soft-tissue sarcoma"),
        weight_kg="weight_kg",
        height_cm="height_cm",
        grade="grade",
        histology="histology",
        site="site",
    ).write_csv(folder / "patients.csv")
    (folder / "columns.yaml").write_text(yaml.safe_dump(COLUMNS, sort_keys=False), encoding="utf-8")
    _write_studies(source, folder, sheet)
    from_pet = pl.col("days_diagnosis_to_pet")
    pl.concat(
        sheet.select(
            patient_id="patient",
            endpoint=pl.lit(endpoint),
            origin=pl.lit("PET/CT"),
            time_days=pl.col(days) - from_pet,
            event=pl.col(event).cast(pl.Int8),
        )
        for endpoint, (days, event) in ENDPOINTS.items()
    ).write_csv(folder / "outcomes.csv")
    return folder


def _write_studies(source: Path, folder: Path, sheet: pl.DataFrame) -> None:
    rows = []
    for patient, scanner in sheet.select("patient", "PET_model").iter_rows():
        for modality, unit in (("PET", "SUVbw"), ("CT", "HU")):
            names = [f"nifti/{patient}/{modality}_{part}.nii.gz" for part in ("image", "mask")]
            if not (source / names[0]).is_file():
                continue
            for name in names:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    shutil.copyfile(source / name, target)
            rows.append(
                {
                    "patient_id": patient,
                    "timepoint": 1,
                    "day": 0,
                    "modality": modality.lower(),
                    "image": names[0],
                    "mask": names[1],
                    "tracer": "FDG" if modality == "PET" else None,
                    "scanner": scanner,
                    "unit": unit,
                }
            )
    pl.DataFrame(rows, infer_schema_length=None).write_csv(folder / "studies.csv")


def hybridx(*arguments: str | Path) -> int:
    """Run the command line as a user would; stop when it refuses the input."""
    command = [sys.executable, "-c", "from hybridx.cli import main; main()", *map(str, arguments)]
    print("$ hybridx", *arguments, flush=True)
    start = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    print(f"  exit code {code}, {time.monotonic() - start:.0f} s", flush=True)
    if code > 1:
        sys.exit(code)
    return code


def summary(out: Path, endpoints: list[str]) -> str:
    """Return Harrell's C of every model as a Markdown table, with what the reader must know beside it."""
    columns: dict[str, dict[str, str]] = {}
    for endpoint in endpoints:
        table = pl.read_csv(out / f"results_{endpoint}" / "table.csv").filter(pl.col("metric") == "harrell_c")
        title = f"{endpoint.replace('_', ' ')} ({table['n_events'].max()} events)"
        rows = table.select("model", "value", "low", "high").iter_rows()
        columns[title] = {model: f"{value:.2f} ({low:.2f} to {high:.2f})" for model, value, low, high in rows}
    models = next(iter(columns.values()))
    lines = [f"| model | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    lines += [f"| {model} | {' | '.join(cells[model] for cells in columns.values())} |" for model in models]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="the folder with outcome.csv and nifti/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folder-only", action="store_true", help="write the data folder and stop")
    parser.add_argument("--endpoints", nargs="+", default=["DFS", "lung_metastasis"], choices=list(ENDPOINTS))
    arguments = parser.parse_args()
    out = arguments.out
    folder = write_folder(arguments.source, out / "data")
    if arguments.folder_only:
        print(f"Data folder written to {folder}")
        return
    hybridx("validate", folder)
    hybridx("extract", folder, "--out", out / "cohort")
    for endpoint in arguments.endpoints:
        hybridx("evaluate", out / "cohort", "--endpoint", endpoint, "--out", out / f"results_{endpoint}")
        hybridx("report", out / f"results_{endpoint}", "--out", out / f"reports_{endpoint}")
    print(f"Pages: {out}/reports_*/index.html\n\n{summary(out, arguments.endpoints)}")


if __name__ == "__main__":
    main()
