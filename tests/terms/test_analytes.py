"""The analytes agree with themselves and with their units."""

from __future__ import annotations

import re

import pytest

from hybridx.errors import InputError
from hybridx.terms.analytes import analyte, analytes, find_analyte, likely_unit, nearest_analyte
from hybridx.terms.units import is_unit


def loinc_check_digit(code: str) -> bool:
    """Luhn (mod 10), as LOINC defines its check digit: a mistyped code fails nine times out of ten."""
    digits, check = code.split("-")
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10 == int(check)


@pytest.mark.parametrize("known", analytes().values(), ids=lambda a: a.name)
def test_an_analyte_agrees_with_itself(known):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", known.name)
    assert is_unit(known.unit)
    assert known.factor(known.unit) == 1.0
    assert all(known.factor(unit) > 0 for unit in known.other_units)
    low, high = known.plausible
    for limits in known.reference.values():
        inside = [x for x in limits if x is not None]
        assert inside == sorted(inside)
        assert all(low <= x <= high for x in inside)
    assert set(known.reference) in ({"any"}, {"female", "male"}, set())
    for spelling in (known.name, known.title, *known.aliases):
        assert find_analyte(spelling) is known, f"{spelling!r} means another analyte, too"


@pytest.mark.parametrize("known", [a for a in analytes().values() if a.loinc], ids=lambda a: a.name)
def test_loinc_codes_have_their_check_digit(known):
    assert loinc_check_digit(known.loinc)


def test_loinc_codes_are_unique():
    codes = [a.loinc for a in analytes().values() if a.loinc]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hb", "hemoglobin"),
        ("Leukozyten", "leukocytes"),
        ("Kreatinin", "creatinine"),
        ("CA 19-9", "ca19_9"),
        ("Gamma-GT", "ggt"),
        ("S-100", "s100b"),
        ("IL-6", "il6"),
    ],
)
def test_laboratory_names_are_understood(text, name):
    assert analyte(text).name == name


def test_urea_nitrogen_is_not_urea():
    assert find_analyte("BUN").name == "urea_nitrogen"


def test_a_misspelt_analyte_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"Unknown analyte 'albumine'\. Did you mean 'albumin'"):
        analyte("albumine")
    assert nearest_analyte("Leukocytn") == "leukocytes"


def test_a_unit_slip_is_recognised():
    assert likely_unit(analyte("hemoglobin"), 13.2, "g/L") == "g/dL"
    assert likely_unit(analyte("creatinine"), 1.1, "umol/L") == "mg/dL"
    assert likely_unit(analyte("calcium"), 9.4, "mmol/L") == "mg/dL"
    assert likely_unit(analyte("sodium"), -140, "mmol/L") is None


def test_assay_units_convert_but_a_catalytic_unit_fits_enzymes_only():
    assert analyte("tsh").factor("mU/L") == pytest.approx(1.0)
    assert analyte("ldh").factor("[iU]/L") == pytest.approx(1.0)
    assert analyte("ldh").factor("ukat/L") == pytest.approx(60.0)
    with pytest.raises(InputError, match="cannot be converted"):
        analyte("tsh").factor("ukat/L")
    assert analyte("calcium").factor("meq/L") == pytest.approx(0.5)


def test_reference_limits_depend_on_sex_where_they_do():
    assert analyte("hemoglobin").limits("female") != analyte("hemoglobin").limits("male")
    assert analyte("hemoglobin").limits(None) == (None, None)
    assert analyte("crp").limits("male") == (None, 5)
