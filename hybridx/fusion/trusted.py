"""What a saved model may be made of, and reading it back without unpickling: only types of a fixed list."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["TRUSTED", "foreign_types", "read_trusted", "write_trusted"]

# Whatever a saved model may be made of, beyond numpy, scipy and scikit-learn types that skops knows itself.
TRUSTED = (
    "hybridx.evaluate.conformal_response.ConformalResponse",
    "hybridx.evaluate.conformal_survival.ConformalSurvival",
    "hybridx.fusion.block.BlockPenalizedFusion",
    "hybridx.fusion.consensus.ConsensusFusion",
    "hybridx.fusion.early.EarlyFusion",
    "hybridx.fusion.evidence.EvidenceFit",
    "hybridx.fusion.feature_maps.FeatureMap",
    "hybridx.fusion.gated.GatedFusion",
    "hybridx.fusion.gated_combining.Combination",
    "hybridx.fusion.gated_inputs.BlockInput",
    "hybridx.fusion.image_context.TableContext",
    "hybridx.fusion.image_model.ImageFusion",
    "hybridx.fusion.image_term.ImageTerm",
    "hybridx.fusion.kernel.KernelFusion",
    "hybridx.fusion.late.LateFusion",
    "hybridx.fusion.recalibration.Recalibration",
    "hybridx.fusion.support.SupportDetector",
    "hybridx.models.aalen_johansen.AalenJohansen",
    "hybridx.models.aft_baseline.AFTBaseline",
    "hybridx.models.baseline.BreslowBaseline",
    "hybridx.models.competing.CompetingRisks",
    "hybridx.models.continuous.ContinuousModel",
    "hybridx.models.cox_regression.CoxRegression",
    "hybridx.models.forest_response.ForestResponse",
    "hybridx.models.ordinal.OrdinalModel",
    "hybridx.models.ridge_models.CoxRidge",
    "hybridx.models.ridge_models.LogisticModel",
    "hybridx.models.sksurv_boosting.GradientBoostedCox",
    "hybridx.models.sksurv_elastic_net.CoxElasticNet",
    "hybridx.models.sksurv_forest.SurvivalForest",
    "hybridx.models.sksurv_svm.SurvivalSVM",
    "hybridx.models.weibull_aft.WeibullAFT",
    "hybridx.models.xgboost_aft.XGBoostAFT",
    "hybridx.models.xgboost_models.XGBoostContinuous",
    "hybridx.models.xgboost_models.XGBoostCox",
    "hybridx.models.xgboost_models.XGBoostResponse",
    "hybridx.prepare.block_impute.BlockImputer",
    "hybridx.prepare.block_scale.BlockScaler",
    "hybridx.prepare.chained.ChainedRidge",
    "hybridx.prepare.clusters.CorrelationClusters",
    "hybridx.prepare.combat.ComBat",
    "hybridx.prepare.components.PrincipalComponents",
    "hybridx.prepare.correlation.CorrelationFilter",
    "hybridx.prepare.delta.DeltaFeatures",
    "hybridx.prepare.impute.MedianImputer",
    "hybridx.prepare.limits.RangeLimit",
    "hybridx.prepare.tails.TailCompressor",
    "hybridx.prepare.pipeline.PreparedModel",
    "hybridx.prepare.preparation.Preparation",
    "hybridx.prepare.scale.Standardizer",
    "hybridx.prepare.screen.UnivariateScreen",
    "hybridx.prepare.shape.LogTransform",
    "hybridx.prepare.shape.RankTransform",
    "hybridx.prepare.shape.Winsorizer",
    "hybridx.prepare.stability.StabilityFilter",
    "hybridx.prepare.variance.VarianceFilter",
    "polars.dataframe.frame.DataFrame",  # Arrow IPC bytes; polars refuses to write or read Python objects in them
    "sklearn.tree._tree.Tree",
    "sksurv.ensemble.forest.RandomSurvivalForest",
    "sksurv.tree.tree.SurvivalTree",
    "xgboost.core.Booster",  # its own UBJSON
)


def write_trusted(model: Any) -> bytes:
    """Return the skops file of a model.

    Raises
    ------
    InputError
        It holds types that could not be loaded again.
    """
    import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

    content: bytes = skops.io.dumps(model)
    foreign = foreign_types(content)
    if foreign:
        msg = f"The model holds types that could not be loaded again safely: {listing(foreign)}."
        raise InputError(msg)
    return content


def read_trusted(path: Path, sha256: str | None) -> Any:
    """Rebuild what a skops file holds, if it is the file that was written and asks for nothing that is not ours."""
    import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        msg = f"{str(path)!r} was changed since it was written: it is not loaded."
        raise InputError(msg)
    foreign = foreign_types(content)
    if foreign:
        msg = f"{str(path)!r} asks for types that no model of ours has: {listing(foreign)}."
        raise InputError(msg)
    return skops.io.loads(content, trusted=list(TRUSTED))


def foreign_types(content: bytes) -> list[str]:
    """Return the types that a file asks for and that no model of ours has."""
    import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

    return sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
