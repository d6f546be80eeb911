"""An annotated VCF file as rows of the variants table: VEP's CSQ or SnpEff's ANN say what a variant does."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import vcfpy

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.read_maf import VARIANT_COLUMNS, content_of
from hybridx.cohort.read_text import RawTable
from hybridx.terms.consequences import NOT_COUNTED, from_ontology
from hybridx.terms.protein import short_change
from hybridx.terms.text import nearest

__all__ = ["read_vcf"]

_NORMAL = re.compile(r"normal|blood|germline|control|(^|[_.-])n\d*$", re.IGNORECASE)
_SNPEFF = (
    "Allele", "Consequence", "Impact", "SYMBOL", "Gene", "Feature_type", "Feature", "BIOTYPE", "Rank", "HGVSc", "HGVSp",
)  # fmt: skip
_DAMAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, vcfpy.exceptions.VCFPyException)


def read_vcf(path: Path, name: str, patient: str, sample: str | None = None) -> RawTable:
    """Read the variants of one tumour sample as text, one row per alternative allele that changes a codon.

    Records that did not pass the caller's filter, alleles the sample does not carry (genotype 0/0) and symbolic
    alleles (``<DEL>``, breakends) are left out. Of several transcripts that marked PICK, MANE or CANONICAL counts, then
    the gravest consequence; SnpEff's first.

    Parameters
    ----------
    path : pathlib.Path
        ``.vcf`` or ``.vcf.gz``.
    name : str
        The file in messages.
    patient : str
        Whose it is.
    sample : str, optional
        The tumour's column; needed where the file does not say which of several it is.
    """
    raw = RawTable(name)
    try:
        lines = content_of(path).decode("utf-8").splitlines()
        body = next((i for i, line in enumerate(lines) if line and not line.startswith("#")), len(lines))
        head = ("\n".join(lines[:body]) + "\n").encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a caller's untidy header is not the reader's concern
            reader = vcfpy.Reader.from_stream(io.TextIOWrapper(io.BytesIO(head), encoding="utf-8"))
            header = reader.header
    except (OSError, EOFError, *_DAMAGE) as error:
        hint = "It is no VCF, or it is cut short: export it again."
        return _refused(raw, found("T091", name, value=type(error).__name__, hint=hint))
    raw.header = body
    fields = _annotation(header)
    if fields is None:
        return _refused(raw, found("T090", name))
    tumour, problem = _tumour(header, sample, name)
    if problem is not None:
        return _refused(raw, problem)
    rows: list[tuple[str | None, ...]] = []
    for number, line in enumerate(lines[body:], body + 1):
        if not line.strip():
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                record = reader.parser.parse_line(line)
            made = list(_variants(record, fields, tumour, patient))
        except _DAMAGE as error:
            raw.problems.append(
                found("T091", name, number, value=line[:40], hint=f"The record is damaged: {error}.")
            )
            continue
        rows += made
        raw.lines += [number] * len(made)
    raw.text = pl.DataFrame(rows, schema=dict.fromkeys(VARIANT_COLUMNS, pl.String), orient="row")
    return raw


def _refused(raw: RawTable, problem: Problem) -> RawTable:
    raw.problems.append(problem)
    raw.usable = False
    return raw


def _annotation(header: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return the INFO key of the annotation and the names of its fields, or None when there is none."""
    described = {
        line.mapping.get("ID"): line.mapping.get("Description", "") for line in header.get_lines("INFO")
    }
    if "CSQ" in described:
        listed = re.search(r"Format:\s*([^\"']+)", described["CSQ"])
        return ("CSQ", tuple(f.strip() for f in listed[1].split("|"))) if listed else None
    return ("ANN", _SNPEFF) if "ANN" in described else None


