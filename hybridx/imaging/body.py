"""Lean body mass and body surface of a patient, by the formula that is named."""

from __future__ import annotations

from typing import Literal

from hybridx.errors import InputError

__all__ = ["HEIGHT_M", "body_surface_m2", "lean_mass_kg"]

HEIGHT_M = (0.3, 2.6)


def lean_mass_kg(
    weight_kg: float, height_m: float | None, sex: str, formula: Literal["janma", "james"] = "janma"
) -> float:
    """Estimate the mass of the body without its fat.

    Parameters
    ----------
    weight_kg : float
        Body weight.
    height_m : float or None
        Metres.
    sex : str
        ``M`` or ``F``: the formulas know these two.
    formula : {"janma", "james"}
        Janmahasatian, which PERCIST asks for; James, which turns over and falls in heavy patients.

    Returns
    -------
    float
        Kilograms.

    Raises
    ------
    InputError
        Height or sex is missing or impossible, or James gives nothing usable for this patient.

    Source
    ------
    Janmahasatian 2005, doi:10.2165/00003088-200544100-00004; James as in Morgan & Bray 1994 (weight, height in cm).

    Examples
    --------
    >>> round(lean_mass_kg(70.0, 1.75, "M"), 2)
    55.86
    """
    height = _height(height_m)
    if sex not in ("M", "F"):
        shown = {"O": "O (other)", "": "missing"}.get(sex, "no term of the standard")
        msg = f"Patient's Sex (0010,0040) is {shown}; lean body mass is known for M and F only"
        raise InputError(msg)
    if formula == "janma":
        bmi = weight_kg / height**2
        return 9270.0 * weight_kg / (6680.0 + 216.0 * bmi if sex == "M" else 8780.0 + 244.0 * bmi)
    linear, square = (1.10, 128.0) if sex == "M" else (1.07, 148.0)
    mass = linear * weight_kg - square * (weight_kg / (100.0 * height)) ** 2
    if mass <= 0.0:
        msg = f"James' formula gives {mass:.1f} kg of lean body mass for {weight_kg:g} kg and {height:g} m: use Janma"
        raise InputError(msg)
    return mass


def body_surface_m2(weight_kg: float, height_m: float | None) -> float:
    """Estimate the body's surface.

    Raises
    ------
    InputError
        The height is missing or impossible.

    Source
    ------
    DuBois & DuBois 1916, doi:10.1001/archinte.1916.00080130010002.

    Examples
    --------
    >>> round(body_surface_m2(70.0, 1.75), 3)
    1.848
    """
    return 0.007184 * weight_kg**0.425 * (100.0 * _height(height_m)) ** 0.725


def _height(height_m: float | None) -> float:
    if height_m is None or not HEIGHT_M[0] <= height_m <= HEIGHT_M[1]:
        shown = "missing" if height_m is None else f"{height_m:g} m"
        hint = ", which looks like centimetres" if height_m is not None and 30.0 <= height_m <= 260.0 else ""
        msg = f"Patient's Size (0010,1020) is {shown}{hint}; wanted {HEIGHT_M[0]:g} to {HEIGHT_M[1]:g} m"
        raise InputError(msg)
    return height_m
