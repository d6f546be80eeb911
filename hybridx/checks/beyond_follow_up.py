"""HX013: a time at which a score looks lies beyond follow-up."""

from __future__ import annotations

import numpy as np

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["BEYOND_FOLLOW_UP"]

AT_RISK = 5


def _look(facts: Facts) -> list[Finding]:
    if facts.y.kind != "survival":
        msg = "times belong to survival endpoints"
        raise NotApplicable(msg)
    fold = facts.analysis.panel(facts.analysis.primary).fold
    tested = (fold >= 0).any(axis=0)
    if not tested.any():
        msg = "nobody was predicted"
        raise NotApplicable(msg)
    time = facts.y.time_days[tested]
    moment, found = facts.analysis.moment, []
    for what, days, scores in (
        ("tau", moment.tau_days, "Uno C and the integrated Brier score"),
        ("The horizon", moment.horizon_days, "AUC(t), Brier(t) and calibration"),
    ):
        if days is None or not np.isfinite(days):
            continue
        left, end = int(np.sum(time >= days)), float(time.max())
        said = f"{what} of {scores}, {days / DAYS_PER_MONTH:.1f} months,"
        if days > end:
            sentence = f"{said} lies beyond the last patient's follow-up ({end / DAYS_PER_MONTH:.1f} months)."
            found.append(BEYOND_FOLLOW_UP.finding("error", sentence, [what.split()[-1]]))
        elif left < AT_RISK:
            sentence = (
                f"{said} leaves {left} tested patients under observation: few patients carry all the weight."
            )
            found.append(BEYOND_FOLLOW_UP.finding("warning", sentence, [what.split()[-1]]))
    return found


BEYOND_FOLLOW_UP = Check(
    code="HX013",
    title="Tau or horizon beyond follow-up",
    severities=("error", "warning"),
    trigger=(
        "- **error**: tau or the horizon is later than the longest follow-up of the tested patients;\n"
        "- **warning**: fewer than five tested patients are followed until then. Weights of inverse probability of "
        "censoring, on which Uno C, AUC(t) and Brier scores rest, then belong to a handful."
    ),
    cure="Choose an earlier time: `hx.evaluate(..., horizon_days=...)`; left out, one within follow-up is chosen.",
    limits="Follow-up that differs between centres or groups, so that the end of it speaks of one of them only.",
    look=_look,
    source="Uno H, et al. Stat Med 2011. doi:10.1002/sim.4154",
)
