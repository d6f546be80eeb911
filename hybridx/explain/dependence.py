"""Dependence: what a feature's value, in its own unit, adds to the prediction, patient by patient."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl
from scipy.stats import rankdata
from scipy.stats import t as student

from hybridx.errors import NotEnoughDataError
from hybridx.explain.figures import TOTAL
from hybridx.explain.tabled import TabledFigure
from hybridx.terms.estimate import Estimate
from hybridx.terms.text import check_name

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["Dependence", "dependence_of"]

FloatArray = npt.NDArray[np.float64]

_LEAST, _PER_BIN, _MOST_BINS = 5, 10, 10


@dataclass(frozen=True, eq=False)
class Dependence:
    """A feature's values against its contributions.

    Parameters
    ----------
    feature, unit, scale : str
    points : polars.DataFrame
        `patient_id`, `value` (null where missing), `contribution`, `fold` (null for one model), and `colour`, the value
        of another feature, where one was asked for. Patients without the modality are not among them.
    bins : polars.DataFrame
        `from`, `to` (values), `n`, `contribution` (mean), `low`, `high` (95 %, Student's t over the patients of the
        bin); ends and null values where the feature is missing.
    trend : Estimate
        Spearman's correlation of value and contribution: 1 or -1 is a monotone effect, its interval by resampling
        patients. Undefined for a feature that is constant or adds nothing.
    colour : str
        The other feature, or "".
    """

    feature: str
    unit: str
    scale: str
    points: pl.DataFrame
    bins: pl.DataFrame
    trend: Estimate
    colour: str = ""

    def table(self) -> pl.DataFrame:
        """Return the mean contribution over bins of the value."""
        return self.bins

    def plot(self) -> TabledFigure:
        """Return a dot per patient, and the mean of each bin with its interval; no identifiers."""
        known = self.points.drop_nulls("value")
        marker = {"size": 6, "color": TOTAL, "opacity": 0.5}
        if self.colour:
            marker = {
                "size": 6,
                "color": known["colour"].to_list(),
                "colorscale": "Cividis",
                "showscale": True,
                "colorbar": {"title": escape(self.colour)},
            }
        figure = go.Figure(
            go.Scatter(
                x=known["value"].to_list(),
                y=known["contribution"].to_list(),
                mode="markers",
                marker=marker,
                hovertemplate=f"%{{x:.4g}} {escape(self.unit)}<br>%{{y:+.3f}} {self.scale}<extra></extra>",
            )
        )
        bins = self.bins.drop_nulls("from")
        middle, mean = ((bins["from"] + bins["to"]) / 2).to_list(), bins["contribution"].to_numpy()
        figure.add_scatter(
            x=middle,
            y=mean.tolist(),
            mode="markers",
            marker={"symbol": "line-ew", "size": 16, "line": {"width": 3, "color": "#000000"}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (bins["high"].to_numpy() - mean).tolist(),
                "arrayminus": (mean - bins["low"].to_numpy()).tolist(),
                "color": "#000000",
            },
            hovertemplate="mean %{y:+.3f}<extra></extra>",
        )
        figure.add_hline(y=0, line={"color": TOTAL, "dash": "dot"})
        figure.update_layout(
            template="plotly_white",
            height=420,
            showlegend=False,
            margin={"l": 10, "r": 20, "t": 30, "b": 50},
            font={"size": 13},
        )
        unit = f", {escape(self.unit)}" if self.unit else ""
        figure.update_xaxes(title=f"{escape(self.feature)}{unit}", automargin=True)
        figure.update_yaxes(title=f"contribution, {self.scale}", automargin=True)
        return TabledFigure(figure, table=self.points.drop("patient_id"))

    def __repr__(self) -> str:
        return f"Dependence({self.feature!r}: {self.points.height} patients; rank correlation {self.trend})"


def dependence_of(why: Explanation, feature: str, colour: str | None = None) -> Dependence:
    """Return a feature's values against its contributions.

    Parameters
    ----------
    why : Explanation
    feature : str
        A column of it.
    colour : str, optional
        Another column, whose values colour the dots: where dots of one value spread, something else decides.

    Raises
    ------
    InputError
        No such column, with the nearest name.
    NotEnoughDataError
        Fewer than 5 patients have the modality.
    """
    for name in (feature, *([] if colour is None else [colour])):
        check_name(name, why.feature_names, "feature")
    measured = _has_modality(why, feature)
    if measured.sum() < _LEAST:
        msg = f"{int(measured.sum())} patients have the modality of {feature!r}; {_LEAST} or more are needed."
        raise NotEnoughDataError(msg)
    rows = np.flatnonzero(measured)
    points = pl.DataFrame(
        {
            "patient_id": why.features["patient_id"][rows],
            "value": why.values[feature][rows].cast(pl.Float64),
            "contribution": why.features[feature][rows],
            "fold": pl.Series([None] * len(rows) if why.folds is None else why.folds[rows], dtype=pl.Int64),
            **({} if colour is None else {"colour": why.values[colour][rows].cast(pl.Float64)}),
        }
    )
    known = points.drop_nulls("value")
    value, added = known["value"].to_numpy(), known["contribution"].to_numpy()
    missing = points.filter(pl.col("value").is_null())["contribution"].to_numpy()
    return Dependence(
        feature,
        why.units.get(feature, ""),
        why.scale,
        points,
        _bins(value, added, missing),
        _trend(value, added),
        colour or "",
    )


def _has_modality(why: Explanation, feature: str) -> npt.NDArray[np.bool_]:
    """Return who has anything of the feature's modality: what a patient lacks adds exactly 0 throughout."""
    of = feature.partition(".")[0] + "."
    names = [c for c in why.feature_names if c.startswith(of)]
    told = why.features.select(pl.any_horizontal(pl.col(c).fill_null(0.0) != 0 for c in names)).to_series()
    known = why.values.select(pl.any_horizontal(pl.col(c).is_not_null() for c in names)).to_series()
    return np.asarray((told | known).to_numpy() & ~np.isnan(why.prediction))


