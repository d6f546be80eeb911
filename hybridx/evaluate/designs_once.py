"""One fixed split into training and test patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.errors import InputError, SettingsError
from hybridx.evaluate.designs_split import (
    BoolArray,
    IntArray,
    Split,
    check_share,
    check_whole,
    known_rows,
    measured_patterns,
    outcome_of,
    refuse_poor_part,
    strata_of,
)
from hybridx.terms.text import listing, nearest

__all__ = ["TrainTest"]


@dataclass(frozen=True)
class TrainTest:
    """One fixed split: models of the training patients predict the test patients, once.

    With a few hundred patients one split wastes what cross-validation would use, and its luck decides; it is for a
    test set that was set aside beforehand.

    Parameters
    ----------
    test : sequence of str, or None
        Patients to test; all others with a known outcome train. None: a random share, stratified by event and by the
        pattern of measured modalities.
    share : float
        Of patients to test when `test` is None.
    seed : int
        Of the random share.

    Examples
    --------
    >>> TrainTest(test=["P001", "P002"]).test
    ('P001', 'P002')
    """

    test: Sequence[str] | None = None
    share: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        check_share("TrainTest", self.share)
        check_whole("TrainTest", {"seed": 0}, {"seed": self.seed})
        if self.test is None:
            return
        if isinstance(self.test, str) or not all(isinstance(p, str) for p in self.test) or not len(self.test):
            msg = f"TrainTest(test=...): wanted patient identifiers, such as ['P001', 'P002']; got {self.test!r}."
            raise SettingsError(msg)
        object.__setattr__(self, "test", tuple(sorted(set(self.test))))  # frozen, hashable, in one order

    def __repr__(self) -> str:
        if self.test is None:
            return f"TrainTest(share={self.share}, seed={self.seed})"
        return f"TrainTest({len(self.test)} given test patients)"

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        if self.test is None:
            return f"one random split, {100 * self.share:g} % of patients tested"
        return "one fixed split into training and test patients"

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return the one split.

        Raises
        ------
        InputError
            A test patient is not in the cohort.
        NotEnoughDataError
            A part holds too few events.
        """
        y = outcome_of(cohort, outcome)
        order = known_rows(cohort, y)
        in_test = self._drawn(cohort, y, order) if self.test is None else self._given(cohort, order)
        split = Split(0, 0, train=order[~in_test], test=order[in_test])
        cure = "Test other patients, or use NestedCV, which tests everyone."
        for part, what in ((split.train, "the training part"), (split.test, "the test part")):
            refuse_poor_part(y, part, what, cure)
        return [split]

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:
        """Say who was tested, and what a single split is worth."""
        (split,) = self.splits(cohort, outcome)
        notes = [f"One split: models of {len(split.train)} patients predict {len(split.test)} others."]
        if self.test is None:
            notes.append(
                "The split is a draw of lots: another seed gives another score. NestedCV tests every patient."
            )
        elif len(split.test) < len(self.test):
            notes.append(
                f"{len(self.test) - len(split.test)} test patients have no known {outcome.endpoint} and are not scored."
            )
        return notes

    def _given(self, cohort: Cohort, order: IntArray) -> BoolArray:
        wanted = set(self.test or ())
        unknown = sorted(wanted - set(cohort.patients))
        if unknown:
            guess = nearest(unknown[0], cohort.patients)
            hint = f" Did you mean {guess!r}?" if guess else ""
            who = "1 test patient is" if len(unknown) == 1 else f"{len(unknown)} test patients are"
            msg = f"TrainTest: {who} not in the cohort: {listing(unknown)}.{hint}"
            raise InputError(msg)
        return np.array([cohort.patients[i] in wanted for i in order], dtype=bool)

    def _drawn(self, cohort: Cohort, y: Outcome, order: IntArray) -> BoolArray:
        strata = list(zip(strata_of(y, order), measured_patterns(cohort, order), strict=True))
        rng = np.random.default_rng((self.seed, 0x7E57))
        luck = rng.permutation(len(order))
        rank = np.empty(len(order), dtype=np.intp)
        rank[sorted(range(len(order)), key=lambda i: (repr(strata[i]), luck[i]))] = np.arange(len(order))
        # systematic sampling along the shuffled strata: each gives its share to within one patient
        steps = np.floor(np.arange(len(order) + 1) * self.share + rng.uniform())
        return np.asarray(steps[rank + 1] > steps[rank])
