"""How a patient's values may move: within what others have, never whether something is measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import measured_mask, modalities_in, modality_of, to_matrix
from hybridx.errors import SettingsError
from hybridx.explain.asking import Source
from hybridx.explain.derived import derived_from, follow
from hybridx.fusion.support import support_detectors
from hybridx.terms.reference import reference_limits

__all__ = ["Moves"]

FloatArray = npt.NDArray[np.float64]
Changes = dict[str, float]

_LEVELS = 8  # distinct values of what counts as a category
_GRID = np.array([0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975])
_PLAUSIBLE = 0.95
_LEAST = 20  # background patients with both values known, before a combination of categories is refused
_CHUNK = 4_000


class Moves:
    """What one patient's values may become, what that costs, and what the model says of it.

    Parameters
    ----------
    source : Source
        Model, patients and background.
    row : int
        The patient.
    columns : list of str
        Columns that may change; those without a value in the patient are dropped.
    limits : mapping of column to (low, high)
        Instead of the background's 2.5th and 97.5th percentiles.

    Attributes
    ----------
    columns : list of str
        What may change.
    grid : dict of column to list of float
        Values that are tried.
    ends : dict of column to list of float
        The outermost of them.
    detectors : dict
        Of each modality: how far out a patient lies.
    """

    def __init__(
        self, source: Source, row: int, columns: list[str], limits: Mapping[str, tuple[float, float]]
    ) -> None:
        self._model, self._patient = source.model, source.frame[[row]]
        here = [c for c in columns if c in self._patient.columns and c in source.background.columns]
        own = to_matrix(self._patient, here)[0]
        measured = {m: bool(measured_mask(self._patient, m)[0]) for m in modalities_in(self._patient) if here}
        self.own = {
            c: float(v)
            for c, v in zip(here, own, strict=True)
            if measured[modality_of(c)] and not np.isnan(v)
        }
        matrix = to_matrix(source.background, list(self.own))
        self._others = {c: np.sort(v[~np.isnan(v)]) for c, v in zip(self.own, matrix.T, strict=True)}
        self._table = dict(zip(self.own, matrix.T, strict=True))
        self._category = {c: len(np.unique(v)) <= _LEVELS for c, v in self._others.items()}
        self.range = {c: _range(c, v, limits.get(c)) for c, v in self._others.items() if len(v)}
        self.grid = {c: self._values(c) for c in self.range}
        # what is worked out from others follows them, and is nobody's to move
        self.following = follow(self._patient, list(self.own))
        tied = {how.column for how in self.following}
        self.columns = [c for c in self.grid if self.grid[c] and c not in tied]
        self.ends = {c: sorted({self.grid[c][0], self.grid[c][-1]}) for c in self.columns}
        names = list(dict.fromkeys(modality_of(c) for c in self.columns))
        self.detectors = support_detectors(source.background, names)[0] if names else {}
        self._most = {
            m: max(_PLAUSIBLE, float(d.percentile(self._patient)[0])) for m, d in self.detectors.items()
        }

    def _values(self, column: str) -> list[float]:
        low, high = self.range[column]
        others = self._others[column]
        some = np.unique(others) if self._category[column] else np.quantile(others, _GRID)
        if not self._category[column]:
            some = np.concatenate([some, [low, high], [v for v in _reference(column) if v is not None]])
        some = np.unique(some[(some >= low) & (some <= high)])
        return [float(v) for v in some if v != self.own[column]]

    def way(self, column: str, end: float, steps: int) -> list[float]:
        """Return values from the patient's own towards `end`, without the patient's own."""
        start = self.own[column]
        if self._category[column]:
            between = [v for v in self.grid[column] if min(start, end) <= v <= max(start, end)]
            return sorted(between, key=lambda v: abs(v - start))
        return [float(v) for v in start + (end - start) * np.arange(1, steps) / steps]

    def cost(self, changes: Changes) -> float:
        """Return the share of background patients passed, summed over features, and a little for each feature."""
        return sum(0.01 + self.passes(c, v) for c, v in changes.items())

    def passes(self, column: str, value: float) -> float:
        """Return the share of background patients whose values lie between the patient's own and `value`."""
        others, own = self._others[column], self.own[column]
        low, high = min(own, value), max(own, value)
        # half of those at the very ends, so that a step between two categories is not free
        inside = np.searchsorted(others, [low, high], side="left") + np.searchsorted(
            others, [low, high], side="right"
        )
        return float((inside[1] - inside[0]) / 2 / len(others))

    def predict(self, changes: list[Changes]) -> FloatArray:
        """Return the model's linear predictor for each set of changes."""
        found = [self._model.linear_predictor(part) for part in self._tables(changes)]
        return np.concatenate(found) if found else np.empty(0)

    def _tables(self, changes: list[Changes]) -> list[pl.DataFrame]:
        return [self._made(changes[i : i + _CHUNK]) for i in range(0, len(changes), _CHUNK)]

    def _made(self, changes: list[Changes]) -> pl.DataFrame:
        table = self._patient[np.zeros(len(changes), dtype=np.intp)]
        touched = dict.fromkeys(c for one in changes for c in one)
        table = table.with_columns(
            pl.Series(c, [one.get(c, self.own[c]) for one in changes], dtype=pl.Float64) for c in touched
        )
        after = [how for how in self.following if set(how.sources) & touched.keys()]
        return table.with_columns(how.formula.cast(pl.Float64).alias(how.column) for how in after)

    def farthest(self, changes: list[Changes]) -> list[float]:
        """Return the largest percentile over modalities of how far out each changed patient lies."""
        table = self._made(changes)
        found = np.column_stack([d.percentile(table) for d in self.detectors.values()])
        return [float(v) for v in np.nanmax(found, axis=1)]

    def possible(self, changes: list[Changes]) -> list[Changes]:
        """Keep those that give a patient like others."""
        known = [one for one in changes if self._seen(one)]
        if not known or not (self.detectors or self.following):
            return known
        good = np.ones(len(known), dtype=bool)
        for start in range(0, len(known), _CHUNK):
            part = slice(start, start + _CHUNK)
            table = self._made(known[part])
            for how in [h for h in self.following if h.column in self.range]:
                low, high, own = *self.range[how.column], self.own[how.column]
                value = to_matrix(table, [how.column])[:, 0]
                good[part] &= (value >= min(low, own)) & (value <= max(high, own))
            for modality, detector in self.detectors.items():
                good[part] &= detector.percentile(table) <= self._most[modality]
        return [one for one, ok in zip(known, good, strict=True) if ok]

    def _seen(self, changes: Changes) -> bool:
        """Return whether each pair of categories of a modality, of which one has changed, occurs in somebody."""
        moved = [c for c in changes if self._category[c]]
        if not moved:
            return True
        for a, b in combinations([c for c in self.own if self._category.get(c)], 2):
            if modality_of(a) != modality_of(b) or (a not in moved and b not in moved):
                continue
            one, other = self._table[a], self._table[b]
            if (~np.isnan(one) & ~np.isnan(other)).sum() < _LEAST:
                continue
            wanted = changes.get(a, self.own[a]), changes.get(b, self.own[b])
            if not ((one == wanted[0]) & (other == wanted[1])).any():
                return False
        return True

    def rows(self, changes: Changes, units: Mapping[str, str]) -> pl.DataFrame:
        """Return changes as a table, the longest way first, and after them what follows from them."""
        rows: list[dict[str, Any]] = []
        made = self._made([changes])
        followed = {h.column: made[h.column][0] for h in self.following if set(h.sources) & changes.keys()}
        followed = {c: float(v) for c, v in followed.items() if c in self.range and v is not None}
        order = sorted(changes, key=lambda c: (-self.passes(c, changes[c]), c))
        for c in [*order, *followed]:
            low, high = _reference(c)
            to = changes[c] if c in changes else followed[c]
            rows.append(
                {
                    "feature": c,
                    "modality": modality_of(c),
                    "value": self.own[c],
                    "to": to,
                    "unit": units.get(c, ""),
                    "passes": self.passes(c, to),
                    "lowest": self.range[c][0],
                    "highest": self.range[c][1],
                    "reference_low": low,
                    "reference_high": high,
                    "change": "chosen" if c in changes else "follows",
                    "derived_from": derived_from(c),
                }
            )
        text = dict.fromkeys(("feature", "modality"), pl.String)
        numbers = dict.fromkeys(
            ("passes", "lowest", "highest", "reference_low", "reference_high"), pl.Float64
        )
        schema = text | {"value": pl.Float64, "to": pl.Float64, "unit": pl.String} | numbers
        schema |= dict.fromkeys(("change", "derived_from"), pl.String)
        return pl.DataFrame(rows, schema=schema, orient="row")


def _reference(column: str) -> tuple[float | None, float | None]:
    modality, _, name = column.partition(".")
    return reference_limits(name) if modality.partition("@")[0] == "lab" else (None, None)


def _range(column: str, others: FloatArray, given: tuple[float, float] | None) -> tuple[float, float]:
    if given is None:
        return float(np.quantile(others, _GRID[0])), float(np.quantile(others, _GRID[-1]))
    low, high = given
    if not low <= high:
        msg = f"limits[{column!r}] = ({low!r}, {high!r}): wanted low <= high."
        raise SettingsError(msg)
    return float(low), float(high)
