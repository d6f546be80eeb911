"""Where the real data lie; tests that need them skip with the reason when they do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["real"]

ROOT = Path(
    os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")
).resolve()


def real(*parts: str) -> Path:
    """Return a path below the real data, or skip the test."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real data not here: {path} (set HYBRIDX_REAL_DATA)")
    return path
