"""Vocabulary: modalities, tracers, units, analytes, endpoints, response criteria, and the words used to say them."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DAYS_PER_MONTH": "text",
        "Estimate": "estimate",
        "check_name": "text",
        "listing": "text",
        "nearest": "text",
        "safe_name": "text",
        "settings_hash": "text",
    },
)
