"""Is a cohort consistent? Every problem is collected, then raised once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.cohort.columns import MODALITY_NAME
from hybridx.errors import InputError
from hybridx.terms.text import listing, nearest

if TYPE_CHECKING:
    from hybridx.cohort.cohort import Cohort

__all__ = ["check_cohort"]


def check_cohort(cohort: Cohort) -> None:
    """Raise one `InputError` that lists all that is inconsistent.

    Raises
    ------
    InputError
        Duplicate patients, a block in another order, columns without provenance, values of a patient who is said not
        to be measured, and the like.
    """
    problems = _patient_problems(cohort)
    problems += [p for name in cohort.blocks for p in _block_problems(cohort, name)]
    problems += _feature_problems(cohort)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        msg = f"The cohort cannot be built ({count})\n" + "\n".join(f"  {p}" for p in problems)
        raise InputError(msg)


def _patient_problems(cohort: Cohort) -> list[str]:
    problems = []
    seen: set[str] = set()
    twice = {p for p in cohort.patients if p in seen or seen.add(p)}  # type: ignore[func-returns-value]
    if twice:
        problems.append(f"patients: {len(twice)} appear more than once: {listing(sorted(twice))}.")
    if not cohort.patients:
        problems.append("patients: there is none.")
    wanted = ["patient_id", *cohort.blocks]
    for name, table in (("measured", cohort.measured), ("days", cohort.days)):
        if table.columns != wanted:
            problems.append(
                f"{name}: has columns {listing(table.columns, 12)} while it should have {listing(wanted, 12)}."
            )
        elif tuple(table["patient_id"]) != cohort.patients:
            problems.append(f"{name}: rows are not the cohort's patients in their order.")
    if "patients" in cohort.tables:
        missing = sorted(set(cohort.patients) - set(cohort.tables["patients"]["patient_id"]))
        if missing:
            problems.append(f"tables['patients']: {len(missing)} patients have no row: {listing(missing)}.")
    return problems


def _block_problems(cohort: Cohort, name: str) -> list[str]:
    block, problems = cohort.blocks[name], []
    if not MODALITY_NAME.fullmatch(name):
        problems.append(
            f"blocks[{name!r}]: a modality is lower-case letters, digits and '_', e.g. 'pet' or 'pet@2'."
        )
    if block.columns[:1] != ["patient_id"] or tuple(block["patient_id"]) != cohort.patients:
        problems.append(f"blocks[{name!r}]: rows are not the cohort's patients in their order.")
        return problems
    values = block.drop("patient_id")
    foreign = [c for c in values.columns if not c.startswith(f"{name}.")]
    if foreign:
        problems.append(f"blocks[{name!r}]: columns must start with '{name}.', got {listing(foreign)}.")
    text = [c for c, t in values.schema.items() if not t.is_float()]
    if text:
        problems.append(f"blocks[{name!r}]: features are floats; encode {listing(text)} first.")
        return problems
    if name in cohort.measured.columns and values.width:
        infinite, anything = [], np.zeros(values.height, dtype=bool)
        # arrays, because one expression per column took most of the time of loading a cohort
        for column in values.iter_columns():
            numbers = column.to_numpy()  # null becomes NaN
            anything |= ~np.isnan(numbers)
            if np.isinf(numbers).any():
                infinite.append(column.name)
        if infinite:
            problems.append(f"blocks[{name!r}]: infinite values in {listing(infinite)}; use null.")
        flags = cohort.measured[name]
        ghosts = [
            p for p, has, flag in zip(cohort.patients, anything, flags, strict=True) if has and not flag
        ]
        if ghosts:
            problems.append(
                f"blocks[{name!r}]: {len(ghosts)} patients have values, yet `measured` is False: {listing(ghosts)}."
            )
    return problems


def _feature_problems(cohort: Cohort) -> list[str]:
    if list(cohort.features.columns) != list(FEATURE_SCHEMA):
        return [
            f"features: has columns {listing(cohort.features.columns, 12)}, wanted {listing(FEATURE_SCHEMA, 12)}."
        ]
    known = cohort.features["column"].to_list()
    problems = []
    for name, block in cohort.blocks.items():
        unknown = [c for c in block.columns if c != "patient_id" and c not in set(known)]
        if unknown:
            guess = nearest(unknown[0], known)
            hint = f" Did you mean {guess!r}?" if guess else ""
            plural = "column" if len(unknown) == 1 else "columns"
            problems.append(
                f"blocks[{name!r}]: {len(unknown)} {plural} without provenance: {listing(map(repr, unknown))}.{hint}"
            )
    columns = {c for block in cohort.blocks.values() for c in block.columns}
    orphans = [c for c in known if c not in columns]
    if orphans:
        problems.append(f"features: {len(orphans)} rows describe no column: {listing(orphans)}.")
    return problems
