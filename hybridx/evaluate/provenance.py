"""What made a result: versions, design and the cohort's own provenance; no time of day, so same inputs, same bytes."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from hybridx.cohort.cohort import Cohort

__all__ = ["provenance_of"]

PACKAGES = ("hybridx", "numpy", "polars", "scikit-learn", "scikit-survival", "xgboost")


def provenance_of(cohort: Cohort, design: Mapping[str, Any]) -> dict[str, Any]:
    """Return versions, design and the cohort's provenance."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # an environment without it did not use it
            continue
    return {"versions": versions, "design": dict(design), "cohort": dict(cohort.provenance)}
