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
# # Radiomics: what a feature sees, how fragile it is, and how volume hides in texture
#
# **Synthetic data.** The lesions of this notebook were drawn by a program. Their numbers say how the features behave,
# nothing about people. hybridx is research software and not a medical device.
#
# A radiomics table has a hundred columns and more, and their names say little. Part 1 shows on pictures what the families
# look at. Part 2 measures lesions again and again, slightly changed, and asks what of each feature survives. Part 3 takes
# lesions of one and the same texture that differ in size alone: most "texture" features tell them apart. Part 4 divides
# lesions, and puts several of one patient together.

# %% tags=["parameters"]
patients: int = 12  # lesions that are measured again (part 2)
repeats: int = 5  # how often
balls: int = 40  # lesions of one texture (part 3)

# %%
import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots
from scipy import ndimage

import hybridx as hx
from hybridx.demo.anatomy import Anatomy
from hybridx.demo.lesions import Lesion
from hybridx.demo.phantom import draw_phantom
from hybridx.demo.scanners import SCANNERS
from hybridx.radiomics import (
    Perturbation,
    core_rim,
    draw_perturbations,
    lesion_voxels,
    own_habitats,
    robustness,
    subregion_features,
)

settings = hx.RadiomicsSettings.pyradiomics(bin_width=0.5, resample_mm=3.0)


def drawn(radius_mm, seed=0, others=(), **look):
    """Draw a lung lesion, and perhaps others, on PET and CT; return both images and both masks."""
    first = Lesion("left upper lobe", (76.0, -10.0, 122.0), radius_mm=radius_mm, texture=seed, **look)
    centres = np.array([lesion.centre for lesion in (first, *others)])
    low, high = centres.min(axis=0) - 60.0, centres.max(axis=0) + 60.0
    shown = draw_phantom(
        Anatomy(), [first, *others], SCANNERS[0], np.random.default_rng(seed), region=(low, high)
    )
    parts = {}
    for name, grid in (("pet", shown.pet_grid), ("ct", shown.ct_grid)):
        array, mask = getattr(shown, name), getattr(shown, f"{name}_mask")
        parts[name] = hx.Image(array, grid.spacing, grid.origin, modality=name)
        parts[f"{name}_mask"] = hx.Image(mask.astype(np.uint8), grid.spacing, grid.origin, modality="mask")
    return parts


# %% [markdown]
# # Part 1. What a feature sees
#
# Three lesions of one size and one mean uptake of living tissue: an even one, one with a dead core, one that is patchy.
# A clinician sees the difference at once. Which number does?

# %%
looks = {
    "even": {"uptake": 9.0, "heterogeneity": 0.0},
    "dead core": {"uptake": 9.0, "heterogeneity": 0.0, "necrosis": 0.4},
    "patchy": {"uptake": 9.0, "heterogeneity": 0.9},
}
lesions = {name: drawn(22.0, seed=3, **look) for name, look in looks.items()}

figure = make_subplots(
    2, 3, column_titles=list(lesions), row_titles=["PET (SUV)", "CT (HU)"], vertical_spacing=0.06
)
for column, parts in enumerate(lesions.values(), start=1):
    for row, (name, colours, low, high) in enumerate(
        (("pet", "Hot", 0, 12), ("ct", "Gray", -200, 200)), start=1
    ):
        image, mask = parts[name], parts[f"{name}_mask"]
        middle = int(np.argwhere(mask.array)[:, 0].mean())
        x, y = (np.arange(n) * image.spacing[0] for n in image.array.shape[:0:-1])
        figure.add_heatmap(
            z=image.array[middle],
            x=x,
            y=y,
            colorscale=colours,
            zmin=low,
            zmax=high,
            showscale=False,
            row=row,
            col=column,
        )
        figure.add_contour(
            z=mask.array[middle],
            x=x,
            y=y,
            showscale=False,
            row=row,
            col=column,
            contours={"start": 0.5, "end": 0.5, "coloring": "lines"},
            colorscale=[[0, "cyan"], [1, "cyan"]],
        )
figure.update_yaxes(autorange="reversed", visible=False)
figure.update_xaxes(visible=False)
figure.update_layout(height=560, width=820, margin={"t": 40, "b": 10})
figure

# %% [markdown]
# Some features of each family, in words. What to see: volume and form do not know the three apart. The mean sees the dead
# core, the spread and the contrast of neighbours see the patches above all, and the size of even regions
# (`LargeAreaEmphasis`) puts the three in order. `glcm_Correlation` puts the dead core beside the patches: a voxel foretells
# its neighbour in both. No feature alone is a description.

