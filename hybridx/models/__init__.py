"""One table -> one risk or probability."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AFTBaseline": "aft_baseline",
        "AalenJohansen": "aalen_johansen",
        "BreslowBaseline": "baseline",
        "CompetingRisks": "competing",
        "ContinuousModel": "continuous",
        "CoxElasticNet": "sksurv_elastic_net",
        "CoxRegression": "cox_regression",
        "CoxRidge": "ridge_models",
        "ForestResponse": "forest_response",
        "GradientBoostedCox": "sksurv_boosting",
        "LogisticModel": "ridge_models",
        "OrdinalModel": "ordinal",
        "PenaltyPath": "cox_descent",
        "ResponseModel": "base",
        "SurvivalForest": "sksurv_forest",
        "SurvivalModel": "base",
        "SurvivalSVM": "sksurv_svm",
        "TableModel": "base",
        "ValueModel": "continuous",
        "WeibullAFT": "weibull_aft",
        "XGBoostAFT": "xgboost_aft",
        "XGBoostContinuous": "xgboost_models",
        "XGBoostCox": "xgboost_models",
        "XGBoostResponse": "xgboost_models",
        "cox_path": "cox_descent",
        "frozen": "base",
        "largest_penalty": "cox_descent",
        "penalty_grid": "cox_descent",
    },
)
