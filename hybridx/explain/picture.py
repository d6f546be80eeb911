"""What one patient's prediction is as a function of the picture alone, with its slope where it has one.

Two ways lead from a picture to a prediction: through the columns that the fixed encoder makes of it (`deep.*`), which
any model of tables may read, and through a network trained with the model (`ImageFusion`). Both are followed here; all
else about the patient stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hybridx.cohort.columns import modality_of, to_matrix
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.fillings import as_the_model_sees
from hybridx.fusion.image_need import wants_images
from hybridx.fusion.image_network import ConditionedNetwork
from hybridx.fusion.image_term import ImageTerm
from hybridx.fusion.protocols import HasWeightedMembers
from hybridx.measure.encoder import EDGE, DeepEncoder, PatchNetwork

__all__ = ["Picture", "picture_of"]

FloatArray = npt.NDArray[np.float64]
Patches = npt.NDArray[np.float32]
Predict = Callable[[pl.DataFrame], FloatArray]

_TOGETHER = 16  # patches through a network at once
_STEP = 0.01  # of the slope by differences, in standard deviations of a column; float32 networks need no smaller one
# Largest difference between a table's deep features and the picture's that is another machine's rounding.
_SAME = 1e-2


@dataclass(frozen=True, eq=False)
class _Part:
    """One way from the picture to the prediction: either a function of the encoder's columns, or a network."""

    weight: float
    predict: Predict | None = None
    network: ConditionedNetwork | None = None
    context: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """A patient's prediction as a function of the picture, up to a constant.

    Parameters
    ----------
    row : polars.DataFrame
        The patient's row.
    columns : list of str
        Columns that the encoder makes of the picture, in its order.
    spread : array of float, shape (len(columns),)
        Their standard deviations among the background patients.
    encoder : PatchNetwork or None
        What makes them; None where no part of the model reads them.
    parts : tuple of _Part
        The ways from picture to prediction.
    """

    row: pl.DataFrame
    columns: list[str]
    spread: FloatArray
    encoder: PatchNetwork | None
    parts: tuple[_Part, ...]

    def predict(self, patches: Patches) -> FloatArray:
        """Return the prediction for patches (n, 3, z, y, x), up to a constant, shape (n,)."""
        found = np.zeros(len(patches))
        for start in range(0, len(patches), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            found[part] = self._values(torch.from_numpy(patches[part]), slope=False)[0]
        return found

    def slope(self, patches: Patches) -> FloatArray:
        """Return the derivative of the prediction by each voxel, shape of the patches."""
        parts = []
        for start in range(0, len(patches), _TOGETHER):
            patch = torch.from_numpy(patches[start : start + _TOGETHER]).requires_grad_()
            parts.append(self._values(patch, slope=True)[1])
        return np.concatenate(parts)

    def _values(self, patches: torch.Tensor, *, slope: bool) -> tuple[FloatArray, FloatArray]:
        values, total = np.zeros(len(patches)), None
        with torch.set_grad_enabled(slope):
            codes = None if self.encoder is None else self.encoder(patches)
            for part in self.parts:
                if part.network is not None and part.context is not None:
                    context = part.context.expand(len(patches), -1)
                    g = part.network(part.network.lower(patches, 0), context, 0)
                    values += part.weight * g.detach().numpy().astype(np.float64)
                    step = part.weight * g.sum()
                elif codes is not None and part.predict is not None:
                    z = codes.detach().numpy().astype(np.float64)
                    if not slope:
                        values += part.weight * part.predict(self._table(z))
                        continue
                    by_code = torch.from_numpy(part.weight * self._by_differences(part.predict, z))
                    step = (codes.double() * by_code).sum()
                else:
                    continue
                total = step if total is None else total + step
        if not slope or total is None:
            return values, np.zeros(tuple(patches.shape))
        total.backward()
        gradient = patches.grad
        return values, np.zeros(tuple(patches.shape)) if gradient is None else gradient.numpy().astype(
            np.float64
        )

    def _by_differences(self, predict: Predict, z: FloatArray) -> FloatArray:
        n, p = z.shape
        step = _STEP * np.where(self.spread > 0, self.spread, 1.0)
        moved = np.repeat(z[None], 2 * p, axis=0)
        for k in range(p):
            moved[k, :, k] += step[k]
            moved[p + k, :, k] -= step[k]
        found = predict(self._table(moved.reshape(-1, p))).reshape(2 * p, n)
        return ((found[:p] - found[p:]) / (2 * step[:, None])).T

    def _table(self, z: FloatArray) -> pl.DataFrame:
        table = self.row.select(pl.all().repeat_by(len(z)).explode()) if len(z) != 1 else self.row
        return table.with_columns(pl.Series(c, z[:, k]) for k, c in enumerate(self.columns))


def picture_of(
    model: Any, row: pl.DataFrame, background: pl.DataFrame, modality: str, patch: Patches
) -> Picture:
    """Return one patient's prediction as a function of the picture.

    Parameters
    ----------
    model : fitted estimator
    row : polars.DataFrame, one row
        The patient.
    background : polars.DataFrame
        For the spread of the encoder's columns.
    modality : str
        Whose picture it is: `deep`.
    patch : array of float32, shape (3, z, y, x)
        The picture.

    Raises
    ------
    ExplanationError
        The model does not read this picture, or in a way that is not known here.
    InputError
        The table's columns were not made from this picture with the weights that ship with the library.
    """
    parts = tuple(_parts(model, row, modality, lambda frame: frame))
    if not parts:
        name = type(model).__name__
        msg = f"{name} does not read the picture of {modality!r}, neither as {modality}.* columns nor itself."
        raise ExplanationError(msg)
    if all(part.predict is None for part in parts):
        return Picture(row, [], np.zeros(0), None, parts)
    encoder = DeepEncoder.load()
    columns = [f"{modality}.petct_{k:03d}" for k in range(encoder.features)]
    if any(c not in row.columns for c in columns):
        msg = (
            f"The table lacks columns of the encoder, {columns[0]} to {columns[-1]}: voxels are explained for features "
            "that the library's own encoder made."
        )
        raise InputError(msg)
    if patch.shape != (3, EDGE, EDGE, EDGE):
        msg = f"The picture has shape {patch.shape}; (3, {EDGE}, {EDGE}, {EDGE}) is wanted."
        raise InputError(msg)
    made, told = encoder.encode(patch)[0], to_matrix(row, columns)[0]
    if not np.abs(made - told).max() <= _SAME:
        msg = (
            f"The table's {modality} columns were not made from this picture with the encoder of this version "
            f"({encoder.version}): they differ by up to {np.nanmax(np.abs(made - told)):.2g}. Extract the cohort "
            "again, or pass the study that they were made from."
        )
        raise InputError(msg)
    spread = np.nanstd(to_matrix(background, columns), axis=0)
    return Picture(row, columns, np.nan_to_num(spread), encoder.network().eval(), parts)


def _parts(
    model: Any, row: pl.DataFrame, modality: str, seen: Callable[[pl.DataFrame], pl.DataFrame]
) -> list[_Part]:
    """Take a model apart into its ways of reading the picture; `seen` is what its preparation makes of a table."""
    if not isinstance(model, ImageTerm) and not wants_images(model):
        return (
            [_Part(1.0, predict=lambda frame: model.linear_predictor(seen(frame)))]
            if _reads(model, modality)
            else []
        )
    inner, _ = as_the_model_sees(model, seen(row))
    if inner is not model:
        return _parts(inner, row, modality, lambda frame: as_the_model_sees(model, seen(frame))[1])
    if isinstance(model, ImageTerm):
        if model.image != modality:
            return []
        return [
            _Part(1.0, network=ConditionedNetwork.of_state(model.state_), context=_context(model, seen(row)))
        ]
    sum_of = model.weighted_members(seen(row)) if isinstance(model, HasWeightedMembers) else None
    if sum_of is None:
        msg = f"How {type(model).__name__} reads pictures is not known: it offers no weighted members."
        raise ExplanationError(msg)
    found = []
    for member, weight in zip(sum_of.members, sum_of.weights[0].tolist(), strict=True):
        if weight:
            inside = _parts(member, row, modality, seen)
            found += [_Part(weight * p.weight, p.predict, p.network, p.context) for p in inside]
    return found


def _context(term: ImageTerm, row: pl.DataFrame) -> torch.Tensor:
    return torch.from_numpy(term.context_of(row).astype(np.float32))


def _reads(model: Any, modality: str) -> bool:
    columns = model.columns_
    names = columns if isinstance(columns, list) else [c for group in columns.values() for c in group]
    return any(modality_of(c) == modality for c in names)
