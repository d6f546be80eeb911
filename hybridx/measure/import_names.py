"""Column names of other radiomics programs, and the names they get here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hybridx.radiomics.names import describe, feature_table, ibsi_table

__all__ = ["BEFORE_IDS", "FORMATS", "Foreign", "Format", "Named", "clean_name", "described", "guess_format"]

MAXIMUM_NAME = 100
BEFORE_IDS = "of a LIFEx before 7, which does not say what of the standard it is"
_PYRADIOMICS = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9.-]*)_(shape|shape2D|firstorder|glcm|glrlm|glszm|gldm|ngtdm)_(\w+)"
)
_LIFEX = re.compile(r"([A-Z_-]+)_(.+?)\(IBSI:(\w+)\)(?:\[(.*)\])?")
_LIFEX_OLD = re.compile(r"([A-Z_-]+)_(.+?)\(([^()]*)\)IBSI:(\w+)")  # of version 7.0, for intensities
# versions before 7 wrote no ids
_LIFEX_BEFORE = re.compile(r"(CONVENTIONAL|DISCRETIZED|SHAPE|GLCM|GLRLM|NGLDM|GLZLM)_.+")
_MIRP_FILTERS = re.compile(
    r"(mean|gauss|gaussian|log|laws|gabor|wavelet|riesz|square|square_root|sqrt|logarithm|lgrthm|exp|exponential)(_.*)?"
)
_DISCRETE = re.compile(r"(.+)_(fbs_w[0-9.]+|fbn_n[0-9]+)")
_SPATIAL = {
    "2d_avg": "2D_avg",
    "2d_s_mrg": "2D_comb",
    "2.5d_d_mrg": "2_5D_avg",
    "2.5d_v_mrg": "2_5D_comb",
    "3d_avg": "3D_avg",
    "3d_v_mrg": "3D_comb",
    "2d": "2D",
    "2.5d": "2_5D",
    "3d": "3D",
}
# LIFEx's groups and the families whose ids may stand in them; an id under another group is a slip of its header
_LIFEX_GROUPS = {
    "MORPHOLOGICAL": "morph",
    "INTENSITY-BASED": "stat",
    "LOCAL_INTENSITY_BASED": "loc",
    "INTENSITY-HISTOGRAM": "ih",
    "GLCM": "cm",
    "GLRLM": "rlm",
    "GLSZM": "szm",
    "NGTDM": "ngt",
}
_TO_MM = {
    "morph_volume": {"mm3": 1.0, "mL": 1e3, "ml": 1e3, "cm3": 1e3},
    "morph_vol_approx": {"mm3": 1.0, "mL": 1e3, "ml": 1e3, "cm3": 1e3},
    "morph_area_mesh": {"mm2": 1.0, "cm2": 1e2},
    "morph_diam": {"mm": 1.0, "cm": 10.0},
    "morph_com": {"mm": 1.0, "cm": 10.0},
}
_INTENSITY_UNITS = {"pet": ("SUV", "SUVbw", "SUVBW", "g/mL", "g/ml"), "ct": ("HU",)}
_NO_UNIT = ("", "Intensity", "None", "#")


@dataclass(frozen=True)
class Foreign:
    """A column as another program wrote it.

    Parameters
    ----------
    source : str
        Its name in the file.
    modality : str
        ``pet``, ``ct``; for units.
    """

    source: str
    modality: str


@dataclass(frozen=True)
class Named:
    """What a column becomes.

    Parameters
    ----------
    name : str
        Without the modality.
    mapped : bool
        Whether it is known for certain what was measured.
    variant : str
        The discretisation, where the file names it: two variants of one feature keep it in their names.
    scale : float
        What its values are multiplied by.
    note : str
        Why it is not mapped.
    """

    name: str
    mapped: bool
    variant: str = ""
    scale: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Format:
    """How one program lays out its tables.

    Parameters
    ----------
    title : str
        The program.
    patient : tuple of str
        Columns that name the patient, the likeliest first.
    region : tuple of str
        Columns that name the region.
    information : regular expression
        Columns that describe the work and are no features.
    name : callable
        ``Foreign -> Named``.
    """

    title: str
    patient: tuple[str, ...]
    region: tuple[str, ...]
    information: re.Pattern[str]
    name: Callable[[Foreign], Named]


def clean_name(source: str) -> str:
    """Make a column's own name harmless: letters, digits, ``_`` and ``-``.

    Examples
    --------
    >>> clean_name("MORPHOLOGICAL_Compacity(IBSI:No)[]")
    'MORPHOLOGICAL_Compacity'
    >>> clean_name("=cmd|'/c calc'!A1")
    'cmd_c_calc_A1'
    """
    bare = re.sub(r"\(IBSI:No\)|\[\]", "", source)
    return re.sub(r"[^A-Za-z0-9-]+", "_", bare).strip("_-")[:MAXIMUM_NAME] or "unnamed"


def guess_format(columns: Sequence[str]) -> str | None:
    """Tell from its header which program wrote a table, None where nothing tells.

    Examples
    --------
    >>> guess_format(["sample_name", "morph_volume", "cm_contrast_d1_3d_avg_fbs_w25.0"])
    'mirp'
    """
    names = set(columns)
    if {"patient_ID", "roi_number", "negative_control"} <= names:
        return "readii"
    counts = {
        "pyradiomics": sum(bool(_PYRADIOMICS.fullmatch(name)) for name in names),
        "lifex": sum(bool(_LIFEX.fullmatch(name) or _LIFEX_BEFORE.fullmatch(name)) for name in names),
        "mirp": sum(_mirp_name(Foreign(name, "")).mapped for name in names),
    }
    best = max(counts, key=lambda key: counts[key])
    return best if counts[best] else None


def _pyradiomics_name(column: Foreign) -> Named:
    found = _PYRADIOMICS.fullmatch(column.source)
    known = found is not None and (found[2] == "shape2D" or f"{found[2]}_{found[3]}" in feature_table())
    if known:
        return Named(column.source.replace(".", "-"), mapped=True)
    note = "no feature of pyradiomics 3" if found else "not a name of pyradiomics"
    return Named(clean_name(column.source), mapped=False, note=note)


def _mirp_name(column: Foreign) -> Named:
    """Take apart ``filter_feature_parameters_discretisation``."""
    parts = _DISCRETE.fullmatch(column.source)
    rest, variant = (parts[1], parts[2]) if parts else (column.source, "")
    spatial = next((key for key in _SPATIAL if rest.endswith(f"_{key}")), "")
    rest = rest.removesuffix(f"_{spatial}") if spatial else rest
    rest = re.sub(r"_a0(\.0)?$", "", rest)
    rest = re.sub(r"_d1(\.0)?$", "", rest)
    tag = next((tag for tag in _by_length() if rest == tag or rest.endswith(f"_{tag}")), None)
    if tag is None:
        note = (
            "other parameters than the standard's" if spatial else "not a name of MIRP that the standard has"
        )
        return Named(clean_name(column.source), mapped=False, note=note)
    full = tag + (f"_{_SPATIAL[spatial]}" if spatial else "")
    filtered = rest.removesuffix(tag).rstrip("_")
    if filtered and not _MIRP_FILTERS.fullmatch(filtered):
        return Named(
            clean_name(column.source), mapped=False, note="no filter of MIRP stands before the feature"
        )
    name = f"{clean_name(filtered).replace('_', '-')}_{full}" if filtered else full
    return Named(name, mapped=True, variant=clean_name(variant) if variant else "")


@lru_cache(maxsize=1)
def _by_length() -> list[str]:
    return sorted(ibsi_table(), key=len, reverse=True)  # morph_volume is no vol, cm_diff_var no diff


def _lifex_name(column: Foreign) -> Named:
    found, older = _LIFEX.fullmatch(column.source), _LIFEX_OLD.fullmatch(column.source)
    if found is not None:
        group, _, code, unit = found.groups()
    elif older is not None:
        group, _, unit, code = older.groups()
    else:
        before = _LIFEX_BEFORE.fullmatch(column.source)
        note = BEFORE_IDS if before else "not a name of LIFEx"
        return Named(clean_name(column.source), mapped=False, note=note)
    own = clean_name(column.source)
    tag = _tags_by_id().get(code)
    if tag is None or tag.partition("_")[0] != _LIFEX_GROUPS.get(group):
        note = "no id of the standard" if tag is None else f"the id {code} is not one of {group}"
        return Named(own, mapped=False, note=note)
    scale = _scale(tag, unit or "", column.modality)
    if scale is None:
        return Named(own, mapped=False, note=f"in {clean_name(unit or '')}, which is not converted")
    return Named(tag, mapped=True, scale=scale)


def _scale(tag: str, unit: str, modality: str) -> float | None:
    if tag in _TO_MM:
        return _TO_MM[tag].get(unit)
    if describe(tag, "SUVbw")["unit"] != describe(tag, "1")["unit"] and unit not in _NO_UNIT:
        return 1.0 if unit in _INTENSITY_UNITS.get(_kind_of(modality), (unit,)) else None
    return 1.0


@lru_cache(maxsize=1)
def _tags_by_id() -> Mapping[str, str]:
    """Return the tag of each id that belongs to one tag alone."""
    ids = [info.ibsi_id for info in ibsi_table().values()]
    return {info.ibsi_id: tag for tag, info in ibsi_table().items() if ids.count(info.ibsi_id) == 1}


_USUAL = (
    "patient_id",
    "PatientID",
    "patient_ID",
    "Patient_ID",
    "Patient",
    "patient",
    "ID",
    "id",
    "Case",
    "case",
    "Subject",
)
_WORK = re.compile(
    r"diagnostics_.*|Image|Mask|Label|Label_channel|label|Reader|Repetition|Unnamed: 0|index|column_\d+|",
    re.IGNORECASE,
)
_READII = (
    "study_description|series_UID|series_description|image_modality|instances|seg_series_UID|seg_modality|seg_ref_image"
    "|roi|roi_number|negative_control|patient_ID"
)

FORMATS: dict[str, Format] = {
    "pyradiomics": Format(
        "pyradiomics", _USUAL, ("roi", "ROI", "Label", "label", "Mask"), _WORK, _pyradiomics_name
    ),
    "readii": Format(
        "READII",
        ("patient_ID", *_USUAL),
        ("roi",),
        re.compile(f"{_WORK.pattern}|{_READII}", re.IGNORECASE),
        _pyradiomics_name,
    ),
    "mirp": Format(
        "MIRP",
        ("sample_name", *_USUAL),
        ("image_mask_label",),
        re.compile(r"image_.*|sample_name|index|Unnamed: 0|column_\d+|", re.IGNORECASE),
        _mirp_name,
    ),
    "lifex": Format(
        "LIFEx",
        (
            "INFO_PatientID",
            "INFO_PatientName",
            "Patient ID",
            "PatientId",
            *_USUAL,
            "Patient Name",
            "PatientName",
        ),
        ("INFO_NameOfRoi", "INFO_RoiName", "ROI", "RoiName"),
        re.compile(r"INFO_.*|PARAMS_.*|ROI|RoiName|Unnamed: 0|column_\d+|", re.IGNORECASE),
        _lifex_name,
    ),
}


def described(named: Named, modality: str) -> dict[str, str | None]:
    """Return title, unit, family and id of a column; of one that is not mapped only its name."""
    unit = {"pet": "SUVbw", "ct": "HU"}.get(_kind_of(modality), "1")
    if not named.mapped:
        return {"title": named.name.replace("_", " "), "unit": "1", "family": "imported", "ibsi_id": None}
    tag = named.name.removesuffix(f"_{named.variant}") if named.variant else named.name
    return describe(tag, unit)


def _kind_of(modality: str) -> str:
    """Return ``pet`` for ``pet@2`` and ``pet_lifex``."""
    return re.split("[@_]", modality)[0]
