"""What every model must beat: clinical facts, tumour volume, each modality alone, and knowing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.columns import feature_columns, measured_mask, only_modalities, to_frame, to_matrix
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.references import LevelSharesReference, MeanReference
from hybridx.evaluate.volume_column import volume_column
from hybridx.evaluate.weighted_km import StepCurves, late_entry, survival_curves
from hybridx.models.continuous import ContinuousModel
from hybridx.models.ordinal import OrdinalModel
from hybridx.models.ridge_models import CoxRidge, LogisticModel

__all__ = ["KaplanMeierReference", "Model", "PrevalenceReference", "baselines_for"]

USUAL_VOLUME = "pet.mtv_41pct"
LEAST_MEASURED = 10  # below this no fold has anyone to train on and anyone to score
REFERENCES = tuple(kind.reference for kind in KINDS.values())


@dataclass(frozen=True)
class Model:
    """One named estimator of an evaluation.

    Parameters
    ----------
    name : str
    estimator : estimator
        Unfitted; cloned for every fold.
    role : {"model", "baseline", "reference", "coalition"}
        A reference knows the outcome's frequency only; a coalition is the primary model on some modalities.
    columns : tuple of str
        Columns it uses; empty: all.
    modality : str or None
        Only patients with it train the model and get a prediction from it: a baseline of PET says nothing about
        patients without PET.
    modalities : tuple of str
        It is shown these only, and patients who have at least one of them; empty: everything and everyone.
    """

    name: str
    estimator: Any
    role: str = "model"
    columns: tuple[str, ...] = ()
    modality: str | None = None
    modalities: tuple[str, ...] = ()

    def sees(self, X: pl.DataFrame) -> pl.DataFrame:
        """Return the part of the table that the model is shown."""
        return only_modalities(X, self.modalities) if self.modalities else X

    def applies_to(self, X: pl.DataFrame) -> npt.NDArray[np.bool_]:
        """Return which rows the model may be trained on and predict, shape (n,)."""
        if self.modalities:
            return np.asarray(np.logical_or.reduce([measured_mask(X, name) for name in self.modalities]))
        if self.modality is None:
            return np.ones(X.height, dtype=bool)
        measured = measured_mask(X, self.modality)
        if len(self.columns) == 1:  # a single feature can be missing although the scan is there
            measured = measured & ~np.isnan(to_matrix(X, self.columns)[:, 0])
        return measured


def baselines_for(cohort: Cohort, kind: str, taken: set[str]) -> tuple[list[Model], list[str]]:
    """Return the baselines of a cohort, and a sentence for each that cannot be had.

    Parameters
    ----------
    cohort : Cohort
    kind : {"survival", "response", "ordinal", "continuous"}
    taken : set of str
        Names of the user's models; a baseline of the same name is left out.
    """
    frame = cohort.frame()
    wanted: dict[str, tuple[str, list[str]]] = {
        modality: (modality, feature_columns(frame, [modality]))
        for modality in cohort.modalities
        if any(modality == c.partition(".")[0] for c in feature_columns(frame))
    }
    notes = []
    volume = volume_column(frame)
    if volume is None:
        notes.append(
            "No volume-only baseline: the cohort has no PET tumour volume (pet.mtv*, psma_tv*, sstr_tv*)."
        )
    else:
        wanted["mtv"] = ("pet", [volume])
        if volume != USUAL_VOLUME:
            notes.append(f"The volume-only baseline 'mtv' is {volume!r}.")
    if "clinical" not in wanted:
        notes.append("No clinical-only baseline: the cohort has no clinical block.")
    models = []
    for name in sorted(wanted, key=lambda n: (n != "clinical", n != "mtv")):
        modality, columns = wanted[name]
        n_measured = int(cohort.measured[modality].sum())
        if n_measured < LEAST_MEASURED:
            notes.append(f"No {name} baseline: {n_measured} patients have {modality}.")
            continue
        if name in taken:
            notes.append(f"The baseline {name!r} was left out: a model of that name was given.")
            continue
        estimator = _LEARNERS[kind](columns=columns)
        models.append(Model(name, estimator, "baseline", tuple(columns), modality))
    name = KINDS[kind].reference
    if name not in taken:
        models.append(Model(name, _REFERENCES[kind](), "reference"))
    return models, notes


class KaplanMeierReference(BaseEstimator):  # type: ignore[misc]
    """The Kaplan-Meier curve of the training patients for everyone: what Brier scores are held against."""

    def fit(self, X: Any, y: Outcome) -> KaplanMeierReference:  # noqa: ARG002 - scikit-learn's signature
        """Estimate the curve from the outcomes alone."""
        once = np.ones((1, len(y)))
        self.curve_: StepCurves = survival_curves(y.time_days, y.event, once, late_entry(y))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the same risk for all."""
        return np.zeros(to_frame(X).height)

    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the same survival curve for all, shape (n, n_times)."""
        return np.repeat(self.curve_.at(times), to_frame(X).height, axis=0)


class PrevalenceReference(BaseEstimator):  # type: ignore[misc]
    """The share of responders among the training patients, for everyone."""

    def fit(self, X: Any, y: Outcome) -> PrevalenceReference:  # noqa: ARG002 - scikit-learn's signature
        """Count responders."""
        self.share_ = float(np.mean(y.value))
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the same probability for all, shape (n, 2)."""
        return np.tile([1.0 - self.share_, self.share_], (to_frame(X).height, 1))


_LEARNERS: dict[str, Any] = {
    "survival": CoxRidge,
    "response": LogisticModel,
    "ordinal": OrdinalModel,
    "continuous": ContinuousModel,
}
_REFERENCES: dict[str, Any] = {
    "survival": KaplanMeierReference,
    "response": PrevalenceReference,
    "ordinal": LevelSharesReference,
    "continuous": MeanReference,
}
