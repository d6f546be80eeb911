"""Kernel fusion: one kernel per modality, weighed by the evidence for it, averaged over what the data leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, get_args

import numpy as np
import polars as pl

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in, to_frame, to_matrix
from hybridx.compute import one_thread
from hybridx.compute.sharing import shared
from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.fusion.base import BoolArray, FloatArray, FusionModel, choose_modalities
from hybridx.fusion.evidence import EvidenceFit, SizePrior, fit_by_evidence
from hybridx.fusion.feature_maps import FeatureMap, KernelName
from hybridx.fusion.patterns import pattern_table
from hybridx.fusion.protocols import LinearForm
from hybridx.fusion.recalibration import Recalibration, held_out_scores
from hybridx.fusion.usable import no_usable_column
from hybridx.models import frozen
from hybridx.models.data import MIN_EVENTS, Endpoint, check_enough, known_rows, outcome_content
from hybridx.models.losses import make_loss
from hybridx.terms.text import check_name

__all__ = ["KernelFusion"]

# What published oncology models find, as standard deviations of log-hazard between patients: clinical facts give a C of
# about 0.6 to 0.7, another modality beside them adds a few hundredths. Log-odds spread about 1.5 times as far.
_ANCHOR, _OTHER = (0.6, 0.5), (0.3, 0.7)  # typical size, standard deviation of its logarithm
_LOG_ODDS = 1.5
_INTERCEPT = 10.0  # log-odds: any share of responders from 1 in 10,000 on


class KernelFusion(FusionModel):
    r"""Let every modality move the risk as far as the evidence says, and average over what it leaves open.

    .. math:: \eta_i = \sum_m a_{im}\, \phi_m(x_{im})\, b_m, \qquad b_m \sim N(0, s_m^2 I)

    A Gaussian process for Cox or logistic likelihood with one kernel per modality (a = measured). The sizes s of the
    modalities are not tuned on folds: the marginal likelihood of all training patients, with a prior that knows what
    oncology models usually reach, weighs every combination, and the prediction is their average. So a useless modality
    fades out, a strong one comes through, and with few events the model stays close to its anchor. A patient without a
    modality trains the others all the same, and is predicted with that modality's average.

    Parameters
    ----------
    kernels : {"linear", "rbf"}, tuple of these, or mapping of modality to these
        ``linear``: additive effects, explained exactly. ``rbf``: smooth non-linear effects within the modality. Both:
        two sizes, and the evidence chooses. A mapping may name some modalities only; the rest is linear.
    modalities : list of str or None
        Which modalities to use, by name; None takes all of the table.
    endpoint : {"survival", "response"}
        What the outcome is.
    sizes : mapping of str to float, or None
        Fixed sizes s (log-hazard or log-odds per standard deviation between patients) by "<modality> <kernel>" as in
        `sizes_`; None asks the evidence.
    anchor : str or None
        The modality that is known to matter: its size is expected at 0.6 where others are expected at 0.3. Ignored
        where the table does not have it.
    n_draws : int
        Draws of the sizes that are averaged, a power of 2; 0 takes the best ones.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    recalibrate : bool
        Whether to set the spread of the predictor, and its baseline, on held-out patients (five quick refits).
    slope : float or None
        Fixed spread of the recalibrated predictor against the raw one, > 0; the baseline then comes from the training
        patients' own scores, without refits. None learns both on held-out patients.
    n_folds : int
        Folds of those.
    random_state : int
        Deals patients to these folds, and draws the cosines of ``rbf``.

    Attributes
    ----------
    sizes_ : dict of str to float
        s of each kernel at the highest posterior density.
    shares_ : dict of str to float
        Share of each modality in the variance of the training patients' predictor (they need not be independent: the
        shares add up to 1 and one can be below 0).
    evidence_ : EvidenceFit
        Coefficients, log evidence, effective number of draws.
    recalibration_ : Recalibration or None
        Slope near 1: the predictor's spread was right.

    Source
    ------
    Evidence: MacKay 1992, doi:10.1162/neco.1992.4.3.415. One penalty per block in kernel coordinates: van de Wiel et
    al. 2021, doi:10.1080/10618600.2021.1904962. Random cosines: Rahimi & Recht 2007.

    Examples
    --------
    >>> KernelFusion(kernels={"lab": ("linear", "rbf")}, endpoint="response")
    KernelFusion(endpoint='response', kernels={'lab': ('linear', 'rbf')})
    """

    _min_events: ClassVar[int] = MIN_EVENTS + 2  # held-out scores leave out a fifth of them
    _min_patients: ClassVar[int] = 10  # of a modality: below it, standardising its features is guessing
    _needs_columns: ClassVar[bool] = True
    sizes_: dict[str, float]
    maps_: list[FeatureMap]
    evidence_: EvidenceFit
    recalibration_: Recalibration | None

    def __init__(
        self,
        kernels: KernelName | Sequence[KernelName] | Mapping[str, Any] = "linear",
        modalities: Sequence[str] | None = None,
        endpoint: Endpoint = "survival",
        *,
        sizes: Mapping[str, float] | None = None,
        anchor: str | None = "clinical",
        n_draws: int = 64,
        max_missing: float = 0.5,
        correlation: float | None = 0.9,
        recalibrate: bool = True,
        slope: float | None = None,
        n_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.kernels = kernels
        self.modalities = modalities
        self.endpoint = endpoint
        self.sizes = sizes
        self.anchor = anchor
        self.n_draws = n_draws
        self.max_missing = max_missing
        self.correlation = correlation
        self.recalibrate = recalibrate
        self.slope = slope
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table of modalities and its outcome; patients with an unknown outcome are left out.

        Raises
        ------
        NotEnoughDataError
            Too few events, or no modality with enough patients.
        ConvergenceError
            The fit found no solution.
        """
        self._check_endpoint()
        frame, outcome = known_rows(X, y, self.endpoint, late_entry=True)
        check_enough(outcome, "KernelFusion", self._min_events)
        asked = choose_modalities(frame, self.modalities)
        if isinstance(self.kernels, Mapping):
            for modality in self.kernels:
                check_name(modality, modalities_in(frame), "modality in `kernels`")
        self.notes_, self.columns_, self.names_, self.maps_ = [], {}, [], []
        measured = np.column_stack([measured_mask(frame, m) for m in asked])
        usable = [self._usable(m, frame, flags) for m, flags in zip(asked, measured.T, strict=True)]
        self.modalities_ = [m for m, flag in zip(asked, usable, strict=True) if flag]
        if not self.modalities_:
            msg = "KernelFusion has no modality with enough patients:"
            raise NotEnoughDataError("\n  ".join([msg, *self.notes_]))
        measured = measured[:, usable]
        some = measured.any(axis=1)
        if not some.all():
            self.notes_.append(f"{int((~some).sum())} patients with nothing measured were left out.")
        rows = np.flatnonzero(some)
        frame, outcome, measured = frame[rows], outcome[rows], measured[rows]
        check_enough(outcome, "KernelFusion", self._min_events)
        with one_thread():
            self._fit_groups(frame, outcome, measured)
        self.patterns_ = pattern_table(self.modalities_, measured, outcome)
        self.tuned_ = {"sizes": dict(self.sizes_), "modalities": list(self.modalities_)}
        self.recalibration_ = self._recalibrated(frame, measured, outcome) if self.recalibrate else None
        if self.recalibration_ is not None:
            self.tuned_["slope"] = self.recalibration_.slope
        return self

    def _recalibrated(self, frame: pl.DataFrame, measured: BoolArray, y: Outcome) -> Recalibration:
        if self.slope is not None:
            if not self.slope > 0:
                msg = f"slope is a number > 0 (or None to learn it on held-out patients), got {self.slope!r}."
                raise SettingsError(msg)
            return Recalibration.fit(self._score(frame, measured), y, slope=self.slope)
        raw = _InFold(**frozen(self).get_params(deep=False)).set_params(recalibrate=False)
        score = held_out_scores(raw, frame, y, n_folds=self.n_folds, random_state=self.random_state)
        return Recalibration.fit(score, y)

    def _usable(self, modality: str, frame: pl.DataFrame, flags: BoolArray) -> bool:
        problem = f"{int(flags.sum())} patients have it." if flags.sum() < self._min_patients else None
        if problem is None and self._needs_columns:
            problem = no_usable_column(frame, modality, flags, self.max_missing)
        if problem is not None:
            self.notes_.append(f"{modality} was left out: {problem}")
        return problem is None

    def _kernels_of(self, modality: str) -> list[KernelName]:
        given = self.kernels.get(modality, "linear") if isinstance(self.kernels, Mapping) else self.kernels
        names = [given] if isinstance(given, str) else list(given)
        for name in names:
            check_name(name, get_args(KernelName), "kernel")
        if not names or len(set(names)) < len(names):
            msg = f"kernels of {modality!r} are one or several names, each once; got {given!r}."
            raise SettingsError(msg)
        return names

    def _fit_groups(self, frame: pl.DataFrame, y: Outcome, measured: BoolArray) -> None:
        groups: list[FloatArray] = []
        self.owner_: list[int] = []
        for modality in sorted(
            self.modalities_
        ):  # random numbers are dealt by name, not by place in the table
            i = self.modalities_.index(modality)
            columns = sorted(feature_columns(frame, [modality]))
            rows = np.flatnonzero(measured[:, i])
            matrix = to_matrix(frame[rows], columns)
            self.columns_[modality] = columns
            for kernel in self._kernels_of(modality):
                mapping = FeatureMap(kernel, self.max_missing, self.correlation, self.random_state)
                mapped = mapping.fit(matrix, columns)
                group = np.zeros((frame.height, mapped.shape[1]))
                group[rows] = mapped
                groups.append(group)
                self.maps_.append(mapping)
                self.names_.append(f"{modality} {kernel}")
                self.owner_.append(i)
        loss, prior = make_loss(y), self._prior()
        parts = [*groups, np.ones((frame.height, 1))] if loss.has_intercept else groups
        if not loss.has_intercept:
            prior = SizePrior(prior.typical[:-1], prior.log_sd[:-1])
        self.evidence_ = shared(
            lambda: fit_by_evidence(parts, loss, prior, n_draws=self.n_draws),
            *("evidence", parts, outcome_content(y), prior.typical, prior.log_sd, self.n_draws),
        )
        self.sizes_ = dict(zip(self.names_, self.evidence_.sizes.tolist(), strict=False))
        self.intercept_ = float(self.evidence_.coefficients[-1][0]) if loss.has_intercept else 0.0
        by_kernel = [g @ b for g, b in zip(groups, self.evidence_.coefficients, strict=False)]
        parts_of = np.zeros(measured.shape)
        for i, part in zip(self.owner_, by_kernel, strict=True):
            parts_of[:, i] += part
        total = parts_of.sum(axis=1)
        spread = float(np.var(total))
        shares = [float(np.cov(p, total, ddof=0)[0, 1]) / spread if spread > 0 else 0.0 for p in parts_of.T]
        self.shares_ = dict(zip(self.modalities_, shares, strict=True))

    def _prior(self) -> SizePrior:
        """Return the prior of the kernels' sizes and, last, of the intercept."""
        typical, log_sd = [], []
        for name in self.names_:
            if self.sizes is not None:
                check_name(name, list(self.sizes), "kernel in `sizes`")
                size, spread = float(self.sizes[name]), 0.0
                if not size > 0:
                    msg = f"sizes are standard deviations > 0, got {size!r} for {name!r}."
                    raise SettingsError(msg)
            else:
                size, spread = _ANCHOR if name.rpartition(" ")[0] == self.anchor else _OTHER
                size *= _LOG_ODDS if self.endpoint == "response" else 1.0
            typical.append(size)
            log_sd.append(spread)
        return SizePrior(np.array([*typical, _INTERCEPT]), np.array([*log_sd, 0.0]))

    def _score(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        return np.asarray(self.intercept_ + self._terms(frame, measured).sum(axis=1))

    def _terms(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        result = np.zeros(measured.shape)
        for i, mapping, b in zip(self.owner_, self.maps_, self.evidence_.coefficients, strict=False):
            rows = np.flatnonzero(measured[:, i])
            if len(rows):
                matrix = to_matrix(frame[rows], self.columns_[self.modalities_[i]])
                result[rows, i] += mapping.transform(matrix) @ b
        return result

    def modality_terms(self, X: Any) -> FloatArray:
        """Return what each modality adds to the linear predictor beside its constant, shape (n, m); 0 where absent."""
        slope = 1.0 if self.recalibration_ is None else self.recalibration_.slope
        return slope * self._terms(to_frame(X), self.measured(X))

    def _linear_predictor(self, frame: pl.DataFrame, measured: BoolArray) -> FloatArray:
        score = self._score(frame, measured)
        return score if self.recalibration_ is None else self.recalibration_.predictor(score)

    def _survival(self, frame: pl.DataFrame, measured: BoolArray, days: FloatArray) -> FloatArray:
        if self.recalibration_ is None:
            msg = "Survival curves need held-out scores: fit with recalibrate=True."
            raise SettingsError(msg)
        return self.recalibration_.survival(self._score(frame, measured), days)

    def linear_form(self, X: Any) -> LinearForm | None:
        """Return the exact linear form of each patient's predictor; None with an ``rbf`` kernel."""
        if any(mapping.kernel != "linear" for mapping in self.maps_):
            return None
        frame, measured = to_frame(X), self.measured(X)
        slope = 1.0 if self.recalibration_ is None else self.recalibration_.slope
        columns: list[str] = []
        values, coefficients = [], []
        for i, mapping, b in zip(self.owner_, self.maps_, self.evidence_.coefficients, strict=False):
            names = [str(c) for c in mapping.preparation_.get_feature_names_out()]
            block = np.zeros((frame.height, len(names)))
            rows = np.flatnonzero(measured[:, i])
            if len(rows):
                block[rows] = mapping.transform(to_matrix(frame[rows], self.columns_[self.modalities_[i]]))
            columns += names
            values.append(block)
            coefficients.append(np.where(measured[:, [i]], slope * b, 0.0))
        offset = np.full(frame.height, self.intercept_)
        if self.recalibration_ is not None:
            offset = self.recalibration_.predictor(offset)
        offset[~measured.any(axis=1)] = np.nan
        return LinearForm(columns, np.hstack(values), np.hstack(coefficients), offset)


class _InFold(KernelFusion):
    """A refit without a fold of patients: what was enough for all of them is enough for the rest."""

    _min_events: ClassVar[int] = 1
    _min_patients: ClassVar[int] = 2
    _needs_columns: ClassVar[bool] = False  # who has nothing else still gets a score there
