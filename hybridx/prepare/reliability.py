"""Intraclass correlation, where preparation steps look for it; it is computed in `hybridx.radiomics.intraclass`."""

from __future__ import annotations

from hybridx.radiomics.intraclass import ICC_KINDS, icc, icc_columns

__all__ = ["ICC_KINDS", "icc", "icc_columns"]
