r"""Antolini's C-td: discrimination of survival curves that may cross, each pair judged at the time of its event.

.. math:: C = P(S_i(T_i) < S_j(T_i) \mid i \text{ has the event at } T_i \text{ while } j \text{ is followed})

For a model whose curves do not cross (a Cox model) it is Harrell's C. Pairs as there: j is followed beyond T_i, or
censored on that day, and under observation by then where entry is late; two events on one day are no pair. Level
probabilities count one half.
"""

from __future__ import annotations

import numpy as np

from hybridx.evaluate.discrimination import share
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.models.concordance import weighted_pairs

__all__ = ["antolini_values"]

# Probabilities this near are level: what two routes of arithmetic to the same probability leave. Risks have a wider
# tolerance, but early in follow-up all probabilities are near 1 and a difference of 1e-8 can be a real one.
LEVEL = 1e-12


def antolini_values(panel: Panel, weights: FloatArray, tau_days: float = np.inf) -> FloatArray:
    """Return Antolini's C of the survival curves, for events before `tau_days`, shape (B,).

    The curve is read at the last grid time not after T_i (as a step, like ``EvalSurv(steps="post")`` of pycox); before
    the first grid time at the first one, where the model has said who is worse although not yet by how much.

    Source
    ------
    Antolini L, Boracchi P, Biganzoli E. Stat Med 2005. doi:10.1002/sim.2427. Checked against pycox 0.3.0
    (``concordance_td("adj_antolini")`` without tied times, ``"antolini"`` without tied probabilities) to 1e-12.
    """
    y = panel.outcome
    asks = y.event & (y.time_days < tau_days)
    if panel.survival is None or panel.times is None:
        return np.full(len(weights), np.nan)
    at = np.searchsorted(panel.times, y.time_days * (1 + 1e-12), side="right") - 1
    column = np.maximum(at, 0)
    sums = np.zeros((2, panel.fold.shape[0], len(weights)))
    for repeat, block in panel.blocks():
        rows = block[np.isfinite(panel.survival[repeat, block]).all(axis=1)]
        used = np.unique(column[rows][asks[rows]])
        if not used.size:
            continue
        w = weights[:, rows]
        sums[:, repeat] += weighted_pairs(
            y.time_days[rows],
            y.event[rows],
            -np.ascontiguousarray(panel.survival[repeat, rows][:, used].T),
            w,
            w,
            asks=asks[rows] & (column[rows] == used[:, None]),
            entry=None if y.entry_days is None else y.entry_days[rows],
            tied=LEVEL,
        )
    return share(sums[0], sums[1])
