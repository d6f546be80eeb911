"""Every estimator of the library, small enough to be fitted dozens of times."""

from hybridx.fusion import BlockPenalizedFusion, EarlyFusion, GatedFusion, KernelFusion, LateFusion
from hybridx.models import (
    ContinuousModel,
    CoxElasticNet,
    CoxRegression,
    CoxRidge,
    ForestResponse,
    GradientBoostedCox,
    LogisticModel,
    OrdinalModel,
    SurvivalForest,
    SurvivalSVM,
    WeibullAFT,
    XGBoostAFT,
    XGBoostContinuous,
    XGBoostCox,
    XGBoostResponse,
)

TABLE_MODELS = {
    "cox_ridge": CoxRidge(),
    "cox_elastic_net": CoxElasticNet(l1_ratio=0.5),
    "cox_regression": CoxRegression(penalty=0.1),
    "cox_lasso": CoxRegression(penalty=None, l1_ratio=0.9),
    "forest": SurvivalForest(n_trees=20),
    "xgboost_cox": XGBoostCox(max_depth=2, n_rounds=20),
    "boosted_cox": GradientBoostedCox(max_depth=2, n_rounds=20),
    "boosted_cox_linear": GradientBoostedCox(learner="linear", n_rounds=40),
    "xgboost_aft": XGBoostAFT(max_depth=2, n_rounds=20),
    "weibull_aft": WeibullAFT(prior_sd=0.6),
    "svm": SurvivalSVM(cost=10.0),
    "logistic": LogisticModel(),
    "xgboost_response": XGBoostResponse(max_depth=2, n_rounds=20),
    "forest_response": ForestResponse(n_trees=50),
    "ordinal": OrdinalModel(),
    "continuous": ContinuousModel(),
    "xgboost_continuous": XGBoostContinuous(max_depth=2, n_rounds=20),
}
FUSION_MODELS = {
    "block": BlockPenalizedFusion(),
    "block_lasso": BlockPenalizedFusion("lasso"),
    "block_priority": BlockPenalizedFusion("priority"),
    "block_response": BlockPenalizedFusion(endpoint="response"),
    "block_net_response": BlockPenalizedFusion("elastic_net", endpoint="response"),
    "early": EarlyFusion(),
    "early_xgboost": EarlyFusion(XGBoostCox(max_depth=2, n_rounds=20)),
    "early_response": EarlyFusion(endpoint="response"),
    "early_blocks": EarlyFusion(scale_blocks="leading"),
    "early_forest": EarlyFusion(SurvivalForest(n_trees=20, min_leaf=5)),
    "gated": GatedFusion(epochs=30, weight_decay=0.03, n_members=2, show_progress=False),
    "gated_hazard": GatedFusion(
        head="hazard", interactions="pairs", epochs=30, weight_decay=0.03, n_members=2, show_progress=False
    ),
    "gated_response": GatedFusion(
        endpoint="response", epochs=30, weight_decay=0.03, n_members=2, show_progress=False
    ),
    "late": LateFusion(),
    "late_mixed": LateFusion(
        {"pet": SurvivalForest(n_trees=20, min_leaf=5), "lab": XGBoostCox(max_depth=1, n_rounds=10)}
    ),
    "early_svm": EarlyFusion(SurvivalSVM(cost=10.0)),
    "late_newer": LateFusion(
        {
            "clinical": WeibullAFT(prior_sd=0.6),
            "pet": GradientBoostedCox(max_depth=1, n_rounds=20, n_folds=2),
            "lab": XGBoostAFT(distribution="loglogistic", max_depth=1, n_rounds=10, n_folds=2),
        },
        n_folds=3,
    ),
    "late_response": LateFusion(endpoint="response"),
    "early_forest_response": EarlyFusion(ForestResponse(n_trees=60, min_leaf=15), endpoint="response"),
    "late_xgboost_response": LateFusion(XGBoostResponse(max_depth=1, n_rounds=20), endpoint="response"),
    "kernel": KernelFusion(),
    "kernel_rbf": KernelFusion(("linear", "rbf")),
    "kernel_response": KernelFusion(endpoint="response"),
}
ALL_MODELS = TABLE_MODELS | FUSION_MODELS
# Averages over settings: what `frozen` fixes is their middle, so that a refit is near, not the same.
FROZEN_NEAR = {"kernel": 0.2, "kernel_rbf": 0.4, "kernel_response": 0.2}


def endpoint_of(model):
    return model.endpoint if hasattr(model, "endpoint") else model.takes