def _bins(value: FloatArray, added: FloatArray, missing: FloatArray) -> pl.DataFrame:
    levels = np.unique(value)
    count = int(np.clip(len(value) // _PER_BIN, 1, _MOST_BINS))
    if len(levels) <= _MOST_BINS:
        groups = [value == level for level in levels]
    else:
        edges = np.unique(np.quantile(value, np.linspace(0, 1, count + 1)))
        place = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, max(len(edges) - 2, 0))
        groups = [place == i for i in range(max(len(edges) - 1, 1))]
    rows = [(value[g].min(), value[g].max(), *_mean(added[g])) for g in groups if g.any()]
    if len(missing):
        rows.append((None, None, *_mean(missing)))
    schema = {"from": pl.Float64, "to": pl.Float64, "n": pl.Int64}
    schema |= dict.fromkeys(("contribution", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _mean(added: FloatArray) -> tuple[int, float, float | None, float | None]:
    n, mean = len(added), float(added.mean())
    if n < 2:
        return n, mean, None, None
    half = float(student.ppf(0.975, n - 1) * added.std(ddof=1) / np.sqrt(n))
    return n, mean, mean - half, mean + half


def _trend(value: FloatArray, added: FloatArray) -> Estimate:
    n = len(value)
    if n < _LEAST or np.ptp(value) == 0 or np.ptp(added) < 1e-12:
        return Estimate(float("nan"), n=n, method="the feature is constant, or adds nothing")
    found = float(np.corrcoef(rankdata(value), rankdata(added))[0, 1])
    rng, drawn = np.random.default_rng(0), []
    for _ in range(400):
        rows = rng.integers(0, n, n)
        if np.ptp(value[rows]) > 0 and np.ptp(added[rows]) > 0:
            drawn.append(np.corrcoef(rankdata(value[rows]), rankdata(added[rows]))[0, 1])
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    return Estimate(
        found, float(low), float(high), 0.95, n, None, "Spearman, percentiles of 400 resamples of patients"
    )
