"""A `Result` of what the folds of a plan found: the parts that every evaluation has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from hybridx.evaluate.folds import FoldResult
from hybridx.evaluate.frames import predictions_frame
from hybridx.evaluate.plan import Plan
from hybridx.evaluate.result import Result

__all__ = ["planned_predictions", "result_of"]


def planned_predictions(plan: Plan, results: Sequence[FoldResult], names: Sequence[str]) -> pl.DataFrame:
    """Return the out-of-fold predictions of some models of a plan, as `Result.predictions` has them."""
    return predictions_frame(
        plan.cohort.patients,
        plan.outcome,
        open_rows=plan.open_rows,
        splits=plan.splits,
        results=results,
        names=names,
        times=plan.times,
    )


def result_of(
    plan: Plan,
    *,
    resamples: int,
    level: float,
    notes: Sequence[str],
    provenance: Mapping[str, Any],
    **parts: Any,
) -> Result:
    """Make a result: outcome, models, design and times as planned, and the tables in `parts`.

    Parameters
    ----------
    plan : Plan
    resamples, level : int, float
        Of the intervals.
    notes : sequence of str
        `Result.run_notes`.
    provenance : mapping
    **parts
        Further fields of `Result`: `predictions` and `curves`, and what not every evaluation has.
    """
    y = plan.outcome
    return Result(
        endpoint=y.endpoint,
        kind=y.kind,
        origin=y.origin,
        criterion=y.criterion,
        responder=y.responder,
        primary=plan.primary,
        models=tuple(model.name for model in plan.models if model.role != "coalition"),
        roles={model.name: model.role for model in plan.models},
        design=plan.design,
        cohort=plan.cohort,
        times_days=tuple(plan.times.tolist()),
        moment=plan.moment,
        resamples=resamples,
        level=level,
        seed=plan.seed,
        bands=plan.bands,
        run_notes=tuple(notes),
        provenance=provenance,
        **parts,
    )
