"""Laboratory values at baseline: the last one before treatment, in one unit, and the ratios made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from hybridx.cohort.block import Block
from hybridx.cohort.schema import Schemas
from hybridx.errors import SettingsError
from hybridx.measure.rows import feature_rows
from hybridx.terms.analyte import Analyte
from hybridx.terms.analytes import analyte, analytes, find_analyte
from hybridx.terms.text import settings_hash

__all__ = ["LabSettings", "canonical_labs", "lab_block"]

# Ratio -> (numerator, denominator, title). Both parts must come from the same day: a neutrophil count of last week over
# a lymphocyte count of today is no ratio of anything.
RATIOS: Mapping[str, tuple[str, str, str]] = {
    "nlr": ("neutrophils", "lymphocytes", "Neutrophil-to-lymphocyte ratio"),
    "plr": ("platelets", "lymphocytes", "Platelet-to-lymphocyte ratio"),
}


@dataclass(frozen=True)
class LabSettings:
    """Which laboratory value stands for baseline.

    Parameters
    ----------
    window_days : float
        A value older than this before the landmark is not a baseline value.
    landmark_day : float
        Day relative to baseline; values after it do not exist yet.
    ratios : bool
        Add the neutrophil-to-lymphocyte and platelet-to-lymphocyte ratios.
    """

    window_days: float = 30.0
    landmark_day: float = 0.0
    ratios: bool = True

    def __post_init__(self) -> None:
        if not self.window_days >= 0:
            msg = f"window_days={self.window_days!r} is not a number of days >= 0."
            raise SettingsError(msg)


def canonical_labs(labs: pl.DataFrame, known: Mapping[str, Analyte]) -> pl.DataFrame:
    """Return a lab table with canonical analyte names, and values and reference limits in the canonical unit.

    A table that `read_folder` validated is that already and stays as it is; one made by hand becomes so.

    Parameters
    ----------
    labs : polars.DataFrame
        `patient_id`, `day`, `analyte`, `value`, `unit`, optionally `ref_low`, `ref_high`; units are UCUM.
    known : mapping of str to Analyte
        Analytes by name.

    Raises
    ------
    InputError
        An unknown analyte, or a unit that cannot be converted (validation reports these with their row before).
    """
    pairs = labs.select("analyte", "unit").unique(maintain_order=True).rows()
    found = [(name, unit, known.get(name) or analyte(name)) for name, unit in pairs]
    table = pl.DataFrame(
        [(name, unit, a.name, a.factor(unit), a.unit) for name, unit, a in found],
        schema={
            "analyte": pl.String,
            "unit": pl.String,
            "name": pl.String,
            "factor": pl.Float64,
            "to": pl.String,
        },
        orient="row",
    )
    joined = labs.join(table, on=["analyte", "unit"], how="inner", maintain_order="left")
    values = [c for c in ("value", "ref_low", "ref_high") if c in labs.columns]
    return joined.with_columns(
        *(pl.col(c).cast(pl.Float64) * pl.col("factor") for c in values),
        pl.col("name").alias("analyte"),
        pl.col("to").alias("unit"),
    ).drop("name", "factor", "to")


def _declared(labs: pl.DataFrame, schemas: Schemas | None) -> dict[str, Analyte]:
    """Return the analytes that only this folder knows; without its schemas, from the validated table alone."""
    own = dict(schemas.analytes) if schemas is not None else {}
    for name, unit in labs.select("analyte", "unit").unique(maintain_order=True).iter_rows():
        if name not in own and find_analyte(name) is None:
            own[name] = Analyte(name, name.replace("_", " "), unit, (-math.inf, math.inf))
    return own


def lab_block(
    tables: Mapping[str, pl.DataFrame],
    schemas: Schemas | None = None,
    settings: LabSettings | None = None,
) -> Block:
    """Return the baseline laboratory values: per analyte the last one in the window, in canonical units.

    Columns are ``lab.<analyte>`` and the ratios ``lab.nlr``, ``lab.plr``. The block's day is that of the latest value
    used. A patient whose values all lie outside the window is not measured.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `labs`.
    schemas : Schemas, optional
        Schemas with the analytes that the folder declares itself (their titles).
    settings : LabSettings, optional
        Window and landmark; default the 30 days before day 0, day 0 included.

    Returns
    -------
    Block
        One row per measured patient.
    """
    chosen = LabSettings() if settings is None else settings
    own = _declared(tables["labs"], schemas)
    labs = canonical_labs(tables["labs"], {**analytes(), **own}).filter(
        pl.col("value").is_finite()
        & (pl.col("day") <= chosen.landmark_day)
        & (pl.col("day") >= chosen.landmark_day - chosen.window_days)
    )
    # several values on one day (a repeat of a doubtful measurement): their mean, so that row order does not matter
    daily = labs.group_by("patient_id", "analyte", "day").agg(pl.col("value").mean())
    made = [_ratio(daily, *RATIOS[name][:2], name) for name in RATIOS if chosen.ratios]
    # A ratio that the laboratory reports itself goes before one made from its parts on the same day.
    daily = pl.concat([daily, *made]).unique(
        ["patient_id", "analyte", "day"], keep="first", maintain_order=True
    )
    last = (
        daily.sort("patient_id", "analyte", "day")
        .group_by("patient_id", "analyte", maintain_order=True)
        .last()
    )
    found = set(last["analyte"])
    # a laboratory may report a ratio itself: its name is known then already
    order = [name for name in dict.fromkeys((*analytes(), *own, *RATIOS)) if name in found]
    wide = last.pivot(on="analyte", index="patient_id", values="value") if last.height else _empty()
    frame = wide.select("patient_id", *(pl.col(name).alias(f"lab.{name}") for name in order)).sort(
        "patient_id"
    )
    days = dict(last.group_by("patient_id").agg(pl.col("day").max()).iter_rows())
    return Block(
        modality="lab",
        frame=frame,
        measured=dict.fromkeys(frame["patient_id"], True),
        days=days,
        features=_features(order, own, settings_hash(chosen)),
    )


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema={"patient_id": pl.String})


def _ratio(daily: pl.DataFrame, above: str, below: str, name: str) -> pl.DataFrame:
    parts = [
        daily.filter(pl.col("analyte") == part).select("patient_id", "day", value.alias(part))
        for part, value in ((above, pl.col("value")), (below, pl.col("value")))
    ]
    both = parts[0].join(parts[1], on=["patient_id", "day"])
    # a count of 0 lymphocytes leaves the ratio undefined, not infinite
    both = both.filter(pl.col(below) > 0)
    return both.select(
        "patient_id", pl.lit(name).alias("analyte"), "day", value=pl.col(above) / pl.col(below)
    )


def _features(names: Iterable[str], own: Mapping[str, Analyte], settings: str) -> pl.DataFrame:
    known = {**analytes(), **own}

    def row(name: str) -> dict[str, Any]:
        title, unit = (RATIOS[name][2], "1") if name in RATIOS else (known[name].title, known[name].unit)
        family = "ratio" if name in RATIOS else "laboratory"
        return {"column": f"lab.{name}", "title": title, "unit": unit, "family": family}

    return feature_rows("lab", [row(name) for name in names], settings)
