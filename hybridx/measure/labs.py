"""Laboratory values at baseline: the last one before treatment, in one unit, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from hybridx.cohort.block import Block
from hybridx.cohort.schema import Schemas
from hybridx.measure.lab_limits import range_flags, relative_to_upper, with_limits
from hybridx.measure.lab_ratios import RATIOS, ratio_values
from hybridx.measure.lab_series import TITLES, series_values
from hybridx.measure.rows import feature_rows
from hybridx.measure.table_settings import LabSettings
from hybridx.terms.analyte import Analyte
from hybridx.terms.analytes import analyte, analytes, find_analyte
from hybridx.terms.text import settings_hash

__all__ = ["LabSettings", "canonical_labs", "lab_block"]

# Suffix -> words after the analyte's title, unit, family; what the series add stands in `lab_series.TITLES`.
_MADE: Mapping[str, tuple[str, str, str]] = {
    "uln": ("per upper limit", "1", "limit"),
    "low": ("below the reference range", "1", "limit"),
    "high": ("above the reference range", "1", "limit"),
    "below": ("below the limit of detection", "1", "limit"),
    **{suffix: (*words, "series") for suffix, words in TITLES.items()},
}


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
    """Return the baseline laboratory values and what is made of them, in canonical units.

    ``lab.<analyte>`` is the last value in the window. Ratios and scores (``lab.nlr``, ``lab.plr``, ``lab.lmr``,
    ``lab.sii``, ``lab.de_ritis``, ``lab.crp_albumin``, ``lab.mgps``) take all parts from one draw. ``lab.ldh_uln`` is
    LDH per upper limit. Where patients have series, ``_slope``, and for tumour markers ``_nadir``, ``_days_above`` and
    ``_doubling``, describe the course up to the landmark. Nothing after the landmark enters anything. A column exists
    when any patient has a value for it; where a part is missing the value is missing, and the modality is not.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Validated tables with `labs`, and `patients` for the limits that depend on sex and age.
    schemas : Schemas, optional
        Schemas with the analytes that the folder declares itself (their titles).
    settings : LabSettings, optional
        Window, landmark and what is made; default the 30 days before day 0, day 0 included.

    Returns
    -------
    Block
        One row per patient with a value in the window. Its day is that of the latest value used.

    Notes
    -----
    Several values of one day (a repeat of a doubtful measurement) are averaged. A value below the limit of detection
    stands for itself divided by the square root of 2, as the reading of the table has noted (Hornung 1990,
    doi:10.1080/1047322X.1990.10389587).
    """
    chosen = LabSettings() if settings is None else settings
    own = _declared(tables["labs"], schemas)
    known = {**analytes(), **own}
    labs = canonical_labs(tables["labs"], known).filter(
        pl.col("value").is_finite() & (pl.col("day") <= chosen.landmark_day)
    )
    recent = pl.col("day") >= chosen.landmark_day - chosen.window_days
    daily = with_limits(_daily(labs), tables.get("patients"), known)
    made = ratio_values(daily.filter(recent), chosen.same_draw_days) if chosen.ratios else _empty()
    # A ratio that the laboratory reports itself goes before one made from its parts on the same day.
    values = pl.concat([daily.filter(recent), made], how="diagonal").unique(
        ["patient_id", "analyte", "day"], keep="first", maintain_order=True
    )
    whose = ["patient_id", "analyte"]
    last = values.sort(*whose, "day").group_by(whose, maintain_order=True).last()
    # a series that ended long before the landmark is no course up to it
    current = daily.join(last.select(whose), on=whose, how="semi")
    added = [
        relative_to_upper(last, chosen.per_upper_limit),
        range_flags(last, chosen.range_flags),
        _below(last) if chosen.below_flags else _empty(),
        series_values(current, chosen),
    ]
    columns = ["patient_id", "analyte", "day", "value"]
    found = pl.concat([last.select(columns), *(a.select(columns) for a in added)])
    # an analyte that a folder declares may bear the name of something made here: the measured one stays
    return _block(found.unique(whose, keep="first", maintain_order=True), own, chosen)


def _daily(labs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per patient, analyte and day: the mean value, and the limits and the detection of that day."""
    absent = {"ref_low": pl.Float64, "ref_high": pl.Float64, "censored": pl.String}
    labs = labs.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in absent.items() if name not in labs.columns
    )
    # sorted first: a sum of the same numbers in another order may differ in its last digit
    return (
        labs.sort("patient_id", "analyte", "day", "value")
        .group_by("patient_id", "analyte", "day", maintain_order=True)
        .agg(
            pl.col("value").mean(),
            pl.col("ref_low").max(),
            pl.col("ref_high").min(),
            (pl.col("censored") == "below").fill_null(False).any().alias("below"),
        )
    )


def _below(last: pl.DataFrame) -> pl.DataFrame:
    """Return a flag per analyte that is below its limit of detection in any patient."""
    touched = last.filter(pl.col("below"))["analyte"].unique()
    rows = last.filter(pl.col("analyte").is_in(touched.implode()) & pl.col("below").is_not_null())
    return rows.select(
        "patient_id", pl.col("analyte") + "_below", "day", pl.col("below").cast(pl.Float64).alias("value")
    )


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"patient_id": pl.String, "analyte": pl.String, "day": pl.Float64, "value": pl.Float64}
    )


def _block(values: pl.DataFrame, own: Mapping[str, Analyte], settings: LabSettings) -> Block:
    """Turn the long table of values into a block, its columns in the order of a laboratory sheet."""
    found = set(values["analyte"])
    # a laboratory may report a ratio itself: its name is known then already
    bases = tuple(dict.fromkeys((*analytes(), *own, *RATIOS)))
    order = [name for name in (*bases, *(f"{b}_{m}" for b in bases for m in _MADE)) if name in found]
    wide = (
        values.pivot(on="analyte", index="patient_id", values="value")
        if values.height
        else pl.DataFrame(schema={"patient_id": pl.String})
    )
    frame = wide.select("patient_id", *(pl.col(name).alias(f"lab.{name}") for name in order)).sort(
        "patient_id"
    )
    days = dict(values.group_by("patient_id").agg(pl.col("day").max()).iter_rows())
    return Block(
        modality="lab",
        frame=frame,
        measured=dict.fromkeys(frame["patient_id"], True),
        days=days,
        features=feature_rows("lab", [_row(name, own) for name in order], settings_hash(settings)),
    )


def _row(name: str, own: Mapping[str, Analyte]) -> dict[str, Any]:
    known = {**analytes(), **own}
    if name in RATIOS:
        title, unit, family = RATIOS[name].title, RATIOS[name].unit, "ratio"
    elif name in known:
        title, unit, family = known[name].title, known[name].unit, "laboratory"
    else:
        base, _, suffix = name.rpartition("_")
        if suffix == "above":  # ..._days_above
            base, suffix = base.removesuffix("_days"), "days_above"
        words, unit, family = _MADE[suffix]
        of = known.get(base) or RATIOS[base]
        title, unit = f"{of.title}, {words}", unit.format("" if of.unit == "1" and unit != "{}" else of.unit)
    return {"column": f"lab.{name}", "title": title, "unit": unit, "family": family}
