"""Keeps pydicom's remarks on invalid values to itself: they quote the values, and a value may be a name."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

__all__ = ["quiet_dicom"]


@contextlib.contextmanager
def quiet_dicom() -> Iterator[None]:
    """Silence warnings and log lines of pydicom and highdicom; what matters is judged where it is used."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
