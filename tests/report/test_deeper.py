"""Below the bars of a patient's page: sums over time, knowing against values."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.fusion import EarlyFusion
from hybridx.models import XGBoostCox
from hybridx.report import patient_page
from hybridx.report.background import Background
from hybridx.report.deeper import deeper
from tests.report.world import NOTHING


@pytest.fixture(scope="module")
def asked(result):
    """A background whose explanation still knows its one model."""
    frame, y = result.cohort.frame(), result.cohort.outcomes(result.endpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about patients with nothing measured or no outcome
        model = EarlyFusion(XGBoostCox(max_depth=2, n_rounds=20)).fit(frame, y)
        return Background(result, hx.explain(model, frame))


def test_rows_sum_from_an_average_patient_to_this_one(asked):
    found = deeper(asked, "P000")
    numbers = np.array(
        [[float(cell.rstrip(" %").replace("−", "-")) for cell in row[1:]] for row in found["rows"]]
    )
    rounding = 0.006 * (len(numbers) - 2) + 1.01
    assert len(found["rows"]) > 2 and found["figure"]
    np.testing.assert_allclose(numbers[:-1].sum(axis=0), numbers[-1], atol=rounding)
    assert (np.diff(numbers[-1]) >= 0).all(), "a risk rises with time"


def test_knowing_is_told_only_where_it_differs_much(asked):
    why = asked.explanation
    told = {p: deeper(asked, p)["sentences"] for p in sorted(asked.predicted)[:30]}
    for patient, sentences in told.items():
        table = why.patient(patient).modalities.drop_nulls()
        apart = float((table["contribution"] - table["knowing"]).abs().sum())
        size = max(float(table[c].abs().sum()) for c in ("contribution", "knowing"))
        assert bool(sentences) == (apart > 0.25 * size), patient
    assert any(told.values()), "trees take absence as a sign"


def test_without_one_model_nothing_is_drawn(result):
    found = deeper(Background(result), "P000")
    assert found["figure"] is None and found["rows"] == []


def test_a_patient_without_a_prediction_gets_nothing(asked):
    assert deeper(asked, NOTHING) == {"sentences": [], "figure": None, "columns": (), "rows": []}


def test_an_explanation_without_knowing_says_nothing_of_it(asked):
    why = asked.explanation
    bare = dataclasses.replace(why, details=dataclasses.replace(why.details, knowing=None))
    assert deeper(dataclasses.replace(asked, why=bare), "P000")["sentences"] == []
    assert pl.DataFrame(deeper(asked, "P000")["rows"], orient="row").width >= 3


def test_the_page_shows_it(asked, result):
    page = patient_page(result, asked.explanation, patient="P000").html
    section = page[page.index('id="why"') : page.index('id="course"')]
    assert "What each modality adds at each time" in section and "an average patient" in section
    assert "What each modality adds at each time" not in patient_page(result, patient="P000").html
