"""pyradiomics' features that depend on where the grey levels are counted from, not on their differences alone."""

from __future__ import annotations

__all__ = ["LEVEL_BOUND"]

# moved by a constant when all levels are: with pyradiomics' levels, which start at 1 in every lesion, another number
LEVEL_BOUND = {
    "glcm": {"Autocorrelation", "JointAverage", "SumAverage", "Idn", "Idmn"},
    "glrlm": {
        "LowGrayLevelRunEmphasis",
        "HighGrayLevelRunEmphasis",
        "ShortRunLowGrayLevelEmphasis",
        "ShortRunHighGrayLevelEmphasis",
        "LongRunLowGrayLevelEmphasis",
        "LongRunHighGrayLevelEmphasis",
    },
    "glszm": {
        "LowGrayLevelZoneEmphasis",
        "HighGrayLevelZoneEmphasis",
        "SmallAreaLowGrayLevelEmphasis",
        "SmallAreaHighGrayLevelEmphasis",
        "LargeAreaLowGrayLevelEmphasis",
        "LargeAreaHighGrayLevelEmphasis",
    },
    "gldm": {
        "LowGrayLevelEmphasis",
        "HighGrayLevelEmphasis",
        "SmallDependenceLowGrayLevelEmphasis",
        "SmallDependenceHighGrayLevelEmphasis",
        "LargeDependenceLowGrayLevelEmphasis",
        "LargeDependenceHighGrayLevelEmphasis",
    },
    "ngtdm": {"Busyness"},
}
