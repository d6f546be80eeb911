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
# look at, down to the number. Part 2 measures lesions again and again, slightly changed, and asks what of each feature
# survives. Part 3 takes lesions of one and the same texture that differ in size alone: many "texture" features tell them
# apart. Part 4 divides lesions, and puts several of one patient together. Part 5 says where a number comes from.

# %% tags=["parameters"]
patients: int = 12  # lesions that are measured again (part 2)
repeats: int = 5  # how often
balls: int = 40  # lesions of one texture (part 3)

# %%
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots
from scipy import ndimage, stats

import hybridx as hx
from hybridx.demo.anatomy import Anatomy
from hybridx.demo.lesions import Lesion
from hybridx.demo.phantom import draw_phantom
from hybridx.demo.scanners import SCANNERS
from hybridx.radiomics import (
    Perturbation,
    compliance,
    core_rim,
    draw_perturbations,
    lesion_voxels,
    measure_radiomics,
    own_habitats,
    robustness,
    subregion_features,
)

pd.set_option("display.max_colwidth", None)  # whole sentences in tables
settings = hx.RadiomicsSettings.pyradiomics(bin_width=0.5, resample_mm=3.0)  # 0.5 SUV, cubes of 3 mm
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555"]  # colour-blind readers too
SUV = {"colorscale": "Hot", "cmin": 0, "cmax": 12, "colorbar": {"title": "SUV"}}
HU = {"colorscale": "Gray", "cmin": -160, "cmax": 240, "colorbar": {"title": "HU"}}


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


def show(figure, place, picture, spacing, outlines=(), colour="cyan", **colours):
    """Put an axial slice into a figure, in millimetres, with outlines of masks."""
    row, column = place
    x, y = (np.arange(n) * edge for n, edge in zip(picture.shape[::-1], spacing[:2], strict=True))
    figure.add_heatmap(z=picture, x=x, y=y, row=row, col=column, hovertemplate="%{z:.4g}<extra></extra>", **colours)
    for outline in outlines:
        figure.add_contour(
            z=outline,
            x=x,
            y=y,
            row=row,
            col=column,
            contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "lines"},
            colorscale=[[0, colour], [1, colour]],
            line={"width": 2},
            showscale=False,
            hoverinfo="skip",
        )
    axes = figure.get_subplot(row, column)
    along = axes.xaxis.plotly_name.replace("axis", "")
    axes.yaxis.update(autorange="reversed", scaleanchor=along, constrain="domain", visible=False)
    axes.xaxis.update(constrain="domain", visible=False)


def near(mask, margin=3):
    """Return the slice through the middle of a mask, and the rows and columns around it."""
    place = np.argwhere(mask)
    low, high = np.maximum(place.min(axis=0) - margin, 0), place.max(axis=0) + margin + 1
    return int(place[:, 0].mean()), slice(low[1], high[1]), slice(low[2], high[2])


# %% [markdown]
# # Part 1. What a feature sees
#
# Three lesions of one size and one mean uptake of living tissue: an even one, one with a dead core, one that is patchy.
# A clinician sees the difference at once on PET, and none on CT. Which number does?

# %%
looks = {
    "even": {"uptake": 9.0, "heterogeneity": 0.0},
    "dead core": {"uptake": 9.0, "heterogeneity": 0.0, "necrosis": 0.4},
    "patchy": {"uptake": 9.0, "heterogeneity": 0.9},
}
lesions = {name: drawn(22.0, seed=3, **look) for name, look in looks.items()}

figure = make_subplots(2, 3, column_titles=list(lesions), row_titles=["PET", "CT"], vertical_spacing=0.04)
for column, parts in enumerate(lesions.values(), start=1):
    for row, (name, axis) in enumerate((("pet", "coloraxis"), ("ct", "coloraxis2")), start=1):
        image, mask = parts[name], parts[f"{name}_mask"]
        middle = int(np.argwhere(mask.array)[:, 0].mean())
        show(
            figure, (row, column), image.array[middle], image.spacing, [mask.array[middle]], coloraxis=axis
        )
