"""How good, and how sure: designs, metrics with intervals, baselines, and the result they make.

The room itself can be called: ``hybridx.evaluate(...)`` is `hybridx.evaluate.evaluate`, because importing any module
below it would otherwise put the package in the place of the function.
"""

from hybridx._lazy import attach, make_callable

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AddedValue": "added_value",
        "Difference": "compare",
        "NestedCV": "designs",
        "Result": "result",
        "Split": "designs",
        "antolini_c": "metrics_curves",
        "auc_t": "metrics",
        "balanced_accuracy": "metrics_decisions",
        "brier": "metrics",
        "brier_t": "metrics",
        "calibration_intercept": "metrics_calibration",
        "calibration_slope": "metrics",
        "cause_auc_t": "metrics_causes",
        "cause_brier_t": "metrics_causes",
        "cause_specific": "causes",
        "delong_test": "delong",
        "designs": "designs",
        "e50": "metrics_calibration",
        "e90": "metrics_calibration",
        "evaluate": "run",
        "explained_variation": "metrics_kinds",
        "harrell_c": "metrics",
        "ibs": "metrics",
        "ibs_skill": "metrics_curves",
        "ici": "metrics",
        "mae": "metrics_kinds",
        "mcc": "metrics_decisions",
        "metrics": "metrics",
        "net_benefit": "metrics_decisions",
        "npv": "metrics_decisions",
        "observed_expected": "metrics",
        "ordinal_c": "metrics_kinds",
        "ppv": "metrics_decisions",
        "pr_auc": "metrics_curves",
        "quadratic_kappa": "metrics_kinds",
        "r2": "metrics_kinds",
        "reclassification_table": "reclassification",
        "rmse": "metrics_kinds",
        "roc_auc": "metrics",
        "score_locked": "external",
        "royston_d": "metrics_kinds",
        "rps": "metrics_kinds",
        "sensitivity": "metrics_decisions",
        "spearman": "metrics_kinds",
        "specificity": "metrics_decisions",
        "uno_c": "metrics",
        "within_one": "metrics_kinds",
        "wolbers_c": "metrics_causes",
        "EnoughData": "enough",
        "LearningCurve": "learning",
        "StressTest": "stress",
        "enough_data": "enough",
        "learning_curve": "learning",
        "coalitions_of": "coalitions",
    },
)

make_callable(__name__, "evaluate")