# %%
words = {
    "shape_MeshVolume": "how large (mm³)",
    "shape_Sphericity": "how round (1: a ball)",
    "firstorder_Mean": "how hot (SUV)",
    "firstorder_Variance": "how uneven, wherever",
    "glcm_Contrast": "how much neighbours differ",
    "glcm_Correlation": "how far a voxel tells its neighbour",
    "glrlm_LongRunEmphasis": "long lines of one grey level",
    "glszm_LargeAreaEmphasis": "large regions of one grey level",
    "gldm_DependenceEntropy": "how mixed the neighbourhoods are",
    "ngtdm_Coarseness": "how slowly grey levels change",
}
values = {
    name: hx.extract_radiomics(parts["pet"], parts["pet_mask"], settings) for name, parts in lesions.items()
}
table = pl.DataFrame(
    {
        "feature": list(words),
        "in words": list(words.values()),
        **{name: [found[f"original_{feature}"] for feature in words] for name, found in values.items()},
    }
)
table.to_pandas().round(3)

# %% [markdown]
# # Part 2. How fragile it is
#
# Had the patient been scanned again, or the contour been drawn by somebody else, would the number be the same? Where no
# second scan exists it can be imitated: noise of the image's own level, another grid of voxels (turned, shifted), another
# contour, drawn by chance where the image gives it no edge (Zwanenburg 2019, doi:10.1038/s41598-018-36938-4).
#
# The intraclass correlation weighs that spread against the differences between patients: 1 is perfect, and what lies
# below 0.75 tells one measurement from the next rather than one patient from another. Its interval matters more than its
# value: with a dozen patients it is wide.

# %%
rng = np.random.default_rng(5)
cohort = [
    drawn(
        float(rng.uniform(11, 24)),
        seed=i,
        uptake=float(rng.uniform(5, 12)),
        heterogeneity=float(rng.uniform(0.1, 0.9)),
        necrosis=float(rng.choice([0.0, 0.3])),
        irregularity=float(rng.uniform(0.05, 0.3)),
    )
    for i in range(patients)
]
images, masks = [one["pet"] for one in cohort], [one["pet_mask"] for one in cohort]
found = robustness(images, masks, settings, n=repeats, seed=0, workers=1, progress=False)
found

# %%
known = found.table.filter(pl.col("low").is_not_null()).sort("icc")
known = known.with_columns(family=pl.col("column").str.split("_").list.get(1))
figure = go.Figure()
for (family,), rows in known.group_by(["family"], maintain_order=True):
    figure.add_scatter(
        x=rows["icc"],
        y=rows["column"].str.strip_prefix("pet.original_"),
        mode="markers",
        name=family,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": rows["high"] - rows["icc"],
            "arrayminus": rows["icc"] - rows["low"],
        },
    )
figure.add_vline(x=0.75, line_dash="dot")
figure.update_yaxes(
    categoryorder="array",
    categoryarray=known["column"].str.strip_prefix("pet.original_").to_list(),
    tickfont={"size": 8},
)
figure.update_layout(height=1300, width=820, xaxis_title="ICC(1,1) with 95 % interval", margin={"t": 20})
figure

# %% [markdown]
# Fragile to what? Some of the lesions, with one kind of change at a time. Dark: the value moves by more than a fifth of
# itself. What to see: hardly anything minds the noise; the `Minimum` and the features of dark voxels (`LowGrayLevel...`)
# move with the contour, because one voxel of background that slips in is the darkest of all. `Sphericity` hardly moves and
# still stands low in the figure above: patients differ in it hardly more than repeats do. A small spread is not enough.

# %%
kinds = {
    "noise": draw_perturbations(repeats, seed=1, degrees=0.0, voxels=0.0, contour="none"),
    "other voxels": draw_perturbations(repeats, seed=1, noise=0.0, contour="none"),
    "contour, same volume": draw_perturbations(
        repeats, seed=1, noise=0.0, degrees=0.0, voxels=0.0, contour="smooth"
    ),
    "drawn 2 mm wider": [Perturbation(), Perturbation(grow_mm=2.0)],
}
few = slice(0, 4)  # four lesions show it
spread = {
    kind: robustness(
        images[few], masks[few], settings, perturbations=chain, workers=1, progress=False
    ).table.select("column", "spread")
    for kind, chain in kinds.items()
}
wide = pl.DataFrame({"column": known["column"]})
for kind, rows in spread.items():
    wide = wide.join(rows.rename({"spread": kind}), on="column", how="left", maintain_order="left")
