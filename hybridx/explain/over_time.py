"""Contributions to a risk or a survival at many times: one explanation per time, held together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.errors import ExplanationError, InputError
from hybridx.explain.details import Details
from hybridx.explain.explanation import TOLERANCE, Explanation
from hybridx.explain.named import named
from hybridx.explain.over_time_files import read_over_time, write_over_time
from hybridx.terms.text import check_name, listing, nearest

if TYPE_CHECKING:
    from hybridx.explain.tabled import TabledFigure

__all__ = ["TimeExplanation"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimeExplanation:
    """What each of p features adds to the risk or survival of n patients at each of n_times days.

    ``prediction = base + sum of contributions`` holds for every patient and time, which is checked when the object is
    made.

    Parameters
    ----------
    days : array of float, shape (n_times,)
        Days since origin.
    contributions : array of float, shape (n, p, n_times)
        Of each feature, in probability; NaN for a patient with nothing measured.
    base, prediction : array of float, shape (n, n_times)
        An average patient with the same modalities measured, and this patient.
    values : polars.DataFrame
        `patient_id` and the p feature values, in their own units; null where missing.
    modality_names : sequence of str
        Modalities, in order; each feature belongs to one.
    scales : sequence of str, length n_times
        What the numbers of each time are: ``risk by day 365`` (higher is worse) or ``survival to day 365``.
    method : str
        How contributions were found, with the error where it is not exact.
    units : mapping of column to str
        UCUM units, where known.
    error : array of float, shape (n, p, n_times), or None
        Standard errors of contributions that were sampled, as in `Explanation.error`.
    """

    days: FloatArray
    contributions: FloatArray
    base: FloatArray
    prediction: FloatArray
    values: pl.DataFrame
    modality_names: Sequence[str]
    scales: Sequence[str]
    method: str
    units: Mapping[str, str] = field(default_factory=dict)
    error: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = (self.values.height, self.values.width - 1, len(self.days))
        ends = (shape[0], shape[2])
        if self.contributions.shape != shape or self.base.shape != ends or self.prediction.shape != ends:
            msg = (
                f"{shape[0]} patients, {shape[1]} features and {shape[2]} days need contributions of shape {shape} and "
                f"predictions of shape {ends}, got {self.contributions.shape} and {self.prediction.shape}."
            )
            raise ExplanationError(msg)
        total = self.base + self.contributions.sum(axis=1)
        gap = np.abs(total - self.prediction) / (1.0 + np.abs(self.prediction))
        bad = np.argwhere((gap > TOLERANCE) | (np.isnan(total) != np.isnan(self.prediction)))
        if len(bad):
            gaps = listing(
                f"row {i}, day {self.days[t]:g}: {total[i, t]:.6g} for {self.prediction[i, t]:.6g}"
                for i, t in bad
            )
            msg = f"Contributions over time do not add up: {gaps} (tolerance {TOLERANCE:g})."
            raise ExplanationError(msg)

    def __len__(self) -> int:
        return self.values.height

    def __repr__(self) -> str:
        shape = f"{len(self)} patients, {len(self.feature_names)} features, {len(self.days)} days"
        return f"TimeExplanation({shape}; {self.scales[0].split()[0]}; {self.method})"

    @property
    def patients(self) -> list[str]:
        """Patient identifiers, in order."""
        return self.values["patient_id"].to_list()

    @property
    def feature_names(self) -> list[str]:
        """Feature columns, in order."""
        return self.values.columns[1:]

    def modality_contributions(self) -> FloatArray:
        """Return the sums of features by modality, shape (n, m, n_times)."""
        of = np.array([modality_of(c) for c in self.feature_names], dtype=np.str_)
        return np.stack([self.contributions[:, of == m].sum(axis=1) for m in self.modality_names], axis=1)

    def at(self, day: float) -> Explanation:
        """Return the explanation at one of the days, with its tables and figures.

        Raises
        ------
        InputError
            It was not explained at this day, with the days there are.
        """
        found = np.flatnonzero(self.days == float(day))
        if not len(found):
            days = listing(f"{d:g}" for d in self.days)
            msg = f"Nothing was explained at day {day!r}: there are {days}. Explain with this day among `times`."
            raise InputError(msg)
        t, ids = int(found[0]), self.patients
        error = None if self.error is None else named(ids, self.error[:, :, t], self.feature_names)
        return Explanation(
            features=named(ids, self.contributions[:, :, t], self.feature_names),
            modalities=named(ids, self.modality_contributions()[:, :, t], list(self.modality_names)),
            base=self.base[:, t],
            prediction=self.prediction[:, t],
            values=self.values,
            scale=self.scales[t],
            method=self.method,
            units=self.units,
            details=Details(error=error),
        )

    def table(self, level: str = "modality", patient_id: str | None = None) -> pl.DataFrame:
        """Return contributions as a long table, which adds up for each patient and day.

        Parameters
        ----------
        level : {"modality", "feature"}
            What the rows are.
        patient_id : str or None
            One patient; None gives all.

        Returns
        -------
        polars.DataFrame
            Columns `patient_id`, `time_days`, `modality`, with "feature" also `feature`, `contribution`, `base` and
            `prediction`; null where nothing is measured.

        Raises
        ------
        InputError
            No such patient.
        """
        check_name(level, ("modality", "feature"), "level")
        rows = np.arange(len(self)) if patient_id is None else np.array([self._row(patient_id)])
        features = level == "feature"
        names = self.feature_names if features else list(self.modality_names)
        found = (self.contributions if features else self.modality_contributions())[rows]
        i, t, j = (
            a.ravel()
            for a in np.meshgrid(rows, np.arange(len(self.days)), np.arange(len(names)), indexing="ij")
        )
        of = [modality_of(c) for c in names] if features else names
        columns = {
            "patient_id": pl.Series(self.patients, dtype=pl.String)[i],
            "time_days": self.days[t],
            "modality": pl.Series(of, dtype=pl.String)[j],
            **({"feature": pl.Series(names, dtype=pl.String)[j]} if features else {}),
            "contribution": found.transpose(0, 2, 1).ravel(),
            "base": self.base[i, t],
            "prediction": self.prediction[i, t],
        }
        return pl.DataFrame(columns).fill_nan(None)

    def importance(self, level: str = "feature") -> pl.DataFrame:
        """Return how much each feature or modality moves the prediction at each day: `time_days` and `mean_abs`."""
        tables = [
            self.at(day).importance(level).insert_column(0, pl.lit(float(day)).alias("time_days"))
            for day in self.days
        ]
        return pl.concat(tables)

    def plot(self, patient_id: str, level: str = "modality", top: int = 8) -> TabledFigure:
        """Return a patient's curve beside the average one, and what each modality or feature adds at each time.

        Parameters
        ----------
        patient_id : str
        level : {"modality", "feature"}
        top : int
            Lines; what is left is drawn as one more, so that they add up.

        Raises
        ------
        InputError
            No such patient.
        """
        from hybridx.explain.over_time_figure import patient_over_time  # noqa: PLC0415 - plotly when something is drawn

        check_name(level, ("modality", "feature"), "level")
        self._row(patient_id)
        return patient_over_time(self, patient_id, level, top)

    def plot_importance(self, level: str = "feature", top: int = 8) -> TabledFigure:
        """Return how far each of the `top` features or modalities moves the prediction at each time."""
        from hybridx.explain.over_time_figure import importance_over_time  # noqa: PLC0415 - as above

        check_name(level, ("modality", "feature"), "level")
        return importance_over_time(self, level, top)

    def save(self, folder: str | Path) -> Path:
        """Write contributions and values as Parquet and `time_explanation.json`; whole or not at all."""
        return write_over_time(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; sums are checked again.

        Raises
        ------
        InputError
            The folder holds no explanation over time, or one of a later format.
        """
        return cls(**read_over_time(Path(folder)))

    def _row(self, patient_id: str) -> int:
        patients = self.patients
        if patient_id not in patients:
            guess = nearest(str(patient_id), patients)
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"The explanation has no patient {patient_id!r}.{hint} It has {len(self)} patients."
            raise InputError(msg)
        return patients.index(patient_id)
