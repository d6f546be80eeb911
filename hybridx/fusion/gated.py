"""Intermediate fusion: small encoders, attention over the modalities that a patient has, one head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import Outcome
from hybridx.cohort.columns import to_frame, to_matrix
from hybridx.compute import one_thread
from hybridx.compute.bars import ProgressBar, progress
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel
from hybridx.fusion.gated_combining import Combination, Scores
from hybridx.fusion.gated_line import Line
from hybridx.fusion.gated_patients import check_settings, gather, usable_modalities
from hybridx.fusion.gated_search import held_out, main_output
from hybridx.fusion.gated_task import Task
from hybridx.fusion.gated_time import event_cuts
from hybridx.fusion.gated_training import train
from hybridx.fusion.gated_tuning import folds_of, recipe_of, tuned
from hybridx.fusion.network import forward, from_arrays, to_arrays
from hybridx.fusion.patterns import pattern_table
from hybridx.measure.encoder import torch_device
from hybridx.models import TableModel
from hybridx.models.data import Endpoint

__all__ = ["GatedFusion"]


class GatedFusion(FusionModel):
    r"""Encode each modality, let gated attention weigh those that a patient has, predict from their weighted sum.

    The one fusion here in which modalities can modify each other's effects. It needs patients for that: with few, all
    but the attention is linear. A ridge model of the `anchor` modality runs beside the network, and held-out patients
    say how much weight each of the two gets.

    Parameters
    ----------
    modalities : list of str or None
        Which modalities to use, by name; None takes all of the table.
    endpoint : {"survival", "response"}
        What is predicted.
    head : {"cox", "hazard"}
        Survival only. ``cox``: one log-hazard, proportional hazards. ``hazard``: a hazard per time interval; effects
        may fade, grow or change sign with time.
    interactions : {"auto", "attention", "pairs", "hidden"}
        How modalities may modify each other's effects. ``attention``: through the attention only; all else is linear.
        ``pairs``: also through low-rank products of every two. ``hidden``: through hidden layers in the encoders and
        after the fusion. ``auto``: inner folds choose between the first two; below 150 events the first.
    anchor : str or None
        The modality with a line of its own; see above. None, or a name that the table does not have: none.
    width : int
        Length of each encoding.
    components : int or None
        Principal components kept per modality; None: a third of the patients, at most 64.
    dropout, modality_dropout : float
        Share of each encoding, and of a patient's measured modalities, hidden at each step of the training (never all
        modalities).
    weight_decay, epochs : float, int or None
        Penalty (half the squared distance of the weights from their start, beside the loss per event) and length of
        the training; None: inner folds choose.
    anchor_prior_sd : float or None
        Of the line: see `hybridx.models.CoxRidge`.
    learning_rate : float
        Of the Adam optimiser; every step sees all patients.
    n_intervals : int
        ``hazard``: at most this many intervals, cut where events lie.
    horizon : float or None
        ``hazard``: days over which the risk is averaged; None: up to the last event in training.
    auxiliary_weight : float
        Share of the second outcome's loss, when `fit` gets one.
    n_members : int
        Networks that differ in their random start and are averaged.
    n_folds : int
        Inner folds.
    random_state : int
        Of folds, weights and dropout.
    device : str
        ``cpu``, or ``cuda`` where PyTorch sees a GPU (which rounds differently).
    show_progress : bool
        Whether a fit that takes more than two seconds says so.

    Attributes
    ----------
    weights_ : dict of str to array
        Weights of the networks, members in front.
    inputs_ : list of BlockInput
        How each modality's columns become inputs.
    line_ : estimator or None
        The anchor's model.
    combination_ : Combination
        Weights of line and network, and the way to survival or probability, from held-out patients.
    cv_ : polars.DataFrame or None
        Held-out loss of each setting tried.

    Notes
    -----
    At least ten events (or responders, and non-responders) are needed, also among the patients who have a modality: two
    for each of five inner folds, as fewer tell nothing about when to stop. A modality with fewer is left out.

    Worth choosing where one modality may change what another means, from about 200 events on: there it is well ahead of
    the other fusions. Where modalities merely add up it is no better than they are, and slower
    (``benchmarks/gated_interactions.py``).

    Source
    ------
    Gated attention: Ilse, Tomczak & Welling 2018, arXiv:1802.04712. Interval hazards: Gensheimer & Narasimhan 2019,
    doi:10.7717/peerj.6257.

    Examples
    --------
    >>> GatedFusion(["clinical", "pet"], head="hazard")
    GatedFusion(head='hazard', modalities=['clinical', 'pet'])
    """

    weights_: dict[str, npt.NDArray[np.float32]]

    def __init__(
        self,
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        head: Literal["cox", "hazard"] = "cox",
        interactions: Literal["auto", "attention", "pairs", "hidden"] = "auto",
        anchor: str | None = "clinical",
        width: int = 4,
        components: int | None = None,
        dropout: float = 0.1,
        modality_dropout: float = 0.2,
        weight_decay: float | None = None,
        epochs: int | None = None,
        anchor_prior_sd: float | None = None,
        learning_rate: float = 0.02,
        n_intervals: int = 12,
        horizon: float | None = None,
        auxiliary_weight: float = 0.5,
        n_members: int = 5,
        n_folds: int = 5,
        random_state: int = 0,
        device: str = "cpu",
        show_progress: bool = True,
    ) -> None:
        self.modalities = modalities
        self.endpoint = endpoint
        self.head = head
        self.interactions = interactions
        self.anchor = anchor
        self.width = width
        self.components = components
        self.dropout = dropout
        self.modality_dropout = modality_dropout
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.anchor_prior_sd = anchor_prior_sd
        self.learning_rate = learning_rate
        self.n_intervals = n_intervals
        self.horizon = horizon
        self.auxiliary_weight = auxiliary_weight
        self.n_members = n_members
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X: Any, y: Any, auxiliary: Outcome | None = None) -> Self:
        """Learn from a table of modalities and its outcome.

        Parameters
        ----------
        X : table, n rows
        y : Outcome, n rows
            What is predicted. Patients in whom it is unknown are left out, unless `auxiliary` knows them.
        auxiliary : Outcome, n rows, optional
            A second outcome of the other kind (response beside survival, survival beside response), known in some. A
            second head learns it from the same encodings; it is not predicted.

        Raises
        ------
        NotEnoughDataError
            Too few events, or no modality with enough of them.
        ConvergenceError
            A loss is not finite.
        """
        check_settings(self)
        torch_device(self.device)
        self._check_endpoint()
        patients = gather(X, y, auxiliary, self.endpoint)
        self.notes_ = []
        self.columns_ = usable_modalities(patients, self.modalities, self.notes_)
        self.modalities_ = list(self.columns_)
        patients = patients.having(self.modalities_, self.notes_)
        with one_thread(), progress("GatedFusion", 4, enabled=self.show_progress) as bar:
            task = self._task(patients.frame, patients.measured(self.modalities_), patients.y, patients.other)
            bar.advance()
            self._learn(task, bar)
        self.patterns_ = pattern_table(self.modalities_, task.measured[: len(task.y)], task.y)
        return self

    def _task(self, frame: pl.DataFrame, measured: BoolArray, y: Outcome, other: Outcome | None) -> Task:
        cuts = None
        if y.kind == "survival" and self.head == "hazard":
            cuts = event_cuts(y.time_days, y.event, self.n_intervals)
        line = None
        if self.anchor in self.columns_:
            where = self.modalities_.index(self.anchor)
            line = Line.fit(
                frame,
                self.columns_[self.anchor],
                measured[:, where],
                y,
                prior_sd=self.anchor_prior_sd,
                n_folds=self.n_folds,
                random_state=self.random_state,
            )
        components = self.components
        if components is None:
            components = int(np.clip(len(y) // 3, 2, 64))
        return Task(
            frame=frame,
            columns=self.columns_,
            measured=measured,
            y=y,
            cuts=cuts,
            other=other,
            other_part=self.auxiliary_weight,
            line=line,
            components=components,
            device=self.device,
        )

    def _learn(self, task: Task, bar: ProgressBar) -> None:
        interactions, decay, epochs, self.cv_ = tuned(self, task)
        bar.advance()
        recipe = recipe_of(self, interactions)
        scores = held_out(
            task,
            folds_of(self, task, tuning=False),
            recipe,
            decay=decay,
            epochs=epochs,
            networks=self.n_members,
        )
        y = task.y
        horizon = np.inf
        if task.cuts is not None:
            horizon = float(y.time_days[y.event].max()) if self.horizon is None else float(self.horizon)
        self.combination_ = Combination.fit(scores, y, task.cuts, horizon, has_line=task.line is not None)
        bar.advance()
        batch, fitted = task.batch(task.training_rows(None))
        weights = train(batch, recipe, [decay] * self.n_members, epochs)
        self.weights_ = to_arrays(weights)
        self.inputs_ = [block for block in fitted[0] if block is not None]
        self.line_: TableModel | None = None if task.line is None else task.line.model
        self.line_center_ = 0.0 if task.line is None else task.line.center
        self.center_ = np.zeros(self.n_members)
        if y.kind == "survival" and task.cuts is None:
            with torch.no_grad():
                self.center_ = main_output(batch, weights, batch.measured)[0, :, :, 0].mean(axis=1)
        self.tuned_ = {"interactions": interactions, "weight_decay": decay, "epochs": epochs}
        if self.line_ is not None:
            self.tuned_["anchor_prior_sd"] = self.line_.tuned_["prior_sd"]
        if task.line is not None and not self.combination_.network:
            text = f"On held-out patients the network adds nothing to {self.anchor} alone: patients who have it are "
            self.notes_.append(text + "predicted from it alone.")
        bar.advance()

    def _forward(self, frame: pl.DataFrame, measured: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return each member's main output (S, n, size), centred as in training, and its attention (S, n, m)."""
        check_is_fitted(self, "weights_")
        blocks = []
        device = torch_device(self.device)
        for i, (names, block) in enumerate(zip(self.columns_.values(), self.inputs_, strict=True)):
            matrix = np.full((frame.height, len(names)), np.nan)
            if measured[:, i].any():
                matrix = to_matrix(frame, names)
            blocks.append(torch.as_tensor(block.transform(matrix, measured[:, i]), device=device)[None])
        with one_thread(), torch.no_grad():
            weights = from_arrays(self.weights_, device)
            heads, attention = forward(weights, blocks, torch.as_tensor(measured, device=device)[None])
        output = heads["main"][0].cpu().numpy() - self.center_[:, None, None]
        return output, attention[0].cpu().numpy()

    def _scores(self, frame: pl.DataFrame, measured: BoolArray, output: FloatArray) -> Scores:
        line, anchored = np.zeros(frame.height), np.zeros(frame.height, dtype=bool)
        if self.line_ is not None:
            where = self.modalities_.index(str(self.anchor))
            anchored = measured[:, where]
            rows = np.flatnonzero(anchored)
            if len(rows):
                line[rows] = self.line_.linear_predictor(frame[rows]) - self.line_center_
        return Scores(line, output, output, anchored, ~anchored)

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        output = self._forward(frame, measured)[0].mean(axis=0)
        return self.combination_.predictor(self._scores(frame, measured, output))

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        output = self._forward(frame, measured)[0].mean(axis=0)
        return self.combination_.survival(self._scores(frame, measured, output), days)

    def attention(self, X: Any) -> pl.DataFrame:
        """Return the share of each modality in each patient's fused encoding, averaged over the members.

        Rows add up to 1 over what is measured; absent modalities have 0, and patients with nothing measured null. A
        share says where the network looks, not how much the risk would change without it.
        """
        frame, measured = to_frame(X), self.measured(X)
        shares = np.full(measured.shape, np.nan)
        rows = np.flatnonzero(measured.any(axis=1))
        if len(rows):
            shares[rows] = self._forward(frame[rows], measured[rows])[1].mean(axis=0)
        carried = [c for c in ("patient_id",) if c in frame.columns]
        columns = [pl.Series(m, shares[:, i]).fill_nan(None) for i, m in enumerate(self.modalities_)]
        return frame.select(carried).with_columns(columns) if carried else pl.DataFrame(columns)

    def member_predictors(self, X: Any) -> FloatArray:
        """Return the linear predictor that each member alone would give, shape (n, n_members).

        Their spread (standard deviation along a row) is the part of the uncertainty that comes from the random start
        and dropout. It is not a confidence interval: members share the patients they learnt from.
        """
        frame, measured = to_frame(X), self.measured(X)
        result = np.full((frame.height, self.n_members), np.nan)
        rows = np.flatnonzero(measured.any(axis=1))
        if len(rows):
            part, there = frame[rows], measured[rows]
            for s, output in enumerate(self._forward(part, there)[0]):
                result[rows, s] = self.combination_.predictor(self._scores(part, there, output))
        return result
