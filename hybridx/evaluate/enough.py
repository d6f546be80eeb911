"""Is there enough data: events per candidate feature, the criteria of Riley, and how wide the C-index will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.columns import feature_columns
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.evaluate import riley
from hybridx.evaluate.discrimination import harrell_values
from hybridx.evaluate.horizon import moment_of
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.weighted_km import late_entry, survival_curves
from hybridx.terms.sample_size import RESTS, events_for_features

__all__ = ["EnoughData", "enough_data", "enough_notes"]

NAGELKERKE = 0.15  # what Riley and colleagues assume where nothing is known
SIMULATED = 200
MOST_SIMULATED = 2000  # patients; beyond, the width falls with the square root of n

_CRITERIA: dict[str, Any] = {
    "criterion": pl.String,
    "asks_for": pl.Int64,
    "have": pl.Int64,
    "met": pl.Boolean,
}


@dataclass(frozen=True, eq=False, repr=False)
class EnoughData:
    """Whether a cohort carries the model that is wanted of it.

    Parameters
    ----------
    endpoint, kind : str
    n, n_events : int
        Patients with a known outcome; events, or the rarer of responders and non-responders.
    candidate_features : int
        Before any selection: looking at a feature costs, not only keeping it.
    events_per_feature : float
    anticipated_c : float
        C-index or AUC assumed.
    r2 : float
        Cox-Snell R² that goes with it.
    criteria : polars.DataFrame
        `criterion`, `asks_for` (patients), `have`, `met`.
    n_needed : int
        Patients that all criteria together ask for.
    features_carried : int
        Candidate features that n patients carry with little overfitting in unpenalised regression.
    c_width : float
        Expected width of the 95 % interval of the C-index or AUC of a fixed model on these n patients; NaN where it was
        not asked for.
    assumption : str
        Where `anticipated_c` comes from.
    """

    endpoint: str
    kind: str
    n: int
    n_events: int
    candidate_features: int
    events_per_feature: float
    anticipated_c: float
    r2: float
    criteria: pl.DataFrame
    n_needed: int
    features_carried: int
    c_width: float
    assumption: str

    @property
    def enough(self) -> bool:
        """Whether all criteria are met."""
        return self.n >= self.n_needed

    @property
    def verdict(self) -> str:
        """One sentence."""
        have = events_for_features(self.n_events, self.candidate_features, self.kind)
        if self.enough:
            return f"{have}: enough for regression without penalty (Riley asks for {self.n_needed} patients)."
        carried = f"{self.features_carried} feature" + ("" if self.features_carried == 1 else "s")
        return (
            f"{have}: regression without penalty would need {self.n_needed} patients (Riley); the {self.n} here carry "
            f"{carried}. Everything beyond {RESTS}."
        )

    def __repr__(self) -> str:
        metric = "C-index" if self.kind == "survival" else "AUC"
        lines = [
            f"EnoughData({self.endpoint}: {self.n} patients)",
            f"  {self.verdict}",
            f"  assumed {metric} {self.anticipated_c:.2f} (Cox-Snell R² {self.r2:.3f}): {self.assumption}",
        ]
        lines += [
            f"  {'met    ' if row['met'] else 'not met'}  {row['criterion']}: n = {row['asks_for']}"
            for row in self.criteria.iter_rows(named=True)
        ]
        if not np.isnan(self.c_width):
            lines.append(
                f"  expected width of the 95 % interval of the {metric} at this n: {self.c_width:.2f}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only where something is shown

        return f"<pre>{escape(repr(self))}</pre>"


def enough_data(
    cohort: Cohort,
    endpoint: str,
    candidate_features: int | None = None,
    anticipated_c: float | None = None,
) -> EnoughData:
    """Say whether a cohort is large enough for the features that are to be tried on it.

    Parameters
    ----------
    cohort : Cohort
    endpoint : str
        A survival or response endpoint.
    candidate_features : int, optional
        Default: all feature columns of the cohort.
    anticipated_c : float, optional
        C-index or AUC that the model is expected to reach on new patients, above 0.5. Default: the one that goes with a
        Nagelkerke R² of 0.15, the assumption of Riley where nothing is known. Take it from the literature, not from
        this cohort.

    Raises
    ------
    InputError
        Another kind of endpoint.
    SettingsError
        An impossible number of features or C.
    NotEnoughDataError
        Fewer than two events, or everybody has it.

    Examples
    --------
    >>> hx.evaluate.enough_data(cohort, "OS", anticipated_c=0.68)  # doctest: +SKIP
    """
    return _enough(cohort, endpoint, candidate_features, anticipated_c, width=True)


def enough_notes(cohort: Cohort, endpoint: str) -> list[str]:
    """Return the verdict alone; nothing where there is none (another kind of endpoint, no events)."""
    try:
        return [_enough(cohort, endpoint, None, None, width=False).verdict]
    except (InputError, SettingsError, NotEnoughDataError):
        return []


def _enough(
    cohort: Cohort, endpoint: str, features: int | None, anticipated_c: float | None, *, width: bool
) -> EnoughData:
    y = cohort.outcomes(endpoint)
    if y.kind not in ("survival", "response"):
        msg = f"{endpoint!r} is a {y.kind} outcome; the criteria are for survival and response endpoints."
        raise InputError(msg)
    y = y[y.known]
    count = len(feature_columns(cohort.frame())) if features is None else features
    if isinstance(count, bool) or count < 1:
        msg = f"candidate_features={features!r}: wanted how many features will be tried, 1 or more."
        raise SettingsError(msg)
    n = len(y)
    if not 2 <= y.n_events <= n - 1:
        msg = f"{endpoint}: {y.n_events} events in {n} patients; nothing can be learnt from it."
        raise NotEnoughDataError(msg)
    share = y.n_events / n
    c, r2 = _strength(y.kind, share, anticipated_c)
    needed = _needed(y, count, r2)
    rows = [
        ("little overfitting (shrinkage 0.9)", needed.shrinkage),
        ("apparent and adjusted R² within 0.05", needed.optimism),
        ("overall risk known to within 0.05", needed.overall_risk),
    ]
    events = y.n_events if y.kind == "survival" else min(y.n_events, n - y.n_events)
    return EnoughData(
        endpoint=endpoint,
        kind=y.kind,
        n=n,
        n_events=events,
        candidate_features=count,
        events_per_feature=events / count,
        anticipated_c=c,
        r2=r2,
        criteria=pl.DataFrame(
            [(text, asked, n, n >= asked) for text, asked in rows], schema=_CRITERIA, orient="row"
        ),
        n_needed=needed.n,
        features_carried=riley.most_features(n, r2),
        c_width=_width(y, c) if width else np.nan,
        assumption="as given"
        if anticipated_c is not None
        else "a Nagelkerke R² of 0.15, where nothing is known",
    )


def _strength(kind: str, share: float, anticipated_c: float | None) -> tuple[float, float]:
    """Return C and Cox-Snell R²."""
    survival = kind == "survival"
    if anticipated_c is None:
        r2 = NAGELKERKE * (riley.r2_max_survival(share) if survival else riley.r2_max_response(share))
        c = riley.c_of_r2_survival(r2, share) if survival else riley.c_of_r2_response(r2, share)
        return c, r2
    if not 0.5 < anticipated_c < 0.99:
        msg = f"anticipated_c={anticipated_c!r}: wanted a C-index or AUC above 0.5 and below 0.99."
        raise SettingsError(msg)
    r2 = (riley.r2_of_c_survival if survival else riley.r2_of_c_response)(anticipated_c, share)
    return anticipated_c, r2


def _needed(y: Outcome, features: int, r2: float) -> riley.Needed:
    share = y.n_events / len(y)
    if y.kind == "response":
        return riley.needed_response(features, r2, share)
    horizon = moment_of(y, None)[0].horizon_days
    follow_up = float(y.time_days.mean())
    return riley.needed_survival(
        features, r2, share, rate=share / follow_up, horizon=horizon or follow_up, follow_up=follow_up
    )


def _width(y: Outcome, c: float) -> float:
    """Return the expected width of the 95 % interval of a fixed model's C-index or AUC on so many patients.

    Survival: simulated with this cohort's censoring and share of events. Response: Hanley JA, McNeil BJ. Radiology
    1982. doi:10.1148/radiology.143.1.7063747
    """
    if y.kind == "response":
        yes, no = y.n_events, len(y) - y.n_events
        q1, q2 = c / (2 - c), 2 * c**2 / (1 + c)
        variance = (c * (1 - c) + (yes - 1) * (q1 - c**2) + (no - 1) * (q2 - c**2)) / (yes * no)
        return 2 * 1.96 * float(np.sqrt(variance))
    n = min(len(y), MOST_SIMULATED)
    rng = np.random.default_rng(0)
    censored = _censoring(y, rng, (SIMULATED, n))
    lp = riley.spread_of_c(c) * rng.normal(size=(SIMULATED, n))
    unit = rng.exponential(size=(SIMULATED, n)) * np.exp(-lp)
    scale = _scale_for(unit, censored, y.n_events / len(y))
    found = []
    for event_time, gone, risk in zip(scale * unit, censored, lp, strict=True):
        event = event_time <= gone
        drawn = Outcome.survival(np.maximum(np.minimum(event_time, gone), 1e-6), event)
        found.append(float(harrell_values(Panel.single(drawn, risk), np.ones((1, n)))[0]))
    return 2 * 1.96 * float(np.nanstd(found)) * float(np.sqrt(n / len(y)))


def _censoring(y: Outcome, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Draw times of censoring from their Kaplan-Meier curve; what lies beyond the last follow-up is put there."""
    curve = survival_curves(y.time_days, ~y.event, np.ones((1, len(y))), late_entry(y))
    falls = 1.0 - np.asarray(curve.values[0])
    place = np.searchsorted(falls, rng.uniform(size=shape), side="left")
    return np.asarray(np.append(curve.times, y.time_days.max())[place], dtype=np.float64)


def _scale_for(unit: FloatArray, censored: FloatArray, share: float) -> float:
    """Return the factor on event times at which this share of patients has the event."""
    low, high = 1e-6, 1e9
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        if (middle * unit <= censored).mean() > share:
            low = middle
        else:
            high = middle
    return float(np.sqrt(low * high))
