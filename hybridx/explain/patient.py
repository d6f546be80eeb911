"""One patient's explanation, as a table and as figures."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from plotly.graph_objects import Figure

from hybridx.explain import figures

__all__ = ["PatientExplanation"]


@dataclass(frozen=True, eq=False)
class PatientExplanation:
    """What drove one patient's prediction.

    Parameters
    ----------
    patient_id : str
        Who.
    features : polars.DataFrame
        `feature`, `modality`, `value` (own unit, null where missing), `unit`, `contribution` (on `scale`).
    modalities : polars.DataFrame
        `modality`, `contribution`; 0 where it was not measured.
    base, prediction : float
        Average patient with the same modalities, and this patient.
    scale : str
        "log-hazard", "log-mortality" or "log-odds".
    """

    patient_id: str
    features: pl.DataFrame
    modalities: pl.DataFrame
    base: float
    prediction: float
    scale: str

    def table(self, top: int | None = None) -> pl.DataFrame:
        """Return the features by size of contribution, largest first.

        Parameters
        ----------
        top : int or None
            How many rows; the rest is summed in a last row, so that the column still adds up. None gives all.
        """
        size = pl.col("contribution").abs()
        ordered = self.features.sort(size, pl.col("feature"), descending=[True, False], nulls_last=True)
        if top is None or ordered.height <= top + 1:
            return ordered
        rest = ordered.slice(top)
        last = pl.DataFrame(
            {
                "feature": [f"{rest.height} other features"],
                "modality": [""],
                "value": [None],
                "unit": [""],
                "contribution": [rest["contribution"].sum()],
            },
            schema=ordered.schema,
        )
        return pl.concat([ordered.head(top), last])

    def modality_table(self) -> pl.DataFrame:
        """Return the modalities by size of contribution, largest first."""
        return self.modalities.sort(pl.col("contribution").abs(), descending=True, nulls_last=True)

    def plot(self, top: int = 10) -> Figure:
        """Return a waterfall from the average patient to this one, over the `top` features and the rest."""
        return figures.waterfall(self.table(top), self.base, self.prediction, self.scale)

    def plot_modalities(self) -> Figure:
        """Return one bar per modality."""
        return figures.modality_bars(self.modality_table(), self.scale)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name} {value:+.2f}" for name, value in self.modality_table().iter_rows() if value is not None
        )
        base, total = round(self.base, 2) + 0.0, round(self.prediction, 2) + 0.0  # + 0.0: never "-0.00"
        return f"PatientExplanation({self.patient_id!r}: {base:.2f} {parts} = {total:.2f}, {self.scale})"
