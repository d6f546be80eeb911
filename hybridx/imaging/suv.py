"""From what a scanner stores to standardised uptake values: one factor per slice, or a refusal that says why.

A wrong factor looks like a disease that grew or shrank. So nothing is guessed: a missing or impossible weight, dose
or time refuses, naming the tag, its value and what would follow; every choice that was made is written down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging.pet_header import PetHeader
from hybridx.imaging.radionuclide import half_life
from hybridx.imaging.suv_amounts import body_size, injected_dose, size_name
from hybridx.imaging.suv_time import decay_seconds
from hybridx.terms import check_name

__all__ = ["SUV_KINDS", "SuvFactors", "size_ratios", "suv_factors"]

SuvKind = Literal["bw", "sul_janma", "sul_james", "bsa"]
# name of the quantity, and its UCUM unit; for lean body mass the formula is part of the name
SUV_KINDS: dict[str, tuple[str, str]] = {
    "bw": ("SUVbw", "g/mL{SUVbw}"),
    "sul_janma": ("SULjanma", "g/mL{SUL_Janma}"),
    "sul_james": ("SULjames", "g/mL{SUL_James}"),
    "bsa": ("SUVbsa", "cm2/mL{SUVbsa}"),
}
# (0054,1006) SUV Type of values that are standardised already. "LBM" alone does not say by which formula, and ideal
# body weight has no kind here: both are refused.
STORED: dict[str, str] = {
    "": "bw",
    "BW": "bw",
    "LBMJANMA": "sul_janma",
    "LBMJAMES128": "sul_james",
    "BSA": "bsa",
}

PRIVATE_TOLERANCE = 0.05
DECAY_TOLERANCE = 0.1
# Terms that may be repeated in a message; any other text of a header may be a name that slipped into the wrong field.
KNOWN = {
    "BQML", "CNTS", "GML", "CPS", "PROPCPS", "PROPCNTS", "CM2", "CM2ML", "PCNT", "NONE", "START", "ADMIN", "BW", "LBM",
    "LBMJANMA", "LBMJAMES128", "BSA", "IBW", "DECY", "ATTN", "SCAT", "DTIM", "MOTN", "PMOT", "CLN", "RAN", "RADL",
    "DCAL", "NORM", "SLSENS", "RANSNG", "RANSUB", "NRGY", "GATE", "FLOW",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SuvFactors:
    """What the rescaled values of each slice are multiplied by.

    Parameters
    ----------
    values : ndarray, shape (n_slices,)
        In the order of the header's slices.
    name : str
        ``SUVbw``, ``SULjanma``, ``SULjames`` or ``SUVbsa``.
    unit : str
        UCUM.
    formula : str
        How the factor came about, for the log and the quality table.
    decay_s : float
        Seconds over which the injected dose was decayed, mean over slices; 0 where values refer to the injection, NaN
        where the scanner's own values were taken.
    notes : tuple of str
        What a reader should know.
    """

    values: npt.NDArray[np.float64]
    name: str
    unit: str
    formula: str
    decay_s: float
    notes: tuple[str, ...] = ()


def suv_factors(header: PetHeader, kind: SuvKind = "bw") -> SuvFactors:
    """Work out the factors that turn a PET series into standardised uptake values.

    Parameters
    ----------
    header : PetHeader
        Of the series.
    kind : {"bw", "sul_janma", "sul_james", "bsa"}
        By body weight, lean body mass (the formula is part of the name) or body surface.

    Returns
    -------
    SuvFactors
        One factor per slice; multiply what slope and intercept give.

    Raises
    ------
    InputError
        Something is missing, impossible or contradictory; every reason is listed at once.
    SettingsError
        Unknown kind.

    Source
    ------
    The vendor-neutral procedure of the Quantitative Imaging Biomarkers Alliance, FDG-PET/CT profile,
    doi:10.1007/s00259-014-2961-x for the quantity; DICOM PS3.3 C.8.9.1 for the attributes. Checked against the
    published factors of headers of General Electric, Siemens and Philips scanners to 1e-6.

    Examples
    --------
    >>> import datetime as dt
    >>> from hybridx.imaging.pet_header import PetSlice
    >>> slice_ = PetSlice(dt.datetime(2024, 1, 2, 10, 0), 0.0, 120_000.0)
    >>> header = PetHeader("BQML", (slice_,), "START", ("DECY", "ATTN"), weight_kg=70.0, dose_bq=350e6,
    ...                    half_life_s=6586.2, injected=dt.datetime(2024, 1, 2, 9, 0),
    ...                    series=dt.datetime(2024, 1, 2, 10, 0))
    >>> float(suv_factors(header).values[0].round(9))
    0.000292127
    """
    check_name(kind, SUV_KINDS, "kind")
    if "ATTN" not in header.corrected:
        msg = (
            f"Corrected Image (0028,0051) lists {_terms(header.corrected)}: the series is not corrected for "
            "attenuation (ATTN), and uptake deep in the body would come out too low. Take the "
            "attenuation-corrected series."
        )
        raise InputError(msg)
    if header.units == "GML":
        return _stored(header, kind)
    if header.units == "CNTS":
        return _counts(header, kind)
    if header.units == "BQML":
        return _activity(header, kind, np.ones(len(header.slices)), "Bq/mL")
    msg = (
        f"Units (0054,1001) is {_terms((header.units,))}; wanted BQML, GML, or CNTS with Philips' private scale. "
        "Values of another unit cannot be turned into uptake."
    )
    raise InputError(msg)


def size_ratios(header: PetHeader) -> dict[str, float | None]:
    """Work out by what SUVbw is multiplied to become SUL or SUVbsa, for one patient and day.

    Returns
    -------
    dict of str to float or None
        ``sul_janma_per_suvbw``, ``sul_james_per_suvbw`` (share of lean mass), ``suvbsa_per_suvbw`` (cm2/g); None where
        weight, height or sex are missing or impossible.

    Examples
    --------
    >>> found = size_ratios(PetHeader("BQML", (), weight_kg=70.0, height_m=1.75, sex="M"))
    >>> {name: round(value, 4) for name, value in found.items()}
    {'sul_janma_per_suvbw': 0.798, 'sul_james_per_suvbw': 0.8074, 'suvbsa_per_suvbw': 0.264}
    """
    ratios: dict[str, float | None] = {}
    kinds = {"sul_janma": "sul_janma", "sul_james": "sul_james", "suvbsa": "bsa"}
    for name, kind in kinds.items():
        try:
            ratio = body_size(header, kind) / body_size(header, "bw")
        except InputError:
            ratio = None
        ratios[f"{name}_per_suvbw"] = ratio
    return ratios


def _terms(values: Iterable[str]) -> str:
    """Repeat what a header says where it is one of the standard's terms."""
    shown = [
        value if value in KNOWN else "a text that is no term of the standard" for value in values if value
    ]
    return ", ".join(dict.fromkeys(shown)) or "nothing"


