"""One modality's features for some patients, on their way into a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["FAILURE_SCHEMA", "FEATURE_SCHEMA", "Block"]

FEATURE_SCHEMA: dict[str, pl.DataType] = {
    "column": pl.String(),  # `pet.original_glcm_Contrast`
    "modality": pl.String(),
    "title": pl.String(),  # in words, for tables and pages
    "unit": pl.String(),  # UCUM; "1" for a pure number
    "family": pl.String(),  # glcm, shape, uptake, laboratory, gene, deep ...
    "ibsi_id": pl.String(),  # null where the standard has none
    "extractor": pl.String(),
    "version": pl.String(),
    "settings_hash": pl.String(),
}

FAILURE_SCHEMA: dict[str, pl.DataType] = {
    "patient_id": pl.String(),
    "modality": pl.String(),
    "stage": pl.String(),  # read, radiomics, uptake, deep ...
    "reason": pl.String(),
}


@dataclass(frozen=True)
class Block:
    """The features of one modality, before they are aligned to the patients of a cohort.

    Parameters
    ----------
    modality : str
        ``pet``, ``lab``; ``pet@2`` for a second timepoint.
    frame : polars.DataFrame
        `patient_id` and float columns ``<modality>.<name>``; a patient without the modality has no row.
    measured : mapping of str to bool
        Which patients have usable values. A patient whose scan exists but whose extraction failed is not measured
        and stands in `failures`: "failed" and "never done" stay apart.
    days : mapping of str to float
        Day of the measurement relative to the patient's baseline; what is known later than a landmark cannot enter it.
    features : polars.DataFrame
        One row per column, see `FEATURE_SCHEMA`.
    failures : polars.DataFrame
        See `FAILURE_SCHEMA`.
    """

    modality: str
    frame: pl.DataFrame
    measured: Mapping[str, bool]
    days: Mapping[str, float]
    features: pl.DataFrame
    failures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURE_SCHEMA))

    @classmethod
    def from_table(
        cls,
        modality: str,
        table: pl.DataFrame,
        *,
        units: Mapping[str, str] | None = None,
        titles: Mapping[str, str] | None = None,
        day: float = 0.0,
        source: str = "own table",
    ) -> Block:
        """Return a block of numbers that were measured elsewhere, such as a sheet of radiomics or of expression.

        Parameters
        ----------
        modality : str
            ``pet``, ``ct``, ``expression``; ``pet@2`` for a second timepoint.
        table : polars.DataFrame
            `patient_id`, and numbers or booleans, one row per patient; names with or without ``<modality>.``. Infinite
            values become missing; a patient without any value is not measured.
        units, titles : mapping of column to str, optional
            UCUM, default ``1``; and words for pages, default the column's name.
        day : float
            Day of the measurement relative to baseline.
        source : str
            Where the numbers come from, for provenance.

        Raises
        ------
        InputError
            No `patient_id`, no other column, or columns that hold text.

        Examples
        --------
        >>> sheet = pl.DataFrame({"patient_id": ["P1", "P2"], "SUV_max": [9.4, None]})
        >>> block = Block.from_table("pet", sheet, units={"SUV_max": "g/mL{SUVbw}"})
        >>> block.frame.columns, block.measured
        (['patient_id', 'pet.SUV_max'], {'P1': True})
        """
        if "patient_id" not in table.columns:
            msg = f"The table of {modality!r} has no column patient_id; it has {listing(table.columns)}."
            raise InputError(msg)
        names = [c for c in table.columns if c != "patient_id"]
        text = [
            c for c in names if not (table[c].dtype.is_numeric() or table[c].dtype in (pl.Boolean, pl.Null))
        ]
        if not names:
            msg = f"The table of {modality!r} has no column but patient_id."
            raise InputError(msg)
        if text:
            msg = (
                f"The table of {modality!r} holds text in {listing(text)}; a block wants numbers or booleans. Make one "
                "column per level (`to_dummies`), or leave the column out."
            )
            raise InputError(msg)
        values = pl.col(names).cast(pl.Float64)
        numbers = table.select("patient_id", pl.when(values.is_finite()).then(values))
        there = numbers.filter(pl.any_horizontal(pl.col(names).is_not_null()))
        full = {c: c if c.startswith(f"{modality}.") else f"{modality}.{c}" for c in names}
        rows = [
            {
                "column": full[c],
                "modality": modality,
                "title": (titles or {}).get(c, full[c].removeprefix(f"{modality}.").replace("_", " ")),
                "unit": (units or {}).get(c, "1"),
                "family": modality,
                "ibsi_id": None,
                "extractor": source,
                "version": "1",
                "settings_hash": "as given",
            }
            for c in names
        ]
        ids = there["patient_id"].to_list()
        features = pl.DataFrame(rows, schema=FEATURE_SCHEMA)
        frame = there.select("patient_id", *names).rename(full)
        return cls(modality, frame, dict.fromkeys(ids, True), dict.fromkeys(ids, day), features)
