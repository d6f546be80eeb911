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
# # When fusion helps, and when it hurts
#
# **Synthetic data in part 1.** Those patients were made by a program: their numbers say how the software behaves,
# nothing about people. Part 2 is a small public cohort of real patients. hybridx is research software and
# not a medical device.
#
# There are many ways to make one risk out of several modalities. Which one is right depends on how many patients and
# events there are, how many features, how much is missing, and where the risk really lies. Part 1 looks at a cohort
# whose truth is known, so that a strategy can be held against it. Part 2 asks what 198 real women can tell.

# %% tags=["parameters"]
patients: int = 160  # size of the synthetic cohort
folds: int = 5  # of the cross-validation
noise: int = 500  # features of a modality that knows nothing
folder: str = ""  # where to work; empty: a folder among the temporary files
workers: int = 1  # processes; more pay off from some hundred patients

# %%
import tempfile
from pathlib import Path

import hybridx as hx
from hybridx.evaluate.compare import holm

home = Path(folder or Path(tempfile.gettempdir()) / f"hybridx_strategies_{patients}")
design = hx.designs.NestedCV(folds=folds, repeats=1, seed=0)
processes = {"workers": workers, "progress": False}

# %% [markdown]
# # Part 1. A cohort whose truth is known (synthetic)
#
# Each patient's log-hazard is a sum of shares, one per modality, and the shares are kept aside. We draw no images here,
# which saves minutes: PET and CT carry part of the risk all the same, and nobody measured it, as happens in life.

# %%
truth = hx.demo.make_cohort(home / "data", patients=patients, seed=0, images=False)
cohort = hx.extract(home / "data", out=home / "cohort", **processes)
cohort

# %% [markdown]
# What can be reached? The oracle knows every true share. Its Harrell's C over everything (`all`) and over what was
# measured (`measured`) is the ceiling, on average; the rows below are each modality's true share alone. What to see: no modality
# comes close to the sum, so there is something to fuse.

# %%
truth.oracle_c["OS"]

# %% [markdown]
# ## A recommendation, before any outcome is looked at
#
# `recommend` reads the numbers of patients, events and features only, so its advice cannot leak into the validation.
# What to see: the reasons, and which strategies this cohort carries.

# %%
advice = hx.fusion.recommend(cohort, endpoint="OS")
advice

# %% [markdown]
# ## The strategies, side by side
#
# - **early**: all features in one model with one penalty. Few clinical facts stand beside hundreds of others.
# - **late**: one model per modality, then a weight for each model, learnt on held-out patients.
# - **block**: one model, with a penalty per modality, chosen on held-out patients.
# - **kernel**: one model, each modality weighed by the evidence for it, averaged over what the data leave open.
# - **consensus**: additive effects and trees together, weighted by how they did on held-out patients.
#
# Everything that is learnt or chosen happens inside the training part of each fold. The recommended strategy is the
# primary one: differences below are between it and the others.

# %%
strategies = {
    "early": hx.fusion.EarlyFusion(),
    "late": hx.fusion.LateFusion(),
    "block": hx.fusion.BlockPenalizedFusion(),
    "kernel": hx.fusion.KernelFusion(),
}
with_consensus = {**strategies, "consensus": hx.fusion.ConsensusFusion()}
recommended = {type(model).__name__: name for name, model in with_consensus.items()}
result = hx.evaluate(
    models=with_consensus,
    cohort=cohort,
    endpoint="OS",
    design=design,
    primary=recommended.get(advice.name, "kernel"),
    **processes,
)

# %% [markdown]
# Harrell's C with its 95 % interval: 0.5 is a coin, grey rows are clinical facts alone and each modality alone, the
# dashed line is the oracle of what was measured. What to see: fused models lie between the single modalities and the
# oracle, and their intervals overlap.

# %%
figure = result.figure_metrics()
figure.add_vline(
    x=truth.oracle_c["OS"]["measured"], line_dash="dash", annotation_text="oracle", annotation_position="top"
)
figure

