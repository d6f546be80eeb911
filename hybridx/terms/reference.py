"""Reference limits of laboratory values by sex and age, each with its source."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["ReferenceLimits", "all_reference_limits", "reference_limits"]

_FILE = Path(__file__).with_name("reference_limits.csv")


@dataclass(frozen=True, slots=True)
class ReferenceLimits:
    """One row of the table of reference limits.

    Parameters
    ----------
    analyte, unit : str
        Name and canonical UCUM unit.
    sex : {"any", "female", "male"}
        Whom it holds for.
    age_from, age_below : float
        Years; from the first, below the second (infinity where nothing bounds it).
    low, high : float or None
        The limits; None on a side that has none.
    source : str
        Where they come from.
    """

    analyte: str
    unit: str
    sex: str
    age_from: float
    age_below: float
    low: float | None
    high: float | None
    source: str

    @property
    def adult(self) -> bool:
        """Whether it holds for adults of every age, and so for one whose age is not known."""
        return self.age_from <= 18 and math.isinf(self.age_below)


@lru_cache(maxsize=1)
def all_reference_limits() -> Mapping[str, tuple[ReferenceLimits, ...]]:
    """Return the limits of each analyte that has any, as they stand in ``reference_limits.csv``."""
    table: dict[str, list[ReferenceLimits]] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            limits = ReferenceLimits(
                analyte=row["analyte"],
                unit=row["unit"],
                sex=row["sex"],
                age_from=float(row["age_from"] or 0),
                age_below=float(row["age_below"] or math.inf),
                low=float(row["low"]) if row["low"] else None,
                high=float(row["high"]) if row["high"] else None,
                source=row["source"],
            )
            table.setdefault(limits.analyte, []).append(limits)
    return {name: tuple(rows) for name, rows in table.items()}


def reference_limits(
    analyte: str, sex: str | None = None, age: float | None = None
) -> tuple[float | None, float | None]:
    """Return the limits that fit a person best: the narrowest range of age, then the person's own sex.

    Parameters
    ----------
    analyte : str
        Canonical name.
    sex : {"female", "male"}, optional
        Unknown or other: only limits that hold for both sexes.
    age : float, optional
        Years. Unknown: the limits of adults as a whole. Below the youngest row there are none: a child's values are
        not judged by an adult's limits.

    Returns
    -------
    (float or None, float or None)
        In the canonical unit of the analyte; (None, None) where the table knows nothing that fits.

    Examples
    --------
    >>> reference_limits("psa"), reference_limits("psa", "male", 55), reference_limits("hemoglobin", "female")
    ((None, 4.0), (None, 3.5), (120.0, 160.0))
    """
    rows = [r for r in all_reference_limits().get(analyte, ()) if r.sex in ("any", sex)]
    fitting = [r for r in rows if (r.adult if age is None else r.age_from <= age < r.age_below)]
    if not fitting:
        return None, None
    best = min(fitting, key=lambda r: (r.age_below - r.age_from, -r.age_from, r.sex == "any"))
    return best.low, best.high
