"""Many modalities -> one risk or probability, for every pattern of missing ones."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BlockPenalizedFusion": "block",
        "ConsensusFusion": "consensus",
        "EarlyFusion": "early",
        "FusionModel": "base",
        "GatedFusion": "gated",
        "ImageFusion": "image_model",
        "KernelFusion": "kernel",
        "LateFusion": "late",
        "LinearForm": "protocols",
        "LockedModel": "locked",
        "Recommendation": "advice",
        "SupportDetector": "support",
        "WeightedMembers": "protocols",
        "frozen": "base",
        "lock": "locking",
        "recommend": "advice",
    },
)
