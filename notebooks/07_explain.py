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
# # Why: one patient, from the risk down to the voxels, and what an explanation does not say
#
# **Synthetic data.** The patients of this notebook were made by a program. Their numbers say how the software behaves,
# nothing about people. hybridx is research software and not a medical device.
#
# A risk without a reason convinces nobody, and a wrong reason convinces too easily. Part 1 takes one patient's risk
# apart: risk = average + modalities, modality = its features, picture = its voxels, and every step adds up. Part 2 asks
# whether such reasons deserve belief: for how many patients would they stay the same, do they follow the outcome at all,
# and, as this cohort's truth is known, are they true? Part 3 is about what no explanation says.

# %% tags=["parameters"]
patients: int = 40  # size of the synthetic cohort with images (part 1)
more: int = 160  # size of the synthetic cohort without images (part 2)
folds: int = 5  # of the cross-validation
patient: str = ""  # whom to explain; empty: the highest risk among those with a picture
folder: str = ""  # where to work; empty: a folder among the temporary files
workers: int = 1  # processes; more pay off from some hundred patients

# %%
import tempfile
from pathlib import Path

import hybridx as hx

home = Path(folder or Path(tempfile.gettempdir()) / f"hybridx_explain_{patients}")
design = hx.designs.NestedCV(folds=folds, repeats=1, seed=0)

# %% [markdown]
# # Part 1. One patient
#
# PET and CT of each patient become radiomics and the numbers of an image encoder (`deep`), beside clinical facts,
# laboratory values and genes. The first call draws the images, the second reads them; we make no patients' pages here,
# so their pictures are left out.

# %%
truth = hx.demo.make_cohort(home / "data", patients=patients, seed=0, workers=workers, progress=False)
bare = hx.measure.ExtractSettings(views=False, volumes=False)
cohort = hx.extract(home / "data", out=home / "cohort", settings=bare, workers=workers, progress=False)
cohort

# %% [markdown]
# The model learns from three quarters of the patients. Whom do we explain? Somebody it has never seen: of the others the
# one with the highest risk who has a picture.

# %%
frame, outcome = cohort.frame(images=True), cohort.outcomes("OS")
learnt = 3 * len(frame) // 4
model = hx.fusion.KernelFusion(modalities=["clinical", "lab", "pet", "ct", "deep"])
model.fit(frame[:learnt], outcome[:learnt])
why = hx.explain(model, frame, background=frame[:learnt], features=cohort.features)
unseen = why.modalities[learnt:].with_columns(risk=why.prediction[learnt:])
pictured = unseen.filter(cohort.measured["deep"][learnt:]).sort("risk", descending=True)
patient = patient or pictured["patient_id"][0]
why.patient(patient)

# %% [markdown]
# The risk in words a patient would ask for: the chance to be alive after one, two and three years, by this model.

# %%
whom = frame.filter(frame["patient_id"] == patient)
for days, alive in zip((365, 730, 1095), model.predict_survival(whom, [365, 730, 1095])[0], strict=True):
    print(f"alive after {days} days: {alive:.0%}")

# %% [markdown]
# ## From the risk to the modalities
#
# The scale is the log-hazard: +0.7 doubles the hazard, −0.7 halves it. What to see: the bars add up to the difference
# between this patient and an average patient *with the same modalities measured*. A modality that is not there has no
# bar: nobody measured anything.

# %%
reasons = why.patient(patient)
reasons.plot_modalities()

# %% [markdown]
# ## The same over time
#
# The chance to be alive falls for everybody; what a modality takes from it or adds to it is not the same at every time.
# What to see: above, this patient and the average one; below, the lines of the modalities, which sum to the distance
# between the two curves at each time. At first nobody has died and nothing can differ; the distance then grows. A sum
# of log-hazards does not change with time, its effect on survival does.

# %%
over = hx.explain(model, whom, frame[:learnt], scale="survival", times=[90, 180, 365, 545, 730, 1095])
over.plot(patient)

# %% [markdown]
# ## What the values say, and what knowing says
#
# Two questions are easily taken for one. `features`: how far do a modality's *values* move the prediction from that of an
# average patient with the same modalities (the bars above)? `knowing`: how far does *having the modality at all* move
# it, when the model predicts with every combination of the modalities (exact Shapley values of whole modalities, the
# marks above)? What to see: the two agree to the last digit, because kernel fusion takes an absent modality for an
# average one. Part 2 shows a model in which they do not, and what that means.

# %%
why.knowing_table().to_pandas().round(3)

# %% [markdown]
# ## From the modalities to the features
#
# Every feature in its own unit, not as a z-score. What to see: the waterfall starts at the average patient and ends at
# this one; "(missing)" is a value that was filled in, and what it adds comes from the filling.

# %%
reasons.plot(12)

# %% [markdown]
# ## From the picture to its voxels
#
# The part of the risk that comes from the encoder, spread over the voxels of PET and CT, through encoder and fusion. The
# voxels sum to the bar of `deep` above. What to see: whether the weight lies in the lesion (`inside`), compared with how
# much of the box the lesion fills. Much weight outside is a reason for doubt, and a table could not have shown it.

# %%
learnt_from = {"study": home / "data", "background": frame[:learnt]}
voxels = hx.explain.explain_voxels(model, frame, patient, **learnt_from, references=4)
voxels

# %%
voxels.plot()

# %% [markdown]
# Hand-made PET features have no gradient. There the lesion is cut into regions, each is taken out in every combination,
# and all features are measured again: a map as fine as its regions. What to see: `contour` is what size and shape say,
# which no voxel can be held to; the regions and the tissue around share the rest of the bar of `pet`.

# %%
parts = hx.explain.explain_voxels(
    model, frame, patient, **learnt_from, modality="pet", regions=4, show_progress=False
)
parts.plot()

