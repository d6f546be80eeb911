"""Fusion models small enough to be explained by brute force."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.fusion import FusionModel, LinearForm, WeightedMembers

COLUMNS = {"clinical": ["clinical.a", "clinical.b"], "pet": ["pet.a", "pet.b", "pet.c"], "lab": ["lab.a"]}


class Toy(FusionModel):
    """A function of the values and of what is measured, by `formula(values, measured)`."""

    def __init__(self, endpoint="survival", columns=None):
        self.endpoint = endpoint
        self.columns = columns

    def fit(self, X, y=None):  # noqa: ARG002
        self.columns_ = dict(COLUMNS if self.columns is None else self.columns)
        self.modalities_ = list(self.columns_)
        self.notes_, self.tuned_ = [], {}
        return self

    def values(self, frame, measured):
        """Return the values of each modality, 0 where they are missing or not measured."""
        found = []
        for i, names in enumerate(self.columns_.values()):
            block = np.zeros((frame.height, len(names)))
            rows = np.flatnonzero(measured[:, i])
            if len(rows):
                block[rows] = np.nan_to_num(to_matrix(frame[rows], names))
            found.append(block)
        return np.hstack(found)

    def _linear_predictor(self, frame, measured):
        return self.formula(self.values(frame, measured), measured)

    def _survival(self, frame, measured, days):
        raise NotImplementedError


class Interacting(Toy):
    """Interactions within and between modalities, and an intercept that depends on the pattern."""

    def formula(self, v, measured):
        a, b, c, d, e, f = v.T
        shift = measured @ np.array([0.3, -0.2, 0.1])
        return 0.5 * a + a * c - 0.4 * b * d * measured[:, 2] + np.tanh(c * d) + 0.3 * f * b + shift + 0.0 * e


class Additive(Toy):
    """No interactions: contributions are known in closed form."""

    weights = np.array([0.5, -1.0, 2.0, 0.0, 0.7, 3.0])

    def formula(self, v, measured):
        return v @ self.weights + measured.sum(axis=1)


class WithForm(Additive):
    """The same with its linear form."""

    def linear_form(self, X):
        measured = self.measured(X)
        v = self.values(X, measured)
        owner = np.repeat(np.arange(3), [len(names) for names in COLUMNS.values()])
        coefficients = np.where(measured[:, owner], self.weights, 0.0)
        offset = np.where(measured.any(axis=1), measured.sum(axis=1), np.nan)
        return LinearForm([c for names in COLUMNS.values() for c in names], v, coefficients, offset)


class WrongForm(WithForm):
    """A form that is not what the model predicts."""

    def linear_form(self, X):
        form = super().linear_form(X)
        return LinearForm(form.columns, form.values, form.coefficients * 1.01, form.offset)


class Composite(Toy):
    """A weighted sum of models; patients without PET get other weights."""

    def __init__(self, endpoint="survival", columns=None, members=()):
        super().__init__(endpoint, columns)
        self.members = members

    def weighted_members(self, X):
        measured = self.measured(X)
        weights = np.column_stack(
            [
                np.where(np.isnan(member.linear_predictor(X)), 0.0, (k + 1) * (1 + measured[:, 1]))
                for k, member in enumerate(self.members)
            ]
        )
        return WeightedMembers(self.members, weights, np.where(measured.any(axis=1), 0.25, np.nan))

    def _linear_predictor(self, frame, measured):  # noqa: ARG002
        form = self.weighted_members(frame)
        each = np.column_stack([np.nan_to_num(m.linear_predictor(frame)) for m in self.members])
        return form.offset + (form.weights * each).sum(axis=1)


def table(n, seed, missing=0.3):
    """Return a table of the toys' columns."""
    rng = np.random.default_rng(seed)
    columns = {"patient_id": [f"T{i}" for i in range(n)]}
    for m, names in COLUMNS.items():
        there = np.ones(n, bool) if m == "clinical" else rng.random(n) >= missing
        columns[f"{m}.measured"] = there
        for name in names:
            columns[name] = np.where(there, rng.normal(size=n) + 0.5, np.nan)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def brute_force(model, X, row, background):
    """Return (base, {modality: value}, {column: Owen value}) of one patient, every coalition formed one by one."""
    measured = model.measured(X)[row]
    present = [m for m, there in zip(model.modalities_, measured, strict=True) if there]

    def worth(columns):
        taken = pl.concat([X[[row]]] * background.height)
        swapped = [c for m in present for c in model.columns_[m] if c not in columns]
        return float(model.linear_predictor(taken.with_columns(background.select(swapped))).mean())

    def all_of(modalities):
        return {c for m in modalities for c in model.columns_[m]}

    values, split = {}, {}
    for m in present:
        others, own = [o for o in present if o != m], model.columns_[m]
        values[m] = 0.0
        split |= dict.fromkeys(own, 0.0)
        for size in range(len(others) + 1):
            for coalition in combinations(others, size):
                share = 1.0 / (len(present) * comb(len(others), size))
                outside = all_of(coalition)
                values[m] += share * (worth(outside | set(own)) - worth(outside))
                for column in own:
                    rest = [c for c in own if c != column]
                    for k in range(len(rest) + 1):
                        for inner in combinations(rest, k):
                            inside = outside | set(inner)
                            weight = share / (len(own) * comb(len(rest), k))
                            split[column] += weight * (worth(inside | {column}) - worth(inside))
    return worth(set()), values, split
