"""Distinct patterns of what is missing: whole modalities and columns within measured ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hybridx.checks.facts import Facts
from hybridx.checks.finding import NotApplicable

__all__ = ["Pattern", "missing_patterns"]

LEAST = 8  # patients on each side: below, a test has nothing to say


@dataclass(frozen=True, eq=False)
class Pattern:
    """One way to be missing.

    Parameters
    ----------
    subjects : tuple of str
        The modality, or the columns that share the pattern.
    asked : array of bool, shape (n,)
        Patients who could have it: all for a modality, those measured for a column.
    missing : array of bool, shape (n,)
    """

    subjects: tuple[str, ...]
    asked: npt.NDArray[np.bool_]
    missing: npt.NDArray[np.bool_]

    @property
    def words(self) -> str:
        """Name it."""
        more = f" (and {len(self.subjects) - 1} alike)" if len(self.subjects) > 1 else ""
        return f"{self.subjects[0]}{more}"


def missing_patterns(facts: Facts) -> list[Pattern]:
    """Return every distinct pattern with eight patients or more on each side.

    Raises
    ------
    NotApplicable
        There is none.
    """
    found: dict[bytes, Pattern] = {}
    everyone = np.ones(len(facts.patients), dtype=bool)
    for name, measured in facts.measured.items():
        _add(found, name, everyone, ~measured)
    gaps = np.isnan(facts.matrix)
    for name, modality, gap in zip(facts.columns, facts.modality.tolist(), gaps.T, strict=True):
        measured = facts.measured[modality]
        _add(found, name, measured, gap & measured)
    if not found:
        msg = f"nothing is missing in {LEAST} patients or more (and there in as many)"
        raise NotApplicable(msg)
    return list(found.values())


def _add(
    found: dict[bytes, Pattern], name: str, asked: npt.NDArray[np.bool_], missing: npt.NDArray[np.bool_]
) -> None:
    if missing.sum() < LEAST or (asked & ~missing).sum() < LEAST:
        return
    key = np.packbits(missing).tobytes() + np.packbits(asked).tobytes()
    there = found.get(key)
    found[key] = Pattern((*there.subjects, name) if there else (name,), asked, missing)
