"""One table -> one risk or probability."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AFTBaseline": "aft_baseline",
        "BreslowBaseline": "baseline",
        "CoxElasticNet": "sksurv_elastic_net",
        "CoxRidge": "ridge_models",
        "GradientBoostedCox": "sksurv_boosting",
        "LogisticModel": "ridge_models",
        "PenaltyPath": "cox_descent",
        "ResponseModel": "base",
        "SurvivalForest": "sksurv_forest",
        "SurvivalModel": "base",
        "SurvivalSVM": "sksurv_svm",
        "TableModel": "base",
        "WeibullAFT": "weibull_aft",
        "XGBoostAFT": "xgboost_aft",
        "XGBoostCox": "xgboost_models",
        "XGBoostResponse": "xgboost_models",
        "cox_path": "cox_descent",
        "frozen": "base",
        "largest_penalty": "cox_descent",
        "penalty_grid": "cox_descent",
    },
)
