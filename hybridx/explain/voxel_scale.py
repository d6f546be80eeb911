"""A picture's prediction on another scale: risk or survival by a day, event-free days, a probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import ExplanationError
from hybridx.explain.fillings import as_the_model_sees
from hybridx.explain.picture import Patches, Picture
from hybridx.explain.scales import Scale, chosen_scale, own_scale
from hybridx.prepare import PreparedModel

__all__ = ["AnyPicture", "BentPicture", "bent", "on_one_scale", "predict_on"]

FloatArray = npt.NDArray[np.float64]
Predict = Callable[[pl.DataFrame], FloatArray]

_SAME = 1e-9
_STEP = 1e-4  # of the link's slope; it is smooth, and float64


@dataclass(frozen=True, eq=False)
class BentPicture:
    """A picture's prediction, bent by a link.

    Parameters
    ----------
    picture : Picture
        On the model's own scale, up to a constant.
    link : callable
        Linear predictors (R,) to predictions (R,).
    constant : float
        What the patient's linear predictor has beside the picture's.
    """

    picture: Picture
    link: Callable[[FloatArray], FloatArray]
    constant: float

    def predict(self, patches: Patches) -> FloatArray:
        """Return the prediction for patches (n, 3, z, y, x), shape (n,)."""
        return self.link(self.constant + self.picture.predict(patches))

    def slope(self, patches: Patches) -> FloatArray:
        """Return its derivative by each voxel, shape of the patches."""
        eta = self.constant + self.picture.predict(patches)
        steep = (self.link(eta + _STEP) - self.link(eta - _STEP)) / (2 * _STEP)
        return np.asarray(steep[:, None, None, None, None] * self.picture.slope(patches))


AnyPicture = Picture | BentPicture


def on_one_scale(model: Any, asked: dict[str, Any]) -> Scale | None:
    """Return the scale that `scale`, `times` and `tau` ask for; None for the model's own."""
    if all(value is None for value in asked.values()):
        return None
    return chosen_scale(_inner(model), asked["scale"], asked["times"], asked["tau"])


def predict_on(model: Any, scale: Scale | None) -> tuple[Predict, str]:
    """Return what a model predicts of a table (n,) on a scale, and the scale's name."""
    if scale is None:
        return model.linear_predictor, own_scale(_inner(model))
    return lambda table: scale.read(*as_the_model_sees(model, table))[:, 0], scale.names[0]


def bent(picture: Picture, model: Any, row: pl.DataFrame, patch: Patches, scale: Scale) -> BentPicture:
    """Return a picture's prediction on a scale.

    Raises
    ------
    ExplanationError
        The model's numbers on this scale are no function of its linear predictor.
    """
    inner, table = as_the_model_sees(model, row)
    link = scale.link(inner)
    eta, wanted = inner.linear_predictor(table), scale.read(inner, table)
    if link is None or not np.abs(link(eta) - wanted).max() <= _SAME * (1.0 + np.abs(wanted).max()):
        msg = (
            f"What {type(inner).__name__} says on the scale {scale.names[0]!r} is no function of its linear predictor, "
            "so that voxels are told on its own scale only: leave scale, times and tau out."
        )
        raise ExplanationError(msg)
    constant = float(eta[0] - picture.predict(patch[None])[0])
    return BentPicture(picture, lambda values: link(values)[:, 0], constant)


def _inner(model: Any) -> Any:
    while isinstance(model, PreparedModel):
        model = model.model_
    return model