figure = go.Figure(
    go.Heatmap(
        z=wide.drop("column").to_numpy(),
        x=list(spread),
        y=wide["column"].str.strip_prefix("pet.original_"),
        zmin=0,
        zmax=0.2,
        colorscale="Greys",
        colorbar_title="spread",
    )
)
figure.update_yaxes(tickfont={"size": 8})
figure.update_layout(height=1300, width=700, margin={"t": 20})
figure

# %% [markdown]
# What to do with it: `found.repeats` goes as it is into `hx.prepare.StabilityFilter`, a step of a pipeline. It looks at no
# outcome, so it does no harm before the folds; inside a pipeline it is documented and repeated with the rest.

# %%
frame = pl.DataFrame(
    {f"pet.{name}": value for name, value in hx.extract_radiomics(image, mask, settings).items()}
    for image, mask in zip(images, masks, strict=True)
)
step = hx.prepare.StabilityFilter(found.repeats, threshold=0.75, kind="ICC(1,1)").fit(frame)
print(f"{len(step.dropped_)} of {frame.width} features fall out, for example:")
for name, reason in list(step.dropped_.items())[:5]:
    print(f"  {name}: {reason}")

# %% [markdown]
# # Part 3. How volume hides in texture
#
# One endless tissue, the same texture everywhere; balls of different size are cut out of it. By construction nothing but
# the volume differs. A feature that truly describes texture shows no trend.

# %%
rng = np.random.default_rng(0)
tissue = ndimage.gaussian_filter(rng.standard_normal((60, 110, 110)), 1.5)
tissue = (6.0 + 1.5 * tissue / tissue.std()).astype(np.float32)
z, y, x = np.ogrid[: tissue.shape[0], : tissue.shape[1], : tissue.shape[2]]
rows = []
for radius in np.linspace(3.0, 12.0, balls):  # in voxels of 3 mm
    centre = [float(rng.uniform(radius + 4, n - radius - 5)) for n in tissue.shape]
    inside = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    around = tuple(slice(int(c - radius - 4), int(c + radius + 5)) for c in centre)
    image = hx.Image(tissue[around], (3.0,) * 3, modality="pet")
    mask = hx.Image(inside[around].astype(np.uint8), (3.0,) * 3, modality="mask")
    rows.append(hx.extract_radiomics(image, mask, hx.RadiomicsSettings.pyradiomics(bin_width=0.5)))
sizes = pl.DataFrame(rows)
volume = sizes["original_shape_VoxelVolume"]
texture = [c for c in sizes.columns if "_shape_" not in c]
trend = pl.DataFrame(
    {
        "feature": [c.removeprefix("original_") for c in texture],
        "rank correlation with volume": [
            float(np.corrcoef(volume.rank().to_numpy(), sizes[c].rank().to_numpy())[0, 1]) for c in texture
        ],
    }
).sort("rank correlation with volume")
strong = trend.filter(pl.col("rank correlation with volume").abs() > 0.8)
print(
    f"{strong.height} of {trend.height} features of intensity and texture follow the volume (|rank correlation| > 0.8),"
)
print("although the texture is the same everywhere.")

# %%
figure = make_subplots(2, 3, subplot_titles=(shown := [
    "glszm_GrayLevelNonUniformity", "ngtdm_Coarseness", "glszm_ZoneEntropy",
    "glcm_Contrast", "firstorder_Mean", "glcm_Id",
]))  # fmt: skip
for place, name in enumerate(shown):
    figure.add_scatter(
        x=volume / 1000.0,
        y=sizes[f"original_{name}"],
        mode="markers",
        showlegend=False,
        row=place // 3 + 1,
        col=place % 3 + 1,
    )
figure.update_xaxes(type="log", title="volume, mL")
figure.update_layout(height=560, width=900, margin={"t": 40})
figure

# %% [markdown]
# The upper row counts voxels in one way or another: it would be "prognostic" wherever tumour volume is, and a model of it
# would be volume with a longer name. The lower row hovers around one value; its scatter narrows with size, since small
# lesions hold few neighbours. Three things follow:
#
# 1. Volume belongs into every comparison. `hx.evaluate` fits a volume-only baseline, and the check `HX009` says when a
#    model's score follows volume.
# 2. A name that sounds like a share or an average is no proof: the list below holds those that follow volume all the same.
# 3. The texture of a small lesion is mostly chance: look at the left end of the lower row.

