"""What would change the group: the smallest changes of values at which the model would say something else."""

from __future__ import annotations

from typing import Any

from hybridx.errors import HybridxError
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.reasons import unit_text
from hybridx.report.rendering import number

__all__ = ["other_group"]

_FIXED = frozenset({"clinical", "genomics"})  # age, sex, stage and the tumour's genome do not move


def other_group(background: Background, patient: str) -> dict[str, Any]:
    """Return the changes as sentences; `reason` where there is no single model to ask."""
    why = background.explanation
    if why is None or patient not in background.predicted or not hasattr(why, "counterfactual"):
        return {"reason": "", "sentences": []}
    if getattr(why, "source", None) is None:
        return {
            "reason": say(
                "What would change the group is told where one fitted model was explained; this explanation comes from "
                "several folds or was loaded."
            ),
            "sentences": [],
        }
    try:
        free = [name for name in why.modality_names if name not in _FIXED]
        found = why.counterfactual(patient, "low", changeable=free or None)
        if not found.rows.height and found.reached:  # already on the low side: ask for the other one
            found = why.counterfactual(patient, "high", changeable=free or None)
    except HybridxError:
        return {"reason": say("No change of this patient's values could be asked for."), "sentences": []}
    changes = [
        say(
            "{title}: from {value} to {to} {unit}",
            title=(background.feature_rows.get(r["feature"], {}).get("title") or r["feature"]),
            value=number(r["value"]),
            to=number(r["to"]),
            unit=unit_text(r["unit"]),
        ).strip()
        for r in found.rows.filter(change="chosen").iter_rows(named=True)
    ]
    side = say("lower") if found.direction == "low" else say("higher")
    head = (
        say(
            "The model would put this patient on the {side} side of the cohort's middle with these values:",
            side=side,
        )
        if found.reached
        else say(
            "No plausible change of so few values moves this patient across the cohort's middle; the nearest:"
        )
    )
    return {"reason": "", "head": head, "sentences": changes}
