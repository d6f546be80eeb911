"""Questions about parts of the cohort and about optimism, as methods of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.evaluate.registry import metric_named
from hybridx.terms.text import check_name

if TYPE_CHECKING:
    from hybridx.evaluate.subgroup_summary import Centres, Subgroups

__all__ = ["Dividing"]


class Dividing:
    """What `Result` inherits: scores of subgroups and centres with their gaps, and how much a model flatters itself."""

    def subgroups(
        self: Any,
        by: str | Mapping[str, Any] | pl.Series,
        *,
        metric: str | None = None,
        model: str | None = None,
        cuts: Sequence[float] | None = None,
    ) -> Subgroups:
        """Return a score per subgroup with counts, and the gap of each to the largest, all with intervals.

        Parameters
        ----------
        by : str, mapping of patient to label, or Series
            A column of the patients table (``sex``), or one of `Cohort.frame` (``centre``, ``clinical.age``,
            ``pet.measured``); or each patient's subgroup.
        metric, model : str, optional
            Default the headline metric of the primary model. ``observed_expected`` tells whether risks are told too
            high or too low in a subgroup.
        cuts : sequence of float, optional
            Where to cut a column of numbers: ``subgroups("age_years", cuts=[65])``.

        Returns
        -------
        Subgroups
            With `table`, `gaps` and `figure()`.

        Raises
        ------
        InputError, NotEnoughDataError
            No such column or too many values; or no subgroup is large enough.
        """
        from hybridx.evaluate.subgroup_summary import subgroups_summary  # noqa: PLC0415 - it reads results

        asked = metric_named(self.metrics[0] if metric is None else metric, self.kind)
        return subgroups_summary(self, by, cuts, _model(self, model), asked)

    def centres(self: Any, *, metric: str | None = None, model: str | None = None) -> Centres:
        """Return a score per centre with counts, their random-effects mean, and what a new centre may show.

        With the design `LeaveOneCentreOut` each centre was predicted by models that never saw it.

        Parameters
        ----------
        metric, model : str, optional
            Default the headline metric of the primary model.

        Returns
        -------
        Centres
            With `table`, `gaps`, `pooled`, `new_centre`, `tau` and `figure()`.

        Raises
        ------
        InputError, NotEnoughDataError
            The cohort has no centres, or none is large enough.
        """
        from hybridx.evaluate.subgroup_summary import centres_summary  # noqa: PLC0415 - it reads results

        asked = metric_named(self.metrics[0] if metric is None else metric, self.kind)
        return centres_summary(self, _model(self, model), asked)

    def optimism(self: Any, metric: str | None = None, *, model: str | None = None) -> pl.DataFrame:
        """Return apparent, out-of-bag, optimism-corrected, .632 and .632+ scores (design `Bootstrap632`).

        Parameters
        ----------
        metric : str, optional
            Default the headline. Metrics that are best at one value (O:E, slope) are corrected, not mixed.
        model : str, optional
            Default all models but the reference.

        Returns
        -------
        polars.DataFrame
            One row per model and estimate: `model`, `metric`, `estimate`, `value`, `low`, `high`, `level`, `n`,
            `n_events`, `overfitting` (relative rate, of .632+), `method`.

        Raises
        ------
        InputError
            The design kept no predictions of training patients.
        """
        from hybridx.evaluate.optimism import optimism_table  # noqa: PLC0415 - it reads results

        asked = metric_named(self.metrics[0] if metric is None else metric, self.kind)
        names = tuple(m for m in self.models if self.roles[m] != "reference")
        chosen = names if model is None else (check_name(model, self.models, "model"),)
        key = ("optimism", asked.name, *chosen)
        if key not in self._known:
            self._known[key] = optimism_table(self, chosen, asked)
        found: pl.DataFrame = self._known[key]
        return found


def _model(result: Any, model: str | None) -> str:
    return str(result.primary) if model is None else check_name(model, result.models, "model")
