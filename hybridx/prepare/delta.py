"""Change between two timepoints as features: what happened to the lesion, rather than how it looked."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.errors import InputError, SettingsError
from hybridx.prepare.base import FloatArray, MixingTransformer, columns_after
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name, listing

__all__ = ["DeltaFeatures"]

METHODS = ("absolute", "relative", "log_ratio")


class DeltaFeatures(MixingTransformer):
    r"""Make ``pet.delta_x`` from ``pet@2.x`` and ``pet.x``, for every column that both timepoints have.

    "absolute": later minus first. "relative": later minus first, divided by :math:`|first|` (-0.3: fallen by 30 %).
    "log_ratio": logarithm of later over first, which treats halving and doubling alike.

    A change is missing unless both values are there and both timepoints are measured. It is missing, too, where it has
    no meaning: relative to a first value of 0 (or one below `smallest` of the column's usual size), or the logarithm of
    a value that is not positive; `undefined_` counts these among the training patients.

    Parameters
    ----------
    method : {"absolute", "relative", "log_ratio"}, default "absolute"
        How the change is counted.
    timepoint : int, default 2
        The later timepoint: 2 reads ``pet@2``.
    modalities : list of str or None
        Modalities (``pet``) to compare; None takes all that the table has at both timepoints.
    own_modality : bool, default False
        False names the change as a column of the modality, ``pet.delta_x``: a patient without the second scan then has
        a missing value in a measured modality. True makes a modality of its own, ``pet_delta.x``, with its flag
        ``pet_delta.measured``, True only where both are: better in a fusion model when many lack the second scan.
    keep : {"both", "first", "none"}, default "both"
        Which of the compared columns stay beside the change.
    smallest : float, default 1e-6
        For "relative": share of the median of :math:`|first|` in training below which a first value counts as 0.

    Attributes
    ----------
    pairs_ : polars.DataFrame
        One row per change: `column`, `first`, `later`, `undefined` (training patients who have both values and yet no
        change).
    base_ : array of float
        Median of |first| per change.
    first_, later_, stay_ : array of int
        Places of the compared columns, and of those that stay, among the columns of `fit`.
    order_ : array of int
        Places of the output columns among those that stay, then the changes.

    Raises
    ------
    InputError
        No column is there at both timepoints.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.suv": [10.0, 4.0, 0.0], "pet@2.suv": [5.0, None, 2.0]})
    >>> DeltaFeatures("relative").fit_transform(X)["pet.delta_suv"].to_list()
    [-0.5, None, None]
    """

    pairs_: pl.DataFrame
    base_: FloatArray

    def __init__(
        self,
        method: str = "absolute",
        *,
        timepoint: int = 2,
        modalities: list[str] | None = None,
        own_modality: bool = False,
        keep: str = "both",
        smallest: float = 1e-6,
    ) -> None:
        self.method = method
        self.timepoint = timepoint
        self.modalities = modalities
        self.own_modality = own_modality
        self.keep = keep
        self.smallest = smallest

    def _fit_table(self, table: FeatureTable, y: Any) -> None:  # noqa: ARG002
        check_name(self.method, METHODS, "change")
        check_name(self.keep, ("both", "first", "none"), "keep")
        if self.timepoint < 2 or not self.smallest >= 0:
            msg = f"timepoint is >= 2 and smallest >= 0, got {self.timepoint!r} and {self.smallest!r}."
            raise SettingsError(msg)
        pairs = self._pairs(table)
        place = {name: i for i, name in enumerate(table.names)}
        self.first_ = np.array([place[first] for _, first, _ in pairs], dtype=np.intp)
        self.later_ = np.array([place[later] for _, _, later in pairs], dtype=np.intp)
        first, later = table.matrix[:, self.first_], table.matrix[:, self.later_]
        size = np.where(np.isnan(first).all(axis=0), 0.0, np.abs(first))
        self.base_ = np.nanmedian(size, axis=0)
        both = ~np.isnan(first) & ~np.isnan(later)
        undefined = (both & np.isnan(self._change(first, later))).sum(axis=0)
        columns = dict(zip(("column", "first", "later"), zip(*pairs, strict=True), strict=True))
        self.pairs_ = pl.DataFrame({**{k: list(v) for k, v in columns.items()}, "undefined": undefined})
        gone = set(self.pairs_["later"]) if self.keep == "first" else set()
        if self.keep == "none":
            gone = {*self.pairs_["later"], *self.pairs_["first"]}
        stay = [i for i, name in enumerate(table.names) if name not in gone]
        new = [str(name) for name in self.pairs_["column"]]
        made = [table.names[i] for i in stay] + new
        order = columns_after(table.names, gone, new)
        where = {name: i for i, name in enumerate(made)}
        self.stay_ = np.array(stay, dtype=np.intp)
        self.order_ = np.array([where[name] for name in order], dtype=np.intp)
        self.feature_names_out_ = np.array(order, dtype=object)

    def _pairs(self, table: FeatureTable) -> list[tuple[str, str, str]]:
        there, tail = set(table.names), f"@{self.timepoint}"
        asked = [self.modalities] if isinstance(self.modalities, str) else self.modalities
        pairs = []
        for later in table.names:
            modality = modality_of(later)
            base = modality.removesuffix(tail)
            name = later.removeprefix(f"{modality}.")
            if modality == base or (asked is not None and base not in asked) or f"{base}.{name}" not in there:
                continue
            new = f"{base}_delta.{name}" if self.own_modality else f"{base}.delta_{name}"
            if new in there:
                msg = f"The table already has {new!r}: nothing may be overwritten."
                raise InputError(msg)
            pairs.append((new, f"{base}.{name}", later))
        if not pairs:
            msg = (
                f"DeltaFeatures found no column at both timepoints (pet.x and pet{tail}.x) among the modalities "
                f"{listing(table.blocks, 12)}."
            )
            raise InputError(msg)
        return pairs

    def _change(self, first: FloatArray, later: FloatArray) -> FloatArray:
        if self.method == "absolute":
            return later - first
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.method == "relative":
                defined = np.abs(first) > self.smallest * self.base_
                return np.where(defined, (later - first) / np.where(defined, np.abs(first), 1.0), np.nan)
            defined = (first > 0) & (later > 0)
            ratio = np.log(np.where(defined, later, 1.0)) - np.log(np.where(defined, first, 1.0))
            return np.where(defined, ratio, np.nan)

    def _transform_table(self, table: FeatureTable) -> FloatArray:
        change = self._change(table.matrix[:, self.first_], table.matrix[:, self.later_])
        return np.column_stack([table.matrix[:, self.stay_], change])[:, self.order_]

    def transform(self, X: Any) -> pl.DataFrame:
        """Return the table with the changes behind their modality, and their flag where they are a modality."""
        frame = super().transform(X)
        if not self.own_modality:
            return frame
        table = FeatureTable.of(frame)
        for name in dict.fromkeys(modality_of(str(column)) for column in self.pairs_["column"]):
            base = name.removesuffix("_delta")
            both = np.ones(frame.height, dtype=bool)
            for part in (base, f"{base}@{self.timepoint}"):
                flag = f"{part}.measured"
                if flag in frame.columns:
                    both &= frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()
                elif name in table.blocks:
                    both &= table.measured(name)
            first = next((i for i, c in enumerate(frame.columns) if c.startswith(f"{name}.")), frame.width)
            frame = frame.insert_column(first, pl.Series(f"{name}.measured", both))
        return frame
