"""Variants and expression: a sequenced panel and eighty transcripts, of which half follow two hidden programmes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from hybridx.demo.patients import Patient, stream

__all__ = ["GENES", "expression_rows", "variant_rows"]

PANEL_MB = 1.2

# One or two well-known alterations per gene; passengers are drawn with a made-up position.
_KNOWN = {
    "TP53": (("missense", "p.R175H"), ("missense", "p.R273H"), ("nonsense", "p.R213*")),
    "KRAS": (("missense", "p.G12C"), ("missense", "p.G12D")),
    "EGFR": (("missense", "p.L858R"), ("inframe", "p.E746_A750del")),
    "STK11": (("nonsense", "p.Q37*"), ("frameshift", "p.P281fs")),
    "KEAP1": (("missense", "p.R470C"), ("missense", "p.G333C")),
    "BRAF": (("missense", "p.V600E"),),
    "PIK3CA": (("missense", "p.E545K"), ("missense", "p.H1047R")),
}
_PASSENGERS = ("ATM", "KMT2D", "NOTCH1", "SETD2", "ARID1A", "PBRM1", "APC", "BRCA2", "ATRX", "TSC2")

_PROLIFERATION = (
    "MKI67", "TOP2A", "CCNB1", "CDK1", "BUB1", "AURKA", "AURKB", "PLK1", "TYMS", "RRM2",
    "MCM2", "MCM6", "CCNA2", "BIRC5", "UBE2C", "FOXM1", "TPX2", "KIF11", "CENPF", "PCNA",
)  # fmt: skip
_IMMUNE = (
    "CD8A", "CD3D", "CD3E", "GZMB", "GZMA", "PRF1", "CXCL9", "CXCL10", "IFNG", "STAT1",
    "IDO1", "LAG3", "PDCD1", "CD274", "HLA-DRA", "NKG7", "CCL5", "TIGIT", "CD2", "CXCR6",
)  # fmt: skip
_OTHER = (
    "ACTB", "GAPDH", "B2M", "TBP", "HPRT1", "RPLP0", "PGK1", "GUSB", "TFRC", "YWHAZ",
    "SDHA", "UBC", "PPIA", "RPL13A", "EEF1A1", "ALB", "APOA1", "SFTPC", "SFTPB", "NKX2-1",
    "NAPSA", "KRT5", "KRT6A", "SOX2", "KRT7", "EPCAM", "VIM", "COL1A1", "COL3A1", "FN1",
    "ACTA2", "PECAM1", "VWF", "VEGFA", "HIF1A", "SLC2A1", "HK2", "LDHA", "MYC", "CDH1",
)  # fmt: skip
GENES = (*_PROLIFERATION, *_IMMUNE, *_OTHER)


def variant_rows(patient: Patient, seed: int, baseline: date) -> list[dict[str, object]]:
    """Return the rows of the variants table: known alterations, passengers, or one row that says nothing was found.

    The date is given instead of the day, as a molecular laboratory would.
    """
    rng = stream(seed, patient.index, 6)
    sampled = (baseline - timedelta(days=int(rng.integers(3, 25)))).isoformat()
    common = {"patient_id": patient.id, "panel_mb": PANEL_MB, "date": sampled}
    purity = float(rng.uniform(0.35, 0.85))
    rows: list[dict[str, object]] = []
    for gene in patient.mutated:
        known = _KNOWN.get(
            gene, (("missense", _position(rng)), ("frameshift", f"p.A{rng.integers(30, 900)}fs"))
        )
        classification, change = known[int(rng.integers(len(known)))]
        rows.append(
            {
                **common,
                "gene": gene,
                "classification": classification,
                "hgvsp": change,
                "vaf": _vaf(rng, purity),
            }
        )
    smoker = patient.smoking != "never"
    free = [gene for gene in _PASSENGERS if gene not in patient.mutated]
    for gene in rng.permutation(free)[: int(rng.poisson(2.2 if smoker else 0.7))]:
        kind = str(rng.choice(("missense", "synonymous"), p=(0.7, 0.3)))
        change = _position(rng) if kind == "missense" else f"p.L{rng.integers(30, 900)}="
        rows.append(
            {**common, "gene": str(gene), "classification": kind, "hgvsp": change, "vaf": _vaf(rng, purity)}
        )
    if not rows:
        rows.append({**common, "gene": "-", "classification": "none_found", "hgvsp": None, "vaf": None})
    return rows


def _position(rng: np.random.Generator) -> str:
    before, after = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=2, replace=False)
    return f"p.{before}{rng.integers(20, 900)}{after}"


def _vaf(rng: np.random.Generator, purity: float) -> float:
    return round(float(np.clip(purity / 2 + rng.normal(0, 0.05), 0.03, 0.95)), 3)


def expression_rows(patient: Patient, seed: int) -> list[dict[str, object]]:
    """Return the rows of the expression table (TPM): two programmes of twenty genes each, forty without meaning."""
    rng = stream(seed, patient.index, 7)
    # the usual level and the loading of a gene are facts of biology, the same in every demo
    levels, loadings = _gene_facts()
    programme = np.concatenate(
        [
            np.full(len(_PROLIFERATION), patient.latent["expression.proliferation"]),
            np.full(len(_IMMUNE), patient.latent["expression.immune"]),
            np.zeros(len(_OTHER)),
        ]
    )
    log2 = (
        levels + loadings * programme + 0.55 * rng.standard_normal(len(GENES)) + 0.25 * rng.standard_normal()
    )
    day = -int(rng.integers(3, 25))
    return [
        {
            "patient_id": patient.id,
            "gene": gene,
            "value": round(float(2.0**value), 3),
            "unit": "TPM",
            "day": day,
        }
        for gene, value in zip(GENES, log2, strict=True)
    ]


def _gene_facts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(80)
    quiet = len(_PROLIFERATION) + len(_IMMUNE)
    levels = np.concatenate([rng.normal(4.0, 1.0, quiet), rng.normal(6.0, 2.0, len(_OTHER))])
    loadings = np.concatenate([rng.uniform(0.5, 1.0, quiet), np.zeros(len(_OTHER))])
    return levels, loadings
