"""Survival SVM: scikit-survival's ranking, an honest log-hazard, no training patient kept."""

import numpy as np
import pytest
from sksurv.svm import FastSurvivalSVM

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, SettingsError
from hybridx.models import SurvivalSVM, frozen, sksurv_svm
from tests.models.world import draw


@pytest.fixture(scope="module")
def data():
    X, y, _, truth = draw(200, seed=6)
    return X, y, truth


def test_linear_score_equals_scikit_survival(data):
    X, y, _ = data
    model = SurvivalSVM(cost=10.0).fit(X, y)
    matrix = model.preparation_.transform_matrix(X.select(model.columns_).to_numpy().astype(float))
    scaled = matrix / np.sqrt(matrix.shape[1])
    later = (y.time_days[None, :] > y.time_days[:, None])[y.event].sum()
    peer = FastSurvivalSVM(alpha=10.0 / later, max_iter=500, tol=1e-6, random_state=0)
    theirs = peer.fit(scaled, y.to_array()).predict(scaled)
    ours = model.predict(X)
    # equal times are put in a random order by scikit-survival, so the two differ by a few pairs
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9999
    assert np.std(ours) == pytest.approx(model.calibration_slope_)
    assert ours.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_log_hazard_is_calibrated_on_patients_not_seen(kernel):
    X, y, _, _ = draw(900, seed=1, missing=0)
    model = SurvivalSVM(kernel=kernel).fit(X[:300], y[:300])
    from hybridx.models.held_out_score import cox_slope

    assert cox_slope(y[300:], model.predict(X[300:])) == pytest.approx(1, abs=0.3)
    day = 300.0
    followed = (y[300:].time_days > day) | (y[300:].event & (y[300:].time_days <= day))
    alive = (y[300:].time_days > day)[followed].mean()
    assert model.predict_survival(X[300:], day)[followed].mean() == pytest.approx(alive, abs=0.06)


def test_a_bent_effect_is_found_by_the_bent_kernel_only():
    rng = np.random.default_rng(0)
    import polars as pl

    x = rng.uniform(-2, 2, size=(500, 2))
    time = rng.exponential(size=500) * np.exp(-1.5 * (x[:, 0] ** 2 - 4 / 3)) * 300 + 1
    y = Outcome.survival(time, rng.random(500) < 0.8)
    X = pl.DataFrame({"pet.a": x[:, 0], "pet.b": x[:, 1]})
    linear, bent = (
        SurvivalSVM(kernel=k).fit(X[:300], y[:300]).score(X[300:], y[300:]) for k in ("linear", "rbf")
    )
    assert bent > 0.65 > linear + 0.05


def test_bent_kernel_keeps_the_promises_of_the_room(data):
    X, y, _ = data
    model = SurvivalSVM(kernel="rbf").fit(X[:150], y[:150])
    shuffled = np.random.default_rng(0).permutation(150)
    again = SurvivalSVM(kernel="rbf").fit(X[shuffled], y[shuffled])
    np.testing.assert_allclose(again.predict(X[150:]), model.predict(X[150:]), atol=1e-9)
    cheap = frozen(model).fit(X[:150], y[:150])
    np.testing.assert_allclose(cheap.predict(X[150:]), model.predict(X[150:]), atol=1e-9)
    alone = np.concatenate([model.predict(X[[i]]) for i in range(150, 155)])
    np.testing.assert_allclose(alone, model.predict(X[150:155]), atol=1e-12)
    assert model.predict(X[:0]).shape == (0,)
    curves = model.predict_survival(X[150:], [0, 100, 1e5])
    assert (curves[:, 0] == 1).all() and (np.diff(curves, axis=1) <= 0).all()
    kept = [v for v in vars(model).values() if isinstance(v, np.ndarray)]
    assert all(150 not in v.shape for v in kept)


def test_noise_gives_almost_nothing_but_an_order(data):
    X, y, _ = data
    found = []
    for seed in range(4):
        shuffled = y[np.random.default_rng(seed).permutation(200)]
        model = SurvivalSVM(n_folds=3, random_state=seed).fit(X, shuffled)
        found.append(model.calibration_slope_)
        assert len(np.unique(model.predict(X))) > 100
    assert np.median(found) < 0.2


def test_settings_and_failures_are_named(data, monkeypatch):
    X, y, _ = data
    with pytest.raises(SettingsError, match=r"Unknown kernel 'rfb'\. Did you mean 'rbf'"):
        SurvivalSVM(kernel="rfb").fit(X, y)
    with pytest.raises(SettingsError, match=r"cost must be > 0.*got -1"):
        SurvivalSVM(cost=-1).fit(X, y)
    monkeypatch.setattr(sksurv_svm, "_STEPS", 1)
    with pytest.raises(ConvergenceError, match=r"cost 100, 21 columns\) did not converge"):
        SurvivalSVM(cost=100.0, correlation=None).fit(X, y)


def test_nothing_to_rank_is_named():
    rng = np.random.default_rng(0)
    last = Outcome.survival(np.arange(1.0, 11), np.arange(10) == 9)
    with pytest.raises(ConvergenceError, match="did not converge: Data has no comparable pairs"):
        sksurv_svm._rank(rng.normal(size=(10, 2)), last, 1.0, 0)
    first = Outcome.survival(np.arange(1.0, 11), np.arange(10) == 0)
    with pytest.raises(ConvergenceError, match="gives every patient the same score"):
        sksurv_svm._rank(np.zeros((10, 2)), first, 1.0, 0)
