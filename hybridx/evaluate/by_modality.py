"""What a result says about single modalities: what each adds, what is lost without it, who lies outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridx.evaluate.added_value import AddedValue
    from hybridx.evaluate.stress import StressTest

__all__ = ["ByModality"]


class ByModality:
    """What `Result` inherits: questions about modalities."""

    @property
    def coalitions(self: Any) -> tuple[str, ...]:
        """Names of the primary model fitted on some modalities only; empty without ``evaluate(coalitions=True)``."""
        return tuple(name for name, role in self.roles.items() if role == "coalition")

    def added_value(self: Any, metric: str | None = None, *, who_have_it: bool = False) -> AddedValue:
        """Return the score of every coalition of modalities and what each modality adds, with intervals.

        Parameters
        ----------
        metric : str, optional
            Default the headline metric.
        who_have_it : bool
            Count what a modality adds among the patients who have it, instead of among all whom both models predict.

        Raises
        ------
        InputError
            The evaluation was made without ``coalitions=True``.
        """
        from hybridx.evaluate.added_value import added_value_of  # noqa: PLC0415 - reads results

        asked = self.metrics[0] if metric is None else metric
        key = ("added_value", asked, str(who_have_it))
        if key not in self._known:
            self._known[key] = added_value_of(self, asked, who_have_it=who_have_it)
        found: AddedValue = self._known[key]
        return found

    def stress_test(
        self: Any, shares: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0), metric: str | None = None
    ) -> StressTest:
        """Return how the primary model's score falls as test patients lose a modality, with intervals.

        Parameters
        ----------
        shares : sequence of float in [0, 1]
            Of the test patients who have the modality; they lose it at random, by a fixed seed.
        metric : str, optional
            Default the headline metric.

        Raises
        ------
        InputError
            The evaluation was made without ``stress=True``, or a share is impossible.
        """
        from hybridx.evaluate.stress import stress_test_of  # noqa: PLC0415 - reads results

        asked = self.metrics[0] if metric is None else metric
        key = ("stress", asked, *(f"{share:g}" for share in shares))
        if key not in self._known:
            self._known[key] = stress_test_of(self, shares, asked)
        found: StressTest = self._known[key]
        return found
