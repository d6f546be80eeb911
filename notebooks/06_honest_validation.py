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
# **Synthetic data.** These patients were made by a program, and every feature below is a random number: nothing here is
# about people.
#
# # An AUC above 0.98 from noise, and how to be stopped
#
# hybridx is research software and not a medical device.
#
# Thousands of features and some hundred patients are the rule in radiomics and genomics. There are ways to get a fine
# score out of such a table when nothing is in it, and none of them takes bad will: each is one step done before the
# split instead of after it. We walk three of them on a table that knows nothing, so that the right answer is known: an
# AUC of 0.5. Then we see what the library does about each.

# %% tags=["parameters"]
patients: int = 100  # size of the synthetic cohort
features: int = 5000  # random numbers per patient
chosen: int = 40  # features that are kept
permutations: int = 20  # of the permutation test
draws: int = 15  # of the bootstrap
folder: str = ""  # where to work; empty: a folder among the temporary files

# %%
import tempfile
from pathlib import Path

import hybridx as hx
from hybridx.cohort import Block

home = Path(folder or Path(tempfile.gettempdir()) / f"hybridx_honest_{patients}")
design = hx.designs.NestedCV(folds=5, repeats=2, seed=0)
quiet = {"baselines": False, "workers": 1, "progress": False}

# %% [markdown]
# The outcome is that of a synthetic cohort, response to therapy. We throw away everything that was measured and put
# random numbers in its place. What to see: one modality, thousands of columns, and nobody's response is tied to any of
# them.

# %%
hx.demo.make_cohort(home / "data", patients=patients, seed=0, images=False)
full = hx.demo.add_noise(hx.extract(home / "data", out=home / "cohort", progress=False), features=features)
given = {"tables": full.tables, "provenance": {"synthetic": True}}
cohort = hx.Cohort.build(full.patients, [Block.from_table("noise", full.blocks["noise"])], **given)
cohort

# %% [markdown]
# Before anything is fitted: does this cohort carry so many features? What to see: how many patients a regression without
# penalty would need, and how many features these patients carry.

# %%
hx.evaluate.enough_data(cohort, "response")

# %% [markdown]
# ## Way 1: score the patients who taught the model
#
# A model with more features than patients can learn every patient by heart. What to see: a score near 1. hybridx has no
# function that fits and scores on the same patients, so here it is done by hand.

# %%
X, y = cohort.frame(), cohort.outcomes("response")
known = y.known.nonzero()[0]
memory = hx.models.LogisticModel().fit(X[known], y[known])
hx.evaluate.metrics.roc_auc(y[known], memory.predict_proba(X[known])[:, 1])

# %% [markdown]
# ## Way 2: choose the features first, then cross-validate
#
# The classic. "We kept the features that were associated with response, and validated the model by fivefold
# cross-validation." The validation is honest, but the choice has seen the patients of every test fold. What to see:
# the score, and its narrow interval, which knows nothing of the leak.

# %%
screen = hx.prepare.UnivariateScreen("top", k=chosen).fit(X[known], y[known])
kept = X.select("patient_id", *screen.get_feature_names_out()).select("patient_id", "^noise.random_.*$")
screened = hx.Cohort.build(full.patients, [Block.from_table("noise", kept)], **given)
leaked = hx.evaluate({"screened before": hx.models.LogisticModel()}, screened, "response", design, **quiet)
leaked.table("roc_auc").select("model", "value", "low", "high", "n", "n_events").to_pandas().round(3)

# %% [markdown]
# No design can see what happened before it was called. But the table itself gives the choice away: among random
# columns one in twenty goes with the outcome, among chosen ones all do. The checks run by themselves at the end of every
# evaluation, and show at the top of every report. What to see: HX020.

# %%
leaked.checks()

# %% [markdown]
# ## The same choice, inside the fold
#
# The screen becomes a step of the model. In each fold it sees the training patients only, and chooses anew. Everything
# else is as before. What to see: an interval that includes 0.5.

