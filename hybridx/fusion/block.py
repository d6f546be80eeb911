"""Block-penalised fusion: one model over all modalities, with a penalty for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
import polars as pl

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, measured_mask, to_frame, to_matrix
from hybridx.compute import one_thread
from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel, choose_modalities, frozen
from hybridx.fusion.block_coefficients import coefficient_table, variance_shares
from hybridx.fusion.block_design import BlockRows, prepare_blocks, prepared
from hybridx.fusion.block_problem import BlockProblem, BlockSolver, RidgeSolver, fold_blocks
from hybridx.fusion.block_sparse import SparseSolver
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.priority import PrioritySolver
from hybridx.fusion.protocols import LinearForm
from hybridx.fusion.recalibration import Recalibration, held_out_scores
from hybridx.models.data import MIN_EVENTS, Endpoint, check_columns, check_enough, event_folds, known_rows
from hybridx.models.losses import make_loss
from hybridx.prepare import Preparation
from hybridx.terms.text import check_name, listing

__all__ = ["BlockPenalizedFusion"]

Penalty = Literal["ridge", "elastic_net", "lasso", "priority"]

# Held-out predictions leave out a fifth of a modality's events, and the rest must still say how its columns matter.
_MIN_EVENTS = MIN_EVENTS + 2
# Gain of held-out log-likelihood that a useless score reaches one time in twenty (half of chi-squared's 3.84).
_BY_CHANCE = 1.92
_L1_RATIO = {"ridge": 0.0, "elastic_net": 0.5, "lasso": 1.0, "priority": 0.0}


class BlockPenalizedFusion(FusionModel):
    r"""Fit one Cox or logistic model on the columns of all modalities, each modality with a penalty of its own.

    .. math:: \eta_i = a + \sum_b \sum_{j \in b} \beta_j z_{ij}, \qquad
       \text{penalty } \sum_b \tfrac{q_b}{2 s_b^2} |\beta_b|^2 \text{ (ridge)}

    The strength s_b of a modality is the standard deviation of the log-hazard (log-odds) that it may carry between
    patients. All are chosen together on held-out patients, from an expectation that modalities are alike and as strong
    as published signatures; so a few strong clinical facts are not drowned by hundreds of imaging features, and a
    modality that predicts nothing is shrunk to little. Columns are standardised on those who have the modality and
    count as 0, their mean, for those who do not: every patient with something measured takes part in the fit and gets
    a prediction.

    Parameters
    ----------
    penalty : {"ridge", "elastic_net", "lasso", "priority"}
        "ridge" keeps all columns; "elastic_net" and "lasso" choose columns, with penalties in the ratio that ridge
        finds; "priority" fits the modalities in `order`, each on top of the held-out predictor of those before it.
    modalities : list of str or None
        Which modalities to use, by name; None takes all of the table.
    endpoint : {"survival", "response"}
        What the outcome is.
    order : list of str or None
        For "priority": the most trusted modality first; those not named follow. None: "clinical" first, then the
        modalities with fewest columns.
    l1_ratio : float or None
        Share of the lasso within a modality, for "elastic_net" (None: 0.5) and "priority" (None: 0, ridge; 1 is the
        published priority-lasso).
    prior_sds : dict of modality to float, or None
        s_b, in units of log-hazard (log-odds): 0.1 is very cautious, 1 lets patients differ e-fold. None chooses.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Folds of the choice, and of the held-out risks that set the spread and the baseline.
    recalibrate : bool
        Whether spread, intercept and baseline are set on held-out risks. False leaves the raw linear predictor, for
        quick refits, and no survival curves.
    random_state : int
        Deals patients to folds.

    Attributes
    ----------
    prior_sds_ : dict of str to float
        s_b of each modality.
    penalties_ : dict of str to float
        Penalty per standardised column of each modality, on the sum over patients: q_b / s_b^2 for ridge; for the
        others lambda_b of `hybridx.fusion.block_sparse`.
    coef_ : polars.DataFrame
        `modality`, `column`, `coefficient`: log hazard (odds) ratio per standard deviation of the column.
    shares_ : dict of str to float
        Share of the variance of the predictor between training patients that goes with each modality; the sum is 1.
    recalibration_ : Recalibration or None
        From the raw score to the linear predictor.

    Notes
    -----
    A modality with fewer than seven events (or responders, or non-responders) among the patients who have it is left
    out, and `notes_` says so.

    Source
    ------
    One ridge penalty per block: van de Wiel et al. 2016, doi:10.1002/sim.6732, van Nee et al. 2021,
    doi:10.1002/sim.9162. Lasso: Boulesteix et al. 2017, doi:10.1155/2017/7691937; penalties in the ratio of the
    ridge prior: van Nee et al. 2021, arXiv:2101.03875. Priority: Klau et al. 2018, doi:10.1186/s12859-018-2344-6.

    Examples
    --------
    >>> BlockPenalizedFusion("priority", order=["clinical", "lab"], endpoint="response")
    BlockPenalizedFusion(endpoint='response', order=['clinical', 'lab'],
                         penalty='priority')
    """

    coef_: pl.DataFrame
    prior_sds_: dict[str, float]
    penalties_: dict[str, float]
    shares_: dict[str, float]
    recalibration_: Recalibration | None

    def __init__(
        self,
        penalty: Penalty = "ridge",
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        order: Sequence[str] | None = None,
        l1_ratio: float | None = None,
        prior_sds: Mapping[str, float] | None = None,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        n_folds: int = 5,
        recalibrate: bool = True,
        random_state: int = 0,
    ) -> None:
        self.penalty = penalty
        self.modalities = modalities
        self.endpoint = endpoint
        self.order = order
        self.l1_ratio = l1_ratio
        self.prior_sds = prior_sds
        self.max_missing = max_missing
        self.correlation = correlation
        self.n_folds = n_folds
        self.recalibrate = recalibrate
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table of modalities and its outcome; patients with an unknown outcome are left out.

        Raises
        ------
        NotEnoughDataError
            No modality has enough patients with an event.
        ConvergenceError
            The fit found no solution.
        """
        self._check_endpoint()
        l1_ratio = self._checked_ratio()
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        check_enough(outcome, type(self).__name__, _MIN_EVENTS)
        self.notes_: list[str] = []
        self.modalities_ = self._enough(frame, outcome)
        self.columns_ = {m: feature_columns(frame, [m]) for m in self.modalities_}
        measured = np.column_stack([measured_mask(frame, m) for m in self.modalities_])
        rows = np.flatnonzero(measured.any(axis=1))
        if len(rows) < len(measured):
            self.notes_.append(f"{len(measured) - len(rows)} patients with nothing measured were left out.")
        self.patterns_ = pattern_table(self.modalities_, measured, outcome)
        frame, outcome, measured = frame[rows], outcome[rows], measured[rows]
        with one_thread():  # as in the models
            problem = self._problem(frame, outcome, measured)
            self._solve(problem, self._solver(l1_ratio))
            self.recalibration_ = None
            if self.recalibrate:
                self._recalibrate(frame, outcome)
        self._describe(problem)
        return self

    def _recalibrate(self, frame: pl.DataFrame, y: Outcome) -> None:
        """Set spread, intercept and baseline on held-out risks, and say so where these are no better than chance."""
        quick = frozen(self).set_params(recalibrate=False)
        seed = self.random_state + 1_000_003  # other folds than those of the choice
        score = held_out_scores(quick, frame, y, n_folds=self.n_folds, random_state=seed)
        self.recalibration_ = Recalibration.fit(score, y)
        loss, same = make_loss(y), np.full(len(y), float(np.mean(score)))
        if y.kind == "response":
            share = float(np.mean(y.value))
            same[:] = np.log(share / (1.0 - share))
        if loss.value(same) - loss.value(score) < _BY_CHANCE:
            text = "Held-out patients are not predicted clearly better than by chance: expect little of this model."
            self.notes_.append(text)

    def _checked_ratio(self) -> float:
        check_name(self.penalty, get_args(Penalty), "penalty")
        ratio = _L1_RATIO[self.penalty]
        if self.l1_ratio is not None:
            if self.penalty not in ("elastic_net", "priority") or not 0 <= self.l1_ratio <= 1:
                msg = (
                    "l1_ratio is a share from 0 to 1 for penalty='elastic_net' or 'priority', got "
                    f"{self.l1_ratio!r} for {self.penalty!r}."
                )
                raise SettingsError(msg)
            ratio = self.l1_ratio
        if self.order is not None and self.penalty != "priority":
            msg = f"order is for penalty='priority', got it for {self.penalty!r}."
            raise SettingsError(msg)
        for modality, sd in (self.prior_sds or {}).items():
            if not 0 < sd < np.inf:
                msg = f"prior_sds are standard deviations > 0, got {sd!r} for {modality!r}."
                raise SettingsError(msg)
        return float(ratio)

    def _enough(self, frame: pl.DataFrame, y: Outcome) -> list[str]:
        """Return the modalities with enough events and a usable column, and say which are left out."""
        kept = []
        for modality in choose_modalities(frame, self.modalities):
            rows = np.flatnonzero(measured_mask(frame, modality))
            try:
                check_enough(y[rows], f"The modality {modality!r}", _MIN_EVENTS)
                columns = feature_columns(frame, [modality])
                step = Preparation(self.max_missing).fit_matrix(to_matrix(frame[rows], columns), columns)
                check_columns(step, f"The modality {modality!r}")
                kept.append(modality)
            except NotEnoughDataError as error:
                self.notes_.append(f"{modality} was left out: {error}")
        if not kept:
            msg = f"{type(self).__name__} has no modality with enough patients:"
            raise NotEnoughDataError("\n  ".join([msg, *self.notes_]))
        return kept

    def _problem(self, frame: pl.DataFrame, y: Outcome, measured: BoolArray) -> BlockProblem:
        data = BlockRows.of(frame, self.columns_, measured)
        columns = [c for names in self.columns_.values() for c in names]
        fold = event_folds(frame, columns, y, self.n_folds, self.random_state)

        def prepare(rows: BlockRows) -> list[Preparation | None]:
            return prepare_blocks(rows, self.max_missing, self.correlation)

        self.preparations_ = dict(zip(self.modalities_, prepare(data), strict=True))
        blocks = prepared(data, list(self.preparations_.values()))
        return BlockProblem(blocks, y, lambda: fold_blocks(data, fold, prepare))

    def _solver(self, l1_ratio: float) -> BlockSolver:
        if self.penalty == "priority":
            return PrioritySolver([self.modalities_.index(m) for m in self._ordered()], l1_ratio)
        return RidgeSolver() if l1_ratio == 0 else SparseSolver(l1_ratio)

    def _ordered(self) -> list[str]:
        """Return the modalities in order of trust."""
        for modality in self.order or ():
            check_name(modality, [*self.modalities_, *(self.modalities or ())], "modality in `order`")
        named = [m for m in (self.order or ["clinical"]) if m in self.modalities_]
        rest = [m for m in self.modalities_ if m not in named]
        return named + sorted(rest, key=lambda m: (len(self.columns_[m]), m))

    def _solve(self, problem: BlockProblem, solver: BlockSolver) -> None:
        if self.prior_sds is None:
            sds = solver.search(problem)
        else:
            absent = [m for m in self.modalities_ if m not in self.prior_sds]
            if absent:
                msg = f"prior_sds names every modality used, or is None; it lacks {listing(absent)}."
                raise SettingsError(msg)
            sds = np.array([float(self.prior_sds[m]) for m in self.modalities_])
        fit = solver.fit(problem, sds)
        self.prior_sds_ = dict(zip(self.modalities_, sds.tolist(), strict=True))
        self.penalties_ = dict(zip(self.modalities_, solver.penalties(problem, sds).tolist(), strict=True))
        self.raw_coef_, self.raw_intercept_ = (
            dict(zip(self.modalities_, fit.coefs, strict=True)),
            fit.intercept,
        )
        self.tuned_ = {"prior_sds": dict(self.prior_sds_), "modalities": list(self.modalities_)}

    def _describe(self, problem: BlockProblem) -> None:
        slope = 1.0 if self.recalibration_ is None else self.recalibration_.slope
        self.coef_ = coefficient_table(self.preparations_, self.raw_coef_, slope)
        shares = variance_shares(problem.blocks, list(self.raw_coef_.values()))
        self.shares_ = dict(zip(self.modalities_, shares, strict=True))

    def _blocks(self, frame: pl.DataFrame, measured: BoolArray) -> list[FloatArray]:
        data = BlockRows.of(frame, self.columns_, measured)
        return prepared(data, list(self.preparations_.values()))

    def _raw(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        score = np.full(frame.height, self.raw_intercept_)
        for block, coef in zip(self._blocks(frame, measured), self.raw_coef_.values(), strict=True):
            score += block @ coef
        return score

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        score = self._raw(frame, measured)
        return score if self.recalibration_ is None else self.recalibration_.predictor(score)

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        if self.recalibration_ is None:
            msg = "Survival curves need recalibrate=True: the baseline is set on held-out risks."
            raise SettingsError(msg)
        return self.recalibration_.survival(self._raw(frame, measured), days)

    def linear_form(self, X: Any) -> LinearForm:
        """Return the prediction of each patient as offset plus coefficients times standardised values."""
        frame, measured = to_frame(X), self.measured(X)
        blocks, some = self._blocks(frame, measured), measured.any(axis=1)
        slope = 1.0 if self.recalibration_ is None else self.recalibration_.slope
        zero = np.array([self.raw_intercept_])
        offset = zero if self.recalibration_ is None else self.recalibration_.predictor(zero)
        coefficients = [
            np.outer(measured[:, i], slope * coef) for i, coef in enumerate(self.raw_coef_.values())
        ]
        return LinearForm(
            columns=self.coef_["column"].to_list(),
            values=np.hstack(blocks),
            coefficients=np.hstack(coefficients),
            offset=np.where(some, offset[0], np.nan),
        )
