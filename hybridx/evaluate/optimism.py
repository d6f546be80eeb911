r"""How much a model flatters itself: apparent, out-of-bag, .632, .632+ and optimism-corrected scores of a bootstrap.

With A the score of the model of all patients on those patients, O the mean score of the draws' models on the patients
they left out, and N the score of a model that knows nothing (for a C or AUC 0.5):

.. math:: .632 = 0.368 A + 0.632 O, \quad .632+ = (1 - w) A + w O

.. math:: w = 0.632 / (1 - 0.368 R), \quad R = (A - O) / (A - N)

with O never taken to be worse than N, and R kept in [0, 1]. Harrell's corrected score is A minus the mean over draws of
the score of the draw's model on its own sample minus its score on the cohort. The .632 is too hopeful where a model
learns its training patients by heart (A near 1 whatever the data); .632+ is made for that.

Intervals resample patients for all parts at once, models are not refitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.intervals import Interval
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.metric import Metric, Moment
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["optimism_table"]

OUT_OF_BAG = 1.0 - np.exp(-1.0)  # 0.632: the chance that a draw of n holds a given patient
SHIFTS = 200  # pairings of predictions with other patients' outcomes behind the no-information value

_SCHEMA: dict[str, Any] = {
    "model": pl.String,
    "metric": pl.String,
    "estimate": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "n_events": pl.Int64,
    "overfitting": pl.Float64,
    "method": pl.String,
}


@dataclass(frozen=True, eq=False)
class _Parts:
    """Predictions of one model: of everyone by their own model, and per draw of those left out, in it, and all."""

    whole: Panel
    left_out: Panel
    sample: tuple[Panel, ...]
    cohort: tuple[Panel, ...]
    drawn: npt.NDArray[np.intp]  # (draws, n)


def optimism_table(result: Result, models: tuple[str, ...], metric: Metric) -> pl.DataFrame:
    """Return apparent, out-of-bag and corrected scores, five rows per model; see `Result.optimism`.

    Raises
    ------
    InputError
        The design kept no predictions of training patients, or the metric has no direction to correct.
    """
    if not result.apparent.height:
        msg = (
            f"The design {type(result.design).__name__} kept no predictions of training patients, so optimism cannot "
            "be told. Evaluate with hybridx.designs.Bootstrap632()."
        )
        raise InputError(msg)
    rows: list[tuple[Any, ...]] = []
    for name in models:
        rows += _rows_of(result, name, metric)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def _rows_of(result: Result, name: str, metric: Metric) -> list[tuple[Any, ...]]:
    parts = _parts_of(result, name)
    mask = parts.whole.predicted
    parts = _rows(parts, mask)
    n, events, moment = parts.whole.n, parts.whole.outcome.n_events, result.moment
    if metric.eats == "levels" or (metric.eats == "survival" and parts.whole.survival is None):
        nothing = "the model gives risks, not probabilities of survival"
        if metric.eats == "levels":
            nothing = "probabilities of levels are not kept for training patients"
        values = (np.nan, np.nan, np.nan, result.level, n, events, np.nan, nothing)
        return [(name, metric.name, "apparent", *values)]
    known_nothing = _no_information(metric, parts.whole, moment) if metric.best in ("high", "low") else np.nan
    once = np.ones((1, n))
    apparent, left_out = (float(metric.values(p, once, moment)[0]) for p in (parts.whole, parts.left_out))
    rate = float(_overfitting(np.array([apparent]), np.array([left_out]), known_nothing, metric)[0])

    def mixed(weights: FloatArray, *, plus: bool) -> FloatArray:
        a, o = (metric.values(p, weights, moment) for p in (parts.whole, parts.left_out))
        if not plus:
            return np.asarray((1 - OUT_OF_BAG) * a + OUT_OF_BAG * o)
        r = _overfitting(a, o, known_nothing, metric)
        share = OUT_OF_BAG / (1 - (1 - OUT_OF_BAG) * r)
        return np.asarray((1 - share) * a + share * _no_worse(o, known_nothing, metric))

    asked = {
        "apparent": (lambda w: metric.values(parts.whole, w, moment), "scored on its own training patients"),
        "out of bag": (
            lambda w: metric.values(parts.left_out, w, moment),
            "scored on patients left out of a draw",
        ),
        "corrected": (
            lambda w: _corrected(metric, parts, w, moment),
            "apparent minus mean optimism (Harrell)",
        ),
    }
    if not np.isnan(known_nothing):
        asked[".632"] = (lambda w: mixed(w, plus=False), "0.368 apparent + 0.632 out of bag")
        asked[".632+"] = (
            lambda w: mixed(w, plus=True),
            f"relative overfitting {rate:.2f}; a model that knows nothing gets {known_nothing:.3g}",
        )
    rows = []
    for what, (statistic, how) in asked.items():
        found: Interval = result._resamples.interval(statistic, mask)  # noqa: SLF001 - one mechanism for all intervals
        method = f"{how}, {len(parts.drawn)} draws; {found.note}; models not refitted"
        ends = (found.value, found.low, found.high, result.level, n, events)
        rows.append((name, metric.name, what, *ends, rate if what == ".632+" else np.nan, method))
    return rows


def _corrected(metric: Metric, parts: _Parts, weights: FloatArray, moment: Moment) -> FloatArray:
    """Return the apparent score minus the mean over draws of sample score minus cohort score, shape (B,)."""
    optimism = [
        metric.values(sample, weights * drawn, moment) - metric.values(cohort, weights, moment)
        for sample, cohort, drawn in zip(parts.sample, parts.cohort, parts.drawn, strict=True)
    ]
    return np.asarray(metric.values(parts.whole, weights, moment) - mean_over_repeats(np.stack(optimism)))


def _overfitting(apparent: FloatArray, left_out: FloatArray, nothing: float, metric: Metric) -> FloatArray:
    """Return the relative overfitting rate, 0 (none) to 1 (the model knows nothing of new patients)."""
    sign = 1.0 if metric.best == "high" else -1.0
    lost = sign * (apparent - _no_worse(left_out, nothing, metric))
    possible = sign * (apparent - nothing)
    there = (possible > 0) & (lost > 0)
    return np.where(there, np.clip(lost / np.where(there, possible, 1.0), 0.0, 1.0), 0.0)


def _no_worse(values: FloatArray, nothing: float, metric: Metric) -> FloatArray:
    return np.maximum(values, nothing) if metric.best == "high" else np.minimum(values, nothing)


def _no_information(metric: Metric, panel: Panel, moment: Moment) -> float:
    """Return the score that these predictions would have, were they dealt to the patients without regard to outcome.

    Every prediction meets every outcome: for a mean over patients, the mean over all shifts of one against the other is
    the mean over all pairs.
    """
    if not np.isnan(metric.useless):
        return metric.useless
    once = np.ones((1, panel.n))
    shifts = np.unique(np.linspace(0, panel.n - 1, min(SHIFTS, panel.n)).astype(int))
    values = [
        metric.values(
            replace(
                panel,
                score=np.roll(panel.score, s, axis=1),
                survival=None if panel.survival is None else np.roll(panel.survival, s, axis=1),
            ),
            once,
            moment,
        )[0]
        for s in shifts
    ]
    return float(np.mean(values))


def _parts_of(result: Result, name: str) -> _Parts:
    left_out = result.panel(name)
    rows = result.apparent.filter(pl.col("model") == name)
    place = {patient: i for i, patient in enumerate(result.scored_patients)}
    at = np.array([place[p] for p in rows["patient_id"].to_list()], dtype=np.intp)
    draws = left_out.fold.shape[0]
    draw = rows["draw"].fill_null(draws).to_numpy()  # the fit on everyone comes last
    n = left_out.n
    score = np.full((draws + 1, n), np.nan)
    score[draw, at] = rows[KINDS[result.kind].score].fill_null(float("nan")).to_numpy()
    drawn = np.zeros((draws + 1, n), dtype=np.intp)
    drawn[draw, at] = rows["drawn"].to_numpy()
    survival = None
    if left_out.survival is not None:
        survival = np.full((draws + 1, *left_out.survival.shape[1:]), np.nan)
        survival[draw, at] = rows["survival"].to_numpy()

    def panel(scores: FloatArray, curves: FloatArray | None) -> Panel:
        here = None if curves is None else curves[None]
        return Panel(left_out.outcome, np.zeros((1, n), dtype=np.intp), scores[None], here, left_out.times)

    def both(b: int) -> tuple[Panel, Panel]:
        sample = panel(score[b], None if survival is None else survival[b])
        there = drawn[b] > 0
        scores = np.where(there, score[b], left_out.score[b])
        if survival is None or left_out.survival is None:
            return sample, panel(scores, None)
        return sample, panel(scores, np.where(there[:, None], survival[b], left_out.survival[b]))

    pairs = [both(b) for b in range(draws)]
    whole = panel(score[draws], None if survival is None else survival[draws])
    return _Parts(whole, left_out, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), drawn[:draws])


def _rows(parts: _Parts, mask: npt.NDArray[np.bool_]) -> _Parts:
    return _Parts(
        parts.whole.rows(mask),
        parts.left_out.rows(mask),
        tuple(p.rows(mask) for p in parts.sample),
        tuple(p.rows(mask) for p in parts.cohort),
        parts.drawn[:, mask],
    )
