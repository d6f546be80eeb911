"""What models say each modality adds to the risk, held against what it truly adds in a synthetic cohort."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import plotly.graph_objects as go
import polars as pl

__all__ = ["figure_recovered", "recovered"]

_TRUTH = "truth"
_FEWEST = 3  # patients; two points always lie on a line
# Okabe M, Ito K. Color Universal Design (2008); the truth is black.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

_SCHEMA = {
    "model": pl.String,
    "modality": pl.String,
    "patients": pl.Int64,
    "true_spread": pl.Float64,
    "told_spread": pl.Float64,
    "correlation": pl.Float64,
}


def recovered(
    shares: pl.DataFrame, measured: pl.DataFrame, contributions: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return one row per model and modality: the true and the told spread between patients, and how well they agree.

    Parameters
    ----------
    shares : polars.DataFrame
        `patient_id` and each modality's true share of the log-hazard (log-odds).
    measured : polars.DataFrame
        `patient_id` and one flag per modality; a patient without it does not count for it.
    contributions : mapping of model name to polars.DataFrame
        `patient_id` and one column per modality, on the same scale.

    Returns
    -------
    polars.DataFrame
        `model`, `modality`, `patients`, `true_spread`, `told_spread` (standard deviations between patients; a modality
        that the truth does not know has a true spread of 0), `correlation` (Pearson's; null where either is constant).
    """
    rows = []
    for name, told in contributions.items():
        for modality in (c for c in told.columns if c != "patient_id"):
            share = pl.col(modality) if modality in shares.columns else pl.lit(0.0)
            pairs = (
                told.select("patient_id", pl.col(modality).alias("told"))
                .join(measured.select("patient_id", pl.col(modality).alias("flag")), on="patient_id")
                .join(shares.select("patient_id", share.alias("true")), on="patient_id")
                .filter("flag")
                .drop_nulls()
            )
            rows.append((name, modality, pairs.height, *_agreement(pairs)))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _agreement(pairs: pl.DataFrame) -> tuple[float | None, float | None, float | None]:
    if pairs.height < _FEWEST:
        return None, None, None
    true, told = pairs["true"].to_numpy(), pairs["told"].to_numpy()
    spreads = float(np.std(true)), float(np.std(told))
    known = min(spreads) > 1e-12
    return *spreads, float(np.corrcoef(true, told)[0, 1]) if known else None


def figure_recovered(table: pl.DataFrame, endpoint: str) -> go.Figure:
    """Draw the told spread of each modality by model, beside the true one."""
    scale = "log-odds" if endpoint == "response" else "log-hazard"
    truth = table.group_by("modality", maintain_order=True).agg(pl.col("true_spread").first())
    figure = go.Figure(
        go.Bar(
            x=truth["modality"].to_list(),
            y=truth["true_spread"].to_list(),
            name=_TRUTH,
            marker={"color": "#000000"},
        )
    )
    for i, name in enumerate(table["model"].unique(maintain_order=True)):
        rows = table.filter(pl.col("model") == name)
        figure.add_bar(
            x=rows["modality"].to_list(),
            y=rows["told_spread"].to_list(),
            name=escape(name),
            marker={"color": _COLOURS[i % len(_COLOURS)]},
        )
    figure.update_layout(
        title={
            "text": f"{endpoint}: how far each modality moves the risk, truth and models",
            "subtitle": {"text": "Synthetic data"},
        },
        template="plotly_white",
        barmode="group",
        height=440,
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.01, "x": 0},
        margin={"l": 80, "r": 20, "t": 80, "b": 100},
    )
    figure.update_yaxes(title=f"SD between patients, {scale}")
    return figure
