"""What a preparation step looks at: a matrix with the names of its columns, and who has which modality."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import feature_columns, modality_of, to_matrix
from hybridx.errors import InputError
from hybridx.terms.text import nearest

__all__ = ["FeatureTable", "blocks_of"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def blocks_of(names: list[str]) -> dict[str, npt.NDArray[np.intp]]:
    """Return the positions of each modality's columns, modalities in the order in which they first appear."""
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        places.setdefault(modality_of(name), []).append(i)
    return {modality: np.array(found, dtype=np.intp) for modality, found in places.items()}


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The feature columns of n patients as a matrix, with the frame they come from where there is one.

    Parameters
    ----------
    matrix : array of float, shape (n, p)
        NaN where a value is missing, and throughout a modality that is not measured.
    names : list of str, length p
        ``<modality>.<name>``.
    frame : polars.DataFrame or None
        Flags, centre and whatever else the patients' table holds; None where only a matrix is at hand.
    """

    matrix: FloatArray
    names: list[str]
    frame: pl.DataFrame | None = None

    @classmethod
    def of(
        cls, frame: pl.DataFrame, names: list[str] | None = None, *, flags_decide: bool = True
    ) -> FeatureTable:
        """Take columns of a frame, by default every feature column; one that the frame lacks is empty.

        With `flags_decide`, old values or zeros where ``<modality>.measured`` is False are not values.
        """
        names = feature_columns(frame) if names is None else names
        there = set(frame.columns)
        found = [name for name in names if name in there]
        matrix = to_matrix(frame, found)
        if len(found) < len(names):
            place = {name: i for i, name in enumerate(names)}
            whole = np.full((frame.height, len(names)), np.nan)
            whole[:, [place[name] for name in found]] = matrix
            matrix = whole
        if not flags_decide:
            return cls(matrix, names, frame)
        for modality, columns in blocks_of(names).items():
            flag = f"{modality}.measured"
            if flag in there:
                measured = frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()
                if not measured.all():
                    matrix[np.ix_(~measured, columns)] = np.nan
        return cls(matrix, names, frame)

    def __len__(self) -> int:
        return len(self.matrix)

    @cached_property
    def blocks(self) -> dict[str, npt.NDArray[np.intp]]:
        """Positions of each modality's columns."""
        return blocks_of(self.names)

    def measured(self, modality: str) -> BoolArray:
        """Return who has a modality, shape (n,): by its flag, without one by any value that is there."""
        flag = f"{modality}.measured"
        if self.frame is not None and flag in self.frame.columns:
            return self.frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()
        return np.asarray(~np.isnan(self.matrix[:, self.blocks[modality]]).all(axis=1))

    def column(self, name: str, who: str) -> pl.Series:
        """Return a column of the patients' table that is no feature, such as the centre.

        Raises
        ------
        InputError
            There is only a matrix, or the table has no such column.
        """
        if self.frame is None:
            msg = f"{who} reads the column {name!r}: fit and transform a table, not a bare matrix."
            raise InputError(msg)
        if name not in self.frame.columns:
            guess = nearest(name, self.frame.columns)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"{who} needs the column {name!r}, which the table lacks.{hint}"
            raise InputError(msg)
        return self.frame[name]
