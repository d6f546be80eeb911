"""Ratios and scores of laboratory values of one draw: inflammation, nutrition, liver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["RATIOS", "Ratio", "ratio_values"]


@dataclass(frozen=True)
class Ratio:
    """One number made of several values of one blood sample.

    Parameters
    ----------
    title, unit : str
        In words, and in UCUM.
    parts : tuple of str
        Analytes, all of which must be there.
    formula : callable
        Of one expression per part, in canonical units.
    source : str
        The paper.
    """

    title: str
    unit: str
    parts: tuple[str, ...]
    formula: Callable[..., pl.Expr]
    source: str


def _quotient(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    # a count of 0 lymphocytes leaves a ratio undefined, not infinite
    return pl.when(below > 0).then(above / below)


def _glasgow(crp: pl.Expr, albumin: pl.Expr) -> pl.Expr:
    # 0 for CRP up to 10 mg/L, 1 above, 2 above with albumin under 35 g/L
    return pl.when(crp <= 10).then(0.0).when(albumin < 35).then(2.0).otherwise(1.0)


RATIOS: Mapping[str, Ratio] = {
    "nlr": Ratio(
        "Neutrophil-to-lymphocyte ratio", "1", ("neutrophils", "lymphocytes"), _quotient,
        "Templeton 2014, doi:10.1093/jnci/dju124",
    ),
    "plr": Ratio(
        "Platelet-to-lymphocyte ratio", "1", ("platelets", "lymphocytes"), _quotient,
        "Templeton 2014, doi:10.1158/1055-9965.EPI-14-0146",
    ),
    "lmr": Ratio(
        "Lymphocyte-to-monocyte ratio", "1", ("lymphocytes", "monocytes"), _quotient,
        "Nishijima 2015, doi:10.1016/j.ctrv.2015.10.003",
    ),
    "sii": Ratio(
        "Systemic immune-inflammation index", "10*9/L", ("platelets", "neutrophils", "lymphocytes"),
        lambda platelets, neutrophils, lymphocytes: _quotient(platelets * neutrophils, lymphocytes),
        "Hu 2014, doi:10.1158/1078-0432.CCR-14-0442",
    ),
    "de_ritis": Ratio(
        "De Ritis ratio (AST / ALT)", "1", ("ast", "alt"), _quotient, "De Ritis 1957, doi:10.1016/0009-8981(57)90027-X"
    ),
    "crp_albumin": Ratio(
        "CRP-to-albumin ratio", "mg/g", ("crp", "albumin"), _quotient, "Kinoshita 2015, doi:10.1245/s10434-014-4048-0"
    ),
    "mgps": Ratio(
        "Modified Glasgow prognostic score", "1", ("crp", "albumin"), _glasgow,
        "McMillan 2013, doi:10.1016/j.ctrv.2012.08.003",
    ),
}  # fmt: skip


def ratio_values(daily: pl.DataFrame, tolerance_days: float) -> pl.DataFrame:
    """Return every ratio that the values allow, with the day of its latest part.

    Parameters
    ----------
    daily : polars.DataFrame
        `patient_id`, `analyte`, `day`, `value` in canonical units, one row per analyte and day.
    tolerance_days : float
        Parts lie at most so many days apart. Of several candidates the nearest to the first part counts, of two
        equally near the earlier.

    Returns
    -------
    polars.DataFrame
        `patient_id`, `analyte` (the name of the ratio), `day`, `value`.
    """
    values = daily.select("patient_id", "analyte", "day", "value")
    return pl.concat(
        [values.clear(), *(_one(values, name, ratio, tolerance_days) for name, ratio in RATIOS.items())]
    )


def _one(values: pl.DataFrame, name: str, ratio: Ratio, tolerance_days: float) -> pl.DataFrame:
    first, *others = ratio.parts
    draws = values.filter(pl.col("analyte") == first).select(
        "patient_id", "day", pl.col("value").alias(first), pl.col("day").alias("latest")
    )
    for part in others:
        other = values.filter(pl.col("analyte") == part).select(
            "patient_id", pl.col("value").alias(part), pl.col("day").alias("other")
        )
        apart = (pl.col("other") - pl.col("day")).abs()
        draws = (
            draws.join(other, on="patient_id")
            .filter(apart <= tolerance_days)
            .sort("patient_id", "day", apart, "other")
            .unique(["patient_id", "day"], keep="first", maintain_order=True)
            .with_columns(pl.max_horizontal("latest", "other").alias("latest"))
            .drop("other")
        )
    made = draws.select(
        "patient_id",
        pl.lit(name).alias("analyte"),
        pl.col("latest").alias("day"),
        ratio.formula(*(pl.col(p) for p in ratio.parts)).cast(pl.Float64).alias("value"),
        pl.col("day").alias("anchor"),
    )
    # two draws of the first part may share their latest day; the later draw of the two is the nearer one
    return (
        made.drop_nulls("value")
        .sort("patient_id", "day", "anchor")
        .unique(["patient_id", "day"], keep="last", maintain_order=True)
        .drop("anchor")
    )
