"""Every survival base learner survives being locked inside a fusion, without pickle and without training patients."""

import numpy as np
import pytest

from hybridx.fusion import EarlyFusion, LateFusion, LockedModel, lock
from hybridx.models import GradientBoostedCox, SurvivalSVM, WeibullAFT, XGBoostAFT
from tests.models.world import draw

LEARNERS = {
    "boosted trees": GradientBoostedCox(max_depth=2, n_rounds=10, n_folds=2),
    "boosted linear": GradientBoostedCox(learner="linear", n_rounds=10, n_folds=2),
    "aft": XGBoostAFT(distribution="loglogistic", max_depth=1, n_rounds=10, n_folds=2),
    "weibull": WeibullAFT(prior_sd=0.6),
    "svm": SurvivalSVM(cost=10.0, n_folds=2),
    "bent svm": SurvivalSVM(kernel="rbf", cost=10.0, n_folds=2),
}


@pytest.fixture(scope="module")
def data():
    X, y, _, _ = draw(120, seed=12)
    return X, y


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("fusion", ["late", "early"])
def test_round_trip_gives_the_same_numbers(name, fusion, data, tmp_path):
    X, y = data
    learner = LEARNERS[name]
    model = LateFusion({"pet": learner}, n_folds=3) if fusion == "late" else EarlyFusion(learner)
    fitted = model.fit(X[:90], y[:90])
    folder = lock(fitted, X[:90], y[:90]).save(tmp_path / "model")
    back = LockedModel.load(folder).model
    np.testing.assert_array_equal(back.predict(X[90:]), fitted.predict(X[90:]))
    np.testing.assert_array_equal(
        back.predict_survival(X[90:], [0, 100, 400]), fitted.predict_survival(X[90:], [0, 100, 400])
    )
    part = back.models_["pet"] if fusion == "late" else back.model_
    arrays = [v for v in vars(part).values() if isinstance(v, np.ndarray)]
    assert all(90 not in array.shape and part.n_patients_ not in array.shape for array in arrays)
