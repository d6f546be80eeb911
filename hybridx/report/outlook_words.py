"""Words that the risk sections of all kinds of endpoint share."""

from __future__ import annotations

import math

from hybridx.report.background import Background
from hybridx.report.language import say

__all__ = ["band_words", "no_band", "why_not"]


def why_not(background: Background, patient: str) -> str:
    """Say why a patient has no prediction."""
    i = background.index_of(patient)
    if not background.predicted:
        return say(
            "Not enough data: the model could not be fitted to this cohort and predicts for nobody. The notes under "
            "'How far to trust it' say what was missing."
        )
    if patient not in background.anything_measured:
        return say("Nothing was measured for this patient, so the model makes no prediction.")
    if not background.outcome.known[i]:
        return say(
            "No outcome {endpoint} is recorded, so the patient took no part in the validation and has no out-of-fold "
            "prediction.",
            endpoint=background.result.endpoint,
        )
    return say("The model gave no prediction: none of the modalities that it uses was measured.")


def no_band(background: Background) -> str:
    """Say why a prediction has no band."""
    if background.result.bands:
        return say(
            "Too few of the bootstrap refits could be fitted for this patient, so this prediction has no band."
        )
    return say("The run computed no bootstrap refits, so this prediction has no band.")


def band_words(low: float, high: float) -> str:
    """Write the band of a probability."""
    if not math.isfinite(low):
        return say("no band computed")
    return say("95 % band {low:.0f} to {high:.0f} %", low=100 * low, high=100 * high)
