"""Patients alike for the model: whose predictions were made of the same contributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from hybridx.cohort.columns import to_matrix
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, SettingsError
from hybridx.explain.figures import RAISES, TOTAL
from hybridx.explain.tabled import TabledFigure
from hybridx.terms.text import check_name

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["Similar", "similar_to"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Similar:
    """The nearest patients by explanation.

    Two patients with the same risk can be far apart here: one by tumour volume, the other by age. Near ones were told
    the same for the same reasons, by this model; that does not make them alike in anything that it does not read.

    Parameters
    ----------
    patient_id : str
        Whose neighbours they are.
    rows : polars.DataFrame
        `patient_id`, `distance` (root of the summed squared differences of contributions, on `scale`), `closer_than`
        (share of all patients who lie further away), `prediction`, the contribution of each modality, and the outcome
        where it was given; nearest first.
    scale, level : str
    """

    patient_id: str
    rows: pl.DataFrame
    scale: str
    level: str

    def table(self) -> pl.DataFrame:
        """Return the rows. They name patients: show them to whoever treats them, and store them nowhere else."""
        return self.rows

    def plot(self) -> TabledFigure:
        """Return prediction against distance, without identifiers; filled where the event happened."""
        event = self.rows["event"].to_list() if "event" in self.rows.columns else [None] * self.rows.height
        figure = go.Figure(
            go.Scatter(
                x=self.rows["distance"].to_list(),
                y=self.rows["prediction"].to_list(),
                mode="markers",
                marker={
                    "size": 11,
                    "color": [RAISES if e else TOTAL for e in event],
                    "symbol": ["circle" if e else "circle-open" for e in event],
                },
                hovertemplate="distance %{x:.2f}, prediction %{y:.2f}<extra></extra>",
            )
        )
        figure.update_layout(template="plotly_white", height=340, margin={"l": 10, "r": 20, "t": 30, "b": 50})
        figure.update_xaxes(title=f"distance between explanations, {self.scale}", rangemode="tozero")
        figure.update_yaxes(title=f"prediction, {self.scale}")
        return TabledFigure(figure, table=self.rows.drop("patient_id"))

    def __repr__(self) -> str:
        return f"Similar({self.rows.height} patients nearest by {self.level}s, {self.scale})"


def similar_to(
    why: Explanation, patient_id: str, k: int = 5, *, level: str = "feature", outcomes: Any = None
) -> Similar:
    """Return the k patients whose contributions are most like one patient's.

    Parameters
    ----------
    why : Explanation
    patient_id : str
    k : int
        How many.
    level : {"feature", "modality"}
        What distances are taken over.
    outcomes : Outcome or polars.DataFrame, optional
        What became of them: an outcome in the order of the explanation's patients, or a table with `patient_id`.

    Raises
    ------
    InputError
        No such patient, one without a prediction, or outcomes of other patients.
    """
    check_name(level, ("feature", "modality"), "level")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        msg = f"k={k!r}: wanted a number of patients, 1 or more."
        raise SettingsError(msg)
    row = why.patients.index(why.patient(patient_id).patient_id)
    if np.isnan(why.prediction[row]):
        msg = f"{patient_id!r} has no prediction, and so no explanation to be near to."
        raise InputError(msg)
    table = why.features if level == "feature" else why.modalities
    told = to_matrix(table, table.columns[1:])
    distance = np.sqrt(((told - told[row]) ** 2).sum(axis=1))
    ids = np.array(why.patients)
    others = np.flatnonzero((ids != patient_id) & ~np.isnan(distance))
    nearest = others[np.argsort(distance[others], kind="stable")][:k]
    further = [(distance[others] > d).mean() for d in distance[nearest]]
    rows = pl.DataFrame(
        {
            "patient_id": ids[nearest],
            "distance": distance[nearest],
            "closer_than": further,
            "prediction": why.prediction[nearest],
        },
        schema_overrides={"patient_id": pl.String, "closer_than": pl.Float64},
    )
    rows = rows.hstack(why.modalities[nearest].drop("patient_id"))
    if outcomes is not None:
        known = _outcome_rows(why, outcomes)
        rows = rows.join(known.unique("patient_id", keep="first"), on="patient_id", how="left").sort(
            "distance", maintain_order=True
        )
    return Similar(patient_id, rows, why.scale, level)


def _outcome_rows(why: Explanation, outcomes: Any) -> pl.DataFrame:
    if isinstance(outcomes, pl.DataFrame):
        if "patient_id" not in outcomes.columns:
            msg = f"A table of outcomes needs 'patient_id', got the columns {outcomes.columns[:5]}."
            raise InputError(msg)
        return outcomes.with_columns(pl.col("patient_id").cast(pl.String))
    if not isinstance(outcomes, Outcome) or len(outcomes) != len(why):
        got = f"{len(outcomes)} rows" if isinstance(outcomes, Outcome) else type(outcomes).__name__
        msg = (
            f"outcomes: got {got}, wanted an Outcome of the {len(why)} explained patients in their order, or a table "
            "with 'patient_id'."
        )
        raise InputError(msg)
    found: dict[str, Any] = {"patient_id": why.patients}
    if outcomes.kind == "survival":
        found |= {"time_days": outcomes.time_days, "event": outcomes.event}
    elif outcomes.kind == "ordinal":
        levels = [None if np.isnan(v) else outcomes.levels[int(v)] for v in outcomes.value]
        found |= {"outcome": pl.Series(levels, dtype=pl.String)}
    else:
        found |= {"outcome": outcomes.value}
    return pl.DataFrame(found).with_columns(pl.selectors.float().fill_nan(None))
