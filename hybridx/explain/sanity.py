r"""Sanity: an explanation that shuffled outcomes give as well says nothing about the outcome.

Patients are split into halves, a model is fitted on each, and both explain all patients. Their agreement is the cosine
between the two tables of contributions (patients x features). The same is done after outcomes were shuffled among the
patients, K times. If outcomes had nothing to do with the explanation, the real agreement would be one among K + 1 that
are alike, so that

.. math:: p = \frac{1 + \#\{k : T_k \ge T_0\}}{K + 1}

is a valid p-value whatever the model. Beside it stands how much the real explanation looks like those of shuffled
outcomes: by contributions (0: not at all) and by the order of importances, in which methods that only show where values
vary most come out near 1.

Source
------
Adebayo et al. 2018, Sanity checks for saliency maps (data randomisation), arXiv:1810.03292; the p-value: Phipson &
Smyth 2010, doi:10.2202/1544-6115.1585. Halves and cosine are ours; how often
the test passes with and without signal: `benchmarks/sanity_size.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from hybridx.cohort.columns import to_frame, to_matrix
from hybridx.cohort.outcome import as_outcome
from hybridx.errors import SettingsError
from hybridx.explain.figures import RAISES, TOTAL
from hybridx.explain.stability import fit_and_explain, halves, rank_correlation
from hybridx.explain.tabled import TabledFigure

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["Sanity", "sanity_test"]

FloatArray = npt.NDArray[np.float64]

_LEVEL = 0.05


@dataclass(frozen=True, eq=False)
class Sanity:
    """Whether explanations follow the outcome.

    Parameters
    ----------
    agreement : float
        Cosine between the contributions told by models of two halves, outcomes as they are; mean over splits.
    shuffled : array of float, shape (K,)
        The same with outcomes shuffled.
    p : float
        Chance of an agreement this large if explanations had nothing to do with outcomes.
    likeness : float
        Mean cosine between the real explanation and those of shuffled outcomes; near 0 where it follows the outcome.
    rank_likeness : float
        Mean Spearman correlation of their importances.
    """

    agreement: float
    shuffled: FloatArray
    p: float
    likeness: float
    rank_likeness: float

    @property
    def passed(self) -> bool:
        """Whether the explanation repeats itself more than explanations of shuffled outcomes do (p <= 0.05)."""
        return self.p <= _LEVEL

    def table(self) -> pl.DataFrame:
        """Return the agreement with real and with shuffled outcomes."""
        names = ["as they are", *(f"shuffled {k + 1}" for k in range(len(self.shuffled)))]
        return pl.DataFrame({"outcomes": names, "agreement": [self.agreement, *self.shuffled.tolist()]})

    def plot(self) -> TabledFigure:
        """Return the agreement with real outcomes beside those with shuffled ones."""
        figure = go.Figure(
            go.Histogram(x=self.shuffled.tolist(), nbinsx=20, marker={"color": TOTAL, "opacity": 0.6})
        )
        figure.add_vline(
            x=self.agreement,
            line={"color": RAISES, "width": 3},
            annotation_text=f"outcomes as they are, p = {self.p:.3f}",
        )
        figure.update_layout(template="plotly_white", height=320, margin={"l": 10, "r": 20, "t": 40, "b": 50})
        figure.update_xaxes(title="agreement of two halves (cosine of contributions), outcomes shuffled")
        figure.update_yaxes(title="shuffles")
        return TabledFigure(figure, table=self.table())

    def __repr__(self) -> str:
        verdict = (
            "follows the outcome"
            if self.passed
            else "is not told apart from one of shuffled outcomes: do not read it"
        )
        return (
            f"Sanity(the explanation {verdict}: halves agree by {self.agreement:.2f}, with shuffled outcomes by "
            f"{float(np.median(self.shuffled)):.2f} (median of {len(self.shuffled)}); p = {self.p:.3f})"
        )


def sanity_test(
    model: Any, X: Any, y: Any, *, shuffles: int = 19, splits: int = 1, level: str = "feature", seed: int = 0
) -> Sanity:
    """Test whether explanations of a model follow the outcome, against models of shuffled outcomes.

    Parameters
    ----------
    model : estimator of `hybridx.models` or `hybridx.fusion`
        A clone is fitted 2 x `splits` x (`shuffles` + 1) times, tuning included, each time on half of the patients.
    X, y : table, Outcome
        All patients.
    shuffles : int
        19 or more, without which p cannot fall to 0.05.
    splits : int
        Random splits into halves that the agreement is averaged over; more of them cost time and gain power.
    level : {"feature", "modality"}
        What is compared.
    seed : int

    Raises
    ------
    SettingsError
        Fewer than 19 shuffles, or no split.
    NotEnoughDataError
        A model cannot be fitted on half of the patients.
    """
    if shuffles < 19 or splits < 1:
        msg = f"shuffles={shuffles!r}, splits={splits!r}: wanted 19 shuffles or more, and a split."
        raise SettingsError(msg)
    if level not in ("feature", "modality"):
        msg = f"level={level!r}: wanted 'feature' or 'modality'."
        raise SettingsError(msg)
    frame, outcome = to_frame(X), as_outcome(y)
    parts, rng = halves(frame, splits, seed), np.random.default_rng([seed, 1])
    orders = [np.arange(frame.height), *(rng.permutation(frame.height) for _ in range(shuffles))]
    agreements, told = np.zeros(len(orders)), []
    for k, order in enumerate(orders):
        mixed = outcome[order]
        tables = [
            [_table(fit_and_explain(model, frame, mixed, rows), level) for rows in pair] for pair in parts
        ]
        agreements[k] = np.mean([_cosine(a, b) for a, b in tables])
        told.append(tables[0][0])
    p = (1 + int((agreements[1:] >= agreements[0] - 1e-12).sum())) / (shuffles + 1)
    likeness = float(np.mean([abs(_cosine(told[0], other)) for other in told[1:]]))
    ranks = float(np.mean([_ranked_alike(told[0], other) for other in told[1:]]))
    return Sanity(float(agreements[0]), agreements[1:], p, likeness, ranks)


Told = dict[str, FloatArray]


def _table(why: Explanation, level: str) -> Told:
    table = why.features if level == "feature" else why.modalities
    names = table.columns[1:]
    matrix = np.nan_to_num(to_matrix(table, names))
    return {name: matrix[:, i] for i, name in enumerate(names)}


def _cosine(a: Told, b: Told) -> float:
    """Return the cosine between two tables of contributions, 0 where one of them moves nobody."""
    product = sum(float(a[name] @ b[name]) for name in a.keys() & b.keys())
    size = np.sqrt(sum(float(v @ v) for v in a.values()) * sum(float(v @ v) for v in b.values()))
    return float(product / size) if size > 1e-12 else 0.0


def _ranked_alike(a: Told, b: Told) -> float:
    names = sorted(a.keys() | b.keys())
    one, other = ([float(np.abs(t[n]).mean()) if n in t else 0.0 for n in names] for t in (a, b))
    return rank_correlation(np.array(one), np.array(other))
