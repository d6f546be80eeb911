"""Late fusion: one model per modality, one weighted risk per patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in, to_frame, to_matrix
from hybridx.compute import one_thread
from hybridx.errors import ConvergenceError, NotEnoughDataError, SettingsError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel, choose_modalities
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.weights import (
    carry_over,
    effective_weights,
    nonnegative_weights,
    risk_correlation,
)
from hybridx.models import BreslowBaseline, CoxRidge, LogisticModel, TableModel, frozen
from hybridx.models.data import MIN_EVENTS, Endpoint, TrainingData, check_enough, known_rows
from hybridx.models.folds import patient_keys
from hybridx.models.losses import make_loss
from hybridx.terms.text import check_name

__all__ = ["LateFusion"]

# Held-out predictions leave out a fifth of a modality's events, and the rest must still carry a model.
_MIN_EVENTS = MIN_EVENTS + 2
_FLAT = 1e-9  # spread of held-out risks (log-hazard) below which a model does not tell patients apart


class LateFusion(FusionModel):
    r"""Weigh the risks that each modality gives on its own, as held-out patients ask for.

    .. math:: \eta_i = b_0 + \sum_m w_m(\text{pattern}_i)\, z_{im}, \qquad z_{im} = (f_m(x_{im}) - \mu_m) / s_m

    One model f per modality is fitted on the patients who have it. Its risk is standardised by the spread s of its
    HELD-OUT risks (otherwise the most overfitted modality dominates), and the weights w >= 0 are learnt on held-out
    risks, where a useless modality gets 0. A patient without a modality is predicted from the others; see
    `hybridx.fusion.weights` for where its weight goes.

    Parameters
    ----------
    models : estimator, dict of modality to estimator, or None
        Estimators of `hybridx.models`. None takes `CoxRidge` (survival) or `LogisticModel` (response); a dict may name
        some modalities only.
    modalities : list of str or None
        Which modalities to use, by name; None takes all of the table.
    endpoint : {"survival", "response"}
        What the outcome is.
    anchor : str or None
        The modality whose weight is not shrunk, because it is known to matter: with few events, what is known beats
        what must be shown. Ignored where the table does not have it.
    n_folds : int
        Folds of the held-out risks.
    random_state : int
        Deals patients to folds. The tuning inside each model follows its own `random_state`.

    Attributes
    ----------
    models_ : dict of str to estimator
        One fitted model per modality used.
    weights_ : dict of str to float
        Log-hazard (log-odds) per standard deviation of each modality's risk, everything measured; 0: not useful here.
    patterns_ : polars.DataFrame
        Each pattern of measured modalities seen in training: patients, events, weights.
    baseline_ : BreslowBaseline
        Survival only: baseline of the fused risk, from held-out risks.
    held_out_ : polars.DataFrame
        Held-out standardised risk of each training patient and modality, in the model's own order of patients.

    Notes
    -----
    A modality with fewer than seven events (or responders, or non-responders) among the patients who have it is left
    out, and `notes_` says so. Settings of a modality's model are tuned once, on all its training patients, on other
    folds than those of the held-out risks.

    Source
    ------
    Stacking with non-negative weights: Breiman 1996, doi:10.1007/BF00117832; pre-validation: Tibshirani & Efron 2002,
    doi:10.2202/1544-6115.1000.

    Examples
    --------
    >>> LateFusion(modalities=["clinical", "pet"], endpoint="response")
    LateFusion(endpoint='response', modalities=['clinical', 'pet'])
    """

    models_: dict[str, TableModel]
    weights_: dict[str, float]
    patterns_: pl.DataFrame

    def __init__(
        self,
        models: TableModel | Mapping[str, TableModel] | None = None,
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        anchor: str | None = "clinical",
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.models = models
        self.modalities = modalities
        self.endpoint = endpoint
        self.anchor = anchor
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table of modalities and its outcome; patients with an unknown outcome are left out.

        Raises
        ------
        NotEnoughDataError
            No modality has enough patients with an event.
        """
        self._check_endpoint()
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        check_enough(outcome, "LateFusion", _MIN_EVENTS)
        asked = choose_modalities(frame, self.modalities)
        self._check_models(modalities_in(frame))
        self.columns_, self.models_, self.center_, self.notes_ = {}, {}, {}, []
        held_out: dict[str, FloatArray] = {}
        with one_thread():  # as in the models
            for modality in asked:
                self._fit_modality(modality, frame, outcome, held_out)
        self.modalities_ = [m for m in asked if m in self.models_]
        if not self.modalities_:
            msg = "LateFusion has no modality with enough patients:"
            raise NotEnoughDataError("\n  ".join([msg, *self.notes_]))
        measured = np.column_stack([~np.isnan(held_out[m]) for m in self.modalities_])
        self._fuse(np.column_stack([held_out[m] for m in self.modalities_]), measured, outcome)
        self.patterns_ = self._pattern_table(measured, outcome)
        self.tuned_ = {
            "models": {m: frozen(model) for m, model in self.models_.items()},
            "modalities": list(self.modalities_),
        }
        return self

    def _check_models(self, known: list[str]) -> None:
        given = self.models.values() if isinstance(self.models, Mapping) else [self.models]
        if isinstance(self.models, Mapping):
            for modality in self.models:
                check_name(modality, known, "modality in `models`")
        for model in given:
            if model is not None and (not isinstance(model, TableModel) or model.takes != self.endpoint):
                msg = f"`models` for endpoint {self.endpoint!r} takes its estimators of hybridx.models, got {model!r}."
                raise SettingsError(msg)

    def _template(self, modality: str) -> TableModel:
        model = self.models.get(modality) if isinstance(self.models, Mapping) else self.models
        if model is None:
            model = CoxRidge(random_state=self.random_state)
            if self.endpoint == "response":
                model = LogisticModel(random_state=self.random_state)
        return clone(model)

    def _fit_modality(
        self, modality: str, frame: pl.DataFrame, y: Outcome, held_out: dict[str, FloatArray]
    ) -> None:
        """Fit one modality's model on those who have it, with its held-out risks; say so when it cannot be done."""
        rows, template = np.flatnonzero(measured_mask(frame, modality)), self._template(modality)
        columns = feature_columns(frame, [modality]) if template.columns is None else list(template.columns)
        data = TrainingData(to_matrix(frame, columns), columns, y, patient_keys(frame, columns)).rows(rows)
        try:
            check_enough(data.y, f"The modality {modality!r}", _MIN_EVENTS)
            model = template.fit_data(data)
            risk = self._held_out(frozen(model), data)
        except (NotEnoughDataError, ConvergenceError) as error:
            self.notes_.append(f"{modality} was left out: {error}")
            return
        self.notes_ += [f"{modality}: {note}" for note in model.notes_]
        self.columns_[modality], self.models_[modality] = columns, model
        self.center_[modality] = float(model.predictor_of(data.matrix).mean())
        held_out[modality] = np.full(len(y), np.nan)
        held_out[modality][rows] = risk

    def _held_out(self, model: TableModel, data: TrainingData) -> FloatArray:
        """Return each patient's risk from a model that did not see them, relative to that model's training mean."""
        # other folds than those on which the model was tuned
        folds = data.folds(self.n_folds, self.random_state + 1_000_003)
        risk = np.zeros(len(data.y))
        for fold in np.unique(folds):
            train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            fitted = clone(model).fit_data(data.rows(train))
            mean = fitted.predictor_of(data.matrix[train]).mean()
            risk[test] = fitted.predictor_of(data.matrix[test]) - mean
        return risk

    def _fuse(self, risk: FloatArray, measured: BoolArray, y: Outcome) -> None:
        """Learn spread, correlation, weights and baseline from held-out risks, shape (n, m)."""
        sd = np.array([float(np.std(risk[measured[:, i], i])) for i in range(risk.shape[1])])
        self.sd_ = np.where(sd > _FLAT, sd, np.inf)  # a model that says the same of everyone adds nothing
        z = np.where(measured, risk, 0.0) / self.sd_
        some = measured.any(axis=1)
        loss = make_loss(y[some])
        self.correlation_ = risk_correlation(z, measured)
        expected = np.vstack(
            [carry_over(self.correlation_, row) @ risks for row, risks in zip(measured, z, strict=True)]
        )
        free = np.array([m == self.anchor for m in self.modalities_])
        weights, self.intercept_ = nonnegative_weights(expected[some], loss, free)
        if not weights.any():
            weights, self.intercept_ = nonnegative_weights(
                expected[some], loss, np.ones(len(weights), dtype=bool)
            )
            text = "No modality predicts clearly better than chance on held-out patients: expect little of this model."
            self.notes_.append(text)
        self.weights_ = dict(zip(self.modalities_, weights.tolist(), strict=True))
        if self.endpoint == "survival":
            eta = expected[some] @ weights + self.intercept_
            self.baseline_ = BreslowBaseline.fit(
                y[some].time_days, y[some].event, eta, entry=y[some].entry_days
            )
        named = {m: np.where(measured[:, i], z[:, i], np.nan) for i, m in enumerate(self.modalities_)}
        self.held_out_ = pl.DataFrame(named).fill_nan(None)

    def _pattern_table(self, measured: BoolArray, y: Outcome) -> pl.DataFrame:
        """Return how many training patients stand behind each pattern of measured modalities, and its weights."""
        table = pattern_table(self.modalities_, measured, y)
        weights = self.effective_weights(table.select(self.modalities_).to_numpy())
        return table.with_columns(
            pl.Series(f"weight {m}", weights[:, i]) for i, m in enumerate(self.modalities_)
        )

    def effective_weights(self, measured: BoolArray) -> FloatArray:
        """Return the weights that patterns of measured modalities get, shape (n, m); 0 where not measured.

        Parameters
        ----------
        measured : array of bool, shape (n, m)
            As `measured` gives it, modalities in the order of `modalities_`.
        """
        weights = np.array([self.weights_[m] for m in self.modalities_])
        return effective_weights(weights, self.correlation_, measured)

    def modality_risks(self, X: Any) -> FloatArray:
        """Return the standardised risk of each modality, shape (n, m); NaN where it is not measured.

        0 is the average training patient, 1 a standard deviation of the held-out risks above it; higher is a higher
        log-hazard (log-odds of response).
        """
        frame, measured = to_frame(X), self.measured(X)
        return self._risks(frame, measured)

    def _risks(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        result = np.full(measured.shape, np.nan)
        for i, modality in enumerate(self.modalities_):
            rows = np.flatnonzero(measured[:, i])
            if len(rows):
                risk = self.models_[modality].linear_predictor(frame[rows])
                result[rows, i] = (risk - self.center_[modality]) / self.sd_[i]
        return result

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        risks = np.where(measured, self._risks(frame, measured), 0.0)
        return np.asarray((risks * self.effective_weights(measured)).sum(axis=1) + self.intercept_)

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        return self.baseline_.survival(self._linear_predictor(frame, measured), days)
