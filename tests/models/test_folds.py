"""Inner folds hang on patients, not on rows."""

import numpy as np
import polars as pl

from hybridx.cohort import Outcome
from hybridx.models.folds import inner_folds, patient_keys
from tests.models.world import draw


def deal(X, y, seed=0):
    return inner_folds(y, patient_keys(X, ["clinical.x0", "clinical.x1"]), 5, seed)


def test_row_order_does_not_matter_with_or_without_ids():
    X, y, response, _ = draw(83)
    order = np.random.default_rng(0).permutation(83)
    for frame in (X, X.drop("patient_id")):
        for outcome in (y, response):
            np.testing.assert_array_equal(deal(frame, outcome)[order], deal(frame[order], outcome[order]))


def test_folds_are_balanced_in_size_events_and_follow_up():
    X, y, *_ = draw(103)
    folds = deal(X, y)
    assert np.ptp(np.bincount(folds)) <= 2
    assert np.ptp(np.bincount(folds[y.event])) <= 1
    means = [np.log(y.time_days[folds == k]).mean() for k in range(5)]
    assert np.ptp(means) < 0.5


def test_copies_of_a_patient_share_a_fold():
    X, y, *_ = draw(60)
    rows = np.random.default_rng(1).integers(0, 60, size=60)
    for frame in (X, X.drop("patient_id")):
        folds = deal(frame[rows], y[rows])
        for row in np.unique(rows):
            assert len(np.unique(folds[rows == row])) == 1


def test_random_state_deals_anew():
    X, y, *_ = draw(60)
    assert (deal(X, y, 0) != deal(X, y, 1)).any()


def test_ids_alone_decide_where_there_are_ids():
    X, _, response, _ = draw(60)
    other_unit = X.with_columns(pl.col("clinical.x0") * 1000)
    np.testing.assert_array_equal(deal(X, response), deal(other_unit, response))


def test_every_patient_of_a_tiny_cohort_gets_a_fold():
    y = Outcome.survival([1.0, 2.0, 3.0], [True, False, True])
    assert sorted(inner_folds(y, np.array(["a", "b", "c"]), 2, 0).tolist()) in ([0, 0, 1], [0, 1, 1])
