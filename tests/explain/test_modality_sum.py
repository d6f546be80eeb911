"""A sum over modalities computed once says what the model says of every put-together patient."""

import numpy as np
import pytest

from hybridx.explain import asked_only, coalitions, explain, scales, synthetic
from hybridx.explain.modality_sum import modality_sum
from hybridx.explain.synthetic import Substitution
from hybridx.fusion import KernelFusion
from tests.models.world import draw


@pytest.fixture(scope="module")
def rbf():
    X, y, *_ = draw(90, seed=3)
    model = KernelFusion(("linear", "rbf")).fit(X[:70], y[:70])
    return model, X[70:], X[:70]


@pytest.mark.parametrize(("scale", "times"), [(None, None), ("risk", [100.0, 400.0])])
def test_the_sum_gives_what_the_model_itself_gives(rbf, monkeypatch, scale, times):
    model, patients, reference = rbf
    told = {"scale": scale, "times": times} if scale else {}
    quick = explain(model, patients[:6], reference, knowing=False, **told)
    monkeypatch.setattr(synthetic, "modality_sum", lambda *_: None)
    slow = explain(model, patients[:6], reference, knowing=False, **told)
    if scale:
        np.testing.assert_allclose(quick.contributions, slow.contributions, atol=1e-9)
    else:
        np.testing.assert_allclose(
            quick.features.drop("patient_id").to_numpy(),
            slow.features.drop("patient_id").to_numpy(),
            atol=1e-9,
        )


def test_the_model_is_not_asked_about_whole_coalitions(rbf, monkeypatch):
    model, patients, reference = rbf
    made = Substitution(model, patients, reference)
    pattern = np.ones(3, dtype=bool)
    rows = np.flatnonzero(model.measured(patients).all(axis=1))
    full = model.linear_predictor(patients[rows])
    monkeypatch.setattr(type(model), "_score", lambda *_: pytest.fail("asked"))
    case = coalitions.Case(made, rows, pattern, made.background(pattern, rows))
    worth = coalitions.worth_of_coalitions(case, full, range(8))
    values = coalitions.exact_values(worth, 3, len(rows))
    np.testing.assert_allclose(worth[0] + values.sum(axis=1), full, atol=1e-9)


def test_a_sum_that_is_not_the_models_word_is_not_used(rbf):
    model, patients, reference = rbf

    class Liar:
        measured, linear_predictor = model.measured, model.linear_predictor

        def modality_terms(self, frame):
            return 1.01 * model.modality_terms(frame)

    assert modality_sum(model, patients, reference) is not None
    assert modality_sum(Liar(), patients, reference) is None


def test_without_a_link_there_is_no_shortcut(rbf):
    model, patients, _ = rbf
    scaled = asked_only.Asked(model, scales.Scale("risk", np.array([100.0])))
    assert scaled.link is not None
    scaled.link = None
    assert modality_sum(scaled, patients, patients) is None
