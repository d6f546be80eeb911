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
# # From a hospital's DICOM folder to studies that can be believed
#
# **Synthetic data.** The export of this notebook was written by a program: nobody in it exists, and its images are
# phantoms. hybridx is research software and not a medical device.
#
# A hospital hands over folders of DICOM files under names that say nothing. Everything that comes later is only as
# true as three things decided here: which series was taken, by which factor its values became uptake (SUV), and where
# the outline lies. This notebook walks through all three, and shows what happens when one of them is wrong. With data
# of your own, leave the demo out and give `import_dicom` your folder; on the command line it is
# `hybridx import DICOM_FOLDER --out data`.

# %% tags=["parameters"]
patients: int = 3  # how many synthetic patients; each takes about two seconds
folder: str = ""  # where export and data folder are written; empty: a temporary folder

# %%
import tempfile
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pydicom
from plotly.subplots import make_subplots

import hybridx as hx
from hybridx.errors import InputError
from hybridx.imaging.dicom_tree import scan_dicom
from hybridx.imaging.quality import quality_faults
from hybridx.measure import UptakeSettings, lesion_rows, measure_uptake

home = Path(folder or tempfile.mkdtemp(prefix="hybridx-import-"))
home.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# # Part 1. What is in the export
#
# Each synthetic patient has two PET series (with and without attenuation correction), a CT, and the tumour as a
# structure set or as a segmentation. Around them lies what real exports hold too.

# %%
if not (home / "export").exists():
    hx.demo.make_dicom(home / "export", patients=patients)
tree = scan_dicom(home / "export", show_progress=False)
tree

# %% [markdown]
# # Part 2. The import
#
# One call reads the tree, chooses the series of each study, turns PET into SUV by the factor of its own headers, puts
# the outlines on the images' grids, and writes a data folder: NIfTI files and tables. Nothing that names a patient
# goes along; who is who stands in a second folder, beside the data, which stays in the hospital.

# %%
done = hx.imaging.import_dicom(home / "export", home / "data", workers=1, progress=False)
done

# %%
print(
    "the data folder:",
    sorted(path.name for path in (home / "data").iterdir() if not path.name.startswith(".")),
)
print("the key folder: ", sorted(path.name for path in (home / "data-key").iterdir()))
pl.read_csv(home / "data" / "patients.csv").to_pandas()

# %% [markdown]
# **Which series were taken.** Every series is listed with the reason. The uncorrected PET was left aside in all
# patients: its values have no unit. If a choice is wrong, edit the column `use` in a copy of this file and hand it
# back as `import_dicom(..., key=..., choices="my_series.csv")`.

# %%
pl.read_csv(home / "data" / "import" / "series.csv").drop("timepoint").to_pandas()

# %% [markdown]
# **What was left out**, counted by reason. The files themselves are named in the key folder only: a path in a
# hospital may hold a name.

# %%
done.left_out.to_pandas()

# %% [markdown]
# **What went on from the headers**, attribute by attribute, with the option of DICOM's own profile (PS3.15, Annex E) under
# which it may: everything that is not in this table stayed behind. Times and identifiers are used by the import itself
# and are not written; faces in the images are not removed.

# %%
pl.read_csv(home / "data" / "import" / "deidentified.csv").head(8).to_pandas()

# %% [markdown]
# # Part 3. The factor of the uptake
#
# SUV by body weight is activity per millilitre, times body weight, over the injected dose as it was left by decay
# when the scan began. One wrong header scales every uptake value of the patient. So the formula is kept with each
# image, with the times that entered it.

# %%
facts = done.facts.filter(pl.col("modality") == "pet")
for row in facts.iter_rows(named=True):
    print(f"{row['patient_id']}: SUV = stored value x {row['uptake_factor']:.3e} on average; {row['uptake']}")

# %% [markdown]
# A PET without the patient's weight has no SUV. It is refused, with the tag and the consequence; nothing is guessed,
# and the other series of the study go on.

# %%
corrected = next(one for one in tree.series if one.modality == "PT" and "ATTN" in one.corrected)
spoilt = home / "without_weight"
spoilt.mkdir(exist_ok=True)
for number, path in enumerate(corrected.paths):
    one = pydicom.dcmread(path)
    del one.PatientWeight
    one.save_as(spoilt / f"{number:04d}.dcm")
