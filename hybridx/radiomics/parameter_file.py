"""A pyradiomics parameter file, read as it is: every line is honoured, or refused with a sentence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridx.errors import SettingsError
from hybridx.radiomics.names import OLD_FEATURES, SHAPE2D, feature_table
from hybridx.radiomics.parameter_yaml import check_size, read_yaml
from hybridx.radiomics.settings_plain import is_number
from hybridx.radiomics.settings_words import FAMILIES, INTERPOLATORS, OF_IMAGE_TYPE, PEER_NAMES, PEER_TYPES
from hybridx.terms import check_name, nearest

__all__ = ["read_parameters"]

INFINITE = float("inf")
SECTIONS = ("setting", "imageType", "featureClass", "voxelSetting")
IMAGE_TYPES = {peer: ours for ours, peer in PEER_TYPES.items()}
FILTER_SETTINGS = {
    "LoG": ("sigma",),
    "Wavelet": ("wavelet", "start_level", "level"),
    "Gradient": ("gradientUseSpacing",),
    "LBP2D": ("lbp2DRadius", "lbp2DSamples", "lbp2DMethod"),
    "LBP3D": ("lbp3DLevels", "lbp3DIcosphereRadius", "lbp3DIcosphereSubdivision"),
}
# pyradiomics' own defaults, for what a file leaves out
DEFAULTS: dict[str, Any] = {
    "binWidth": 25,
    "interpolator": "sitkBSpline",
    "normalizeScale": 1,
    "minimumROIDimensions": 2,
    "label": 1,
}
BY_ITK = {
    "sitkNearestNeighbor": "nearest",
    "sitkLinear": "linear",
    "sitkBSpline": "bspline",
    "sitkGaussian": "gaussian",
    "sitkLabelGaussian": "label_gaussian",
    "sitkHammingWindowedSinc": "hamming",
    "sitkCosineWindowedSinc": "cosine",
    "sitkWelchWindowedSinc": "welch",
    "sitkLanczosWindowedSinc": "lanczos",
    "sitkBlackmanWindowedSinc": "blackman",
}
BY_NUMBER = {
    1: "nearest",
    2: "linear",
    3: "bspline",
    4: "gaussian",
    5: "label_gaussian",
    6: "hamming",
    7: "cosine",
}
BY_NUMBER |= {
    8: "welch",
    9: "lanczos",
    10: "blackman",
}  # SimpleITK's enumeration, which pyradiomics takes too
DEPRECATED = {
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}


def read_parameters(path: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Read a parameter file into settings of ours, pyradiomics' defaults included.

    Parameters
    ----------
    path : path or mapping
        YAML (or JSON, which is YAML), or what was read from it.

    Returns
    -------
    dict
        Keyword arguments of `RadiomicsSettings`.

    Raises
    ------
    SettingsError
        Not a parameter file, an unknown section, setting, class, image type or feature (the nearest is offered), or a
        setting that this engine does not carry out, with the reason.
    """
    if not isinstance(path, str | os.PathLike | Mapping):
        msg = f"{_short(path)} is neither a path nor a mapping of parameters."
        raise SettingsError(msg)
    given = path if isinstance(path, Mapping) else read_yaml(Path(path))
    check_size(given)
    if not isinstance(given, Mapping):
        msg = f"{Path(str(path)).name!r} holds {_short(given)}; wanted the sections {', '.join(SECTIONS)}."
        raise SettingsError(msg)
    for name in given:
        check_name(_name(name), SECTIONS, "section of a parameter file")
    if given.get("voxelSetting"):
        msg = "voxelSetting: maps of features voxel by voxel are not made here; one lesion gives one value a feature."
        raise SettingsError(msg)
    told = _section(given, "setting")
    found = _settings({**DEFAULTS, **told}, "setting")
    if told.get("binCount") is not None:
        found["bin_width"] = None  # a count goes before a width there
    types = _section(given, "imageType")
    found |= _image_types({name: _section(types, name) for name in types or ("Original",)}, found)
    found |= _classes(_section(given, "featureClass"), planes=found.get("force_2d") is True)
    return {"vocabulary": "pyradiomics", **found}


