"""Limits of RECIST 1.1 and PERCIST 1.0 on tables of lesions: each limit on both of its sides, and what stays open."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.measure import percist_response, recist_response
from hybridx.measure.response_criteria import best_category, same_numbers


def sizes(*times):
    """A table of lesions from {number: mm} of each examination."""
    rows = [
        {"timepoint": t, "lesion": n, "diameter_mm": d}
        for t, found in enumerate(times, start=1)
        for n, d in found.items()
    ]
    return pl.DataFrame(rows, schema={"timepoint": pl.Int64, "lesion": pl.String, "diameter_mm": pl.Float64})


def categories(*times):
    return [r.category for r in recist_response(sizes(*times))]


@pytest.mark.parametrize(
    ("later", "category"),
    [
        (70.0, "PR"),  # exactly 30 % less
        (70.5, "SD"),
        (119.9, "SD"),
        (120.0, "PD"),  # exactly 20 % more
        (0.0, "CR"),
    ],
)
def test_limits_of_the_sum(later, category):
    assert categories({"1": 100.0}, {"1": later}) == [category]


def test_growth_counts_from_the_smallest_sum_and_needs_five_millimetres():
    # 12 to 15.9 mm is a third more, but less than 5 mm; 17 mm is both
    assert categories({"1": 20.0}, {"1": 12.0}, {"1": 15.9}, {"1": 17.0}) == ["PR", "SD", "PD"]
    # below the first sum throughout, yet progressive: the smallest counts
    assert categories({"1": 100.0}, {"1": 40.0}, {"1": 50.0}) == ["PR", "PD"]


def test_a_lesion_that_comes_back_after_it_was_gone_is_progression():
    assert categories({"1": 30.0}, {"1": 0.0}, {"1": 3.0}) == ["CR", "PD"]


def test_a_new_number_is_progression_and_a_target_without_diameter_leaves_it_open():
    (new,) = recist_response(sizes({"1": 50.0}, {"1": 10.0, "2": 8.0}))
    assert (new.category, new.why) == ("PD", "new lesion")
    (gone,) = recist_response(sizes({"1": 50.0, "2": 30.0}, {"1": 20.0}))
    assert (gone.category, gone.why) == (None, "missing") and math.isnan(gone.value)


def test_five_largest_of_ten_millimetres_are_targets_and_the_rest_bars_a_complete_response():
    first = {str(k): 10.0 + k for k in range(8)} | {"s": 9.9}
    (found,) = recist_response(sizes(first, dict.fromkeys(first, 5.0)))
    assert found.targets == 5 and found.baseline == pytest.approx(sum(10.0 + k for k in range(3, 8)))
    gone = dict.fromkeys(first, 0.0)
    assert categories(first, gone) == ["CR"]
    assert categories(first, gone | {"s": 4.0}) == ["PR"]


def test_nothing_to_say_without_a_measurable_lesion_or_a_second_examination():
    assert recist_response(sizes({"1": 9.0}, {"1": 4.0})) == []
    assert recist_response(sizes({"1": 50.0})) == []


@given(
    st.lists(st.floats(10.0, 200.0), min_size=1, max_size=5),
    st.floats(0.0, 3.0),
    st.floats(0.5, 2.0),
)
def test_order_of_rows_and_names_of_lesions_change_nothing(diameters, factor, other):
    first = {str(k): d for k, d in enumerate(diameters)}
    times = [
        first,
        {n: d * factor for n, d in first.items()},
        {n: d * factor * other for n, d in first.items()},
    ]
    table = sizes(*times)
    renamed = table.reverse().with_columns(("x" + pl.col("lesion")).alias("lesion"))
    assert [r.category for r in recist_response(table)] == [r.category for r in recist_response(renamed)]


def uptake(*peaks, tlg=None):
    n = len(peaks)
    return pl.DataFrame(
        {"timepoint": range(1, n + 1), "lesion": ["1"] * n, "suv_peak": peaks, "tlg": tlg or [None] * n},
        schema_overrides={"suv_peak": pl.Float64, "tlg": pl.Float64},
    )


LIVER = {1: (2.0, 0.2), 2: (2.0, 0.2)}


@pytest.mark.parametrize(
    ("peaks", "share", "category"),
    [
        ((10.0, 7.0), 0.7, "PMR"),
        ((10.0, 7.1), 0.7, "SMD"),
        ((10.0, 13.0), 0.7, "PMD"),
        ((10.0, 1.9), 0.7, "CMR"),  # below the liver
        ((3.5, 2.4), 0.7, "SMD"),  # 31 %, but 0.77 SUL
        ((3.5, 2.3), 0.7, "PMR"),  # 0.84 SUL
        ((3.5, 2.3), None, None),  # between 0.48 and 1.2 SUL: not known
        ((10.0, 6.0), None, "PMR"),  # 1.6 SUL or more whatever the lean mass
    ],
)
def test_limits_of_the_peak(peaks, share, category):
    (found,) = percist_response(uptake(*peaks), lean_share=share, liver=LIVER)
    assert found.category == category
    assert found.why == ("limits" if category else "lean mass")


def test_faint_uptake_new_lesions_volume_and_an_unknown_liver():
    (faint,) = percist_response(uptake(3.3, 9.0), lean_share=0.7, liver=LIVER)
    assert (faint.category, faint.why) == (None, "faint")
    two = pl.concat([uptake(10.0, 9.0), uptake(9.9, 9.0).with_columns(lesion=pl.lit("2")).tail(1)])
    assert percist_response(two, lean_share=0.7, tracked=True)[0].why == "new lesion"
    assert percist_response(two, lean_share=0.7)[0].category == "SMD"
    grown = percist_response(uptake(10.0, 10.5, tlg=[100.0, 175.0]), lean_share=0.7)[0]
    assert (grown.category, grown.why) == ("PMD", "volume")
    assert percist_response(uptake(10.0, 9.5, tlg=[100.0, 175.0]), lean_share=0.7)[0].category == "SMD"
    assert percist_response(uptake(10.0, 5.0), lean_share=0.7)[0].why == "liver"


def test_best_until_progression():
    order = ["CR", "PR", "SD", "PD"]
    found = recist_response(sizes({"1": 100.0}, {"1": 90.0}, {"1": 60.0}, {"1": 90.0}, {"1": 10.0}))
    assert [r.category for r in found] == ["SD", "PR", "PD", "PR"]
    assert best_category(found, order) == "PR"
    assert best_category([], order) is None


def test_numbers_by_size_are_not_followed():
    table = sizes({"1": 50.0, "2": 20.0}, {"1": 40.0, "2": 30.0})
    assert same_numbers(table)
    ranked = table.with_columns(centroid_x_mm=pl.lit(1.0))
    assert not same_numbers(ranked)
    assert same_numbers(ranked.filter(pl.col("lesion") == "1"))
