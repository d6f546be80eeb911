"""Tables of numbers from elsewhere become blocks, or are refused in words."""

import polars as pl
import pytest

from hybridx.cohort import Block, Cohort
from hybridx.errors import InputError


def test_own_numbers_become_a_cohort():
    sheet = pl.DataFrame(
        {"patient_id": ["b", "a", "c"], "SUV_max": [9.4, None, None], "pet.flat": [1.0, float("inf"), 2.0]}
    )
    block = Block.from_table("pet", sheet, units={"SUV_max": "g/mL{SUVbw}"}, day=-3.0, source="our script")
    cohort = Cohort.build(["a", "b", "c"], [block])
    assert cohort.measured["pet"].to_list() == [False, True, True]  # infinity is no value
    assert cohort.blocks["pet"]["pet.SUV_max"].to_list() == [None, 9.4, None]
    assert cohort.days["pet"].to_list() == [None, -3.0, -3.0]
    row = cohort.features.row(0, named=True)
    assert (row["column"], row["unit"], row["extractor"]) == ("pet.SUV_max", "g/mL{SUVbw}", "our script")


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ({"patient": ["a"], "x": [1.0]}, "no column patient_id"),
        ({"patient_id": ["a"]}, "no column but patient_id"),
        ({"patient_id": ["a"], "stage": ["II"]}, "holds text in stage"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(sheet, words):
    with pytest.raises(InputError, match=words):
        Block.from_table("clinical", pl.DataFrame(sheet))
