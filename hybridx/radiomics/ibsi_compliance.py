"""Which features are the standard's under the settings used, and why not."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from hybridx.radiomics.level_bound import LEVEL_BOUND
from hybridx.radiomics.names import feature_table, ibsi_table, names_of, split_tag
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["compliance", "ibsi_ids"]

SCHEMA = {
    "feature": pl.String,
    "family": pl.String,
    "ibsi_id": pl.String,
    "definition": pl.Boolean,
    "processing": pl.Boolean,
    "compliant": pl.Boolean,
    "why_not": pl.String,
}


def compliance(settings: RadiomicsSettings) -> pl.DataFrame:
    """Say of every feature of the original image whether its value is the standard's.

    Parameters
    ----------
    settings : RadiomicsSettings
        Of either vocabulary.

    Returns
    -------
    polars.DataFrame
        ``feature``, ``family``, ``ibsi_id`` (null where the definition is another one), ``definition`` (the formula,
        grey levels and aggregation are the standard's), ``processing`` (so is the way to the analysed voxels),
        ``compliant`` (both) and ``why_not``.

    Notes
    -----
    A fixed bin width of pyradiomics gives the levels that the standard gives with an origin at a multiple of the
    width, less a constant. Features that depend on differences of levels only are the same, the others are not.

    Source
    ------
    IBSI, doi:10.1148/radiol.2020191145.

    Examples
    --------
    >>> table = compliance(RadiomicsSettings.pyradiomics(bin_width=25))
    >>> table.filter(feature="original_glcm_JointAverage")["compliant"].item()
    False
    """
    rows = []
    for name in names_of(settings, "original"):
        family, code, definition = _definition(name, settings)
        processing = _processing(family, settings)
        why = "; ".join(text for text in (definition, processing) if text)
        sound = (not definition, not processing)
        rows.append((name, family, None if definition else code, *sound, all(sound), why or None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@lru_cache(maxsize=16)
def ibsi_ids(settings: RadiomicsSettings) -> dict[str, str]:
    """Return the permanent code of every feature whose definition is the standard's under the settings."""
    table = compliance(settings).filter(pl.col("definition"))
    return dict(zip(table["feature"], table["ibsi_id"], strict=True))


def _definition(name: str, settings: RadiomicsSettings) -> tuple[str, str, str]:
    if settings.vocabulary == "ibsi":
        info = ibsi_table()[split_tag(name)[0]]
        return (
            info.family,
            info.ibsi_id,
            _of_tag(info.family, settings, standardised=info.standardised == "yes"),
        )
    key = name.removeprefix("original_")
    row = feature_table().get(key)
    if row is None:
        return key.partition("_")[0], "", "the standard has no features of a plane"
    if not row.ibsi_id:
        return row.family, "", row.note or "the standard has no such feature"
    return row.family, row.ibsi_id, _of_name(row.family, row.feature, settings)


def _of_tag(family: str, settings: RadiomicsSettings, *, standardised: bool) -> str:
    if not standardised:
        return "no consensus value exists"
    if family in ("glcm", "ngtdm", "ngldm") and settings.distances != (1,):
        return f"neighbours at distance {settings.distances[0]}; consensus values are for 1"
    if family == "ngldm" and settings.gldm_alpha:
        return f"levels that differ by {settings.gldm_alpha:g} count as dependent; consensus values are for 0"
    return ""


def _of_name(family: str, feature: str, settings: RadiomicsSettings) -> str:
    textures = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
    if family in textures and settings.bin_width is not None and feature in LEVEL_BOUND.get(family, ()):
        return "grey levels are counted from the lesion's lowest level, not from a stated origin"
    if family in ("glcm", "gldm", "ngtdm") and settings.distances != (1,):
        return f"neighbours at the distances {list(settings.distances)}; consensus values are for 1"
    if family in ("glcm", "glrlm") and settings.weighting_norm is not None:
        return "directions are weighted by distance"
    if family == "glcm" and not settings.symmetrical_glcm:
        return "pairs are counted one way"
    if family == "gldm" and settings.gldm_alpha:
        return f"levels that differ by {settings.gldm_alpha:g} count as dependent; consensus values are for 0"
    if (
        family == "firstorder"
        and settings.array_shift
        and feature in ("Energy", "TotalEnergy", "RootMeanSquared")
    ):
        return f"{settings.array_shift:g} is added to the intensities"
    if family in textures and settings.force_2d and settings.force_2d_axis != 0:
        return "planes other than the axial ones"
    return ""


def _processing(family: str, settings: RadiomicsSettings) -> str:
    found = []
    form = family in ("shape", "shape2D", "morphology")
    if settings.normalise and not form:
        found.append("intensities are scaled to mean 0 first; the standard takes them as they are")
    if settings.vocabulary == "ibsi":
        if settings.resample_mm is not None and settings.mask_threshold != 0.5:
            part = f"{settings.mask_threshold:g}"
            found.append(f"a voxel belongs to the lesion from a part of {part}; consensus values are for 0.5")
        return "; ".join(found)
    if settings.resegment is not None and settings.resegment_mode == "relative" and not form:
        found.append("the range is relative to the maximum; the standard's is in intensities")
    if settings.resample_mm is not None:
        found.append(
            "the new grid starts at a corner and the mask goes by nearest neighbour; the standard aligns centres"
        )
    if family == "shape" and settings.resegment is not None:
        found.append("form is measured on the re-segmented lesion or cut at its box")
    return "; ".join(found)
