"""What a result says about decisions: net benefit, response at a threshold, levels predicted, patients moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from hybridx.evaluate.decision_table import decision_table
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

    def confusion(self: Any, model: str | None = None) -> pl.DataFrame:
        """Return patients by level found (rows) and most probable level (columns), mean over repeats (ordinal)."""
        return confusion_table(
            self, self.primary if model is None else check_name(model, self.models, "model")
        )
