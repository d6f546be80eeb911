"""What a score is worth as a log-hazard, learnt on patients whom the score did not see.

Boosted margins are too far apart and a support vector machine's score has no unit; a Cox regression on the held-out
score alone gives the factor, and Breslow's baseline with it gives survival curves that hold for new patients.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hybridx.cohort import Outcome
from hybridx.models.losses import CoxLoss
from hybridx.models.ridge import PRIOR_SDS, ridge_path

__all__ = ["SCORE_PRIOR_SD", "cox_slope"]

FloatArray = npt.NDArray[np.float64]

# The widest spread of log-hazards that the ridge models try: keeps the slope finite where few events rank perfectly.
SCORE_PRIOR_SD = PRIOR_SDS[-1]
_FLAT = 1e-12


def cox_slope(y: Outcome, score: FloatArray) -> float:
    """Return the log-hazard per unit of a held-out score, >= 0: 0 where it does not rank held-out patients.

    Parameters
    ----------
    y : Outcome
        Known survival outcomes of n patients.
    score : array of float, shape (n,)
        Higher is worse; from models that did not see the patient.

    Examples
    --------
    >>> y = Outcome.survival([10, 20, 30, 40], [True, True, True, True])
    >>> cox_slope(y, np.array([2.0, 1.0, 1.0, 0.0])) > 0
    True
    >>> cox_slope(y, np.array([0.0, 1.0, 2.0, 3.0]))
    0.0
    """
    sd = float(np.std(score))
    if sd <= _FLAT:
        return 0.0
    (fit,) = ridge_path(
        (score - score.mean())[:, None] / sd, CoxLoss(y.time_days, y.event), [SCORE_PRIOR_SD**-2]
    )
    return max(0.0, float(fit.coef[0]) / sd)
