"""Columns that are almost copies: the search for a penalty ends early and says so, where it used to fail."""

import re

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import CoxElasticNet, CoxRegression, cox_descent_search, sksurv_elastic_net
from hybridx.models.cox_descent import cox_path, penalty_grid
from hybridx.models.losses import CoxLoss

ENDED = re.compile(r"The search ended at penalty [\d.e-]+ \(l1_ratio 0\.9\)")


@pytest.fixture(scope="module")
def copies():
    """60 patients, six underlying quantities, each measured twenty times with an error of a fiftieth."""
    rng = np.random.default_rng(5)
    n, groups, each = 60, 6, 20
    truth = rng.normal(size=(n, groups))
    matrix = np.repeat(truth, each, axis=1) + 0.02 * rng.normal(size=(n, groups * each))
    X = pl.DataFrame({f"rna.g{j:03d}": matrix[:, j] for j in range(matrix.shape[1])})
    hazard = np.exp(0.8 * truth[:, 0] - 0.6 * truth[:, 1])
    y = Outcome.survival(100.0 * rng.exponential(1.0 / hazard) + 1.0, rng.random(n) < 0.8)
    return X, y


@pytest.fixture
def impatient(monkeypatch):
    """Give the descents few sweeps, so that a small table shows what large ones show after seconds."""
    monkeypatch.setattr(cox_descent_search, "_MAX_SWEEPS", 2_000)
    monkeypatch.setattr(sksurv_elastic_net, "_MAX_ITERATIONS", 800)


def models():
    return [
        CoxElasticNet(l1_ratio=0.9, correlation=None),
        CoxRegression(penalty=None, l1_ratio=0.9, correlation=None),
    ]


@pytest.mark.parametrize("model", models(), ids=["coxnet", "own"])
def test_search_ends_where_the_path_does(model, copies, impatient):
    X, y = copies
    fitted = model.fit(X, y)
    (note,) = fitted.notes_
    assert ENDED.match(note)
    weakest = fitted.cv_["penalty"].min()
    assert f"{weakest:.3g}" in note and fitted.tuned_["penalty"] >= weakest
    assert np.isfinite(fitted.cv_["loss"].to_numpy()).all()
    assert fitted.score(X, y) > 0.65


@pytest.mark.parametrize("model", models(), ids=["coxnet", "own"])
def test_patience_changes_nothing_where_it_suffices(model, copies, monkeypatch):
    """A path that ends early gives the same losses, as far as it goes, as the whole one."""
    X, y = copies
    whole = type(model)(**model.get_params()).fit(X, y)
    assert whole.notes_ == []
    monkeypatch.setattr(cox_descent_search, "_MAX_SWEEPS", 2_000)
    monkeypatch.setattr(sksurv_elastic_net, "_MAX_ITERATIONS", 800)
    short = type(model)(**model.get_params()).fit(X, y)
    assert 1 < short.cv_.height < whole.cv_.height
    np.testing.assert_allclose(short.cv_["loss"], whole.cv_["loss"][: short.cv_.height], rtol=1e-5)


@pytest.mark.parametrize(
    "model",
    [CoxElasticNet(l1_ratio=0.9, penalty=1e-5, correlation=None), CoxRegression(penalty=1e-5, l1_ratio=0.9)],
    ids=["coxnet", "own"],
)
def test_a_given_penalty_is_not_replaced(model, copies, impatient):
    X, y = copies
    with pytest.raises(ConvergenceError):
        model.fit(X, y)


def test_partial_path_is_the_start_of_the_whole(copies, monkeypatch):
    X, y = copies
    loss, matrix = CoxLoss(y.time_days, y.event), X.to_numpy()
    grid = penalty_grid(matrix, loss, 0.9, n_penalties=20, end=0.02)
    whole = cox_path(matrix, loss, grid, 0.9)
    monkeypatch.setattr(cox_descent_search, "_MAX_SWEEPS", 2_000)
    with pytest.raises(ConvergenceError, match="did not settle"):
        cox_path(matrix, loss, grid, 0.9)
    part = cox_path(matrix, loss, grid, 0.9, partial=True)
    k = len(part.penalties)
    assert 1 < k < 20
    np.testing.assert_array_equal(part.coefs, whole.coefs[:k])
    np.testing.assert_array_equal(part.intercepts, whole.intercepts[:k])


def test_chosen_penalty_without_a_minimum_on_all_patients(copies, monkeypatch):
    """All patients may have no minimum where the folds had one: the next stronger penalty is taken, and said."""
    X, y = copies
    real = cox_path

    def stubborn(matrix, loss, penalties, *rest, **named):
        if len(matrix) == len(y):
            grid = np.asarray(penalties)
            if len(grid) == 1:
                msg = "not here"
                raise ConvergenceError(msg)
            return real(matrix, loss, grid[:-1], *rest, **named)
        return real(matrix, loss, penalties, *rest, **named)

    monkeypatch.setattr("hybridx.models.cox_regression.cox_path", stubborn)
    model = CoxRegression(penalty=None, l1_ratio=0.9, correlation=None).fit(X, y)
    best = model.cv_["penalty"][int(model.cv_["loss"].arg_min())]
    stronger = model.cv_["penalty"].filter(model.cv_["penalty"] > best).min()
    assert model.penalty_ == stronger == model.tuned_["penalty"]
    assert model.notes_ == [f"The penalty is {stronger:.3g}: no minimum was found below it."]


def test_fusion_passes_the_note_on(copies, impatient):
    X, y = copies
    early = EarlyFusion(CoxElasticNet(l1_ratio=0.9, correlation=None)).fit(X, y)
    assert ENDED.match(early.notes_[0])
    late = LateFusion(CoxRegression(penalty=None, l1_ratio=0.9, correlation=None)).fit(X, y)
    assert late.notes_[0].startswith("rna: The search ended")