def _stored(header: PetHeader, kind: SuvKind) -> SuvFactors:
    """Values that the scanner has standardised already."""
    have = STORED.get(header.suv_type)
    if have is None:
        msg = (
            f"SUV Type (0054,1006) is {_terms((header.suv_type,))}, which does not say by what the values were "
            "standardised; wanted BW, LBMJANMA, LBMJAMES128 or BSA."
        )
        raise InputError(msg)
    notes: list[str] = []
    factor = 1.0
    if have != kind:
        factor = body_size(header, kind) / body_size(header, have)
        notes.append(f"stored as {SUV_KINDS[have][0]}, converted by weight, height and sex")
    values = np.full(len(header.slices), factor)
    return _made(kind, values, f"stored as {SUV_KINDS[have][0]} (GML)", math.nan, notes)


def _counts(header: PetHeader, kind: SuvKind) -> SuvFactors:
    """Turn counts into uptake, which only Philips' private attributes allow."""
    odd = [one for one in (header.philips_suv, header.philips_activity) if one is not None and one < 0.0]
    if odd:
        msg = f"A Philips scale factor (7053,xx00) or (7053,xx09) is {odd[0]:g}: uptake would be negative."
        raise InputError(msg)
    if header.philips_suv:
        values = np.full(len(header.slices), header.philips_suv)
        notes = ["the scanner's own factor (7053,xx00), worked out on its console"]
        if header.philips_activity:
            notes += _held_against(header, values)
        if kind != "bw":
            values = values * (body_size(header, kind) / body_size(header, "bw"))
            notes.append("converted by weight, height and sex")
        return _made(kind, values, "counts x Philips SUV scale factor (7053,xx00)", math.nan, notes)
    if header.philips_activity:
        scale = np.full(len(header.slices), header.philips_activity)
        return _activity(header, kind, scale, "counts x Philips activity scale factor (7053,xx09)")
    msg = (
        "Units (0054,1001) is CNTS and neither Philips' SUV scale (7053,xx00) nor its activity scale (7053,xx09) is "
        "there, or both are 0: counts mean nothing without one. Export the series again with private attributes."
    )
    raise InputError(msg)


