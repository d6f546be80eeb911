"""Which column is the tumour volume of a cohort: its name follows the tracer and the threshold."""

from __future__ import annotations

import polars as pl

__all__ = ["volume_column"]

STEMS = ("mtv", "psma_tv", "sstr_tv")
# At a threshold first, since that is what another centre can repeat; the usual ones first, so that a further column
# changes no comparison. All that was outlined comes last.
THRESHOLDS = ("41pct", "suv4", "suv3", "suv2p5", "50pct")
MOSTLY = 0.9  # a column that fewer have (PERCIST's needs a liver) gives way to the next


def volume_column(frame: pl.DataFrame) -> str | None:
    """Return the PET tumour volume that a cohort is compared with, or None where it has none.

    Of several tracers the one that most patients had: PSMA-TV and SSTR-TV are other quantities than MTV, and no
    column mixes them.

    Parameters
    ----------
    frame : polars.DataFrame
        As from `Cohort.frame`.

    Returns
    -------
    str or None
        ``pet.mtv_41pct`` where it is measured, else the next threshold of the same tracer.

    Examples
    --------
    >>> volume_column(pl.DataFrame({"pet.psma_tv": [3.0, 4.0], "pet.psma_tv_suv3": [1.0, 2.0]}))
    'pet.psma_tv_suv3'
    >>> volume_column(pl.DataFrame({"pet.suv_max": [3.0]})) is None
    True
    """
    counts = {stem: _columns(frame, stem) for stem in STEMS}
    stem = max(STEMS, key=lambda one: max(counts[one].values(), default=0))
    have = {column: n for column, n in counts[stem].items() if n}
    if not have:
        return None
    enough = [column for column, n in have.items() if n >= MOSTLY * max(have.values())]
    return min(enough, key=lambda column: _order(column, stem))


def _columns(frame: pl.DataFrame, stem: str) -> dict[str, int]:
    """Count the values of each column of a stem, in the order of the frame."""
    found = {}
    for column, dtype in frame.schema.items():
        name = column.removeprefix("pet.")
        if name != column and dtype.is_numeric() and (name == stem or name.startswith(f"{stem}_")):
            found[column] = int(frame[column].cast(pl.Float64).is_finite().sum())
    return found


def _order(column: str, stem: str) -> int:
    word = column.removeprefix(f"pet.{stem}").removeprefix("_")
    if not word:
        return len(THRESHOLDS) + 1
    return THRESHOLDS.index(word) if word in THRESHOLDS else len(THRESHOLDS)
