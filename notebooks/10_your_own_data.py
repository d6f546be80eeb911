# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,-all
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---
# %% [markdown]
# # Your own data: from a hospital's files to a validated model
#
# **Synthetic data.** The files of this notebook were written by a program, with the mistakes that people make in
# them. hybridx is research software and not a medical device.
#
# You have DICOM from the archive, tables from the hospital's systems, and a question. On the way to an answer one can
# go wrong at each step, mostly without noticing. This notebook makes the common mistakes on purpose and shows what the
# library says to each. With data of your own, replace the cells that write files.

# %% tags=["parameters"]
patients: int = 32  # size of the synthetic cohort of part 2 and later
folder: str = ""  # where to work; empty: a new folder among the temporary files

# %%
import tempfile
from pathlib import Path

import polars as pl

import hybridx as hx
from hybridx.errors import HybridxError, InputError

home = Path(folder or tempfile.mkdtemp(prefix="hybridx-own-"))
home.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# # Part 1. Images
#
# An export from the archive: two patients, mixed series, umlauts in the names, files cut short.

# %%
hx.demo.make_dicom(home / "export", patients=2)
imported = hx.imaging.import_dicom(
    home / "export", home / "from_dicom", structures="GTV*", workers=1, progress=False
)
imported

# %% [markdown]
# **Mistake 1: a name that fits one department.** `GTV*` is what the radiotherapists draw; the other patient's outline
# comes from nuclear medicine and is called otherwise. It was not guessed: the patient stands in the list of failures,
# and the names that there are stand in the key folder. Give both.

# %%
print(pl.read_csv(home / "from_dicom-key" / "structures.csv")["structure"].to_list())
imported = hx.imaging.import_dicom(
    home / "export",
    home / "all_of_dicom",
    structures=["GTV*", "tumour"],
    key=home / "from_dicom-key",
    workers=1,
    progress=False,
)
imported

# %% [markdown]
# **Mistake 2: joining by name.** The import gave each patient a pseudonym. The laboratory's table still has the
# hospital's own numbers, so the two do not meet. Who is who stands in the key folder, which stays in the hospital: join
# there, and carry only the pseudonym on.

# %%
key = pl.read_csv(home / "from_dicom-key" / "patients.csv").select("hospital_id", "patient_id")
from_the_lab = pl.DataFrame(
    {
        "hospital_id": key["hospital_id"],
        "day": [-3, -2],
        "analyte": ["crp", "crp"],
        "value": [4.1, 38.0],
        "unit": ["mg/L"] * 2,
    }
)
from_the_lab.write_csv(home / "all_of_dicom" / "labs.csv")
for problem in hx.validate(home / "all_of_dicom", progress=False)[:2]:
    print(problem)

# %%
labs = from_the_lab.join(key, on="hospital_id").drop("hospital_id")
labs.select("patient_id", "day", "analyte", "value", "unit").write_csv(home / "all_of_dicom" / "labs.csv")
hx.validate(home / "all_of_dicom", progress=False)

# %% [markdown]
# How an import is checked in earnest (which series, which factor, where the outlines lie) is in
# `04_import_and_qc.ipynb`. Two patients are no cohort; from here on we take a larger one that is already imported.

# %% [markdown]
# # Part 2. Tables
#
# The tables come from people. We take a clean data folder and put in what people put in.

# %%
truth = hx.demo.make_cohort(home / "data", patients=patients, seed=3)
clean = {name: pl.read_csv(home / "data" / f"{name}.csv") for name in ("patients", "labs", "outcomes")}

first, second = clean["patients"]["patient_id"][:2]
mistakes = {
    # days counted from the last visit rather than from baseline
    "outcomes": clean["outcomes"].with_columns(
        time_days=pl.when(pl.col("patient_id") == first).then(-12.0).otherwise(pl.col("time_days"))
    ),
    # a unit as one writes it by hand, a value with its decimal point lost
    "labs": clean["labs"].with_columns(
        unit=pl.when((pl.col("patient_id") == second) & (pl.col("analyte") == "crp"))
        .then(pl.lit("mg/Liter"))
        .otherwise(pl.col("unit"))
    ),
    # one patient twice, an age that is a year of birth, a spelling
    "patients": pl.concat([clean["patients"], clean["patients"].head(1)]).with_columns(
        age_years=pl.when(pl.col("patient_id") == second).then(1957.0).otherwise(pl.col("age_years")),
        sex=pl.when(pl.col("patient_id") == second).then(pl.lit("femal")).otherwise(pl.col("sex")),
    ),
}
for name, table in mistakes.items():
    table.write_csv(home / "data" / f"{name}.csv")

