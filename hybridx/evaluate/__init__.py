"""How good, and how sure: designs, metrics with intervals, baselines, and the result they make.

The room itself can be called: ``hybridx.evaluate(...)`` is `hybridx.evaluate.evaluate`, because importing any module
below it would otherwise put the package in the place of the function.
"""

from hybridx._lazy import attach, make_callable

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Difference": "compare",
        "NestedCV": "designs",
        "Result": "result",
        "Split": "designs",
        "antolini_c": "metrics_curves",
        "auc_t": "metrics",
        "brier": "metrics",
        "brier_t": "metrics",
        "calibration_slope": "metrics",
        "cause_auc_t": "metrics_causes",
        "cause_brier_t": "metrics_causes",
        "cause_specific": "causes",
        "designs": "designs",
        "evaluate": "run",
        "harrell_c": "metrics",
        "ibs": "metrics",
        "ibs_skill": "metrics_curves",
        "ici": "metrics",
        "metrics": "metrics",
        "observed_expected": "metrics",
        "pr_auc": "metrics_curves",
        "roc_auc": "metrics",
        "uno_c": "metrics",
        "wolbers_c": "metrics_causes",
    },
)

make_callable(__name__, "evaluate")
