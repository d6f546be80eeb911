import csv
from pathlib import Path

import numpy as np
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.evaluate.compare import holm
from hybridx.evaluate.delong import delong_test
from hybridx.evaluate.metrics import roc_auc

REFERENCE = Path(__file__).parents[1] / "reference" / "delong.csv"


def rows(what):
    with REFERENCE.open() as file:
        found = [row for row in csv.DictReader(file) if row["what"] == what]
    return [[float(row[name]) for name in ("value", "low", "high", "p") if row[name]] for row in found]


@pytest.fixture
def scores():
    """The recipe of tests/reference/delong.R."""
    i = np.arange(61)
    response = ((i * 29) % 61 < 23).astype(float)
    a = ((i * 37 + 11) % 61 + 30 * response) / 100
    b = ((i * 17 + 5) % 20 + 6 * response) / 50
    return response, {"a": a, "b": b}


@pytest.mark.parametrize("name", ["a", "b"])
def test_interval_of_proc(scores, name):
    response, by_name = scores
    found = roc_auc(response, by_name[name], interval="delong")
    assert [found.value, found.low, found.high] == pytest.approx(rows(name)[0], abs=1e-12)
    assert found.method == "DeLong"


def test_paired_test_of_proc(scores):
    response, by_name = scores
    d = delong_test(response, by_name["a"], by_name["b"], names=("late", "early"))
    assert [d.value, d.low, d.high, d.p_value] == pytest.approx(rows("a - b")[0], abs=1e-12)
    assert (d.a, d.b, d.verdict) == ("late", "early", "better")
    back = delong_test(response, by_name["b"], by_name["a"])
    assert (back.low, back.p_value) == (pytest.approx(-d.high), pytest.approx(d.p_value))


def test_p_value_is_one_minus_the_level_that_touches_zero(scores):
    response, by_name = scores
    d = delong_test(response, by_name["a"], by_name["b"])
    assert delong_test(response, by_name["a"], by_name["b"], level=1 - d.p_value).low == pytest.approx(
        0, abs=1e-12
    )


def test_folds_are_weighted_by_their_pairs_and_never_mixed(scores):
    response, by_name = scores
    fold = np.arange(61) % 3
    shifted = by_name["a"] + 100.0 * fold  # another scale in each fold, as another model may have
    with_folds = roc_auc(response, shifted, fold=fold, interval="delong")
    plain = roc_auc(response, by_name["a"], fold=fold, interval="delong")
    assert with_folds.value == pytest.approx(plain.value)
    assert plain.value == pytest.approx(roc_auc(response, by_name["a"], fold=fold, resamples=100).value)
    assert "for what another training cohort would change" in plain.method
    assert "another training" not in roc_auc(response, by_name["a"], interval="delong").method


def test_variance_is_near_that_of_resamples(scores):
    response, by_name = scores
    formula = roc_auc(response, by_name["b"], interval="delong")
    resampled = roc_auc(response, by_name["b"], resamples=4000)
    assert formula.width == pytest.approx(resampled.width, rel=0.1)


def test_perfect_ranking_is_not_certain():
    found = roc_auc([1, 1, 1, 0, 0, 0], [6, 5, 4, 3, 2, 1], interval="delong")
    assert found.value == 1.0 and found.low < 0.5 and "Clopper" in found.method


def test_one_responder_gives_no_interval():
    found = roc_auc([1, 0, 0, 0], [3, 2, 4, 1], interval="delong")
    assert found.value == pytest.approx(2 / 3) and np.isnan(found.low)
    assert "fewer than two" in found.method


def test_refusals():
    with pytest.raises(SettingsError, match="Did you mean 'delong'"):
        roc_auc([1, 0], [1, 0], interval="delon")
    with pytest.raises(SettingsError, match="two names"):
        delong_test([1, 0], [1, 0], [0, 1], names=("a",))
    times = np.array([(True, 3.0)], dtype=[("event", "?"), ("time", "f8")])
    with pytest.raises(InputError, match="takes responses"):
        delong_test(times, [1.0], [1.0])


def test_holm_is_that_of_r():
    values, adjusted = np.array(rows("holm")).T
    assert holm(values) == pytest.approx(adjusted, abs=1e-15)
    with_hole = holm([0.01, np.nan, 0.02])
    assert np.isnan(with_hole[1]) and with_hole[[0, 2]].tolist() == [0.02, 0.02]
