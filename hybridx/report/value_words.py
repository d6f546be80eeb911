"""Values of a continuous outcome in words: true minus signs, and the unit as people write it."""

from __future__ import annotations

import math

from hybridx.cohort import Outcome
from hybridx.report.reasons import unit_text
from hybridx.report.rendering import number

__all__ = ["possible", "signed_number", "with_unit"]


def signed_number(value: float) -> str:
    """Write a value with three significant digits and a true minus.

    Examples
    --------
    >>> signed_number(-42.34)
    '−42.3'
    """
    return number(value if math.isfinite(value) else math.nan).replace("-", "−")


def with_unit(value: float, unit: str) -> str:
    """Write a value with its UCUM unit.

    Examples
    --------
    >>> with_unit(-42.34, "%"), with_unit(3.0, "Gy")
    ('−42.3 %', '3 Gy')
    """
    return f"{signed_number(value)} {unit_text(unit)}".strip()


def possible(low: float, y: Outcome) -> float:
    """Return the lower end of an interval, not below -100 % where nobody fell by more: nothing falls by more than all.

    Examples
    --------
    >>> possible(-104.0, Outcome.continuous([-99.0, 30.0], unit="%"))
    -100.0
    """
    known = y.value[y.known]
    falls = y.unit == "%" and len(known) and -100.0 <= known.min() < 0.0
    return max(low, -100.0) if falls else low
