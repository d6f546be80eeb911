"""Balls of known uptake and place: thresholds, organs of reference, lean body mass, spread, names by tracer."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image, bounding_box, crop, read_image, read_mask
from hybridx.measure import ExtractSettings, UptakeSettings, lesion_rows, measure_uptake, uptake
from hybridx.measure.lesion_distances import dmax_of_voxels, largest_diameter
from hybridx.measure.lesion_voxels import LesionVoxels, components
from hybridx.measure.uptake_extras import Body
from hybridx.measure.uptake_names import describe_uptake, volume_names
from hybridx.measure.uptake_organs import OrganUptake, organ_uptake
from hybridx.measure.uptake_settings import EXTRAS, read_threshold
from hybridx.measure.uptake_thresholds import limits_of, local_backgrounds
from tests.measure.real_data import real

SPACING = (4.0, 4.0, 3.0)
SHAPE = (60, 44, 44)  # 176 x 176 x 180 mm
EVERYTHING = UptakeSettings(thresholds=("suv4", "suv2p5", "41pct", "50pct", "bg50", "percist"), extras=EXTRAS)


def ball(centre_mm, radius_mm, shape=SHAPE, spacing=SPACING):
    """Mark a ball by its centre from the first voxel's, (x, y, z)."""
    z, y, x = np.indices(shape)
    squared = sum(
        (axis * edge - at) ** 2 for axis, edge, at in zip((x, y, z), spacing, centre_mm, strict=True)
    )
    return squared <= radius_mm**2


LIVER = ball((60.0, 88.0, 51.0), 34.0)
BLOOD = ball((88.0, 130.0, 120.0), 12.0)
BALLS = {  # centre, radius, SUV
    "hot": ((40.0, 60.0, 120.0), 14.0, 10.0),
    "faint": ((130.0, 60.0, 140.0), 9.0, 3.0),
    "far": ((140.0, 130.0, 30.0), 11.0, 6.0),
}


def world(names=tuple(BALLS), noise=0.2, seed=0):
    """Body of SUV 1, liver of 2 and blood of 1.5, all noisy; lesions without noise."""
    rng = np.random.default_rng(seed)
    pet = 1.0 + noise * rng.standard_normal(SHAPE)
    pet[LIVER] += 1.0
    pet[BLOOD] += 0.5
    mask = np.zeros(SHAPE, bool)
    for name in names:
        centre, radius, suv = BALLS[name]
        inside = ball(centre, radius)
        pet[inside] = suv
        mask |= inside
    return image(pet.astype(np.float32), "pet"), image(mask)


def image(array, modality="mask"):
    array = array.astype(np.uint8) if modality == "mask" else array
    return Image(array, SPACING, (-80.0, -70.0, 15.0), modality=modality)


def organs(*names):
    return {
        name: image({"liver": LIVER, "blood_pool": BLOOD}[name]) for name in names or ("liver", "blood_pool")
    }


def millilitres(name):
    centre, radius, _ = BALLS[name]
    return float(ball(centre, radius).sum()) * 0.048


def test_volumes_by_threshold():
    pet, mask = world()
    found = uptake(pet, mask, EVERYTHING, organs=organs())
    whole = {name: millilitres(name) for name in BALLS}
    assert found["mtv"] == pytest.approx(sum(whole.values()))
    assert found["mtv_suv4"] == pytest.approx(whole["hot"] + whole["far"])
    assert found["mtv_suv2p5"] == found["mtv_41pct"] == found["mtv_50pct"] == pytest.approx(found["mtv"])
    assert found["mtv_bg50"] == pytest.approx(found["mtv"])
    assert found["tlg_suv4"] == pytest.approx(10 * whole["hot"] + 6 * whole["far"])
    # 1.5 x 2 + 2 x 0.2 = 3.4: the faint lesion of SUV 3 is below
    assert 3.2 < 1.5 * found["liver_mean"] + 2 * found["liver_sd"] < 3.6
    assert found["mtv_percist"] == pytest.approx(found["mtv_suv4"])


