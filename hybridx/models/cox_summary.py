"""The table of effects that a reader of a Cox regression expects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm

from hybridx.errors import SettingsError

__all__ = ["effect_table"]

FloatArray = npt.NDArray[np.float64]


def effect_table(
    features: Sequence[str], effect: FloatArray, se: FloatArray | None, level: float = 0.95
) -> pl.DataFrame:
    """Return one row per feature.

    Parameters
    ----------
    features : sequence of str
        Names.
    effect : array of float, shape (p,)
        Log hazard ratio per unit of the feature.
    se : array of float, shape (p,), or None
        Its standard error; None where there is no honest one (shrunken effects).
    level : float
        Of the confidence intervals.

    Returns
    -------
    polars.DataFrame
        `feature`, `log_hazard_ratio`, `se`, `hazard_ratio`, confidence limits `low` and `high`, `z`, `p` (Wald);
        without standard errors `feature`, `log_hazard_ratio` and `hazard_ratio` only.

    Examples
    --------
    >>> effect_table(["lab.ldh"], np.array([0.7]), np.array([0.2]))["p"].round(5).to_list()
    [0.00047]
    """
    if not 0 < level < 1:
        msg = f"level lies between 0 and 1, got {level!r}."
        raise SettingsError(msg)
    if se is None:
        return pl.DataFrame({"feature": features, "log_hazard_ratio": effect, "hazard_ratio": np.exp(effect)})
    far, z = norm.ppf(0.5 + level / 2) * se, effect / se
    with np.errstate(over="ignore"):  # an interval may well reach infinity
        low, high = np.exp(effect - far), np.exp(effect + far)
    return pl.DataFrame(
        {
            "feature": features,
            "log_hazard_ratio": effect,
            "se": se,
            "hazard_ratio": np.exp(effect),
            "low": low,
            "high": high,
            "z": z,
            "p": 2 * norm.sf(np.abs(z)),
        }
    )
