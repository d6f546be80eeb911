"""Which features are the standard's: said by a table, and held against the two vocabularies' own values."""

from __future__ import annotations

import polars as pl
import pytest

from hybridx.radiomics import RadiomicsSettings, compliance, extract_radiomics
from hybridx.radiomics.ibsi_compliance import ibsi_ids
from hybridx.radiomics.names import describe, feature_table, ibsi_table, names_of
from hybridx.radiomics.settings_words import IBSI_FAMILIES
from tests.imaging.volumes import ball, noise

WIDTH = 0.5


def both(**discretisation):
    """Values of one lesion in both vocabularies, with levels that start below the lesion's lowest."""
    image = noise((12, 12, 12))
    image = image.with_array(image.array + 2)
    mask = ball(image, 16.0)
    peer = RadiomicsSettings.pyradiomics(**discretisation)
    origin = {"bin_origin": 0} if "bin_width" in discretisation else {}
    standard = RadiomicsSettings.ibsi(**discretisation, **origin, aggregations=("3D_avg",), volume_bins=0.1)
    return peer, extract_radiomics(image, mask, peer), extract_radiomics(image, mask, standard)


@pytest.mark.parametrize("discretisation", [{"bin_width": WIDTH}, {"bin_count": 16}], ids=["width", "count"])
def test_a_definition_is_the_standards_exactly_where_the_values_are(discretisation):
    settings, ours, standard = both(**discretisation)
    table = {row["feature"]: row for row in compliance(settings).iter_rows(named=True)}
    wrong = []
    for key, info in feature_table().items():
        if not info.reference_tag or info.family == "shape":
            continue
        name = f"original_{key}"
        same = ours[name] == pytest.approx(standard[info.reference_tag], rel=1e-7, abs=1e-12)
        if same is not table[name]["definition"] and not (same and info.note):
            wrong.append((name, ours[name], standard[info.reference_tag], table[name]["why_not"]))
    assert not wrong


def test_reasons_and_codes():
    table = compliance(RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=2, resegment=(-500, 400)))
    assert not table["compliant"].any()
    assert table.filter(pl.col("why_not").is_null()).height == 0
    row = table.row(by_predicate=pl.col("feature") == "original_glcm_JointAverage", named=True)
    assert row["ibsi_id"] is None and "lowest level" in row["why_not"] and "aligns centres" in row["why_not"]
    row = table.row(by_predicate=pl.col("feature") == "original_shape_MeshVolume", named=True)
    assert row["ibsi_id"] == "RNU0" and "cut at its box" in row["why_not"]


@pytest.mark.parametrize(
    ("given", "feature", "why"),
    [
        ({"weighting_norm": "euclidean"}, "glrlm_RunEntropy", "weighted"),
        ({"symmetrical_glcm": False}, "glcm_Contrast", "one way"),
        ({"distances": (1, 2)}, "ngtdm_Coarseness", "distances"),
        ({"gldm_alpha": 1}, "gldm_DependenceEntropy", "dependent"),
        ({"array_shift": 100}, "firstorder_Energy", "100 is added"),
        ({"force_2d": True, "force_2d_axis": 1}, "glcm_Contrast", "planes"),
        ({}, "firstorder_Kurtosis", ""),
    ],
)
def test_each_departure_has_its_reason(given, feature, why):
    table = compliance(RadiomicsSettings.pyradiomics(bin_width=25, **given))
    row = table.row(by_predicate=pl.col("feature") == f"original_{feature}", named=True)
    assert not row["definition"] and row["ibsi_id"] is None and why in row["why_not"]


def test_the_standards_own_vocabulary_complies():
    settings = RadiomicsSettings.ibsi(bin_count=32, aggregations=("2D_avg", "3D_comb"), resample_mm=2)
    table = compliance(settings)
    assert table.filter(~pl.col("definition"))["why_not"].unique().to_list() == ["no consensus value exists"]
    far = compliance(
        RadiomicsSettings.ibsi(bin_count=32, aggregations=("3D_avg",), distances=(2,), gldm_alpha=1)
    )
    reasons = dict(far.filter(~pl.col("definition")).select("family", "why_not").iter_rows())
    assert {"glcm", "ngtdm", "ngldm"} <= set(reasons)


def test_every_tag_is_described():
    codes = [info.ibsi_id for info in ibsi_table().values()]
    assert all(len(code) == 4 for code in codes)
    twice = {code for code in codes if codes.count(code) > 1}
    assert twice == {"BC2M", "GBPN"}, "shares at 10 % and 90 % are one feature with a parameter"
    assert {info.family for info in ibsi_table().values()} == set(IBSI_FAMILIES)
    assert len(ibsi_table()) == 174
    told = describe("gauss_rlm_sre_2_5D_comb", "HU")
    assert (
        told["title"] == "Runs: short runs emphasis (slices merged, merged, gauss)"
        and told["ibsi_id"] is None
    )
    assert describe("morph_integ_int", "SUVbw")["unit"] == "g/mL{SUVbw}.mm3"
    both_tables = {info.reference_tag: info for info in feature_table().values() if info.ibsi_id}
    for tag, info in both_tables.items():
        assert describe(tag)["ibsi_id"] == info.ibsi_id


def test_a_name_alone_has_an_id_only_where_any_usual_settings_keep_the_definition():
    by_width = ibsi_ids(RadiomicsSettings.pyradiomics(bin_width=25))
    by_count = ibsi_ids(RadiomicsSettings.pyradiomics(bin_count=32))
    every = names_of(RadiomicsSettings.pyradiomics(bin_width=25), "original")
    assert {name: code for name in every if (code := describe(name)["ibsi_id"])} == by_width
    assert by_count["original_glcm_JointAverage"] == "60VM" and len(by_width) < len(by_count)


@pytest.mark.parametrize(
    ("settings", "feature", "reason"),
    [
        (
            RadiomicsSettings.pyradiomics(bin_width=5, normalise=True),
            "original_firstorder_Mean",
            "scaled to mean 0",
        ),
        (RadiomicsSettings.ibsi(families="statistics", normalise=True), "stat_mean", "scaled to mean 0"),
        (
            RadiomicsSettings.ibsi(families="morphology", resample_mm=2, mask_threshold=0.3),
            "morph_volume",
            "from a part of 0.3",
        ),
        (
            RadiomicsSettings.pyradiomics(bin_width=5, resegment=(0.4, 1), resegment_mode="relative"),
            "original_firstorder_Mean",
            "relative to the maximum",
        ),
    ],
)
def test_the_way_to_the_voxels_is_judged_too(settings, feature, reason):
    row = compliance(settings).filter(feature=feature).row(0, named=True)
    assert row["definition"] and not row["processing"] and not row["compliant"]
    assert reason in row["why_not"]
