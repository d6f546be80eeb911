"""Transformers that learn inside the fold: table in, table out, names kept."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CorrelationFilter": "correlation",
        "MedianImputer": "impute",
        "Preparation": "preparation",
        "Standardizer": "scale",
        "TableTransformer": "base",
        "VarianceFilter": "variance",
    },
)
