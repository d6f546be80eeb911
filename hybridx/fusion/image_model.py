"""Image fusion: a network that reads the PET/CT patch in the light of the tables, beside late fusion of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import logit
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, measured_mask, to_frame
from hybridx.compute import one_thread
from hybridx.errors import InputError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel
from hybridx.fusion.image_checks import Start, check_enough, tables_beside, training_settings
from hybridx.fusion.image_held_out import Training, choose, held_out_images, held_out_tables
from hybridx.fusion.image_network import make_network
from hybridx.fusion.image_patches import read_patches
from hybridx.fusion.image_term import ImageTerm, has_image
from hybridx.fusion.image_training import Pictures, TrainingSettings, trained
from hybridx.fusion.late import LateFusion
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.protocols import WeightedMembers
from hybridx.fusion.recalibration import Recalibration
from hybridx.models import frozen
from hybridx.models.data import Endpoint, event_folds, known_rows

__all__ = ["ImageFusion"]

_LOOK = 2  # epochs between two looks at held-out patients


class ImageFusion(FusionModel):
    r"""Let a network read the PET/CT patch in the light of the tables, beside late fusion of the tables.

    .. math:: \eta_i = s\,\bigl(f(\text{tables}_i) + a_i\, w\,g(\text{patch}_i \mid \text{tables}_i)\bigr) + b

    f is `LateFusion` of the tables. g is a 3-D convolutional network, trained end to end through the loss of the whole
    prediction, in which the tables set scale and shift of its channels (FiLM): the same picture may mean different
    things in different patients. a_i = 1 where there is a picture; without one the prediction is that of the tables
    alone. Epochs and the weight w of the image are chosen on held-out patients, w = 0 where it does not help them.

    Parameters
    ----------
    modalities : list of str or None
        Tables that stand beside the image and condition it; None takes all but the image's own block, whose columns
        are the same picture through a fixed encoder. An empty list: the image alone.
    endpoint : {"survival", "response"}
        What the outcome is.
    image : str
        Modality whose ``<modality>.image`` is read; see ``Cohort.frame(images=True)``.
    tabular : LateFusion or None
        The tables' part; None takes `LateFusion` with its defaults.
    init : {"pretrained", "random"}
        Where the encoder starts: the weights that ship with the library (learnt on synthetic phantoms, without
        labels), or chance.
    frozen_stages : int or None
        How many of the encoder's three stages (fine, middle, coarse) keep their starting weights, 0 to 2; None: 2 for
        pretrained, 0 for random.
    film : bool
        Whether tables condition the image; False: one reading for all.
    epochs : int or None
        Passes over the patients; None chooses up to `max_epochs` on held-out patients.
    max_epochs, batch_size : int
        Batches have about this size, and at least eight events each.
    learning_rate : float
        Of the encoder; what starts at zero learns ten times faster.
    weight_decay : float
        Of what starts at zero.
    modality_dropout : float
        Share of patients whose image, and of blocks that, look absent in a training step.
    augment : bool
        Mirror, shift by up to 6 mm and add noise in training.
    n_folds : int
        Folds of held-out patients.
    min_events : int
        Events (for a response: responders and non-responders together, the rarer counted twice) that patients with an
        image must have. With fewer than about 50, three held-out folds of some 15 events cannot tell an image that
        helps from one that does not, and the network only adds noise to late fusion.
    device : str
        ``cpu`` or ``cuda``. A GPU rounds differently, and not the same each time.
    random_state : int
        Deals patients to folds and batches, and seeds network and augmentation.

    Attributes
    ----------
    tabular_ : LateFusion or None
        The tables' part.
    image_ : ImageTerm
        The image's part.
    image_weight_ : float
        w above.
    held_out_gain_ : float
        Log-likelihood that the image gains on held-out patients, at the chosen epoch and weight.
    recalibration_ : Recalibration
        s, b and baseline hazard, from held-out predictions.
    tuned_ : dict
        `epochs`, and the tables' model with its settings fixed.

    Notes
    -----
    About 0.4 million weights are trained (0.54 with nothing frozen) on some hundred events: the restraint is in
    starting from a trained encoder, in starting at "the image says nothing", and in held-out patients' word on when to
    stop and how loud the image may be. The network's context is a few numbers per block, see
    `hybridx.fusion.image_context`; the tables' part is a held-out prediction while the network trains, and its
    coefficients are not trained with it.

    Source
    ------
    FiLM: Perez et al. 2018, arXiv:1709.07871; held-out predictions as one covariate beside others (pre-validation):
    Tibshirani & Efron 2002, doi:10.2202/1544-6115.1000.

    Examples
    --------
    >>> ImageFusion(endpoint="response", modalities=["clinical", "lab"])
    ImageFusion(endpoint='response', modalities=['clinical', 'lab'])
    """

    needs_images: ClassVar[bool] = True
    tabular_: LateFusion | None

    def __init__(
        self,
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        image: str = "deep",
        tabular: LateFusion | None = None,
        init: Start = "pretrained",
        frozen_stages: int | None = None,
        film: bool = True,
        epochs: int | None = None,
        max_epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        modality_dropout: float = 0.2,
        augment: bool = True,
        n_folds: int = 3,
        min_events: int = 50,
        device: str = "cpu",
        random_state: int = 0,
    ) -> None:
        self.modalities = modalities
        self.endpoint = endpoint
        self.image = image
        self.tabular = tabular
        self.init = init
        self.frozen_stages = frozen_stages
        self.film = film
        self.epochs = epochs
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.modality_dropout = modality_dropout
        self.augment = augment
        self.n_folds = n_folds
        self.min_events = min_events
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from ``cohort.frame(images=True)`` and its outcome; patients with an unknown outcome are left out.

        Raises
        ------
        NotEnoughDataError
            Too few events among the patients with an image, or no table has enough of them.
        InputError
            The table has no pictures, or a stored picture is gone or was changed.
        SettingsError
            An impossible setting, or no such device.
        """
        self._check_endpoint()
        settings = training_settings(self)
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        names = tables_beside(self, frame)
        has = has_image(frame, self.image)
        if not has.any():
            msg = (
                f"ImageFusion found no picture: the table needs a column '{self.image}.image' with references to "
                "patches. Take it from cohort.frame(images=True)."
            )
            raise InputError(msg)
        check_enough(outcome, has, self.min_events)
        with one_thread():  # as in the models: the number of threads would change the order of sums
            return self._learn(frame, outcome, has, names, settings)

    def _learn(
        self, frame: pl.DataFrame, y: Outcome, has: BoolArray, names: list[str], settings: TrainingSettings
    ) -> Self:
        self.notes_ = []
        self._fit_tables(frame, y, names)
        tables = [] if self.tabular_ is None else self.tabular_.modalities_
        columns = {} if self.tabular_ is None else dict(self.tabular_.columns_)
        self.modalities_, self.columns_ = [*tables, self.image], {**columns, self.image: []}
        measured = np.column_stack([*(measured_mask(frame, m) for m in tables), has])
        self.patterns_ = pattern_table(self.modalities_, measured, y)
        some = np.flatnonzero(measured.any(axis=1))
        if len(some) < len(y):
            self.notes_.append(f"{len(y) - len(some)} patients with nothing measured were left out.")
        frame, y, measured, has = frame[some], y[some], measured[some], has[some]
        pictures = Pictures(read_patches(frame[f"{self.image}.image"].filter(has).to_list()), settings)
        folds = event_folds(frame, feature_columns(frame), y, self.n_folds, self.random_state + 2_000_003)
        training = Training(
            frame=frame,
            y=y,
            columns=columns if self.film else {},
            measured=measured[:, :-1] if self.film else measured[:, :0],
            place=np.where(has, np.cumsum(has) - 1, -1),
            table_part=self._table_part(frame, y, folds),
        )
        held_out = held_out_images(training, folds, pictures, self._looks(), settings)
        choice = choose(held_out, training.table_part, y)
        epochs = choice.epoch if self.epochs is None else self.epochs
        self._fit_image(training, pictures, settings, epochs)
        self.image_weight_, self.held_out_gain_ = choice.weight, choice.gain
        if not choice.weight:
            text = "The image does not clearly help held-out patients: predictions are those of the tables alone."
            self.notes_.append(text)
        image_part = held_out.get(epochs, np.zeros(len(y)))
        self.recalibration_ = Recalibration.fit(training.table_part + choice.weight * image_part, y)
        self.tuned_ = {"epochs": epochs}
        if self.tabular_ is not None:
            self.tuned_["tabular"] = frozen(self.tabular_)
            del self.tabular_.held_out_  # single patients are no part of a model
        return self

    def _looks(self) -> list[int]:
        if self.epochs is None:
            return list(range(_LOOK, self.max_epochs + 1, _LOOK)) or [1]
        return [self.epochs] if self.epochs else []

    def _fit_tables(self, frame: pl.DataFrame, y: Outcome, names: list[str]) -> None:
        self.tabular_, self.table_center_, self.table_empty_ = None, 0.0, 0.0
        if not names:
            return
        template = LateFusion(random_state=self.random_state) if self.tabular is None else self.tabular
        self.tabular_ = clone(template).set_params(endpoint=self.endpoint, modalities=names).fit(frame, y)
        self.notes_ += self.tabular_.notes_
        if self.endpoint == "survival":
            self.table_center_ = float(np.nanmean(self.tabular_.linear_predictor(frame)))
        self.table_empty_ = float(self.tabular_.intercept_)

    def _table_part(self, frame: pl.DataFrame, y: Outcome, folds: npt.NDArray[np.intp]) -> FloatArray:
        if self.tabular_ is not None:
            return held_out_tables(frozen(self.tabular_), frame, y, folds)
        if y.kind == "response":
            self.table_empty_ = float(logit(np.mean(y.value)))
        return np.full(len(y), self.table_empty_)

    def _fit_image(
        self, training: Training, pictures: Pictures, settings: TrainingSettings, epochs: int
    ) -> None:
        context = training.context()
        learners = training.learners(context)
        network = make_network(settings.init, learners.context.shape[1], settings.seed)
        for _, network in trained(learners, pictures, [epochs] if epochs else [], settings):  # noqa: B007
            pass
        center = training.scores(network, context, pictures, settings.stages).mean() if epochs else 0.0
        term = ImageTerm(self.endpoint, image=self.image, device=self.device)
        self.image_ = term.learn(network.state(), context, center, pictures.shape)

    def measured(self, X: Any) -> BoolArray:
        """Return who has which of the model's modalities, shape (n, m); the image is the last."""
        tables = np.zeros((to_frame(X).height, 0), dtype=bool)
        if self.tabular_ is not None:
            tables = self.tabular_.measured(X)
        return np.column_stack([tables, has_image(to_frame(X), self.image)])

    def _score(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        score = np.full(frame.height, self.table_empty_)
        if self.tabular_ is not None:
            rows = np.flatnonzero(measured[:, :-1].any(axis=1))
            score[rows] = self.tabular_.linear_predictor(frame[rows]) - self.table_center_
        rows = np.flatnonzero(measured[:, -1]) if self.image_weight_ else np.zeros(0, dtype=np.intp)
        if len(rows):
            score[rows] += self.image_weight_ * self.image_.linear_predictor(frame[rows])
        return score

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        return self.recalibration_.predictor(self._score(frame, measured))

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        return self.recalibration_.survival(self._score(frame, measured), days)

    def image_risk(self, X: Any) -> FloatArray:
        """Return what the picture adds to each patient's log-hazard (log-odds), shape (n,); NaN without a picture.

        0 is what an average picture adds, and what an absent one does.
        """
        check_is_fitted(self, "recalibration_")
        return self.recalibration_.slope * self.image_weight_ * self.image_.linear_predictor(X)

    def weighted_members(self, X: Any) -> WeightedMembers:
        """Return the tables' part and the image's part with their weights, for `hybridx.explain`."""
        measured = self.measured(X)
        tables, picture = measured[:, :-1].any(axis=1), measured[:, -1]
        slope, center = self.recalibration_.slope, self.recalibration_.center
        offset = np.where(tables, -self.table_center_, self.table_empty_) - center
        offset = np.where(measured.any(axis=1), slope * offset + self.recalibration_.intercept, np.nan)
        members: list[Any] = [self.image_]
        weights = [slope * self.image_weight_ * picture]
        if self.tabular_ is not None:
            members, weights = [self.tabular_, self.image_], [slope * tables, *weights]
        return WeightedMembers(members, np.column_stack(weights), offset)
