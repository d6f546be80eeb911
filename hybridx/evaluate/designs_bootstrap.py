"""The bootstrap of the whole procedure: out-of-bag predictions, and what optimism estimates need beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.outcome import Outcome
from hybridx.evaluate.designs_split import (
    MIN_EVENTS,
    Split,
    check_whole,
    known_rows,
    outcome_of,
    refuse_poor_part,
)

__all__ = ["Bootstrap632"]


@dataclass(frozen=True)
class Bootstrap632:
    """Bootstrap validation, for small cohorts: each draw refits the procedure on n patients drawn with replacement.

    The result's ordinary scores are those of the patients whom a draw left out (out of bag), about 37 % of them; such
    models learn from fewer distinct patients, so these scores lean to the low side. `Result.optimism` sets against them
    what the models reach on their own training patients (apparent), and gives the .632, .632+ and Harrell's
    optimism-corrected estimates. Predictions of training patients are kept in `Result.apparent`, apart from all others.

    The procedure is fitted ``draws + 1`` times: once more on everyone, for the apparent scores.

    Parameters
    ----------
    draws : int
        Bootstrap samples, >= 10; 100 or more for numbers to be quoted.
    seed : int
        Same seed, same samples.

    Source
    ------
    Efron B, Tibshirani R. JASA 1997. doi:10.1080/01621459.1997.10474007. Harrell FE, Lee KL, Mark DB. Stat Med 1996.
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

    Examples
    --------
    >>> Bootstrap632(draws=50)
    Bootstrap632(draws=50, seed=0)
    """

    draws: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("Bootstrap632", {"draws": 10, "seed": 0}, asdict(self))

    @property
    def words(self) -> str:
        """The design in a few words, for tables and pages."""
        return f"{self.draws} bootstrap samples, out-of-bag predictions"

    def splits(self, cohort: Cohort, outcome: Outcome | str) -> list[Split]:
        """Return one split per draw, each its own repeat, and last the fit on everyone, which tests nobody.

        Raises
        ------
        NotEnoughDataError
            Too few events for any fit.
        """
        y = outcome_of(cohort, outcome)
        order = known_rows(cohort, y)
        refuse_poor_part(
            y, order, "the cohort", "No number of draws helps: wait for more.", least=2 * MIN_EVENTS
        )
        splits = []
        for draw in range(self.draws):
            rng = np.random.default_rng((self.seed, draw, 0x632))
            drawn = np.bincount(rng.integers(len(order), size=len(order)), minlength=len(order))
            splits.append(
                Split(draw, 0, train=np.repeat(order, drawn), test=order[drawn == 0], seen=order[drawn > 0])
            )
        nobody = np.empty(0, dtype=np.intp)
        return [*splits, Split(self.draws, 0, train=order, test=nobody, seen=order)]

    def notes(self, cohort: Cohort, outcome: Outcome) -> list[str]:  # noqa: ARG002 - the same for all
        """Say what kind of score the table holds."""
        return [
            (
                f"Scores are those of patients left out of each of {self.draws} bootstrap samples: they lean low. "
                "The .632+ and optimism-corrected estimates are in `optimism()`."
            ),
            (
                "Calibration and risk groups are of each patient's mean out-of-bag prediction, which is steadier than "
                "that of any one model."
            ),
        ]
