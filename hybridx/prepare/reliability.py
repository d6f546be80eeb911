"""Intraclass correlation, where preparation steps look for it; it is computed in `hybridx.radiomics.icc`."""

from __future__ import annotations

from hybridx.radiomics.icc import ICC_KINDS, icc, icc_columns

__all__ = ["ICC_KINDS", "icc", "icc_columns"]
