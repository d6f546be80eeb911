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
# # Cohort report
#
# How good is the prediction in this cohort, beside simpler models, and what does it use? The order below is that of a
# paper: who the patients are, performance with intervals, differences to the baselines, calibration, what drives the
# model, what went wrong.
#
# Research software, not a medical device.

# %% tags=["parameters"]
cohort: str = ""  # folder of a cohort; empty: the synthetic one of 01_quickstart
results: str = ""  # folder of its results; empty: beside the cohort, evaluated now if they are not there
endpoint: str = "OS"  # used only when the results have to be computed
reports: str = ""  # where the report is written; empty: beside the results

# %%
import tempfile
from pathlib import Path

import hybridx as hx

home = Path(cohort).parent if cohort else Path(tempfile.gettempdir()) / "hybridx_quickstart"
results = Path(results or home / "results")

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

# %% [markdown]
# ## Read this first
#
# Synthetic or real, how many events, what was left out, which differences this cohort can and cannot show.

# %%
for note in result.notes:
    print("•", note)

# %% [markdown]
# ## The patients

# %%
result.cohort

# %% [markdown]
# ## Performance
#
# Discrimination (Harrell C, Uno C, AUC), accuracy of the probabilities (Brier) and calibration, each with its 95 %
# interval. The rows marked as baseline are what any larger model has to beat.

# %%
result.table()

# %%
result.figure_metrics()

# %% [markdown]
# ## Is the difference real?
#
# Paired differences on the same patients. An interval across zero means: not shown. It does not mean: equal.

# %%
result.comparisons()

# %% [markdown]
# ## Do the groups differ, and are the probabilities right?
#
# Groups are cut from out-of-fold predictions; no p-value is given, because such groups are not independent of each
# other. (A response has no survival curves; its calibration is shown all the same.)

# %%
result.figure_groups() if result.kind == "survival" else None

# %%
result.figure_calibration()

# %% [markdown]
# ## What the model uses
#
# Mean absolute contribution over all patients. Correlated features share their contribution between them.

# %%
result.explanation.importance()

# %% [markdown]
# ## What went wrong
#
# Images that could not be used, with the reason. These patients stay in the cohort without that modality.

# %%
result.cohort.tables["failures"]

# %% [markdown]
# ## The report as one file

# %%
page = hx.report.cohort_report(result)
page.save(Path(reports or results.parent / "reports") / "cohort.html")
page
