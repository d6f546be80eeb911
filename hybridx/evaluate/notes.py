"""Sentences that a reader of a result must not miss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.compare import holm, judged
from hybridx.evaluate.folds import FoldResult
from hybridx.evaluate.kinds import KINDS, counted
from hybridx.evaluate.registry import metric_named, metrics_of
from hybridx.evaluate.training_noise import refitted
from hybridx.terms.text import listing

if TYPE_CHECKING:
    from hybridx.evaluate.result import Result

__all__ = ["SYNTHETIC", "failure_notes", "outcome_notes", "score_notes", "warning_notes"]

SYNTHETIC = "Synthetic data: these figures say how the software behaves, nothing about patients."
WIDE = 0.15  # an interval of a C-index or AUC wider than this separates few models worth separating
SMALL_N_EVENTS = 50


def outcome_notes(cohort: Cohort, y: Outcome) -> list[str]:
    """Say what the data are: synthetic, how many, what was left out."""
    notes = [SYNTHETIC] if cohort.provenance.get("synthetic") else []
    n, unknown = int(y.known.sum()), int((~y.known).sum())
    meant = f" ({y.responder})" if y.kind == "response" and y.responder not in ("", "responder") else ""
    notes.append(f"{y.endpoint}: {n} patients, {counted(y)}{meant}.")
    if unknown:
        gone = (
            f" (or with it, or their last follow-up, before day {cohort.landmark_day:g})"
            if cohort.landmark_day > 0
            else ""
        )
        who = "1 patient" if unknown == 1 else f"{unknown} patients"
        notes.append(
            f"{who} without a known {y.endpoint}{gone} took no part in training or scoring; their predictions are "
            "means over all folds' models."
        )
    if y.entry_days is not None and np.nanmax(y.entry_days, initial=0.0) > 0:
        notes.append(
            "Delayed entry: patients count from their entry on; where a share of all patients is meant, those seen are "
            "weighted to stand for everybody. Royston's D and the figure of risk groups describe the patients seen."
        )
    if y.cause is not None:
        causes = Counter(str(c) or "not stated" for c in y.cause[y.known & y.event])
        if len(causes) > 1:
            which = listing((f"{name} ({n})" for name, n in causes.most_common()), 6)
            notes.append(
                f"Every event counts, whatever its cause: {which}. The models "
                "here do not tell causes apart; CompetingRisks gives the incidence of each."
            )
    return notes


def failure_notes(results: Sequence[FoldResult]) -> list[str]:
    """Say which models failed in which share of folds, and why."""
    notes = []
    for name in results[0].predictions:
        reasons = [r.predictions[name].failure for r in results if r.predictions[name].failure]
        if reasons:
            notes.append(
                f"{name} failed in {len(reasons)} of {len(results)} folds and predicts nothing there: "
                f"{Counter(reasons).most_common(1)[0][0]}"
            )
    return notes


def warning_notes(results: Sequence[FoldResult], most: int = 3) -> list[str]:
    """Say what models warned of while they were fitted, each sentence once."""
    counts = Counter(
        (name, text) for r in results for name, found in r.predictions.items() for text in found.warnings
    )
    shown = [
        f"{name} warned in {count} {'fold' if count == 1 else 'folds'}: {text}"
        for (name, text), count in counts.most_common(most)
    ]
    more = len(counts) - most
    return [
        *shown,
        *([f"{more} more {'warning' if more == 1 else 'warnings'} of models."] if more > 0 else []),
    ]


def score_notes(result: Result) -> list[str]:
    """Say how wide the main interval is, what the primary model beats, and whether its probabilities can be trusted."""
    headline = metrics_of(result.kind)[0]
    main = result.estimate(result.primary, headline.name)
    notes = []
    word = KINDS[result.kind].counted
    enough = (main.n if main.n_events is None else main.n_events) or 0
    if np.isnan(main.value):
        return [f"{headline.title} of {result.primary} is undefined: {main.method}."]
    if np.isnan(main.width):
        notes.append(f"{headline.title} of {result.primary} has no interval: {main.method}.")
    elif main.width < 1e-12:
        notes.append(
            f"{headline.title} of {result.primary} is {main.value:.3f} in every resample: its interval of no width is "
            "no sign of certainty."
            + (f" {result.primary} tells no two patients apart." if main.value == headline.useless else "")
        )
    elif main.width > WIDE or enough < SMALL_N_EVENTS:
        notes.append(
            f"{enough} {word}: the {100 * main.level:g} % interval of {headline.title} is {main.width:.2f} wide "
            f"({main.low:.2f} to {main.high:.2f}). Smaller differences cannot be seen in this cohort."
        )
    if main.low <= headline.useless <= main.high:
        notes.append(
            f"{result.primary} is not shown to be better than chance: the interval of its {headline.title} "
            f"includes {headline.useless:g}."
        )
    notes += _beaten_or_not(result, headline.name, headline.title)
    notes += _coverage(result)
    notes += _worth_of_probabilities(result)
    notes.append(_interval_meaning(result))
    if result.kind == "ordinal":
        return notes
    told = "Predicted values" if result.kind == "continuous" else "Predicted probabilities"
    slope = result.estimate(result.primary, "calibration_slope")
    if slope.high < 1:
        notes.append(
            f"{told} of {result.primary} are too extreme (calibration slope {slope.value:.2f}, "
            f"{slope.low:.2f} to {slope.high:.2f})."
        )
    elif slope.low > 1:
        notes.append(
            f"{told} of {result.primary} are too timid (calibration slope {slope.value:.2f}, "
            f"{slope.low:.2f} to {slope.high:.2f})."
        )
    return notes


def _interval_meaning(result: Result) -> str:
    if not refitted(result.panel(result.primary)):
        return "The model is fixed: intervals say how its scores would move with other patients."
    return (
        "Intervals are about what such models reach on average, trained on cohorts of this size: they allow for other "
        "patients to test on and, as far as repeats of the cross-validation show it, for other patients to train on."
    )


def _beaten_or_not(result: Result, metric: str, title: str) -> list[str]:
    notes: list[str] = []
    # the other models too: a reader must hear that the one shown is not the best of them
    others = [n for n in result.models if n != result.primary and result.roles[n] != "reference"]
    found = {n: result.compare(result.primary, n, metric=metric) for n in others}
    adjusted = dict(zip(others, holm([d.p_value for d in found.values()]), strict=True))
    for verdict, survives, words in (
        ("not separated", True, "is not shown to be better than"),
        ("worse", True, "is worse than"),
        ("worse", False, "is worse, taken one by one, than"),
        ("better", True, "is better than"),
        ("better", False, "is better, taken one by one, than"),
    ):
        parts = []
        for name in others:
            d = found[name]
            strong = verdict == "not separated" or judged(d, adjusted[name]) == verdict
            if not np.isnan(d.value) and d.verdict == verdict and strong == survives:
                p = "" if survives else f"; p = {adjusted[name]:.2f}"
                parts.append(f"{name} ({d.value:+.3f}, {d.low:+.3f} to {d.high:+.3f}{p})")
        if parts:
            end = "" if survives else f", not once all {len(others)} comparisons are counted (p by Holm)"
            notes.append(
                f"{result.primary} {words} {listing(parts, 12)}: difference of {title}, same patients{end}."
            )
    return notes


def _worth_of_probabilities(result: Result) -> list[str]:
    """Say when probabilities are no better than telling everyone the same."""
    references = [name for name in result.models if result.roles[name] == "reference"]
    if not references:
        return []
    metric = KINDS[result.kind].proper
    what = {
        "survival": "survival curve",
        "response": "share of responders",
        "ordinal": "shares of the levels",
        "continuous": "mean",
    }[result.kind]
    told = "Values" if result.kind == "continuous" else "Probabilities"
    d = result.compare(result.primary, references[0], metric=metric)
    if np.isnan(d.value) or d.verdict == "better":
        return []
    title = metric_named(metric, result.kind).title
    sentence = (
        f"{told} of {result.primary} are not shown to be better than the overall {what} of the training "
        f"patients ({title} {d.value_a:.3f} against {d.value_b:.3f}; difference {d.low:+.3f} to {d.high:+.3f})."
    )
    return [sentence]


def _coverage(result: Result) -> list[str]:
    table = result.table(metrics_of(result.kind)[0].name)
    most = int(table["n"].to_numpy().max(initial=0))
    fewer = [f"{row['model']} on {row['n']}" for row in table.iter_rows(named=True) if row["n"] < most]
    if not fewer:
        return []
    sentence = (
        f"Scored on fewer than {most} patients, those for whom the model says something: {listing(fewer, 12)}. "
        "Rows with different patients are not compared by eye: `compare` takes the patients that both score."
    )
    return [sentence]
