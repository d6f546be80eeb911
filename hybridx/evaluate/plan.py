"""What one evaluation will do, settled before the first fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError
from hybridx.evaluate.baselines import REFERENCES, Model, baselines_for
from hybridx.evaluate.designs import Design, Split
from hybridx.evaluate.folds import Explain
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.panel import FloatArray
from hybridx.evaluate.registry import Moment
from hybridx.fusion.early import EarlyFusion
from hybridx.fusion.image_need import wants_images
from hybridx.fusion.kernel import KernelFusion
from hybridx.fusion.late import LateFusion

__all__ = ["Plan", "default_models", "models_to_run"]


@dataclass(frozen=True, eq=False)
class Plan:
    """One evaluation: who, what, which folds, which times, and how it is run.

    Parameters
    ----------
    cohort : Cohort
    outcome : Outcome
        One row per patient of the cohort.
    design : Design
    splits : list of Split
    models : tuple of Model
    primary : str
    moment : Moment
    times : array of float
        Days at which survival is predicted, or ranks of levels; empty where one number is predicted.
    explain, bands, workers, progress, checkpoint, engine, client
        See `evaluate`.
    without : tuple of str
        Modalities that are taken away from the test patients, one at a time.
    hidden : tuple of str
        The same, before the refits behind the bands.
    """

    cohort: Cohort
    outcome: Outcome
    design: Design
    splits: list[Split]
    models: tuple[Model, ...]
    primary: str
    moment: Moment
    times: FloatArray
    explain: Explain | None
    bands: int
    workers: int | None
    progress: bool
    checkpoint: str | os.PathLike[str] | None = None
    without: tuple[str, ...] = ()
    engine: str = "local"
    client: Any = None
    hidden: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The wide table of all patients, with references to their pictures where a model reads them."""
        return self.cohort.frame(images=wants_images(*(model.estimator for model in self.models)))

    @cached_property
    def open_rows(self) -> npt.NDArray[np.intp]:
        """Patients whose outcome is unknown, by identifier: every model is new to them."""
        order = np.argsort(np.asarray(self.cohort.patients, dtype=object), kind="stable")
        return np.asarray(order[~self.outcome.known[order]])

    @property
    def first_repeat(self) -> int:
        """The repeat whose models are explained and refitted."""
        return min(split.repeat for split in self.splits)

    @property
    def seed(self) -> int:
        """Seed of the design."""
        return int(getattr(self.design, "seed", 0))


def default_models(kind: str) -> dict[str, Any]:
    """Return kernel, late and early fusion of all modalities for a kind of outcome; the first is the one reported.

    Of ordered and continuous outcomes early fusion only: the others take survival and response.
    """
    endpoint: Any = kind
    if kind in ("ordinal", "continuous"):
        return {"early": EarlyFusion(endpoint=endpoint)}
    return {
        "kernel": KernelFusion(endpoint=endpoint),
        "late": LateFusion(endpoint=endpoint),
        "early": EarlyFusion(endpoint=endpoint),
    }


def models_to_run(
    models: Mapping[str, Any] | Any, cohort: Cohort, kind: str, *, baselines: bool
) -> tuple[tuple[Model, ...], list[str]]:
    """Return the models of an evaluation, the user's first, and sentences about baselines that cannot be had.

    Raises
    ------
    InputError
        Something given is no estimator object, or its name belongs to a reference.
    """
    if models is None:
        models = default_models(kind)
    if not isinstance(models, Mapping):
        models = {type(models).__name__: models}
    if not models:
        msg = "models is empty: give {name: estimator}, or None for the default fusion models."
        raise InputError(msg)
    wanted = KINDS[kind].method
    for name, estimator in models.items():
        if (
            not isinstance(name, str)
            or not name
            or isinstance(estimator, type)
            or not hasattr(estimator, wanted)
        ):
            msg = (
                f"models[{name!r}]: wanted an estimator object with `fit` and `{wanted}`, got {estimator!r}."
            )
            raise InputError(msg)
        if name in REFERENCES:
            msg = f"models: the name {name!r} belongs to the reference of Brier scores; choose another."
            raise InputError(msg)
    entries = tuple(Model(name, estimator) for name, estimator in models.items())
    if not baselines:
        return entries, ["Evaluated without baselines: the table cannot say whether the models add anything."]
    more, notes = baselines_for(cohort, kind, set(models))
    return (*entries, *more), notes