def test_a_threshold_that_nothing_reaches_is_zero_and_one_that_is_not_defined_is_missing_with_the_reason():
    pet, mask = world(("faint",))
    found = measure_uptake(pet, mask, UptakeSettings(("suv4", "percist", "suv25")), organs=organs())
    assert found.values["mtv_suv4"] == found.values["mtv_percist"] == found.values["tlg_suv25"] == 0.0
    assert not found.reasons
    without = measure_uptake(pet, mask, UptakeSettings(("percist",)))
    assert math.isnan(without.values["mtv_percist"]) and math.isnan(without.values["tlg_percist"])
    assert set(without.reasons) == {"mtv_percist", "tlg_percist"}
    assert "no organ map" in without.reasons["mtv_percist"]


def test_background_of_each_lesion():
    """A contrast of 8 over 2 and of 4 over 1: half-way lies at 5 and 2.5, whatever the rest of the image does."""
    pet = np.full(SHAPE, 1.0)
    pet[:, :, 22:] = 2.0
    pet[0] = 90.0  # a bladder
    mask = np.zeros(SHAPE, bool)
    for centre, suv, edge in (((40.0, 80.0, 90.0), 4.0, 2.4), ((136.0, 80.0, 90.0), 8.0, 4.9)):
        pet[ball(centre, 14.0)], pet[ball(centre, 10.0)] = edge, suv
        mask |= ball(centre, 14.0)
    found = uptake(
        image(pet.astype(np.float32), "pet"), image(mask), UptakeSettings(("bg50", "50pct", "bg40"))
    )
    cores = 0.048 * (ball((40.0, 80.0, 90.0), 10.0).sum() + ball((136.0, 80.0, 90.0), 10.0).sum())
    assert found["mtv_bg50"] == pytest.approx(cores)  # the rims of 2.4 and 4.9 lie just below
    assert found["mtv_50pct"] == found["mtv_bg40"] == pytest.approx(found["mtv"])


def test_backgrounds_are_those_of_the_whole_image_and_of_no_other_lesion():
    pet, mask = world(noise=0.3)
    cut = LesionVoxels.of(pet, mask)
    found = local_backgrounds(cut.pet.array, cut.labels, cut.count, np.asarray(SPACING[::-1]))
    labels, _ = components(mask)
    for number in range(1, 4):  # far from each other: no doubt whose background it is
        distance = ndimage.distance_transform_edt(labels != number, SPACING[::-1])
        assert found[number - 1] == np.median(pet.array[(distance >= 10.0) & (distance <= 20.0)])
    # a part of what surrounds it is a hot organ: the median does not mind
    beside = np.where(np.indices(SHAPE)[2] > 19, 1.0, 30.0)
    labels = ball((88.0, 88.0, 90.0), 8.0).astype(np.int32)
    assert local_backgrounds(beside, labels, 1, np.asarray(SPACING[::-1])).tolist() == [1.0]
    # nothing but another lesion around it: no background, and that of the other is outside of both
    hollow = ball((88.0, 88.0, 90.0), 34.0) & ~ball((88.0, 88.0, 90.0), 20.0)
    values = np.where(hollow, 9.0, 1.0)
    inner, outer = local_backgrounds(values, labels + 2 * hollow, 2, np.asarray(SPACING[::-1]))
    assert math.isnan(inner) and outer == 1.0


def test_percist_limit_by_hand():
    liver = OrganUptake(2.0, 0.3, 14.0, "")
    for known, wanted in (({"liver": liver}, 3.6), ({}, math.nan)):
        levels = limits_of(read_threshold("percist"), np.array([5.0, 2.0]), None, known, "no liver")
        assert levels.suv.tolist() == pytest.approx([wanted, wanted], nan_ok=True)
        assert levels.reason == ("" if known else "no liver")


def test_a_lesion_that_does_not_stand_out_has_no_background_threshold():
    pet, mask = world(("faint",), noise=0.0)
    cold = pet.with_array(np.where(mask.array > 0, 0.5, 1.0).astype(np.float32))
    found = measure_uptake(cold, mask, UptakeSettings(("bg50",)))
    assert math.isnan(found.values["mtv_bg50"])
    assert "1 of 1 lesions" in found.reasons["tlg_bg50"]


