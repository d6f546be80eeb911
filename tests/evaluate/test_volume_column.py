"""The volume-only baseline rests on the volume that the tracer has."""

import polars as pl
import pytest

from hybridx.cohort import Cohort
from hybridx.evaluate.baselines import baselines_for
from hybridx.evaluate.volume_column import volume_column
from tests.evaluate.world import make_cohort

NAN = float("nan")


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (["pet.mtv", "pet.mtv_suv4", "pet.mtv_41pct"], "pet.mtv_41pct"),
        (["pet.mtv", "pet.mtv_percist", "pet.mtv_suv4"], "pet.mtv_suv4"),
        (["pet.mtv", "pet.mtv_bg50"], "pet.mtv_bg50"),
        (["pet.psma_tv", "pet.tl_psma_41pct"], "pet.psma_tv"),
        (["pet.sstr_tv_50pct", "pet.sstr_tv"], "pet.sstr_tv_50pct"),
        (["ct.mtv", "pet.mtvolume", "pet.suv_max", "pet@2.mtv_41pct", "pet.delta_mtv_41pct"], None),
    ],
)
def test_the_usual_threshold_first_and_what_is_outlined_last(columns, wanted):
    assert volume_column(pl.DataFrame({name: [1.0, 2.0] for name in columns})) == wanted


def test_the_tracer_that_most_had_and_a_column_that_most_have():
    both = pl.DataFrame({"pet.mtv_41pct": [1.0, NAN, None], "pet.psma_tv_41pct": [NAN, 2.0, 3.0]})
    assert volume_column(both) == "pet.psma_tv_41pct"
    rare = pl.DataFrame({"pet.mtv_41pct": [1.0, NAN, None], "pet.mtv_suv4": [1.0, 2.0, 3.0]})
    assert volume_column(rare) == "pet.mtv_suv4"
    assert volume_column(both.select(pl.all() * NAN)) is None


@pytest.mark.parametrize("name", ["pet.psma_tv_41pct", "pet.sstr_tv"])
def test_a_cohort_of_another_tracer_has_its_baseline(name):
    made = make_cohort(40)
    blocks = {k: v.rename({"pet.mtv_41pct": name}) if k == "pet" else v for k, v in made.blocks.items()}
    facts = made.features.with_columns(pl.col("column").replace("pet.mtv_41pct", name))
    cohort = Cohort(made.patients, blocks, made.measured, made.days, facts, made.tables)
    models, notes = baselines_for(cohort, "survival", set())
    volume = next(one for one in models if one.name == "mtv")
    assert volume.columns == (name,) and volume.modality == "pet"
    assert notes == [f"The volume-only baseline 'mtv' is {name!r}."]
    assert baselines_for(made, "survival", set())[1] == []
