"""The same numbers as the programs people know: neuroCombat, neuroHarmonize, pingouin, R; values in tests/reference."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.decomposition import PCA

from hybridx.cohort import Outcome
from hybridx.prepare import ComBat, PrincipalComponents, adjusted, icc
from hybridx.prepare.single_tests import column_tests

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="module")
def combat():
    stored = json.loads((REFERENCE / "combat.json").read_text())
    values = np.array(stored["values"])
    frame = pl.DataFrame(
        {"centre": stored["batch"], "clinical.age": stored["age"], "clinical.stage": stored["stage"]}
        | {f"pet.x{j}": values[:, j] for j in range(values.shape[1])}
    )
    return stored, frame


def numbers(frame):
    return frame.select(pl.col("^pet\\.x.*$")).to_numpy()


def relative(got, wanted):
    return np.max(np.abs(got - wanted) / np.std(wanted, axis=0))


COVARIATES = ["clinical.age", "clinical.stage"]
LIKE_PEERS = {"tolerance": 1e-4}


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("parametric", LIKE_PEERS),
        ("nonparametric", {"method": "nonparametric"}),
        ("none", {"method": "none"}),
        ("location", {"method": "none", "scale": False}),
        ("reference", {"reference": "B", **LIKE_PEERS}),
    ],
)
def test_combat_is_neurocombat(combat, key, settings):
    stored, frame = combat
    got = numbers(ComBat(covariates=COVARIATES, **settings).fit_transform(frame))
    # its parametric iteration ends early on negative shifts (the change is divided by the shift, not by its size): 7e-7
    assert relative(got, np.array(stored[key])) < (1e-6 if key == "parametric" else 1e-8)
    assert relative(numbers(frame), np.array(stored[key])) > 0.1  # there was something to do


def test_combat_on_new_patients_is_neuroharmonize(combat):
    stored, frame = combat
    train = np.array(stored["train"])
    step = ComBat(covariates=COVARIATES, **LIKE_PEERS).fit(frame.filter(train))
    assert relative(numbers(step.transform(frame.filter(train))), np.array(stored["learnt"])) < 1e-8
    assert relative(numbers(step.transform(frame.filter(~train))), np.array(stored["applied"])) < 1e-8


@pytest.mark.parametrize(
    "case",
    json.loads((REFERENCE / "icc.json").read_text())["cases"],
    ids=lambda c: f"{c['table']}-{c['kind']}",
)
def test_icc_is_pingouin(case):
    tables = json.loads((REFERENCE / "icc.json").read_text())["tables"]
    found = icc(tables[case["table"]], case["kind"])
    assert (found.value, found.low, found.high) == pytest.approx(
        (case["icc"], case["low"], case["high"]), abs=1e-9
    )


def test_icc_as_published():
    # Table 4 of Shrout & Fleiss 1979
    table = json.loads((REFERENCE / "icc.json").read_text())["tables"]["shrout_fleiss"]
    assert [round(icc(table, kind).value, 2) for kind in ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)")] == [
        0.17,
        0.29,
        0.71,
    ]


@pytest.fixture(scope="module")
def columns():
    data = pl.read_csv(REFERENCE / "column_tests_data.csv", infer_schema_length=None, null_values=["", "NA"])
    outcomes = {
        "survival": Outcome.survival(data["time"], data["event"]),
        "response": Outcome.response(data["responder"]),
        "continuous": Outcome.continuous(data["change"]),
        "ordinal": Outcome.ordinal(data["level"], levels=[0, 1, 2, 3]),
    }
    matrix = data.select(pl.col("^x.*$").cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return matrix, outcomes, pl.read_csv(REFERENCE / "column_tests.csv")


@pytest.mark.parametrize(
    ("kind", "test"),
    [(k, t) for k in ("survival", "response") for t in ("score", "wald")]
    + [("continuous", "score"), ("ordinal", "score")],
)
def test_single_tests_are_those_of_r(columns, kind, test):
    matrix, outcomes, expected = columns
    statistic, p = column_tests(matrix, outcomes[kind], test)
    wanted = expected.filter(kind=kind, test=test)
    np.testing.assert_allclose(statistic, wanted["statistic"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(p, wanted["p"], rtol=1e-5, atol=1e-12)
    for method in ("bh", "bonferroni"):
        np.testing.assert_allclose(adjusted(wanted["p"], method), wanted[method], rtol=1e-12)


def test_components_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    for n, p in ((40, 25), (25, 40)):
        X = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p)) + rng.normal(size=(n, p))
        frame = pl.DataFrame({f"expression.g{j}": X[:, j] for j in range(p)})
        got = PrincipalComponents(5).fit(frame)
        peer = PCA(5).fit((X - X.mean(0)) / X.std(0))
        theirs = peer.transform((X - X.mean(0)) / X.std(0))
        ours = got.transform(frame).to_numpy()
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-9)
        np.testing.assert_allclose(got.explained_["share"], peer.explained_variance_ratio_, atol=1e-12)
