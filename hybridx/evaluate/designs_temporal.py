"""Temporal validation: models of the earlier patients predict the later ones."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate.designs_split import (
    Split,
    check_share,
    known_rows,
    outcome_of,
    refuse_poor_part,
)
from hybridx.terms.text import listing, nearest

__all__ = ["Temporal"]

FloatArray = npt.NDArray[np.float64]

USUAL = ("baseline_year", "baseline_date", "year", "diagnosis_year", "diagnosis_date", "inclusion_date")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Temporal:
    """Temporal validation: models fitted on the earlier patients predict the later ones, as in use.

    Patients of one date (or year) stay together. Those without a date take no part.

    Parameters
    ----------
    cut : float, str or None
        First date or year that is tested: ``2019``, or ``"2019-07-01"`` for a column of dates. None: the one that
        leaves closest to `share` of the patients for the test.
    share : float
        Of patients to test when `cut` is None.
    by : str or None
        Column of the patients table with a date (``2019-07-01``), a year or another number that rises with time. None:
        the first there is of baseline_year, baseline_date, year, diagnosis_year, diagnosis_date, inclusion_date. A
        cohort keeps no dates that its schema knows, not even their year: give a year as a column of
        its own, declared in ``columns.yaml`` with ``role: information``.

    Source
    ------
    Altman DG, Royston P. Stat Med 2000. doi:10.1002/(SICI)1097-0258(20000229)19:4<453::AID-SIM350>3.0.CO;2-5

    Examples
    --------
    >>> Temporal(cut=2019, by="baseline_year")
    Temporal(cut=2019, share=0.3, by='baseline_year')
    """

    cut: float | str | None = None
    share: float = 0.3
    by: str | None = None

    def __post_init__(self) -> None:
        check_share("Temporal", self.share)
        is_number = isinstance(self.cut, (int, float)) and not isinstance(self.cut, bool)
        if self.cut is not None and not is_number:
            if not isinstance(self.cut, str) or not _ISO.match(self.cut):
                msg = (
                    f"Temporal(cut={self.cut!r}): wanted a year such as 2019 or a date such as '2019-07-01'."
                )
                raise SettingsError(msg)
            _day(self.cut)

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        when = f"the latest {100 * self.share:g} %" if self.cut is None else f"from {self.cut} on"
        return f"temporal validation, patients {when} predicted by models of earlier ones"

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return one split, earlier patients against later ones.

        Raises
        ------
        InputError
            The cohort holds no dates, or nothing lies on one side of `cut`.
        NotEnoughDataError
            A side holds too few events.
        """
        y = outcome_of(cohort, outcome)
        order = known_rows(cohort, y)
        name, when = self._times(cohort)
        order = order[~np.isnan(when[order])]
        cut = self._cut(name, when[order], is_date=_is_date(cohort, name))
        later = when[order] >= cut
        split = Split(0, 0, train=order[~later], test=order[later])
        cure = "Choose another `cut` or `share`."
        for part, what in (
            (split.train, "the part before the cut"),
            (split.test, "the part from the cut on"),
        ):
            refuse_poor_part(y, part, what, cure)
        return [split]

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:
        """Say where the cut lies and who took no part."""
        name, when = self._times(cohort)
        (split,) = self.splits(cohort, outcome)
        undated = int((outcome.known & np.isnan(when)).sum())
        first = _plain(float(when[split.test].min()), is_date=_is_date(cohort, name))
        notes = [
            (
                f"Models of {len(split.train)} patients with {name} before {first} predict {len(split.test)} from then "
                "on. Later patients are followed for a shorter time: scores at a horizon rest on fewer of them."
            )
        ]
        return (
            [*notes, f"{_patients(undated)} without {name} took no part: neither trained nor tested."]
            if undated
            else notes
        )

    def _times(self, cohort: Cohort) -> tuple[str, FloatArray]:
        table = cohort.tables.get(
            "patients", pl.DataFrame({"patient_id": []}, schema={"patient_id": pl.String})
        )
        there = [c for c in table.columns if c != "patient_id"]
        usable = [c for c in there if _as_times(table[c]) is not None]
        name = self.by or next((c for c in USUAL if c in usable), None)
        if name is None:
            msg = (
                "Temporal needs to know when patients came: the patients table has none of "
                f"{', '.join(USUAL)}. Name a column with a date or a year by `by`, for example one of: "
                f"{listing(usable, 8) or 'none here holds numbers or dates'}; or add "
                "a column baseline_year to the patients table, declared in columns.yaml as `patients: {baseline_year: "
                "{dtype: int, role: information, ...}}`, and extract again. Dates themselves are not kept."
            )
            raise InputError(msg)
        if name not in there:
            guess = nearest(name, there)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"Temporal(by={name!r}): the patients table has no such column.{hint} It has: {listing(there, 12)}."
            raise InputError(msg)
        values = _as_times(table[name])
        if values is None:
            msg = (
                f"Temporal(by={name!r}): the column holds {table[name].dtype}, not all of it dates such as 2019-07-01 "
                "or numbers."
            )
            raise InputError(msg)
        rows = pl.DataFrame({"patient_id": cohort.patients}, schema={"patient_id": pl.String}).join(
            pl.DataFrame({"patient_id": table["patient_id"], "when": values}),
            on="patient_id",
            how="left",
            maintain_order="left",
        )
        when = rows["when"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if np.isnan(when).all():
            msg = f"Temporal(by={name!r}): the column is empty for every patient."
            raise InputError(msg)
        return name, np.asarray(when, dtype=np.float64)

    def _cut(self, name: str, when: FloatArray, *, is_date: bool) -> float:
        steps = np.unique(when)
        if len(steps) < 2:
            msg = f"Temporal: all patients have the same {name}; there is no earlier and later. Use NestedCV."
            raise InputError(msg)
        if self.cut is None:
            # ties stay together, so only the shares at the steps can be had; the first step leaves nobody to learn from
            shares = np.array([np.mean(when >= step) for step in steps[1:]])
            return float(steps[1:][np.argmin(np.abs(shares - self.share))])
        given = f"{self.cut:.0f}-01-01" if is_date and not isinstance(self.cut, str) else self.cut
        if isinstance(given, str) and not is_date:
            given = float(given[:4])  # a column of years
        cut = _day(given) if isinstance(given, str) else float(given)
        if not steps[0] < cut <= steps[-1]:
            low, high = (_plain(step, is_date=is_date) for step in (steps[0], steps[-1]))
            msg = f"Temporal(cut={self.cut!r}): {name} runs from {low} to {high}; nobody lies on one side."
            raise InputError(msg)
        return cut


def _as_times(values: pl.Series) -> pl.Series | None:
    """Return numbers that rise with time, dates as their proleptic day number; None when the column holds neither."""
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    if values.dtype in (pl.Date, pl.Datetime):
        return pl.Series([None if v is None else float(v.toordinal()) for v in values], dtype=pl.Float64)
    if values.dtype != pl.String or values.null_count() == len(values):
        return None
    found = values.str.to_date("%Y-%m-%d", strict=False)
    if found.null_count() > values.null_count():
        return None
    return pl.Series([None if v is None else float(v.toordinal()) for v in found], dtype=pl.Float64)


def _day(text: str) -> float:
    try:
        return float(dt.date.fromisoformat(text).toordinal())
    except ValueError as error:
        msg = f"Temporal(cut={text!r}): no such day."
        raise SettingsError(msg) from error


def _plain(value: float, *, is_date: bool) -> str:
    return dt.date.fromordinal(int(value)).isoformat() if is_date else f"{value:g}"


def _patients(n: int) -> str:
    return "1 patient" if n == 1 else f"{n} patients"


def _is_date(cohort: Cohort, name: str) -> bool:
    return not cohort.tables["patients"][name].dtype.is_numeric()
