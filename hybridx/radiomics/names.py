"""What each radiomics feature is, in both vocabularies: title, unit, family, IBSI id.

``radiomics_features.csv`` holds pyradiomics' names. An IBSI id stands there only where pyradiomics computes what IBSI
defines: every row with a `reference_tag` was compared with the consensus value on IBSI's digital phantom (99 of 102
agree; the others carry no id and a note that says how they differ). GLCM and GLRLM are the 3-D averaged variants.
``ibsi_features.csv`` holds the standard's tags, without the aggregation, and its permanent four-character codes.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hybridx.radiomics.level_bound import LEVEL_BOUND

if TYPE_CHECKING:
    from hybridx.radiomics.settings import RadiomicsSettings

__all__ = [
    "FeatureInfo",
    "IbsiInfo",
    "describe",
    "every_name",
    "feature_table",
    "ibsi_table",
    "image_names",
    "is_chosen",
    "names_of",
    "prefix_of",
    "split_tag",
]

# UCUM codes of the intensity, per unit of the image
INTENSITY = {"SUVbw": "g/mL{SUVbw}", "HU": "[hnsf'U]", "1": "1"}
SHAPE2D = (
    "Elongation",
    "MajorAxisLength",
    "MaximumDiameter",
    "MeshSurface",
    "MinorAxisLength",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "PixelSurface",
    "Sphericity",
)
# deprecated in pyradiomics: only by name, as there
OLD_FEATURES = (
    "firstorder_StandardDeviation",
    "shape_Compactness1",
    "shape_Compactness2",
    "shape_SphericalDisproportion",
    "shape2D_SphericalDisproportion",
)
FORM = ("shape", "shape2D", "morphology")
DIRECTED = ("glcm", "glrlm")
PLANAR = ("glszm", "gldzm", "ngtdm", "ngldm")
WORDS = {"2D": "slices", "2_5D": "slices merged", "3D": "volume", "avg": "averaged", "comb": "merged"}


@dataclass(frozen=True)
class FeatureInfo:
    """One row of pyradiomics' table.

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


@dataclass(frozen=True)
class IbsiInfo:
    """One row of the standard's table.

    Parameters
    ----------
    tag, family, title, unit, ibsi_id : str
        As in `FeatureInfo`; the tag without its aggregation.
    standardised : str
        ``yes`` where a consensus value exists.
    """

    tag: str
    family: str
    title: str
    unit: str
    ibsi_id: str
    standardised: str


@lru_cache(maxsize=1)
def feature_table() -> dict[str, FeatureInfo]:
    """Return pyradiomics' table by ``family_Feature``."""
    return {
        f"{row['family']}_{row['feature']}": FeatureInfo(**row) for row in _rows("radiomics_features.csv")
    }


