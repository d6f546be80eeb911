"""Ordinal and continuous outcomes: levels by name from best to worst, values with their unit."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.cohort import Outcome, as_outcome
from hybridx.errors import InputError, SettingsError

GRADES = ("G1", "G2", "G3")


@given(st.lists(st.sampled_from([*GRADES, None]), max_size=30))
def test_ranks_are_positions_among_the_levels_and_rise_towards_the_worst(levels):
    y = Outcome.ordinal(levels, levels=GRADES)
    assert [None if np.isnan(v) else GRADES[int(v)] for v in y.value] == levels
    assert y.known.tolist() == [level is not None for level in levels]
    assert y.n_events == sum(level is not None for level in levels)


@pytest.mark.parametrize(
    "column",
    [
        ["PR", "PD", None],
        pl.Series(["PR", "PD", None]),
        pl.Series(["PR", "PD", None], dtype=pl.Enum(["PD", "PR"])),
        pd.Series(["PR", "PD", None]),
        pd.Series(["PR", "PD", pd.NA], dtype="string"),
        pd.Categorical(["PR", "PD", None]),
        np.array(["PR ", "PD", ""]),
    ],
)
def test_levels_come_from_any_column(column):
    y = Outcome.ordinal(column, criterion="RECIST")
    np.testing.assert_array_equal(y.value, [1, 3, np.nan])
    assert y.levels == ("CR", "PR", "SD", "PD") and y.criterion == "RECIST"


@pytest.mark.parametrize(
    "column", [[1, 3, None], [1.0, 3.0, np.nan], np.array([1.0, 3.0, np.nan]), ["1", "3", ""]]
)
def test_grades_may_be_numbers(column):
    y = Outcome.ordinal(column, levels=[1, 2, 3])
    np.testing.assert_array_equal(y.value, [0, 2, np.nan])


def test_unknown_levels_are_named_with_the_nearest():
    with pytest.raises(
        InputError, match=r"1 patients .* none of G1, G2, G3: row 1: 'g 3'\. Did you mean 'G3'"
    ):
        Outcome.ordinal(["G1", "g 3"], levels=GRADES)
    with pytest.raises(InputError, match="one column"):
        Outcome.ordinal("G1", levels=GRADES)


@pytest.mark.parametrize("levels", [["a"], ["a", "a"], "ab", ["a", None], []])
def test_levels_that_give_no_order_are_refused(levels):
    with pytest.raises(SettingsError, match="at least two different names from best to worst"):
        Outcome.ordinal(["a"], levels=levels)


def test_a_criterion_without_levels_must_be_known():
    with pytest.raises(SettingsError, match="Did you mean 'RECIST'"):
        Outcome.ordinal(["CR"], criterion="RECISTT")


def test_ranks_outside_the_levels_are_refused():
    y = Outcome.ordinal(["G1", "G2"], levels=GRADES)
    with pytest.raises(InputError, match=r"one of its 3 levels, 0 \(best\) to 2 \(worst\), got 3.0"):
        Outcome("ordinal", "grade", y.time_days, y.event, np.array([0.0, 3.0]), levels=GRADES)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=20))
def test_continuous_values_stay_as_they_are(values):
    y = Outcome.continuous(values, unit="Gy")
    np.testing.assert_array_equal(y.value, [np.nan if v is None else v for v in values])
    assert y.n_events == sum(v is not None for v in values) and y.unit == "Gy"


def test_infinite_values_are_refused():
    with pytest.raises(InputError, match=r"must be finite \(row 1\)"):
        Outcome.continuous([1.0, np.inf])
    with pytest.raises(InputError, match="PSA holds something that is not a number"):
        Outcome.continuous(["high"], endpoint="PSA")


@pytest.mark.parametrize(
    "y",
    [
        Outcome.ordinal(["G1", "G3", "G2", None], levels=GRADES, endpoint="grade"),
        Outcome.continuous([1.5, -2.0, 7.0, None], endpoint="dose", unit="Gy"),
    ],
)
def test_indexing_keeps_everything_and_equality_looks_at_it(y):
    part = y[[2, 0]]
    assert (part.levels, part.unit, part.endpoint, part.kind) == (y.levels, y.unit, y.endpoint, y.kind)
    assert part.value.tolist() == [y.value[2], y.value[0]]
    assert y[:] == y and as_outcome(y) is y
    other = Outcome("continuous", y.endpoint, y.time_days, y.event, y.value, unit="mm")
    assert other != y
    np.testing.assert_array_equal(np.asarray(y), y.value)
    with pytest.raises(InputError, match="it has no times"):
        y.to_array()


def test_repr_says_what_there_is():
    assert repr(Outcome.ordinal(["G1", None], levels=GRADES, endpoint="grade")) == (
        "Outcome(grade: 1 patients, G1 1, G2 0, G3 0, 1 unknown)"
    )
    assert repr(Outcome.continuous([1, 2.5])) == "Outcome(value: 2 patients, 1 to 2.5)"
    assert repr(Outcome.continuous([None])) == "Outcome(value: 0 patients, 1 unknown)"