def _held_against(header: PetHeader, values: npt.NDArray[np.float64]) -> list[str]:
    """Compare the scanner's factor with what its own headers give."""
    try:
        ours = _activity(header, "bw", np.full(len(values), header.philips_activity or 0.0), "").values
    except InputError:
        return []
    worst = float(np.max(np.abs(ours / values - 1.0)))
    if worst <= PRIVATE_TOLERANCE:
        return []
    return [f"dose, weight and times of the headers would give another factor, {worst:.0%} away"]


def _activity(header: PetHeader, kind: SuvKind, scale: npt.NDArray[np.float64], what: str) -> SuvFactors:
    """Activity concentration: SUV = concentration x size of the body / dose at the reference time."""
    dose, problems = injected_dose(header)
    notes: list[str] = []
    if header.doses > 1:
        problems.append(
            f"Radiopharmaceutical Information Sequence (0054,0016) lists {header.doses} different doses: which of them "
            "the picture shows, and what was left of the others, cannot be told"
        )
    seconds = np.zeros(len(header.slices))
    nuclide_s = math.nan
    try:
        size = body_size(header, kind)
    except InputError as error:
        problems.append(str(error))
        size = math.nan
    if header.decay_correction == "ADMIN" and "DECY" in header.corrected:
        reference = "values refer to the injection (ADMIN)"
        notes += _admin_doubt(header)
    elif header.decay_correction == "START" and "DECY" in header.corrected:
        try:
            nuclide_s, remarks = half_life(header)
            seconds, reference, more = decay_seconds(header, nuclide_s)
            notes += [*remarks, *more]
        except InputError as error:
            problems += str(error).split("\n")
            reference = ""
    else:
        problems.append(
            f"Decay Correction (0054,1102) says {_terms((header.decay_correction,))} and Corrected Image (0028,0051) "
            f"{_terms(header.corrected)}: without DECY and START or ADMIN every bed position has its own decay"
        )
        reference = ""
    if problems:
        msg = "No uptake values: " + "; ".join(problems) + "."
        raise InputError(msg)
    left = dose * (np.exp2(-seconds / nuclide_s) if seconds.any() else np.ones_like(seconds))
    formula = f"{what} x {size_name(kind)} / dose; {reference}"
    return _made(kind, scale * size / left, formula, float(seconds.mean()), notes)


def _admin_doubt(header: PetHeader) -> list[str]:
    """Hold the scanner's own decay factors against a correction to the injection."""
    try:
        nuclide_s, _ = half_life(header)
        seconds, _, _ = decay_seconds(header, nuclide_s)
    except InputError:
        return []
    factors = [one.decay_factor for one in header.slices if one.decay_factor]
    least = float(np.exp2(seconds.min() / nuclide_s))
    if not factors or min(factors) >= least * (1.0 - DECAY_TOLERANCE):
        return []
    text = (
        f"Decay Correction is ADMIN, yet Decay Factor (0054,1321) is {min(factors):.3g} where {least:.3g} or more "
        f"leads back to the injection: if values refer to the scan, uptake is {1.0 - 1.0 / least:.0%} too low"
    )
    return [text]


def _made(
    kind: str, values: npt.NDArray[np.float64], formula: str, decay_s: float, notes: list[str]
) -> SuvFactors:
    name, unit = SUV_KINDS[kind]
    return SuvFactors(values, name, unit, formula, decay_s, tuple(dict.fromkeys(notes)))