@lru_cache(maxsize=1)
def ibsi_table() -> dict[str, IbsiInfo]:
    """Return the standard's table by tag without aggregation."""
    return {row["tag"]: IbsiInfo(**row) for row in _rows("ibsi_features.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag of the standard into what is measured and how it is aggregated.

    Examples
    --------
    >>> split_tag("cm_contrast_2_5D_avg")
    ('cm_contrast', '2_5D_avg')
    >>> split_tag("stat_mean")
    ('stat_mean', '')
    """
    found = re.fullmatch(r"(.+?)_((?:2D|2_5D|3D)(?:_avg|_comb)?)", tag)
    return (found[1], found[2]) if found else (tag, "")


def prefix_of(settings: RadiomicsSettings, image_type: str) -> str:
    """Return what stands before a name: the image type, save for the standard's tags of the image itself."""
    return "" if settings.vocabulary == "ibsi" and image_type == "original" else f"{image_type}_"


def image_names(settings: RadiomicsSettings, kind: str) -> list[str]:
    """Name the images of an image type, as their features' names begin.

    Examples
    --------
    >>> from hybridx.radiomics import RadiomicsSettings
    >>> told = RadiomicsSettings.pyradiomics(bin_width=25, image_types=("log", "wavelet"), log_sigma_mm=(1.0, 2.5))
    >>> image_names(told, "log"), image_names(told, "wavelet")[-2:]
    (['log-sigma-1-0-mm-3D', 'log-sigma-2-5-mm-3D'], ['wavelet-HHH', 'wavelet-LLL'])
    """
    if kind == "log":
        return [f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in settings.log_sigma_mm]
    if kind == "wavelet":
        axes = 2 if settings.of_image_type(kind).force_2d else 3
        low, *details = itertools.product("LH", repeat=axes)
        depths = range(1, settings.wavelet_levels + 1)
        bands = [(depth, detail) for depth in depths for detail in details]
        return [
            f"wavelet{'' if depth == 1 else depth}-{''.join(letters)}"
            for depth, letters in [*bands, (settings.wavelet_levels, low)]
        ]
    if kind == "lbp3d":
        return [*(f"lbp-3D-m{degree + 1}" for degree in range(settings.lbp3d_levels)), "lbp-3D-k"]
    return ["lbp-2D" if kind == "lbp2d" else kind]


def every_name(settings: RadiomicsSettings) -> list[str]:
    """Name all features that the settings ask for, those of filtered images too."""
    kinds = [*settings.image_types, *(name for name, _ in settings.filters)]
    images = [image for kind in kinds for image in image_names(settings, kind)]
    names = names_of(settings, "original", FORM) + [n for image in images for n in names_of(settings, image)]
    return [name for name in dict.fromkeys(names) if is_chosen(name, settings)]


def is_chosen(name: str, settings: RadiomicsSettings) -> bool:
    """Say whether a feature is among those that `settings.features` names; all are when it names none."""
    return not settings.features or any(name == one or name.endswith(f"_{one}") for one in settings.features)


def names_of(
    settings: RadiomicsSettings, image_type: str, families: Sequence[str] | None = None
) -> list[str]:
    """Name the features that an image type gives under the settings, form with the original image only."""
    chosen = [f for f in (settings.families or ()) if families is None or f in families]
    prefix = prefix_of(settings, image_type)
    if image_type != "original":
        chosen = [family for family in chosen if family not in FORM]
    if settings.vocabulary == "ibsi":
        table = [(info.family, tag) for tag, info in ibsi_table().items()]
        return [
            prefix + name
            for family, tag in table
            if family in chosen
            for name in _tags(family, tag, settings)
        ]
    names = [key for key, info in feature_table().items() if info.family in chosen]
    names += [f"shape2D_{name}" for name in SHAPE2D if "shape2D" in chosen]
    names += [name for name in OLD_FEATURES if name in settings.features and name.partition("_")[0] in chosen]
    return [prefix + name for name in names]


def _tags(family: str, tag: str, settings: RadiomicsSettings) -> list[str]:
    if family in DIRECTED:
        return [f"{tag}_{how}" for how in settings.aggregations]
    if family in PLANAR:
        return [
            f"{tag}_{how}" for how in dict.fromkeys(one.rpartition("_")[0] for one in settings.aggregations)
        ]
    return [tag]


def describe(name: str, unit: str = "1") -> dict[str, str | None]:
    """Describe a feature by its full name, of either vocabulary.

    Parameters
    ----------
    name : str
        Such as ``original_glcm_Contrast``, ``wavelet-LLH_firstorder_Mean`` or ``cm_contrast_3D_avg``.
    unit : str
        Unit of the image: ``SUVbw``, ``HU`` or ``1``.

    Returns
    -------
    dict
        ``title``, ``unit`` (UCUM), ``family`` and ``ibsi_id`` (None where there is none, for filtered images, and where
        it hangs on the settings: `hybridx.radiomics.compliance` knows them).

    Examples
    --------
    >>> describe("original_glcm_Contrast")["ibsi_id"]
    'ACUI'
    >>> describe("cm_contrast_3D_avg")["title"]
    'Co-occurrence: contrast (volume, averaged)'
    """
    if split_tag(name)[0] in ibsi_table():
        return _described_tag(name, "", unit)
    image_type, _, rest = name.partition("_")
    if split_tag(rest)[0] in ibsi_table():
        return _described_tag(rest, image_type, unit)
    info = feature_table().get(rest)
    if info is None:
        return {"title": name, "unit": "1", "family": rest.partition("_")[0] or "radiomics", "ibsi_id": None}
    plain = image_type == "original"
    bound = info.feature in LEVEL_BOUND.get(info.family, ())
    return {
        "title": info.title if plain else f"{info.title} ({image_type})",
        "unit": _ucum(info.unit, INTENSITY.get(unit, "1")),
        "family": info.family,
        "ibsi_id": info.ibsi_id or None if plain and not bound else None,
    }


def _described_tag(name: str, image_type: str, unit: str) -> dict[str, str | None]:
    tag, how = split_tag(name)
    info = ibsi_table()[tag]
    parts = re.fullmatch(r"(2D|2_5D|3D)_?(avg|comb)?", how)
    notes = [WORDS[part] for part in (parts.groups() if parts else ()) if part]
    notes += [image_type] if image_type else []
    return {
        "title": f"{info.title} ({', '.join(notes)})" if notes else info.title,
        "unit": _ucum(info.unit, INTENSITY.get(unit, "1")),
        "family": info.family,
        "ibsi_id": None if image_type else info.ibsi_id,
    }


def _ucum(pattern: str, intensity: str) -> str:
    squared = "1" if intensity == "1" else f"({intensity})2"
    swap = {
        "I": intensity,
        "I2": squared,
        "I2.mm3": "mm3" if squared == "1" else f"{squared}.mm3",
        "I.mm3": "mm3" if squared == "1" else f"{intensity}.mm3",
    }
    return swap.get(pattern, pattern)
