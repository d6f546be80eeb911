"""What every model of one table offers: ``fit``, a linear predictor, and survival curves or probabilities from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import roc_auc_score
from sklearn.utils.validation import check_is_fitted

from hybridx.cohort import as_outcome
from hybridx.cohort.columns import to_frame, to_matrix
from hybridx.cohort.outcome import OutcomeKind
from hybridx.compute import one_thread
from hybridx.compute.sharing import shared
from hybridx.models.baseline import BreslowBaseline
from hybridx.models.concordance import harrell_c
from hybridx.models.data import TrainingData, check_columns, check_enough, training_data, warn_of_entry
from hybridx.prepare import Preparation

__all__ = ["ResponseModel", "SurvivalModel", "TableModel", "frozen"]

FloatArray = npt.NDArray[np.float64]


def frozen(model: Any) -> Any:
    """Return an unfitted copy of a fitted model with its tuned settings fixed: refits skip the search.

    For bootstrap refits: ``frozen(model).fit(X_boot, y_boot)``. Copies of a patient share an inner fold, so a bootstrap
    sample does not leak into its own tuning.

    Examples
    --------
    >>> from hybridx.models import CoxRidge
    >>> model = CoxRidge()
    >>> model.tuned_ = {"prior_sd": 0.4}     # `fit` sets this
    >>> frozen(model)
    CoxRidge(prior_sd=0.4)
    """
    return clone(model).set_params(**getattr(model, "tuned_", {}))


class TableModel(BaseEstimator, ABC):
    """Base of the models of one table.

    Attributes
    ----------
    columns_ : list of str
        Feature columns that `fit` used, by name; the table given to `predict` needs them, in any order.
    tuned_ : dict
        Settings chosen inside `fit`, as parameters of the estimator; see `frozen`.
    n_patients_, n_events_ : int
        What the fit rests on.
    notes_ : list of str
        What a reader should know of the fit, in sentences; usually none.
    """

    takes: ClassVar[OutcomeKind]
    late_entry: ClassVar[bool] = False  # whether the fit honours delayed entry
    shares: ClassVar[bool] = (
        False  # a function of settings and data alone, small enough to keep: see compute.sharing
    )
    columns: Sequence[str] | None
    columns_: list[str]
    tuned_: dict[str, Any]
    notes_: list[str]
    preparation_: Preparation

    @abstractmethod
    def _fit(self, data: TrainingData) -> None:
        """Learn from rows in canonical order."""

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        """Learn a preparation on training rows; models to which the default does not suit have their own."""
        settings: Any = self  # not every model of a table has these two
        return Preparation(settings.max_missing, settings.correlation).fit_matrix(matrix, names)

    def _prepared(self, data: TrainingData) -> FloatArray:
        """Keep the preparation learnt on training rows, and return them prepared; refuse if no column is left."""
        self.preparation_ = self._prepare(data.matrix, data.columns)
        check_columns(self.preparation_, type(self).__name__)
        return self.preparation_.transform_matrix(data.matrix)

    @abstractmethod
    def predictor_of(self, matrix: FloatArray) -> FloatArray:
        """Return the linear predictor of a matrix (n, p) with the columns of `fit`, shape (n,)."""

    def _matrix(self, X: Any) -> FloatArray:
        check_is_fitted(self, "columns_")
        return to_matrix(to_frame(X), self.columns_)

    def _learn(self, X: Any, y: Any) -> Self:
        data = training_data(X, y, self.columns, self.takes, type(self).__name__)
        # matrices of a few hundred rows: a second thread only waits (25 times slower on a busy machine), and the number
        # of threads would change the order of sums
        with one_thread():
            return self.fit_data(data)

    def fit_data(self, data: TrainingData) -> Self:
        """Learn from rows that are already a matrix; `fit` ends here, and fusion begins here, fold by fold."""
        check_enough(data.y, type(self).__name__)
        if not self.late_entry:
            warn_of_entry(data.y, type(self).__name__)
        if not self.shares:
            self._fit_state(data)
            return self
        settings = {
            k: v for k, v in self.get_params(deep=False).items() if k != "columns"
        }  # they are in the data
        what = (type(self).__module__, type(self).__qualname__, settings, data.named())
        learnt = shared(lambda: self._fit_state(data), *what)
        self.__dict__.update(learnt)
        return self

    def _fit_state(self, data: TrainingData) -> dict[str, Any]:
        """Fit, and return what was learnt, by the name of its attribute."""
        if self.takes == "response":
            self.classes_ = np.array([0.0, 1.0])
        self.notes_ = []
        self._fit(data)
        self.columns_ = data.columns
        self.n_patients_, self.n_events_ = len(data.y), data.y.n_events
        return {name: value for name, value in vars(self).items() if name.endswith("_")}

    def linear_predictor(self, X: Any) -> FloatArray:
        """Return the scale on which models are fused and explained, shape (n,).

        Log-hazard (survival), log-odds of response, log-odds of a worse level (ordinal), or the expected value in its
        own unit (continuous).
        """
        return self.predictor_of(self._matrix(X))


class SurvivalModel(TableModel):
    """Base of the models of time to an event."""

    takes: ClassVar[OutcomeKind] = "survival"
    baseline_: BreslowBaseline

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table and its survival outcome.

        Parameters
        ----------
        X : polars or pandas table, n rows
            Features are the numeric columns named ``<modality>.<name>``; the rest is ignored.
        y : Outcome or structured array of (event, time in days), n rows
            Rows with an unknown outcome are left out with a warning.

        Raises
        ------
        NotEnoughDataError
            Fewer than five events.
        ConvergenceError
            The fit found no solution.
        """
        return self._learn(X, y)

    def predict(self, X: Any) -> FloatArray:
        """Return the risk of each patient on a log-hazard scale, higher is worse, shape (n,)."""
        return self.linear_predictor(X)

    def predict_survival(self, X: Any, times: npt.ArrayLike) -> FloatArray:
        """Return the probability of being free of the event at `times` (days), shape (n, n_times).

        It starts at 1, falls with time, and stays flat after the last follow-up seen in training
        (``baseline_.last_day``): the model knows nothing later.
        """
        return self.baseline_.survival(self.predict(X), times)

    def score(self, X: Any, y: Any) -> float:
        """Return Harrell's C of the risk (for scikit-learn's searches; `evaluate` gives it with an interval)."""
        outcome = as_outcome(y)
        known = outcome.known
        return harrell_c(outcome.time_days[known], outcome.event[known], self.predict(X)[known])


class ResponseModel(ClassifierMixin, TableModel):
    """Base of the models of response to therapy."""

    takes: ClassVar[OutcomeKind] = "response"
    classes_: npt.NDArray[np.float64]

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table and a response: 1 responder, 0 not, NaN unknown (left out with a warning).

        Raises
        ------
        NotEnoughDataError
            Fewer than five responders or five non-responders.
        ConvergenceError
            The fit found no solution.
        """
        return self._learn(X, y)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of response, higher is better, shape (n,)."""
        return self.linear_predictor(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return probabilities, shape (n, 2); column 1 is the responder."""
        responder = expit(self.linear_predictor(X))
        return np.column_stack([1.0 - responder, responder])

    def predict(self, X: Any) -> FloatArray:
        """Return 1.0 where response is more likely than not, else 0.0, shape (n,)."""
        predictor = self.linear_predictor(X)
        return np.where(np.isnan(predictor), np.nan, (predictor > 0).astype(np.float64))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the ROC AUC of the probability (for scikit-learn's searches)."""
        outcome = as_outcome(y)
        known = outcome.known
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(
            roc_auc_score(outcome.value[known], self.linear_predictor(X)[known], sample_weight=weight)
        )
