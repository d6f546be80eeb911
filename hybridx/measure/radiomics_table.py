"""What each radiomics feature is: title, unit, IBSI id, from the table ``radiomics_features.csv`` beside this file.

An IBSI id stands only where pyradiomics computes what IBSI defines: the ids are IBSI's permanent four-character
codes, and every row with a `reference_tag` was compared with the consensus value on IBSI's digital phantom (99 of 102
agree; the others carry no id and a note that says how they differ). GLCM and GLRLM are the 3-D averaged variants.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["FeatureInfo", "describe", "feature_table"]

# UCUM codes of the intensity, per unit of the image
INTENSITY = {"SUVbw": "g/mL{SUVbw}", "HU": "[hnsf'U]", "1": "1"}


@dataclass(frozen=True)
class FeatureInfo:
    """One row of the table.

    Parameters
    ----------
    family, feature : str
        pyradiomics' class and name.
    title : str
        In words.
    unit : str
        UCUM, with ``I`` for the intensity of the image and ``I2`` for its square.
    ibsi_id : str
        Empty where pyradiomics differs or the standard has none.
    reference_tag : str
        The row of IBSI's reference values.
    note : str
        How it differs.
    """

    family: str
    feature: str
    title: str
    unit: str
    ibsi_id: str
    reference_tag: str
    note: str


@lru_cache(maxsize=1)
def feature_table() -> dict[str, FeatureInfo]:
    """Return the table by ``family_Feature``."""
    with Path(__file__).with_name("radiomics_features.csv").open(newline="", encoding="utf-8") as handle:
        return {f"{row['family']}_{row['feature']}": FeatureInfo(**row) for row in csv.DictReader(handle)}


def describe(name: str, unit: str = "1") -> dict[str, str | None]:
    """Describe a feature by its full name.

    Parameters
    ----------
    name : str
        Such as ``original_glcm_Contrast`` or ``wavelet-LLH_firstorder_Mean``.
    unit : str
        Unit of the image: ``SUVbw``, ``HU`` or ``1``.

    Returns
    -------
    dict
        ``title``, ``unit`` (UCUM), ``family`` and ``ibsi_id`` (None where there is none, and for filtered images).

    Examples
    --------
    >>> describe("original_glcm_Contrast")["ibsi_id"]
    'ACUI'
    """
    image_type, _, rest = name.partition("_")
    info = feature_table().get(rest)
    if info is None:
        return {"title": name, "unit": "1", "family": rest.partition("_")[0] or "radiomics", "ibsi_id": None}
    plain = image_type == "original"
    return {
        "title": info.title if plain else f"{info.title} ({image_type})",
        "unit": _ucum(info.unit, INTENSITY.get(unit, "1")),
        "family": info.family,
        "ibsi_id": info.ibsi_id or None if plain else None,
    }


def _ucum(pattern: str, intensity: str) -> str:
    squared = "1" if intensity == "1" else f"({intensity})2"
    swap = {"I": intensity, "I2": squared, "I2.mm3": "mm3" if squared == "1" else f"{squared}.mm3"}
    return swap.get(pattern, pattern)
