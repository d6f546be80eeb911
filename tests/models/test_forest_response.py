"""Forest of response: its sums, its out-of-bag patients, its calibration."""

import numpy as np
import pytest

from hybridx.cohort import Outcome
from hybridx.cohort.columns import to_matrix
from hybridx.errors import SettingsError
from hybridx.models import ForestResponse
from hybridx.models.data import known_rows
from hybridx.models.forest_response import _calibrate, _out_of_bag
from tests.models.world import draw


@pytest.fixture(scope="module")
def data():
    X, _, response, truth = draw(400, seed=2)
    return X, response, truth


@pytest.fixture(scope="module")
def model(data):
    return ForestResponse(n_trees=40).fit(data[0][:120], data[1][:120])


def test_log_odds_are_the_calibrated_mean_of_the_leaves(data, model):
    X, response, _ = data
    table, y = known_rows(X[:120], response[:120], "response")  # models see rows in an order of their own
    prepared = model.preparation_.transform_matrix(to_matrix(table, model.columns_))
    new = model.preparation_.transform_matrix(to_matrix(X[120:130], model.columns_))
    total = np.zeros(10)
    for tree, drawn in zip(model.forest_.estimators_, model.forest_.estimators_samples_, strict=True):
        leaf, value = tree.apply(prepared[drawn]), y.value[drawn]
        # both classes weigh n / 2 in every resample
        weight = np.where(value == 1, 120 / (2 * value.sum()), 120 / (2 * (1 - value).sum()))
        for i, own in enumerate(tree.apply(new)):
            here = leaf == own
            yes = weight[here & (value == 1)].sum()
            no = weight[here & (value == 0)].sum()
            total[i] += np.log(yes + 0.5) - np.log(no + 0.5)
    expected = model.slope_ * total / 40 + model.intercept_
    np.testing.assert_allclose(model.linear_predictor(X[120:130]), expected, atol=1e-9)


def test_copies_of_a_patient_are_out_of_the_bag_together(model):
    keys = np.array([f"P{i // 2}" for i in range(120)])
    out = _out_of_bag(model.forest_, keys)
    np.testing.assert_array_equal(out[::2], out[1::2])
    for i, drawn in enumerate(model.forest_.estimators_samples_):
        assert not out[drawn, i].any()
    assert 0.05 < out.mean() < 0.25  # e^-2 of the pairs


def test_probabilities_are_calibrated_on_new_patients():
    predicted, happened = [], []
    for seed in range(6):
        X, _, y, _ = draw(500, seed=seed + 30)
        fitted = ForestResponse(n_trees=60).fit(X[:120], y[:120])
        predicted.append(fitted.predict_proba(X[120:])[:, 1])
        happened.append(y.value[120:])
    p, value = np.concatenate(predicted), np.concatenate(happened)
    groups = np.digitize(p, np.quantile(p, [0.25, 0.5, 0.75]))
    for group in range(4):
        assert p[groups == group].mean() == pytest.approx(value[groups == group].mean(), abs=0.08)


def test_noise_gets_a_slope_near_nothing():
    slopes = []
    for seed in range(5):
        X, _, y, _ = draw(120, seed=seed + 60)
        shuffled = y[np.random.default_rng(seed).permutation(120)]
        fitted = ForestResponse(n_trees=40, min_leaf=15).fit(X, shuffled)
        slopes.append(fitted.predict_proba(X)[:, 1].std())
    assert np.mean(slopes) < 0.12


def test_calibration_recovers_slope_and_intercept_and_stays_finite():
    rng = np.random.default_rng(0)
    margin = rng.normal(size=20_000)
    value = (rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * margin - 0.4)))).astype(float)
    assert _calibrate(margin, value) == pytest.approx((0.7, -0.4), abs=0.05)
    slope, _ = _calibrate(np.r_[np.full(10, -1.0), np.full(10, 1.0)], np.r_[np.zeros(10), np.ones(10)])
    assert 1 < slope < 20
    assert _calibrate(-margin, value)[0] == 0


def test_the_leaf_size_with_the_smaller_loss_is_taken(data, model):
    best = model.cv_.sort("loss")["min_leaf"][0]
    assert model.tuned_ == {"min_leaf": best}
    assert model.cv_["min_leaf"].to_list() == [5, 15]
    fixed = ForestResponse(n_trees=40, min_leaf=int(best)).fit(data[0][:120], data[1][:120])
    np.testing.assert_array_equal(fixed.linear_predictor(data[0]), model.linear_predictor(data[0]))


def test_more_signal_is_ranked_better_than_chance(data, model):
    assert model.score(data[0][120:], data[1][120:]) > 0.58


@pytest.mark.parametrize("setting", [{"n_trees": 0}, {"min_leaf": 0}])
def test_impossible_settings_are_refused(setting, data):
    with pytest.raises(SettingsError, match="n_trees and min_leaf must be >= 1"):
        ForestResponse(**setting).fit(data[0][:80], data[1][:80])


def test_a_handful_of_trees_still_fits():
    X, _, y, _ = draw(80, seed=1)
    fitted = ForestResponse(n_trees=2, min_leaf=5).fit(X, y)
    assert np.isfinite(fitted.linear_predictor(X)).all()
    rare = Outcome.response((np.arange(80) < 5).astype(float))
    assert np.isfinite(ForestResponse(n_trees=5, min_leaf=15).fit(X, rare).linear_predictor(X)).all()
