r"""Who lies outside what a model has seen: how far out a patient's values of one modality are among training patients.

Values are standardised robustly (median, median absolute deviation) and drawn in by arcsinh, so that no single training
patient sets the scale. Three distances are taken: within the leading principal components (an unusual combination along
the directions in which patients differ), off them (a combination that no patient shows), and the single value that
lies farthest beyond what its feature ever was (a wrong unit). Each is learnt without the patient it is measured on, by
cross-validation among the training patients; the largest, on a common scale, is the score. Its percentile is a rank up
to the last tenth and an exponential tail beyond, with the uncertainty of that tail included, so that 40 training
patients are enough for an alarm.

A training cohort of which a tenth is itself far out hides others like them: the tail is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in, to_frame, to_matrix
from hybridx.errors import InputError, NotEnoughDataError
from hybridx.models.folds import patient_keys
from hybridx.terms.text import listing

__all__ = ["FAR_OUT", "SupportDetector", "far_out", "support_detectors"]

FloatArray = npt.NDArray[np.float64]

FAR_OUT = 0.99  # percentile beyond which a patient deserves a warning
LEAST_PATIENTS = 20  # below this there is no tail to speak of
MOST_COMPONENTS = 20
TAIL_SHARE, TAIL_LEAST = 0.1, 10
GRID = 201  # quantiles of the held-out scores that are kept; no more of any single training patient


class SupportDetector(BaseEstimator):  # type: ignore[misc]
    """Say how far out a patient's values of a modality lie among the training patients who have it.

    Parameters
    ----------
    modality : str
    n_folds : int, default 10
        Of the cross-validation that calibrates the score.

    Attributes
    ----------
    columns_ : list of str
    n_patients_ : int
        Training patients who have the modality.

    Source
    ------
    Score from components and residual: Jackson JE, Mudholkar GS. Technometrics 1979. doi:10.1080/00401706.1979.10489779
    The tail, exponential with the posterior predictive of its rate, is ours; false alarms and power:
    `benchmarks/support_alarms.py`.

    Examples
    --------
    >>> detector = SupportDetector("pet").fit(X_train)  # doctest: +SKIP
    >>> detector.percentile(X_new)  # doctest: +SKIP
    """

    def __init__(self, modality: str, n_folds: int = 10) -> None:
        self.modality = modality
        self.n_folds = n_folds

    def fit(self, X: Any, y: Any = None) -> SupportDetector:  # noqa: ARG002 - scikit-learn's signature
        """Learn from the patients of a table who have the modality.

        Raises
        ------
        NotEnoughDataError
            Fewer than 20 of them.
        """
        frame = to_frame(X)
        self.columns_ = feature_columns(frame, [self.modality])
        rows = np.flatnonzero(measured_mask(frame, self.modality))
        if len(rows) < LEAST_PATIENTS:
            msg = (
                f"{len(rows)} training patients have {self.modality}; to say who lies outside, {LEAST_PATIENTS} are "
                "needed."
            )
            raise NotEnoughDataError(msg)
        part = frame[rows]
        matrix = to_matrix(part, self.columns_)
        held_out = np.empty((len(matrix), 3))
        # copies of a patient (a bootstrap sample) share a fold; the order of rows does not matter
        fold = np.unique(patient_keys(part, self.columns_), return_inverse=True)[1] % self.n_folds
        for k in range(self.n_folds):
            held_out[fold == k] = _distances(matrix[fold == k], _space_of(matrix[fold != k]))
        logs = np.log(held_out)
        self.typical_ = np.median(logs, axis=0)
        self.spread_ = np.quantile(logs, 0.9, axis=0) - self.typical_
        self.spread_[self.spread_ < 1e-9] = np.inf  # a distance that is the same for all says nothing
        self.space_ = _space_of(matrix)
        self.n_patients_ = len(matrix)
        self._calibrate(self._standard(logs))
        return self

    def _standard(self, logs: FloatArray) -> FloatArray:
        return np.asarray(((logs - self.typical_) / self.spread_).max(axis=1))

    def _calibrate(self, scores: FloatArray) -> None:
        n = len(scores)
        ranked = np.sort(scores)
        self.tail_count_ = max(TAIL_LEAST, round(TAIL_SHARE * n))
        self.tail_from_ = float(ranked[n - self.tail_count_ - 1])
        self.tail_sum_ = float((ranked[n - self.tail_count_ :] - self.tail_from_).sum())
        self.grid_ = np.quantile(ranked, np.linspace(0, 1, GRID))

    def score(self, X: Any, y: Any = None) -> FloatArray:  # noqa: ARG002 - scikit-learn's signature
        """Return the distance of each patient, shape (n,): 0 is typical, 1 the last tenth; NaN without the modality.

        Raises
        ------
        InputError
            A column is absent that was there in training.
        """
        check_is_fitted(self, "space_")
        frame = to_frame(X)
        found = np.full(frame.height, np.nan)
        if self.modality not in modalities_in(frame):
            return found
        rows = np.flatnonzero(measured_mask(frame, self.modality))
        if len(rows):
            logs = np.log(_distances(to_matrix(frame[rows], self.columns_), self.space_))
            found[rows] = self._standard(logs)
        return found

    def percentile(self, X: Any) -> FloatArray:
        """Return the share of patients like those in training who lie less far out, shape (n,); NaN without it."""
        score = self.score(X)
        found = np.full(len(score), np.nan)
        there = ~np.isnan(score)
        s = score[there]
        rank = np.interp(s, self.grid_, np.linspace(0, 1, GRID))
        k = self.tail_count_
        excess = np.maximum(s - self.tail_from_, 0.0) / max(self.tail_sum_, 1e-12)
        share = k / self.n_patients_
        beyond = 1.0 - share * np.exp(-k * np.log1p(excess))
        found[there] = np.where(s > self.tail_from_, beyond, np.minimum(rank, 1.0 - share))
        return found

    def farthest(self, X: Any) -> list[str]:
        """Return for each patient the column whose value lies farthest from the training median; "" without any."""
        check_is_fitted(self, "space_")
        frame = to_frame(X)
        found = [""] * frame.height
        if self.modality in modalities_in(frame) and self.columns_:
            for row in np.flatnonzero(measured_mask(frame, self.modality)):
                drawn = _drawn_in(to_matrix(frame[[int(row)]], self.columns_), self.space_)
                found[int(row)] = self.columns_[int((np.abs(drawn[0]) / self.space_["reach"]).argmax())]
        return found


def support_detectors(X: Any, modalities: Sequence[str]) -> tuple[dict[str, SupportDetector], list[str]]:
    """Return a detector for each modality that enough training patients have, and sentences about the others.

    Raises
    ------
    InputError
        The table does not have one of the modalities.
    """
    frame = to_frame(X)
    known = modalities_in(frame)
    unknown = [name for name in modalities if name not in known]
    if unknown:
        msg = f"The table has no {listing(unknown)}; it has {listing(known, 12)}."
        raise InputError(msg)
    found, notes = {}, []
    for name in modalities:
        try:
            found[name] = SupportDetector(name).fit(frame)
        except NotEnoughDataError as error:
            notes.append(str(error))
    return found, notes


def far_out(detector: SupportDetector, X: pl.DataFrame, rows: npt.NDArray[np.intp]) -> list[tuple[int, str]]:
    """Return the rows that lie beyond the 99th percentile of a modality, each with a sentence."""
    if not len(rows):
        return []
    part = X[rows]
    percentile = detector.percentile(part)
    far = np.flatnonzero(percentile > FAR_OUT)
    found = []
    for i, name in zip(far, detector.farthest(part[far]), strict=True):
        share = f"{100 * min(percentile[i], 0.9999):.4g} %"
        text = f"{detector.modality} lies further out than {share} of patients like those in training (most: {name})"
        found.append((int(rows[i]), text))
    return found


def _space_of(matrix: FloatArray) -> dict[str, Any]:
    """Learn centre, scale and leading components of an (n, p) matrix with NaN."""
    centre = np.zeros(matrix.shape[1])
    some = ~np.isnan(matrix).all(axis=0)
    centre[some] = _medians(matrix[:, some])
    off = np.abs(matrix - centre)
    scale = np.zeros(matrix.shape[1])
    scale[some] = 1.4826 * _medians(off[:, some])
    flat = some & (
        scale <= 1e-9 * np.abs(centre)
    )  # half of all values alike: what the others do is the scale
    scale[flat] = np.sqrt(np.nanmean(off[:, flat] ** 2, axis=0))
    constant = scale <= 1e-9 * np.abs(centre)
    scale[constant] = np.where(np.abs(centre[constant]) > 0, 0.1 * np.abs(centre[constant]), 1.0)
    space: dict[str, Any] = {"centre": centre, "scale": scale}
    drawn = _drawn_in(matrix, space)
    space["reach"] = np.maximum(
        np.abs(drawn).max(axis=0), 1.0
    )  # of a skewed feature it is far, of a normal one near
    mean = drawn.mean(axis=0)
    axes, variances = _components(drawn - mean)
    return space | {"mean": mean, "axes": axes, "variances": variances}


def _medians(matrix: FloatArray) -> FloatArray:
    """Return the median of each column, ignoring NaN; numpy's own takes ten times as long where there is none."""
    found = np.median(matrix, axis=0)
    gaps = np.isnan(found)
    if gaps.any():
        found[gaps] = np.nanmedian(matrix[:, gaps], axis=0)
    return np.asarray(found)