figure.update_layout(
    height=620,
    width=860,
    margin={"t": 60, "b": 10},
    coloraxis=SUV | {"colorbar": {"title": "SUV", "len": 0.45, "y": 0.77}},
    coloraxis2=HU | {"colorbar": {"title": "HU", "len": 0.45, "y": 0.23}},
    title="Axial slices through the middle, with the contour of the lesion",
)
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
    "firstorder_Variance": "how uneven, wherever (SUV²)",
    "glcm_Contrast": "how much neighbours differ (levels²)",
    "glcm_Correlation": "how far a voxel tells its neighbour (-1 to 1)",
    "glrlm_LongRunEmphasis": "long lines of one grey level",
    "glszm_LargeAreaEmphasis": "large regions of one grey level (voxels²)",
    "gldm_DependenceEntropy": "how mixed the neighbourhoods are (bits)",
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
# ## From the picture to the number
#
# Texture does not look at SUV, it looks at grey levels: here every 0.5 SUV is a level (top row). Then each family counts.
# The zone family looks for connected voxels of one level (middle row, the size of each voxel's zone) and
# `LargeAreaEmphasis` is the mean of their squared sizes. The co-occurrence family looks at neighbours (bottom row, the
# difference of levels between a voxel and those around it, as root mean square), and `Contrast` is the mean square over all
# pairs, direction by direction. The dead core is quiet inside, with a ring of contrast where it meets the living rim; the
# patchy lesion has contrast almost everywhere.


# %%
def zone_sizes(levels):
    """Size of the zone that each voxel lies in, and the sizes of all zones."""
    size, every = np.zeros(levels.shape), []
    for level in np.unique(levels[levels > 0]):
        zones, _ = ndimage.label(levels == level, np.ones((3, 3, 3)))
        counts = np.bincount(zones.ravel())
        every += counts[1:].tolist()
        size = np.where(zones > 0, counts[zones], size)
    return size, np.array(every)


def neighbour_differences(levels):
    """Mean squared difference of each voxel to its neighbours in the lesion, and of the pairs in each direction."""
    padded = np.pad(levels, 1).astype(float)
    total, count, directions = np.zeros(levels.shape), np.zeros(levels.shape), []
    for step in np.ndindex(3, 3, 3):
        there = padded[tuple(slice(s, s + n) for s, n in zip(step, levels.shape, strict=True))]
        pair = (levels > 0) & (there > 0)
        square = np.where(pair, (levels - there) ** 2, 0.0)
        if step != (1, 1, 1):
            total, count = total + square, count + pair
            directions.append(square.sum() / pair.sum())
    return total / np.maximum(count, 1), np.array(directions)


native = hx.RadiomicsSettings.pyradiomics(bin_width=0.5)  # the voxels as they are, so that pictures need no resampling
figure = make_subplots(
    3,
    3,
    column_titles=list(lesions),
    row_titles=["grey level", "size of the zone", "difference to neighbours"],
    vertical_spacing=0.03,
)
rows = []
for column, (name, parts) in enumerate(lesions.items(), start=1):
    image, inside = parts["pet"], parts["pet_mask"].array > 0
    lowest = np.floor(image.array[inside].min() / 0.5)
    levels = np.where(inside, np.floor(image.array / 0.5) - lowest + 1, 0).astype(int)
    (size, zones), (difference, directions) = zone_sizes(levels), neighbour_differences(levels)
    pictures = (levels, np.log10(np.maximum(size, 1)), np.sqrt(difference))
    for row, picture in enumerate(pictures, start=1):
        part = np.where(inside, picture, np.nan)[near(inside, 1)]
        axis = "coloraxis" + ("" if row == 1 else str(row))
        show(figure, (row, column), part, image.spacing, coloraxis=axis)
    engine = hx.extract_radiomics(image, parts["pet_mask"], native)
    rows += [
        (name, "glszm_LargeAreaEmphasis", float((zones**2).mean()), engine["original_glszm_LargeAreaEmphasis"]),
        (name, "glcm_Contrast", float(directions.mean()), engine["original_glcm_Contrast"]),
    ]
figure.update_layout(
    height=860,
    width=860,
    margin={"t": 60, "b": 10},
    title="What is counted: the slice through the middle of each lesion",
    coloraxis={"colorscale": "Viridis", "colorbar": {"title": "level", "len": 0.3, "y": 0.85}},
    coloraxis2={
        "colorscale": "Cividis",
        "colorbar": {"title": "voxels", "len": 0.3, "y": 0.5, "tickvals": [0, 1, 2, 3], "ticktext": [1, 10, 100, 1000]},
    },
    coloraxis3={"colorscale": "Magma", "cmin": 0, "colorbar": {"title": "levels", "len": 0.3, "y": 0.15}},
)
figure

# %% [markdown]
# The numbers of the pictures are the engine's:

# %%
pl.DataFrame(rows, ["lesion", "feature", "from the picture", "from the engine"], orient="row").to_pandas().round(6)

