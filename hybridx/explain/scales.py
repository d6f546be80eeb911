"""What a prediction is read as: the model's own scale, a risk or survival by a day, event-free days, a probability.

All but the model's own scale bend it (an S-curve), so that what a feature adds depends on where the patient stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit

from hybridx.errors import ExplanationError, InputError, SettingsError
from hybridx.fusion import EarlyFusion, FusionModel
from hybridx.models import SurvivalForest, SurvivalModel, TableModel, XGBoostAFT
from hybridx.models.baseline import check_times
from hybridx.models.ordinal_loss import level_probabilities
from hybridx.terms.text import check_name

__all__ = ["Scale", "chosen_scale", "curve_of", "own_scale"]

FloatArray = npt.NDArray[np.float64]

# What a risk means depends on how event times are distributed.
_TIMES = {"weibull": "log-hazard", "loglogistic": "event log-odds", "lognormal": "SD of log-time"}
_OWN = {"response": "log-odds", "ordinal": "ordinal log-odds", "continuous": "value"}
_FURTHER = {
    "survival": ("risk", "survival", "rmst"),
    "response": ("probability",),
    "ordinal": ("mean level",),
    "continuous": (),
}
_NODES = 200  # of the midpoint rule for RMST: within 0.1 % of tau for curves with many small steps


@dataclass(frozen=True)
class Scale:
    """A scale that bends the linear predictor.

    Parameters
    ----------
    kind : {"risk", "survival", "rmst", "probability", "mean level"}
        Risk is 1 - S(t).
    days : array of float, shape (n_times,)
        Times of risk and survival, or (tau,) for RMST; empty for the others.
    """

    kind: str
    days: FloatArray

    @property
    def names(self) -> list[str]:
        """Name of each of the scale's numbers, as an `Explanation` carries it."""
        words = {
            "risk": "risk by day {:g}",
            "survival": "survival to day {:g}",
            "rmst": "event-free days to day {:g}",
        }
        if self.kind not in words:
            return ["probability of response" if self.kind == "probability" else self.kind]
        return [words[self.kind].format(day) for day in self.days]

    def read(self, model: Any, frame: pl.DataFrame) -> FloatArray:
        """Return the prediction of each patient on this scale, shape (n, n_times) or (n, 1)."""
        if self.kind == "probability":
            return np.asarray(model.predict_proba(frame)[:, [1]], dtype=np.float64)
        if self.kind == "mean level":
            return _mean_level(np.asarray(model.predict_proba(frame)))
        return self.of_curves(model.predict_survival(frame, self.grid))

    @property
    def grid(self) -> FloatArray:
        """Days at which curves are needed."""
        if self.kind != "rmst":
            return self.days
        return np.asarray((np.arange(_NODES) + 0.5) * (self.days[0] / _NODES))

    def of_curves(self, curves: FloatArray) -> FloatArray:
        """Return the scale's numbers (..., n_times) from S at `grid`, (..., n_grid)."""
        if self.kind == "rmst":
            return np.asarray(curves.mean(axis=-1, keepdims=True) * self.days[0])
        return np.asarray(1.0 - curves if self.kind == "risk" else curves)

    def link(self, model: Any) -> Callable[[FloatArray], FloatArray] | None:
        """Return what turns linear predictors (R,) into this scale (R, n_times); None where no such is known."""
        if self.kind == "probability":
            return lambda eta: expit(eta)[:, None]
        if self.kind == "mean level":
            inner = model.model_ if isinstance(model, EarlyFusion) else model
            thresholds = getattr(inner, "thresholds_", None)
            return (
                None if thresholds is None else lambda eta: _mean_level(level_probabilities(eta, thresholds))
            )
        curve = curve_of(model)
        if curve is None:
            return None
        return lambda eta: self.of_curves(curve(eta, self.grid))


def _mean_level(probability: FloatArray) -> FloatArray:
    return np.asarray(probability @ np.arange(probability.shape[1], dtype=np.float64))[:, None]


def own_scale(model: Any) -> str:
    """Return the name of the scale of a model's linear predictor."""
    endpoint = _endpoint(model)
    if endpoint != "survival":
        return _OWN[endpoint]
    inner = model.model_ if isinstance(model, EarlyFusion) else model
    if isinstance(inner, XGBoostAFT):
        return _TIMES[inner.baseline_.distribution]
    return "log-mortality" if isinstance(inner, SurvivalForest) else "log-hazard"


def _endpoint(model: Any) -> str:
    if not isinstance(model, FusionModel | TableModel):
        msg = f"explain takes a fitted model of hybridx.models or hybridx.fusion, got {type(model).__name__}."
        raise ExplanationError(msg)
    return str(model.endpoint if isinstance(model, FusionModel) else model.takes)


def chosen_scale(
    model: Any, scale: str | None, times: npt.ArrayLike | None, tau: float | None
) -> Scale | None:
    """Return the scale asked for; None for the model's own.

    Raises
    ------
    SettingsError
        No such scale for this kind of outcome, or times or tau where they mean nothing or are needed.
    InputError
        A time is negative or not finite.
    """
    own, further = own_scale(model), _FURTHER[_endpoint(model)]
    kind = own if scale is None or scale == "linear predictor" else scale
    check_name(kind, (own, "linear predictor", *further), "scale")
    needs_times, needs_tau = kind in ("risk", "survival"), kind == "rmst"
    if needs_times != (times is not None) or needs_tau != (tau is not None):
        wanted = (
            "`times` in days" if needs_times else "`tau` in days" if needs_tau else "neither times nor tau"
        )
        msg = f"scale={kind!r} takes {wanted}, got times={times!r} and tau={tau!r}."
        raise SettingsError(msg)
    if kind == own:
        return None
    asked = times if times is not None else tau
    days = np.zeros(0) if asked is None else check_times(asked)
    if (needs_times and not len(days)) or (needs_tau and (len(days) != 1 or days[0] <= 0)):
        msg = f"`times` need at least one day and `tau` is one day > 0, got times={times!r} and tau={tau!r}."
        raise InputError(msg)
    return Scale(kind, days)


def curve_of(model: Any) -> Callable[[FloatArray, FloatArray], FloatArray] | None:
    """Return S(t) as a function of linear predictor and days where a model has one baseline, else None.

    What it returns is a proposal: whoever uses it compares it with `predict_survival` first.
    """
    if isinstance(model, EarlyFusion):
        return curve_of(model.model_)
    baseline: Any = getattr(model, "baseline_", None)
    if baseline is None:
        baseline = getattr(getattr(model, "recalibration_", None), "baseline", None)
    if not hasattr(baseline, "survival"):
        return None
    # boosted log-hazards are shrunk on their way to a curve; the class that does so has a curve of its own
    own = (
        isinstance(model, SurvivalModel)
        and type(model).predict_survival is not SurvivalModel.predict_survival
    )
    slope = float(getattr(model, "calibration_slope_", 1.0)) if own else 1.0
    return lambda eta, days: np.asarray(baseline.survival(slope * eta, days))