def _tumour(header: Any, sample: str | None, name: str) -> tuple[int | None, Problem | None]:
    """Return the column of the tumour, None when the file has no samples, or what is wrong."""
    names = list(header.samples.names)
    if sample is not None:
        if sample in names:
            return names.index(sample), None
        guess = nearest(sample, names)
        hint = f"Did you mean {guess!r}?" if guess else ""
        return None, found("T092", name, column="sample", value=sample, expected=_listed(names), hint=hint)
    if len(names) <= 1:
        return (0 if names else None), None
    said = [line.value for line in header.lines if line.key == "tumor_sample"]
    if said and said[0] in names:
        return names.index(said[0]), None
    tumours = [i for i, n in enumerate(names) if not _NORMAL.search(n)]
    if len(tumours) == 1:
        return tumours[0], None
    hint = "Name the tumour's in the column sample of sequencing.csv."
    return None, found(
        "T092", name, column="sample", value=", ".join(names), expected="one tumour sample", hint=hint
    )


def _listed(names: list[str]) -> str:
    return "one of " + ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _variants(
    record: Any, annotation: tuple[str, tuple[str, ...]], tumour: int | None, patient: str
) -> Iterator[tuple[str | None, ...]]:
    if record.FILTER not in ([], ["PASS"]):
        return
    key, fields = annotation
    entries = record.INFO.get(key, [])
    entries = [entries] if isinstance(entries, str) else entries
    told = [dict(zip(fields, (p.strip() for p in entry.split("|")), strict=False)) for entry in entries]
    call = None if tumour is None else record.calls[tumour]
    plain = [a.value for a in record.ALT if a.value and re.fullmatch(r"[ACGTNacgtn]+", a.value)]
    printed = _printed(plain, record.REF)
    for index, alt in enumerate(record.ALT):
        if alt.value not in printed or not _carried(call, index):
            continue
        about = told if len(record.ALT) == 1 else [e for e in told if e.get("Allele") in printed[alt.value]]
        gene, kind, change = _effect(about, first=key == "ANN")
        if kind != NOT_COUNTED:
            place = f"{record.CHROM}:{record.POS} {record.REF}>{alt.value}"
            yield patient, gene, kind, change, _fraction(call, index), place


def _printed(alleles: list[str], ref: str) -> dict[str, set[str]]:
    """Return how the annotation may print each alternative allele.

    VEP leaves out the first base where the reference and all alternatives share it: CA>C is "-", C>CA is "A".
    """
    shared = all(a[:1] == ref[:1] for a in alleles) and any(len(a) != len(ref) for a in alleles)
    return {a: {a, a[1:] or "-"} if shared else {a} for a in alleles}


def _effect(entries: list[dict[str, str]], *, first: bool) -> tuple[str | None, str, str | None]:
    def rank(entry: dict[str, str]) -> tuple[bool, bool, bool, int]:
        _, grave = from_ontology(entry.get("Consequence", "").split("&"), entry.get("SYMBOL", ""))
        return (
            entry.get("PICK") != "1",
            not entry.get("MANE_SELECT"),
            entry.get("CANONICAL") != "YES",
            grave,
        )

    if not entries:
        return None, NOT_COUNTED, None
    chosen = entries[0] if first else min(entries, key=rank)
    gene = chosen.get("SYMBOL") or chosen.get("Gene") or None
    kind, _ = from_ontology(chosen.get("Consequence", "").split("&"), gene or "")
    change = chosen.get("HGVSp", "")
    return gene, kind, short_change(change) or None


def _carried(call: Any, index: int) -> bool:
    """Return whether the sample has the allele; a call without a genotype is believed."""
    genotype = None if call is None else call.data.get("GT")
    if not genotype or set(re.split(r"[/|]", genotype)) <= {"."}:
        return True
    return str(index + 1) in re.split(r"[/|]", genotype)


def _fraction(call: Any, index: int) -> str | None:
    data: Mapping[str, Any] = {} if call is None else call.data
    given = data.get("AF", data.get("VAF"))
    if given is not None:
        values = given if isinstance(given, list) else [given]
        return None if index >= len(values) or values[index] is None else f"{float(values[index]):.6g}"
    reads = data.get("AD")
    if (
        isinstance(reads, list)
        and len(reads) > index + 1
        and all(r is not None for r in reads)
        and sum(reads) > 0
    ):
        return f"{reads[index + 1] / sum(reads):.6g}"
    return None
