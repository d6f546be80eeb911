"""Whether a model learns from pictures, so that the table it is given carries them."""

from __future__ import annotations

from typing import Any

__all__ = ["wants_images"]


def wants_images(*estimators: Any) -> bool:
    """Return whether any of these models reads ``<modality>.image``; see `Cohort.frame`.

    An estimator says so by a true attribute `needs_images`, its own or that of an estimator among its parameters (a
    pipeline, a search).

    Examples
    --------
    >>> from hybridx.fusion import LateFusion
    >>> wants_images(LateFusion())
    False
    """
    return any(_wants(estimator) for estimator in estimators)


def _wants(estimator: Any) -> bool:
    if getattr(estimator, "needs_images", False):
        return True
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return False
    inner = estimator.get_params(deep=True).values()
    return any(getattr(value, "needs_images", False) for value in inner)
