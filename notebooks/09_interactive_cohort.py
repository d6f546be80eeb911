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
# # The cohort in your hands
#
# Choose an endpoint, a set of modalities and a patient; the cohort, the patient's expected course and the reasons follow
# each other. A click on a point chooses that patient. This notebook is meant for JupyterLab; run in a batch it draws the
# same figures once, for the first choice.
#
# Research software, not a medical device. Every prediction here is *out-of-fold*: it comes from models that never saw
# the patient. Contributions are associations, not causes.

# %% tags=["parameters"]
cohort: str = ""  # folder of a cohort; empty: a synthetic one is made
results: str = ""  # folder with one result per endpoint; empty: beside the cohort, evaluated now if they are not there
endpoints: str = "OS response"  # of the cohort, separated by spaces
patients: int = 30  # size of the synthetic cohort
folder: str = ""  # where to work; empty: a folder among the temporary files

# %%
import tempfile
from pathlib import Path

import hybridx as hx
from hybridx.report import CohortExplorer

home = Path(folder or Path(tempfile.gettempdir()) / "hybridx_interactive")
results = Path(results or (Path(cohort).parent if cohort else home) / "by_endpoint")

# %% [markdown]
# ## What there is to look at
#
# When there are no results yet, they are computed here, in a small design that is quick rather than good: one late
# fusion per endpoint, three folds. For work, run `hybridx evaluate` for each endpoint first and put the results beside
# each other in one folder.

# %%
if not cohort and not (home / "cohort" / "cohort.json").is_file():
    hx.demo.make_cohort(home / "data", patients=patients, seed=0)
    bare = hx.measure.ExtractSettings(deep=False, views=False, volumes=False)  # features alone, no pictures
    hx.extract(home / "data", out=home / "cohort", settings=bare)
cohort = hx.Cohort.load(cohort or home / "cohort")
cohort

# %%
found = {}
for endpoint in endpoints.split():
    place = results / endpoint
    if not (place / "result.json").is_file():
        kind = "response" if endpoint == "response" else "survival"
        hx.evaluate(
            {"late": hx.fusion.LateFusion(endpoint=kind)},
            cohort,
            endpoint,
            hx.designs.NestedCV(folds=3, repeats=1, seed=0),
            explain=hx.explain,
            bands=16,
            workers=1,
        ).save(place)
    found[endpoint] = hx.Result.load(place)
    print(endpoint, "·", found[endpoint].notes[0])

# %% [markdown]
# ## Look
#
# Left: each point is a patient. Across: what the chosen modalities together add to the prediction; upwards: what
# happened. Crosses had the event. A model that uses these modalities well has its crosses low and to the right; a cloud
# without direction is a model that knows little, whatever a single patient's page says.
#
# Middle: the expected course of the chosen patient, with the band that comes from refitting the model. Right: the
# features behind it.
#
# Choosing modalities keeps the patients who have **all** of them and adds up the contributions of these. It fits no new
# model, so nothing can be picked until it looks good: the scores of `03_cohort_report.ipynb` stay what they are. (Which
# modality is worth measuring is another question: `result.added_value()`.)

# %%
explorer = CohortExplorer(found)
explorer

# %% [markdown]
# The same picture without the controls, for reports, and for those who read this notebook as a page. With
# `explorer.choose(...)` it can be set from code.

# %%
explorer.choose(modalities=["pet", "clinical"]).figure()

# %% [markdown]
# The other endpoint, same patient where possible. Of a response there is no course, only a probability and its band.

# %%
explorer.choose(endpoint=endpoints.split()[-1], modalities=[]).figure()

# %% [markdown]
# ## Behind the points
#
# The table of what is shown: `added` is the sum over the chosen modalities, `predicted` the whole prediction.

# %%
explorer.table().head(10)

# %% [markdown]
# ## What not to do with it
#
# A picture that can be turned in a hundred ways shows a pattern sooner or later. What you find here is a question for
# other data, not a result: decide on the analysis first (`hx.evaluate`), look afterwards. And do not compare patients
# across endpoints by their scores: a risk and a probability of response are on different scales.
