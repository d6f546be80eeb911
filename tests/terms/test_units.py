"""Units convert or refuse."""

from __future__ import annotations

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.errors import InputError
from hybridx.terms.units import conversion_factor, convert, is_unit, suggest_unit

# Conversion factors as laboratories print them on their sheets, to the digits they give: independent of pint.
PRINTED = [
    ("mg/dL", "umol/L", 113.12, 88.4, 3),  # creatinine
    ("mg/dL", "umol/L", 584.66, 17.104, 5),  # bilirubin
    ("mg/dL", "mmol/L", 180.156, 0.0555, 3),  # glucose
    ("mg/dL", "mmol/L", 40.078, 0.2495, 3),  # calcium
    ("ng/dL", "nmol/L", 288.42, 0.0347, 3),  # testosterone
    ("g/dL", "g/L", None, 10.0, 9),
    ("/uL", "10*9/L", None, 0.001, 9),
    ("10*3/uL", "10*9/L", None, 1.0, 12),
    ("/nL", "10*9/L", None, 1.0, 15),
    ("ukat/L", "U/L", None, 60.0, 9),
]


@pytest.mark.parametrize(("source", "target", "molar_mass", "factor", "digits"), PRINTED)
def test_factors_are_those_of_the_printed_tables(source, target, molar_mass, factor, digits):
    assert conversion_factor(source, target, molar_mass) == pytest.approx(factor, rel=10.0 ** (1 - digits))


@given(st.floats(1e-6, 1e6), st.sampled_from(PRINTED))
def test_there_and_back_is_the_same_value(value, case):
    source, target, molar_mass, *_ = case
    assert convert(convert(value, source, target, molar_mass), target, source, molar_mass) == pytest.approx(
        value
    )


def test_the_users_registry_is_left_alone():
    convert(1.0, "mg/dL", "g/L")
    registry = pint.get_application_registry()
    assert "peripheral_vascular_resistance_unit" not in registry  # one of ucumvert's additions
    assert registry.Quantity(1, "meter").to("cm").magnitude == pytest.approx(100)


@pytest.mark.parametrize("micro", ["\u00b5mol/L", "\u03bcmol/L", "umol/L"])
def test_both_micro_signs_are_read(micro):
    assert convert(1.0, micro, "umol/L") == 1.0


def test_a_bare_annotation_is_a_pure_number():
    assert convert(1.1, "{INR}", "1") == pytest.approx(1.1)


def test_equivalents_need_the_charge():
    assert conversion_factor("meq/L", "mmol/L", valence=2) == pytest.approx(0.5)
    assert conversion_factor("mmol/L", "meq/L", valence=2) == pytest.approx(2.0)
    assert conversion_factor("meq/L", "meq/L") == pytest.approx(1.0)
    with pytest.raises(InputError, match="charge of the ion"):
        conversion_factor("meq/L", "mmol/L")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("mg/dL", "mmol/L", "cannot be converted to 'mmol/L'"),  # no molar mass
        ("U/L", "[iU]/L", "cannot be converted"),  # a catalytic unit is not an assay's own unit
        ("G/L", "10*9/L", r"Did you mean '10\*9/L'\?"),  # gauss per litre
        ("Tsd/µl", "10*9/L", r"Did you mean '10\*9/L'\?"),
        ("foo", "g/L", "is not a unit"),
        ("", "g/L", "Did you mean '1'"),
        ("Cel", "K", "has an offset"),
    ],
)
def test_what_cannot_be_converted_is_refused(source, target, message):
    with pytest.raises(InputError, match=message):
        convert(1.0, source, target)


def test_arbitrary_units_are_one_only_when_asked():
    assert conversion_factor("k[iU]/L", "U/mL", arbitrary=True) == pytest.approx(1.0)


def test_suggestions_are_units():
    for printed in ("G/L", "Tsd/µl", "mIU/L", "IE/l", "ml/min/1.73m2", "10^3/uL", "mcg/L", "sek"):
        guess = suggest_unit(printed)
        assert guess is not None, printed
        assert is_unit(guess), guess
