"""An outcome refuses what cannot be true and behaves like a column under scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sksurv.linear_model import CoxPHSurvivalAnalysis

from hybridx.cohort import Outcome, as_outcome
from hybridx.errors import InputError


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([-3.0, 5.0], [1, 0], "row 0: -3"),
        ([0.0, 5.0], [1, 0], "must be > 0"),
        ([np.inf, 5.0], [1, 0], "finite"),
        ([1.0, 5.0], [2, 0], "row 0: 2"),
        ([1.0, 5.0], [np.nan, 0], "event must be"),
        (["soon", 5.0], [1, 0], "not a number"),
        ([1.0, 5.0], [1], "1 rows where time_days has 2"),
    ],
)
def test_impossible_outcomes_are_refused(time, event, message):
    with pytest.raises(InputError, match=message):
        Outcome.survival(time, event)


def test_response_is_one_or_zero():
    with pytest.raises(InputError, match="got 2"):
        Outcome.response([0, 1, 2])
    assert Outcome.response([1, None, 0]).n_events == 1


def test_delayed_entry_lies_before_the_time():
    with pytest.raises(InputError, match="entry_days"):
        Outcome.survival([10, 20], [1, 1], entry_days=[0, 20])


def test_unknown_outcomes_are_kept_apart():
    y = Outcome.survival([10, None, 20], [True, None, False])
    assert y.known.tolist() == [True, False, True]
    assert y.n_events == 1
    with pytest.raises(InputError, match="1 outcomes of 'OS' are unknown"):
        y.to_array()
    assert y[y.known].to_array()["time_days"].tolist() == [10, 20]


def test_indexing_by_numbers_mask_and_slice_agree():
    y = Outcome.survival([10, 20, 30, 40], [1, 0, 1, 0])
    by_mask = y[np.array([False, True, True, False])]
    assert by_mask == y[[1, 2]] == y[1:3] and by_mask != y[[2, 1]]
    assert len(y[[]]) == 0


@pytest.mark.parametrize("make", [lambda t: t, lambda t: t.to_pandas()])
def test_tables_become_outcomes(make):
    table = make(pl.DataFrame({"time_days": [5.0, 9.0], "event": [True, False]}))
    assert as_outcome(table, endpoint="PFS").endpoint == "PFS"
    assert as_outcome(table).n_events == 1


def test_structured_array_survives_the_round_trip():
    y = Outcome.survival([5.0, 9.0], [True, False])
    assert as_outcome(y.to_array()) == y
    assert as_outcome([0, 1, 1]).kind == "response"
    with pytest.raises(InputError, match="Expected an Outcome"):
        as_outcome(np.zeros((3, 2)))
    with pytest.raises(InputError, match="'time_days' and 'event'"):
        as_outcome(pd.DataFrame({"days": [1]}))


def test_scikit_learn_splits_an_outcome():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), Outcome.survival(rng.uniform(1, 99, 40), rng.random(40) < 0.6)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y.event)
    assert len(X_train) == len(y_train) == 30 and len(X_test) == len(y_test) == 10

    class Cox(CoxPHSurvivalAnalysis):
        def fit(self, X, y):
            return super().fit(X, y.to_array())

        def score(self, X, y):
            return super().score(X, y.to_array())

    search = GridSearchCV(Cox(), {"alpha": [0.1, 10.0]}, cv=list(StratifiedKFold(3).split(X, y.event))).fit(
        X, y
    )
    assert np.isfinite(search.best_score_)


def test_scikit_learn_searches_with_a_response():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), Outcome.response(rng.random(40) < 0.5)
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "stratified"]}, cv=3).fit(X, y)
    assert np.isfinite(search.best_score_)
    assert np.asarray(y).tolist() == y.value.tolist()
    assert np.asarray(Outcome.survival([3.0, 4.0], [1, 0]))["event"].tolist() == [True, False]


def test_repr_counts():
    assert repr(Outcome.survival([30.4375, 60.875], [1, 0])) == (
        "Outcome(OS: 2 patients, 1 events, follow-up 1.0 to 2.0 months)"
    )
    assert "1 responders, 1 unknown" in repr(Outcome.response([1, 0, None]))
