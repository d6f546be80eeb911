"""A number with its uncertainty: no score leaves the library without an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, and what it was computed from.

    Parameters
    ----------
    value : float
        Point estimate; NaN when it is undefined on these data (never 0).
    low, high : float
        Ends of the interval; NaN when no interval could be computed.
    level : float
        Nominal coverage of the interval, for example 0.95.
    n, n_events : int or None
        Patients and events (or responders) behind the value.
    method : str
        How the value and interval were computed, in words.

    Examples
    --------
    >>> print(Estimate(0.664, 0.581, 0.742, n=120, n_events=64))
    0.664 (95 % interval 0.581 to 0.742; n = 120, 64 events)
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    level: float = 0.95
    n: int | None = None
    n_events: int | None = None
    method: str = ""

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"undefined ({self.method})" if self.method else "undefined"
        interval = (
            "no interval"
            if math.isnan(self.low) or math.isnan(self.high)
            else f"{100 * self.level:g} % interval {self.low:.3f} to {self.high:.3f}"
        )
        counts = [] if self.n is None else [f"n = {self.n}"]
        counts += [] if self.n_events is None else [f"{self.n_events} events"]
        return f"{self.value:.3f} ({'; '.join([interval, ', '.join(counts)]) if counts else interval})"

    @property
    def width(self) -> float:
        """Width of the interval."""
        return self.high - self.low
