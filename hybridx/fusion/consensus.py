"""Consensus fusion: several strategies, each calibrated on held-out patients, one weighted prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from scipy.optimize import minimize
from sklearn.base import clone

from hybridx.cohort import Outcome
from hybridx.cohort.columns import measured_mask, to_frame
from hybridx.errors import ConvergenceError, NotEnoughDataError, SettingsError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel, choose_modalities
from hybridx.fusion.early import EarlyFusion
from hybridx.fusion.kernel import KernelFusion
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.protocols import WeightedMembers
from hybridx.fusion.recalibration import Recalibration, held_out_scores
from hybridx.models import ForestResponse, SurvivalForest, frozen
from hybridx.models.data import Endpoint, check_enough, known_rows
from hybridx.models.losses import make_loss
from hybridx.terms.text import check_name

__all__ = ["ConsensusFusion"]

_MIN_EVENTS = 10  # two for each of five folds: with fewer, comparing members is comparing chance
_WEIGHT_SD = (
    0.25  # prior standard deviation of a weight around the equal one: few events leave them about equal
)


class ConsensusFusion(FusionModel):
    r"""Average different kinds of models, weighted by how they did on patients whom they had not seen.

    .. math:: \eta_i = a + s \sum_k w_k\, \tilde f_k(x_i), \qquad w_k \ge 0

    Each member's score f is first calibrated on held-out patients (slope, and intercept of a response). The weights
    maximise the held-out likelihood under a prior that they are equal: members that do better count more, as far as
    the number of events can tell. No single way to fuse wins on all cohorts, and an average of different ones is
    rarely far from the best of them.

    Parameters
    ----------
    members : mapping of str to FusionModel, or None
        Strategies by name. None takes additive effects of all features (`KernelFusion`) and trees (`EarlyFusion` of a
        forest), which see thresholds and interactions.
    modalities : list of str or None
        For the default members; given members say it themselves.
    endpoint : {"survival", "response"}
        What the outcome is.
    weights : mapping of str to float, or None
        Fixed weights >= 0 by member; None learns them.
    n_folds : int
        Folds of the held-out scores.
    random_state : int
        Deals patients to folds.

    Attributes
    ----------
    members_ : dict of str to FusionModel
        Fitted on all training patients.
    weights_ : dict of str to float
        w of each member; 0 where held-out patients spoke against it.
    calibrations_ : dict of str to Recalibration
        Of each member's score.
    recalibration_ : Recalibration
        Of the weighted score, with its baseline.

    Notes
    -----
    A member that cannot be fitted (too few patients, no convergence) is left out, and `notes_` says so. Where a member
    gives no prediction (it does not use any modality that the patient has), the others share its weight.

    Source
    ------
    Stacking with non-negative weights: Breiman 1996, doi:10.1007/BF00117832; super learner: van der Laan et al. 2007,
    doi:10.2202/1544-6115.1309.

    Examples
    --------
    >>> from hybridx.fusion import LateFusion
    >>> ConsensusFusion({"dense": KernelFusion(), "late": LateFusion()}, weights={"dense": 0.5, "late": 0.5})
    ConsensusFusion(members={'dense': KernelFusion(), 'late': LateFusion()},
                    weights={'dense': 0.5, 'late': 0.5})
    """

    members_: dict[str, FusionModel]
    weights_: dict[str, float]
    calibrations_: dict[str, Recalibration]
    recalibration_: Recalibration

    def __init__(
        self,
        members: Mapping[str, FusionModel] | None = None,
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        weights: Mapping[str, float] | None = None,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.members = members
        self.modalities = modalities
        self.endpoint = endpoint
        self.weights = weights
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table of modalities and its outcome; patients with an unknown outcome are left out.

        Raises
        ------
        NotEnoughDataError
            Too few events, or no member could be fitted.
        """
        self._check_endpoint()
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        asked = choose_modalities(frame, self.modalities)
        measured = np.column_stack([measured_mask(frame, m) for m in asked])
        some = np.flatnonzero(measured.any(axis=1))
        frame, outcome, measured = frame[some], outcome[some], measured[some]
        check_enough(outcome, "ConsensusFusion", _MIN_EVENTS)
        self.notes_, self.members_, scores = [], {}, {}
        for name, template in self._templates().items():
            try:
                fitted = _raw(clone(template)).fit(frame, outcome)
                scores[name] = held_out_scores(
                    frozen(fitted), frame, outcome, n_folds=self.n_folds, random_state=self.random_state
                )
            except (NotEnoughDataError, ConvergenceError) as error:
                self.notes_.append(f"{name} was left out: {error}")
                continue
            self.members_[name] = fitted
            self.notes_ += [f"{name}: {note}" for note in fitted.notes_]
        if not self.members_:
            msg = "ConsensusFusion has no member that could be fitted:"
            raise NotEnoughDataError("\n  ".join([msg, *self.notes_]))
        self._combine(scores, frame, outcome)
        used = {m for member in self.members_.values() for m in member.modalities_}
        self.modalities_ = [m for m in asked if m in used]
        self.columns_ = {
            m: list(dict.fromkeys(c for member in self.members_.values() for c in member.columns_.get(m, [])))
            for m in self.modalities_
        }
        self.patterns_ = pattern_table(self.modalities_, measured[:, [m in used for m in asked]], outcome)
        self.tuned_ = {
            "members": {name: frozen(member) for name, member in self.members_.items()},
            "weights": dict(self.weights_),
        }
        return self

    def _templates(self) -> dict[str, FusionModel]:
        if self.members is not None:
            for name, member in self.members.items():
                if not isinstance(member, FusionModel) or member.endpoint != self.endpoint:
                    msg = f"`members` takes fusion models for {self.endpoint!r}, got {member!r} as {name!r}."
                    raise SettingsError(msg)
            if not self.members:
                msg = "`members` is empty: name at least one fusion model, or None for the default ones."
                raise SettingsError(msg)
            return dict(self.members)
        asked: dict[str, Any] = {"modalities": self.modalities, "endpoint": self.endpoint}
        forest = SurvivalForest() if self.endpoint == "survival" else ForestResponse()
        return {
            "kernel": KernelFusion(**asked, random_state=self.random_state),
            "forest": EarlyFusion(forest, **asked),
        }

    def _combine(self, scores: Mapping[str, FloatArray], frame: pl.DataFrame, y: Outcome) -> None:
        """Learn each member's calibration, the weights and the fused baseline from held-out scores."""
        self.calibrations_, self.centers_, columns = {}, {}, []
        for name, score in scores.items():
            # a member may not know some patients: for the calibration they are average
            known = ~np.isnan(score)
            self.calibrations_[name] = Recalibration.fit(score[known], y[np.flatnonzero(known)])
            # held-out log-hazards count from their refits' training means; new ones from that of the final fit
            mean = float(np.nanmean(self.members_[name].linear_predictor(frame)))
            self.centers_[name] = mean if self.endpoint == "survival" else 0.0
            columns.append(self.calibrations_[name].predictor(score))
        matrix = np.column_stack(columns)
        self.weights_ = dict(zip(scores, self._weigh(matrix, y, list(scores)), strict=True))
        self.recalibration_ = Recalibration.fit(self._mix(matrix), y)

    def _weigh(self, matrix: FloatArray, y: Outcome, names: list[str]) -> list[float]:
        if self.weights is not None:
            for name in self.weights:
                check_name(name, [*self._templates()], "member in `weights`")
            given = [float(self.weights.get(name, 0.0)) for name in names]
            if min(given) < 0 or not sum(given) > 0:
                msg = f"weights are >= 0 and not all 0, got {dict(self.weights)!r}."
                raise SettingsError(msg)
            return given
        equal, loss = 1.0 / len(names), make_loss(y)
        filled = np.where(np.isnan(matrix), np.nanmean(matrix, axis=0), matrix)

        def objective(w: FloatArray) -> tuple[float, FloatArray]:
            eta, off = filled @ w, (w - equal) / _WEIGHT_SD
            return loss.value(eta) + 0.5 * float(off @ off), filled.T @ loss.gradient(eta) + off / _WEIGHT_SD

        start = np.full(len(names), equal)
        bounds = [(0.0, None)] * len(names)
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
        return (
            [float(w) for w in np.where(found < 1e-6, 0.0, found)]
            if found.sum() > 1e-6
            else [equal] * len(names)
        )

    def _shares(self, known: BoolArray) -> FloatArray:
        """Return each patient's weight of each member, shape (n, k): members without a prediction pass theirs on."""
        weights = np.array([self.weights_[name] for name in self.members_])
        there = np.where(known, weights, 0.0)
        sums = there.sum(axis=1, keepdims=True)
        # where only members of weight 0 know the patient they speak after all, equally
        there = np.where(sums > 0, there, known.astype(np.float64))
        return there * weights.sum() / np.maximum(there.sum(axis=1, keepdims=True), 1e-300)

    def _mix(self, matrix: FloatArray) -> FloatArray:
        known = ~np.isnan(matrix)
        return np.asarray((self._shares(known) * np.where(known, matrix, 0.0)).sum(axis=1))

    def member_predictors(self, X: Any) -> pl.DataFrame:
        """Return each member's calibrated predictor (log-hazard or log-odds), null where it knows nothing."""
        frame = to_frame(X)
        columns = {
            name: self.calibrations_[name].predictor(member.linear_predictor(frame) - self.centers_[name])
            for name, member in self.members_.items()
        }
        return pl.DataFrame(columns).fill_nan(None)

    def _score(self, frame: pl.DataFrame) -> FloatArray:
        return self._mix(self.member_predictors(frame).cast(pl.Float64).to_numpy())

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:  # noqa: ARG002
        return self.recalibration_.predictor(self._score(frame))

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:  # noqa: ARG002
        return self.recalibration_.survival(self._score(frame), days)

    def weighted_members(self, X: Any) -> WeightedMembers:
        """Return the members with each patient's weights on their own linear predictors."""
        frame = to_frame(X)
        known = np.column_stack([~np.isnan(m.linear_predictor(frame)) for m in self.members_.values()])
        shares = self._shares(known)
        names = list(self.members_)
        slopes = np.array([self.calibrations_[name].slope for name in names])
        constants = np.array(
            [float(self.calibrations_[n].predictor(np.array([-self.centers_[n]]))[0]) for n in names]
        )
        last = self.recalibration_
        offset = last.predictor((shares * np.where(known, constants, 0.0)).sum(axis=1))
        offset[~known.any(axis=1)] = np.nan
        return WeightedMembers(list(self.members_.values()), last.slope * shares * slopes, offset)


def _raw(member: FusionModel) -> FusionModel:
    """Switch off a member's own calibration, where it has one: it is done here, on the same held-out patients."""
    return member.set_params(recalibrate=False) if "recalibrate" in member.get_params(deep=False) else member