# %% [markdown]
# Overlapping intervals decide nothing, because all models see the same patients. The *paired difference* does: both
# models are scored in the same resamples. What to see: whether an interval leaves 0. If it covers 0, nothing was shown;
# that does not mean that both are equal. Of ten comparisons of equals, one or another interval leaves 0 by luck: the
# verdict therefore goes by `p_adjusted`, which counts how many comparisons the table makes (Holm). The recommended
# strategy need not be the top row of this one cohort, and the strongest single modality is harder to beat than clinical
# facts.

# %%
result.figure_comparisons()

# %%
columns = ["model", "other", "difference", "low", "high", "p_value", "p_adjusted", "n", "n_events", "verdict"]
result.comparisons().select(columns).to_pandas().round(3)

# %% [markdown]
# The same question asked of every strategy: is it better than clinical facts alone? Here `model` is clinical facts, so
# that "worse" speaks for the other one. What to see: the size of the gain, then its interval. With this many events a
# gain of several hundredths can still be compatible with none, and an interval that leaves 0 by a little need not
# survive the counting.

# %%
result.comparisons(model="clinical").select(columns).to_pandas().round(3)

# %% [markdown]
# ## It hurts when a modality knows nothing
#
# We add a modality of random numbers, and evaluate each strategy twice on the same patients: with it, and told to leave
# it out. The paired difference is the price of the noise. What to see: a strategy with one penalty for everything
# pays, because the penalty that silences the noise silences the rest too; strategies that can shrink one modality alone
# pay little.

# %%
noisy = hx.demo.add_noise(cohort, features=noise, seed=0)
without = {
    "early, no noise": hx.fusion.EarlyFusion(modalities=cohort.modalities),
    "late, no noise": hx.fusion.LateFusion(modalities=cohort.modalities),
    "block, no noise": hx.fusion.BlockPenalizedFusion(modalities=cohort.modalities),
    "kernel, no noise": hx.fusion.KernelFusion(modalities=cohort.modalities),
}
with_noise = hx.evaluate(
    models={**strategies, **without},
    cohort=noisy,
    endpoint="OS",
    design=design,
    baselines=False,
    **processes,
)
with_noise.figure_metrics()

# %%
for name in strategies:
    print(f"{name:<7} with noise minus without: {with_noise.compare(name, name + ', no noise')}")

# %% [markdown]
# ## When modalities are missing
#
# Laboratory values carry much of the true risk here. We take them away from most patients, completely at random. Every
# patient keeps a prediction, made of what they have. What to see, against the first table: how much each strategy loses.
# The two evaluations are of different tables, so these are plain values with their intervals, not paired differences.

# %%
sparse = hx.demo.take_away(cohort, "lab", share=0.6, seed=0)
with_less = hx.evaluate(
    models=strategies, cohort=sparse, endpoint="OS", design=design, baselines=False, **processes
)
for name in strategies:
    print(f"{name:<7} all that was measured: {result.estimate(name, 'harrell_c')}")
    print(f"{name:<7} most lack lab values:  {with_less.estimate(name, 'harrell_c')}")

# %% [markdown]
# A fitted model says which patterns of modalities it has seen, and how many patients and events stand behind each. What
# to see: the rare patterns at the bottom. A prediction for such a patient leans on everybody else. The weights are those
# of late fusion: 0 where the modality is missing, or was found useless on held-out patients.

# %%
fitted = hx.fusion.LateFusion().fit(sparse.frame(), sparse.outcomes("OS"))
fitted.patterns_.to_pandas().round(2)

# %% [markdown]
# `support` says it for each patient: how many training patients had the same pattern. What to see: the first rows, the
# patients whose predictions deserve the least trust.

# %%
support = sparse.measured.with_columns(fitted.support(sparse.frame()).alias("patients_alike"))
support.sort("patients_alike").head(8).to_pandas()

