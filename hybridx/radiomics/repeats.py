"""How far a second measurement gives each feature again: the table that stability filters and notebooks read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_frame
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.radiomics.intraclass import icc_columns
from hybridx.terms.text import listing

__all__ = ["Reliability", "reliability", "reliability_of"]

KEYS = ("patient_id", "repeat")
LEAST_PATIENTS = 3  # of two the interval of an intraclass correlation reaches from one end to the other


@dataclass(frozen=True, eq=False)
class Reliability:
    """Repeated measurements and what they say of each feature.

    Parameters
    ----------
    table : polars.DataFrame
        One row per feature, the most reliable first: `column`, `icc`, `low`, `high`, `n` (patients who count),
        `repeats` (most per patient), `spread` (standard deviation within patients as a share of the absolute mean),
        `repeatability` (two measurements of one patient differ by less in 95 of 100 pairs; unit of the feature).
        Null where it cannot be said.
    repeats : polars.DataFrame
        `patient_id`, `repeat` and the features: what ``hybridx.prepare.StabilityFilter(repeats=...)`` takes.
    kind : str
        Which intraclass correlation.
    level : float
        Coverage of its interval.
    reasons : mapping of str to tuple of str
        Per patient, what could not be measured as asked.
    """

    table: pl.DataFrame
    repeats: pl.DataFrame
    kind: str
    level: float
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def stable(self, threshold: float = 0.75) -> list[str]:
        """Name the features whose lower limit exceeds a threshold."""
        return self.table.filter(pl.col("low") > threshold)["column"].to_list()

    def __repr__(self) -> str:
        known = self.table.filter(pl.col("low").is_not_null())
        firm = known.filter(pl.col("low") > 0.75).height
        return (
            f"Reliability({self.kind} of {self.table.height} features in {self.repeats['patient_id'].n_unique()} "
            f"patients: {firm} of {known.height} with a lower limit above 0.75)"
        )

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def reliability(
    test: Any,
    retest: Any,
    *,
    kind: str = "ICC(2,1)",
    level: float = 0.95,
) -> Reliability:
    """Compare two measurements of the same patients: two scans, or two readers.

    Parameters
    ----------
    test, retest : polars or pandas table
        `patient_id` and the features, one row per patient. Patients and features that both have are compared.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}, default "ICC(2,1)"
        See `hybridx.radiomics.intraclass`; the default asks for agreement.
    level : float, default 0.95
        Coverage of the interval.

    Returns
    -------
    Reliability
        Its `repeats` holds both measurements, "test" and "retest".

    Raises
    ------
    InputError
        No `patient_id`, a patient with two rows, or no feature that both have.
    NotEnoughDataError
        Fewer than 3 patients in both.

    Source
    ------
    Intraclass correlation: `hybridx.radiomics.intraclass`. Repeatability coefficient: Bland & Altman 1999,
    doi:10.1177/096228029900800204.

    Examples
    --------
    >>> first = pl.DataFrame({"patient_id": ["A", "B", "C", "D"], "pet.x": [1.0, 2.0, 3.0, 4.0]})
    >>> second = first.with_columns(pl.col("pet.x") + pl.Series([0.1, -0.1, 0.1, -0.1]))
    >>> found = reliability(first, second).table
    >>> round(found["icc"][0], 3), found["n"][0]
    (0.997, 4)
    """
    frames = {"test": _checked(test, "test"), "retest": _checked(retest, "retest")}
    both = [name for name in frames["test"].columns if name in frames["retest"].columns]
    features = [name for name in both if name not in KEYS and _numeric(frames["test"][name])]
    features = [name for name in features if _numeric(frames["retest"][name])]
    if not features:
        msg = (
            f"test and retest share no column of numbers; test has {listing(frames['test'].columns)}, "
            f"retest {listing(frames['retest'].columns)}."
        )
        raise InputError(msg)
    shared = set(frames["test"]["patient_id"]) & set(frames["retest"]["patient_id"])
    parts = [
        frame.filter(pl.col("patient_id").is_in(shared)).select(
            "patient_id", pl.lit(name).alias("repeat"), pl.col(features).cast(pl.Float64)
        )
        for name, frame in frames.items()
    ]
    return reliability_of(pl.concat(parts), kind=kind, level=level)


def reliability_of(
    repeats: pl.DataFrame,
    *,
    kind: str = "ICC(1,1)",
    level: float = 0.95,
    reasons: Mapping[str, tuple[str, ...]] | None = None,
    least: int = LEAST_PATIENTS,
) -> Reliability:
    """Judge each feature by repeated measurements in long form.

    Parameters
    ----------
    repeats : polars.DataFrame
        `patient_id`, `repeat` and the features; a missing value is a missing repeat.
    kind, level
        See `hybridx.radiomics.intraclass`.
    reasons : mapping, optional
        Carried along.
    least : int
        Patients wanted.

    Raises
    ------
    NotEnoughDataError
        Fewer patients than wanted.
    """
    patients = repeats["patient_id"].n_unique()
    if patients < least:
        msg = f"{patients} patients were measured twice; at least {least} are wanted to tell spread from difference."
        raise NotEnoughDataError(msg)
    names = [name for name in repeats.columns if name not in KEYS]
    cube = _cube(repeats, names)
    value, low, high, n = icc_columns(cube, kind, level)
    there = ~np.isnan(cube)
    within = _within(cube, there)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, cube, 0.0).sum(axis=(0, 1)) / there.sum(axis=(0, 1))
        spread = within / np.abs(mean)
    columns = {"icc": value, "low": low, "high": high}
    table = pl.DataFrame(
        {
            "column": names,
            **{name: pl.Series(part, nan_to_null=True) for name, part in columns.items()},
            "n": n.astype(np.int64),
            "repeats": there.sum(axis=1).max(axis=0, initial=0).astype(np.int64),
            "spread": pl.Series(np.where(np.isfinite(spread), spread, np.nan), nan_to_null=True),
            "repeatability": pl.Series(1.96 * np.sqrt(2.0) * within, nan_to_null=True),
        }
    )
    table = table.sort("low", descending=True, nulls_last=True, maintain_order=True)
    return Reliability(table, repeats, kind, level, dict(reasons or {}))


def _within(cube: npt.NDArray[np.float64], there: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the standard deviation within patients, shape (p,); NaN without a second measurement."""
    counts = there.sum(axis=1, keepdims=True)
    known = np.where(there, cube, 0.0)
    left = np.where(there, cube - known.sum(axis=1, keepdims=True) / np.maximum(counts, 1), 0.0)
    free = np.maximum(counts - 1, 0).sum(axis=(0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(free > 0, np.sqrt((left**2).sum(axis=(0, 1)) / free), np.nan))


def _cube(repeats: pl.DataFrame, names: list[str]) -> npt.NDArray[np.float64]:
    """Return the repeats as (patients, repeats, features), NaN where one is missing."""
    matrix = repeats.select(pl.col(names).cast(pl.Float64)).to_numpy()
    codes = [
        np.unique(repeats[key].cast(pl.String).to_numpy().astype(np.str_), return_inverse=True)[1]
        for key in KEYS
    ]
    rows, times = (np.ravel(code) for code in codes)
    cube = np.full((rows.max() + 1, times.max() + 1, len(names)), np.nan)
    cube[rows, times] = matrix
    return cube


def _checked(table: Any, which: str) -> pl.DataFrame:
    frame = to_frame(table)
    if "patient_id" not in frame.columns:
        msg = f"{which} needs the column patient_id; it has {listing(frame.columns)}."
        raise InputError(msg)
    frame = frame.with_columns(pl.col("patient_id").cast(pl.String))
    twice = frame.filter(pl.col("patient_id").is_duplicated())["patient_id"].unique().sort()
    if len(twice):
        msg = f"{which} has several rows for {listing(twice)}; one per patient is wanted."
        raise InputError(msg)
    return frame


def _numeric(column: pl.Series) -> bool:
    return column.dtype.is_numeric()