# %%
parts.table().to_pandas().round(3)

# %% [markdown]
# ## Whom else does the model see like this?
#
# Near are patients whose predictions are made of the same contributions. What to see: `closer_than`, the share of
# patients who lie further away, and what became of them. A table of patients is for those who treat them.

# %%
why.similar(patient, k=5, level="modality", outcomes=outcome).table().to_pandas().round(2)

# %% [markdown]
# ## What would the model have to see to say something else?
#
# The fewest and smallest changes, within what other patients have, that bring this patient to the other side of the
# median risk. Age cannot change, so only laboratory values and images may. What to see: sometimes no few changes do it,
# because the risk is made of many small parts; then the nearest that was found is told. And the sentence at the end.

# %%
what_if = why.counterfactual(patient, to="low", changeable=["lab", "pet", "ct"], most=5)
print(what_if.sentence())
what_if.plot()

# %% [markdown]
# # Part 2. May it be believed?
#
# More patients, without images, which saves minutes. Numbers are of patients whom the explaining model has not seen,
# unless said.

# %%
truth = hx.demo.make_cohort(home / "more", patients=more, seed=0, images=False)
larger = hx.extract(home / "more", out=home / "more_cohort", workers=workers, progress=False)
found = hx.evaluate(
    models={"kernel": hx.fusion.KernelFusion()},
    cohort=larger,
    endpoint="OS",
    design=design,
    baselines=False,
    explain=hx.explain,
    workers=workers,
    progress=False,
).explanation

# %% [markdown]
# ## How sure is an importance?
#
# The mean size of a contribution, with an interval over patients *and* over the models that other training patients
# would have given. What to see: intervals overlap. The order of neighbours in this picture is not a finding.

# %%
found.importance_intervals().plot(12)

# %%
found.importance_intervals("modality").table().to_pandas().round(3)

# %% [markdown]
# ## What does a value do?
#
# A dot per patient, in the feature's own unit. What to see: the direction, and whether dots of the same value spread; in
# a model without interactions they hardly do.

# %%
strongest = found.importance()["feature"][0]
found.dependence(strongest).plot()

# %% [markdown]
# Does the effect of one modality depend on another? A model that adds modalities up cannot see it: its interactions are
# 0 by construction, which says nothing about biology. Boosted trees can. What to see: the size against the spread of
# predictions (`share`), and the intervals: many pairs are asked, so the largest bar is partly the luckiest.

# %%
table, outcome = larger.frame(), larger.outcomes("OS")
trees = hx.fusion.EarlyFusion(hx.models.XGBoostCox(max_depth=3, n_rounds=60)).fit(table, outcome)
pairs = hx.explain.modality_interactions(trees, table)
pairs.plot()

# %%
pairs.table().head(4).to_pandas().round(3)

# %% [markdown]
# Interactions are one reason why the sum of a modality's features (`features`) and the Shapley value of the whole modality
# (`knowing`) come apart. What absence does is another: trees send a patient without laboratory values down branches of
# their own, so that to be without them is itself a sign. What to see: `difference` against the two sizes. Where it is
# large, read the bars for this patient's values, and the second number for what the examination brought; neither is
# wrong, they answer different questions. The printed line says so in words. (These trees are shown the patients they
# learnt from; it is the model that is looked at here, not its success.)

# %%
of_trees = hx.explain(trees, table)
print(of_trees)
of_trees.knowing_table().to_pandas().round(3)

# %% [markdown]
# ## Would other patients have given the same reasons?
#
# Ranks of importance over the folds. Any two of them share most of their training patients, so this is a kind estimate.
# What to see: the order of all features agrees well, because most of them matter little in every fold; the line of a
# single one, from its best rank to its worst, can be long all the same. Five modalities have a wide interval.

# %%
print("features:  ", found.stability(top=10).agreement)
print("modalities:", found.stability("modality", top=2).agreement)

# %%
found.stability(top=10).plot(12)

# %% [markdown]
# ## Do the reasons follow the outcome at all?
#
# Only clinical facts and laboratory values, for speed. Two halves of the patients, a model for each: do they tell the same story about everybody? Then the same with outcomes
# shuffled among patients. What to see: the line stands right of the bars, or the explanation shows the method and not
# the patients.

# %%
sanity = hx.explain.sanity_test(hx.fusion.EarlyFusion(modalities=["clinical", "lab"]), table, outcome)
print(sanity)
sanity.plot()

# %% [markdown]
# ## Are they true?
#
# Here the true share of each modality in each patient's risk is known. `correlation` is between what is told and what is
# true. What to see: high for strong modalities with few features, low for weak ones with many. More patients bring it
# up: `benchmarks/faithfulness.py` follows it from 100 patients to 3,000.

# %%
truth.recovered(larger, {"kernel": found.modalities}).to_pandas().round(2)

# %% [markdown]
# # Part 3. What an explanation does not say
#
# - **Not a cause.** A contribution says what the model made of a value. LDH may stand high because the tumour is large;
#   lowering LDH would not shrink it. The counterfactual above is a question to the model, not a plan of treatment.
# - **Not the only story.** Features that go together share their weight by accident. Read groups and modalities, and
#   look at the stability before naming a single texture.
# - **Not absence of effect.** A small bar may be a modality that these patients were too few to learn from. The
#   penalty that protects against noise makes true effects small as well.
# - **Not independence of who was measured.** A patient without PET is compared with patients without PET. Why it was not
#   done is not in the model.
# - **Not better than the model.** An exact explanation of a poor model is exactly as poor. First `03_cohort_report`,
#   then this.
# - **Not a lesion finding.** A bright voxel moved the prediction. It is neither active tumour nor a place to biopsy.
