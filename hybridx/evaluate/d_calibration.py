"""D-calibration: whether whole survival curves are right, not only at one time.

If a curve is right, the survival it gives at the patient's own event time is uniform between 0 and 1. The patients are
counted in equal bins of it; one who is censored while at survival c counts for the part of the bins below c in
proportion, as nothing more is known. One who came under observation late is seen only because alive then: the survival
at their own time is divided by that at their entry, which is uniform again. A chi-square test compares the counts with
equal ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import chi2

from hybridx.errors import InputError
from hybridx.evaluate.panel import FloatArray, Panel, mean_over_repeats
from hybridx.evaluate.weighted_km import late_entry

__all__ = ["DCalibration", "d_calibration_of"]

LEAST_PER_BIN = 5.0  # expected count below which the chi-square distribution is no good approximation


@dataclass(frozen=True, eq=False)
class DCalibration:
    """The test of D-calibration of one model.

    Parameters
    ----------
    statistic, p_value : float
        Chi-square and its p-value; a small one speaks against the curves, a large one is no proof of them. Censored
        patients are spread evenly by assumption, which makes the test very conservative: of right curves it rejects
        at 0.05 3.8 % without censoring, 0.4 % with 70 % events, 0.1 % with 35 %
        (`tests/reference/decision_interval_coverage.py`).
    bins : polars.DataFrame
        `low`, `high` (survival at the patient's own time), `count`, `expected`.
    n, n_events : int
    """

    statistic: float
    p_value: float
    bins: pl.DataFrame
    n: int
    n_events: int

    def __repr__(self) -> str:
        if np.isnan(self.p_value):
            return "D-calibration: undefined, no predicted curves"
        df = self.bins.height - 1
        few = "; too few patients per bin for this test" if self.n / self.bins.height < LEAST_PER_BIN else ""
        counts = ", ".join(f"{count:.1f}" for count in self.bins["count"])
        return (
            f"D-calibration: chi-square {self.statistic:.2f} with {df} degrees of freedom, p = {self.p_value:.3f} "
            f"(n = {self.n}, {self.n_events} events{few})\n  counts from survival 0 to 1: {counts}"
        )


def d_calibration_of(panel: Panel, bins: int = 10) -> DCalibration:
    """Return the test on out-of-fold curves, mean over repeats.

    Between two times of the grid a curve is taken to be straight. Whoever is followed beyond the last time counts as
    censored there.

    Raises
    ------
    InputError
        Fewer than two bins.

    Source
    ------
    Haider H et al. J Mach Learn Res 2020; 21(85). Checked against SurvivalEVAL 0.9.0 to 1e-10
    (`tests/reference/d_calibration.py`).
    """
    if bins < 2:
        msg = f"bins={bins!r}: wanted 2 or more."
        raise InputError(msg)
    edges = np.linspace(0.0, 1.0, bins + 1)
    nobody = pl.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "count": [0.0] * bins, "expected": [0.0] * bins}
    )
    if panel.survival is None or panel.times is None:
        return DCalibration(np.nan, np.nan, nobody, 0, 0)
    curves = mean_over_repeats(np.where(panel.valid[:, :, None], panel.survival, np.nan))
    keep = ~np.isnan(curves).any(axis=1)
    last, entry = float(panel.times[-1]), late_entry(panel.outcome)
    if entry is not None:
        keep &= entry < last  # who comes after the last time of the curves says nothing about them
    if not keep.any():
        return DCalibration(np.nan, np.nan, nobody, 0, 0)
    time = panel.outcome.time_days[keep]
    event = panel.outcome.event[keep] & (time <= last)
    at = np.concatenate([[0.0], panel.times])
    own = _at_own_time(curves[keep], at, np.minimum(time, last))
    if entry is not None:
        alive = _at_own_time(curves[keep], at, np.maximum(entry[keep], 0.0))
        own = np.divide(own, alive, out=np.zeros_like(own), where=alive > 0)
    counts = _counts(own, event, edges)
    expected = len(own) / bins
    statistic = float(np.sum((counts - expected) ** 2) / expected)
    frame = nobody.with_columns(pl.Series("count", counts), pl.lit(expected).alias("expected"))
    return DCalibration(statistic, float(chi2.sf(statistic, bins - 1)), frame, len(own), int(event.sum()))


def _at_own_time(curves: FloatArray, at: FloatArray, time: FloatArray) -> FloatArray:
    return np.array(
        [np.interp(t, at, np.concatenate([[1.0], curve])) for t, curve in zip(time, curves, strict=True)]
    )


def _counts(own: FloatArray, event: np.typing.NDArray[np.bool_], edges: FloatArray) -> FloatArray:
    low, high = edges[:-1], edges[1:]
    inside = (own[:, None] >= low) & (own[:, None] < high)
    inside[:, -1] |= own >= 1.0
    # censored at survival c: the event will come at a survival below c, anywhere there alike
    below = np.clip(own[:, None], low, high) - low
    share = np.divide(below, own[:, None], out=np.zeros_like(below), where=own[:, None] > 0)
    share[:, 0] = np.where(own > 0, share[:, 0], 1.0)
    return np.asarray(np.where(event[:, None], inside, share).sum(axis=0))
