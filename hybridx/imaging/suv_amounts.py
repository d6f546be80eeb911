"""What uptake is divided by: the injected dose and the size of the body, refused where no patient could have them."""

from __future__ import annotations

import math
from typing import Literal

from hybridx.errors import InputError
from hybridx.imaging.body import HEIGHT_M, body_surface_m2, lean_mass_kg
from hybridx.imaging.pet_header import PetHeader

__all__ = ["DOSE_BQ", "WEIGHT_KG", "body_size", "injected_dose", "size_name"]

WEIGHT_KG = (0.5, 400.0)  # a premature child; beyond it somebody wrote grams
DOSE_BQ = (1e6, 2e10)  # 1 MBq, less than any child gets, to a therapy; outside it somebody wrote MBq or mCi
BMI = (4.0, 210.0)  # premature children to the heaviest ever; beyond it weight and height were swapped


def injected_dose(header: PetHeader) -> tuple[float, list[str]]:
    """Return the dose in Bq and no problem, or NaN and what is wrong with it."""
    dose = header.dose_bq
    if dose is not None and DOSE_BQ[0] <= dose <= DOSE_BQ[1]:
        return dose, []
    shown = "missing" if dose is None else f"{dose:g} Bq"
    hint = ", which looks like MBq" if dose is not None and 1.0 <= dose < 2e4 else ""
    text = (
        f"Radionuclide Total Dose (0018,1074) is {shown}{hint}; wanted Bq, {DOSE_BQ[0]:g} to {DOSE_BQ[1]:g}"
    )
    return math.nan, [text]


def body_size(header: PetHeader, kind: str) -> float:
    """Return grams of body weight or lean mass, or square centimetres of body surface.

    Parameters
    ----------
    header : PetHeader
    kind : {"bw", "sul_janma", "sul_james", "bsa"}

    Raises
    ------
    InputError
        Weight, height or sex is missing, impossible, or contradicts the others.
    """
    weight = header.weight_kg
    if weight is None or not WEIGHT_KG[0] <= weight <= WEIGHT_KG[1]:
        shown = "missing" if weight is None else f"{weight:g} kg"
        msg = f"Patient's Weight (0010,1030) is {shown}; wanted {WEIGHT_KG[0]:g} to {WEIGHT_KG[1]:g} kg"
        raise InputError(msg)
    height = header.height_m
    if (
        height is not None
        and HEIGHT_M[0] <= height <= HEIGHT_M[1]
        and not BMI[0] <= weight / height**2 <= BMI[1]
    ):
        msg = (
            f"Patient's Weight (0010,1030) is {weight:g} kg and Size (0010,1020) {height:g} m, a body mass index of "
            f"{weight / height**2:.0f} kg/m2: one of the two is wrong, or they were swapped"
        )
        raise InputError(msg)
    if kind == "bw":
        return 1000.0 * weight
    if kind == "bsa":
        return 1e4 * body_surface_m2(weight, header.height_m)
    formula: Literal["janma", "james"] = "janma" if kind == "sul_janma" else "james"
    return 1000.0 * lean_mass_kg(weight, header.height_m, header.sex, formula)


def size_name(kind: str) -> str:
    """Say what `body_size` returns for a kind."""
    return {"bw": "body weight", "bsa": "body surface"}.get(kind, "lean body mass")