# %% [markdown]
# # Part 2. How fragile it is
#
# Had the patient been scanned again, or the contour been drawn by somebody else, would the number be the same? Where no
# second scan exists it can be imitated: noise of the image's own level, another grid of voxels (turned, shifted), another
# contour, drawn by chance where the image gives it no edge (Zwanenburg 2019, doi:10.1038/s41598-018-36938-4).
#
# How far contours wander: white the one given (on the right it is turned with the image), cyan others. A smooth
# displacement (1.5 mm, as two readers differ) keeps the volume; supervoxels follow the image and let go where it shows no
# edge; a wider or a narrower hand moves all. A voxel of this PET is 4 mm wide: what moves by less than half of that
# changes nothing.

# %%
parts = lesions["patchy"]
hands = {
    "smooth, 1.5 mm": [Perturbation(contour="smooth", seed=i) for i in range(5)],
    "supervoxels": [Perturbation(contour="supervoxels", seed=i) for i in range(5)],
    "3 mm wider or narrower": [Perturbation(grow_mm=mm) for mm in (-3.0, 3.0)],
    "turned by 8°, half a voxel aside": [Perturbation(degrees=8.0, voxels=(0.5, 0.5, 0.5))],
}
figure = make_subplots(1, len(hands), column_titles=list(hands), horizontal_spacing=0.02)
for column, chains in enumerate(hands.values(), start=1):
    shown = [chain.apply(parts["pet"], parts["pet_mask"]) for chain in chains]
    moved = bool(chains[0].degrees)  # then the picture moves with the contour
    start = shown[0] if moved else Perturbation().apply(parts["pet"], parts["pet_mask"])
    at = near(start.mask.array)
    picture, given, edges = start.image.array[at], start.mask.array[at], start.image.spacing
    show(figure, (1, column), picture, edges, [given], "white", coloraxis="coloraxis")
    if not moved:
        same = [hx.imaging.resample(one.mask, reference=start.mask) for one in shown]  # each has its own margin
        others = [one.array[at] for one in same]
        show(figure, (1, column), np.full_like(picture, np.nan), edges, others, showscale=False)
figure.update_layout(height=300, width=980, margin={"t": 40, "b": 10}, coloraxis=SUV)
figure.update_annotations(font_size=12)
figure

# %% [markdown]
# The intraclass correlation weighs that spread against the differences between patients: 1 is perfect, and what lies
# below 0.75 tells one measurement from the next rather than one patient from another. Its interval matters more than its
# value: with a dozen patients it is wide. `spread` is the standard deviation within a patient as a share of the mean;
# `repeatability` is the change that two measurements of one patient stay below in 95 of 100 pairs, in the feature's unit.

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
ends = pl.concat([found.table.head(6), found.table.drop_nulls("low").tail(6)])
ends.with_columns(pl.col("column").str.strip_prefix("pet.original_")).to_pandas().round(3)

# %% [markdown]
# Every feature with its interval, the most reliable on top. What to see: what is measured over many voxels (energy, volume,
# high percentiles) is firm; what hangs on the few darkest voxels or on the smallest zones is not.

