"""Transformers that learn inside the fold: table in, table out, names kept.

Put them before any model as steps of a `PreparedModel` (or of scikit-learn's `Pipeline`). A sound order:

1. `VarianceFilter` (``among="measured"``), `StabilityFilter`: columns that say nothing, or say it only once.
2. `LogTransform`, `Winsorizer`, `RankTransform`, `TailCompressor`: tails. `RangeLimit`: absurd values of new patients.
3. `ComBat`: centres and scanners, before anything mixes columns.
4. `DeltaFeatures`: change between timepoints, once both are on one scale.
5. `BlockImputer`: gaps inside measured modalities; what was not measured stays empty.
6. `CorrelationClusters`, `CorrelationFilter`, `PrincipalComponents`, `UnivariateScreen`: fewer columns.
7. `Standardizer`, `BlockScaler`: the models scale columns themselves; blocks matter where one model sees all of them.
"""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BlockImputer": "block_impute",
        "BlockScaler": "block_scale",
        "ComBat": "combat",
        "CorrelationClusters": "clusters",
        "CorrelationFilter": "correlation",
        "DeltaFeatures": "delta",
        "FeatureTable": "table",
        "FrameTransformer": "base",
        "LogTransform": "shape",
        "MedianImputer": "impute",
        "MixingTransformer": "base",
        "Preparation": "preparation",
        "PreparedModel": "pipeline",
        "PrincipalComponents": "components",
        "RangeLimit": "limits",
        "RankTransform": "shape",
        "StabilityFilter": "stability",
        "Standardizer": "scale",
        "TableTransformer": "base",
        "TailCompressor": "tails",
        "UnivariateScreen": "screen",
        "VarianceFilter": "variance",
        "Winsorizer": "shape",
        "adjusted": "screen",
        "icc": "reliability",
    },
)
