r"""Conformal prediction of response: a set of answers that holds the right one as often as asked.

A label enters the set of a patient if the model finds it no stranger than all but a share alpha of the training
patients who had that label: with :math:`s_i = 1 - \hat p(y_i)` of held-out predictions,

.. math:: y \in \mathrm{set}(x) \iff 1 - \hat p(y \mid x) \le s_{(\lceil (n_y + 1)(1 - \alpha) \rceil)}
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort.columns import to_frame
from hybridx.evaluate.conformal import check_settings, conformal_quantile, held_out, known_rows
from hybridx.evaluate.folds import seeded

__all__ = ["ConformalResponse"]

FloatArray = npt.NDArray[np.float64]
FEWEST = 5  # of each class
ANSWERS = np.array(["neither", "non-responder", "responder", "both"])


class ConformalResponse(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Say ``responder``, ``non-responder`` or ``both``, so that the truth is among it in `level` of patients.

    By class: among responders, and among non-responders. A patient for whom the model is unsure gets ``both``, and so
    does one with nothing measured. An empty set (both labels strange) becomes the likelier label, which can only raise
    coverage.

    Parameters
    ----------
    model : estimator
        Unfitted, with `predict_proba`; a fusion model takes patients with missing modalities.
    level : float
        Coverage asked for, 0.5 to below 1.
    folds : int
        Of the held-out predictions.
    by_class : bool
        Hold the level within responders and within non-responders; False: over all, where the rarer class may be told
        wrongly more often.
    random_state : int
        Deals patients to folds.

    Attributes
    ----------
    model_ : estimator
        Fitted on all patients with a known response.
    limits_ : array of float, shape (2,)
        Most that ``1 - probability`` of non-responder, responder may be for that label to enter the set.
    notes_ : list of str

    Source
    ------
    Vovk V, Gammerman A, Shafer G. Algorithmic Learning in a Random World. 2005. Measured coverage: 0.89
    to 0.92 where 0.9 was asked, with 100 and 300 patients (``benchmarks/conformal_coverage.py``).

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from hybridx.models import LogisticModel
    >>> x = np.linspace(-2, 2, 80)
    >>> X = pl.DataFrame({"pet.suv_max": x})
    >>> y = (np.sin(37 * np.arange(80)) < 1.5 * x).astype(float)
    >>> said = ConformalResponse(LogisticModel(), level=0.95).fit(X, y)
    >>> said.predict(pl.DataFrame({"pet.suv_max": [-2.0, 0.0, 2.0]})).tolist()
    ['non-responder', 'both', 'responder']
    """

    model_: Any
    limits_: FloatArray
    notes_: list[str]

    def __init__(
        self,
        model: Any = None,
        level: float = 0.9,
        *,
        folds: int = 5,
        by_class: bool = True,
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.level = level
        self.folds = folds
        self.by_class = by_class
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the model, and from held-out predictions how strange the right label may look.

        Raises
        ------
        NotEnoughDataError
            Fewer than five of a class.
        SettingsError
            Impossible `level` or `folds`.
        """
        name = type(self).__name__
        check_settings(name, self.level, self.folds)
        fewest = dict.fromkeys(("responders", "non-responders"), max(FEWEST, self.folds))
        frame, outcome = known_rows(X, y, "response", name, fewest)
        strange = np.full(len(outcome), np.nan)
        label = outcome.value.astype(int)
        for model, _, test in held_out(self.model, frame, outcome, self.folds, self.random_state):
            probability = np.asarray(model.predict_proba(frame[test]), dtype=np.float64)
            strange[test] = 1.0 - probability[np.arange(len(test)), label[test]]
        groups = [label == 0, label == 1] if self.by_class else [label >= 0, label >= 0]
        told = np.asarray(
            ~np.isnan(strange)
        )  # a patient of whom the model says nothing gets both labels: always right
        self.limits_ = np.array(
            [min(conformal_quantile(strange[group & told], self.level), 1.0) for group in groups]
        )
        self.notes_ = [
            f"Too few {who} for {self.level:g}: every set holds {who!r}."
            for who, limit in zip(("non-responder", "responder"), self.limits_, strict=True)
            if limit >= 1.0
        ]
        self.model_ = seeded(clone(self.model), (self.random_state,)).fit(frame, outcome)
        return self

    def predict_set(self, X: Any) -> npt.NDArray[np.bool_]:
        """Return which labels are in each patient's set, shape (n, 2): non-responder, responder."""
        check_is_fitted(self, "limits_")
        probability = np.asarray(self.model_.predict_proba(to_frame(X)), dtype=np.float64)
        inside = 1.0 - probability <= self.limits_
        nothing = np.asarray(np.isnan(probability).any(axis=1))
        likelier = probability >= probability[:, ::-1]
        empty = np.asarray(~inside.any(axis=1))
        return np.where(nothing[:, None], True, np.where(empty[:, None], likelier, inside))

    def predict(self, X: Any) -> npt.NDArray[np.str_]:
        """Return ``responder``, ``non-responder`` or ``both`` for each patient, shape (n,)."""
        inside = self.predict_set(X)
        return np.asarray(ANSWERS[inside[:, 0] + 2 * inside[:, 1]])
