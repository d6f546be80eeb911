"""What can be asked of an explanation beyond its sums: how sure, how stable, what else, and what if."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.errors import InputError

if TYPE_CHECKING:
    from hybridx.explain.importance import Importance

__all__ = ["Asking", "Source"]


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """A fitted model, the patients that it was asked about and those that "average" refers to."""

    model: Any
    frame: pl.DataFrame
    background: pl.DataFrame


class Asking:
    """What `Explanation` inherits."""

    def __getstate__(self: Any) -> dict[str, Any]:
        # a model and whole tables have no business in what is sent between processes
        return {**self.__dict__, "source": None}

    def model_source(self: Any) -> Source:
        """Return the model and tables behind the explanation.

        Raises
        ------
        InputError
            It was loaded, or put together from several folds: there is no one model to ask.
        """
        if self.source is None:
            msg = (
                "This explanation has no model to ask: it was loaded, or comes from several folds. Explain the patients "
                "by one fitted model: explain(model, X_new, background=X_train)."
            )
            raise InputError(msg)
        return self.source

    def importance_intervals(
        self: Any, level: str = "feature", *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
    ) -> Importance:
        """Return how much each feature or modality moves predictions, with intervals over folds and patients.

        See `hybridx.explain.importance`.
        """
        from hybridx.explain.importance import importance_of  # noqa: PLC0415 - below this module

        return importance_of(self, level, confidence=confidence, resamples=resamples, seed=seed)
