r"""Royston's D and the explained variation R2_D: how far apart, in log hazard, a risk score sets patients.

Risks are replaced by the normal order statistics of their ranks, and D is their Cox coefficient, scaled so that it is
the log hazard ratio between the upper and the lower half of the risks where these are normal:

.. math:: z_i = \Phi^{-1}\!\left(\frac{rank_i - 3/8}{n + 1/4}\right), \quad D = \beta_z \sqrt{8/\pi}, \quad
          R^2_D = \frac{\beta_z^2}{\beta_z^2 + \pi^2/6}

Ranks are taken within a fold, and the Cox model is stratified by fold: risks of different models are never compared.

With late entry a patient is at risk from the entry on, and ranks are those among the patients seen: D then says how far
apart these are, which is less than everybody would be where those at high risk die before they can enter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import late_entry

__all__ = ["explained_variation_values", "royston_d_values"]

SCALE = float(np.sqrt(8.0 / np.pi))
STEPS = 40
LARGEST = 10.0  # log hazard per standard deviation; beyond this is separation, no estimate


def royston_d_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return Royston's D under each row of whole-number weights, shape (B,); NaN without events or with separation.

    Ties of the risk take the mean of the order statistics they share, ties of time Breslow's likelihood.

    Source
    ------
    Royston P, Sauerbrei W. Stat Med 2004. doi:10.1002/sim.1621. Checked against `royston` of R survival 3.5-3 and, with
    folds, `coxph(... + strata(fold))` to 1e-8 (`tests/reference/survival_scores.R`).
    """
    parts = []
    for repeat in range(panel.fold.shape[0]):
        strata = [_stratum(panel, repeat, rows, weights) for r, rows in panel.blocks() if r == repeat]
        parts.append(_cox(strata, weights.shape[0]))
    return mean_over_repeats(np.stack(parts)) * SCALE


def explained_variation_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return R2_D, shape (B,): 0 for a risk that says nothing; below 0 for one that ranks the wrong way round."""
    beta = royston_d_values(panel, weights) / SCALE
    return np.asarray(np.sign(beta) * beta**2 / (beta**2 + np.pi**2 / 6))


class _Stratum:
    """Patients of one fold by time: rankits (B, m), weights (B, m), events and who is in each risk set."""

    def __init__(
        self,
        z: FloatArray,
        weights: FloatArray,
        time: FloatArray,
        event: npt.NDArray[np.bool_],
        entry: FloatArray | None,
    ) -> None:
        order = np.argsort(time, kind="stable")
        self.z, self.weights, self.event = z[:, order], weights[:, order], event[order]
        self.first = np.searchsorted(time[order], time[order], side="left")
        self.arrival = None if entry is None else np.argsort(entry[order], kind="stable")
        if entry is not None:
            self.absent = np.searchsorted(
                np.sort(entry), time[order], side="left"
            )  # not entered yet, from here on

    def derivatives(self, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        hazard = self.weights * np.exp(np.clip(beta[:, None] * self.z, -50.0, 50.0))
        s0, s1, s2 = (self._at_risk(hazard * self.z**k) for k in (0, 1, 2))
        s0 = np.maximum(s0, 1e-300)  # an empty risk set is never multiplied by an event
        failures = self.weights * self.event
        mean = s1 / s0
        gradient = (failures * (self.z - mean)).sum(axis=1)
        return gradient, (failures * (s2 / s0 - mean**2)).sum(axis=1)

    def _at_risk(self, values: FloatArray) -> FloatArray:
        still = _from_the_end(values)[:, self.first]
        if self.arrival is None:
            return still
        late = np.concatenate([_from_the_end(values[:, self.arrival]), np.zeros((len(values), 1))], axis=1)
        return np.asarray(still - late[:, self.absent])


def _from_the_end(values: FloatArray) -> FloatArray:
    return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])


def _stratum(panel: Panel, repeat: int, rows: npt.NDArray[np.intp], weights: FloatArray) -> _Stratum:
    w = weights[:, rows]
    z = _rankits(panel.score[repeat, rows], w)
    y = panel.outcome[rows]
    return _Stratum(z, w, y.time_days, y.event, late_entry(y))


def _rankits(score: FloatArray, weights: FloatArray) -> FloatArray:
    """Return each patient's normal order statistic, shape (B, m): a weight is a number of copies, copies are ties."""
    order = np.argsort(score, kind="stable")
    _, starts, group = np.unique(score[order], return_index=True, return_inverse=True)
    sizes = np.add.reduceat(np.rint(weights[:, order]), starts, axis=1).astype(np.intp)  # (B, groups)
    ends = np.cumsum(sizes, axis=1)
    total = ends[:, -1]
    values = np.zeros(sizes.shape)
    for n in np.unique(total):
        rows = np.flatnonzero(total == n)
        steps = np.concatenate([[0.0], np.cumsum(ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25)))])
        shared = steps[ends[rows]] - steps[ends[rows] - sizes[rows]]
        values[rows] = shared / np.maximum(sizes[rows], 1)
    rankits = np.empty(weights.shape)
    rankits[:, order] = values[:, group]
    return rankits


def _cox(strata: list[_Stratum], b: int) -> FloatArray:
    """Return the coefficient of the rankits under each weighting, by Newton's method on all together."""
    beta, converged = np.zeros(b), np.zeros(b, dtype=bool)
    usable = np.ones(b, dtype=bool) if strata else np.zeros(b, dtype=bool)
    for _ in range(STEPS if strata else 0):
        parts = [stratum.derivatives(beta) for stratum in strata]
        gradient, information = (np.sum([part[k] for part in parts], axis=0) for k in (0, 1))
        usable &= information > 1e-9
        step = np.clip(np.where(usable, gradient / np.where(usable, information, 1.0), 0.0), -1.0, 1.0)
        beta = beta + step
        usable &= np.abs(beta) < LARGEST
        converged = usable & (np.abs(step) < 1e-10)
        if np.all(converged | ~usable):
            break
    return np.where(converged, beta, np.nan)