try:
    hx.imaging.read_series(sorted(spoilt.iterdir()))
except InputError as refusal:
    print(refusal)

# %% [markdown]
# # Part 4. Outlines: volume before and after
#
# A structure set holds contours in millimetres, a segmentation holds voxels of its own grid, and either has to come
# to the image's grid. The volume as drawn stands beside the volume on the grid: a lesion that was lost on the way
# shows here. Small differences are the corners of voxels.

# %%
volumes = done.facts.select(
    "patient_id", "modality", "volume_drawn_ml", "volume_on_grid_ml", "notes"
).with_columns(change_percent=100.0 * (pl.col("volume_on_grid_ml") / pl.col("volume_drawn_ml") - 1.0))
volumes.to_pandas().round(2)

# %% [markdown]
# # Part 5. Can the study be believed?
#
# `hx.validate` (or `hybridx validate data`) lists every defect of a data folder in one go: tables, images, masks. An
# empty list is the good news.

# %%
hx.validate(home / "data", progress=False)

# %% [markdown]
# Further checks look at whether the images of a study go together: body outlines of PET and CT on each other, air at
# about -1000 HU, a median uptake that a body can have, masks inside the body. They are warnings, since only a person
# can decide; `hx.extract` records them with the patient. Here all is well. Then the PET of the patient with the most
# lesions is moved by 3 cm to the side, as after a patient who sat up between the two scans.

# %%
studies = {
    patient: hx.imaging.read_study(home / "data", done.studies, patient)
    for patient in done.studies["patient_id"].unique(maintain_order=True)
}
found = {patient: lesion_rows(study.images["pet"], study.masks["pet"]) for patient, study in studies.items()}
patient = max(found, key=lambda one: len(found[one]))
study = studies[patient]
pet, ct, outline = study.images["pet"], study.images["ct"], study.masks["pet"]
print("as imported:", quality_faults(study.images, study.masks) or "nothing to say")

x, y, z = pet.origin
moved = hx.Image(pet.array, pet.spacing, (x + 30.0, y, z), pet.direction, "pet")
moved_outline = hx.Image(outline.array, outline.spacing, moved.origin, outline.direction, "mask")
for modality, fault in quality_faults(
    {"pet": moved, "ct": ct}, {"pet": moved_outline, "ct": study.masks["ct"]}
):
    print(f"moved: {modality} {fault}")

# %% [markdown]
# The same on a picture: CT in grey, the uptake above SUV 0.4 as a line. On the right the body of the PET hangs out of
# that of the CT. Both scans alone look faultless.

# %%
grid = hx.imaging.resample(ct, spacing=4.0)
middle = grid.array.shape[1] // 2
figure = make_subplots(1, 2, column_titles=["as imported", "PET moved by 3 cm"])
for column, image in ((1, pet), (2, moved)):
    shown = hx.imaging.resample(image, reference=grid).array[:, middle]
    figure.add_heatmap(
        z=grid.array[:, middle],
        zmin=-1000,
        zmax=300,
        colorscale="Greys_r",
        showscale=False,
        row=1,
        col=column,
    )
    figure.add_contour(
        z=shown,
        contours={"start": 0.4, "end": 0.4, "coloring": "lines"},
        line={"width": 2},
        colorscale=[[0, "#ef553b"], [1, "#ef553b"]],
        showscale=False,
        row=1,
        col=column,
    )
figure.update_xaxes(visible=False)
figure.update_yaxes(visible=False)
figure.update_yaxes(scaleanchor="x", row=1, col=1)
figure.update_yaxes(scaleanchor="x2", row=1, col=2)
figure.update_layout(height=520, width=820, margin={"t": 40, "b": 10})
figure

# %% [markdown]
# # Part 6. Lesions
#
# The parts of the outline that do not touch, the largest first. `suv_peak` is the hottest sphere of 1 mL (IBSI 0F91),
# `suv_peak_local` the one around the hottest voxel (VJGA); the diameter is IBSI's (L0JK); `farthest_mm` is the
# distance to the farthest other lesion, centroid to centroid.

