import warnings

import numpy as np
import pytest

from hybridx.compute.sharing import shared, sharing


def squares(values, calls):
    def make():
        calls.append(1)
        return {"squares": values**2}

    return shared(make, "squares", values)


def test_equal_inputs_are_worked_out_once_and_the_answers_are_apart():
    calls, values = [], np.arange(4.0)
    with sharing() as store:
        first, second = squares(values, calls), squares(values.copy(), calls)
        assert (len(calls), store.made, store.reused) == (1, 1, 1)
        second["squares"][0] = 99.0  # a copy: what one does with it is no matter of the other's
        assert first["squares"][0] == 0.0
        assert squares(values, calls)["squares"][0] == 0.0
        first["squares"][1] = 99.0
        assert squares(values, calls)["squares"][1] == 1.0


@pytest.mark.parametrize(
    "other",
    [np.arange(4.0) + 1e-15, np.arange(4), np.arange(4.0)[None], np.arange(5.0), np.arange(4.0)[::-1]],
)
def test_inputs_that_differ_in_any_way_share_nothing(other):
    calls = []
    with sharing() as store:
        squares(np.arange(4.0), calls)
        squares(other, calls)
    assert len(calls) == 2 and store.reused == 0


def test_neither_outside_nor_from_one_piece_of_work_to_the_next():
    calls, values = [], np.arange(4.0)
    squares(values, calls)
    for _ in range(2):
        with sharing():
            squares(values, calls)
    assert len(calls) == 3


def test_what_cannot_be_named_is_not_shared():
    calls = []
    with sharing() as store:
        for _ in range(2):
            shared(lambda: calls.append(1), "rng", np.random.default_rng(0))
    assert len(calls) == 2 and store.made == 0


def test_where_lists_end_counts():
    with sharing():
        assert shared(lambda: 1, ["a"], ["b", "c"]) == 1
        assert shared(lambda: 2, ["a", "b"], ["c"]) == 2
        assert shared(lambda: 3, {"a": None}) == 3
        assert shared(lambda: 4, {"a": 0}) == 4


def test_warnings_come_with_each_copy_and_failures_are_not_kept():
    def warns():
        warnings.warn("few events", UserWarning, stacklevel=1)
        return 1

    with sharing():
        for _ in range(2):
            with pytest.warns(UserWarning, match="few events"):
                assert shared(warns, "warns") == 1

        def fails():
            raise ValueError("no fit")  # noqa: EM101 - a test's

        for _ in range(2):
            with pytest.raises(ValueError, match="no fit"):
                shared(fails, "fails")
