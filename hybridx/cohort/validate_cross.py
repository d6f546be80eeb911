"""Rules between tables: who is in them, and what was known when."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from hybridx.cohort.read_table import Table
from hybridx.terms.text import nearest

__all__ = ["check_after_death", "check_coverage", "check_references", "check_studies", "check_treatments"]

_MEASURED = ("studies", "labs", "variants", "expression", "segments", "copynumber")


def known_patients(tables: Mapping[str, Table]) -> set[str] | None:
    """Return who is in the patients table, or None when nobody can tell."""
    patients = tables.get("patients")
    if patients is None or not patients.has("patient_id"):
        return None
    # A row of the patients table that could not be read still names its patient.
    return set(patients.frame["patient_id"].drop_nulls()) | patients.raw.skipped


def check_references(tables: Mapping[str, Table]) -> None:
    """Name every patient of another table who is not in the patients table, once per table."""
    known = known_patients(tables)
    if known is None:
        return
    for table in tables.values():
        if table.name == "patients" or not table.has("patient_id"):
            continue
        rows = [r for r, p in enumerate(table.frame["patient_id"]) if p is not None and p not in known]

        def hint(value: str) -> str:
            guess = nearest(value.strip(), known)
            return f"Did you mean {guess!r}?" if guess else "Add the patient there, or remove the row."

        table.blame_values("T080", rows, "patient_id", hint=hint)


def check_coverage(tables: Mapping[str, Table]) -> None:
    """Warn of patients without any outcome and of patients without any measurement."""
    patients = tables["patients"]
    if not patients.has("patient_id"):
        return
    outcomes = tables.get("outcomes")
    measured = [tables[n] for n in _MEASURED if n in tables]
    if outcomes is not None and outcomes.has("patient_id"):
        _warn_absent(patients, [outcomes], "T081", "It cannot be used to fit or validate a model.")
    if measured and all(t.has("patient_id") for t in measured):
        names = ", ".join(t.file for t in measured)
        _warn_absent(patients, measured, "T082", f"Only clinical facts are known; no row in {names}.")


def _warn_absent(patients: Table, others: list[Table], code: str, hint: str) -> None:
    present = {p for t in others for p in t.frame["patient_id"].drop_nulls()} | {
        p for t in others for p in t.raw.skipped
    }
    # An id that cannot stand is told as such; that it has no rows elsewhere follows from it.
    lines = {p.row for p in patients.problems if p.code in {"T031", "T040"}}
    seen = {patients.frame["patient_id"][row] for row, line in enumerate(patients.raw.lines) if line in lines}
    for row, patient in enumerate(patients.frame["patient_id"]):
        if patient is not None and patient not in present and patient not in seen:
            seen.add(patient)
            patients.blame(code, row, "patient_id", hint=hint)


def check_studies(table: Table) -> None:
    """Check that timepoints follow each other and that the first one is not after baseline."""
    rows = table.frame.select("patient_id", "timepoint", "day").with_row_index("row").drop_nulls()
    for _, group in rows.group_by(["patient_id"], maintain_order=True):
        days = dict(group.group_by("timepoint").agg(pl.col("day").max()).iter_rows())
        for row, timepoint, day in group.select("row", "timepoint", "day").iter_rows():
            earlier = [(t, d) for t, d in days.items() if t < timepoint and d > day]
            if earlier:
                before, other = max(earlier)
                expected = f"a day of at least {other:g}, that of timepoint {before}"
                table.blame("T083", row, "day", f"{day:g}", expected=expected)
        late = group.filter((pl.col("timepoint") == 1) & (pl.col("day") > 0))
        for row, day in late.select("row", "day").iter_rows():
            hint = "A model of what was known at baseline cannot use it; number it as timepoint 2, or check the day."
            table.blame("T084", row, "day", f"{day:g}", hint=hint)


def check_treatments(table: Table) -> None:
    """Check that no treatment ends before it starts."""
    early = (table.frame["end_day"] < table.frame["day"]).fill_null(False)
    for row in early.arg_true():
        column = "end_day" if table.given("end_day")[row] else "end_date"
        table.blame("T050", row, column, expected=f"day {table.frame['day'][row]:g} or later")


def check_after_death(tables: Mapping[str, Table]) -> None:
    """Warn of measurements and treatments that start after the patient's death, once per patient and table."""
    outcomes = tables.get("outcomes")
    if outcomes is None or not outcomes.has("patient_id", "endpoint", "event"):
        return
    dead = outcomes.frame.filter(
        (pl.col("endpoint") == "OS") & pl.col("event") & (pl.col("origin") == "baseline")
    ).select("patient_id", pl.col("time_days").alias("death"))
    dead = dead.drop_nulls().unique("patient_id", keep="first")
    for name in (*_MEASURED, "treatments"):
        table = tables.get(name)
        if table is None or not table.has("patient_id"):
            continue
        rows = table.frame.select("patient_id", "day").with_row_index("row").join(dead, on="patient_id")
        late = (
            rows.filter(pl.col("day") >= pl.col("death") + 1)
            .sort("row")
            .unique("patient_id", maintain_order=True)
        )
        for row, day, death in late.select("row", "day", "death").iter_rows():
            column = "day" if table.given("day")[row] else "date"
            table.blame("T074", row, column, f"{day:g}", hint=f"OS says the patient died on day {death:g}.")
