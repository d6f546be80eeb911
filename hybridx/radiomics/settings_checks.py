"""What settings of radiomics may be: names, ranges, and what must be said because the standard leaves it open."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hybridx.errors import SettingsError
from hybridx.radiomics.names import OLD_FEATURES, SHAPE2D, feature_table, ibsi_table, names_of, split_tag
from hybridx.radiomics.settings_filters import check_filters
from hybridx.radiomics.settings_idle import check_idle
from hybridx.radiomics.settings_plain import is_number, make_plain
from hybridx.radiomics.settings_words import (
    AGGREGATED,
    AGGREGATIONS,
    BINLESS,
    FAMILIES,
    IBSI_FAMILIES,
    IMAGE_TYPES,
    INTERPOLATORS,
    NORMS,
    PEER_NAMES,
)
from hybridx.terms import check_name, nearest

if TYPE_CHECKING:
    from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["check_names", "check_settings", "wanted_bins"]

POSITIVE: tuple[str, ...] = (
    "bin_width",
    "outlier_sigma",
    "normalise_scale",
    "normalise_clip",
    "geometry_tolerance",
)
POSITIVE += ("lbp2d_radius", "lbp3d_radius", "volume_bins")
COUNTS = {"bin_count": 1, "pad_voxels": 0, "wavelet_start": 0, "wavelet_levels": 1, "lbp2d_samples": 1}
COUNTS |= {
    "lbp3d_levels": 1,
    "lbp3d_subdivision": 0,
    "label": 1,
    "minimum_dimensions": 1,
    "minimum_voxels": 1,
}
COUNTS |= {"force_2d_axis": 0}
# beyond these an image would be filtered, or an offset listed, for hours and in terabytes
MOST = {"minimum_dimensions": 3, "force_2d_axis": 2, "pad_voxels": 1000, "bin_count": 2**22}
MOST |= {"wavelet_start": 10, "wavelet_levels": 10, "lbp2d_samples": 24, "lbp3d_levels": 20}
MOST |= {"lbp3d_subdivision": 5}
FARTHEST = 20  # voxels between neighbours
FLAGS: tuple[str, ...] = (
    "normalise",
    "round_intensities",
    "resegment_shape",
    "pre_crop",
    "symmetrical_glcm",
    "force_2d",
)
FLAGS += ("gradient_spacing", "correct_mask")


def check_names(cls: type[Any], given: Mapping[str, Any]) -> None:
    """Refuse a setting that does not exist, and offer the one that was meant (also for pyradiomics' spelling)."""
    known = [one.name for one in dataclasses.fields(cls)]
    spelt = {
        **{peer: ours for peer, ours in PEER_NAMES.items() if ours in known},
        **dict(zip(known, known, strict=True)),
    }
    for name in given:
        if name in known:
            continue
        guess = spelt.get(nearest(name, spelt) or "")
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"Unknown setting {name!r}.{hint} Known: {', '.join(known)}."
        raise SettingsError(msg)


def check_settings(settings: RadiomicsSettings) -> None:
    """Put every setting into its one form (25 and 25.0 are one setting), and refuse what cannot be meant."""
    make_plain(settings)
    check_name(settings.vocabulary, ("pyradiomics", "ibsi"), "vocabulary")
    _check_numbers(settings)
    _check_choices(settings)
    check_filters(settings)
    _check_range(settings)
    _check_vocabulary(settings)
    check_idle(settings)


def wanted_bins(settings: RadiomicsSettings) -> bool:
    """Say whether grey levels are needed by the chosen families and were not chosen."""
    families = settings.families or ()
    return (
        settings.bin_width is None and settings.bin_count is None and any(f not in BINLESS for f in families)
    )


def _set(settings: RadiomicsSettings, name: str, value: Any) -> None:
    object.__setattr__(settings, name, value)


def _check_numbers(settings: RadiomicsSettings) -> None:
    for name in POSITIVE:
        value = getattr(settings, name)
        if value is None:
            continue
        _positive(name, value)
        if not (name == "volume_bins" and isinstance(value, int)):  # a number of levels is not a width
            _set(settings, name, float(value))
    for name, least in COUNTS.items():
        value = getattr(settings, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and least <= value <= MOST.get(name, math.inf)):
            upper = f" to {MOST[name]}" if name in MOST else " or more"
            msg = f"{name}={value!r} is not a whole number, {least}{upper}."
            raise SettingsError(msg)
    for name in FLAGS:
        if not isinstance(getattr(settings, name), bool):
            msg = f"{name}={getattr(settings, name)!r} is neither True nor False."
            raise SettingsError(msg)
    for name in ("gldm_alpha", "array_shift"):
        _finite(name, getattr(settings, name))
        _set(settings, name, float(getattr(settings, name)))
    if not is_number(settings.mask_threshold) or not 0 < settings.mask_threshold <= 1:
        msg = f"mask_threshold={settings.mask_threshold!r} is not a part of a voxel, above 0 and up to 1."
        raise SettingsError(msg)
    _set(settings, "resample_mm", _edges(settings.resample_mm))


def _edges(given: Any) -> float | tuple[float, float, float] | None:
    if given is None:
        return None
    edges = tuple(given) if isinstance(given, list | tuple) else (given,) * 3
    if len(edges) != 3:
        msg = f"resample_mm={given!r} is neither one edge nor three (x, y, z), mm."
        raise SettingsError(msg)
    for edge in edges:
        if not (isinstance(given, list | tuple) and edge == 0):
            _positive("resample_mm", edge)
    x, y, z = (float(edge) for edge in edges)
    if x == y == z == 0:
        return None  # every axis keeps its edge
    return x if x == y == z and x > 0 else (x, y, z)


def _check_choices(settings: RadiomicsSettings) -> None:
    check_name(settings.interpolator, INTERPOLATORS, "interpolator")
    check_name(settings.resegment_mode, ("absolute", "relative", "sigma"), "resegment_mode")
    check_name(settings.lbp2d_method, ("default", "ror", "uniform", "var"), "lbp2d_method")
    if settings.weighting_norm is not None:
        check_name(settings.weighting_norm, NORMS, "weighting_norm")
    if settings.wavelet != "coif1":
        import pywt  # noqa: PLC0415 - the usual one is known to be there

        check_name(settings.wavelet, pywt.wavelist(kind="discrete"), "wavelet")
    families = IBSI_FAMILIES if settings.vocabulary == "ibsi" else FAMILIES
    if settings.families is None:
        _set(settings, "families", families)
    more = () if settings.vocabulary == "ibsi" else ("shape2D",)
    for name, options in (
        ("families", (*families, *more)),
        ("image_types", IMAGE_TYPES),
        ("aggregations", AGGREGATIONS),
    ):
        chosen = tuple(check_name(one, options, name) for one in getattr(settings, name))
        if not chosen and name == "families":
            msg = f"{name}=() leaves nothing to compute; wanted some of {options}."
            raise SettingsError(msg)
        _set(settings, name, tuple(one for one in options if one in chosen))
    for sigma in settings.log_sigma_mm:
        _positive("log_sigma_mm", sigma)
    if ("log" in settings.image_types) != bool(settings.log_sigma_mm):
        given = f"image_types={settings.image_types!r} and log_sigma_mm={settings.log_sigma_mm!r}"
        msg = f"{given}: 'log' needs widths in mm."
        raise SettingsError(msg)
    if not settings.distances or not all(1 <= d <= FARTHEST for d in settings.distances):
        msg = f"distances={settings.distances!r} are not whole numbers of voxels, 1 to {FARTHEST}."
        raise SettingsError(msg)
    _check_features(settings)


def _check_features(settings: RadiomicsSettings) -> None:
    peers = (*feature_table(), *(f"shape2D_{name}" for name in SHAPE2D), *OLD_FEATURES)
    for one in settings.features:
        if settings.vocabulary == "ibsi":
            family = ibsi_table()[check_name(split_tag(one)[0], ibsi_table(), "feature")].family
            if family in (settings.families or ()):
                check_name(one, names_of(settings, "original", [family]), "feature under these aggregations")
        else:
            family = check_name(one, peers, "feature").partition("_")[0]
        if family not in (settings.families or ()):
            msg = f"features: {one!r} is of the family {family!r}, which is not among families={settings.families!r}."
            raise SettingsError(msg)


def _check_range(settings: RadiomicsSettings) -> None:
    given = settings.resegment
    if given is None:
        return
    ends = tuple(given) if isinstance(given, tuple) else ()
    if len(ends) != 2 or not all(isinstance(e, int | float) for e in ends) or not ends[0] < ends[1]:
        msg = f"resegment={given!r} is not (low, high) with low < high."
        raise SettingsError(msg)
    _set(settings, "resegment", (float(ends[0]), float(ends[1])))


def _check_vocabulary(settings: RadiomicsSettings) -> None:
    if settings.bin_width is not None and settings.bin_count is not None:
        msg = f"bin_width={settings.bin_width:g} and bin_count={settings.bin_count}: one of them decides, not both."
        raise SettingsError(msg)
    if wanted_bins(settings):
        msg = (
            "bin_width is wanted: the standard has no default. Usual: 25 (HU) for CT, 0.25 (SUV) for PET; or give "
            "bin_count."
        )
        raise SettingsError(msg)
    if settings.vocabulary == "pyradiomics":
        foreign: dict[str, Any] = {
            "bin_origin": None,
            "aggregations": (),
            "outlier_sigma": None,
            "round_intensities": False,
        }
        foreign |= {"volume_bins": None, "mask_threshold": 0.5}
        cure = "it belongs to RadiomicsSettings.ibsi"
    else:
        foreign = {"weighting_norm": None, "symmetrical_glcm": True, "array_shift": 0.0, "force_2d": False}
        foreign |= {"resegment_mode": "absolute", "resegment_shape": False, "pre_crop": False}
        cure = "it belongs to RadiomicsSettings.pyradiomics"
    for name, default in foreign.items():
        if getattr(settings, name) != default:
            given = f"{name}={getattr(settings, name)!r}"
            msg = f"{given} has no meaning in the vocabulary {settings.vocabulary!r}: {cure}."
            raise SettingsError(msg)
    if settings.vocabulary == "ibsi":
        _check_ibsi(settings)


def _check_ibsi(settings: RadiomicsSettings) -> None:
    if settings.interpolator not in INTERPOLATORS[:3]:
        msg = f"interpolator={settings.interpolator!r}: the standard's are {INTERPOLATORS[:3]}."
        raise SettingsError(msg)
    if len(settings.distances) != 1:
        msg = f"distances={settings.distances!r}: one distance is wanted, a second one is a second set of features."
        raise SettingsError(msg)
    _set_origin(settings)
    if any(family in AGGREGATED for family in settings.families or ()) and not settings.aggregations:
        msg = (
            f"aggregations is wanted: the standard has no default. One or more of {', '.join(AGGREGATIONS)}."
        )
        raise SettingsError(msg)


def _set_origin(settings: RadiomicsSettings) -> None:
    if settings.bin_width is None:
        return
    origin = settings.bin_origin
    if origin is None and settings.resegment is not None and math.isfinite(settings.resegment[0]):
        origin = settings.resegment[0]
    if origin is None:
        msg = (
            "bin_origin is wanted with bin_width where resegment has no lower end: the lower edge of the first level "
            '(0 for SUV, -1000 for HU), or "minimum" for the lowest intensity in each lesion.'
        )
        raise SettingsError(msg)
    if isinstance(origin, str):
        check_name(origin, ("minimum",), "bin_origin")
    else:
        _finite("bin_origin", origin)
        origin = float(origin)
    _set(settings, "bin_origin", origin)


def _positive(name: str, value: object) -> None:
    if not is_number(value) or value <= 0:  # type: ignore[operator]
        msg = f"{name}={value!r} is not a positive number."
        raise SettingsError(msg)


def _finite(name: str, value: object) -> None:
    if not is_number(value):
        msg = f"{name}={value!r} is not a finite number."
        raise SettingsError(msg)
