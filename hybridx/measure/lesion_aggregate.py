r"""From lesions to the patient, in ways that are declared, named and recorded.

With x_l the value of a feature in lesion l of a patient, V_l its volume:

.. math:: vmean = \sum_l V_l x_l / \sum_l V_l, \qquad cv = sd / |mean|
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from hybridx.cohort import Block
from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.cohort.columns import to_frame
from hybridx.errors import InputError
from hybridx.measure.lesions import LESION_SCHEMA
from hybridx.measure.pet_uptake import UPTAKE
from hybridx.radiomics.names import describe
from hybridx.terms import check_name, settings_hash
from hybridx.terms.text import listing

__all__ = ["HOW", "aggregate_lesions"]

HOW: dict[str, str] = {
    "largest": "of the largest lesion",
    "hottest": "of the hottest lesion",
    "sum": "sum over lesions",
    "vmean": "mean over lesions by volume",
    "mean": "mean over lesions",
    "max": "highest of all lesions",
    "min": "lowest of all lesions",
    "sd": "standard deviation between lesions",
    "cv": "coefficient of variation between lesions",
    "range": "range between lesions",
}
_DISPERSION = ("sd", "cv", "range")
# sums of these are what they say for all lesions together; the sum of textures is not a texture
_ADDITIVE = (
    "volume_ml",
    "tlg",
    "MeshVolume",
    "VoxelVolume",
    "SurfaceArea",
    "Energy",
    "TotalEnergy",
    "morph_volume",
    "morph_vol_approx",
    "morph_area_mesh",
    "morph_integ_int",
    "stat_energy",
)
_LEAST_SHARE = 0.8


def aggregate_lesions(
    table: Any,
    how: Sequence[str] | Mapping[str, Sequence[str]] = ("largest", "vmean", "cv"),
    *,
    modality: str = "pet",
    columns: Sequence[str] | None = None,
    timepoint: int = 1,
    day: float = 0.0,
    least_share: float = _LEAST_SHARE,
) -> Block:
    """Summarise each patient's lesions in columns ``<modality>.<how>_<feature>``.

    Parameters
    ----------
    table : polars or pandas table
        One row per lesion, from `lesion_radiomics` or the ``lesions`` table of a cohort: `patient_id`, `volume_ml`, and
        `suv_max` where "hottest" is asked for.
    how : sequence of str, or mapping of str to sequence of column names
        Any of ``largest, hottest, sum, vmean, mean, max, min, sd, cv, range``; a mapping says which columns each is
        for. In a sequence, ``sum`` is for volumes and the like only: sums of textures mean nothing.
    modality : str
        Of the features, and of the block.
    columns : sequence of str, optional
        Which columns; by default all features of the modality, and volume and (PET) uptake where the table has them.
    timepoint : int
        Which rows; the second makes the block ``pet@2``.
    day : float
        Of the scan, relative to baseline.
    least_share : float
        Lesions with a value must hold this share of the patient's volume, else "vmean" and "mean" are missing.

    Returns
    -------
    Block
        What `Cohort.build` takes; its `features` say how each column was made. Null: no value for that lesion;
        dispersion of a single lesion; a sum, highest, lowest or range with a lesion missing.

    Raises
    ------
    InputError
        Columns that are absent, a sum of what cannot be added, or no rows.
    SettingsError
        An unknown way (the nearest is named).

    Examples
    --------
    >>> lesions = pl.DataFrame({"patient_id": ["A", "A", "B"], "volume_ml": [3.0, 1.0, 2.0], "pet.x": [1.0, 5.0, 4.0]})
    >>> aggregate_lesions(lesions, ("vmean", "range"), columns=["pet.x"]).frame.rows()
    [('A', 2.0, 4.0), ('B', 4.0, None)]
    """
    frame = _rows(table, timepoint)
    name = modality if timepoint == 1 else f"{modality}@{timepoint}"
    plan = _plan(frame, how, modality, columns)
    made, about = [], []
    for kind, wanted in plan.items():
        for column in wanted:
            short = column.removeprefix(f"{modality}.")
            new = f"{name}.{kind}_{short}"
            made.append(_expression(kind, column, least_share).alias(new))
            about.append({"column": new, "modality": name, **_described(kind, short, modality)})
    if len({row["column"] for row in about}) < len(about):
        msg = "Two columns would get one name; leave out one of a feature and its namesake without the modality."
        raise InputError(msg)
    wide = frame.group_by("patient_id", maintain_order=True).agg(made)
    wide = wide.with_columns(pl.exclude("patient_id").fill_nan(None))
    recorded = settings_hash({"how": {k: list(v) for k, v in plan.items()}, "least_share": least_share})
    source = {"extractor": "hybridx, lesions", "version": "1", "settings_hash": recorded}
    ids = wide["patient_id"].to_list()
    features = pl.DataFrame([{**row, **source} for row in about], schema=FEATURE_SCHEMA)
    return Block(name, wide, dict.fromkeys(ids, True), dict.fromkeys(ids, float(day)), features)


def _rows(table: Any, timepoint: int) -> pl.DataFrame:
    frame = to_frame(table)
    absent = [c for c in ("patient_id", "volume_ml") if c not in frame.columns]
    if absent:
        msg = f"A table of lesions needs patient_id and volume_ml; this one lacks {listing(absent)}."
        raise InputError(msg)
    if "timepoint" in frame.columns:
        frame = frame.filter(pl.col("timepoint") == timepoint)
    # a patient whose images failed has a row and no lesion
    frame = frame.filter(pl.col("volume_ml").cast(pl.Float64).fill_nan(None).is_not_null())
    if not frame.height:
        msg = f"The table has no lesion at timepoint {timepoint}."
        raise InputError(msg)
    return frame.with_columns(pl.col("patient_id").cast(pl.String))


def _plan(
    frame: pl.DataFrame,
    how: Sequence[str] | Mapping[str, Sequence[str]],
    modality: str,
    columns: Sequence[str] | None,
) -> dict[str, list[str]]:
    own = [c for c, t in frame.schema.items() if c.startswith(f"{modality}.") and t.is_numeric()]
    uptake = ("suv_max", "suv_mean", "suv_peak", "tlg") if modality == "pet" else ()
    basic = [c for c in ("volume_ml", *uptake) if c in frame.columns]
    usual = [*(c for c in basic if frame[c].is_not_null().any()), *own] if columns is None else list(columns)
    ways = [how] if isinstance(how, str) else list(how)
    for one in ways:
        check_name(one, HOW, "way to summarise lesions")
    if "hottest" in ways and "suv_max" not in frame.columns:
        msg = "how='hottest' needs the column suv_max."
        raise InputError(msg)
    if isinstance(how, Mapping):
        plan = {kind: list(how[kind]) for kind in ways}
        odd = [c for c in plan.get("sum", []) if not _additive(c)]
        if odd:
            msg = f"A sum over lesions means nothing for {listing(odd)}; volumes, surfaces and energies can be added."
            raise InputError(msg)
    else:
        plan = {kind: [c for c in usual if kind != "sum" or _additive(c)] for kind in ways}
    absent = sorted({c for wanted in plan.values() for c in wanted} - set(frame.columns))
    if absent or not any(plan.values()):
        msg = (
            f"The table has no column {listing(absent)}."
            if absent
            else f"The table has no feature of {modality!r}."
        )
        raise InputError(msg)
    return plan


def _additive(column: str) -> bool:
    return (
        column in _ADDITIVE or column.rpartition("_")[2] in _ADDITIVE or column.partition(".")[2] in _ADDITIVE
    )


def _expression(kind: str, column: str, least_share: float) -> pl.Expr:
    x, volume = pl.col(column).cast(pl.Float64).fill_nan(None), pl.col("volume_ml").cast(pl.Float64)
    there = x.is_not_null()
    whole = there.all()
    covered = volume.filter(there).sum() >= least_share * volume.sum()
    ways: dict[str, Callable[[], pl.Expr]] = {
        "largest": lambda: _of(x, volume),
        "hottest": lambda: _of(x, pl.col("suv_max").cast(pl.Float64)),
        "sum": lambda: pl.when(whole).then(x.sum()),
        "vmean": lambda: pl.when(covered).then((x * volume).sum() / volume.filter(there).sum()),
        "mean": lambda: pl.when(covered).then(x.mean()),
        "max": lambda: pl.when(whole).then(x.max()),
        "min": lambda: pl.when(whole).then(x.min()),
        "sd": x.std,
        "cv": lambda: pl.when(x.mean() != 0).then(x.std() / x.mean().abs()),
        "range": lambda: pl.when(whole).then(x.max() - x.min()),
    }
    made = ways[kind]()
    return pl.when(there.sum() >= 2).then(made) if kind in _DISPERSION else made


def _of(x: pl.Expr, by: pl.Expr) -> pl.Expr:
    """Return the value of the lesion with the highest `by`; of equals the first in the table."""
    return x.get(by.fill_null(-float("inf")).arg_max())


def _described(kind: str, short: str, modality: str) -> dict[str, str | None]:
    if short in UPTAKE:
        title, unit, code = UPTAKE[short]
        about: dict[str, str | None] = {"title": title, "unit": unit, "family": "uptake", "ibsi_id": code}
    elif short in LESION_SCHEMA:
        about = {"title": "Lesion volume", "unit": "mL", "family": "uptake", "ibsi_id": None}
    else:
        about = describe(short, {"pet": "SUVbw", "ct": "HU"}.get(modality, "1"))
    return {
        "title": f"{about['title']} ({HOW[kind]})",
        "unit": "1" if kind == "cv" else about["unit"],
        "family": about["family"],
        "ibsi_id": about["ibsi_id"] if kind in ("largest", "hottest") else None,
    }
