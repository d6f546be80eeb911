"""Response by the limits of RECIST 1.1 and PERCIST 1.0, computed from a patient's lesions at several times.

The limits, not the criteria: a reader also judges nodes by their short axis, at most two lesions of an organ,
progression of what is not measured, and confirmation, none of which a table of lesions holds. What cannot be told from
the table stays open, with the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

__all__ = [
    "PERCIST_SOURCE",
    "RECIST_SOURCE",
    "ResponseAt",
    "best_category",
    "percist_response",
    "recist_response",
    "same_numbers",
]

RECIST_SOURCE = "10.1016/j.ejca.2008.10.026"
PERCIST_SOURCE = "10.2967/jnumed.108.057307"
MOST_TARGETS = 5
SMALLEST_TARGET_MM = 10.0
LEAN_SHARE = (0.4, 1.0)  # of body weight: between them lies every SUL for its SUV
_TINY = 1e-9


@dataclass(frozen=True)
class ResponseAt:
    """The response at one examination after the first.

    Parameters
    ----------
    timepoint : int
    baseline, value : float
        Sum of target diameters (mm), or peak uptake of the hottest lesion; NaN where unknown.
    change : float
        Per cent of the first examination.
    category : str or None
        None where the table does not decide.
    targets : int
        Lesions in the sum.
    why : str
        What decided, or why nothing could: ``limits``, ``new lesion``, ``missing`` (a target lesion has no diameter),
        ``lean mass`` (the limit of 0.8 SUL needs height, weight and sex), ``liver`` (complete and partial response are
        told apart by the liver, which was not measured), ``faint`` (first uptake below what PERCIST measures),
        ``volume`` (total uptake rose by three quarters).
    """

    timepoint: int
    baseline: float
    value: float
    change: float
    category: str | None
    targets: int
    why: str = "limits"


def same_numbers(lesions: pl.DataFrame) -> bool:
    """Say whether a lesion keeps its number from one examination to the next.

    False where the numbers only rank the lesions of each examination by size, as the extraction writes them: then the
    lesion called 1 may be another one each time. With one lesion at every examination it makes no difference.
    """
    per_time = lesions.group_by(
        "timepoint", "modality" if "modality" in lesions.columns else pl.lit("")
    ).len()
    if per_time["len"].max() == 1 and lesions["lesion"].n_unique() == 1:
        return True
    return not ("centroid_x_mm" in lesions.columns and lesions["centroid_x_mm"].is_not_null().any())


def recist_response(lesions: pl.DataFrame) -> list[ResponseAt]:
    """Return the response at each later examination by the limits of RECIST 1.1.

    Target lesions are the (at most five) largest of 10 mm or more at the first examination. Complete: all gone
    (diameter 0). Partial: the sum of their diameters is 30 % or more below the first. Progressive: 20 % and 5 mm or
    more above the smallest so far, back after all were gone, or a lesion with a new number. Else stable.

    Parameters
    ----------
    lesions : polars.DataFrame
        One patient's rows of one anatomical image (CT or MR) with `timepoint`, `lesion`, `diameter_mm`; numbers are
        kept over time, see `same_numbers`.

    Returns
    -------
    list of ResponseAt
        Empty without a second examination or a measurable lesion.

    Source
    ------
    Eisenhauer EA et al. Eur J Cancer 2009. doi:10.1016/j.ejca.2008.10.026

    Examples
    --------
    >>> table = pl.DataFrame({"timepoint": [1, 1, 2, 2], "lesion": ["1", "2"] * 2, "diameter_mm": [40.0, 20, 25, 12]})
    >>> [(r.category, round(r.change)) for r in recist_response(table)]
    [('PR', -38)]
    """
    times = sorted(lesions["timepoint"].drop_nulls().unique().to_list())
    if len(times) < 2:
        return []
    first = _diameters(lesions, times[0])
    able = sorted((n for n, d in first.items() if d >= SMALLEST_TARGET_MM), key=lambda n: (-first[n], n))
    targets = able[:MOST_TARGETS]
    if not targets:
        return []
    baseline = smallest = sum(first[n] for n in targets)
    seen, found = set(first), []
    for time in times[1:]:
        now = _diameters(lesions, time)
        new = [n for n, d in now.items() if n not in seen and not d <= 0]
        seen |= set(now)
        measured = [now.get(n, math.nan) for n in targets]
        total = sum(measured)  # NaN where one of them is
        rest = any(not d <= 0 for n, d in now.items() if n not in targets)
        category, why = _size_category(total, baseline, smallest, rest=rest, new=bool(new))
        found.append(
            ResponseAt(time, baseline, total, _percent(total, baseline), category, len(targets), why)
        )
        smallest = min(smallest, total) if math.isfinite(total) else smallest
    return found


def _diameters(lesions: pl.DataFrame, time: int) -> dict[str, float]:
    rows = lesions.filter(pl.col("timepoint") == time)
    return {
        str(n): math.nan if d is None else float(d)
        for n, d in rows.select("lesion", "diameter_mm").iter_rows()
    }


def _size_category(
    total: float, baseline: float, smallest: float, *, rest: bool, new: bool
) -> tuple[str | None, str]:
    if new:
        return "PD", "new lesion"
    if not math.isfinite(total):
        return None, "missing"
    grown = total - smallest
    if smallest <= 0 < total or (grown >= 5.0 - _TINY and grown >= 0.2 * smallest - _TINY):
        return "PD", "limits"
    if total <= 0:
        return ("PR" if rest else "CR"), "limits"
    return ("PR" if total <= 0.7 * baseline + _TINY else "SD"), "limits"


def percist_response(
    lesions: pl.DataFrame,
    *,
    lean_share: float | None = None,
    liver: dict[int, tuple[float, float]] | None = None,
    tracked: bool = False,
) -> list[ResponseAt]:
    """Return the metabolic response at each later examination by the limits of PERCIST 1.0.

    Peak uptake (1 mL) of the hottest lesion, which need not be the same one. Partial: 30 % and 0.8 SUL or more below
    the first. Progressive: 30 % and 0.8 SUL or more above, a new lesion, or a total uptake (TLG) three quarters above
    without a fall of the peak. Complete: below the liver. Else stable.

    Parameters
    ----------
    lesions : polars.DataFrame
        One patient's PET rows with `timepoint`, `lesion`, `suv_peak` (SUV by body weight) and, if there, `tlg`.
    lean_share : float, optional
        Lean body mass over weight, which turns SUV into SUL. Without it, 0.8 SUL is judged where every share between
        0.4 and 1 gives the same answer.
    liver : mapping of timepoint to (mean, standard deviation), optional
        SUV of the liver: what uptake must exceed at first (1.5 times mean + 2 SD) and fall below for a complete
        response.
    tracked : bool
        Whether lesions keep their number over time, so that a new number is a new lesion.

    Source
    ------
    Wahl RL et al. J Nucl Med 2009. doi:10.2967/jnumed.108.057307

    Examples
    --------
    >>> table = pl.DataFrame({"timepoint": [1, 2], "lesion": ["1", "1"], "suv_peak": [10.0, 5.0]})
    >>> [(r.category, r.why) for r in percist_response(table, liver={1: (2.0, 0.3), 2: (2.1, 0.3)})]
    [('PMR', 'limits')]
    """
    known = lesions.drop_nulls("suv_peak")
    times = sorted(known["timepoint"].drop_nulls().unique().to_list())
    if len(times) < 2:
        return []
    peak = {t: float(known.filter(pl.col("timepoint") == t)["suv_peak"].max()) for t in times}  # type: ignore[arg-type]
    first, liver, found = times[0], liver or {}, []
    faint = first in liver and peak[first] < 1.5 * liver[first][0] + 2.0 * liver[first][1]
    seen = _numbers(known, first)
    for time in times[1:]:
        now = _numbers(known, time)
        new, seen = tracked and bool(now - seen), seen | now
        if faint:
            category, why = None, "faint"
        elif new:
            category, why = "PMD", "new lesion"
        else:
            category, why = _uptake_category(peak[first], peak[time], lean_share, liver.get(time))
            risen = _percent(_total(known, time), _total(known, first)) >= 75.0 - _TINY
            if category == "SMD" and risen and peak[time] >= peak[first]:
                category, why = "PMD", "volume"
        found.append(
            ResponseAt(time, peak[first], peak[time], _percent(peak[time], peak[first]), category, 1, why)
        )
    return found


def _numbers(lesions: pl.DataFrame, time: int) -> set[str]:
    return {str(n) for n in lesions.filter(pl.col("timepoint") == time)["lesion"]}


def _total(lesions: pl.DataFrame, time: int) -> float:
    rows = lesions.filter(pl.col("timepoint") == time)
    if "tlg" not in rows.columns or rows["tlg"].null_count():
        return math.nan
    return float(rows["tlg"].sum())


def _uptake_category(
    first: float, now: float, lean_share: float | None, liver: tuple[float, float] | None
) -> tuple[str | None, str]:
    if liver is not None and now < liver[0]:
        return "CMR", "limits"
    change = _percent(now, first)
    if abs(change) < 30.0 - _TINY:
        return "SMD", "limits"
    shares = LEAN_SHARE if lean_share is None else (lean_share, lean_share)
    enough = {abs(now - first) * share >= 0.8 - _TINY for share in shares}
    if len(enough) > 1:
        return None, "lean mass"
    if not enough.pop():
        return "SMD", "limits"
    if change > 0:
        return "PMD", "limits"
    return "PMR", ("limits" if liver is not None else "liver")


def _percent(value: float, first: float) -> float:
    return 100.0 * (value / first - 1.0) if first > 0 else math.nan


def best_category(found: list[ResponseAt], order: list[str]) -> str | None:
    """Return the best category up to progression, unconfirmed; None where no examination has one.

    Parameters
    ----------
    found : list of ResponseAt
    order : list of str
        Categories from best to worst; the last is progression.
    """
    best: str | None = None
    for one in found:
        if one.category is None:
            continue
        if best is None or order.index(one.category) < order.index(best):
            best = one.category
        if one.category == order[-1]:
            break
    return best