def test_organs_are_measured_away_from_lesions():
    pet, mask = world(noise=0.0)
    array, drawn = pet.array.copy(), mask.array.copy()
    hot = ball((60.0, 88.0, 51.0), 6.0)  # a metastasis in the middle of the liver, blurred around
    array[ball((60.0, 88.0, 51.0), 12.0)] = 20.0
    drawn[hot] = 1
    pet, mask = pet.with_array(array), mask.with_array(drawn)
    found, reasons = organ_uptake(pet, organs(), mask)
    assert not reasons
    assert found["liver"].mean == pytest.approx(2.0) and found["liver"].sd == pytest.approx(0.0, abs=1e-6)
    assert found["blood_pool"].mean == pytest.approx(1.5)
    assert found["liver"].volume_ml == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.5)
    values = uptake(pet, mask, EVERYTHING, organs=organs())
    assert values["suv_max_to_liver"] == pytest.approx(10.0)
    assert values["suv_mean_to_blood_pool"] == pytest.approx(values["suv_mean"] / 1.5)
    assert values["suv_peak_to_liver"] == pytest.approx(values["suv_peak"] / 2.0)


def test_the_liver_is_a_ball_of_three_centimetres_where_it_is_thickest():
    pet, mask = world(noise=0.3)
    found, _ = organ_uptake(pet, organs("liver"), mask)
    whole = pet.array[ball((60.0, 88.0, 51.0), 15.0)]  # LIVER is a ball: its thickest place is its middle
    assert found["liver"].mean == pytest.approx(float(whole.mean()), rel=1e-5)
    assert found["liver"].sd == pytest.approx(float(whole.std(ddof=1)), rel=1e-4)


def test_organs_too_small_to_measure_say_so():
    pet, mask = world()
    small = {
        "liver": image(ball((60.0, 88.0, 51.0), 9.0)),
        "blood_pool": image(ball((88.0, 130.0, 120.0), 5.0)),
    }
    found = measure_uptake(
        pet, mask, UptakeSettings(("percist",), ("suv_max_to_liver", "blood_pool_mean")), organs=small
    )
    assert "3 cm ball" in found.reasons["mtv_percist"] and "3 cm ball" in found.reasons["suv_max_to_liver"]
    assert "blood pool" in found.reasons["blood_pool_mean"]
    assert all(math.isnan(found.values[name]) for name in found.reasons)
    slim, _ = organ_uptake(pet, {"blood_pool": image(ball((88.0, 130.0, 120.0), 7.0))}, mask)
    assert "too slim" in slim["blood_pool"].region


def test_an_organ_on_another_grid_is_refused():
    pet, mask = world()
    other = Image(LIVER.astype(np.uint8), (2.0, 2.0, 2.0), modality="mask")
    with pytest.raises(InputError, match=r"The liver has .* resample it first"):
        uptake(pet, mask, organs={"liver": other})


def test_lean_body_mass():
    pet, mask = world(noise=0.0)
    body = Body(70.0, 175.0, "male")
    found = uptake(pet, mask, body=body)
    assert found["sul_peak_janma"] == pytest.approx(found["suv_peak"] * 55.86 / 70, rel=1e-4)
    both = uptake(pet, mask, UptakeSettings(extras=("sul_max_james", "sul_max_janma")), body=body)
    assert both["sul_max_james"] == pytest.approx(10.0 * (1.10 * 70 - 128 * (70 / 175) ** 2) / 70)
    assert both["sul_max_james"] != pytest.approx(both["sul_max_janma"], rel=1e-3)
    asked = measure_uptake(
        pet, mask, UptakeSettings(extras=("sul_peak_janma",)), body=Body(70.0, None, "other")
    )
    assert math.isnan(asked.values["sul_peak_janma"])
    assert "height_cm" in asked.reasons["sul_peak_janma"] and "sex" in asked.reasons["sul_peak_janma"]
    assert "weight" not in asked.reasons["sul_peak_janma"]


def test_usual_columns_need_what_they_rest_on():
    pet, mask = world()
    plain = set(uptake(pet, mask))
    assert len(plain) == 12
    assert set(uptake(pet, mask, body=Body(70.0, 175.0, None))) == plain
    full = set(uptake(pet, mask, body=Body(70.0, 175.0, "female"), organs=organs()))
    assert full - plain == {"sul_peak_janma", "liver_mean", "suv_max_to_liver", "suv_max_to_blood_pool"}
    assert full - set(uptake(pet, mask, body=Body(70.0, 175.0, "female"), organs=organs("liver"))) == {
        "suv_max_to_blood_pool"
    }


