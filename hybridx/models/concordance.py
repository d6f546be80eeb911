"""Harrell's C for choosing and for scikit-learn's ``score``; the reported one, with its interval, is in `evaluate`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["harrell_c"]


def harrell_c(time_days: npt.ArrayLike, event: npt.ArrayLike, risk: npt.ArrayLike) -> float:
    """Return the share of usable pairs in which the patient with the earlier event has the higher risk.

    A pair is usable when the earlier of its two times is an event (at equal times: event against censored). Equal risks
    count one half; patients without risk (NaN) are left out; without usable pairs the answer is NaN.
    """
    time, happened, score = np.asarray(time_days, float), np.asarray(event, bool), np.asarray(risk, float)
    there = ~np.isnan(score)
    time, happened, score = time[there], happened[there], score[there]
    concordant = pairs = 0.0
    for i in np.flatnonzero(happened):
        later = (time > time[i]) | ((time == time[i]) & ~happened)
        pairs += float(later.sum())
        concordant += float((score[i] > score[later]).sum()) + 0.5 * float((score[i] == score[later]).sum())
    return concordant / pairs if pairs else float("nan")
