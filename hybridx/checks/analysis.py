"""What a check may ask of a finished analysis: `hybridx.evaluate.Result` offers it, and no check imports that room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.terms.estimate import Estimate

__all__ = ["Analysis", "Moments", "Predicted"]


class Moments(Protocol):
    """Times at which the metrics look, in days; None: all follow-up."""

    @property
    def horizon_days(self) -> float | None:
        """Of AUC(t), Brier(t) and calibration."""

    @property
    def tau_days(self) -> float | None:
        """End of what Uno C and the integrated Brier score look at."""


class Predicted(Protocol):
    """Out-of-fold predictions of one model: R repeats x n patients, in the order of `Analysis.scored_patients`."""

    @property
    def fold(self) -> npt.NDArray[np.intp]:
        """Test fold of each prediction, -1 where there is none, shape (R, n)."""

    @property
    def score(self) -> npt.NDArray[np.float64]:
        """Risk (higher is worse) or probability of response, NaN where there is none, shape (R, n)."""


class Analysis(Protocol):
    """A finished analysis: the cohort, who was predicted by what, and how good that is."""

    @property
    def endpoint(self) -> str: ...  # noqa: D102 - the names are those of `hybridx.evaluate.Result`
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def primary(self) -> str: ...  # noqa: D102
    @property
    def models(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def roles(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def design(self) -> Any: ...  # noqa: D102
    @property
    def cohort(self) -> Cohort: ...  # noqa: D102
    @property
    def predictions(self) -> pl.DataFrame: ...  # noqa: D102
    @property
    def moment(self) -> Moments: ...  # noqa: D102
    @property
    def provenance(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def explanation(self) -> Any: ...  # noqa: D102
    @property
    def outcome(self) -> Outcome: ...  # noqa: D102
    @property
    def scored_patients(self) -> tuple[str, ...]: ...  # noqa: D102

    def panel(self, model: str) -> Predicted: ...  # noqa: D102
    def estimate(self, model: str, metric: str) -> Estimate: ...  # noqa: D102
    def compare(self, a: str, b: str, metric: str | None = None) -> Any: ...  # noqa: D102
