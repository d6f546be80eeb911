"""The hidden truth: what each property adds to the log-hazard, and follow-up times drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from hybridx.demo.patients import MODALITIES, Patient, stream
from hybridx.terms import DAYS_PER_MONTH

__all__ = ["COEFFICIENTS", "FollowUp", "concordance", "follow_up", "shares"]

# Log-hazard per unit of each hidden property (OS, PFS), log-odds of responding (response: higher is better).
COEFFICIENTS: Mapping[str, Mapping[str, float]] = {
    "OS": {
        "clinical.age": 0.28, "clinical.stage": 0.44, "clinical.ecog": 0.31, "clinical.smoking": 0.27,
        "pet.volume": 0.42, "pet.heterogeneity": 0.62, "pet.uptake": 0.24,
        "ct.density_spread": 0.32, "ct.low_density": 0.28,
        "lab.ldh": 0.42, "lab.inflammation": 0.40, "lab.lymphopenia": 0.22,
        "genomics.stk11": 0.85, "genomics.keap1": 0.60, "genomics.tp53": 0.25, "genomics.egfr": -0.70,
        "expression.proliferation": 0.42, "expression.immune": -0.36,
    },
    "PFS": {
        "clinical.age": 0.12, "clinical.stage": 0.46, "clinical.ecog": 0.25, "clinical.smoking": 0.25,
        "pet.volume": 0.36, "pet.heterogeneity": 0.62, "pet.uptake": 0.28,
        "ct.density_spread": 0.34, "ct.low_density": 0.28,
        "lab.ldh": 0.32, "lab.inflammation": 0.32, "lab.lymphopenia": 0.20,
        "genomics.stk11": 0.75, "genomics.keap1": 0.60, "genomics.tp53": 0.20, "genomics.egfr": -0.60,
        "expression.proliferation": 0.45, "expression.immune": -0.38,
    },
    "response": {
        "clinical.stage": -0.25, "clinical.ecog": -0.30, "pet.volume": -0.35, "pet.heterogeneity": -0.70,
        "pet.uptake": 0.20, "ct.density_spread": -0.35, "lab.ldh": -0.30, "lab.inflammation": -0.40,
        "genomics.stk11": -1.10, "genomics.keap1": -0.60, "genomics.egfr": 1.00,
        "expression.proliferation": -0.20, "expression.immune": 0.75,
    },
}  # fmt: skip

# Weibull baseline at log-hazard 0: shape, and the median in days.
_SHAPE = {"OS": 1.25, "PFS": 1.15}
_MEDIAN_DAYS = {"OS": 27 * DAYS_PER_MONTH, "PFS": 12 * DAYS_PER_MONTH}
_COPULA = 0.8  # correlation of the two times beyond what the risk explains
_FOLLOW_UP_DAYS = (14 * DAYS_PER_MONTH, 60 * DAYS_PER_MONTH)  # end of study, by date of entry
_DROPOUT_DAYS = 180 * DAYS_PER_MONTH  # mean time to loss of follow-up
_RESPONSE_OFFSET = 0.05
_CATEGORIES = (
    (2.4, "CR"),
    (0.0, "PR"),
    (-1.5, "SD"),
)  # thresholds of the latent response; below the last: PD
NOT_EVALUABLE = 0.05


@dataclass(frozen=True)
class FollowUp:
    """What became of one patient: days since baseline, whether it happened, and the response category (or None)."""

    os_days: float
    death: bool
    pfs_days: float
    progression: bool
    response: str | None


def shares(patient: Patient, endpoint: str) -> dict[str, float]:
    """Return each modality's share of a patient's log-hazard (of the log-odds of responding, for ``response``)."""
    total = dict.fromkeys(MODALITIES, 0.0)
    for name, weight in COEFFICIENTS[endpoint].items():
        total[name.split(".")[0]] += weight * patient.latent[name]
    return total


def follow_up(patient: Patient, seed: int) -> FollowUp:
    """Draw times by inverting the Weibull survival function, then censor them.

    Death before progression is an event of PFS, so PFS is the earlier of the two times.
    """
    rng = stream(seed, patient.index, 4)
    z = rng.standard_normal(2)
    correlated = {"OS": z[0], "PFS": _COPULA * z[0] + np.sqrt(1 - _COPULA**2) * z[1]}
    time = {}
    for endpoint in ("OS", "PFS"):
        risk = sum(shares(patient, endpoint).values())
        scale = _MEDIAN_DAYS[endpoint] / np.log(2) ** (1 / _SHAPE[endpoint])
        hazard_used = -np.log(np.clip(ndtr(correlated[endpoint]), 1e-12, 1 - 1e-12))
        time[endpoint] = scale * (hazard_used * np.exp(-risk)) ** (1 / _SHAPE[endpoint])
    time["PFS"] = min(time["PFS"], time["OS"])
    censored = min(rng.uniform(*_FOLLOW_UP_DAYS), rng.exponential(_DROPOUT_DAYS))
    return FollowUp(
        os_days=float(max(np.ceil(min(time["OS"], censored)), 1)),
        death=bool(time["OS"] <= censored),
        pfs_days=float(max(np.ceil(min(time["PFS"], censored)), 1)),
        progression=bool(time["PFS"] <= censored),
        response=_response(patient, rng),
    )


def _response(patient: Patient, rng: np.random.Generator) -> str | None:
    latent = _RESPONSE_OFFSET + sum(shares(patient, "response").values()) + rng.logistic()
    category = next((name for threshold, name in _CATEGORIES if latent > threshold), "PD")
    return None if rng.random() < NOT_EVALUABLE else category


def concordance(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> float:
    """Return Harrell's C: among pairs whose order in time is known, how often the higher risk came first.

    Parameters
    ----------
    risk : array_like, shape (n,)
        Higher is worse.
    time : array_like, shape (n,)
        Days.
    event : array_like of bool, shape (n,)
        True: it happened.

    Returns
    -------
    float
        0.5 is chance, 1 is perfect; NaN without a usable pair.

    Examples
    --------
    >>> concordance([3.0, 2.0, 1.0], [10, 20, 30], [True, True, False])
    1.0
    """
    r, t = np.asarray(risk, dtype=float), np.asarray(time, dtype=float)
    happened: NDArray[np.bool_] = np.asarray(event, dtype=bool)
    usable = happened[:, None] & (
        (t[:, None] < t[None, :]) | ((t[:, None] == t[None, :]) & ~happened[None, :])
    )
    if not usable.any():
        return float("nan")
    won = (r[:, None] > r[None, :]) + 0.5 * (r[:, None] == r[None, :])
    return float(won[usable].mean())