def _components(centred: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return leading axes (p, q) and variances along them; q leaves four patients per axis."""
    n, p = centred.shape
    wide = p > n
    small = (
        centred @ centred.T if wide else centred.T @ centred
    )  # the smaller of the two has the same eigenvalues
    values, vectors = np.linalg.eigh(small)
    values, vectors = values[::-1], vectors[:, ::-1]
    q = min(n // 4, MOST_COMPONENTS, int((values > 1e-9 * max(values[0], 1e-300)).sum()))
    variances = values[:q] / n
    axes = centred.T @ vectors[:, :q] / np.sqrt(values[:q]) if wide else vectors[:, :q]
    return np.ascontiguousarray(axes), variances


def _drawn_in(matrix: FloatArray, space: dict[str, Any]) -> FloatArray:
    drawn = np.arcsinh((matrix - space["centre"]) / space["scale"])
    return np.where(np.isnan(drawn), 0.0, drawn)  # a failed feature is not far out


def _distances(matrix: FloatArray, space: dict[str, Any]) -> FloatArray:
    """Return distances within the components, off them, and of the farthest value, all > 0, shape (n, 3)."""
    drawn = _drawn_in(matrix, space)
    centred = drawn - space["mean"]
    along = centred @ space["axes"]
    within = (along**2 / space["variances"]).sum(axis=1) if len(space["variances"]) else np.zeros(len(drawn))
    off = (centred**2).sum(axis=1) - (along**2).sum(axis=1)
    farthest = (np.abs(drawn) / space["reach"]).max(axis=1, initial=0.0)
    return np.maximum(np.column_stack([within, off, farthest]), 1e-9)
