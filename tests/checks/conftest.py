"""A clean analysis, and a quick way to make another one."""

from __future__ import annotations

import pytest

import hybridx as hx
from hybridx.cohort.columns import to_matrix
from hybridx.evaluate import NestedCV
from tests.checks.world import make_cohort
from tests.evaluate.doubles import ByColumn


class Known(ByColumn):
    """The part of the world's log-hazard that age and stage make: ranks and is calibrated, and learns nothing."""

    def predict(self, X):
        age, stage = to_matrix(X, ["clinical.age", "clinical.stage"]).T
        return 0.045 * (age - 64) + 0.4 * (stage - 2.5)


def analyse(cohort, endpoint="OS", *, model=None, design=None, **settings):
    """Evaluate a model that learns nothing, in two folds: the checks look at the cohort, not at its skill."""
    model = Known(scale=900.0) if model is None else model
    settings = {"baselines": False, "resamples": 100, "workers": 1, "progress": False, **settings}
    return hx.evaluate(
        {"stage": model}, cohort, endpoint, design or NestedCV(folds=2, repeats=1, seed=0), **settings
    )


@pytest.fixture(scope="session")
def cohort():
    return make_cohort(160, seed=4)


@pytest.fixture(scope="session")
def result(cohort):
    return analyse(cohort)
