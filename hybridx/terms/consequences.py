"""What a variant does to its gene: the words of MAF and of the Sequence Ontology, and the classification used here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["MAF_CLASSES", "NOT_COUNTED", "SEVERITY", "from_maf", "from_ontology"]

NOT_COUNTED = ""  # outside the coding sequence: no row of the variants table

# GDC MAF specification, column Variant_Classification. A splice region beyond the two canonical bases, untranslated
# regions, introns and flanks change no protein; the flank before TERT is its promoter.
MAF_CLASSES: Mapping[str, str] = {
    "missense_mutation": "missense", "nonsense_mutation": "nonsense", "nonstop_mutation": "other",
    "translation_start_site": "other", "de_novo_start_inframe": "other", "de_novo_start_outofframe": "other",
    "start_codon_snp": "other", "start_codon_del": "other", "start_codon_ins": "other", "stop_codon_del": "other",
    "stop_codon_ins": "other", "frame_shift_del": "frameshift", "frame_shift_ins": "frameshift",
    "in_frame_del": "inframe", "in_frame_ins": "inframe", "splice_site": "splice", "silent": "synonymous",
    "5'flank": "promoter", "splice_region": NOT_COUNTED, "intron": NOT_COUNTED, "3'utr": NOT_COUNTED,
    "5'utr": NOT_COUNTED, "3'flank": NOT_COUNTED, "igr": NOT_COUNTED, "rna": NOT_COUNTED, "lincrna": NOT_COUNTED,
    "targeted_region": NOT_COUNTED,
}  # fmt: skip

# Sequence Ontology terms, the gravest first (the order of Ensembl VEP), with SnpEff's own refinements beside them.
_ONTOLOGY: tuple[tuple[str, str], ...] = (
    ("transcript_ablation", "deletion"),
    ("splice_acceptor_variant", "splice"), ("splice_donor_variant", "splice"),
    ("stop_gained", "nonsense"), ("frameshift_variant", "frameshift"),
    ("stop_lost", "other"), ("start_lost", "other"), ("initiator_codon_variant", "other"),
    ("transcript_amplification", "amplification"),
    ("gene_fusion", "fusion"), ("bidirectional_gene_fusion", "fusion"),
    ("inframe_insertion", "inframe"), ("conservative_inframe_insertion", "inframe"),
    ("disruptive_inframe_insertion", "inframe"),
    ("inframe_deletion", "inframe"), ("conservative_inframe_deletion", "inframe"),
    ("disruptive_inframe_deletion", "inframe"),
    ("missense_variant", "missense"), ("rare_amino_acid_variant", "missense"),
    ("protein_altering_variant", "other"),
    ("stop_retained_variant", "synonymous"), ("start_retained_variant", "synonymous"),
    ("synonymous_variant", "synonymous"),
    ("upstream_gene_variant", "promoter"),
)  # fmt: skip
SEVERITY: Mapping[str, int] = {term: rank for rank, (term, _) in enumerate(_ONTOLOGY)}
_CLASSES = dict(_ONTOLOGY)
_PROMOTERS = frozenset({"TERT"})  # the one promoter whose changes are read as driver alterations


def from_maf(classification: str, gene: str) -> str | None:
    """Return the classification of a MAF's word; `NOT_COUNTED` outside the coding sequence; None when unknown.

    Examples
    --------
    >>> from_maf("Frame_Shift_Del", "APC"), from_maf("5'Flank", "TERT"), from_maf("5'Flank", "APC")
    ('frameshift', 'promoter', '')
    """
    found = MAF_CLASSES.get(classification.strip().casefold())
    return _only_known_promoters(found, gene)


def from_ontology(terms: Iterable[str], gene: str) -> tuple[str, int]:
    """Return the classification of the gravest of several Sequence Ontology terms, and its rank (0 the gravest).

    Terms outside the coding sequence, and terms that are not known, give `NOT_COUNTED`.

    Examples
    --------
    >>> from_ontology(["missense_variant", "splice_region_variant"], "TP53")[0]
    'missense'
    """
    known = [t for t in terms if t in SEVERITY]
    if not known:
        return NOT_COUNTED, len(SEVERITY)
    gravest = min(known, key=lambda t: SEVERITY[t])
    found = _only_known_promoters(_CLASSES[gravest], gene)
    return found or NOT_COUNTED, SEVERITY[gravest] if found else len(SEVERITY)


def _only_known_promoters(classification: str | None, gene: str) -> str | None:
    return NOT_COUNTED if classification == "promoter" and gene.upper() not in _PROMOTERS else classification
