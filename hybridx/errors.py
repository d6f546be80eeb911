"""The errors of the library: one small tree, so that a caller can catch what it can act on.

A message says what, what it got, what it wanted, the cure, and where. Context is added with ``add_note`` while an
error climbs (the patient, the file, the step).
"""

from __future__ import annotations

__all__ = [
    "ConvergenceError",
    "ExplanationError",
    "ExtractionError",
    "HybridxError",
    "HybridxWarning",
    "InputError",
    "NotEnoughDataError",
    "SettingsError",
]


class HybridxError(Exception):
    """Whatever the library refuses to do, for a reason it can name."""


class InputError(HybridxError, ValueError):
    """The data or the arguments cannot be used as they are; nothing was written."""


class SettingsError(InputError):
    """A setting is unknown or has an impossible value; the nearest right name is offered."""


class NotEnoughDataError(InputError):
    """Too few patients or events for an honest answer; the message says how many there are and are needed."""


class ExtractionError(HybridxError):
    """One patient's images or tables gave no features; the batch goes on and lists the reason."""


class ConvergenceError(HybridxError):
    """A fit did not converge, so its numbers would mean nothing."""


class ExplanationError(HybridxError):
    """Contributions do not add up to the prediction, or no sound method exists for the model."""


class HybridxWarning(UserWarning):
    """Something was left out or decided on the user's behalf, and they should know."""