def test_distances():
    pet, mask = world(noise=0.0)
    found = uptake(pet, mask, EVERYTHING)
    centres = {name: np.asarray(BALLS[name][0]) for name in BALLS}
    true = {name: max(np.linalg.norm(centres[name] - other) for other in centres.values()) for name in BALLS}
    # a ball's voxels lie evenly about its centre only where that is a voxel's centre: within half a voxel
    assert found["dmax"] == pytest.approx(max(true.values()), abs=1.0)
    assert found["dmax"] < found["dmax_voxel"] <= found["dmax"] + 11.0 + 14.0 + 3.0
    rows = lesion_rows(pet, mask)
    by_suv = {row["suv_max"]: row for row in rows}
    for name, (centre, radius, suv) in BALLS.items():
        row = by_suv[suv]
        assert row["farthest_mm"] == pytest.approx(true[name], abs=1.0)
        assert 2 * radius - 5.0 <= row["diameter_mm"] <= 2 * radius + 4.0
        at = np.add(centre, (-80.0, -70.0, 15.0))
        assert [row[f"centroid_{a}_mm"] for a in "xyz"] == pytest.approx(at, abs=0.5)
    assert max(row["farthest_mm"] for row in rows) == pytest.approx(found["dmax"])


def test_a_single_lesion_is_spread_nowhere_and_differs_from_none():
    pet, mask = world(("hot",))
    found = measure_uptake(pet, mask, UptakeSettings(extras=("dmax", "dmax_voxel", "cv_suv_max")))
    assert found.values["dmax"] == 0.0
    assert 20.0 < found.values["dmax_voxel"] <= 28.0
    assert math.isnan(found.values["cv_suv_max"]) and "single lesion" in found.reasons["cv_suv_max"]
    assert lesion_rows(pet, mask)[0]["farthest_mm"] is None


def test_diameter_of_boxes_and_of_many_voxels():
    assert (
        largest_diameter(np.ones((1, 1, 1), bool), (3.0, 4.0, 5.0)) == 5.0
    )  # the mesh's tips: half a voxel out
    rng = np.random.default_rng(3)
    inside = rng.random((14, 15, 16)) < 0.4
    grid = Image(inside.astype(np.uint8), (2.0, 3.0, 1.5)).grid
    z, y, x = np.nonzero(inside)
    points = np.column_stack([x, y, z]) * (2.0, 3.0, 1.5)
    wanted = max(np.linalg.norm(points - one, axis=1).max() for one in points)
    assert dmax_of_voxels(inside, grid) == pytest.approx(wanted, rel=1e-12)
    flat = np.zeros((3, 60, 60), bool)
    flat[1] = True
    assert dmax_of_voxels(flat, Image(flat.astype(np.uint8), (1.0,) * 3).grid) == pytest.approx(
        59 * math.sqrt(2)
    )


def test_unevenness_is_what_scipy_says():
    pet, mask = world()
    pet = pet.with_array((pet.array * np.random.default_rng(1).gamma(2, 1, SHAPE)).astype(np.float32))
    found = uptake(pet, mask, EVERYTHING)
    values = pet.array[mask.array > 0].astype(np.float64)
    assert found["suv_skewness"] == pytest.approx(stats.skew(values))
    assert found["suv_kurtosis"] == pytest.approx(stats.kurtosis(values, fisher=True))
    assert found["suv_cv"] == pytest.approx(values.std() / values.mean())
    each = [row["suv_max"] for row in lesion_rows(pet, mask)]
    assert found["cv_suv_max"] == pytest.approx(np.std(each, ddof=1) / np.mean(each))
    even, mask = world(("hot",))
    flat = measure_uptake(even, mask, UptakeSettings(extras=("suv_kurtosis", "suv_cv")))
    assert "equal" in flat.reasons["suv_kurtosis"] and flat.values["suv_cv"] == 0.0


