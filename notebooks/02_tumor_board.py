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
# # Tumour board: one patient
#
# What does the model expect for this patient, how sure is it, what drove it, and how far can it be trusted? The
# prediction is *out-of-fold*: it comes from models that never saw this patient.
#
# Research software, not a medical device. The figures describe patients with a similar prediction in this cohort; they
# do not compare treatments, and contributions are associations, not causes.

# %% tags=["parameters"]
cohort: str = ""  # folder of a cohort; empty: the synthetic one of 01_quickstart
results: str = ""  # folder of its results; empty: beside the cohort, evaluated now if they are not there
patient: str = ""  # identifier; empty: the one with the highest predicted risk
endpoint: str = "OS"  # used only when the results have to be computed

# %%
import tempfile
from pathlib import Path

import hybridx as hx

home = Path(cohort).parent if cohort else Path(tempfile.gettempdir()) / "hybridx_quickstart"
results = Path(results or home / "results")

# %% [markdown]
# When there are no results yet, they are computed here, in a small design that is quick rather than good. For work, run
# `hybridx evaluate` first.

# %%
if not (results / "result.json").is_file():
    if not cohort:
        hx.demo.make_cohort(home / "data", patients=40, seed=0)
        cohort = hx.extract(home / "data", out=home / "cohort").folder
    design = hx.designs.NestedCV(folds=3, repeats=1, seed=0)
    hx.evaluate(
        cohort=hx.Cohort.load(cohort), endpoint=endpoint, design=design, explain=hx.explain, bands=20
    ).save(results)
result = hx.Result.load(results)
for note in result.notes:
    print("•", note)

# %% [markdown]
# The first note says whether the data are synthetic. The others say what the numbers below can and cannot carry.

# %%
if not patient:
    ranked = result.risk_groups().sort("percentile", descending=True, nulls_last=True)
    patient = ranked["patient_id"][0]
patient

# %% [markdown]
# ## In one line
#
# The predicted risk among all patients of the cohort, and the probability of being free of the event, with the band that
# comes from refitting the model on other training patients.

# %%
summary = result.patient(patient)
summary

# %% [markdown]
# ## Why
#
# Each bar is what a feature added to (right) or took from (left) the predicted risk, compared with the average patient.
# The bars add up to the prediction. A patient for whom nothing was measured has no prediction, and nothing to explain.

# %%
result.explanation.patient(patient).plot() if summary.predicted else "No prediction, so there is nothing to explain."

# %% [markdown]
# ## The page for the board
#
# Images, risk, reasons, laboratory values, variants, course, what is missing, and how far to trust it: one file that
# opens anywhere and prints to two pages.

# %%
hx.report.patient_page(result, patient=patient)

# %% [markdown]
# ## Would the probabilities have been right in others like this?
#
# Points on the diagonal: of the patients told 30 %, 30 of 100 had the event. Above it, the model was too optimistic.

# %%
result.figure_calibration()
