"""Who is only seen once event-free for a while says nothing of the days before; models of modalities know it."""

import numpy as np
import pytest
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.fusion import (
    BlockPenalizedFusion,
    EarlyFusion,
    GatedFusion,
    ImageFusion,
    KernelFusion,
    LateFusion,
)
from tests.fusion.image_world import draw_images
from tests.models.world import draw

MODELS = {
    "late": LateFusion(),
    "early": EarlyFusion(),
    "ridge": BlockPenalizedFusion(),
    "lasso": BlockPenalizedFusion("lasso"),
    "priority": BlockPenalizedFusion("priority"),
    "kernel": KernelFusion(),
    "gated": GatedFusion(n_members=1, epochs=40, weight_decay=0.1, n_folds=3),
    "hazards": GatedFusion(head="hazard", n_members=1, epochs=40, weight_decay=0.1, n_folds=3),
}
each = pytest.mark.parametrize("name", list(MODELS))


@pytest.fixture(scope="module")
def truncated():
    """Return table and outcome of those whose event or censoring came after they were first seen."""
    X, y, *_ = draw(300, seed=4, missing=0.2)
    entry = np.floor(np.random.default_rng(4).uniform(0, 500, size=300))
    seen = np.flatnonzero(y.time_days > entry)
    return X[seen], y[seen], entry[seen]


@each
def test_entry_on_day_0_is_no_entry(name):
    X, y, *_ = draw(90, seed=5)
    late = Outcome.survival(y.time_days, y.event, entry_days=np.zeros(90))
    one, other = (clone(MODELS[name]).fit(X, o) for o in (y, late))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@each
def test_the_advantage_of_survivors_is_taken_out_of_the_curves(name, truncated):
    X, y, entry = truncated
    new, truth, *_ = draw(600, seed=6, missing=0.0)
    late = Outcome.survival(y.time_days, y.event, entry_days=entry)
    model = clone(MODELS[name])
    right = model.fit(X, late).predict_survival(new, [200.0]).mean()  # no warning: entry is used
    wrong = model.fit(X, y).predict_survival(new, [200.0]).mean()
    free = 1.0 - np.mean(truth.event & (truth.time_days <= 200.0))  # nearly: few are censored so early
    assert wrong - right > 0.05 and abs(right - free) < 0.6 * abs(wrong - free)


@pytest.mark.slow
def test_pictures_too(tmp_path):
    X, y, *_ = draw_images(tmp_path, 120, seed=7)
    entry = np.where(np.arange(120) % 2 == 0, np.floor(0.7 * y.time_days), 0.0)
    late = Outcome.survival(y.time_days, y.event, entry_days=entry)
    model = ImageFusion(epochs=2, max_epochs=2, min_events=30, n_folds=2)
    right = model.fit(X, late).predict_survival(X, [200.0])
    wrong = model.fit(X, y).predict_survival(X, [200.0])
    assert right.mean() < wrong.mean() - 0.02
    assert np.isfinite(right).all()