# %%
strong.filter(pl.col("feature").str.contains("Normalized|Percentage|Entropy|Emphasis")).to_pandas().round(2)

# %% [markdown]
# # Part 4. Parts of a lesion, and lesions of a patient
#
# A lesion is not one tissue. Its core and rim by distance, or its habitats (voxels that look alike on PET and CT together)
# can be measured as lesions of their own. What is too small for features gets none, and says why.

# %%
necrotic = lesions["dead core"]
rim = core_rim(necrotic["pet_mask"], rim_mm=8.0)
print({name: f"{share:.0%}" for name, share in rim.shares.items()})
inside = subregion_features(necrotic["pet"], rim, hx.RadiomicsSettings.pyradiomics(bin_width=0.5))
for part in ("core", "rim"):
    print(part, "mean SUV", round(inside.values[f"{part}_original_firstorder_Mean"], 2))

# %%
study = hx.Study(
    "drawn", 1,
    {name: necrotic[name] for name in ("pet", "ct")},
    {name: necrotic[f"{name}_mask"] for name in ("pet", "ct")},
)  # fmt: skip
voxels = lesion_voxels(study, ("pet", "ct"), grid="pet")
habitats = own_habitats(voxels, n_habitats=3)
labels = sum((i + 1) * mask.array for i, mask in enumerate(habitats.masks.values()))
middle = labels.shape[0] // 2
colours = ["#636efa", "#ef553b", "#00cc96"]
figure = make_subplots(1, 2, column_titles=["PET against CT, voxel by voxel", "where the habitats lie"])
for i, (name, mask) in enumerate(habitats.masks.items()):
    chosen = mask.array[voxels.mask.array > 0] > 0
    figure.add_scatter(
        x=voxels.values[chosen, 1],
        y=voxels.values[chosen, 0],
        mode="markers",
        marker={"size": 3, "color": colours[i]},
        name=f"{name}: {habitats.shares[name]:.0%}",
        row=1,
        col=1,
    )
figure.add_heatmap(
    z=np.where(labels[middle] > 0, labels[middle], np.nan),
    colorscale=[[i / 2, colour] for i, colour in enumerate(colours)],
    zmin=1,
    zmax=3,
    showscale=False,
    row=1,
    col=2,
)
figure.update_xaxes(title="CT, HU", row=1, col=1)
figure.update_yaxes(title="PET, SUV", row=1, col=1)
figure.update_yaxes(scaleanchor="x2", visible=False, row=1, col=2)
figure.update_layout(height=420, width=900)
figure

# %% [markdown]
# What to see: the dead core, the living rim, and a third "habitat" that is no tissue: voxels of the PET that the contour
# cuts, half lung, of low density and middling uptake. Whoever reports three habitats here has found the edge.
#
# Habitats of one lesion cannot be compared with those of another. `hx.radiomics.Habitats` learns them on the training
# patients, inside the fold, and gives each patient the share of each.
#
# Several lesions become one patient in a way that is declared: the name of the column says how. A sum is offered for what
# can be added; the dispersion of a single lesion is missing, not 0.

# %%
node = Lesion("paratracheal node", (-18.0, 0.0, 140.0), radius_mm=11.0, uptake=12.0)
two = drawn(22.0, seed=4, others=[node], uptake=7.0, heterogeneity=0.5)
table = hx.measure.lesion_radiomics(
    two["pet"], two["pet_mask"], settings, patients=["P1"], workers=1, progress=False
)
table.select("patient_id", "lesion", "volume_ml", "suv_max", "pet.original_glcm_Contrast").to_pandas().round(
    2
)

# %%
block = hx.measure.aggregate_lesions(
    table,
    ("largest", "hottest", "vmean", "sum", "cv"),
    columns=["volume_ml", "suv_max", "pet.original_glcm_Contrast"],
)
block.features.select("title", "unit", "ibsi_id").with_columns(
    value=pl.Series(block.frame.drop("patient_id").row(0))
).to_pandas().round(2)

# %% [markdown]
# ## Limits
#
# The perturbations are cautious stand-ins, not a second scan: they know nothing of another injection, another breath,
# another scanner. Noise is estimated from the finest details and is too low where a reconstruction has smoothed them away.
# The textures here are random fields, simpler than any tumour.
