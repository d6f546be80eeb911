"""Lesion by lesion, and from the lesions to the patient."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Cohort
from hybridx.errors import ExtractionError, InputError, SettingsError
from hybridx.imaging import Image
from hybridx.measure.lesion_aggregate import HOW, aggregate_lesions
from hybridx.measure.lesion_tables import lesion_radiomics
from hybridx.measure.lesions import LESION_SCHEMA
from hybridx.radiomics import RadiomicsSettings, core_rim, extract_radiomics, subregion_features


def patient(seed: int, sizes: tuple[int, ...] = (8, 5, 3)) -> tuple[Image, Image]:
    """Cubes in a row, the smallest the hottest."""
    mask = np.zeros((14, 14, 20 * len(sizes)), np.uint8)
    values = np.ones(mask.shape)
    for i, size in enumerate(sizes):
        cube = (slice(3, 3 + size),) * 2 + (slice(20 * i + 4, 20 * i + 4 + size),)
        mask[cube] = 1
        values[cube] = 4.0 + 2.0 * i
    values += np.random.default_rng(seed).normal(0, 0.1, mask.shape)
    return Image(values.astype(np.float32), (2.0,) * 3, modality="pet"), Image(
        mask, (2.0,) * 3, modality="mask"
    )


def simple(image, mask, settings):
    inside = mask.array > 0
    if inside.sum() < 30:
        msg = "fewer than 30 voxels"
        raise ExtractionError(msg)
    return {"firstorder_Mean": float(image.array[inside].mean()), "voxels": float(inside.sum())}


@pytest.fixture(scope="module")
def lesions():
    pairs = [patient(0), patient(1, (6,)), patient(2, (4, 7))]
    images, masks = zip(*pairs, strict=True)
    return lesion_radiomics(
        list(images), list(masks), None, patients=["A", "B", "C"], extract=simple, workers=1, progress=False
    )


def test_one_row_for_each_lesion_the_largest_first(lesions):
    assert lesions["patient_id"].to_list() == ["A"] * 3 + ["B"] + ["C"] * 2
    assert lesions["pet.voxels"].to_list() == [512.0, 125.0, None, 216.0, 343.0, 64.0]
    assert lesions["reason"].to_list()[:3] == [None, None, "fewer than 30 voxels"]
    assert list(LESION_SCHEMA) == lesions.columns[: len(LESION_SCHEMA)]
    assert lesions["volume_ml"].to_list()[:2] == pytest.approx([4.096, 1.0])
    assert lesions["pet.firstorder_Mean"][0] == pytest.approx(4.0, abs=0.05)


def test_a_patient_who_fails_keeps_a_row_with_the_reason():
    image, mask = patient(0)
    empty = mask.with_array(np.zeros_like(mask.array))
    table = lesion_radiomics([image, image], [mask, empty], None, extract=simple, workers=1, progress=False)
    assert "empty" in table["reason"][-1]
    assert aggregate_lesions(table, ["largest"]).frame["patient_id"].to_list() == ["1"]
    with pytest.raises(ExtractionError, match="No lesion of 1 patients"):
        lesion_radiomics(image, empty, None, extract=simple, workers=1, progress=False)


def test_pairs_must_fit():
    image, mask = patient(0)
    with pytest.raises(InputError, match="2 images, 1 masks"):
        lesion_radiomics([image, image], [mask], None, extract=simple)


def test_the_cohort_takes_the_block_and_says_how_it_was_made(lesions):
    block = aggregate_lesions(lesions, ("largest", "hottest", "sum", "vmean", "cv"), least_share=0.5)
    cohort = Cohort.build(["A", "B", "C", "D"], [block])
    assert cohort.measured["pet"].to_list() == [True, True, True, False]
    info = {row["column"]: row for row in block.features.iter_rows(named=True)}
    assert info["pet.largest_suv_max"]["title"] == "SUVmax (of the largest lesion)"
    assert info["pet.largest_suv_max"]["ibsi_id"] == "84IY"
    assert info["pet.vmean_suv_max"]["ibsi_id"] is None
    assert info["pet.cv_volume_ml"]["unit"] == "1"
    assert "pet.sum_firstorder_Mean" not in info
    assert len({row["settings_hash"] for row in info.values()}) == 1


def test_each_way_is_what_it_says():
    table = pl.DataFrame(
        {
            "patient_id": ["A", "A", "A", "B"],
            "volume_ml": [1.0, 6.0, 3.0, 2.0],
            "suv_max": [9.0, 4.0, 5.0, 7.0],
            "pet.x": [10.0, 1.0, 4.0, 5.0],
        }
    )
    found = aggregate_lesions(table, [w for w in HOW if w != "sum"], columns=["pet.x"]).frame
    a = found.row(0, named=True)
    values = np.array([10.0, 1.0, 4.0])
    assert a["pet.largest_x"] == 1.0
    assert a["pet.hottest_x"] == 10.0
    assert a["pet.vmean_x"] == pytest.approx((10 + 6 + 12) / 10)
    assert a["pet.mean_x"] == 5.0
    assert (a["pet.max_x"], a["pet.min_x"], a["pet.range_x"]) == (10.0, 1.0, 9.0)
    assert a["pet.sd_x"] == pytest.approx(values.std(ddof=1))
    assert a["pet.cv_x"] == pytest.approx(values.std(ddof=1) / 5.0)
    b = found.row(1, named=True)
    assert [b[f"pet.{way}_x"] for way in ("sd", "cv", "range")] == [None, None, None]
    assert b["pet.largest_x"] == b["pet.vmean_x"] == 5.0
    total = aggregate_lesions(table, {"sum": ["volume_ml"]}).frame
    assert total["pet.sum_volume_ml"].to_list() == [10.0, 2.0]


def test_the_order_of_lesions_does_not_matter(lesions):
    ways = [way for way in HOW if way != "sum"]
    plain = aggregate_lesions(lesions, ways).frame.sort("patient_id")
    turned = aggregate_lesions(lesions[::-1], ways).frame.sort("patient_id")
    for column in plain.columns[1:]:
        assert plain[column].to_list() == pytest.approx(turned[column].to_list(), nan_ok=True), column


def test_what_is_missing_in_a_lesion_is_not_made_up():
    table = pl.DataFrame(
        {"patient_id": ["A", "A"], "volume_ml": [1.0, 9.0], "pet.x": [3.0, None], "pet.y": [None, 3.0]}
    )
    row = aggregate_lesions(
        table, ("largest", "vmean", "mean", "max", "sd"), columns=["pet.x", "pet.y"]
    ).frame.row(0, named=True)
    assert row["pet.largest_x"] is None
    assert row["pet.largest_y"] == 3.0
    assert (row["pet.vmean_x"], row["pet.vmean_y"]) == (None, 3.0)
    assert row["pet.max_y"] is None
    assert row["pet.sd_y"] is None
    three = pl.DataFrame({"patient_id": ["A"] * 3, "volume_ml": [1.0, 2.0, 9.0], "pet.x": [None, 3.0, 8.0]})
    three = pl.concat([three, pl.DataFrame({"patient_id": "A", "volume_ml": float("nan"), "pet.x": None})])
    row = aggregate_lesions(three, ("range", "vmean"), columns=["pet.x"]).frame.row(0, named=True)
    assert row["pet.range_x"] is None, "the lesion without a value may be the highest"
    assert row["pet.vmean_x"] == pytest.approx((2 * 3 + 9 * 8) / 11)


def test_uptake_belongs_to_pet():
    table = pl.DataFrame({"patient_id": ["A"], "volume_ml": [1.0], "suv_max": [4.0], "ct.x": [2.0]})
    block = aggregate_lesions(table, "vmean", modality="ct")
    assert block.frame.columns == ["patient_id", "ct.vmean_volume_ml", "ct.vmean_x"]
    assert "pet.vmean_suv_max" in aggregate_lesions(table, "vmean", modality="pet").frame.columns


def test_a_second_timepoint_has_a_block_of_its_own(lesions):
    later = lesions.with_columns(timepoint=pl.lit(2, dtype=pl.Int64))
    block = aggregate_lesions(pl.concat([lesions, later]), ["largest"], timepoint=2, day=60)
    assert block.modality == "pet@2"
    assert set(block.days.values()) == {60.0}


@pytest.mark.parametrize(
    ("how", "columns", "error", "message"),
    [
        (["largst"], None, SettingsError, "Did you mean 'largest'"),
        ({"sum": ["pet.firstorder_Mean"]}, None, InputError, "means nothing for pet.firstorder_Mean"),
        (["mean"], ["pet.z"], InputError, "has no column pet.z"),
    ],
)
def test_what_cannot_be_asked_for(lesions, how, columns, error, message):
    with pytest.raises(error, match=message):
        aggregate_lesions(lesions, how, columns=columns)


def test_tables_that_are_none_of_lesions(lesions):
    with pytest.raises(InputError, match="lacks volume_ml"):
        aggregate_lesions(pl.DataFrame({"patient_id": ["A"]}), ["mean"])
    with pytest.raises(InputError, match="needs the column suv_max"):
        aggregate_lesions(lesions.drop("suv_max"), ["hottest"])
    with pytest.raises(InputError, match="no lesion at timepoint 3"):
        aggregate_lesions(lesions, ["mean"], timepoint=3)


@pytest.mark.parametrize(
    "settings",
    [
        RadiomicsSettings.pyradiomics(
            bin_width=5.0, normalise=True, resample_mm=1.7, families=("shape", "firstorder")
        ),
        RadiomicsSettings.ibsi(
            resample_mm=1.7, families=("statistics",), filters={"ring": {"kind": "simoncelli"}}
        ),
    ],
    ids=["normalised", "in Fourier space"],
)
def test_a_lesion_has_the_values_that_it_has_alone(settings):
    image, mask = patient(0)
    image = image.with_array(np.pad(image.array, ((20, 9), (0, 0), (31, 0)), mode="edge"))
    mask = mask.with_array(np.pad(mask.array, ((20, 9), (0, 0), (31, 0))))
    table = lesion_radiomics(image, mask, settings, workers=1, progress=False)
    largest = np.zeros_like(mask.array)
    largest[23:31, 3:11, 35:43] = 1
    alone = extract_radiomics(image, mask.with_array(largest), settings)
    assert {name: table[0, f"pet.{name}"] for name in alone} == pytest.approx(alone, rel=1e-12)
    parts = core_rim(mask.with_array(largest), rim_mm=4.0)
    rim = extract_radiomics(image, parts.masks["rim"], settings)
    found = subregion_features(image, parts, settings).values
    assert {name: found[f"rim_{name}"] for name in rim} == pytest.approx(rim, rel=1e-12)
