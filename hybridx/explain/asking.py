"""What can be asked of an explanation beyond its sums: how sure, how stable, what else, and what if."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.errors import InputError

if TYPE_CHECKING:
    from hybridx.explain.counterfactual import Counterfactual
    from hybridx.explain.dependence import Dependence
    from hybridx.explain.explanation import Explanation
    from hybridx.explain.importance import Importance
    from hybridx.explain.similar import Similar
    from hybridx.explain.stability import Stability
    from hybridx.explain.voxel_explanation import VoxelExplanation
    from hybridx.prepare import CorrelationClusters

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
            It was loaded, put together from several folds, or is on another scale than the model's own.
        """
        if self.source is None:
            msg = (
                "This explanation has no model to ask: it was loaded, comes from several folds, or is on another scale "
                "than the model's own. Explain patients by one fitted model: explain(model, X_new, background=X_train)."
            )
            raise InputError(msg)
        source: Source = self.source
        return source

    def collapse(
        self: Any, by: str | Mapping[str, Any] | CorrelationClusters, *, features: pl.DataFrame | None = None
    ) -> Explanation:
        """Return the same explanation with fewer columns: groups, each the sum of its features, which still add up.

        Columns that say nearly the same share their contribution among them in a way that changes from fit to fit;
        their sum is steadier. Columns of different modalities never share a group.

        Parameters
        ----------
        by : {"family", "ibsi", "clusters", "modality"}, mapping, or CorrelationClusters
            "family": families of features (glcm, shape, ...); "ibsi": same IBSI feature, whatever the aggregation or
            filter; "clusters": columns correlated by 0.8 among the explained patients. A mapping of column to group or
            of group to columns; columns that it does not name stay. A fitted `CorrelationClusters`.
        features : polars.DataFrame, optional
            ``cohort.features``, for families and IBSI ids, unless `explain` was given it.

        Raises
        ------
        InputError
            Unknown kind or column, or no provenance to group by.
        """
        from hybridx.explain.collapse import collapsed  # noqa: PLC0415 - below this module

        return collapsed(self, by, features)

    def voxels(self: Any, patient: str, study: Any = None, **settings: Any) -> VoxelExplanation:
        """Return what each voxel of a patient's PET and CT adds to the prediction; see `explain_voxels`.

        Parameters
        ----------
        patient : str
        study : Study, path or None
            The patient's study, or the data folder; None: the stored patch, on its own grid.
        """
        from hybridx.explain.voxels import explain_voxels  # noqa: PLC0415 - loads torch, and asks for explanations

        source = self.model_source()
        return explain_voxels(
            source.model, source.frame, patient, study, background=source.background, **settings
        )

    def importance_intervals(
        self: Any, level: str = "feature", *, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
    ) -> Importance:
        """Return how much each feature or modality moves predictions, with intervals over folds and patients.

        See `hybridx.explain.importance`.
        """
        from hybridx.explain.importance import importance_of  # noqa: PLC0415 - below this module

        return importance_of(self, level, confidence=confidence, resamples=resamples, seed=seed)

    def dependence(self: Any, feature: str, colour: str | None = None) -> Dependence:
        """Return a feature's values, in their own unit, against its contributions.

        See `hybridx.explain.dependence`.
        """
        from hybridx.explain.dependence import dependence_of  # noqa: PLC0415 - below this module

        return dependence_of(self, feature, colour)

    def stability(self: Any, level: str = "feature", *, top: int = 10) -> Stability:
        """Return how alike the importances of the folds are (of an out-of-fold explanation).

        See `hybridx.explain.stability`; `hybridx.explain.refit_stability` compares halves of the patients.
        """
        from hybridx.explain.stability import stability_of  # noqa: PLC0415 - below this module

        return stability_of(self, level, top=top)

    def similar(
        self: Any, patient_id: str, k: int = 5, *, level: str = "feature", outcomes: Any = None
    ) -> Similar:
        """Return the k patients whose predictions were made of the most similar contributions.

        See `hybridx.explain.similar`.
        """
        from hybridx.explain.similar import similar_to  # noqa: PLC0415 - below this module

        return similar_to(self, patient_id, k, level=level, outcomes=outcomes)

    def counterfactual(
        self: Any,
        patient_id: str,
        to: str | float = "low",
        *,
        changeable: Sequence[str] | None = None,
        most: int = 3,
        limits: Mapping[str, tuple[float, float]] | None = None,
        cutoff: float | None = None,
    ) -> Counterfactual:
        """Return the fewest, smallest plausible changes at which the model would put the patient into another group.

        It says what the model would say of other values, not what a treatment would do. See
        `hybridx.explain.counterfactual`.
        """
        from hybridx.explain.counterfactual import counterfactual_of  # noqa: PLC0415 - below this module

        return counterfactual_of(
            self, patient_id, to, changeable=changeable, most=most, limits=limits, cutoff=cutoff
        )
