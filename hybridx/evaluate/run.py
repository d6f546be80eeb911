"""`evaluate`: fit and predict fold by fold, keep every out-of-fold prediction, and make a `Result` of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hybridx.checks.given import observe_given
from hybridx.cohort.cohort import Cohort
from hybridx.compute.tasks import map_tasks
from hybridx.errors import HybridxError, InputError, NotEnoughDataError
from hybridx.evaluate.checkpoints import folds_checkpoint
from hybridx.evaluate.coalitions import apart, coalition_models, used_modalities
from hybridx.evaluate.curves import curves_frame
from hybridx.evaluate.cuts import cut_of, run_cut
from hybridx.evaluate.designs import Design, NestedCV, design_to_dict
from hybridx.evaluate.enough import enough_notes
from hybridx.evaluate.folds import Explain, FoldResult
from hybridx.evaluate.found import planned_predictions, result_of
from hybridx.evaluate.frames import apparent_frame
from hybridx.evaluate.frames_modalities import support_frame, support_notes, without_frame
from hybridx.evaluate.horizon import times_of
from hybridx.evaluate.identity import code_version, digest
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.notes import failure_notes, outcome_notes, warning_notes
from hybridx.evaluate.plan import Plan, models_to_run
from hybridx.evaluate.provenance import provenance_of
from hybridx.evaluate.result import Result
from hybridx.terms.text import check_name, listing

__all__ = ["evaluate"]


def evaluate(
    models: Mapping[str, Any] | Any = None,
    cohort: Cohort | None = None,
    endpoint: str | None = None,
    design: Design | None = None,
    *,
    baselines: bool = True,
    primary: str | None = None,
    horizon_days: float | None = None,
    explain: Explain | None = None,
    bands: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
    workers: int | None = None,
    progress: bool = True,
    coalitions: bool = False,
    stress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str = "local",
    client: Any = None,
) -> Result:
    """Say how good models are on patients they have not seen, next to what they must beat, and how sure that is.

    Every fit, tuning included, happens on the training part of a fold. All out-of-fold predictions are kept, so any
    metric can be computed later without refitting.

    Parameters
    ----------
    models : mapping of str to estimator, estimator, or None
        Unfitted; by default late and early fusion of all modalities.
    cohort : Cohort
    endpoint : str
        One of ``cohort.endpoints``.
    design : Design, optional
        One of `hybridx.designs`; default ``NestedCV(folds=5, repeats=5, seed=0)``.
    baselines : bool
        Add clinical-only, volume-only and single-modality models, and the Kaplan-Meier curve (or the prevalence) as a
        reference of Brier scores.
    primary : str, optional
        The model that is explained and gives patients their curves; default the first.
    horizon_days : float, optional
        For AUC(t), Brier(t) and calibration; see `hybridx.evaluate.horizon.moment_of` for the default.
    explain : callable, optional
        ``(fitted model, X_test, X_train) -> explanation`` with ``save`` and a classmethod ``concat``; called for the
        primary model in each fold of the first repeat.
    bands : int
        Bootstrap refits of the primary model in each fold of the first repeat, for a 95 % band of each patient's
        prediction; 0: none, else 10 or more.
    resamples, level : int, float
        Of the intervals of metrics.
    workers : int, optional
        Processes; the result does not depend on it.
    progress : bool
        Show a bar for what takes longer than two seconds.
    coalitions : bool
        Fit the primary model on every coalition of its modalities, too (up to 2^m - 2 more fits in each fold, m <= 5),
        for `Result.added_value`.
    stress : bool
        Let the primary model of each fold predict its test patients without each modality, for `Result.stress_test`; no
        further fit.
    checkpoint : path, optional
        Folder that keeps each finished fold, so that a killed run goes on from there; the result is the same to the
        last bit. A kept fold is used only where data, models, settings and code are what they were.
    engine, client : optional
        ``engine="dask"`` runs the folds on a cluster; see `hybridx.compute.map_tasks`. The result is the same. Workers
        must see `checkpoint`, if there is one.

    Returns
    -------
    Result

    Raises
    ------
    NotEnoughDataError
        Too few patients or events for the design.
    InputError
        Unknown endpoint or primary model, or an outcome kind that cannot be evaluated.
    HybridxError
        The primary model failed in every fold, for another reason than too few events. With too few events the result
        is there, with its baselines and without predictions of the model, and its notes say so.

    Examples
    --------
    >>> result = hx.evaluate(cohort=cohort, endpoint="DFS")  # doctest: +SKIP
    >>> result.compare("late", "clinical")  # doctest: +SKIP
    """
    asked, endpoint = _arguments(cohort, endpoint, bands)
    checked, later = _known_then(asked)
    y = checked.outcomes(endpoint)
    Resamples(len(y), resamples, 0, level)  # refuses impossible settings before an hour of fitting, not after
    design = NestedCV() if design is None else design
    splits = design.splits(checked, y)
    entries, notes = models_to_run(models, checked, y.kind, baselines=baselines)
    given = observe_given({e.name: e.estimator for e in entries if e.role == "model"}, asked)
    primary = entries[0].name if primary is None else check_name(primary, [e.name for e in entries], "model")
    tested = np.unique(np.concatenate([split.test for split in splits]))
    moment, times, said = times_of(y[tested], horizon_days)
    main = next(entry for entry in entries if entry.name == primary)
    added, coalition_notes = coalition_models(main, checked) if coalitions else ((), [])
    used = tuple(used_modalities(main.estimator, checked)) if stress or bands else ()
    plan = Plan(
        checked,
        y,
        design,
        splits,
        (*entries, *added),
        primary,
        moment,
        times,
        explain,
        bands,
        workers,
        progress,
        checkpoint,
        without=used if stress else (),
        engine=engine,
        client=client,
        hidden=used if bands else (),
    )
    result = _made(
        plan,
        _run_folds(plan),
        before=(
            *outcome_notes(checked, y),
            *later,
            *design.notes(checked, y),
            *said,
            *notes,
            *enough_notes(checked, endpoint),
            *coalition_notes,
        ),
        given=given,
        resamples=resamples,
        level=level,
    )
    result.checks()  # remembered: whoever looks at the result sees what they found
    return result


def _made(
    plan: Plan, results: list[FoldResult], *, before: Sequence[str], given: Any, resamples: int, level: float
) -> Result:
    """Return the result of a plan's folds; its notes begin with what was known before them."""
    names = [model.name for model in plan.models]
    predictions = planned_predictions(plan, results, names)
    support = support_frame(plan, results)
    shown, lost_notes = apart(results, plan.models)
    curves, bands_without, refit_notes = curves_frame(plan, results, predictions)
    explanation, explanation_notes = _explanation(results)
    return result_of(
        plan,
        resamples=resamples,
        level=level,
        notes=(
            *before,
            *lost_notes,
            *failure_notes(shown),
            *warning_notes(shown),
            *support_notes(support),
            *refit_notes,
            *explanation_notes,
        ),
        provenance={**provenance_of(plan.cohort, design_to_dict(plan.design)), "given": given},
        predictions=predictions,
        curves=curves,
        explanation=explanation,
        apparent=apparent_frame(
            plan.cohort.patients,
            plan.outcome.kind,
            n_open=len(plan.open_rows),
            splits=plan.splits,
            results=results,
            names=names,
            times=plan.times,
        ),
        predictions_without=without_frame(plan, results),
        bands_without=bands_without,
        support=support,
    )