def test_names_follow_the_tracer():
    pet, mask = world()
    for tracer, stems in (
        ("68Ga-PSMA-11", ("psma_tv", "tl_psma")),
        ("piflufolastat", ("psma_tv", "tl_psma")),
        ("DOTATOC", ("sstr_tv", "tl_sstr")),
        ("FDG", ("mtv", "tlg")),
        ("an unknown one", ("mtv", "tlg")),
        (None, ("mtv", "tlg")),
    ):
        assert volume_names(tracer) == stems
        found = uptake(pet, mask, tracer=tracer)
        assert [name for name in found if name.endswith("_41pct")] == [f"{stem}_41pct" for stem in stems]
        assert found[stems[0]] == pytest.approx(sum(map(millilitres, BALLS)))
        assert f"{stems[1]}_41pct" in lesion_rows(pet, mask, UptakeSettings(), tracer=tracer)[0]


def test_every_column_is_described():
    pet, mask = world()
    for tracer in ("FDG", "PSMA-1007", "DOTATATE"):
        for name in uptake(
            pet, mask, EVERYTHING, tracer=tracer, organs=organs(), body=Body(70, 170, "female")
        ):
            title, unit, _ = describe_uptake(name)
            assert title and unit, name
    assert describe_uptake("tl_psma_41pct")[1] == "g{SUVbw}"
    assert describe_uptake("sul_peak_janma")[:2] == (
        "SULpeak (hottest 1 mL sphere), lean body mass by Janmahasatian",
        "g/mL{SUVlbm(Janma)}",
    )
    assert describe_uptake("mtv_nonsense") is None and describe_uptake("original_shape_MeshVolume") is None
    assert describe_uptake("suv_kurtosis")[2] == "IPH6"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"thresholds": ("41%",)}, "Did you mean '41pct'"),
        ({"thresholds": ("suv2.5",)}, "Did you mean 'suv2p5'"),
        ({"thresholds": ("precist",)}, "Did you mean 'percist'"),
        ({"thresholds": ("suv4p0",)}, "Unknown threshold"),
        ({"thresholds": ("suv0",)}, "Unknown threshold"),
        ({"thresholds": ("00pct",)}, "Unknown threshold"),
        ({"thresholds": (4.0,)}, "Unknown threshold"),
        ({"thresholds": "suv4"}, "not a tuple"),
        ({"thresholds": ("suv4", "suv4")}, "twice"),
        ({"extras": ("dmx",)}, "Did you mean 'dmax'"),
        ({"threshold": ("suv4",)}, "Did you mean 'thresholds'"),
    ],
)
def test_settings_that_are_none(given_, message):
    with pytest.raises(SettingsError, match=message):
        UptakeSettings(**given_)


def test_settings_are_frozen_and_part_of_the_extraction():
    chosen = ExtractSettings(uptake=UptakeSettings(thresholds=["suv4"]))
    assert chosen.uptake.thresholds == ("suv4",)
    assert chosen.image_hash != ExtractSettings().image_hash
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.uptake.thresholds = ()
    with pytest.raises(SettingsError, match="UptakeSettings"):
        ExtractSettings(uptake={"thresholds": ("suv4",)})
    assert read_threshold("suv10").value == 10.0


