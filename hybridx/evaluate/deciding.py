"""What a result says about decisions: net benefit, response at a threshold, levels predicted, patients moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.d_calibration import DCalibration, d_calibration_of
from hybridx.evaluate.decision_table import decision_table
from hybridx.evaluate.reclassification import Reclassification, reclassification_table
from hybridx.evaluate.threshold_table import confusion_table, threshold_table
from hybridx.terms.text import check_name

__all__ = ["Deciding"]


class Deciding:
    """What `Result` inherits for decisions."""

    def decision_curve(
        self: Any, models: Sequence[str] | None = None, thresholds: Sequence[float] | None = None
    ) -> pl.DataFrame:
        """Return the net benefit of deciding by each model, over thresholds of probability.

        Out of fold, averaged over repeats; of survival the probability of the event by the horizon, with Kaplan-Meier
        among those flagged, so that censored patients count for as long as they were seen.

        Parameters
        ----------
        models : sequence of str, optional
            Default: all that give probabilities, without the reference.
        thresholds : sequence of float in (0, 1), optional
            Default 0.01 to 0.99.

        Returns
        -------
        polars.DataFrame
            `model` (with ``treat all`` and ``treat none``), `threshold`, `net_benefit`, `low`, `high` (pointwise,
            percentiles of the shared resamples), `gain` over the better of treating all and none, `gain_low`,
            `gain_high`, `flagged` (share of patients at or above the threshold), `n`. Null where follow-up ends
            before the horizon.
        """
        return decision_table(self, models, thresholds)

    def at_threshold(self: Any, threshold: float | str = 0.5) -> pl.DataFrame:
        """Return sensitivity, specificity, predictive values, balanced accuracy and MCC of each model of a response.

        Parameters
        ----------
        threshold : float or {"prevalence", "youden"}
            From which probability a patient is called a responder. A rule is learnt for each fold from the patients of
            the others; no threshold is ever chosen on the patients it is scored on.

        Returns
        -------
        polars.DataFrame
            `model`, `metric`, `value`, `low`, `high`, `level`, `n`, `n_events`, `threshold`, `method`.
        """
        return threshold_table(self, threshold)

    def d_calibration(self: Any, model: str | None = None, bins: int = 10) -> DCalibration:
        """Return whether the whole survival curves of a model (default the primary) are right: counts and a test."""
        name = self.primary if model is None else check_name(model, self.models, "model")
        if self.kind != "survival":
            msg = f"{self.endpoint!r} is a {self.kind} endpoint: D-calibration belongs to survival curves."
            raise InputError(msg)
        return d_calibration_of(self.panel(name), bins)

    def reclassification(self: Any, a: str, b: str, thresholds: Sequence[float]) -> Reclassification:
        """Return who changes category from model `a` to model `b` (probabilities, mean over repeats).

        A table to read, with its warning; see `hybridx.evaluate.reclassification_table` for why it is no metric.
        """
        at = self.horizon_days
        if self.kind not in ("survival", "response"):
            msg = f"{self.endpoint!r} is a {self.kind} endpoint: categories need one probability per patient."
            raise InputError(msg)
        panels = [self.panel(name) for name in (a, b)]
        told = [
            panel.mean_probability() if at is None else 1.0 - panel.mean_event_probability(at)
            for panel in panels
        ]
        return reclassification_table(self.outcome, told[0], told[1], thresholds, at)

    def confusion(self: Any, model: str | None = None) -> pl.DataFrame:
        """Return patients by level found (rows) and most probable level (columns), mean over repeats (ordinal)."""
        return confusion_table(
            self, self.primary if model is None else check_name(model, self.models, "model")
        )
