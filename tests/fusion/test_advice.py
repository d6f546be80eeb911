"""Recommendations follow the numbers of patients, events and features, and nothing else."""

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.fusion import KernelFusion, recommend


def cohort(n, events, columns=4):
    X = pl.DataFrame(
        {
            "clinical.age": np.linspace(40, 80, n),
            **{f"pet.f{j}": np.cos(np.arange(n) * (j + 1)) for j in range(columns)},
        }
    ).with_columns(pl.Series("pet.measured", np.arange(n) % 3 > 0))
    return X, Outcome.survival(np.arange(1, n + 1), np.arange(n) < events, endpoint="OS")


def test_the_number_of_events_decides_what_is_carried():
    few, many = recommend(cohort(60, 30)), recommend(cohort(300, 150))
    assert few.name == "KernelFusion" and isinstance(few.model, KernelFusion)
    assert (
        many.name == "KernelFusion"
        and many.table.filter("carried").height > few.table.filter("carried").height
    )
    carried = dict(few.table.select("strategy", "carried").iter_rows())
    assert carried["LateFusion"] and not carried["GatedFusion"] and not carried["ConsensusFusion"]


def test_reasons_count_what_is_there():
    text = repr(recommend(cohort(60, 30, columns=100)))
    assert "60 patients, 30 events for 101 candidate features (0.3 each), in 2 modalities" in text
    assert "pet (40 of 60)" in text and "wide intervals" in text
    assert "<script>" not in recommend(cohort(60, 30))._repr_html_()


def test_a_response_counts_its_rarer_class():
    X, _ = cohort(100, 10)
    advice = recommend((X, Outcome.response((np.arange(100) < 88).astype(float))))
    assert (
        "12 of the rarer outcome for 5 candidate" in advice.reasons[0] and advice.model.endpoint == "response"
    )


@pytest.mark.parametrize(("n", "events"), [(40, 9), (25, 20)])
def test_too_little_is_refused_with_what_can_be_done(n, events):
    with pytest.raises(NotEnoughDataError, match=r"carry no fusion model.*Kaplan-Meier"):
        recommend(cohort(n, events))


def test_only_the_outcomes_frequency_is_looked_at():
    X, y = cohort(80, 40)
    shuffled = np.random.default_rng(0).permutation(80)
    assert repr(recommend((X, y))) == repr(recommend((X, y[shuffled])))


def test_bad_input_is_named():
    X, y = cohort(60, 30)
    with pytest.raises(InputError, match="60 rows while the outcome has 30"):
        recommend((X, y[:30]))
    with pytest.raises(InputError, match="takes a Cohort"):
        recommend(X)
    with pytest.raises(InputError, match="no feature column"):
        recommend((pl.DataFrame({"age": np.arange(60)}), y))


def test_it_counts_and_says_the_same_as_the_sample_size_check():
    from hybridx.evaluate.enough import enough_data
    from tests.evaluate.world import make_cohort

    whole = make_cohort()
    counted = enough_data(whole, "OS").verdict.partition(":")[0]
    assert counted in recommend(whole, "OS").reasons[0]
