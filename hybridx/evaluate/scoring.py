"""Questions about how good the models are, as methods of a result: metrics, paired differences, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.calibration_table import calibration_of
from hybridx.evaluate.compare import Difference, paired_difference
from hybridx.evaluate.registry import measure, metric_named, metrics_of
from hybridx.evaluate.summary import Calibration
from hybridx.evaluate.tables import OF_REFERENCES, comparison_table, score_table
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name

__all__ = ["Scoring"]


class Scoring:
    """What `Result` inherits: every metric with its interval, models held against each other, calibration."""

    def estimate(self: Any, model: str, metric: str) -> Estimate:
        """Return one metric of one model with its interval.

        Raises
        ------
        SettingsError
            Unknown model or metric; the nearest name is given.
        """
        check_name(model, self.roles, "model")
        asked = metric_named(metric, self.kind)
        key = (model, metric)
        if key not in self._known:
            if self.roles[model] == "reference" and metric not in OF_REFERENCES:
                reason = "a constant prediction ranks nobody: it serves as reference of Brier scores only"
                panel = self.panel(model)
                self._known[key] = Estimate(
                    np.nan, level=self.level, n=panel.n, n_events=panel.n_events, method=reason
                )
            else:
                self._known[key] = measure(asked, self.panel(model), self.moment, self._resamples)
        found: Estimate = self._known[key]
        return found

    def table(self: Any, metric: str | None = None, *, model: str | None = None) -> pl.DataFrame:
        """Return one row per model and metric.

        Parameters
        ----------
        metric, model : str, optional
            Only this one.

        Returns
        -------
        polars.DataFrame
            `model`, `metric`, `value`, `low`, `high`, `level`, `n`, `n_events`, `time_days` (the horizon or tau the
            value belongs to), `method`, `baseline`. Undefined values are null, with the reason in `method`.
        """
        names = self.models if model is None else (check_name(model, self.models, "model"),)
        asked = metrics_of(self.kind) if metric is None else [metric_named(metric, self.kind)]
        return score_table(self, names, asked)

    def compare(self: Any, a: str, b: str, metric: str | None = None) -> Difference:
        """Return metric(a) - metric(b) on the patients that both predict, with a paired interval.

        Both models are scored in the same resamples of patients, so what they share cancels out.

        Raises
        ------
        SettingsError
            Unknown model or metric; the nearest name is given.
        """
        for name in (a, b):
            check_name(name, self.roles, "model")
        asked = metric_named(self.metrics[0] if metric is None else metric, self.kind)
        key = ("compare", a, b, asked.name)
        if key not in self._known:
            panels = (self.panel(a), self.panel(b))
            self._known[key] = paired_difference(asked, panels, (a, b), self.moment, self._resamples)
        found: Difference = self._known[key]
        return found

    def comparisons(self: Any, metric: str | None = None, *, model: str | None = None) -> pl.DataFrame:
        """Return one row per other model: the paired difference of `model` (default the primary) to it.

        Returns
        -------
        polars.DataFrame
            `model`, `other`, `metric`, `value_model`, `value_other` (both on the common patients), `difference`,
            `low`, `high` (of this difference alone), `p_value` (two-sided, below 1 - level exactly where that interval
            excludes 0), `p_adjusted` (Holm; the family is the rows of this table: one model against each other, in one
            metric), `n`, `n_events`, `verdict` (``better`` or ``worse`` where `p_adjusted` is below 1 - level, else
            ``not separated``), `method`.
        """
        name = self.primary if model is None else check_name(model, self.models, "model")
        return comparison_table(self, name, self.metrics[0] if metric is None else metric)

    def calibration(self: Any, model: str | None = None) -> Calibration:
        """Return calibration of a model (default the primary) at the horizon: O:E, slope, ICI, curve and groups."""
        name = self.primary if model is None else check_name(model, self.models, "model")
        if self.kind not in ("survival", "response"):
            msg = (
                f"{self.endpoint!r} is a {self.kind} endpoint: there is no one probability to calibrate. `table` has "
                + (
                    "the ranked probability score."
                    if self.kind == "ordinal"
                    else "calibration slope and mean error."
                )
            )
            raise InputError(msg)
        key = ("calibration", name)
        if key not in self._known:
            three = [self.estimate(name, m) for m in ("observed_expected", "calibration_slope", "ici")]
            self._known[key] = calibration_of(
                name, self.panel(name), self.horizon_days, three, self._resamples
            )
        found: Calibration = self._known[key]
        return found