# %% [markdown]
# **Mistakes 3 to 7.** All defects are listed in one go, each with file, row, value and what was expected. Nothing is
# repaired in silence: an age of 1957 may be a year of birth or a slip of the hand, and only you can find out.

# %%
for problem in hx.validate(home / "data", progress=False):
    if problem.severity == "error":
        print(problem)

# %% [markdown]
# A folder with errors is refused before anything is computed.

# %%
try:
    hx.extract(home / "data", out=home / "cohort", progress=False)
except InputError as refusal:
    print(str(refusal).splitlines()[0])

# %%
for name, table in clean.items():
    table.write_csv(home / "data" / f"{name}.csv")
errors = [p for p in hx.validate(home / "data", progress=False) if p.severity == "error"]
f"{len(errors)} errors"

# %% [markdown]
# # Part 3. The cohort

# %%
settings = hx.measure.ExtractSettings(deep=False)  # deep features take longer, and are left out here
cohort = hx.extract(home / "data", out=home / "cohort", settings=settings, progress=False)
cohort

# %% [markdown]
# **Mistake 8: a follow-up scan as a predictor.** Whoever was scanned at month three was alive at month three. Times
# count from baseline here, so what was measured later cannot enter a model of that baseline; `cohort.at(day)` moves the
# baseline, and then the times count from there as well.

# %%
print("measured after baseline:", cohort.measured_after(cohort.landmark_day) or "nothing")
later = cohort.at(90)
print(f"at day 90: {len(later)} of {len(cohort)} patients, times count from day {later.landmark_day:g}")

# %% [markdown]
# # Part 4. Validation
#
# **Mistake 9: one split, one number.** Every patient is tested by models that never saw them, and each score stands
# beside simpler models and has an interval. (Selecting features on all patients first is the gravest mistake of all; it
# has a notebook of its own, `06_honest_validation.ipynb`.)

# %%
result = hx.evaluate(
    {"late": hx.fusion.LateFusion(endpoint="survival")},
    cohort,
    "OS",
    hx.designs.NestedCV(folds=3, repeats=1, seed=0),
    explain=hx.explain,
    bands=10,
    workers=1,
    progress=False,
)
result.save(home / "results")
result

# %%
result.figure_metrics()

# %% [markdown]
# **Mistake 10: believing the best row.** The difference to the clinical facts alone is what counts, on the same
# patients, with its interval. And how good *could* a model be? The data are synthetic, so we know: no honest model is
# better than this on average.

# %%
print(result.compare("late", "clinical"))
print("the true hazard, as far as it was measured:", round(truth.oracle_c["OS"]["measured"], 2))

# %% [markdown]
# What else deserves doubt, found by rule. Each finding has a code, a reason and a cure; some are remarks only.

# %%
for finding in result.checks():
    print(finding)

# %% [markdown]
# # Part 5. A model for new patients
#
# The model that is handed on is fitted on all patients and locked. It carries no score of its own: how good the way of
# making it is, part 4 has said; how good it is elsewhere, only other patients can tell.

# %%
X, y = cohort.frame(), cohort.outcomes("OS")
model = hx.fusion.LateFusion(endpoint="survival").fit(X, y)
hx.fusion.lock(model, X, y, cohort=cohort).save(home / "model")
locked = hx.fusion.LockedModel.load(home / "model")
locked

# %% [markdown]
# **Mistake 11: the test patients were in the training.** Scoring the locked model on its own patients would flatter it.
# The library knows them again (by content, without keeping their names) and refuses, or says so.

# %%
try:
    again = hx.evaluate.score_locked(home / "model", cohort, "OS")
    for finding in again.checks():
        if finding.severity == "error":
            print(finding)
except HybridxError as refusal:
    print(refusal)

# %% [markdown]
# New patients get a number, and the warnings that it deserves: a modality is missing, a value lies outside what the
# model has seen.

# %%
newcomers = hx.demo.make_cohort(home / "new", patients=8, seed=9)
arrived = hx.extract(home / "new", out=home / "new_cohort", settings=settings, progress=False)
table = locked.predict(arrived, times=[365.0])
table.head(8)

# %%
for warning, rows in table.filter(pl.col("warnings") != "").group_by("warnings", maintain_order=True):
    print(rows.height, "patients:", str(warning[0])[:160])

# %% [markdown]
# # The pages
#
# `hx.report.write_reports(home / "results", home / "reports")` writes a page per patient, the cohort report and an index;
# on the command line, `hybridx report results/ --all`. Every step of this notebook is a command as well: `hybridx import`,
# `validate`, `extract`, `evaluate`, `fit`, `predict`, `report`.

# %%
hx.report.write_reports(
    home / "results", home / "reports", patients=list(cohort.patients[:3]), progress=False
)
