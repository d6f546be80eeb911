"""Models of responses, levels and values survive being written and read without a pickle."""

import numpy as np
import pytest
import skops.io
from sklearn.base import clone

from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.fusion.trusted import TRUSTED
from hybridx.models import ContinuousModel, ForestResponse, OrdinalModel, XGBoostContinuous
from tests.models.catalogue import endpoint_of
from tests.models.world import draw, draw_other

MODELS = {
    "early forest": EarlyFusion(ForestResponse(n_trees=20), endpoint="response"),
    "late forest": LateFusion({"pet": ForestResponse(n_trees=10, min_leaf=15)}, endpoint="response"),
    "ordinal": OrdinalModel(),
    "continuous": ContinuousModel(),
    "xgboost continuous": XGBoostContinuous(n_rounds=10),
}


@pytest.mark.parametrize("name", MODELS)
def test_written_and_read_gives_the_same_numbers(name):
    X, _, response, truth = draw(120, seed=3)
    ordinal, continuous = draw_other(truth)
    outcomes = {"response": response, "ordinal": ordinal, "continuous": continuous}
    model = clone(MODELS[name])
    model.fit(X[:90], outcomes[endpoint_of(model)][:90])
    content = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)
    back = skops.io.loads(content, trusted=list(TRUSTED))
    np.testing.assert_array_equal(back.linear_predictor(X), model.linear_predictor(X))
    for method in ("predict_proba", "predict_interval"):
        if hasattr(model, method):
            np.testing.assert_array_equal(getattr(back, method)(X), getattr(model, method)(X))
