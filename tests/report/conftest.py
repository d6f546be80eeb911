"""Results that the pages are drawn from, made by the library itself, once per session."""

from __future__ import annotations

import warnings

import pytest

import hybridx as hx
from hybridx.evaluate import NestedCV
from hybridx.fusion import LateFusion
from tests.report.world import make_cohort


def _evaluate(cohort, endpoint, kind):
    with warnings.catch_warnings():
        # about patients with nothing measured or no outcome, who are here on purpose, and of shap's own imports
        warnings.simplefilter("ignore")
        from hybridx.explain.explainer import explain

        return hx.evaluate(
            {"late": LateFusion(endpoint=kind)},
            cohort,
            endpoint,
            NestedCV(folds=3, repeats=1, seed=0),
            explain=explain,
            bands=10,
            resamples=100,
            workers=1,
            progress=False,
        )


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def result(cohort):
    return _evaluate(cohort, "PFS", "survival")


@pytest.fixture(scope="session")
def response_result(cohort):
    return _evaluate(cohort, "response", "response")


@pytest.fixture(scope="session")
def background(result):
    from hybridx.report.background import Background

    return Background(result)


@pytest.fixture(scope="session")
def saved(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "results"
    result.save(folder)
    return folder