def _section(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section with its names as text; an empty one is none."""
    found = given.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        msg = f"{name} holds {_short(found)}; wanted lines of `name: value`, or {name}: {{}}."
        raise SettingsError(msg)
    return {_name(one): value for one, value in found.items()}


def _name(given: object) -> str:
    if not isinstance(given, str):
        msg = f"{_short(given)} is not a name; wanted lines of `name: value`."
        raise SettingsError(msg)
    return given


def _short(value: object) -> str:
    """Show a value of a file on one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _settings(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "additionalInfo":  # provenance is handed back beside the values, always
            _flag(name, value)
        elif name == "label_channel":
            if value not in (0, None):
                msg = f"label_channel={_short(value)}: masks of several channels are not read; save one as a mask."
                raise SettingsError(msg)
        elif name == "interpolator":
            found["interpolator"] = _interpolator(value)
        elif name in PEER_NAMES:
            found[PEER_NAMES[name]] = _value(name, value)
        else:
            guess = nearest(name, PEER_NAMES)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"Unknown setting {_short(name)} under {where}.{hint} Known: {', '.join(PEER_NAMES)}."
            raise SettingsError(msg)
    _check_meaning(given)
    return found


def _value(name: str, value: Any) -> Any:
    if name == "resampledPixelSpacing":
        if value is None or (isinstance(value, list | tuple) and not any(value)):
            return None  # all edges 0 keep the native grid
        return tuple(value) if isinstance(value, list | tuple) else value
    if name == "resegmentRange":
        return None if value is None else _range(value)
    if name in ("distances", "sigma"):
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    return value


def _range(value: Any) -> tuple[float, float]:
    ends = list(value) if isinstance(value, list | tuple) else []
    if len(ends) not in (1, 2) or not all(is_number(end) or end in (INFINITE, -INFINITE) for end in ends):
        msg = f"resegmentRange={_short(value)} is neither one lower end nor two ends."
        raise SettingsError(msg)
    ends.sort()
    return float(ends[0]), float(ends[1]) if len(ends) == 2 else INFINITE


def _check_meaning(given: Mapping[str, Any]) -> None:
    if given.get("resegmentRange") is None and given.get("resegmentMode", "absolute") != "absolute":
        msg = f"resegmentMode={_short(given['resegmentMode'])} without resegmentRange does nothing; give the range."
        raise SettingsError(msg)
    if given.get("removeOutliers") is not None and not given.get("normalize"):
        msg = (
            "removeOutliers without normalize does nothing in pyradiomics; say normalize: true, or remove it."
        )
        raise SettingsError(msg)


def _interpolator(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value in BY_NUMBER:
        return BY_NUMBER[value]
    if isinstance(value, str) and value in INTERPOLATORS:
        return value
    return BY_ITK[check_name(value if isinstance(value, str) else _short(value), BY_ITK, "interpolator")]


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        msg = f"{name}={_short(value)} is neither true nor false."
        raise SettingsError(msg)


def _image_types(given: Mapping[str, Any], general: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    chosen = []
    for name, options in given.items():
        kind = IMAGE_TYPES[check_name(name, IMAGE_TYPES, "imageType")]
        chosen.append(kind)
        settings = _settings(options, f"imageType {name}")
        filters = {PEER_NAMES[one] for one in FILTER_SETTINGS.get(name, ())}
        for setting, value in settings.items():
            if setting in filters:
                found[setting] = value
            elif setting in OF_IMAGE_TYPE:
                own.setdefault(kind, {})[setting] = value
            else:
                msg = f"imageType {name}: {setting!r} holds for the whole lesion; say it under setting."
                raise SettingsError(msg)
    for options in own.values():
        if options.get("bin_count", general.get("bin_count")) is not None:
            options.pop("bin_width", None)  # there a count goes before a width, whoever says it
    sigma = found.get("log_sigma_mm", general.get("log_sigma_mm", ()))
    found["log_sigma_mm"] = sigma if "log" in chosen else ()
    if "log" in chosen and not sigma:
        msg = "imageType LoG without sigma gives no image in pyradiomics; say sigma: [1.0, 2.0, 3.0] (mm)."
        raise SettingsError(msg)
    return {**found, "image_types": tuple(chosen), "by_image_type": own}


def _classes(given: Mapping[str, Any], *, planes: bool) -> dict[str, Any]:
    if not given:  # all of them, the form in a plane too where planes are asked for
        return {"families": (*FAMILIES, "shape2D") if planes else None}
    families, features = [], []
    everything = True
    for name, chosen in given.items():
        family = check_name(name, (*FAMILIES, "shape2D"), "featureClass")
        families.append(family)
        known = SHAPE2D if family == "shape2D" else _features(family)
        if chosen is None or chosen == []:
            features += [f"{family}_{one}" for one in known]
            continue
        everything = False
        if not isinstance(chosen, list | tuple):
            msg = (
                f"featureClass {name} holds {_short(chosen)}; wanted a list of features, or nothing for all."
            )
            raise SettingsError(msg)
        for one in map(_name, chosen):
            if one in DEPRECATED.get(family, ()):
                msg = f"featureClass {family}: {one!r} is deprecated in pyradiomics, which gives no value for it."
                raise SettingsError(msg)
            old = [name.partition("_")[2] for name in OLD_FEATURES if name.startswith(f"{family}_")]
            features.append(f"{family}_{check_name(one, (*known, *old), f'feature of {family}')}")
    return {"families": tuple(families), "features": () if everything else tuple(features)}


def _features(family: str) -> list[str]:
    return [info.feature for info in feature_table().values() if info.family == family]
