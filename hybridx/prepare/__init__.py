"""Transformers that learn inside the fold: table in, table out, names kept."""

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
        "RankTransform": "shape",
        "StabilityFilter": "stability",
        "Standardizer": "scale",
        "TableTransformer": "base",
        "UnivariateScreen": "screen",
        "VarianceFilter": "variance",
        "Winsorizer": "shape",
        "adjusted": "screen",
        "icc": "reliability",
    },
)
