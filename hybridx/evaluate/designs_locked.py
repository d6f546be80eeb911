"""External validation of a locked model: nothing is fitted, everyone is tested."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.designs_split import Split, known_rows, outcome_of

__all__ = ["Locked"]


@dataclass(frozen=True)
class Locked:
    """A finished model on patients it has never seen; see `hybridx.evaluate.score_locked`, which makes this design.

    Parameters
    ----------
    model : str
        What was scored, for example ``KernelFusion for OS``.
    trained_on : int
        Patients it was trained on; 0: not known.
    fingerprint : str
        Hash of the model's file; empty for a model that was not read from one.

    Examples
    --------
    >>> Locked("KernelFusion for OS", 120).words
    'external validation of a locked model, nothing refitted'
    """

    model: str = ""
    trained_on: int = 0
    fingerprint: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        return "external validation of a locked model, nothing refitted"

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return one split without a training part."""
        rows = known_rows(cohort, outcome_of(cohort, outcome))
        return [Split(0, 0, train=np.empty(0, dtype=np.intp), test=rows)]

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:  # noqa: ARG002 - the same for all
        """Say that nothing was learnt from these patients."""
        of = f", trained on {self.trained_on} others" if self.trained_on else ""
        return [
            f"{self.model or 'The model'}{of}, was applied as it is; nothing was fitted to these patients."
        ]