# %% [markdown]
# ## Do explanations tell the truth?
#
# For patients whom the model never saw, each strategy says what every modality adds to the log-hazard. Here the true
# shares are known, and we leave the useless modality in: its true share is nothing. `true_spread` and `told_spread` are
# standard deviations between patients who have the modality, `correlation` is between what is told and what is true
# (empty where the truth does not vary).
#
# Two strategies are enough to see it. What to see in the figure: models are cautious. With these events they move the
# risk less than the truth does, and effects of a few among many variants are hardly heard. Early fusion mutes the few
# clinical facts, and gives risk to the noise. What to see in the table: who stands high and who low *within* a modality
# is mostly told well, although its size is not.

# %%
told = {
    name: hx.evaluate(
        models={name: model},
        cohort=noisy,
        endpoint="OS",
        design=design,
        baselines=False,
        explain=hx.explain,
        **processes,
    ).explanation.modalities
    for name, model in strategies.items()
    if name in ("early", "kernel")
}
truth.figure_recovered(noisy, told)

# %%
truth.recovered(noisy, told).to_pandas().round(2)

# %% [markdown]
# The importance of a modality is therefore a statement about a model in a cohort, not about biology. A small bar may hide
# much that this number of events cannot show, and a visible one may be noise.

# %% [markdown]
# # Part 2. A real cohort: 198 women with breast cancer
#
# GSE7390 (Desmedt et al. 2007): node-negative, no systemic treatment, followed for distant metastasis. The 76 genes were
# chosen on other patients, so they can be used as they are. The table ships inside scikit-survival.

# %%
women = hx.demo.breast_cancer()
women

# %%
advice = hx.fusion.recommend(women, endpoint="metastasis")
advice

# %% [markdown]
# What to see: all strategies lie together, a little above clinical facts alone and above genes alone, with wide
# intervals.

# %%
real = hx.evaluate(
    models=with_consensus,
    cohort=women,
    endpoint="metastasis",
    design=design,
    primary=recommended.get(advice.name, "kernel"),
    **processes,
)
real.figure_metrics()

# %% [markdown]
# The paired differences of the recommended strategy to all others, and to the baselines. What to see: which intervals leave 0.

# %%
real.figure_comparisons()

# %%
real.comparisons().select(columns).to_pandas().round(3)

# %% [markdown]
# The sentence to take home is counted, not chosen: of all pairs of strategies, how many did these events tell apart? And
# how many strategies were shown to be better than clinical facts alone? Each question is a family of its own, and each
# p-value is adjusted for the others of its family. What to see: the number in brackets is what one would have claimed
# without counting.

# %%
names = [name for name in real.models if real.roles[name] == "model"]
pairs = [real.compare(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
alone = sum(pair.verdict != "not separated" for pair in pairs)
apart = sum(p < 0.05 for p in holm([pair.p_value for pair in pairs]))
gains = holm([real.compare(name, "clinical").p_value for name in names])
better = sum(
    p < 0.05 and real.compare(name, "clinical").value > 0 for p, name in zip(gains, names, strict=True)
)
print(f"{real.outcome.n_events} events in {len(real.outcome)} women:")
print(
    f"{apart} of {len(pairs)} pairs of strategies are told apart ({alone} if nobody counted the comparisons);"
)
print(f"{better} of {len(names)} strategies are shown to be better than clinical facts alone.")

# %% [markdown]
# The notes say the same in the library's own words, and what else a reader must know.

# %%
for note in real.notes:
    print("•", note)

# %% [markdown]
# ## What to do with this
#
# - Always show clinical facts alone and each modality alone. Fusion has to beat them on the same patients.
# - Read paired differences and their intervals, not the order of the rows: with some fifty events the order is mostly
#   chance. Where several are made, read `p_adjusted`.
# - Do not choose the strategy that came first in the table and report its score: that score is too good. Fix the strategy
#   beforehand (`recommend` looks at no outcome), or let `ConsensusFusion` choose inside the folds.
# - `hx.demo.add_noise(cohort)` takes your own cohort too: the price of noise, in your data, for your strategy.
# - One penalty for all features is the strategy to avoid when features are many and clinical facts few.