def _arguments(cohort: Any, endpoint: str | None, bands: Any) -> tuple[Cohort, str]:
    if not isinstance(cohort, Cohort):
        msg = f"evaluate needs `cohort`, a Cohort (see Cohort.load); got {type(cohort).__name__}."
        raise InputError(msg)
    if endpoint is None:
        msg = f"evaluate needs `endpoint`, one of the cohort's: {listing(cohort.endpoints, limit=12)}."
        raise InputError(msg)
    if isinstance(bands, bool) or not isinstance(bands, int) or not (bands == 0 or bands >= 10):
        msg = f"bands={bands!r}: wanted 0 (none) or a number of refits >= 10."
        raise InputError(msg)
    return cohort, endpoint


def _known_then(cohort: Cohort) -> tuple[Cohort, list[str]]:
    """Return the cohort without what was measured after its origin: a model must not know the future."""
    later = cohort.measured_after(cohort.landmark_day)
    if not later:
        return cohort, []
    which = ", ".join(f"{name} ({n} patients)" for name, n in later.items())
    sentence = (
        f"Measured after day {cohort.landmark_day:g}, from which times count, and therefore left out: {which}. To use "
        "it, choose a landmark: evaluate(cohort=cohort.at(day), ...)."
    )
    return cohort.at(cohort.landmark_day), [sentence]


def _run_folds(plan: Plan) -> list[FoldResult]:
    cuts = [cut_of(plan, split) for split in plan.splits]
    store = folds_checkpoint(plan.checkpoint)
    done = map_tasks(
        run_cut,
        cuts,
        checkpoint=store,
        keys=None if store is None else [digest("fold", code_version(), cut.whole()) for cut in cuts],
        workers=plan.workers,
        engine=plan.engine,
        client=plan.client,
        description=f"Evaluating {plan.outcome.endpoint}, fold by fold",
        progress=plan.progress,
    )
    for result in done:
        if not result.ok:
            msg = f"A fold could not be run: {result.error}"
            raise HybridxError(msg)
    results: list[FoldResult] = [result.value for result in done]
    failures = [result.predictions[plan.primary].failure for result in results]
    # too few events is a finding about the cohort, told in the notes; anything else is a failure of the analysis
    if all(failures) and not all(f.startswith(NotEnoughDataError.__name__) for f in failures if f):
        msg = f"The model {plan.primary!r} failed in all {len(failures)} folds; the first said: {failures[0]}"
        raise HybridxError(msg)
    return results


def _explanation(results: Sequence[FoldResult]) -> tuple[Any, list[str]]:
    parts = [result.explanation for result in results if result.explanation is not None]
    failures = [result.explanation_failure for result in results if result.explanation_failure]
    notes = [f"No explanation in {len(failures)} folds: {failures[0]}"] if failures else []
    return (type(parts[0]).concat(parts) if parts else None), notes
