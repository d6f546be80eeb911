"""Which fusion strategy the numbers of patients, events and features can carry, and why."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import polars as pl

from hybridx.cohort import Cohort, Outcome, as_outcome
from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in, to_frame
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.fusion.base import FusionModel
from hybridx.fusion.kernel import KernelFusion
from hybridx.terms.sample_size import RESTS, events_for_features, events_word

__all__ = ["Recommendation", "recommend"]

# Two events in each of five folds, and enough patients that a fold is not a handful.
MIN_EVENTS, MIN_PATIENTS = 10, 30


@dataclass(frozen=True)
class _Rule:
    """From how many events (or patients of the rarer class) a strategy can be carried, and what speaks for it."""

    name: str
    events: int
    reason: str


# The numbers come from `benchmarks/yardstick.py` and `benchmarks/real_cohorts.py`; they are sizes, not borders.
RULES = (
    _Rule(
        "KernelFusion",
        MIN_EVENTS,
        "additive effects of all features, each modality shrunk as far as the evidence asks; few events keep it near "
        "the clinical model",
    ),
    _Rule(
        "EarlyFusion",
        MIN_EVENTS,
        "one penalty for all: good when features are few, drowned when they are many",
    ),
    _Rule(
        "LateFusion",
        30,
        "one model per modality: plain, robust, each part can be looked at; weak parts stay silent",
    ),
    _Rule(
        "BlockPenalizedFusion",
        100,
        "a penalty per modality chosen on held-out patients, which takes many of them",
    ),
    _Rule(
        "ConsensusFusion", 60, "dense and sparse effects and trees together: no single kind wins everywhere"
    ),
    _Rule(
        "GatedFusion",
        300,
        "a network: for interactions between modalities, if there are patients to show them",
    ),
)
_IMAGES = _Rule(
    "ImageFusion", 50, "learns from the voxels: for what radiomics do not measure, and only if it is strong"
)


@dataclass(frozen=True)
class Recommendation:
    """A strategy for one cohort and endpoint.

    Attributes
    ----------
    name : str
        Its class. So far it is always `KernelFusion`: on no cohort or size tried did another win reliably.
    model : FusionModel
        Unfitted, with its default settings.
    reasons : tuple of str
        Sentences, the most important one first.
    table : polars.DataFrame
        Every strategy: events it needs, whether the cohort carries it, what speaks for it.
    """

    name: str
    model: FusionModel
    reasons: tuple[str, ...]
    table: pl.DataFrame

    def __repr__(self) -> str:
        width = max(len(name) for name in self.table["strategy"])
        lines = [f"Recommended: {self.name}", *(f"  {reason}" for reason in self.reasons), ""]
        for row in self.table.iter_rows(named=True):
            carried = "carried    " if row["carried"] else "not carried"
            lines.append(
                f"{row['strategy']:<{width}}  {carried}  from {row['events_needed']:>3} events: {row['reason']}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        head = "<tr><th>strategy</th><th>carried</th><th>events needed</th><th>why</th></tr>"
        body = "".join(
            f"<tr><td>{escape(r['strategy'])}</td><td>{'yes' if r['carried'] else 'no'}</td>"
            f"<td>{r['events_needed']}</td><td>{escape(r['reason'])}</td></tr>"
            for r in self.table.iter_rows(named=True)
        )
        return (
            f"<p>Recommended: <b>{escape(self.name)}</b></p><ul>{reasons}</ul>"
            f"<table style='text-align:left'>{head}{body}</table>"
        )


def recommend(data: Cohort | tuple[Any, Any], endpoint: str | None = None) -> Recommendation:
    """Recommend a fusion strategy from the numbers of patients, events and features alone.

    No outcome is related to any feature here, so the advice cannot leak into a validation that follows.

    Parameters
    ----------
    data : Cohort, or (table, Outcome)
        Whom the model would be fitted on.
    endpoint : str or None
        Of the cohort; not with a table, whose Outcome says it.

    Raises
    ------
    NotEnoughDataError
        Fewer than 10 events (patients of the rarer class, for a response) or 30 patients: no fusion model can be
        validated on them. The message says what can be done instead.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from hybridx.cohort import Outcome
    >>> X = pl.DataFrame({"clinical.age": np.linspace(40, 80, 50), "pet.suv_max": np.linspace(9, 2, 50)})
    >>> recommend((X, Outcome.survival(np.arange(1, 51), np.arange(50) % 2 == 0))).name
    'KernelFusion'
    """
    X, y = _table(data, endpoint)
    if y.kind not in ("survival", "response"):
        msg = f"Fusion models are for survival and response; {y.endpoint!r} is a {y.kind} outcome."
        raise InputError(msg)
    known = np.flatnonzero(y.known)
    X, y = X[known], y[known]
    rare = y.n_events if y.kind == "survival" else min(y.n_events, len(y) - y.n_events)
    what = events_word(y.kind)
    if rare < MIN_EVENTS or len(y) < MIN_PATIENTS:
        msg = (
            f"{len(y)} patients with {rare} {what} for {y.endpoint!r} carry no fusion model: with fewer than "
            f"{MIN_EVENTS} {what} or {MIN_PATIENTS} patients no score would tell it from chance. Describe the cohort "
            "(Kaplan-Meier, single facts fixed beforehand), apply a model locked elsewhere, or wait for more follow-up."
        )
        raise NotEnoughDataError(msg)
    rules = [*RULES, *([_IMAGES] if any(c.endswith(".image") for c in X.columns) else [])]
    table = pl.DataFrame(
        {
            "strategy": [rule.name for rule in rules],
            "carried": [rare >= rule.events for rule in rules],
            "events_needed": [rule.events for rule in rules],
            "reason": [rule.reason for rule in rules],
        }
    )
    model = KernelFusion(endpoint="survival" if y.kind == "survival" else "response")
    return Recommendation(type(model).__name__, model, tuple(_reasons(X, len(y), rare, y.kind)), table)


def _table(data: Cohort | tuple[Any, Any], endpoint: str | None) -> tuple[pl.DataFrame, Outcome]:
    if isinstance(data, Cohort):
        if endpoint is None:
            if len(data.endpoints) != 1:
                msg = f"Name the endpoint: the cohort has {', '.join(data.endpoints) or 'none'}."
                raise InputError(msg)
            endpoint = data.endpoints[0]
        return data.frame(), data.outcomes(endpoint)
    if not isinstance(data, tuple) or len(data) != 2:
        msg = f"recommend takes a Cohort, or a pair of table and Outcome, got {type(data).__name__}."
        raise InputError(msg)
    X, y = to_frame(data[0]), as_outcome(data[1])
    if X.height != len(y):
        msg = f"The table has {X.height} rows while the outcome has {len(y)}."
        raise InputError(msg)
    return X, y


def _reasons(X: pl.DataFrame, n: int, rare: int, kind: str) -> list[str]:
    modalities = modalities_in(X)
    if not modalities:
        msg = "The table has no feature column: features are numeric columns named '<modality>.<name>'."
        raise InputError(msg)
    p = len(feature_columns(X))
    told = f"{n} patients, {events_for_features(rare, p, kind)}, in {len(modalities)} modalities"
    if p > rare:
        told += ": all features can be kept only if they are shrunk, each modality by its own measure"
    reasons = [f"{told}. What is learnt {RESTS}." if p > rare else f"{told}."]
    measured = {m: int(measured_mask(X, m).sum()) for m in modalities}
    partial = [f"{m} ({k} of {n})" for m, k in measured.items() if k < n]
    if partial:
        reasons.append(
            f"Not everyone has {', '.join(partial[:5])}: patients without a modality still train the others and are "
            "predicted."
        )
    few = [f"{m} ({k})" for m, k in measured.items() if k < MIN_PATIENTS]
    if few:
        reasons.append(
            f"Hardly anyone has {', '.join(few[:5])}: expect nothing of it, and consider leaving it out."
        )
    if "clinical" not in modalities:
        reasons.append("There is no clinical block: nothing to show an added value against.")
    if rare < 50:
        reasons.append(
            f"{rare} {events_word(kind)} give wide intervals whatever the model: expect it near its clinical part."
        )
    return reasons
