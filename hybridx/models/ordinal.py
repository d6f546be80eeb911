"""Ordered responses (CR > PR > SD > PD, grades): ridge-penalised proportional odds, the penalty chosen inside."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin

from hybridx.cohort import as_outcome
from hybridx.cohort.outcome import OutcomeKind
from hybridx.errors import InputError
from hybridx.models.concordance import harrell_c
from hybridx.models.data import TrainingData
from hybridx.models.ordinal_loss import OrdinalLoss, level_probabilities
from hybridx.models.ridge_models import RidgeModel
from hybridx.terms.text import listing

__all__ = ["OrdinalModel"]

FloatArray = npt.NDArray[np.float64]


class OrdinalModel(ClassifierMixin, RidgeModel):
    r"""Proportional-odds regression that shrinks all effects towards none, as far as held-out patients ask for.

    .. math:: P(Y_i \le k) = \sigma(\theta_k - \eta_i), \qquad \eta_i = \sum_j b_j z_{ij}

    Levels run from best to worst, so eta is higher when worse: one unit multiplies the odds of being worse than any
    given level by e. Maximises the likelihood minus :math:`\tfrac{p}{2 s^2} |b|^2` over standardised features z, the
    thresholds theta free, with s the expected standard deviation of eta between patients, chosen inside by held-out
    likelihood.

    Parameters
    ----------
    columns : list of str or None
        Feature columns by name; None takes all of the table.
    prior_sd : float or None
        s above, in units of log-odds. None chooses among 0.05 to 1.6.
    max_missing, correlation
        See `hybridx.prepare.Preparation`.
    n_folds : int
        Inner folds for the choice.
    random_state : int
        Deals patients to the inner folds.

    Attributes
    ----------
    coef_ : array of float, shape (q,)
        Log odds ratio of a worse level per standard deviation of the prepared columns.
    thresholds_ : array of float, shape (n_levels - 1,)
        theta above, rising.
    levels_ : list of str
        Levels from best to worst, the columns of `predict_proba`.
    classes_ : array of float, shape (n_levels,)
        Their ranks, 0 the best.
    cv_ : polars.DataFrame or None
        Held-out loss of each `prior_sd` tried.

    Source
    ------
    McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x. Coefficients and thresholds checked against the likelihood
    of statsmodels 0.15 `OrderedModel`, with and without ridge penalty, to 1e-6.

    Examples
    --------
    >>> OrdinalModel(columns=["pet.suv_max", "lab.ldh"], prior_sd=0.4)
    OrdinalModel(columns=['pet.suv_max', 'lab.ldh'], prior_sd=0.4)
    """

    takes: ClassVar[OutcomeKind] = "ordinal"
    classes_: npt.NDArray[np.float64]

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from a table and an ordinal outcome (`Outcome.ordinal`); unknown levels are left out with a warning.

        Raises
        ------
        NotEnoughDataError
            Fewer than five patients of a level.
        ConvergenceError
            The fit found no solution.
        """
        return self._learn(X, y)

    def _fit(self, data: TrainingData) -> None:
        super()._fit(data)
        self.thresholds_ = OrdinalLoss(data.y.value).thresholds(self.predictor_of(data.matrix))
        self.levels_ = list(data.y.levels)
        self.classes_ = np.arange(len(self.levels_), dtype=np.float64)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each level, best to worst, shape (n, n_levels); rows sum to 1."""
        return level_probabilities(self.linear_predictor(X), self.thresholds_)

    def predict(self, X: Any) -> FloatArray:
        """Return the rank of the most probable level (0 the best; of two alike the better), shape (n,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log-odds of being worse, relative to the average training patient, shape (n,)."""
        return self.linear_predictor(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of pairs of patients with different levels that the linear predictor orders rightly."""
        if sample_weight is not None:
            msg = "The concordance of levels takes no sample_weight."
            raise InputError(msg)
        outcome = as_outcome(y)
        if outcome.kind == "ordinal" and list(outcome.levels) != self.levels_:
            msg = f"The model knows the levels {listing(self.levels_)}; the outcome has {listing(outcome.levels)}."
            raise InputError(msg)
        known = outcome.known
        # concordance with "time" falling from level to level, everybody with event: the worst level comes first
        return harrell_c(-outcome.value[known], np.ones(known.sum(), bool), self.linear_predictor(X)[known])
