"""Laboratory values against their reference limits: how many times the upper one, below, inside or above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from hybridx.terms.analyte import Analyte

__all__ = ["range_flags", "relative_to_upper", "with_limits"]

_SIDES = {"low": pl.col("value") < pl.col("ref_low"), "high": pl.col("value") > pl.col("ref_high")}


def with_limits(
    daily: pl.DataFrame, patients: pl.DataFrame | None, known: Mapping[str, Analyte]
) -> pl.DataFrame:
    """Fill absent reference limits from the library's table by sex and age; those given with a value come first.

    A column `own_upper` says whether the upper limit came with the value. A value that came with one limit only keeps
    the other open: a laboratory that prints "< 5" has no lower limit.

    Parameters
    ----------
    daily : polars.DataFrame
        `patient_id`, `analyte`, `ref_low`, `ref_high` and more.
    patients : polars.DataFrame, optional
        `patient_id`, and `sex` and `age_years` where they are known.
    known : mapping of str to Analyte
        Analytes by name.
    """
    people = daily.select("patient_id").unique()
    for column, kind in (("sex", pl.String), ("age_years", pl.Float64)):
        if patients is not None and column in patients.columns:
            facts = patients.select("patient_id", pl.col(column).cast(kind)).unique("patient_id")
            people = people.join(facts, on="patient_id", how="left")
        else:
            people = people.with_columns(pl.lit(None, dtype=kind).alias(column))
    whose = daily.select("patient_id", "analyte").unique().join(people, on="patient_id", how="left")
    usual = pl.DataFrame(
        [
            (patient, name, *known[name].limits(sex, age))
            for patient, name, sex, age in whose.select(
                "patient_id", "analyte", "sex", "age_years"
            ).iter_rows()
        ],
        schema={
            "patient_id": pl.String,
            "analyte": pl.String,
            "usual_low": pl.Float64,
            "usual_high": pl.Float64,
        },
        orient="row",
    )
    given = pl.col("ref_low").is_not_null() | pl.col("ref_high").is_not_null()
    joined = daily.join(usual, on=["patient_id", "analyte"], how="left", maintain_order="left")
    return joined.with_columns(
        (pl.col("ref_high").is_not_null()).alias("own_upper"),
        *(
            pl.when(given).then(pl.col(f"ref_{side}")).otherwise(pl.col(f"usual_{side}")).alias(f"ref_{side}")
            for side in ("low", "high")
        ),
    ).drop("usual_low", "usual_high")


def relative_to_upper(last: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return values divided by their upper limit, under ``<analyte>_uln``; a value without that limit has none.

    An analyte that came without limits everywhere has no such column: one limit for all is the value again in another
    unit.
    """
    rows = last.filter(pl.col("analyte").is_in(list(names)) & (pl.col("ref_high") > 0))
    rows = rows.filter(pl.col("own_upper").any().over("analyte"))
    return rows.select(
        "patient_id", pl.col("analyte") + "_uln", "day", (pl.col("value") / pl.col("ref_high")).alias("value")
    )


def range_flags(last: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return 1 for a value outside a limit and 0 inside it, under ``<analyte>_low`` and ``<analyte>_high``."""
    rows = last.filter(pl.col("analyte").is_in(list(names)))
    return pl.concat(
        rows.filter(pl.col(f"ref_{side}").is_not_null()).select(
            "patient_id", pl.col("analyte") + f"_{side}", "day", outside.cast(pl.Float64).alias("value")
        )
        for side, outside in _SIDES.items()
    )
