"""Could the whole procedure have found this in noise: everything refitted on outcomes dealt to other patients.

Outcomes (time and event together, or the response) are dealt anew among the patients, which cuts every tie to what was
measured and leaves all else: features, missingness, follow-up, the number of events. Folds, tuning, fits and score are
repeated from the start, so that a leak anywhere in them shows as a null distribution that is itself too good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.compute.tasks import map_tasks
from hybridx.errors import HybridxError, InputError, SettingsError
from hybridx.evaluate.baselines import Model
from hybridx.evaluate.designs import Design, NestedCV, Split
from hybridx.evaluate.designs_centres import centres_of
from hybridx.evaluate.folds import FoldTask, run_fold
from hybridx.evaluate.frames import panel_of_folds
from hybridx.evaluate.horizon import times_of
from hybridx.evaluate.identity import code_version, digest
from hybridx.evaluate.metric import Metric, Moment
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.plan import models_to_run
from hybridx.evaluate.registry import metric_named, metrics_of
from hybridx.fusion.image_need import wants_images

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["PermutationTest", "permutation_test"]

WITHIN = ("", "centre")


@dataclass(frozen=True, eq=False, repr=False)
class PermutationTest:
    """What a procedure reaches, and what it reaches when there is nothing to find.

    Parameters
    ----------
    metric : Metric
    observed : float
    null : array of float, shape (permutations,)
        NaN where the procedure failed on dealt outcomes.
    within : str
        ``centre`` if outcomes stayed within their centre, else empty.
    title : str
    """

    metric: Metric
    observed: float
    null: FloatArray
    within: str
    title: str

    @property
    def p_value(self) -> float:
        """Share of (permutations + 1) at least as good as observed, the observed one among them.

        A permutation in which the procedure failed counts as at least as good.

        Source
        ------
        Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010. doi:10.2202/1544-6115.1585
        """
        return float((1 + np.sum(self._as_good())) / (len(self.null) + 1))

    def _as_good(self) -> npt.NDArray[np.bool_]:
        worse = self.null < self.observed if self.metric.best == "high" else self.null > self.observed
        return np.asarray(~worse)  # NaN is not worse

    @property
    def failed(self) -> int:
        """Permutations in which the procedure gave no score."""
        return int(np.isnan(self.null).sum())

    def figure(self) -> go.Figure:
        """Draw the null distribution and the observed value."""
        import plotly.graph_objects as go  # noqa: PLC0415 - plotly on demand

        figure = go.Figure(go.Histogram(x=self.null, marker={"color": "#767676"}, name="outcomes dealt anew"))
        figure.add_vline(x=self.observed, line={"color": "#0072B2", "width": 3}, annotation_text="observed")
        figure.update_layout(
            template="plotly_white",
            title={"text": f"{self.title}: p = {self.p_value:.3g}"},
            xaxis={"title": self.metric.title},
            yaxis={"title": f"of {len(self.null)} permutations"},
        )
        return figure

    def __repr__(self) -> str:
        there = self.null[~np.isnan(self.null)]
        low, high = np.quantile(there, [0.025, 0.975]) if len(there) else (np.nan, np.nan)
        lines = [
            f"PermutationTest({self.title})",
            f"  observed {self.observed:.3f}; without any signal {low:.3f} to {high:.3f} (95 % of {len(there)})",
            f"  p = {self.p_value:.3g}" + (", outcomes dealt within centres" if self.within else ""),
        ]
        if self.failed:
            lines.append(f"  {self.failed} permutations failed and count as at least as good")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Deal:
    """One run of the procedure on dealt outcomes."""

    table: pl.DataFrame
    patients: tuple[str, ...]
    outcome: Outcome
    splits: list[Split]
    model: Model
    metric: Metric
    moment: Moment
    times: FloatArray

    def whole(self) -> tuple[Any, ...]:
        """Return what decides the value, for its name in a checkpoint."""
        splits = [(s.repeat, s.fold, s.train, s.test) for s in self.splits]
        return self.table, self.outcome, splits, self.model, self.metric.name, self.moment, self.times


def permutation_test(
    model: Any,
    cohort: Cohort,
    endpoint: str,
    design: Design | None = None,
    *,
    permutations: int = 200,
    metric: str | None = None,
    within: str = "",
    seed: int = 0,
    workers: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> PermutationTest:
    """Test whether a procedure, tuning and all, finds more than it finds in noise.

    The whole validation is run ``permutations + 1`` times. A small p-value says that features and outcome are tied
    somehow, clinical facts included; it does not say that the score is high, nor which modality it comes from.

    Parameters
    ----------
    model : estimator
        Unfitted.
    cohort : Cohort
    endpoint : str
    design : Design, optional
        Default ``NestedCV(folds=5, repeats=1)``: a repeat more doubles the time and says little more.
    permutations : int
        20 or more; the smallest p-value is ``1 / (permutations + 1)``.
    metric : str, optional
        Default the headline metric; one that is best high or low.
    within : {"", "centre"}
        Deal outcomes within centres only: then a model that merely recognises centres with other outcomes finds
        nothing. Patients without a recorded centre make one group.
    seed : int
        Same seed, same deals.
    workers, progress
        As in `evaluate`.
    checkpoint : path, optional
        Folder that keeps each finished permutation, so that a killed run goes on from there.

    Raises
    ------
    SettingsError
        Too few permutations, a metric that is best at 1 or 0, an unknown `within`.
    InputError
        The cohort has no column `centre` and `within` asks for it.
    NotEnoughDataError
        Too few patients or events for the design.
    HybridxError
        The procedure gives no score for the outcomes as they are.

    Examples
    --------
    >>> hx.evaluate.permutation_test(hx.fusion.KernelFusion(), cohort, "OS")  # doctest: +SKIP
    """
    cohort = cohort.at(cohort.landmark_day) if cohort.measured_after(cohort.landmark_day) else cohort
    y = cohort.outcomes(endpoint)
    asked = metrics_of(y.kind)[0] if metric is None else metric_named(metric, y.kind)
    groups = _groups(cohort, permutations, asked, within)
    moment, times, _ = times_of(y[y.known])
    (entry,), _ = models_to_run({"model": model}, cohort, y.kind, baselines=False)
    design = NestedCV(repeats=1) if design is None else design
    table = cohort.frame(images=wants_images(model))
    deals = []
    for k in range(permutations + 1):
        dealt = y if k == 0 else _dealt(y, cohort, groups, (seed, k))
        splits = [split for split in design.splits(cohort, dealt) if len(split.test)]
        deals.append(_Deal(table, tuple(cohort.patients), dealt, splits, entry, asked, moment, times))
    done = map_tasks(
        _score,
        deals,
        workers=workers,
        checkpoint=checkpoint,
        keys=None if checkpoint is None else [digest("deal", code_version(), deal.whole()) for deal in deals],
        description=f"Permutation test of {endpoint}",
        progress=progress,
    )
    values = np.array([np.nan if not task.ok or task.value is None else task.value for task in done])
    if np.isnan(values[0]):
        reason = f": {done[0].error}" if not done[0].ok else "."
        msg = f"The procedure gives no {asked.title} for {endpoint}{reason} See `evaluate` for its notes."
        raise HybridxError(msg)
    return PermutationTest(asked, float(values[0]), values[1:], within, f"{endpoint}: {asked.title}")


def _groups(cohort: Cohort, permutations: int, metric: Metric, within: str) -> npt.NDArray[Any]:
    """Return the group of each patient among whom outcomes are dealt, after checking what was asked."""
    if isinstance(permutations, bool) or not isinstance(permutations, int) or permutations < 20:
        msg = f"permutations={permutations!r}: wanted a whole number >= 20; 20 allow a p-value of 0.048 at best."
        raise SettingsError(msg)
    if metric.best not in ("high", "low"):
        msg = f"metric={metric.name!r} is best at {metric.best}: a test needs one that is best high or low."
        raise SettingsError(msg)
    if within not in WITHIN:
        msg = f"within={within!r}: wanted 'centre', or '' to deal among all patients."
        raise SettingsError(msg)
    if not within:
        return np.zeros(len(cohort.patients))
    centres = centres_of(cohort)
    if all(centre is None for centre in centres):
        msg = "within='centre': the cohort does not say where patients were treated (no column 'centre')."
        raise InputError(msg)
    return np.array(["" if centre is None else centre for centre in centres])


def _dealt(y: Outcome, cohort: Cohort, groups: npt.NDArray[Any], seed: tuple[int, int]) -> Outcome:
    """Return the outcome with known rows dealt anew within groups, by identifier: the order of rows does not count."""
    rng = np.random.default_rng(seed)
    order = np.argsort(np.asarray(cohort.patients, dtype=object), kind="stable")
    source = np.arange(len(y))
    for group in np.unique(groups):
        rows = order[(groups[order] == group) & y.known[order]]
        source[rows] = rows[rng.permutation(len(rows))]
    return y[source]


def _score(deal: _Deal) -> float | None:
    """Run all folds on one deal and return the score; None where there is none (JSON knows no NaN)."""
    y, empty = deal.outcome, deal.table.head(0)
    task = FoldTask(0, 0, empty, y, empty, (deal.model,), y.kind, deal.times, "")
    results = [
        run_fold(
            replace(
                task,
                repeat=split.repeat,
                fold=split.fold,
                X_train=deal.table[split.train],
                y_train=y[split.train],
                X_test=deal.table[split.test],
            )
        )
        for split in deal.splits
    ]
    panel = panel_of_folds(deal.patients, y, deal.splits, results, name=deal.model.name, times=deal.times)
    panel = panel.rows(panel.predicted)
    lacks_curve = deal.metric.eats == "survival" and panel.survival is None
    if panel.n == 0 or lacks_curve:
        return None
    value = float(deal.metric.values(panel, np.ones((1, panel.n)), deal.moment)[0])
    return None if np.isnan(value) else value