# %%
known = found.table.filter(pl.col("low").is_not_null()).sort("icc")
known = known.with_columns(family=pl.col("column").str.split("_").list.get(1))
figure = go.Figure()
for colour, family in zip(COLOURS, known["family"].unique(maintain_order=True), strict=False):
    rows = known.filter(family=family)
    figure.add_scatter(
        x=rows["icc"],
        y=rows["column"].str.strip_prefix("pet.original_"),
        mode="markers",
        name=family,
        marker_color=colour,
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
figure.update_yaxes(range=[-1, known.height])
figure.update_layout(
    height=1300, width=860, xaxis_title="ICC(1,1) with 95 % interval; dotted: 0.75", margin={"t": 20}
)
figure

# %% [markdown]
# Fragile to what? Some of the lesions, with one kind of change at a time; shown are the features that noise, other voxels
# or another contour of the same volume moves by more than a tenth of itself. Dark: by a fifth and more. What to see: few
# features mind the noise; the `Minimum` and the features of dark voxels (`LowGrayLevel...`) move with the contour, because
# one voxel of background that slips in is the darkest of all; a hand that draws 3 mm wider moves nearly all of them.
# `Sphericity` is not in the list and yet stands low in the figure above: patients differ in it hardly more than repeats
# do. A small spread is not enough. (`Skewness` lies around 0, and a share of nothing is large.)

# %%
kinds = {
    "noise": draw_perturbations(repeats, seed=1, degrees=0.0, voxels=0.0, contour="none"),
    "other voxels": draw_perturbations(repeats, seed=1, noise=0.0, contour="none"),
    "contour, same volume": draw_perturbations(
        repeats, seed=1, noise=0.0, degrees=0.0, voxels=0.0, contour="smooth"
    ),
    "drawn 3 mm wider": [Perturbation(), Perturbation(grow_mm=3.0)],
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
wide = wide.filter(pl.max_horizontal("noise", "other voxels", "contour, same volume") > 0.1)
figure = go.Figure(
    go.Heatmap(
        z=wide.drop("column").to_numpy(),
        x=list(spread),
        y=wide["column"].str.strip_prefix("pet.original_"),
        zmin=0,
        zmax=0.2,
        colorscale="Greys",
        colorbar_title="sd within<br>/ mean",
    )
)
figure.update_yaxes(tickfont={"size": 9})
figure.update_xaxes(side="top", tickangle=0)
figure.update_layout(height=200 + 14 * wide.height, width=860, margin={"t": 40, "l": 260})
figure

# %% [markdown]
# What to do with it: `found.repeats` goes as it is into `hx.prepare.StabilityFilter`, a step of a pipeline. It looks at no
# outcome; as a step of `hx.prepare.PreparedModel` it is recorded and repeated in every fold, and with
# `patients="training"` it knows only the repeats of those the fold trains on.

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
weak = trend.filter(pl.col("rank correlation with volume").abs() > 0.5)
print(
    f"{strong.height} of {trend.height} features of intensity and texture follow the volume (|rank correlation| > 0.8),"
)
print(f"{weak.height} do so more loosely (> 0.5), although the texture is the same everywhere.")

# %%
figure = make_subplots(2, 3, vertical_spacing=0.2, subplot_titles=(shown := [
    "glszm_GrayLevelNonUniformity", "ngtdm_Coarseness", "glszm_ZoneEntropy",
    "glcm_Contrast", "firstorder_Mean", "glcm_Id",
]))  # fmt: skip
for place, name in enumerate(shown):
    figure.add_scatter(
        x=volume / 1000.0,
        y=sizes[f"original_{name}"],
        mode="markers",
        marker_color=COLOURS[1 if place < 3 else 0],
        showlegend=False,
        row=place // 3 + 1,
        col=place % 3 + 1,
    )
figure.update_xaxes(type="log", title="volume, mL", dtick=1)
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
# What it does to a study: let volume alone decide who relapses first. Then the concordance (0.5: a coin, 1: perfect) of
# each feature is what volume lends it, and what is left once its course over the logarithm of volume is taken out is
# nothing. A texture feature that "predicts" should be shown to do so beside volume.

# %%
lent = []
for name in shown:
    feature = sizes[f"original_{name}"].to_numpy()
    size = np.log(volume.to_numpy())
    left = feature - np.polyval(np.polyfit(size, feature, 3), size)
    as_it_is, without = (abs(stats.kendalltau(one, size).statistic) / 2 + 0.5 for one in (feature, left))
    lent.append((name, as_it_is, without))
pl.DataFrame(lent, ["feature", "concordance", "without volume"], orient="row").to_pandas().round(2)

# %% [markdown]
# # Part 4. Parts of a lesion, and lesions of a patient
#
# A lesion is not one tissue. Its core and rim by distance, or its habitats (voxels that look alike on PET and CT together)
# can be measured as lesions of their own. What is too small for features gets none, and says why.

# %%
necrotic = lesions["dead core"]
rim = core_rim(necrotic["pet_mask"], rim_mm=8.0)
inside = subregion_features(necrotic["pet"], rim, native).values
pl.DataFrame(
    {
        "part": list(rim.shares),
        "share of the lesion, %": [100 * share for share in rim.shares.values()],
        "mean SUV": [inside[f"{part}_original_firstorder_Mean"] for part in rim.shares],
        "contrast": [inside[f"{part}_original_glcm_Contrast"] for part in rim.shares],
    }
).to_pandas().round(2)

# %%
study = hx.Study(
    "drawn", 1,
    {name: necrotic[name] for name in ("pet", "ct")},
    {name: necrotic[f"{name}_mask"] for name in ("pet", "ct")},
)  # fmt: skip
voxels = lesion_voxels(study, ("pet", "ct"), grid="pet")
habitats = own_habitats(voxels, n_habitats=3)
own = sum((i + 1) * mask.array for i, mask in enumerate(habitats.masks.values()))
labels = np.full(necrotic["pet"].array.shape, np.nan)
labels[necrotic["pet_mask"].array > 0] = own[voxels.mask.array > 0]
at = near(necrotic["pet_mask"].array)
figure = make_subplots(
    1,
    3,
    column_titles=["PET against CT, voxel by voxel", "PET", "where the habitats lie"],
    column_widths=[0.4, 0.3, 0.3],
)
for i, (name, mask) in enumerate(habitats.masks.items()):
    chosen = mask.array[voxels.mask.array > 0] > 0
    figure.add_scatter(
        x=voxels.values[chosen, 1],
        y=voxels.values[chosen, 0],
        mode="markers",
        marker={"size": 4, "color": COLOURS[i]},
        name=f"{name}: {habitats.shares[name]:.0%} of the lesion",
        row=1,
        col=1,
    )
image, outline = necrotic["pet"], necrotic["pet_mask"].array[at]
show(figure, (1, 2), image.array[at], image.spacing, [outline], coloraxis="coloraxis")
scale = [[i / 2, colour] for i, colour in enumerate(COLOURS[:3])]
show(figure, (1, 3), labels[at], image.spacing, colorscale=scale, zmin=1, zmax=3, showscale=False)
figure.update_xaxes(title="CT, HU", row=1, col=1)
figure.update_yaxes(title="PET, SUV", row=1, col=1)
figure.update_layout(
    height=400, width=980, coloraxis=SUV, legend={"orientation": "h", "y": -0.25}, margin={"t": 40}
)
figure

# %% [markdown]
# What to see: the dead core (h1, low uptake at the density of soft tissue), the living rim (h3), and a third "habitat" that
# is no tissue (h2): voxels of the PET that the contour cuts, half lung, of low density and middling uptake. Whoever
# reports three habitats here has found the edge.
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
columns = ["volume_ml", "suv_max", "pet.original_glcm_Contrast"]
table.select("patient_id", "lesion", *columns).to_pandas().round(2)

# %%
block = hx.measure.aggregate_lesions(table, ("largest", "hottest", "vmean", "sum", "cv"), columns=columns)
said = block.features.select("title", "unit", "ibsi_id").with_columns(
    value=pl.Series(block.frame.drop("patient_id").row(0))
)
said.to_pandas().round(2).fillna("")

# %% [markdown]
# # Part 5. Where a number comes from
#
# A value without its settings is no measurement. Settings are frozen and checked: what is misspelt is refused, with the
# name that was meant, and what the standard leaves open must be chosen.

# %%
for wrong in ({"binWidht": 25}, {}, {"bin_width": 25, "normalise_clip": 3}):
    try:
        hx.RadiomicsSettings.pyradiomics(**wrong)
    except hx.errors.SettingsError as error:
        print(f"{wrong}: {str(error).partition(' Known:')[0]}")

# %% [markdown]
# Which values are the standard's (IBSI) depends on the settings. pyradiomics counts grey levels from each lesion's lowest,
# and resamples from a corner: with a new grid none of its values is the standard's to the letter.

# %%
told = {
    "pyradiomics' names, voxels as they are": native,
    "pyradiomics' names, 3 mm": settings,
    "the standard's, 3 mm": hx.RadiomicsSettings.ibsi(
        bin_width=0.5, bin_origin=0, resample_mm=3, aggregations="3D_comb"
    ),
}
counts = []
for name, one in told.items():
    report = compliance(one)
    why = report["why_not"].drop_nulls().value_counts(sort=True)["why_not"]
    counts.append((name, report.height, int(report["compliant"].sum()), why[0] if len(why) else ""))
report = pl.DataFrame(counts, ["settings", "features", "the standard's", "the usual reason why not"], orient="row")
report.to_pandas()

# %% [markdown]
# Beside the values of a lesion stand what they were made from and why one is missing. One voxel has no
# texture: NaN with a reason, not 0.

# %%
speck = np.zeros(lesions["even"]["pet"].array.shape, np.uint8)
speck[tuple(np.argwhere(lesions["even"]["pet_mask"].array)[0])] = 1
measured = measure_radiomics(lesions["even"]["pet"], lesions["even"]["pet_mask"].with_array(speck), native)
for name in ("engine", "version", "settings_hash", "content_hash", "key"):
    print(f"{name:14}{measured.provenance[name]}")
missing = pl.DataFrame({"why not": list(measured.reasons.values())})["why not"].value_counts(sort=True)
missing.to_pandas()

# %% [markdown]
# ## Limits
#
# The perturbations are cautious stand-ins, not a second scan: they know nothing of another injection, another breath,
# another scanner. Noise is estimated from the finest details and is too low where a reconstruction has smoothed them away.
# The textures here are random fields, simpler than any tumour.
