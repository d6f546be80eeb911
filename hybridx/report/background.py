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
from hybridx.evaluate.conformal_cohort import CohortConformal, conformal_of
from hybridx.evaluate.designs_locked import Locked
from hybridx.evaluate.kinds import KINDS
from hybridx.report.curves import Curve
from hybridx.report.language import language, say
from hybridx.terms import DAYS_PER_MONTH, Estimate

__all__ = ["HORIZON_MONTHS", "Background", "observed_curve"]

HORIZON_MONTHS = (12.0, 24.0, 60.0)
CONFORMAL_LEVEL = 0.9
FEWEST_FOR_GROUPS = 15  # groups of fewer than five patients say nothing
FEWEST_FOR_PERCENTILE = 5
_GROUP_ORDER = ("low", "intermediate", "high")
_GROUP_WORDS = {
    "response": {"low": "least likely", "intermediate": "middle", "high": "likeliest"},
    "ordinal": {"low": "best expected", "intermediate": "middle", "high": "worst expected"},
    "continuous": {"low": "lowest", "intermediate": "middle", "high": "highest"},
}


def observed_curve(label: str, y: Outcome, style: str = "mid") -> Curve:
    """Return the Kaplan-Meier curve of the known outcomes, with its 95 % band (log-log)."""
    known = y[np.flatnonzero(y.known)]
    time = known.time_days / DAYS_PER_MONTH
    if not len(known):
        return Curve(label, np.empty(0), np.empty(0), entries=np.empty(0), style=style)
    months, survival, band = kaplan_meier_estimator(known.event, time, conf_type="log-log")
    return Curve(label, months, survival, band[0], band[1], entries=time, style=style)


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
        key = f"{language()} {name}"
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    @property
    def is_survival(self) -> bool:
        """Risk over time, or (False) the probability of a response."""
        return self.result.kind == "survival"

    @property
    def is_external(self) -> bool:
        """A locked model was applied as it is; else predictions are those of models that did not see the patient."""
        return isinstance(self.result.design, Locked)

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
        return {
            str(key[0]): _curve(rows) for key, rows in own.partition_by("patient_id", as_dict=True).items()
        }

    @functools.cached_property
    def main_horizon(self) -> float:
        """The month of the headline: the horizon at which the result was calibrated (NaN for a response)."""
        days = self.result.horizon_days
        return math.nan if days is None else round(days / DAYS_PER_MONTH, 1)

    @functools.cached_property
    def until(self) -> float:
        """Last month for which survival is predicted: beyond it too few patients were followed."""
        return max(
            (float(c.months[-1]) for c in self.curves.values() if len(c.months)), default=self.main_horizon
        )

    @functools.cached_property
    def horizons(self) -> tuple[float, ...]:
        """The months a page shows: 12, 24, 60 and the main horizon; see `until` for those that can be told."""
        return tuple(sorted({*HORIZON_MONTHS, self.main_horizon}))

    @functools.cached_property
    def predicted(self) -> Mapping[str, float]:
        """Per patient the number of the headline.

        Survival at the main horizon, probability of response, expected rank of the level, or expected value.
        """
        if self.is_survival:
            found = {p: curve.at(self.main_horizon)[0] for p, curve in self.curves.items()}
        else:
            found = {p: estimate.value for p, estimate in self.estimates.items()}
        # A model that fills in what is missing would have a number for someone about whom nothing is known.
        return {p: v for p, v in found.items() if math.isfinite(v) and p in self.anything_measured}

    @functools.cached_property
    def anything_measured(self) -> frozenset[str]:
        """Patients with at least one modality."""
        flags = self.cohort.measured.select(pl.any_horizontal(pl.exclude("patient_id"))).to_series()
        return frozenset(p for p, flag in zip(self.cohort.patients, flags, strict=True) if flag)

    @functools.cached_property
    def estimates(self) -> Mapping[str, Estimate]:
        """Per patient the one number that is not a curve, with its band; see `predicted`."""
        column = KINDS[self.result.kind].score
        if self.is_survival or column not in self.result.curves.columns:
            return {}
        rows = self.result.curves.filter(pl.col("model") == self.result.primary)
        return {
            r["patient_id"]: Estimate(
                *(math.nan if r[k] is None else float(r[k]) for k in (column, "low", "high"))
            )
            for r in rows.iter_rows(named=True)
        }

    @functools.cached_property
    def levels(self) -> Mapping[str, tuple[Estimate, ...]]:
        """Per patient the probability of each level, best to worst, with its band; of an ordered outcome only."""
        rows = self.result.curves
        if "levels" not in rows.columns:  # made by an earlier version: probabilities without bands
            return {}
        found = {}
        for p, middle, low, high in rows.select(
            "patient_id", "levels", "levels_low", "levels_high"
        ).iter_rows():
            if middle is not None:
                ends = [math.nan] * len(middle)
                found[p] = tuple(map(Estimate, middle, low or ends, high or ends))
        return found

    @functools.cached_property
    def conformal(self) -> CohortConformal:
        """Sets or intervals that hold each patient's own outcome as often as they say."""
        return conformal_of(self.result, CONFORMAL_LEVEL)

    @functools.cached_property
    def groups(self) -> Mapping[str, str]:
        """Per patient the group of the out-of-fold prediction (``low``, ``high``, ...); empty for a small cohort.

        The cuts use predictions only, never an outcome.
        """
        if len(self.predicted) < FEWEST_FOR_GROUPS:
            return {}
        found = dict(self.result.risk_groups().select("patient_id", "group").drop_nulls().iter_rows())
        # a patient whose outcome is unknown is placed by the cut points of the others
        found |= {p: self.result.patient(p).group for p in self.predicted if p not in found}
        return {p: g for p, g in found.items() if g}

    @functools.cached_property
    def group_names(self) -> tuple[str, ...]:
        """The groups in use, lowest first."""
        return tuple(g for g in _GROUP_ORDER if g in set(self.groups.values()))

    def group_title(self, group: str) -> str:
        """Write a group as a reader understands it: ``high-risk third``, ``likeliest half``."""
        part = {2: "half", 3: "third"}.get(len(self.group_names), "group")
        if self.is_survival:
            return say(f"{group}-risk {part}")
        return say(f"{_GROUP_WORDS[self.result.kind][group]} {part}")

    def group_class(self, group: str) -> str:
        """Return the colour class of a group; for a response a high probability is the good end, a value has none."""
        if self.result.kind == "continuous":
            return "mid"
        place = self.group_names.index(group)
        place = place if self.result.kind != "response" else len(self.group_names) - 1 - place
        return "mid" if len(self.group_names) == 3 and place == 1 else "low" if place == 0 else "high"

    @functools.cached_property
    def group_curves(self) -> tuple[Curve, ...]:
        """Observed curves of the groups; of the whole cohort when it is too small for groups."""
        if not self.is_survival:
            return ()
        if not self.groups:
            return (observed_curve(say("all patients"), self.outcome),)
        members = {
            g: [self._order[p] for p, own in self.groups.items() if own == g] for g in self.group_names
        }
        return tuple(
            observed_curve(
                self.group_title(g), self.outcome[np.array(rows, dtype=int)], style=self.group_class(g)
            )
            for g, rows in members.items()
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
        if len(values) < FEWEST_FOR_PERCENTILE:
            return None
        return float(100 * (np.mean(values < value) + 0.5 * np.mean(values == value)))

    def is_flag(self, column: str) -> bool:
        """Say whether a pure number is only ever 0 or 1: yes or no, of which a percentile would say nothing."""
        if column not in self._wide.columns or self.feature_rows.get(column, {}).get("unit") not in (
            "1",
            None,
        ):
            return False
        values = self._wide[column].drop_nulls().cast(pl.Float64).drop_nans().unique()
        return 0 < len(values) <= 2 and bool(values.is_in([0.0, 1.0]).all())

    def index_of(self, patient: str) -> int:
        """Return the row of a patient in the cohort."""
        return self._order[patient]

    def row_of(self, patient: str) -> int | None:
        """Return the row of a patient who may be in another cohort only."""
        return self._order.get(patient)

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
