"""Which radionuclide a PET series shows, and whether its half-life is that of the radionuclide."""

from __future__ import annotations

import re

from hybridx.errors import InputError
from hybridx.imaging.pet_header import PetHeader
from hybridx.terms.tracers import HALF_LIFE_S, TRACERS, find_tracer

__all__ = ["half_life", "radionuclide_of"]

# Consoles carry half-lives of 109.8 min (F-18: 6588 s) and 12.8 h (Cu-64: 46080 s), within one per cent of today's.
TOLERANCE = 0.02
# SNOMED CT and the older SRT codes of DICOM's context group 4020, which some headers carry in place of a meaning
CODES = {
    "C-111A1": "F18", "77004003": "F18", "C-131A3": "Ga68", "80751004": "Ga68", "C-127A2": "Cu64", "43781008": "Cu64",
    "C-168A4": "Zr89", "129461005": "Zr89", "C-105A1": "C11", "40565003": "C11", "C-B1038": "O15", "C-107A1": "N13",
    "C-159A2": "Rb82", "C-114A6": "I124", "C-135A4": "I123",
}  # fmt: skip
_ELEMENTS = {
    "fluorine": "F", "fluor": "F", "gallium": "Ga", "copper": "Cu", "zirconium": "Zr", "lutetium": "Lu", "carbon": "C",
    "oxygen": "O", "nitrogen": "N", "rubidium": "Rb", "iodine": "I",
}  # fmt: skip
_NUCLIDE = re.compile(r"(?<![A-Za-z])([A-Z][a-z]?) ?(\d{2,3})(?!\d)|(?<!\d)(\d{2,3}) ?([A-Z][a-z]?)(?![a-z])")


def radionuclide_of(header: PetHeader) -> str:
    """Name the radionuclide (``F18``), from its code or else from the tracer's name; empty where neither says.

    Examples
    --------
    >>> radionuclide_of(PetHeader("BQML", (), radionuclide="^68^Gallium"))
    'Ga68'
    >>> radionuclide_of(PetHeader("BQML", (), radiopharmaceutical="Fluorodeoxyglucose"))
    'F18'
    """
    for text in (header.radionuclide, header.radiopharmaceutical):
        if text in CODES:
            return CODES[text]
        found = _spelt(text)
        if found:
            return found
        tracer = find_tracer(text) if text else None
        if tracer is not None:
            return TRACERS[tracer.name].isotope
    return ""


def _spelt(text: str) -> str:
    plain = re.sub(r"[\[\]\-]", " ", text.replace("^", ""))
    for word, symbol in _ELEMENTS.items():
        plain = re.sub(rf"\b(\d*){word}\b", rf"\g<1>{symbol}", plain, flags=re.IGNORECASE)
    for match in _NUCLIDE.finditer(plain):
        name = f"{match[1] or match[4]}{match[2] or match[3]}"
        if name in HALF_LIFE_S:
            return name
    return ""


def half_life(header: PetHeader) -> tuple[float, list[str]]:
    """Return the half-life in seconds, held against that of the radionuclide, and what was noted.

    Raises
    ------
    InputError
        Neither is given, or the two contradict each other.
    """
    name, given = radionuclide_of(header), header.half_life_s
    if given is not None and given <= 0.0:
        given = None
    spelt = _spelt(header.radiopharmaceutical)
    if name and spelt and spelt != name:
        msg = (
            f"Radionuclide Code (0054,0300) says {name}, Radiopharmaceutical (0018,0031) {spelt}: one of the two is "
            "wrong, and the dose would be decayed by the wrong law"
        )
        raise InputError(msg)
    if given is None and not name:
        msg = (
            "Radionuclide Half Life (0018,1075) is missing and no radionuclide is named (0054,0300): how far the "
            "dose had decayed cannot be told"
        )
        raise InputError(msg)
    if given is None:
        return HALF_LIFE_S[name], [f"half-life missing; that of {name} was taken, {HALF_LIFE_S[name]:g} s"]
    if name and abs(given / HALF_LIFE_S[name] - 1.0) > TOLERANCE:
        msg = (
            f"Radionuclide Half Life (0018,1075) is {given:g} s, but the radionuclide is {name} with "
            f"{HALF_LIFE_S[name]:g} s{_unit(given, HALF_LIFE_S[name])}: one of the two is wrong, and the dose would be "
            "decayed by the wrong law"
        )
        raise InputError(msg)
    if name:
        return given, []
    near = [one for one, seconds in HALF_LIFE_S.items() if abs(given / seconds - 1.0) <= TOLERANCE]
    if not near:
        msg = (
            f"Radionuclide Half Life (0018,1075) is {given:g} s, which is none of "
            f"{', '.join(HALF_LIFE_S)}, and no radionuclide is named (0054,0300)"
        )
        raise InputError(msg)
    return given, []


def _unit(given: float, wanted: float) -> str:
    """Say in which unit somebody may have written."""
    for name, seconds in (("minutes", 60.0), ("hours", 3600.0), ("milliseconds", 1e-3)):
        if abs(given * seconds / wanted - 1.0) <= TOLERANCE:
            return f" (it looks like {name})"
    return ""
