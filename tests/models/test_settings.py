"""Settings: impossible ones refused, chosen ones honest."""

import numpy as np
import pytest

from hybridx.errors import SettingsError
from hybridx.models import CoxElasticNet, CoxRidge, LogisticModel, SurvivalForest, XGBoostCox, frozen
from tests.models.world import draw


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (CoxRidge(prior_sd=0), "prior_sd is a standard deviation > 0"),
        (LogisticModel(prior_sd=-1), "prior_sd is a standard deviation > 0"),
        (CoxElasticNet(l1_ratio=1.5), r"l1_ratio must lie in \(0, 1\]"),
        (CoxElasticNet(penalty=-2), "penalty be > 0"),
        (SurvivalForest(n_trees=0), "n_trees and min_leaf must be >= 1"),
        (XGBoostCox(learning_rate=0.0), r"learning_rate lie in \(0, 1\], got None, None and 0.0"),
    ],
)
def test_impossible_settings_are_refused(model, message):
    X, y, response, _ = draw(60)
    with pytest.raises(SettingsError, match=message):
        model.fit(X, response if model.takes == "response" else y)


def test_ridge_chooses_caution_for_noise_and_boldness_for_signal():
    noisy, bold = [], []
    for seed in range(6):
        X, y, _, log_hazard = draw(150, seed=seed, missing=0)
        noise = [c for c in X.columns if c.startswith("lab.x")]
        noisy.append(CoxRidge(columns=noise).fit(X, y).tuned_["prior_sd"])
        told = X.with_columns(clinical_truth=log_hazard).rename({"clinical_truth": "clinical.truth"})
        bold.append(CoxRidge(columns=["clinical.truth"]).fit(told, y).tuned_["prior_sd"])
    assert np.median(noisy) <= 0.2
    assert np.median(bold) >= 0.8


def test_search_table_holds_what_was_tried():
    X, y, *_ = draw(80)
    model = CoxRidge().fit(X, y)
    assert model.cv_["prior_sd"].to_list() == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
    best = model.cv_.sort("loss")["prior_sd"][0]
    assert model.tuned_ == {"prior_sd": best}
    assert frozen(model).fit(X, y).cv_ is None


def test_elastic_net_leaves_features_out():
    X, y, *_ = draw(120, seed=2)
    model = CoxElasticNet(l1_ratio=1.0).fit(X, y)
    assert 0 < np.count_nonzero(model.coef_) < len(model.coef_)


def test_boosted_survival_is_recalibrated():
    X, y, *_ = draw(120, seed=2)
    model = XGBoostCox(max_depth=3, n_rounds=320, learning_rate=0.3).fit(X[:90], y[:90])
    assert model.calibration_slope_ < 0.6  # far too deep and long: margins are several times too far apart
