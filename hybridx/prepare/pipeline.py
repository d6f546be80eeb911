"""A preparation chain and the model behind it as one model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

from hybridx.cohort.columns import modality_of

__all__ = ["PreparedModel"]


def _last_has(name: str) -> Any:
    return available_if(lambda self: hasattr(self.steps[-1][1], name))


class PreparedModel(Pipeline):
    """Preparation steps, then a model: scikit-learn's `Pipeline` with what the models of the library offer beyond it.

    A plain `Pipeline` fits and predicts as well, but does not pass on survival curves, tuned settings or notes. Every
    step is learnt where the whole is fitted: inside the fold.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps; the last one is the model.

    Examples
    --------
    >>> from hybridx.fusion import LateFusion
    >>> from hybridx.prepare import BlockImputer, ComBat
    >>> model = PreparedModel([("combat", ComBat()), ("impute", BlockImputer()), ("model", LateFusion())])
    >>> model.endpoint
    'survival'
    """

    @property
    def endpoint(self) -> str:
        """The model's endpoint."""
        model = self.steps[-1][1]
        return str(model.endpoint if hasattr(model, "endpoint") else model.takes)

    @property
    def model_(self) -> Any:
        """The model behind the steps."""
        return self.steps[-1][1]

    @property
    def tuned_(self) -> dict[str, Any]:
        """Settings that the model chose inside `fit`, as parameters of the whole."""
        name, model = self.steps[-1]
        return {f"{name}__{key}": value for key, value in model.tuned_.items()}

    @property
    def columns_(self) -> dict[str, list[str]]:
        """Feature columns that the whole wants to see, by modality, before any step has changed them."""
        for _, step in self.steps[:-1]:
            if hasattr(step, "feature_names_in_"):
                result: dict[str, list[str]] = {}
                for column in map(str, step.feature_names_in_):
                    result.setdefault(modality_of(column), []).append(column)
                return result
        return dict(self.model_.columns_)

    @property
    def notes_(self) -> list[str]:
        """What the model left out and why, in sentences."""
        return list(getattr(self.steps[-1][1], "notes_", ()))

    def prepared(self, X: Any) -> Any:
        """Return the table as the model sees it."""
        for _, _, step in self._iter(with_final=False):
            X = step.transform(X)
        return X

    @_last_has("predict_survival")
    def predict_survival(self, X: Any, times: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the probability of being free of the event at `times` (days), shape (n, n_times)."""
        return np.asarray(self.model_.predict_survival(self.prepared(X), times))

    @_last_has("linear_predictor")
    def linear_predictor(self, X: Any) -> npt.NDArray[np.float64]:
        """Return log-hazard or log-odds, shape (n,)."""
        return np.asarray(self.model_.linear_predictor(self.prepared(X)))

    @_last_has("measured")
    def measured(self, X: Any) -> npt.NDArray[np.bool_]:
        """Return which of the model's modalities each patient has, shape (n, m)."""
        return np.asarray(self.model_.measured(self.prepared(X)))

    @_last_has("support")
    def support(self, X: Any) -> Any:
        """Return how many training patients had the same pattern of modalities as each patient, shape (n,)."""
        return self.model_.support(self.prepared(X))
