r"""Interactions between modalities: how far the effect of one depends on the values of the other, pair by pair.

The Shapley interaction index of modalities i and j of a patient who has the modalities M, m of them, is

.. math:: I_{ij} = \sum_{S \subseteq M \setminus \{i, j\}} \frac{|S|!\,(m - |S| - 2)!}{(m - 1)!}
   \,[v(S \cup ij) - v(S \cup i) - v(S \cup j) + v(S)],

over all coalitions, with v(S) as in `hybridx.explain.coalitions`: the mean prediction with the modalities outside S
taken from background patients. It is on the scale of the model's linear predictor; a model that adds its modalities up
on that scale has interactions of exactly 0, although they multiply hazards or odds.

Source
------
Grabisch & Roubens 1999, doi:10.1007/s001820050125. Checked against the definition written out by hand to 1e-12, and
against its closed form for a product of two modalities.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import to_frame
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.coalitions import Case, worth_of_coalitions
from hybridx.explain.fillings import as_the_model_sees
from hybridx.explain.interval_bars import interval_bars
from hybridx.explain.synthetic import Substitution
from hybridx.explain.tabled import TabledFigure
from hybridx.fusion import FusionModel

__all__ = ["Interactions", "interaction_values", "modality_interactions"]

ROUNDING = 1e-12  # an additive model has no interactions; what arithmetic leaves of them is not shown

FloatArray = npt.NDArray[np.float64]

_MOST = 8  # modalities of one patient: 256 coalitions


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions of each pair of modalities in each patient.

    Parameters
    ----------
    patients : polars.DataFrame
        `patient_id`, `first`, `second`, `interaction`: a row for each pair that the patient has.
    rows : polars.DataFrame
        `first`, `second`, `mean_abs`, `low`, `high` (percentiles of resampled patients, the model held fixed), `share`
        of the standard deviation of predictions, `n` patients who have both; largest first.
    confidence : float
        Nominal coverage of the intervals.
    """

    patients: pl.DataFrame
    rows: pl.DataFrame
    confidence: float

    def table(self) -> pl.DataFrame:
        """Return one row per pair."""
        return self.rows

    def plot(self) -> TabledFigure:
        """Return a bar per pair with its interval."""
        pairs = [
            f"{first} with {second}" for first, second in self.rows.select("first", "second").iter_rows()
        ]
        axis = f"mean size of interaction, on the model's own scale ({100 * self.confidence:g} % interval)"
        return interval_bars(pairs, self.rows, "mean_abs", axis, "the spread of predictions")

    def __repr__(self) -> str:
        pairs = "; ".join(
            f"{a} with {b} {size if size > ROUNDING else 0.0:.2g}"
            for a, b, size in self.rows.select("first", "second", "mean_abs").iter_rows()
        )
        return f"Interactions({pairs or 'no patient has two modalities'})"


def interaction_values(worth: dict[int, FloatArray], k: int) -> dict[tuple[int, int], FloatArray]:
    """Return the Shapley interaction index of each pair of k players, from v(S) of all coalitions as bit masks."""
    found = {}
    for i, j in combinations(range(k), 2):
        total = np.zeros_like(worth[0])
        for mask in range(2**k):
            if mask >> i & 1 or mask >> j & 1:
                continue
            size = mask.bit_count()
            weight = factorial(size) * factorial(k - size - 2) / factorial(k - 1)
            both, one, other = mask | 1 << i | 1 << j, mask | 1 << i, mask | 1 << j
            total = total + weight * (worth[both] - worth[one] - worth[other] + worth[mask])
        found[i, j] = total
    return found


def modality_interactions(
    model: Any, X_new: Any, background: Any = None, *, confidence: float = 0.95, resamples: int = 1000
) -> Interactions:
    """Say for each pair of modalities how far the effect of one depends on the other, exactly over all coalitions.

    Parameters
    ----------
    model : fitted fusion model, or a `PreparedModel` around one
    X_new : polars or pandas table, n rows
        Patients.
    background : polars or pandas table or None
        Patients that modalities are replaced from, as a rule the training patients; None takes `X_new`.
    confidence, resamples : float, int
        Of the intervals over patients.

    Raises
    ------
    ExplanationError
        The model is no fusion model, or a patient has more than 8 of its modalities.
    InputError
        The background has no rows.
    """
    frame = to_frame(X_new)
    reference = frame if background is None else to_frame(background)
    if not reference.height:
        msg = "The background has no rows: pass the training patients."
        raise InputError(msg)
    reference = as_the_model_sees(model, reference)[1]
    model, frame = as_the_model_sees(model, frame)
    if not isinstance(model, FusionModel):
        msg = f"Interactions between modalities are those of a fusion model, got {type(model).__name__}."
        raise ExplanationError(msg)
    check_is_fitted(model, "tuned_")
    measured = model.measured(frame)
    most = int(measured.sum(axis=1).max(initial=0))
    if most > _MOST:
        msg = f"A patient has {most} of the model's modalities; all coalitions are formed of up to {_MOST}."
        raise ExplanationError(msg)
    prediction = model.linear_predictor(frame)
    made, blocks = Substitution(model, frame, reference), []
    ids = np.array(
        frame["patient_id"].cast(pl.String).to_list()
        if "patient_id" in frame.columns
        else [f"row {i}" for i in range(frame.height)]
    )
    for pattern in np.unique(measured[measured.sum(axis=1) > 1], axis=0):
        rows, present = np.flatnonzero((measured == pattern).all(axis=1)), np.flatnonzero(pattern)
        case = Case(made, rows, pattern, made.background(pattern, rows))
        worth = worth_of_coalitions(case, prediction[rows], range(2 ** len(present)))
        for (i, j), values in interaction_values(worth, len(present)).items():
            first, second = model.modalities_[present[i]], model.modalities_[present[j]]
            blocks.append(
                pl.DataFrame(
                    {"patient_id": ids[rows], "first": first, "second": second, "interaction": values}
                )
            )
    empty = pl.DataFrame(
        schema={"patient_id": pl.String, "first": pl.String, "second": pl.String, "interaction": pl.Float64}
    )
    table = pl.concat(blocks) if blocks else empty
    spread = float(np.nanstd(prediction)) if (~np.isnan(prediction)).sum() > 1 else float("nan")
    return Interactions(table, _summary(table, spread, confidence, resamples), confidence)


def _summary(table: pl.DataFrame, spread: float, confidence: float, resamples: int) -> pl.DataFrame:
    rows = []
    for (first, second), part in table.group_by("first", "second", maintain_order=True):
        size = np.abs(part["interaction"].to_numpy())
        drawn = np.random.default_rng(0).multinomial(
            len(size), np.full(len(size), 1.0 / len(size)), size=resamples
        )
        low, high = np.quantile(drawn @ size / len(size), [0.5 - confidence / 2, 0.5 + confidence / 2])
        share = size.mean() / spread if spread > 0 else float("nan")
        rows.append((first, second, size.mean(), low, high, share, len(size)))
    names: dict[str, Any] = {"first": pl.String, "second": pl.String}
    names |= dict.fromkeys(("mean_abs", "low", "high", "share"), pl.Float64) | {"n": pl.Int64}
    return pl.DataFrame(rows, schema=names, orient="row").sort(
        "mean_abs", "first", "second", descending=[True, False, False]
    )
