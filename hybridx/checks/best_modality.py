"""HX014: the fusion is not better than its best modality."""

from __future__ import annotations

import math

from scipy.special import ndtr, ndtri

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable

__all__ = ["BEST_MODALITY"]


def _look(facts: Facts) -> list[Finding]:
    analysis, metric = facts.analysis, facts.headline()
    names = [
        name
        for name in analysis.models
        if analysis.roles.get(name) == "baseline" and name in analysis.cohort.modalities
    ]
    values = {name: analysis.estimate(name, metric).value for name in names}
    values = {name: value for name, value in values.items() if not math.isnan(value)}
    if len(values) < 2 or analysis.roles.get(analysis.primary) != "model":
        msg = "the result has no baselines of two single modalities to compare with"
        raise NotApplicable(msg)
    best = max(values, key=lambda name: values[name])
    d = analysis.compare(analysis.primary, best, metric)
    if math.isnan(d.value) or math.isnan(d.low):
        msg = f"{analysis.primary} and {best} could not be compared: {d.method}"
        raise NotApplicable(msg)
    if d.verdict == "better":
        return []
    words = f"{metric} {d.value_a:.3f} against {d.value_b:.3f}, {d.low:+.3f} to {d.high:+.3f}, {d.n} patients"
    spread = (d.high - d.low) / (2.0 * float(ndtri(0.5 + d.level / 2)))
    # the best of k baselines is best by luck, too: its advantage is judged as the largest of k
    p = 2.0 * float(ndtr(-abs(d.value) / spread)) * len(values) if spread > 0 else 1.0
    if d.verdict == "worse" and p < 1.0 - d.level:
        sentence = f"{analysis.primary} is worse than {best} alone ({words})."
        return [BEST_MODALITY.finding("warning", sentence, [analysis.primary, best])]
    sentence = f"{analysis.primary} is not shown to be better than {best} alone ({words})."
    return [BEST_MODALITY.finding("info", sentence, [analysis.primary, best])]


BEST_MODALITY = Check(
    code="HX014",
    title="Fusion not better than its best modality",
    severities=("warning", "info"),
    trigger=(
        "The paired difference of the headline metric between the primary model and the best single-modality "
        "baseline, on the patients that both predict. **Warning**: the fusion is worse, by an interval widened for "
        "the number of baselines of which this is the best (Bonferroni). **Info**: it is not shown to be better."
    ),
    cure=(
        "Say so: the simpler model is the one to report. Look at `result.added_value()` for what each "
        "modality adds; a "
        "weak, wide modality can cost more than it brings. The fusion may still be worth having for patients "
        "who lack the "
        "best modality: the comparison is made on those who have it."
    ),
    limits=(
        "The best of several baselines is best by luck, too, which makes the hurdle a little too high. Not "
        "separated is "
        "not the same as equal."
    ),
    look=_look,
)
