"""A laboratory analyte: its canonical unit, its plausible and its usual range."""

from __future__ import annotations

from dataclasses import dataclass

from hybridx.errors import InputError
from hybridx.terms.reference import reference_limits
from hybridx.terms.units import conversion_factor

__all__ = ["Analyte"]


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory analyte and the one unit the library keeps it in.

    Parameters
    ----------
    name : str
        Lower-case name used in ``lab.<name>``.
    title : str
        In words.
    unit : str
        Canonical UCUM unit.
    plausible : (float, float)
        Values outside are not seen in a living patient: almost always a unit or typing slip. Wide on purpose.
    loinc : str or None
        A LOINC code for the analyte in `unit`.
    molar_mass : float or None
        g/mol, where laboratories report both mass and amount.
    valence : int or None
        Charge, where equivalents are in use.
    aliases : tuple of str
        Other spellings, compared without case, blanks, ``-`` and ``_``.
    other_units : tuple of str
        Units in which it is often printed; only used to guess what went wrong.
    """

    name: str
    title: str
    unit: str
    plausible: tuple[float, float]
    loinc: str | None = None
    molar_mass: float | None = None
    valence: int | None = None
    aliases: tuple[str, ...] = ()
    other_units: tuple[str, ...] = ()

    def factor(self, unit: str) -> float:
        """Return the number that turns a value in `unit` into one in the canonical unit.

        Raises
        ------
        InputError
            `unit` is not UCUM or is of another kind.
        """
        # One assay has one arbitrary unit, printed U or [iU] by different laboratories. A catalytic unit (kat) only
        # fits the enzymes: elsewhere U means nothing but the assay's own unit.
        if "kat" in unit and "U/" not in self.unit:
            msg = f"{unit!r} cannot be converted to {self.unit!r}."
            raise InputError(msg)
        return conversion_factor(unit, self.unit, self.molar_mass, self.valence, arbitrary=True)

    def limits(self, sex: str | None = None, age: float | None = None) -> tuple[float | None, float | None]:
        """Return the usual reference limits in the canonical unit; (None, None) where nothing general holds.

        Laboratories differ: the limits given with a value (`ref_low`, `ref_high`) come first, these stand in for
        absent ones. See `hybridx.terms.reference` for where they come from.

        Parameters
        ----------
        sex : {"female", "male"}, optional
            Limits that differ between the sexes need it.
        age : float, optional
            Years; without it the limits are those of adults as a whole.
        """
        return reference_limits(self.name, sex, age)
