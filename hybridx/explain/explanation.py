"""Contributions of many patients: tables that add up, kept as Parquet, shown as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.errors import ExplanationError, InputError
from hybridx.explain import figures
from hybridx.explain.asking import Asking, Source
from hybridx.explain.details import Details
from hybridx.explain.explanation_files import read_explanation, write_explanation
from hybridx.explain.knowing import sentence, told_apart
from hybridx.explain.long_form import long_form
from hybridx.explain.patient import PatientExplanation, one_patient
from hybridx.explain.tabled import TabledFigure
from hybridx.terms.text import check_name, listing

__all__ = ["TOLERANCE", "Explanation"]

FloatArray = npt.NDArray[np.float64]

# Largest gap between a prediction and the sum of its parts, relative to 1 + |prediction|: float64 leaves 1e-12, float32
# trees 1e-7 after their rounding is put into the base.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Explanation(Asking):
    """What each feature and each modality adds to the prediction of each of n patients.

    ``prediction = base + sum of modalities`` and ``modality = sum of its features`` hold for every row, which is
    checked when the object is made.

    Parameters
    ----------
    features : polars.DataFrame
        `patient_id` and one column per feature: its contribution, on `scale`.
    modalities : polars.DataFrame
        `patient_id` and one column per modality: the sum of its features; 0 where it is not measured.
    base : array of float, shape (n,)
        Prediction for an average patient with the same modalities measured.
    prediction : array of float, shape (n,)
        The model's prediction on `scale`; NaN (and nulls in the tables) where nothing is measured.
    values : polars.DataFrame
        `patient_id` and the feature values as the model was given them, in their own units; null where missing.
    scale : str
        What the numbers are. Survival: ``log-hazard``, ``log-mortality``, ``event log-odds`` or ``SD of log-time``,
        positive is a worse prognosis. Response: ``log-odds``, positive is more likely. Ordinal: ``ordinal log-odds``,
        positive is a worse level. Continuous: ``value``, positive is more of the outcome, in its own unit. Bent scales
        carry their day: ``risk by day 365``, ``survival to day 365``, ``event-free days to day 730``; ``probability of
        response``, ``mean level``.
    method : str
        How contributions were found, with the error where it is not exact.
    units : mapping of column to str
        UCUM units, where known.
    details : Details
        What was filled in, what stands for what, and what knowing each modality does.
    folds : array of int, shape (n,), or None
        Which fitted model explained the row, where there was more than one (`concat`).
    source : Source or None
        The model and the tables behind it, for questions that need new predictions. It stays in this process: neither
        `save` nor a copy sent elsewhere holds it.
    """

    features: pl.DataFrame
    modalities: pl.DataFrame
    base: FloatArray
    prediction: FloatArray
    values: pl.DataFrame
    scale: str
    method: str
    units: Mapping[str, str] = field(default_factory=dict)
    details: Details = field(default_factory=Details)
    folds: npt.NDArray[np.intp] | None = None
    source: Source | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.features.columns != self.values.columns or not self.features.height == len(self.base) == len(
            self.prediction
        ):
            msg = "Contributions, values, base and prediction of an explanation differ in rows or columns."
            raise ExplanationError(msg)
        sums = _numbers(self.modalities)
        of = np.array([modality_of(c) for c in self.feature_names], dtype=np.str_)
        inner = np.column_stack(
            [
                np.zeros((len(self), 0)),
                *[_numbers(self.features)[:, of == m].sum(axis=1) for m in self.modality_names],
            ]
        )
        self._check("the modalities and the base", self.base + sums.sum(axis=1), self.prediction)
        for i, modality in enumerate(self.modality_names):
            self._check(f"the features of {modality!r}", inner[:, i], sums[:, i])

    def _check(self, what: str, total: FloatArray, wanted: FloatArray) -> None:
        gap = np.abs(total - wanted) / (1.0 + np.abs(wanted))
        bad = np.flatnonzero((gap > TOLERANCE) | (np.isnan(total) != np.isnan(wanted)))
        if len(bad):
            gaps = listing(f"row {i}: {total[i]:.6g} for {wanted[i]:.6g}" for i in bad)
            msg = f"Contributions do not add up: {what} give {gaps} (tolerance {TOLERANCE:g})."
            raise ExplanationError(msg)

    def __len__(self) -> int:
        return self.features.height

    def __repr__(self) -> str:
        shape = (
            f"{len(self)} patients, {len(self.feature_names)} features, {len(self.modality_names)} modalities"
        )
        apart = "" if self.knowing is None else sentence(self.knowing_table())
        return f"Explanation({shape}; {self.scale}; {self.method}{'; ' if apart else ''}{apart})"

    @property
    def patients(self) -> list[str]:
        """Patient identifiers, in order."""
        return self.features["patient_id"].to_list()

    @property
    def feature_names(self) -> list[str]:
        """Feature columns, in order."""
        return self.features.columns[1:]

    @property
    def modality_names(self) -> list[str]:
        """Modalities, in order."""
        return self.modalities.columns[1:]

    @property
    def knowing(self) -> pl.DataFrame | None:
        """What knowing each modality at all does to each prediction: exact Shapley values over all coalitions.

        `modalities` says how far a modality's VALUES move the prediction from that of an average patient with the same
        modalities; this says how far HAVING the modality moves it from the mean prediction, by the model's own path
        for patients without. The two differ where other modalities stand in for an absent one, where being measured
        carries a signal of its own, or where modalities interact. None where it was not computed.
        """
        return self.details.knowing

    @property
    def error(self) -> pl.DataFrame | None:
        """Standard error of each contribution, where some of them were sampled; None where all are exact.

        `patient_id` and one column per feature, on `scale`; 0 for what is exact. See `hybridx.explain.coalitions`.
        """
        return self.details.error

    def knowing_table(self) -> pl.DataFrame:
        """Return how much each modality's features and knowing it move predictions, and how far the two differ.

        Raises
        ------
        InputError
            It was not computed.
        """
        if self.knowing is None:
            msg = "This explanation does not hold what knowing a modality does: explain with knowing=True."
            raise InputError(msg)
        return told_apart(self.modalities, self.knowing)

    def patient(self, patient_id: str) -> PatientExplanation:
        """Return one patient's explanation, with its own table and figures.

        Raises
        ------
        InputError
            No such patient, with the nearest identifier.
        """
        return one_patient(self, patient_id)

    def importance(self, level: str = "feature") -> pl.DataFrame:
        """Return how much each feature or modality moves predictions: the mean size of its contribution.

        Parameters
        ----------
        level : {"feature", "modality"}
            What the rows are.

        Returns
        -------
        polars.DataFrame
            Columns `feature` (or not), `modality`, `mean_abs` (on `scale`, over the patients with a prediction) and
            `share` (of the sum over rows), largest first.
        """
        check_name(level, ("feature", "modality"), "level")
        table = self.features if level == "feature" else self.modalities
        rows = ~np.isnan(self.prediction)
        names, numbers = table.columns[1:], np.abs(_numbers(table)[rows])
        size = numbers.mean(axis=0) if rows.any() else np.zeros(len(names))
        of = names if level == "modality" else [modality_of(c) for c in names]
        columns: dict[str, Any] = {"feature": names} if level == "feature" else {}
        columns |= {"modality": of, "mean_abs": size, "share": size / max(float(size.sum()), 1e-300)}
        return pl.DataFrame(columns).sort("mean_abs", level, descending=[True, False])

    def plot(self, top: int = 20) -> TabledFigure:
        """Return a figure of the `top` features by mean size of contribution."""
        return figures.importance(self.importance(), self.scale, top)

    def plot_modalities(self) -> TabledFigure:
        """Return a figure of the modalities by mean size of contribution."""
        return figures.importance(self.importance("modality"), self.scale, top=len(self.modality_names))

    def plot_beeswarm(self, top: int = 12) -> TabledFigure:
        """Return a figure with one dot per patient: contribution against feature, coloured by the feature's value."""
        return figures.beeswarm(long_form(self, self.importance()["feature"].head(top).to_list()), self.scale)

    def with_units(self, units: Mapping[str, str]) -> Self:
        """Return the same explanation with UCUM units for its columns."""
        return replace(self, units={c: u for c, u in units.items() if c in self.feature_names})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Return the explanations of several folds as one; a feature that a fold did not use contributes 0 there.

        Raises
        ------
        InputError
            There are no parts, or they are on different scales.
        """
        if not parts or len({part.scale for part in parts}) > 1:
            msg = f"concat takes explanations on one scale, got {listing(part.scale for part in parts) or 'none'}."
            raise InputError(msg)
        units: dict[str, str] = {}
        for part in parts:
            units |= part.units
        measured = [~np.isnan(part.prediction) for part in parts]
        ids = [patient for part in parts for patient in part.patients]
        return cls(
            features=_stack([part.features for part in parts], measured),
            modalities=_stack([part.modalities for part in parts], measured),
            base=np.concatenate([part.base for part in parts]),
            prediction=np.concatenate([part.prediction for part in parts]),
            values=pl.concat([part.values for part in parts], how="diagonal"),
            scale=parts[0].scale,
            method=" | ".join(dict.fromkeys(part.method for part in parts)),
            units=units,
            folds=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            details=Details.concat([part.details for part in parts], [len(part) for part in parts], ids),
        )

    def save(self, folder: str | Path) -> Path:
        """Write the explanation as a folder of Parquet tables and `explanation.json`; whole or not at all."""
        return write_explanation(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; sums are checked again.

        Raises
        ------
        InputError
            The folder holds no explanation, or one of a later format.
        """
        return cls(**read_explanation(Path(folder)))


def _numbers(table: pl.DataFrame) -> FloatArray:
    numbers = table.drop("patient_id").fill_null(float("nan")).to_numpy().astype(np.float64)
    return numbers.reshape(table.height, table.width - 1)  # also without rows or columns


def _stack(tables: Sequence[pl.DataFrame], measured: Sequence[npt.NDArray[np.bool_]]) -> pl.DataFrame:
    stacked = pl.concat(tables, how="diagonal")
    known = pl.Series(np.concatenate(measured))
    filled = stacked.with_columns(pl.all().exclude("patient_id").fill_null(0.0))
    # rows without any prediction keep their nulls
    return filled.with_columns(
        pl.when(known).then(pl.col(c)).otherwise(None).alias(c) for c in filled.columns if c != "patient_id"
    )