@settings(max_examples=25, deadline=None)
@given(
    factor=st.floats(0.05, 40.0),
    cut=st.integers(16, 40),
    margin=st.integers(9, 20),
    seed=st.integers(0, 10_000),
)
def test_scaling_splitting_and_cropping(factor, cut, margin, seed):
    pet, mask = world(seed=seed)
    pet = pet.with_array((pet.array * np.random.default_rng(seed).gamma(4, 0.25, SHAPE)).astype(np.float32))
    chosen = UptakeSettings(
        ("suv4", "41pct", "bg50", "percist"), ("dmax", "dmax_voxel", "suv_skewness", "suv_kurtosis")
    )
    whole = uptake(pet, mask, chosen, organs=organs())
    # another unit: what is relative does not change, what is an uptake scales
    other = uptake(
        pet.with_array((pet.array.astype(np.float64) * factor).astype(np.float32)),
        mask,
        chosen,
        organs=organs(),
    )
    # in single precision a voxel at the limit may fall to the other side
    for name in ("tlg", "suv_max", "suv_peak"):
        assert other[name] == pytest.approx(factor * whole[name], rel=1e-4)
    for name in ("mtv_41pct", "mtv_bg50", "mtv_percist"):
        assert other[name] == pytest.approx(whole[name], abs=2 * 0.048 + 1e-9)
    for name in ("mtv", "dmax", "dmax_voxel"):
        assert other[name] == whole[name]
    assert other["suv_skewness"] == pytest.approx(whole["suv_skewness"], abs=1e-3)
    # two parts of the outline have the sums of the whole
    halves = []
    for part in (slice(None, cut), slice(cut, None)):
        array = np.zeros_like(mask.array)
        array[part] = mask.array[part]
        halves.append(uptake(pet, mask.with_array(array), chosen, organs=organs()) if array.any() else None)
    for name in ("mtv", "tlg", "mtv_suv4", "tlg_suv4"):
        assert sum(half[name] for half in halves if half) == pytest.approx(whole[name])
    # a margin of 27 mm or more holds all that is looked at
    box = bounding_box(mask, margin_mm=3.0 * margin)
    plain = UptakeSettings(("suv4", "41pct", "bg50"), ("dmax", "suv_kurtosis"))
    small, large = uptake(crop(pet, box), crop(mask, box), plain), uptake(pet, mask, plain)
    for name, value in large.items():
        assert small[name] == pytest.approx(value, rel=1e-9), name


def test_lesions_add_up_to_the_patient():
    pet, mask = world()
    rows = lesion_rows(pet, mask, EVERYTHING, organs=organs())
    found = uptake(pet, mask, EVERYTHING, organs=organs())
    for name in ("tlg", "mtv_41pct", "tlg_bg50", "mtv_percist"):
        assert sum(row[name] for row in rows) == pytest.approx(found[name])
    assert max(row["suv_peak"] for row in rows) == pytest.approx(found["suv_peak"])
    assert max(row["suv_max_to_liver"] for row in rows) == pytest.approx(found["suv_max_to_liver"])


def _itk(pet, mask):
    """Measure the same lesions by SimpleITK."""
    parts = sitk.ConnectedComponent(mask.to_sitk(), True)
    form, values = sitk.LabelShapeStatisticsImageFilter(), sitk.LabelIntensityStatisticsImageFilter()
    form.SetComputeFeretDiameter(True)
    form.Execute(parts)
    values.Execute(parts, pet.to_sitk())
    return form, values


@pytest.mark.parametrize("patient", ["hgj", "sts"])
def test_real_lesions_are_what_simpleitk_says(patient):
    if patient == "hgj":
        folder = real("petct_dicom_hn_hgj001", "ibsi_1_validation_pet", "nifti")
        pet = read_image(folder / "image" / "image.nii.gz", "pet")
        mask = read_mask(folder / "mask" / "mask.nii.gz", pet)
    else:
        pet = read_image(real("sts", "nifti", "STS_001", "PET_image.nii.gz"), "pet")
        mask = read_mask(real("sts", "nifti", "STS_001", "PET_mask.nii.gz"), pet)
    form, values = _itk(pet, mask)
    rows = lesion_rows(pet, mask, UptakeSettings(("41pct", "bg50")))
    assert len(rows) == form.GetNumberOfLabels()
    by_size = sorted(form.GetLabels(), key=form.GetPhysicalSize, reverse=True)
    for row, label in zip(rows, by_size, strict=True):
        assert row["volume_ml"] == pytest.approx(form.GetPhysicalSize(label) / 1000.0, rel=1e-6)
        assert row["suv_mean"] == pytest.approx(values.GetMean(label), rel=1e-6)
        assert row["suv_max"] == pytest.approx(values.GetMaximum(label), rel=1e-6)
        centre = [row[f"centroid_{axis}_mm"] for axis in "xyz"]
        assert centre == pytest.approx(form.GetCentroid(label), abs=1e-3)
        # ITK measures between centres of voxels, ours between the tips of the mesh, half a voxel out at each end
        beyond = row["diameter_mm"] - form.GetFeretDiameter(label)
        assert 0.0 <= beyond <= max(pet.spacing) + 1e-6
        assert 0 < row["mtv_bg50"] <= row["mtv_41pct"] <= row["volume_ml"] * (1 + 1e-9)