# %%
honest = hx.prepare.PreparedModel(
    [
        ("screen", hx.prepare.UnivariateScreen("top", k=chosen)),
        ("model", hx.models.LogisticModel()),
    ]
)
result = hx.evaluate({"screened inside": honest}, cohort, "response", design, **quiet)
result

# %% [markdown]
# ## Way 3: try many settings, report the best
#
# One feature or two hundred: each setting is validated honestly, and the best of them is reported. What to see: the first
# row lies above 0.5 and above the middle of them, by luck alone. With a hundred settings the gap grows.

# %%
tries = {
    f"{count} kept": hx.prepare.PreparedModel(
        [
            ("screen", hx.prepare.UnivariateScreen("top", k=count)),
            ("model", hx.models.LogisticModel()),
        ]
    )
    for count in (1, 2, 5, 10, 20, 50, 100, 200)
}
tried = hx.evaluate(tries, cohort, "response", hx.designs.NestedCV(folds=5, repeats=1), **quiet)
scores = tried.table("roc_auc").select("model", "value", "low", "high").sort("value", descending=True)
scores.to_pandas().round(3)

# %% [markdown]
# What stops it: settings belong into the model, which then chooses inside the training part of each fold (that is what
# *nested* means, and all models of the library do it), and every comparison between models stands with a p-value
# adjusted for their number. What to see: no setting is separated from the first one in the list.

# %%
columns = ["other", "difference", "low", "high", "p_value", "p_adjusted", "verdict"]
tried.comparisons().select(columns).to_pandas().round(3)

# %% [markdown]
# ## How much does the procedure flatter itself?
#
# The bootstrap puts numbers to it: the apparent score of the whole procedure on the patients who taught it, on patients
# a draw left out, and three scores between the two. What to see: the first row, and who believes it. The plain
# correction and .632 lean on an apparent score that is worth nothing here, and come out far too high; .632+, which
# measures how much was learnt by heart, does not. (It cannot fall below 0.5.)

# %%
shaken = hx.evaluate(
    {"screened inside": honest}, cohort, "response", hx.designs.Bootstrap632(draws=draws, seed=0), **quiet
)
shaken.optimism().select("estimate", "value", "low", "high").to_pandas().round(3)

# %% [markdown]
# ## Could it have been luck?
#
# The permutation test deals the outcomes anew among the patients and repeats everything, screen included. A procedure
# that leaks scores well on dealt outcomes, too, so its leak cannot pass for a finding. What to see: the score lies
# among those of noise.

# %%
test = hx.evaluate.permutation_test(
    honest,
    cohort,
    "response",
    hx.designs.NestedCV(folds=5, repeats=1),
    permutations=permutations,
    workers=1,
    progress=False,
)
test

# %% [markdown]
# ## And for one patient?
#
# A conformal prediction may say `both`: the truth is among its answers as often as was asked, whatever the model is
# worth. A useless model pays by saying `both` to nearly everyone. We hold a third of the patients out. What to see: how
# many got a definite answer, and how often the truth was among the answers.

# %%
third = len(known) // 3
told = hx.evaluate.ConformalResponse(honest, level=0.9).fit(X[known[third:]], y[known[third:]])
answers = told.predict(X[known[:third]]).tolist()
truth = ["responder" if value else "non-responder" for value in y.value[known[:third]]]
right = sum(answer in ("both", true) for answer, true in zip(answers, truth, strict=True))
print(f"{answers.count('both')} of {third} patients got `both`; the truth was among the answers of {right}.")

# %% [markdown]
# ## What to do with this
#
# - Give the library the table as it was measured. A feature that was dropped, filled in, harmonised or chosen on all
#   patients has seen the test patients; put the step into the model (`PreparedModel`).
# - Read the interval before the value, and the baselines beside it. An AUC of 0.98 in a hundred patients is a reason
#   to look for the leak.
# - Fix the model beforehand or let it choose inside the folds; report every model that was tried.
# - `result.checks()` looks for known leaks. It cannot prove that there is none: a cohort from another hospital, never
#   touched before, can (`hx.evaluate.score_locked`).
