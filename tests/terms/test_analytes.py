"""The analytes agree with themselves and with their units."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.errors import InputError
from hybridx.terms.analytes import analyte, analytes, find_analyte, likely_unit, nearest_analyte
from hybridx.terms.reference import all_reference_limits
from hybridx.terms.units import conversion_factor, is_unit


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
    for row in all_reference_limits().get(known.name, ()):
        inside = [x for x in (row.low, row.high) if x is not None]
        assert inside and inside == sorted(inside)
        assert all(low <= x <= high for x in inside)
        assert row.unit == known.unit and row.source
        assert row.sex in {"any", "female", "male"} and row.age_from < row.age_below
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


def test_reference_limits_depend_on_age_where_they_do():
    psa = analyte("psa")
    assert [psa.limits("male", age)[1] for age in (45, 50, 69.9, 75, 85)] == [2.5, 3.5, 4.5, 6.5, 4.0]
    assert psa.limits("male") == psa.limits("female", 65) == (None, 4.0), "decades of men are for men"
    assert analyte("albumin").limits("female", 95) == (29, 45)
    assert analyte("ldh").limits("male", 12) == (None, None), "a child is not judged by an adult's limits"


def test_every_reference_limit_is_of_a_known_analyte():
    assert set(all_reference_limits()) <= set(analytes())


# value, unit, and the same in the canonical unit, as conversion tables of laboratories print it
SAME = [
    ("hemoglobin", 10, "mmol/L", 161.14, 1e-3),
    ("creatinine", 1, "mg/dL", 88.4, 1e-3),
    ("bilirubin", 1, "mg/dL", 17.1, 1e-3),
    ("glucose", 100, "mg/dL", 5.55, 1e-3),
    ("calcium", 10, "mg/dL", 2.495, 1e-3),
    ("albumin", 4, "g/dL", 40, 1e-12),
    ("albumin", 600, "umol/L", 39.9, 1e-3),
    ("crp", 1.5, "mg/dL", 15, 1e-12),
    ("uric_acid", 6, "mg/dL", 356.9, 1e-3),
    ("urea", 60, "mg/dL", 9.99, 1e-3),
    ("ldh", 4, "ukat/L", 240, 1e-9),
    ("alt", 0.7, "ukat/L", 42, 1e-9),
    ("ast", 0.04, "U/mL", 40, 1e-9),
    ("psa", 4.2, "ng/mL", 4.2, 1e-12),
    ("cga", 98, "ng/mL", 98, 1e-12),
    ("cga", 0.098, "mg/L", 98, 1e-12),
    ("testosterone", 50, "ng/dL", 1.734, 1e-3),
    ("testosterone", 5, "ug/L", 17.34, 1e-3),
    ("ca19_9", 37, "U/mL", 37, 1e-12),
    ("hcg", 5, "m[iU]/mL", 5, 1e-12),
    ("tsh", 2, "u[iU]/mL", 2, 1e-12),
    ("calcitonin", 1, "pmol/L", 3.418, 1e-6),
    ("d_dimer", 500, "ug/L{FEU}", 0.5, 1e-12),
    ("neutrophils", 4500, "/uL", 4.5, 1e-12),
    ("platelets", 250, "10*3/uL", 250, 1e-12),
    ("hematocrit", 41, "%", 0.41, 1e-12),
    ("egfr", 1, "mL/s/{1.73_m2}", 60, 1e-9),
    ("fibrinogen", 300, "mg/dL", 3, 1e-12),
]


@pytest.mark.parametrize(("name", "value", "unit", "same", "tolerance"), SAME)
def test_units_convert_as_in_printed_tables(name, value, unit, same, tolerance):
    assert value * analyte(name).factor(unit) == pytest.approx(same, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("cga", "nmol/L"),
        ("cga", "U/L"),
        ("afp", "k[iU]/L"),
        ("ldh", "g/L"),
        ("crp", "nmol/L"),
        ("psa", "[iU]/L"),
    ],
)
def test_what_no_constant_converts_is_refused(name, unit):
    """An assay's arbitrary unit, or a protein whose mass depends on its sugars, has no one factor."""
    with pytest.raises(InputError, match="cannot be converted"):
        analyte(name).factor(unit)


@given(
    known=st.sampled_from(list(analytes().values())),
    value=st.floats(1e-6, 1e6),
    data=st.data(),
)
def test_there_and_back_again(known, value, data):
    unit = data.draw(st.sampled_from((known.unit, *known.other_units)))
    back = conversion_factor(known.unit, unit, known.molar_mass, known.valence, arbitrary=True)
    assert value * known.factor(unit) * back == pytest.approx(value, rel=1e-9)
