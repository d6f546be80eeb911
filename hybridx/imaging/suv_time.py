"""When the tracer was injected, and to which moment the values of a PET series are corrected for decay."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging.pet_header import PetHeader, PetSlice

__all__ = ["decay_seconds"]

LONGEST_HALF_LIVES = 10.0  # after which a thousandth is left, and a date is wrong
SAME_DAY_HALF_LIFE_S = (
    12 * 3600.0
)  # a tracer that outlives it is imaged on later days: its injection needs a date
CLOCK_S = 1.0  # times are written in whole seconds
SPREAD_S = 60.0  # slices of one series may place their common reference time this far apart


def decay_seconds(header: PetHeader, half_life_s: float) -> tuple[npt.NDArray[np.float64], str, list[str]]:
    """Count the seconds from the injection to the time that each slice's values are corrected to.

    Parameters
    ----------
    header : PetHeader
        With values corrected for decay to the start of the scan.
    half_life_s : float
        Of the radionuclide.

    Returns
    -------
    tuple
        Seconds, shape (n_slices,); by which time, in words; notes.

    Raises
    ------
    InputError
        A time is missing, or injection and scan lie impossibly far apart.
    """
    references, how, notes = _reference(header, half_life_s)
    start, remarks = _injection(header, references[0], half_life_s)
    seconds = np.array([(one - start).total_seconds() for one in references])
    limit = LONGEST_HALF_LIVES * half_life_s
    if seconds.min() < 0.0 or seconds.max() > limit:
        worst = seconds.min() if seconds.min() < 0.0 else seconds.max()
        msg = (
            f"injection (0018,1078)/(0018,1072) and scan ({how}) lie {worst / 60.0:.0f} min apart; wanted 0 to "
            f"{limit / 60.0:.0f} min for this radionuclide: a date or a clock is wrong, perhaps shifted when the study "
            "was pseudonymised"
        )
        raise InputError(msg)
    return seconds, f"decayed {seconds.mean() / 60.0:.1f} min to {how}", notes + remarks


def _reference(header: PetHeader, half_life_s: float) -> tuple[list[dt.datetime], str, list[str]]:
    """Find the time that values are corrected to, slice by slice.

    The series' own time where no slice was acquired before it. A workstation that post-processes writes a later one:
    then the scanner's private time, else the time that the frames count their reference from.
    """
    n = len(header.slices)
    if header.corrected_to is not None:
        return [header.corrected_to] * n, "Decay Correction DateTime (0018,9701)", []
    acquired = [one.acquired for one in header.slices if one.acquired is not None]
    if header.series is not None and len(acquired) == n and header.series <= min(acquired):
        return [header.series] * n, "Series Time (0008,0031)", []
    if header.ge_scan is not None:
        late = (header.ge_scan - min(acquired)).total_seconds() if acquired else 0.0
        if late > SPREAD_S:
            msg = (
                f"GE scan time (0009,xx0D) lies {late / 60.0:.0f} min after the first acquisition (0008,0032), and "
                "Series Time (0008,0031) does too: the start that values are corrected to cannot be told"
            )
            raise InputError(msg)
        return [header.ge_scan] * n, "GE scan time (0009,xx0D)", []
    if len(acquired) < n:
        msg = (
            "Acquisition Date and Time (0008,0022)/(0008,0032) are missing"
            f"{'' if not acquired else ' on some slices'}: whether Series Time (0008,0031) is the start of the scan "
            "or of a later processing cannot be told"
        )
        raise InputError(msg)
    lies = "Series Time is later than the first acquisition, so it is a time of processing"
    counted = [_back(one, half_life_s) for one in header.slices]
    known = [one for one in counted if one is not None]
    if len(known) < n:
        lies += (
            "; Frame Reference Time (0054,1300) is missing or cannot be meant: the first acquisition counts as the "
            "start"
        )
        return [min(acquired)] * n, "first Acquisition Time (0008,0032)", [lies]
    spread = (max(known) - min(known)).total_seconds()
    if spread > SPREAD_S:
        msg = (
            f"Series Time is later than the first acquisition, and Frame Reference Times (0054,1300) point to starts "
            f"that lie {spread:.0f} s apart: the time that values are corrected to cannot be told"
        )
        raise InputError(msg)
    return known, "the start that Frame Reference Time (0054,1300) counts from", [lies]


def _back(one: PetSlice, half_life_s: float) -> dt.datetime | None:
    """Go back from a slice's acquisition to the moment that its Frame Reference Time counts from.

    Frame Reference Time ends where the decaying count rate has its mean over the frame, a little before its middle.
    """
    if one.acquired is None or one.frame_reference_ms is None or not one.frame_duration_ms:
        return None
    constant = math.log(2.0) / half_life_s
    decay = constant * one.frame_duration_ms / 1000.0
    mean_rate_s = math.log(decay / -math.expm1(-decay)) / constant
    if one.frame_reference_ms < 1000.0 * (mean_rate_s - CLOCK_S):
        # counted from after the frame's own start, as a 0 that nobody filled in or seconds for milliseconds would
        return None
    return one.acquired + dt.timedelta(seconds=mean_rate_s - one.frame_reference_ms / 1000.0)


def _injection(header: PetHeader, scan: dt.datetime, half_life_s: float) -> tuple[dt.datetime, list[str]]:
    if header.injected is not None:
        _same_clock(header.injected, header.injected_time)
        return header.injected, []
    if header.injected_time is None:
        msg = (
            "Radiopharmaceutical Start Date Time (0018,1078) and Start Time (0018,1072) are missing: how far the dose "
            "had decayed cannot be told"
        )
        raise InputError(msg)
    if half_life_s > SAME_DAY_HALF_LIFE_S:
        msg = (
            "Radiopharmaceutical Start Date Time (0018,1078) is missing; Start Time (0018,1072) has no date, and "
            f"a radionuclide of {half_life_s / 3600.0:.0f} h is imaged on "
            "later days too"
        )
        raise InputError(msg)
    start = dt.datetime.combine(scan.date(), header.injected_time)
    if start <= scan:
        return start, []
    return start - dt.timedelta(days=1), ["injected before midnight, scanned after it"]


def _same_clock(injected: dt.datetime, time: dt.time | None) -> None:
    """Refuse a date-time and a time of injection that contradict each other."""
    if time is None:
        return
    apart = (dt.datetime.combine(injected.date(), time) - injected).total_seconds()
    apart = (apart + 43_200.0) % 86_400.0 - 43_200.0
    if abs(apart) > SPREAD_S:
        msg = (
            f"Radiopharmaceutical Start Time (0018,1072) lies {apart / 60.0:+.0f} min from Start Date Time "
            "(0018,1078): one of the two is wrong, perhaps by a time zone, and the dose would be "
            "decayed over the wrong time"
        )
        raise InputError(msg)
