"""The conformal line: a set or an interval that holds the patient's own outcome as often as it says."""

from __future__ import annotations

import math
from typing import Any

from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import months
from hybridx.report.value_words import possible, with_unit

__all__ = ["promise"]


def promise(background: Background, patient: str) -> dict[str, str]:
    """Return the `sentence` and, in small print, from whom it was learnt; both empty without a prediction."""
    if patient not in background.predicted:
        return {"sentence": "", "small": ""}
    found = background.conformal
    own = found.of(patient) if not found.reason else None
    if own is None:
        return {"sentence": "", "small": _why_none(found.reason)}
    share = f"{100 * found.level:.0f} %"
    others = found.n - int(bool(background.outcome.known[background.index_of(patient)]))
    learnt = say(
        "Learnt from the held-out predictions of the {n} other patients, whatever the model is.", n=others
    )
    return {
        "sentence": _SENTENCES[found.kind](background, own, share),
        "small": f"{learnt} {_held(found.kind, share)}",
    }


def _why_none(reason: str) -> str:
    if reason == "late entry":
        return say("No conformal interval: patients came under observation late, which it cannot allow for.")
    if reason == "not kept":
        return say("No conformal interval: the result keeps no held-out curves.")
    return say(
        "No conformal set or interval: too few patients with a known outcome for one that holds in 90 %."
    )


def _held(kind: str, share: str) -> str:
    if kind == "response":
        return say(
            "It holds what happens in {share} of responders and in {share} of non-responders like those of this "
            "cohort.",
            share=share,
        )
    if kind == "survival":
        return say(
            "It holds the time in {share} of patients like those of this cohort, as far as censoring lets one see; "
            "ends lie within follow-up.",
            share=share,
        )
    return say("It holds what happens in {share} of patients like those of this cohort.", share=share)


def _response(background: Background, own: dict[str, Any], share: str) -> str:
    del background
    if len(own["set"]) > 1:
        return say("Conformal set ({share}): responder or non-responder; the model cannot tell.", share=share)
    return say("Conformal set ({share}): {who} only.", share=share, who=say(own["set"][0]))


def _ordinal(background: Background, own: dict[str, Any], share: str) -> str:
    found = own["set"]
    if len(found) == len(background.outcome.levels):
        return say("Conformal set ({share}): every level; the model excludes none.", share=share)
    return say("Conformal set ({share}): {levels}.", share=share, levels=", ".join(found))


def _continuous(background: Background, own: dict[str, Any], share: str) -> str:
    unit = background.outcome.unit
    return say(
        "Conformal interval of the patient's own value ({share}): {low} to {high}.",
        share=share,
        low=with_unit(possible(own["low"], background.outcome), unit),
        high=with_unit(own["high"], unit),
    )


def _survival(background: Background, own: dict[str, Any], share: str) -> str:
    del background
    low = months(own["low"])
    if math.isfinite(own["high"]):
        return say(
            "Conformal interval of the time itself ({share}): {low} to {high} months.",
            share=share, low=low, high=months(own["high"]),
        )  # fmt: skip
    return say(
        "Conformal interval of the time itself ({share}): {low} months or more; follow-up carries no upper end.",
        share=share,
        low=low,
    )


_SENTENCES = {"response": _response, "ordinal": _ordinal, "continuous": _continuous, "survival": _survival}
