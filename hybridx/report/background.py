"""What every page of one result shares, computed once: mean predictions, risk thirds, their observed curves."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from sksurv.nonparametric import kaplan_meier_estimator

from hybridx.cohort import Cohort, Outcome
from hybridx.report.curves import Curve
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["GROUP_CLASSES", "HORIZON_MONTHS", "Background", "observed_curve"]

GROUP_CLASSES = ("low", "mid", "high")
HORIZON_MONTHS = (12.0, 24.0, 60.0)
SMALLEST_RISK_SET = 5  # an observed curve read from fewer patients than this is noise
FEWEST_FOR_GROUPS = 15  # thirds of fewer than five patients say nothing


def observed_curve(label: str, y: Outcome) -> Curve:
    """Return the Kaplan-Meier curve of the known outcomes, with its 95 % band (log-log)."""
    known = y[np.flatnonzero(y.known)]
    time = known.time_days / DAYS_PER_MONTH
    if not len(known):
        return Curve(label, np.empty(0), np.empty(0), entries=np.empty(0))
    months, survival, band = kaplan_meier_estimator(known.event, time, conf_type="log-log")
    return Curve(label, months, survival, band[0], band[1], entries=time)


@dataclass(frozen=True)
class Background:
    """A result seen from its pages.

    Parameters
    ----------
    result : hybridx.evaluate.Result
        Out-of-fold predictions, curves and metrics of one endpoint.
    why : hybridx.explain.Explanation or None
        Contributions to the primary model's predictions; None takes ``result.explanation``.
    given_cohort : Cohort or None
        In place of the result's own cohort.
    """

    result: Any
    why: Any = None
    given_cohort: Cohort | None = None
    _shared: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def cohort(self) -> Cohort:
        """The patients behind the result."""
        return self.result.cohort if self.given_cohort is None else self.given_cohort

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made for the first page and kept for the others."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    @property
    def is_survival(self) -> bool:
        """Risk over time, or (False) the probability of a response."""
        return self.result.kind == "survival"

    @functools.cached_property
    def outcome(self) -> Outcome:
        """What happened, in the order of the cohort."""
        return self.cohort.outcomes(self.result.endpoint)

    @functools.cached_property
    def explanation(self) -> Any:
        """The explanation given, or the one stored with the result; None when there is neither."""
        return self.why if self.why is not None else self.result.explanation

    @functools.cached_property
    def curves(self) -> Mapping[str, Curve]:
        """Each patient's predicted curve, mean over the repeats."""
        if not self.is_survival or self.result.curves is None:
            return {}
        own = self.result.curves.filter(pl.col("model") == self.result.primary).sort("time_days")
        return {str(key[0]): _curve(rows) for key, rows in own.partition_by("patient_id", as_dict=True).items()}

    @functools.cached_property
    def horizons(self) -> tuple[float, ...]:
        """The months of `HORIZON_MONTHS` that the observed follow-up reaches."""
        return tuple(m for m in HORIZON_MONTHS if m <= self.until) or (round(self.until / 2, 1),)

    @functools.cached_property
    def main_horizon(self) -> float:
        """The month of the headline and of the risk groups: 24 where follow-up allows."""
        return 24.0 if 24.0 in self.horizons else self.horizons[0]

    @functools.cached_property
    def until(self) -> float:
        """Last month at which enough patients were still followed to say anything."""
        time = np.sort(self.outcome.time_days[self.outcome.known]) / DAYS_PER_MONTH
        if not len(time):
            return HORIZON_MONTHS[1]
        return float(time[-min(SMALLEST_RISK_SET, len(time))])

    @functools.cached_property
    def predicted(self) -> Mapping[str, float]:
        """Per patient the share of the headline: survival at the main horizon, or probability of response."""
        if self.is_survival:
            found = {p: curve.at(self.main_horizon)[0] for p, curve in self.curves.items()}
        else:
            own = self.result.predictions.filter(pl.col("model") == self.result.primary)
            means = own.group_by("patient_id").agg(pl.col("probability").fill_nan(None).mean())
            found = {p: math.nan if v is None else float(v) for p, v in means.iter_rows()}
        return {p: v for p, v in found.items() if math.isfinite(v)}

    @functools.cached_property
    def groups(self) -> Mapping[str, int]:
        """Per patient 0, 1 or 2: the third of the cohort's predictions, 2 being the worst; empty for a small cohort.

        The cuts use out-of-fold predictions only, never an outcome.
        """
        if len(self.predicted) < FEWEST_FOR_GROUPS:
            return {}
        good = np.array(list(self.predicted.values()))
        cuts = np.quantile(-good, [1 / 3, 2 / 3])
        return {p: int(np.searchsorted(cuts, -v, side="right")) for p, v in self.predicted.items()}

    @functools.cached_property
    def group_curves(self) -> tuple[Curve, ...]:
        """Observed curves of the thirds; of the whole cohort when it is too small for thirds."""
        if not self.is_survival:
            return ()
        if not self.groups:
            return (observed_curve("all patients", self.outcome),)
        index = {p: i for i, p in enumerate(self.cohort.patients)}
        members = [[index[p] for p, g in self.groups.items() if g == third] for third in range(3)]
        return tuple(
            observed_curve(name, self.outcome[np.array(rows, dtype=int)])
            for name, rows in zip(GROUP_NAMES, members, strict=True)
            if rows
        )

    @functools.cached_property
    def feature_rows(self) -> Mapping[str, Mapping[str, Any]]:
        """What is known about each feature column: title, unit, family."""
        return {row["column"]: row for row in self.cohort.features.iter_rows(named=True)}

    @functools.cached_property
    def _wide(self) -> pl.DataFrame:
        return self.cohort.frame()

    def percentile(self, column: str, value: float) -> float | None:
        """Return the share (0 to 100) of the cohort's measured values below `value`, ties counted half."""
        if column not in self._wide.columns or not math.isfinite(value):
            return None
        values = self._wide[column].drop_nulls().cast(pl.Float64).drop_nans().to_numpy()
        if len(values) < SMALLEST_RISK_SET:
            return None
        return float(100 * (np.mean(values < value) + 0.5 * np.mean(values == value)))

    def index_of(self, patient: str) -> int:
        """Return the row of a patient in the cohort."""
        return self._order[patient]

    @functools.cached_property
    def _order(self) -> Mapping[str, int]:
        return {p: i for i, p in enumerate(self.cohort.patients)}

    def rows_of(self, table: str, patient: str) -> pl.DataFrame | None:
        """Return a patient's rows of a source table; None when the cohort has no such table."""
        frame = self.cohort.tables.get(table)
        return None if frame is None else frame.filter(pl.col("patient_id") == patient)

    def fact(self, patient: str, column: str) -> Any:
        """Return one entry of the table of patients; None when it is absent."""
        rows = self.rows_of("patients", patient)
        if rows is None or not rows.height or column not in rows.columns:
            return None
        return rows[column][0]


def _curve(rows: pl.DataFrame) -> Curve:
    def column(name: str) -> np.ndarray | None:
        if name not in rows.columns:
            return None
        values = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return None if np.isnan(values).all() else values

    survival = column("survival")
    months = rows["time_days"].cast(pl.Float64).to_numpy() / DAYS_PER_MONTH
    if survival is None:
        return Curve("", np.empty(0), np.empty(0))
    return Curve("", months, survival, column("low"), column("high"))
