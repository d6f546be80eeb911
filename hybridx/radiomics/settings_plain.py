"""Settings of radiomics brought to plain types before anything is asked of their meaning."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridx.errors import SettingsError

if TYPE_CHECKING:
    from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["is_number", "make_plain"]

TEXT = ("vocabulary", "interpolator", "wavelet", "resegment_mode", "lbp2d_method")
LISTS: dict[str, type | tuple[type, ...]] = {
    "families": str,
    "image_types": str,
    "aggregations": str,
    "features": str,
    "log_sigma_mm": (int, float),
    "distances": int,
}


def is_number(value: object) -> bool:
    """Say whether a value is a finite number that fits 64 bits, and not True or False."""
    largest = sys.float_info.max  # a whole number may be larger than any floating one
    return isinstance(value, int | float) and not isinstance(value, bool) and -largest <= value <= largest


def make_plain(settings: RadiomicsSettings) -> None:
    """Turn NumPy's numbers and arrays into Python's, one thing into a list of one, and refuse other types.

    Raises
    ------
    SettingsError
        Where a word or a list of words or numbers is wanted and something else is given.
    """
    for one in dataclasses.fields(settings):
        value = getattr(settings, one.name)
        plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        plain = tuple(plain) if isinstance(plain, list) else plain
        if one.name in LISTS and not (one.name == "families" and plain is None):
            plain = _listed(one.name, plain)
        object.__setattr__(settings, one.name, plain)
    for name in (*TEXT, *(("weighting_norm",) if settings.weighting_norm is not None else ())):
        if not isinstance(getattr(settings, name), str):
            msg = f"{name}={getattr(settings, name)!r} is not a word."
            raise SettingsError(msg)


def _listed(name: str, given: Any) -> tuple[Any, ...]:
    kind = LISTS[name]
    several = given if isinstance(given, tuple) else (given,)
    for one in several:
        if not isinstance(one, kind) or isinstance(one, bool):
            wanted = "a list of words" if kind is str else "a list of numbers"
            msg = f"{name}={given!r} is not {wanted}, such as {_EXAMPLES[name]}."
            raise SettingsError(msg)
    return several


_EXAMPLES = {
    "families": "('firstorder', 'glcm')",
    "image_types": "('original', 'log')",
    "aggregations": "('3D_comb',)",
    "features": "('glcm_Contrast',) or ('cm_contrast_3D_avg',)",
    "log_sigma_mm": "(1.0, 3.0)",
    "distances": "(1,) or (1, 2)",
}
