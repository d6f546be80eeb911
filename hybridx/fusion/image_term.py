"""The image's part of a prediction: a trained network as arrays, rebuilt when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hybridx.cohort.columns import measured_mask, modalities_in, to_frame
from hybridx.compute import one_thread
from hybridx.errors import InputError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel
from hybridx.fusion.image_context import TableContext
from hybridx.fusion.image_network import ConditionedNetwork
from hybridx.fusion.image_patches import read_patches
from hybridx.fusion.protocols import LinearForm
from hybridx.measure.encoder import torch_device
from hybridx.models.data import Endpoint

__all__ = ["ImageTerm", "has_image"]


def has_image(frame: pl.DataFrame, image: str) -> BoolArray:
    """Return which patients have a picture, shape (n,).

    Raises
    ------
    InputError
        Patients have the modality, and the table has no column of pictures.
    """
    flag, column = f"{image}.measured", f"{image}.image"
    measured = (
        frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy() if flag in frame.columns else None
    )
    if column in frame.columns:
        there = frame[column].is_not_null().to_numpy()
        return there if measured is None else there & measured
    if measured is not None and measured.any():
        msg = (
            f"The table has no column {column!r}, although {int(measured.sum())} patients have {image}: take it from "
            "cohort.frame(images=True)."
        )
        raise InputError(msg)
    return np.zeros(frame.height, dtype=bool)


class ImageTerm(FusionModel):
    """What the picture adds to the log-hazard or log-odds of a patient with these tables; part of `ImageFusion`.

    Parameters
    ----------
    endpoint : {"survival", "response"}
    image : str
        Modality whose pictures are read.
    device : str
        Where the network runs.

    Attributes
    ----------
    state_ : dict of str to array
        The network's weights.
    context_ : TableContext
        How tables become the network's context.
    center_ : float
        Mean of the training patients' raw numbers: what an absent picture counts as.
    patch_shape_ : tuple of int
        (3, z, y, x).
    """

    needs_images: ClassVar[bool] = True

    def __init__(self, endpoint: Endpoint = "survival", *, image: str = "deep", device: str = "cpu") -> None:
        self.endpoint = endpoint
        self.image = image
        self.device = device

    def learn(
        self,
        state: Mapping[str, npt.NDArray[np.generic]],
        context: TableContext,
        center: float,
        patch_shape: tuple[int, ...],
    ) -> ImageTerm:
        """Take over what was trained."""
        self.state_, self.context_, self.center_ = dict(state), context, float(center)
        self.patch_shape_ = tuple(patch_shape)
        self.modalities_, self.columns_ = [self.image], {self.image: []}
        self.notes_: list[str] = []
        self.tuned_: dict[str, Any] = {}
        return self

    def measured(self, X: Any) -> BoolArray:
        """Return who has a picture, shape (n, 1)."""
        return has_image(to_frame(X), self.image)[:, None]

    def context_of(self, frame: pl.DataFrame) -> FloatArray:
        """Return what the tables say about each patient, as the network hears it, shape (n, c)."""
        return self.context_.transform(frame, _blocks_of(frame, self.context_))

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:  # noqa: ARG002
        patches = read_patches(frame[f"{self.image}.image"].to_list(), self.patch_shape_)
        device = torch_device(self.device)
        network = ConditionedNetwork.of_state(self.state_).to(device)
        context = self.context_of(frame).astype(np.float32)
        result = np.empty(len(patches))
        with one_thread(), torch.inference_mode():
            # one at a time: the last digits of a convolution change with the size of its batch
            for i, patch in enumerate(patches):
                lower = network.lower(torch.from_numpy(patch[None].astype(np.float32)).to(device), 0)
                result[i] = float(network(lower, torch.from_numpy(context[[i]]).to(device), 0)[0])
        return result - self.center_

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:  # noqa: ARG002
        msg = "The image's part alone has no survival curve: ask ImageFusion."
        raise TypeError(msg)

    def linear_form(self, X: Any) -> LinearForm:
        """Return the part as one value per patient, for `hybridx.explain`: what the picture says, given the tables."""
        values, there = self.linear_predictor(X), self.measured(X)
        offset = np.where(there[:, 0], 0.0, np.nan)
        return LinearForm(
            [f"{self.image}.image"], np.nan_to_num(values)[:, None], there.astype(np.float64), offset
        )


def _blocks_of(frame: pl.DataFrame, context: TableContext) -> dict[str, BoolArray]:
    """Return who has which block; a block of which the table has no column is absent."""
    there = set(modalities_in(frame))
    nobody = np.zeros(frame.height, dtype=bool)
    return {block: measured_mask(frame, block) if block in there else nobody for block in context.columns}
