"""Units in UCUM: a laboratory value is converted, or refused with the reason."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pint
import ucumvert
from lark.exceptions import LarkError
from ucumvert.parser import InvalidUcumError, parse_ucum

from hybridx.errors import InputError

__all__ = ["conversion_factor", "convert", "is_unit", "suggest_unit"]

# How laboratories print units that are not UCUM, or are UCUM for something else ("G/L" is gauss per litre). They are
# offered as a cure, never assumed.
_PRINTED: dict[str, str] = {
    "g/l": "10*9/L",  # only reached for "G/L" and "G/l": see `suggest_unit`
    "gpt/l": "10*9/L",
    "giga/l": "10*9/L",
    "tsd/ul": "10*9/L",
    "tsd./ul": "10*9/L",
    "k/ul": "10*9/L",
    "10^3/ul": "10*3/uL",
    "x10^9/l": "10*9/L",
    "x10e9/l": "10*9/L",
    "10e9/l": "10*9/L",
    "10e3/ul": "10*3/uL",
    "10**9/l": "10*9/L",
    "/nl": "/nL",
    "1/nl": "/nL",
    "1/ul": "/uL",
    "cells/ul": "/uL",
    "mio/ul": "10*6/uL",
    "tpt/l": "10*12/L",
    "iu/l": "[iU]/L",
    "ie/l": "[iU]/L",
    "u/l": "U/L",
    "iu/ml": "[iU]/mL",
    "ie/ml": "[iU]/mL",
    "miu/l": "m[iU]/L",
    "mie/l": "m[iU]/L",
    "uiu/ml": "u[iU]/mL",
    "miu/ml": "m[iU]/mL",
    "kiu/l": "k[iU]/L",
    "mcg/l": "ug/L",
    "mcg/ml": "ug/mL",
    "mg%": "mg/dL",
    "ml/min/1.73m2": "mL/min/{1.73_m2}",
    "ml/min/1.73m^2": "mL/min/{1.73_m2}",
    "ml/min/1,73m2": "mL/min/{1.73_m2}",
    "ml/min/1.73 m2": "mL/min/{1.73_m2}",
    "sec": "s",
    "sek": "s",
    "ratio": "1",
    "inr": "1",
    "none": "1",
    "": "1",
}

_MICRO = str.maketrans(
    {"\u00b5": "u", "\u03bc": "u"}
)  # micro sign and Greek mu: both are printed, UCUM writes u
_EQUIVALENT = re.compile(r"(?<![A-Za-z\[])[a-z]{0,2}eq(?![A-Za-z])")
_ARBITRARY = re.compile(r"\[[iI]U\]")
_ENZYME = re.compile(r"(?<![A-Za-z\[])([fpnumk]?)U(?![A-Za-z\]])")


@lru_cache(maxsize=1)
def _registry() -> Any:
    # `ucumvert.PintUcumRegistry` parses into pint's application registry, a process-wide setting that belongs to the
    # user, and then "different registries" cannot be compared. Here everything comes from one registry of our own and
    # no quantity leaves the module.
    registry: Any = pint.UnitRegistry()
    registry.load_definitions(Path(ucumvert.__file__).with_name("pint_ucum_defs.txt"))
    return registry


@lru_cache(maxsize=1)
def _reader() -> tuple[Any, Any]:
    return ucumvert.get_ucum_parser(), ucumvert.UcumToPintTransformer(ureg=_registry())


def is_unit(text: str) -> bool:
    """Return whether `text` is a UCUM unit (micro signs are read as ``u``).

    Examples
    --------
    >>> is_unit("10*9/L"), is_unit("Tsd/µl")
    (True, False)
    """
    try:
        _parse(text)
    except InputError:
        return False
    return True


def suggest_unit(text: str) -> str | None:
    """Return the UCUM spelling of a unit as laboratories print it, or None.

    Examples
    --------
    >>> suggest_unit("Tsd/µl"), suggest_unit("G/L"), suggest_unit("mg/dL")
    ('10*9/L', '10*9/L', None)
    """
    printed = text.strip().translate(_MICRO)
    if printed[:1] == "g":  # grams: only the capital G stands for giga
        return None
    for key in (printed.casefold(), re.sub(r"\s", "", printed).casefold()):
        found = _PRINTED.get(key)
        if found is not None:
            return None if found == printed else found
    stripped = re.sub(r"\s", "", printed)
    return stripped if stripped != printed and is_unit(stripped) else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Any:
    ucum = text.strip().translate(_MICRO)
    if re.fullmatch(r"(\{[^{}]*\})+", ucum):
        ucum = "1"  # a bare annotation such as {INR} is a pure number; the parser returns it unparsed
    try:
        parser, transformer = _reader()
        unit = transformer.transform(parse_ucum(ucum, parser))
    except (InvalidUcumError, pint.PintError, LarkError, ValueError) as error:
        guess = suggest_unit(text)
        hint = (
            f" Did you mean {guess!r}?"
            if guess
            else " Units are written in UCUM, e.g. 'mmol/L', '10*9/L', 'U/L'."
        )
        msg = f"{text!r} is not a unit.{hint}"
        raise InputError(msg) from error
    if not isinstance(unit, _registry().Quantity):
        msg = f"{text!r} is not a unit that can be converted."
        raise InputError(msg)
    return unit


@lru_cache(maxsize=4096)
def conversion_factor(
    from_ucum: str,
    to_ucum: str,
    molar_mass: float | None = None,
    valence: int | None = None,
    *,
    arbitrary: bool = False,
) -> float:
    """Return the number that turns a value in one unit into a value in another.

    Parameters
    ----------
    from_ucum, to_ucum : str
        UCUM units.
    molar_mass : float, optional
        g/mol of the substance; needed between mass and amount (mg/dL to umol/L).
    valence : int, optional
        Charge of the ion; needed for equivalents (meq/L). Without it equivalents are refused, since taking 1 would
        be wrong by a factor of two for calcium.
    arbitrary : bool
        Read ``U`` and ``[iU]`` as the same unit. Right for one analyte whose assay has a single unit, wrong in general.

    Raises
    ------
    InputError
        A unit that is not UCUM, or two units of different kinds.

    Examples
    --------
    >>> round(conversion_factor("mg/dL", "umol/L", molar_mass=113.12), 2)
    88.4
    """
    source_text, target_text = (_without_arbitrary(t) if arbitrary else t for t in (from_ucum, to_ucum))
    source, target = _parse(source_text), _parse(target_text)
    for text, unit in ((from_ucum, source), (to_ucum, target)):
        if _registry().Quantity(0.0, unit.units).to_base_units().magnitude != 0:
            msg = f"{text!r} has an offset (a temperature scale) and cannot be converted by a factor."
            raise InputError(msg)
    has_equivalents = [bool(_EQUIVALENT.search(t)) for t in (from_ucum, to_ucum)]
    charge = 1.0
    if has_equivalents[0] != has_equivalents[1]:
        if valence is None:
            msg = f"Equivalents in {from_ucum!r} or {to_ucum!r} need the charge of the ion; give mmol/L instead."
            raise InputError(msg)
        charge = 1.0 / valence if has_equivalents[0] else float(valence)
    try:
        factor = float(source.to(target.units).magnitude) / float(target.magnitude)
    except pint.DimensionalityError:
        factor = _through_molar_mass(source, target, molar_mass, from_ucum, to_ucum)
    return float(f"{charge * factor:.13g}")  # 1, not 0.9999999999999999, between /nL and 10*9/L


def _through_molar_mass(
    source: Any, target: Any, molar_mass: float | None, from_ucum: str, to_ucum: str
) -> float:
    if molar_mass is not None:
        per_mole = _registry().Quantity(molar_mass, "gram / mole")
        for candidate in (source / per_mole, source * per_mole):
            if candidate.dimensionality == target.dimensionality:
                return float(candidate.to(target.units).magnitude) / float(target.magnitude)
    guess = suggest_unit(from_ucum)
    hint = f" Did you mean {guess!r}?" if guess else ""
    msg = f"{from_ucum!r} cannot be converted to {to_ucum!r}.{hint}"
    raise InputError(msg)


def _without_arbitrary(text: str) -> str:
    return _ARBITRARY.sub("U", text)


def convert(
    value: float,
    from_ucum: str,
    to_ucum: str,
    molar_mass: float | None = None,
    valence: int | None = None,
) -> float:
    """Turn a value in one UCUM unit into a value in another.

    Parameters
    ----------
    value : float or numpy.ndarray
        In `from_ucum`.
    from_ucum, to_ucum, molar_mass, valence
        See `conversion_factor`.

    Returns
    -------
    float or numpy.ndarray
        In `to_ucum`.

    Raises
    ------
    InputError
        A unit that is not UCUM, or two units of different kinds.

    Examples
    --------
    >>> round(convert(1.2, "mg/dL", "umol/L", molar_mass=113.12), 2)
    106.08
    >>> convert(7.5, "10*3/uL", "10*9/L")
    7.5
    """
    return value * conversion_factor(from_ucum, to_ucum, molar_mass, valence)
