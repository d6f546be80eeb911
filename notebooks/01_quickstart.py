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
# # Quickstart: from a folder of images and tables to an honest, explained prediction
#
# **Synthetic data.** The patients of this notebook were made by a program. Their numbers say how the software behaves,
# nothing about people. hybridx is research software and not a medical device.
#
# You have, for each patient, some of: PET, CT with a tumour mask, laboratory values, clinical facts, sequencing, and
# what happened to them. You want to know: *how much does each source add, for whom, and how sure can we be?*
# The way there has four steps, each one call. On a laptop it takes about a minute.

# %% tags=["parameters"]
patients: int = 40  # size of the synthetic cohort
folds: int = 3  # of the cross-validation; use 5 for work
repeats: int = 1  # of the cross-validation; use 5 for work
bands: int = 20  # refits behind each patient's band
folder: str = ""  # where to work; empty: a folder among the temporary files

# %%
import tempfile
from pathlib import Path

import hybridx as hx

home = Path(folder or Path(tempfile.gettempdir()) / "hybridx_quickstart")

# %% [markdown]
# ## 1. A data folder
#
# A data folder is a few tables (CSV or Parquet) and the images they point to. Only `patients` must be there. We let the
# library draw one: real NIfTI volumes with lesions, two scanners, missing modalities, censored follow-up. The truth
# behind it is kept in a folder of its own, so that claims can be held against it.

# %%
truth = hx.demo.make_cohort(home / "data", patients=patients, seed=0)
sorted(path.name for path in (home / "data").iterdir())

# %% [markdown]
# Before anything is computed, every defect of the folder is listed at once: file, row, what is there, what was expected.
# An error would be refused. A warning points at what deserves a look, such as an identifier with an umlaut.

# %%
hx.validate(home / "data")

# %% [markdown]
# ## 2. Features
#
# Images become radiomics, PET uptake and encoder features, tables become baseline values. One patient's failure is
# written down and the others go on; a second run reads what the first has computed.
#
# The cohort shows itself: who was measured with what, what is missing, how many events there are.

# %%
cohort = hx.extract(home / "data", out=home / "cohort")
cohort

# %% [markdown]
# ## 3. How good, and compared with what?
#
# Every step that learns happens inside the training part of each fold. The fusion models stand beside what they have to
# beat: clinical facts alone, tumour volume alone, each modality alone.

# %%
result = hx.evaluate(
    cohort=cohort,
    endpoint="OS",
    design=hx.designs.NestedCV(folds=folds, repeats=repeats, seed=0),
    explain=hx.explain,
    bands=bands,
)
result.save(home / "results")
result

# %% [markdown]
# Read the notes under the table first: with so few patients the intervals are wide, and most models cannot be told
# apart. That is what forty patients can say; the library does not hide it.
#
# The picture: Harrell's C with its interval; 0.5 is a coin.

# %%
result.figure_metrics()

# %% [markdown]
# Is the fusion better than clinical facts alone? Both models are scored on the same patients, so the interval of the
# *difference* is what counts. If it covers zero, nothing was shown.

# %%
result.compare("kernel", "clinical")

# %% [markdown]
# Because the cohort is synthetic, we know how well even a perfect model could rank these patients. No honest result can
# be better than this on average.

# %%
truth.oracle_c

# %% [markdown]
# ## 4. Why, for one patient
#
# Contributions of features add up to modalities, and modalities to the prediction. We take the patient with the highest
# predicted risk.

# %%
highest = result.risk_groups().sort("percentile", descending=True, nulls_last=True)["patient_id"][0]
result.patient(highest)

# %%
result.explanation.patient(highest).plot()

# %% [markdown]
# The tumour-board page is one HTML file: images with the lesion's outline, risk with its band, reasons, laboratory
# values, what is missing, and how far to trust it. It needs no network and prints to two pages.

# %%
page = hx.report.patient_page(result, patient=highest)
page

# %% [markdown]
# All patients, the cohort report and an index that sorts and filters:

# %%
hx.report.write_reports(home / "results", home / "reports")

# %% [markdown]
# ## Where to go from here
#
# - `02_tumor_board.ipynb`: one patient, as a board would discuss them. Run it over all patients with papermill.
# - `03_cohort_report.ipynb`: the whole cohort, as a paper would report it.
# - Your own data: `hybridx validate FOLDER` tells you what is still wrong with it.
