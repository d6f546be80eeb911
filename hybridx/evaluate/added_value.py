r"""What each modality adds: the score of every coalition of modalities, and the differences that one modality makes.

Two answers, because there are two questions.

* **Increments**: coalition with the modality minus the same coalition without it, on the patients whom both predict.
  A patient with none of a coalition's modalities has no prediction from it and takes no part.
* **Average added value** (Shapley): the average of a modality's increments over all orders in which modalities could
  have been added. Here all patients count: who has none of a coalition's modalities is given the middle prediction of
  the fold, because the model knows nothing of them. The values of all modalities add up to the score of the whole minus
  that of knowing nothing.

All differences are computed in the same resamples of patients; intervals marked simultaneous, and adjusted p-values,
treat all increments of the table (or all averages) as one family. Like all intervals of a result they allow for what
another training cohort would change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.errors import InputError
from hybridx.evaluate.added_average import average_rows, has_modality
from hybridx.evaluate.coalitions import coalition_of
from hybridx.evaluate.compare import paired_difference
from hybridx.evaluate.max_t import stretched, together
from hybridx.evaluate.metric import Metric
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.registry import measure, metric_named
from hybridx.evaluate.training_noise import training_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from hybridx.evaluate.result import Result

__all__ = ["AddedValue", "added_value_of"]

Coalition = tuple[str, ...]
NOTHING = "(nothing)"
JOIN = " + "

_COALITIONS: dict[str, Any] = {
    "coalition": pl.String, "model": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "n": pl.Int64, "n_events": pl.Int64, "method": pl.String,
}  # fmt: skip
_INCREMENTS: dict[str, Any] = {
    "modality": pl.String, "added_to": pl.String, "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "low_simultaneous": pl.Float64, "high_simultaneous": pl.Float64, "p_adjusted": pl.Float64, "n": pl.Int64,
    "n_events": pl.Int64, "n_have_it": pl.Int64, "verdict": pl.String, "method": pl.String,
}  # fmt: skip
_AVERAGES: dict[str, Any] = {
    "modality": pl.String, "added": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "low_simultaneous": pl.Float64, "high_simultaneous": pl.Float64, "p_adjusted": pl.Float64, "n": pl.Int64,
    "n_have_it": pl.Int64, "method": pl.String,
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class AddedValue:
    """What each modality adds to a prediction.

    Parameters
    ----------
    metric : Metric
    coalitions : polars.DataFrame
        `coalition`, `model`, `value`, `low`, `high`, `n`, `n_events`, `method`: each coalition on its own patients.
    increments : polars.DataFrame
        `modality`, `added_to`, `difference` (with minus without), `low`, `high`, `low_simultaneous`,
        `high_simultaneous`, `p_adjusted`, `n` (patients whom both predict), `n_events`, `n_have_it`, `verdict` (by the
        simultaneous interval), `method`.
    averages : polars.DataFrame
        `modality`, `added` (Shapley average), intervals as above, `n`, `n_have_it`, `method`; null where not every
        coalition was fitted.
    title : str
    note : str
        What the figures cannot say.
    """

    metric: Metric
    coalitions: pl.DataFrame
    increments: pl.DataFrame
    averages: pl.DataFrame
    title: str
    note: str

    def figure(self) -> go.Figure:
        """Draw what each modality adds to what, with intervals."""
        from hybridx.evaluate.figures_modalities import added_value_figure  # noqa: PLC0415 - plotly on demand

        return added_value_figure(self)

    def __repr__(self) -> str:
        lines = [f"AddedValue({self.title})", f"  {self.metric.title} of each coalition"]
        lines += [
            f"    {self._short(row['coalition']):<36} {_interval(row, 'value')}  n = {row['n']}"
            for row in self.coalitions.iter_rows(named=True)
        ]
        lines.append("  added to all the others (simultaneous interval)")
        for row in self.increments.iter_rows(named=True):
            if self._short(row["added_to"]) == f"all but {row['modality']}":
                shown = {**row, "low": row["low_simultaneous"], "high": row["high_simultaneous"]}
                lines.append(f"    {row['modality']:<36} {_interval(shown, 'difference', sign='+')}")
        defined = self.averages.drop_nulls("added")
        if defined.height:
            lines.append("  added on average (simultaneous interval)")
        for row in defined.iter_rows(named=True):
            shown = {**row, "low": row["low_simultaneous"], "high": row["high_simultaneous"]}
            lines.append(f"    {row['modality']:<36} {_interval(shown, 'added', sign='+')}")
        return "\n".join([*lines, f"  - {self.note}"])

    def _short(self, coalition: str) -> str:
        """Name a coalition by what it lacks, where that is less to read."""
        everything = self.averages["modality"].to_list()
        inside = coalition.split(JOIN)
        lacking = [m for m in everything if m not in inside]
        if not lacking:
            return "all"
        return f"all but {lacking[0]}" if len(lacking) == 1 and len(inside) > 1 else coalition

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only where something is shown

        parts = (self.coalitions.drop("method"), self.averages.drop("method"))
        tables = "".join(part._repr_html_() for part in parts)
        return f"<div><p><b>{escape(self.title)}</b></p>{tables}<p>{escape(self.note)}</p></div>"


def _interval(row: dict[str, Any], column: str, sign: str = "") -> str:
    if row[column] is None:
        return "undefined"
    if row["low"] is None:
        return f"{row[column]:{sign}.3f} (no interval)"
    return f"{row[column]:{sign}.3f} ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"


def added_value_of(result: Result, metric: str, *, who_have_it: bool = False) -> AddedValue:
    """Return what each modality adds; see `Result.added_value`.

    Raises
    ------
    InputError
        The result holds no coalitions, or the metric is best at 1, so that "more" says nothing.
    """
    asked = metric_named(metric, result.kind)
    if not result.coalitions:
        msg = "The result holds no coalitions of modalities. Evaluate again with `evaluate(..., coalitions=True)`."
        raise InputError(msg)
    if asked.best not in ("high", "low"):
        msg = f"{metric!r} is best at {asked.best}, not high or low: a difference does not say what is added."
        raise InputError(msg)
    models = {coalition_of(name): name for name in result.coalitions}
    modalities = tuple(dict.fromkeys(m for found in models for m in found))
    models[modalities] = result.primary
    table = _coalition_table(result, asked, models)
    increments = _increments(result, asked, models, who_have_it=who_have_it)
    rows, n = average_rows(result, asked, models, modalities)
    averages = _frame(rows, _AVERAGES)
    better = "higher" if asked.best == "high" else "lower"
    among = " among the patients who have the modality" if who_have_it else ""
    note = (
        f"{asked.title}: {better} is better. Increments: patients whom both models predict{among}; {len(increments)} "
        f"differences as one family. Averages: {n} patients, who has none of a coalition's modalities gets the middle "
        "prediction of the fold."
    )
    title = f"{result.endpoint}: what each modality adds to {result.primary}, {asked.title}"
    return AddedValue(asked, table, increments, averages, title, note)


def _label(coalition: Coalition) -> str:
    return JOIN.join(coalition) if coalition else NOTHING


def _coalition_table(result: Result, metric: Metric, models: dict[Coalition, str]) -> pl.DataFrame:
    rows = []
    for coalition, name in models.items():
        e = result.estimate(name, metric.name)
        rows.append((_label(coalition), name, e.value, e.low, e.high, e.n, e.n_events, e.method))
    return _frame(rows, _COALITIONS)


def _increments(
    result: Result, metric: Metric, models: dict[Coalition, str], *, who_have_it: bool
) -> pl.DataFrame:
    resamples = result._resamples  # noqa: SLF001 - shared with every other difference of the result
    rows: list[list[Any]] = []
    values: list[float] = []
    draws: list[FloatArray] = []
    order = [(), *models]
    for modality in dict.fromkeys(m for found in models for m in found):
        has = has_modality(result, modality)
        for smaller in order:
            larger = next((c for c in models if set(c) == {*smaller, modality}), None)
            if modality in smaller or larger is None:
                continue
            first = result.panel(models[larger])
            if not smaller and np.isnan(metric.useless):
                continue  # knowing nothing has no score of its own here
            second = result.panel(models[smaller]) if smaller else None
            both = first.valid if second is None else first.valid & second.valid
            both = both & has if who_have_it else both
            mask = np.asarray(both.any(axis=0))
            a = first.where(both).rows(mask)
            b = None if second is None else second.where(both).rows(mask)
            if second is None:
                e = measure(metric, first.where(both), result.moment, resamples)
                found = (e.value - metric.useless, e.low - metric.useless, e.high - metric.useless, e.method)
            else:
                names = (models[larger], models[smaller])
                panels = (first.where(both), second.where(both))
                d = paired_difference(metric, panels, names, result.moment, resamples)
                found = (d.value, d.low, d.high, d.method)
            values.append(found[0])
            draws.append(_draws(result, metric, a, b, mask))
            rows.append(
                [
                    modality,
                    _label(smaller),
                    *found[:3],
                    a.n,
                    a.outcome.n_events,
                    int((has & mask).sum()),
                    found[3],
                ]
            )
    family = together(np.array(values), np.array(draws).T, result.level)
    ends = zip(family.low, family.high, family.p, strict=True)
    full = [
        (*row[:5], *three, *row[5:8], _verdict(three[0], three[1], metric), row[8])
        for row, three in zip(rows, ends, strict=True)
    ]
    return _frame(full, _INCREMENTS)


def _draws(
    result: Result, metric: Metric, a: Panel, b: Panel | None, mask: np.typing.NDArray[np.bool_]
) -> FloatArray:
    """Return a difference in each resample, (B,); NaN where the metric needs probabilities that are not there."""
    weights = result._resamples.counts[:, mask].astype(np.float64)  # noqa: SLF001 - as above
    missing = metric.eats == "survival" and (a.survival is None or (b is not None and b.survival is None))
    if missing or a.n == 0:
        return np.full(len(weights), np.nan)
    panels = [a] if b is None else [a, b]

    def difference(weights: FloatArray) -> FloatArray:
        less = metric.useless if b is None else metric.values(b, weights, result.moment)
        return np.asarray(metric.values(a, weights, result.moment) - less)

    return stretched(difference, weights, training_of(metric, panels, result.moment))


def _verdict(low: float, high: float, metric: Metric) -> str:
    if np.isnan(low) or low <= 0 <= high:
        return "not separated"
    return "better" if (low > 0) == (metric.best == "high") else "worse"


def _frame(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
