"""The cohort: patients x modalities and what happened to them, frozen and validated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import polars as pl

from hybridx.cohort import display, images, landmark, store
from hybridx.cohort.align import aligned
from hybridx.cohort.block import Block
from hybridx.cohort.check import check_cohort
from hybridx.cohort.images import references as images_of
from hybridx.cohort.outcome import Outcome
from hybridx.cohort.outcome_rows import from_rows, to_rows, with_rows
from hybridx.errors import InputError
from hybridx.terms.text import listing, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cohort"]


@dataclass(frozen=True, eq=False, repr=False)
class Cohort:
    """Patients, their feature blocks and outcomes; immutable, and consistent or not built at all.

    Build one with `hybridx.extract` (from a data folder), `Cohort.build` (from your own tables) or `Cohort.load`.

    Parameters
    ----------
    patients : tuple of str
        Unique, in the one order that everything shares.
    blocks : mapping of str to polars.DataFrame
        Per modality one row per patient in that order: `patient_id`, then float columns ``<modality>.<name>``.
    measured : polars.DataFrame
        `patient_id` and one boolean column per modality. Explicit, never inferred from NaN: a feature that could not
        be computed is not an absent scan.
    days : polars.DataFrame
        `patient_id` and one float column per modality: day of the measurement relative to baseline.
    features : polars.DataFrame
        One row per column: unit, family, IBSI id, extractor, version, settings hash.
    tables : mapping of str to polars.DataFrame
        The validated source tables (`patients`, `studies`, `labs`, `outcomes`, ...) with `day` instead of dates, and
        `failures` (patient_id, modality, stage, reason).
    provenance : mapping
        Content hashes, settings, code version; ``synthetic: True`` for a made-up cohort.
    folder : pathlib.Path or None
        Where it was loaded from; the image views live there.
    """

    patients: tuple[str, ...]
    blocks: Mapping[str, pl.DataFrame]
    measured: pl.DataFrame
    days: pl.DataFrame
    features: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def __post_init__(self) -> None:
        check_cohort(self)

    @classmethod
    def build(
        cls,
        patients: Iterable[str],
        blocks: Iterable[Block],
        tables: Mapping[str, pl.DataFrame] | None = None,
        provenance: Mapping[str, Any] | None = None,
        folder: Path | None = None,
    ) -> Cohort:
        """Align blocks to the patients and validate the whole.

        Raises
        ------
        InputError
            Lists every inconsistency at once.
        """
        return cls(**aligned(patients, blocks, tables), provenance=dict(provenance or {}), folder=folder)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the blocks, in order."""
        return tuple(self.blocks)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names of the endpoints, in the order of the outcome table."""
        if "outcomes" not in self.tables:
            return ()
        return tuple(self.tables["outcomes"]["endpoint"].unique(maintain_order=True))

    def __len__(self) -> int:
        return len(self.patients)

    def __repr__(self) -> str:
        return display.cohort_text(self)

    def _repr_html_(self) -> str:
        return display.cohort_html(self)

    def frame(self, modalities: Sequence[str] | None = None, *, images: bool = False) -> pl.DataFrame:
        """Return the wide table that models eat, one row per patient in cohort order.

        `patient_id`, `centre` and `scanner` come first (no dot: never features). Each block follows, led by its
        boolean ``<modality>.measured``.

        Parameters
        ----------
        modalities : sequence of str, optional
            Default: all.
        images : bool
            Add ``<modality>.image`` (text, null where the modality is not measured): where each prepared patch lies,
            with the hash of its content. `hybridx.cohort.images.read` follows it; models of tables ignore it.

        Raises
        ------
        InputError
            No such modality; or images are asked for, and the cohort has some but no folder.
        """
        names = list(self.modalities) if modalities is None else list(modalities)
        for name in names:
            self._check_modality(name)
        frame = self._carried()
        for name in names:
            flag = self.measured[name].alias(f"{name}.measured")
            frame = frame.with_columns(flag).hstack(self.blocks[name].drop("patient_id"))
            if images:
                places = images_of(self.tables.get("images"), self.patients, f"patch:{name}", self.folder)
                if any(places):
                    column = pl.Series(f"{name}.image", places, dtype=pl.String)
                    frame = frame.with_columns(pl.when(self.measured[name]).then(column).alias(column.name))
        return frame

    def _carried(self) -> pl.DataFrame:
        frame = pl.DataFrame({"patient_id": self.patients}, schema={"patient_id": pl.String})
        sources = [self.tables.get("patients"), self.tables.get("studies")]
        for column in ("centre", "scanner"):
            for table in sources:
                if table is not None and {"patient_id", column} <= set(table.columns):
                    first = table.filter(pl.col(column).is_not_null()).unique(
                        "patient_id", keep="first", maintain_order=True
                    )
                    if first.height:
                        frame = frame.join(
                            first.select("patient_id", column),
                            on="patient_id",
                            how="left",
                            maintain_order="left",
                        )
                        break
        return frame

    def outcomes(self, endpoint: str) -> Outcome:
        """Return one endpoint of all patients, in cohort order; NaN where it is unknown.

        Raises
        ------
        InputError
            The cohort has no such endpoint (the nearest one is named).
        """
        if endpoint not in self.endpoints:
            guess = nearest(endpoint, self.endpoints)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = (
                f"The cohort has no endpoint {endpoint!r}.{hint} It has: {listing(self.endpoints, limit=12)}."
            )
            raise InputError(msg)
        ids = pl.DataFrame({"patient_id": self.patients}, schema={"patient_id": pl.String})
        rows = self.tables["outcomes"].filter(pl.col("endpoint") == endpoint)
        rows = ids.join(rows, on="patient_id", how="left", maintain_order="left")
        return from_rows(rows, endpoint)

    def with_outcome(self, outcome: Outcome) -> Cohort:
        """Return the cohort with one more endpoint, or with another outcome in the place of one of that name.

        For outcomes that do not stand in the data folder: made from others, such as a class of response, or of a later
        reading.

        Parameters
        ----------
        outcome : Outcome
            One row per patient, in cohort order; ``outcome.endpoint`` is its name.

        Raises
        ------
        InputError
            It has another number of rows.

        Examples
        --------
        >>> y = Outcome.ordinal(["PR", "PD", "SD"], criterion="RECIST", endpoint="best_response")
        >>> cohort.with_outcome(y).outcomes("best_response")  # doctest: +SKIP
        """
        if len(outcome) != len(self.patients):
            msg = f"The outcome has {len(outcome)} rows while the cohort has {len(self.patients)} patients."
            raise InputError(msg)
        tables = dict(self.tables)
        tables["outcomes"] = with_rows(
            tables.get("outcomes"), to_rows(outcome, self.patients), outcome.endpoint
        )
        return dataclasses.replace(self, tables=tables)

    def select(self, patients: Iterable[str]) -> Cohort:
        """Return the cohort of these patients, in the order given.

        Raises
        ------
        InputError
            A patient is unknown.
        """
        order = tuple(patients)
        unknown = [p for p in order if p not in set(self.patients)]
        if unknown:
            msg = f"{len(unknown)} patients are not in the cohort: {listing(unknown)}."
            raise InputError(msg)
        ids = pl.DataFrame({"patient_id": order}, schema={"patient_id": pl.String})

        def rows(table: pl.DataFrame) -> pl.DataFrame:
            return ids.join(table, on="patient_id", how="left", maintain_order="left")

        kept = set(order)
        return dataclasses.replace(
            self,
            patients=order,
            blocks={name: rows(block) for name, block in self.blocks.items()},
            measured=rows(self.measured),
            days=rows(self.days),
            tables={
                name: table.filter(pl.col("patient_id").is_in(kept))
                if "patient_id" in table.columns
                else table
                for name, table in self.tables.items()
            },
        )

    def at(self, day: float) -> Cohort:
        """Return what was known on `day` (a landmark): later measurements are gone, times count from there.

        Patients whose event or last follow-up lies on or before the landmark leave the endpoint in question; patients
        for whom no endpoint remains leave the cohort.

        Parameters
        ----------
        day : float
            Days from baseline.
        """
        return landmark.known_at(self, day)

    def measured_after(self, day: float) -> dict[str, int]:
        """Return how many patients have a modality measured after `day` only: that day did not know it yet."""
        return landmark.measured_after(self, day)

    @property
    def landmark_day(self) -> float:
        """The day from which times count: 0 (baseline), or the landmark of `at`."""
        return float(self.provenance.get("landmark_day", 0.0))

    def image_address(self, patient: str, kind: str) -> str | None:
        """Return the content address of a patient's stored images, or None.

        Parameters
        ----------
        kind : str
            ``views`` (slices for a page), ``patch:<modality>`` (input of an image model).
        """
        return images.address(self.tables.get("images"), patient, kind)

    def load_images(self, patient: str, kind: str = "views") -> dict[str, npt.NDArray[Any]]:
        """Read a patient's stored images; an empty dict when there are none.

        Raises
        ------
        InputError
            The cohort has no folder, or the stored file does not match its content address.
        """
        address = self.image_address(patient, kind)
        return {} if address is None else images.load(self.folder, address)

    def save(self, folder: str | Path) -> Path:
        """Write one Parquet file per block and table and ``cohort.json``; whole or not at all."""
        return store.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Cohort:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            The folder holds no cohort, or one of a newer schema version, or a file was changed.
        """
        return cls(**store.load(Path(folder)))

    def to_pandas(self) -> pd.DataFrame:
        """Return `frame` as pandas, indexed by patient."""
        return self.frame().to_pandas().set_index("patient_id")

    def _check_modality(self, name: str) -> None:
        if name not in self.blocks:
            guess = nearest(name, self.modalities)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"The cohort has no modality {name!r}.{hint} It has: {listing(self.modalities, limit=12)}."
            raise InputError(msg)
