r"""What a fusion model may offer so that its predictions can be taken apart exactly; all of it is optional.

`hybridx.explain` explains every fusion model. It asks in this order:

1. ``linear_form(X)``: the prediction is linear in the values the model uses, with coefficients that may differ from
   patient to patient (as a rule by pattern of measured modalities). Explained in closed form.
2. ``weighted_members(X)``: the prediction is a weighted sum of other models' linear predictors. Explained as the same
   sum of the members' explanations.
3. Neither: Shapley values from calls of ``linear_predictor`` alone, on tables in which a modality is either measured or
   absent. No method is needed, but the model has to be quick on some ten thousand rows.

A method that exists may return None where the form does not hold (a setting that makes the model non-linear).
``modality_terms(X)`` makes the third way quick: where the linear predictor is a sum over modalities, whatever happens
within each, every coalition is a sum of numbers that are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hybridx.errors import ExplanationError

__all__ = ["HasLinearForm", "HasModalityTerms", "HasWeightedMembers", "LinearForm", "WeightedMembers"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearForm:
    r"""A prediction as offset plus coefficients times values, row by row.

    .. math:: \eta_i = a_i + \sum_j b_{ij} v_{ij}

    Parameters
    ----------
    columns : sequence of str
        The p feature columns, ``<modality>.<name>``, each at most once.
    values : array of float, shape (n, p)
        Values as the model uses them: imputed, scaled. Never NaN; where the modality is not measured they are not
        looked at. They must depend on the patient's own row only, not on which other modalities are there: their mean
        over the background patients who have the modality is what "average" means.
    coefficients : array of float, shape (n, p)
        0 where the modality is not measured.
    offset : array of float, shape (n,)
        The rest, for example an intercept that depends on the pattern; NaN where nothing is measured.
    """

    columns: Sequence[str]
    values: FloatArray
    coefficients: FloatArray
    offset: FloatArray

    def __post_init__(self) -> None:
        wanted = (len(self.offset), len(self.columns))
        if self.values.shape != wanted or self.coefficients.shape != wanted:
            msg = (
                f"A linear form of {wanted[0]} patients and {wanted[1]} columns has values of shape "
                f"{self.values.shape} and coefficients of shape {self.coefficients.shape}."
            )
            raise ExplanationError(msg)
        if len(set(self.columns)) != len(self.columns):
            msg = "A linear form names a column twice: add its coefficients up."
            raise ExplanationError(msg)


@dataclass(frozen=True)
class WeightedMembers:
    r"""A prediction as offset plus weighted linear predictors of other fitted models, row by row.

    .. math:: \eta_i = a_i + \sum_k w_{ik} f_k(x_i)

    Parameters
    ----------
    members : sequence of fitted models, length k
        Fusion models, or models of one table (`hybridx.models`), each with a `linear_predictor` of the same table.
    weights : array of float, shape (n, k)
        On the scale of the members' own linear predictors: a member standardised as (f - mu) / s with weight w has
        weight w / s here, and - w mu / s goes to the offset. 0 where a member gives no prediction.
    offset : array of float, shape (n,)
        NaN where nothing is measured.
    """

    members: Sequence[Any]
    weights: FloatArray
    offset: FloatArray

    def __post_init__(self) -> None:
        wanted = (len(self.offset), len(self.members))
        if self.weights.shape != wanted:
            msg = (
                f"{wanted[1]} members and {wanted[0]} patients need weights of shape {wanted}, "
                f"got {self.weights.shape}."
            )
            raise ExplanationError(msg)


@runtime_checkable
class HasLinearForm(Protocol):
    """A model whose prediction is linear in the values it uses, given the patient's pattern."""

    def linear_form(self, X: Any) -> LinearForm | None:
        """Return the linear form of each patient of a table, or None where the model has none."""


@runtime_checkable
class HasWeightedMembers(Protocol):
    """A model that is a weighted sum of other models."""

    def weighted_members(self, X: Any) -> WeightedMembers | None:
        """Return members and weights for each patient of a table, or None where the model is no such sum."""


@runtime_checkable
class HasModalityTerms(Protocol):
    """A model whose linear predictor is a constant plus one term of each modality, which no other modality enters."""

    def modality_terms(self, X: Any) -> FloatArray | None:
        """Return what each of `modalities_` adds, shape (n, m), 0 where absent; None where there is no such sum."""