# %%
pl.DataFrame(lesion_rows(pet, outline, UptakeSettings())).drop(
    "modality", "centroid_x_mm", "centroid_y_mm", "centroid_z_mm"
).to_pandas().round(1)

# %% [markdown]
# # Part 7. Uptake numbers, and how much a threshold decides
#
# "Metabolic volume" means nothing without its threshold, so the threshold is part of the name. Some need more than
# the lesion: PERCIST's limit rests on the liver (1.5 x mean + 2 standard deviations). Without a map of organs that
# number is missing, and the reason is kept.

# %%
wanted = UptakeSettings(
    thresholds=("suv2p5", "suv4", "41pct", "50pct", "bg50", "percist"),
    extras=("dmax", "dmax_voxel", "cv_suv_max", "suv_skewness", "suv_kurtosis", "suv_max_to_liver"),
)
measured = measure_uptake(pet, outline, wanted)
for name, reason in measured.reasons.items():
    print(f"{name}: {reason}")

# %% [markdown]
# In a data folder the map of organs is a label map, named in the column `organs` of `studies.csv`, with `liver_label`
# and `blood_pool_label` beside it (TotalSegmentator's map of the CT will do: 5 and 52). Here a ball of 4 cm is set by
# hand where the pictures show the liver, and a small one in the aorta.

# %%
places = {"liver": ((-85.0, -5.0, -55.0), 20.0), "blood_pool": ((17.0, 35.0, 60.0), 9.0)}
slices, rows, columns = np.indices(pet.array.shape)
voxels = pet.grid.points(np.stack([columns.ravel(), rows.ravel(), slices.ravel()], axis=1))
organs = {
    name: outline.with_array(
        (np.linalg.norm(voxels - np.array(centre), axis=1) <= radius)
        .reshape(pet.array.shape)
        .astype(np.uint8)
    )
    for name, (centre, radius) in places.items()
}
measured = measure_uptake(pet, outline, wanted, organs=organs)
print(*measured.remarks, sep="\n")
numbers = pl.DataFrame({"column": list(measured.values), "value": list(measured.values.values())})
numbers.to_pandas().round(2)

# %%
chosen = numbers.filter(pl.col("column").str.starts_with("mtv"))
figure = go.Figure(go.Bar(x=chosen["column"], y=chosen["value"]))
figure.update_layout(yaxis_title="volume, mL", height=340, width=760, margin={"t": 20})
figure

# %% [markdown]
# What to see: one patient, one outline (`mtv`), and volumes that differ by their threshold alone. Compare numbers of
# two studies, or two centres, by the same column only. With a PSMA tracer the columns are called `psma_tv_41pct` and
# `tl_psma_41pct`, with a somatostatin analogue `sstr_tv_41pct`: a volume of another tracer is another thing.
# `hx.extract` measures the usual ones for every patient; `ExtractSettings(uptake=UptakeSettings(...))` asks for more.
#
# # Part 8. Two outlines of one tumour
#
# A second reader, played here by a rule: everything inside the outline above half of the highest uptake. A Dice of
# 0.9 sounds like agreement, and every lesion is found; the volume is a fifth smaller all the same. Surface Dice asks
# for the share of the two surfaces that lie within 4 mm, about a voxel.

# %%
second = outline.with_array(
    ((outline.array > 0) & (pet.array >= 0.5 * pet.array[outline.array > 0].max())).astype(np.uint8)
)
hx.imaging.agreement(second, outline, tolerance_mm=4.0).table().to_pandas().round(2)

# %% [markdown]
# ## Where it goes from here
#
# `hx.extract(home / "data", out=...)` turns the folder into a cohort: radiomics, uptake, lesions, labs, genomics,
# whatever the tables hold (the notebook `01_quickstart` begins there). Its `remarks` keep every doubt of this
# notebook beside the patient.
#
# ## Limits
#
# The phantoms are tidy: real exports add burnt-in text, missing slices, and headers that contradict each other. The
# checks of part 5 catch gross faults only, and an outline that was drawn around the wrong thing is beyond any of
# them: look at the images.
