"""A fixed panel of cancer genes, chosen before any cohort is seen."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["AMPLIFIED", "CODING", "DELETED", "FUSED", "NON_SYNONYMOUS", "PANEL", "canonical_gene"]

# Genes that recur across solid-tumour panels (MSK-IMPACT, FoundationOne CDx, TruSight Oncology 500) and are altered in
# at least a few per cent of some common cancer. The list is fixed so that a column never depends on who is in a cohort.
PANEL: tuple[str, ...] = (
    "ALK", "APC", "AR", "ARID1A", "ATM", "ATRX", "B2M", "BAP1", "BRAF", "BRCA1",
    "BRCA2", "CCND1", "CDH1", "CDK4", "CDKN2A", "CTNNB1", "DAXX", "EGFR", "ERBB2", "ESR1",
    "FBXW7", "FGFR1", "FGFR2", "FGFR3", "GNAS", "HRAS", "IDH1", "IDH2", "JAK1", "JAK2",
    "KEAP1", "KIT", "KMT2D", "KRAS", "MAP2K1", "MDM2", "MEN1", "MET", "MLH1", "MSH2",
    "MYC", "NF1", "NFE2L2", "NOTCH1", "NRAS", "NTRK1", "PALB2", "PBRM1", "PDGFRA", "PIK3CA",
    "POLE", "PTEN", "RB1", "RET", "ROS1", "SETD2", "SMAD4", "SMARCA4", "STK11", "TERT",
    "TP53", "TSC1", "TSC2", "VHL",
)  # fmt: skip

AMPLIFIED: tuple[str, ...] = ("CCND1", "CDK4", "EGFR", "ERBB2", "FGFR1", "KRAS", "MDM2", "MET", "MYC")
DELETED: tuple[str, ...] = ("CDKN2A", "PTEN", "RB1", "SMAD4", "TP53")
FUSED: tuple[str, ...] = ("ALK", "FGFR2", "FGFR3", "NTRK1", "RET", "ROS1")

# Small variants that change the protein or its amount. Copy-number changes and fusions have flags of their own.
NON_SYNONYMOUS: tuple[str, ...] = (
    "missense", "nonsense", "frameshift", "inframe", "splice", "promoter", "other",
)  # fmt: skip

# Of these, what lies in the sequenced coding region and so counts for a burden per megabase.
CODING: tuple[str, ...] = tuple(kind for kind in NON_SYNONYMOUS if kind != "promoter")

_ALIASES: Mapping[str, str] = {
    "HER2": "ERBB2", "NEU": "ERBB2", "P53": "TP53", "P16": "CDKN2A", "LKB1": "STK11", "BRG1": "SMARCA4",
    "MLL2": "KMT2D", "NRF2": "NFE2L2", "CMET": "MET", "CKIT": "KIT", "CMYC": "MYC", "PDL1": "CD274",
    "PD-L1": "CD274", "PD1": "PDCD1", "TRKA": "NTRK1", "ECADHERIN": "CDH1", "ER": "ESR1", "PI3KCA": "PIK3CA",
}  # fmt: skip

_ORF = re.compile(r"C(\d+|X|Y)ORF(\d+)", re.IGNORECASE)


def canonical_gene(text: str) -> str:
    """Return a gene's HGNC symbol: upper case, with a few old names translated.

    Examples
    --------
    >>> canonical_gene("her2"), canonical_gene("tp53"), canonical_gene("c9orf72")
    ('ERBB2', 'TP53', 'C9orf72')
    """
    symbol = text.strip().upper()
    orf = _ORF.fullmatch(symbol)
    if orf:
        return f"C{orf[1]}orf{orf[2]}"
    return _ALIASES.get(symbol, symbol)
