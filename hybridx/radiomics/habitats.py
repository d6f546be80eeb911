"""Habitats: parts of lesions that look alike on PET and CT together, learnt on the training patients only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import to_frame
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.radiomics.channel_voxels import LesionVoxels
from hybridx.radiomics.subregions import Subregions, divide_lesion
from hybridx.terms.text import listing

__all__ = ["Habitats", "own_habitats"]

VOXELS_PER_PATIENT = 2000  # each patient weighs the same, however large the lesion


def own_habitats(voxels: LesionVoxels, n_habitats: int = 3, random_state: int = 0) -> Subregions:
    """Divide one lesion by its own voxels alone: nothing is learnt from others, and nothing is comparable between them.

    Parameters
    ----------
    voxels : LesionVoxels
        The lesion.
    n_habitats : int
        At most; a lesion of fewer different voxels has fewer.
    random_state : int
        Of the k-means.

    Returns
    -------
    Subregions
        ``h1`` has the lowest mean of the first channel, and so on.
    """
    _check_count(n_habitats)
    mean, sd = _location(voxels.values)
    scaled = (voxels.values - mean) / sd
    count = min(n_habitats, len(np.unique(scaled, axis=0)))
    centres = _clusters(scaled, count, random_state)
    return _parts(voxels, _nearest(scaled, centres), n_habitats)


class Habitats(TransformerMixin, BaseEstimator):
    """Add what share of its lesion each habitat takes, with habitats learnt from the patients `fit` sees.

    k-means in the space of the images' intensities, standardised over the training patients; each patient weighs the
    same. A patient without voxels gets nulls and ``habitat.measured`` False. The outcome is not looked at. The step
    holds the voxels of all patients: it belongs into an evaluation, not into a model that is locked and handed on.

    Parameters
    ----------
    voxels : mapping of str to LesionVoxels
        By patient, see `lesion_voxels`.
    n_habitats : int, default 3
        How many.
    per_patient : int, default 2000
        Voxels of each patient that are learnt from.
    random_state : int, default 0
        Of the k-means and of that choice.

    Attributes
    ----------
    centres_ : ndarray, shape (n_habitats, channels)
        In the units of the images, by the first channel from low to high.
    mean_, scale_ : ndarray, shape (channels,)
        Of the training voxels.
    channels_ : tuple of str
        Of the training voxels.

    Raises
    ------
    NotEnoughDataError
        Fewer training patients with voxels than habitats.

    Examples
    --------
    >>> from hybridx.imaging import Image
    >>> rng = np.random.default_rng(0)
    >>> mask = Image(np.ones((2, 5, 5), np.uint8), (2.0,) * 3, modality="mask")
    >>> voxels = {p: LesionVoxels(rng.normal([[4.0, 40.0]] * 50, 1.0), ("pet", "ct"), mask) for p in "ABC"}
    >>> step = Habitats(voxels, n_habitats=2).fit(pl.DataFrame({"patient_id": ["A", "B"]}))
    >>> step.transform(pl.DataFrame({"patient_id": ["C"]})).columns[:3]
    ['patient_id', 'habitat.measured', 'habitat.h1_share']
    """

    centres_: npt.NDArray[np.float64]
    mean_: npt.NDArray[np.float64]
    scale_: npt.NDArray[np.float64]
    channels_: tuple[str, ...]

    def __init__(
        self,
        voxels: Mapping[str, LesionVoxels],
        n_habitats: int = 3,
        *,
        per_patient: int = VOXELS_PER_PATIENT,
        random_state: int = 0,
    ) -> None:
        self.voxels = voxels
        self.n_habitats = n_habitats
        self.per_patient = per_patient
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn the habitats from the patients of a table."""
        _check_count(self.n_habitats)
        # by name: the order of the rows must not matter
        there = sorted({p for p in _patients(X) if p in self.voxels})
        if len(there) < self.n_habitats:
            msg = f"Habitats needs {self.n_habitats} training patients with voxels, got {len(there)}."
            raise NotEnoughDataError(msg)
        self.channels_ = self.voxels[there[0]].channels
        parts = [self._drawn(self.voxels[patient]) for patient in there]
        weights = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in parts])
        pooled = np.concatenate(parts)
        self.mean_, self.scale_ = _location(pooled, weights)
        scaled = (pooled - self.mean_) / self.scale_
        distinct = len(np.unique(scaled, axis=0))
        if distinct < self.n_habitats:
            msg = f"The training voxels hold {distinct} different values; {self.n_habitats} habitats need as many."
            raise NotEnoughDataError(msg)
        found = _clusters(scaled, self.n_habitats, self.random_state, weights)
        self.centres_ = found * self.scale_ + self.mean_
        return self

    def _drawn(self, one: LesionVoxels) -> npt.NDArray[np.float64]:
        if one.channels != self.channels_:
            msg = f"Some patients have the channels {one.channels}, others {self.channels_}; all must have the same."
            raise InputError(msg)
        if len(one.values) <= self.per_patient:
            return one.values
        rng = np.random.default_rng(self.random_state)
        return one.values[rng.choice(len(one.values), self.per_patient, replace=False)]

    def divide(self, voxels: LesionVoxels) -> Subregions:
        """Return the habitats of one lesion as regions (``h1``, ``h2``, ...) for `subregion_features`."""
        check_is_fitted(self, "centres_")
        if voxels.channels != self.channels_:
            msg = f"The lesion has the channels {voxels.channels}; the habitats were learnt on {self.channels_}."
            raise InputError(msg)
        scaled = (voxels.values - self.mean_) / self.scale_
        label = _nearest(scaled, (self.centres_ - self.mean_) / self.scale_)
        return _parts(voxels, label, self.n_habitats)

    def transform(self, X: Any) -> pl.DataFrame:
        """Return the table with ``habitat.measured``, shares and mean intensities per habitat (null: it is empty)."""
        check_is_fitted(self, "centres_")
        frame = to_frame(X)
        rows = [self._row(self.voxels.get(patient)) for patient in _patients(frame)]
        schema = {"habitat.measured": pl.Boolean(), **dict.fromkeys(self._names(), pl.Float64())}
        return frame.drop(schema, strict=False).hstack(pl.DataFrame(rows, schema=schema))

    def _names(self) -> list[str]:
        parts = [f"h{i + 1}" for i in range(self.n_habitats)]
        shares = [f"habitat.{part}_share" for part in parts]
        return shares + [f"habitat.{part}_{channel}_mean" for part in parts for channel in self.channels_]

    def _row(self, voxels: LesionVoxels | None) -> dict[str, Any]:
        if voxels is None:
            return {"habitat.measured": False}
        parts = self.divide(voxels)
        row: dict[str, Any] = {"habitat.measured": True}
        row |= {f"habitat.{part}_share": share for part, share in parts.shares.items()}
        inside = voxels.mask.array > 0
        for part, mask in parts.masks.items():
            means = voxels.values[mask.array[inside] > 0].mean(axis=0)
            row |= {f"habitat.{part}_{c}_mean": float(m) for c, m in zip(self.channels_, means, strict=True)}
        return row

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the columns that are added."""
        check_is_fitted(self, "centres_")
        return np.array(self._names(), dtype=object)


def _patients(X: Any) -> list[str]:
    frame = to_frame(X)
    if "patient_id" not in frame.columns:
        msg = f"Habitats finds a patient's voxels by patient_id; the table has {listing(frame.columns)}."
        raise InputError(msg)
    return [str(patient) for patient in frame["patient_id"]]


def _check_count(n_habitats: int) -> None:
    if isinstance(n_habitats, bool) or not isinstance(n_habitats, int) or n_habitats < 2:
        msg = f"n_habitats={n_habitats!r} is not a whole number of at least 2."
        raise SettingsError(msg)


def _location(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    mean = np.average(values, axis=0, weights=weights)
    sd = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    return mean, np.where(sd > 0, sd, 1.0)


def _clusters(
    scaled: npt.NDArray[np.float64],
    count: int,
    random_state: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    found = KMeans(count, n_init=5, random_state=random_state).fit(scaled, sample_weight=weights)
    centres: npt.NDArray[np.float64] = found.cluster_centers_
    return centres[np.lexsort(centres.T[::-1])]


def _nearest(scaled: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    distance = np.stack([((scaled - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    return np.asarray(distance.argmin(axis=1))


def _parts(voxels: LesionVoxels, label: npt.NDArray[np.intp], count: int) -> Subregions:
    labels = np.zeros(voxels.mask.array.shape, dtype=np.int32)
    labels[voxels.mask.array > 0] = label + 1
    return divide_lesion(voxels.mask, labels, tuple(f"h{i + 1}" for i in range(count)))
