"""Tables of genes as data: pathways with the role of each gene, hotspots with their codons."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridx.errors import InputError
from hybridx.terms.genes import canonical_gene
from hybridx.terms.protein import ProteinChange

__all__ = ["CHANGES", "ROLES", "Hotspot", "Pathway", "read_hotspots", "read_pathways"]

# Which classifications of a variant count as an alteration of a pathway's gene. A truncated oncogene drives nothing.
ROLES: Mapping[str, frozenset[str]] = {
    "oncogene": frozenset({"missense", "inframe", "promoter", "amplification", "fusion"}),
    "suppressor": frozenset({"missense", "nonsense", "frameshift", "inframe", "splice", "other", "deletion"}),
    "any": frozenset(
        {"missense", "nonsense", "frameshift", "inframe", "splice", "promoter", "other", "amplification", "deletion",
         "fusion"}
    ),
}  # fmt: skip
CHANGES = ("missense", "deletion", "insertion", "any", "promoter")
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Pathway:
    """A pathway: its name in columns, its title, and the role of each of its genes (see `ROLES`)."""

    name: str
    title: str
    genes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A stretch of a gene whose alteration has a meaning of its own.

    Parameters
    ----------
    flag, title : str
        Name in columns, and in words; several stretches may share a flag.
    gene : str
        HGNC symbol.
    first, last : int
        Codons, both included; 0 for a promoter.
    change : {"missense", "deletion", "insertion", "any", "promoter"}
        What must happen there; a deletion or insertion keeps the reading frame.
    after : str
        The amino acid that must follow, or empty for any.
    """

    flag: str
    title: str
    gene: str
    first: int
    last: int
    change: str
    after: str

    def hit(self, classification: str, change: ProteinChange | None) -> bool | None:
        """Return whether a variant of the gene lies here; None when its change of the protein is not known.

        Examples
        --------
        >>> from hybridx.terms.protein import parse_change
        >>> Hotspot("v600", "BRAF V600", "BRAF", 600, 600, "missense", "").hit("missense", parse_change("p.V600E"))
        True
        """
        if self.change == "promoter" or classification == "promoter":
            return self.change == classification
        if classification not in _POSSIBLE[self.change]:
            return False
        if change is None:
            return None
        if change.last < self.first or change.first > self.last:
            return False
        if self.change == "missense":
            return not self.after or change.after == self.after
        if self.change == "deletion":
            return change.deletes
        return self.change == "any" or change.after.startswith(("ins", "dup"))


_POSSIBLE: Mapping[str, frozenset[str]] = {
    "missense": frozenset({"missense"}),
    "deletion": frozenset({"inframe"}),
    "insertion": frozenset({"inframe"}),
    "any": frozenset({"missense", "nonsense", "frameshift", "inframe", "splice", "other"}),
}


def read_pathways(path: str | None = None) -> tuple[Pathway, ...]:
    """Return the pathways of a CSV table with the columns pathway, title, gene, role; default the library's ten.

    Raises
    ------
    InputError
        A column is missing or a role unknown; file and line are named.
    """
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for line, row in _rows(path, "pathways.csv", ("pathway", "gene", "role")):
        _one_of(row["role"], tuple(ROLES), "role", path, line)
        _, genes = found.setdefault(_name(row["pathway"]), (row.get("title") or row["pathway"], {}))
        genes[canonical_gene(row["gene"])] = row["role"]
    return tuple(Pathway(name, title, genes) for name, (title, genes) in found.items())


def read_hotspots(path: str | None = None) -> tuple[Hotspot, ...]:
    """Return the hotspots of a CSV table (flag, gene, first, last, change, after); default the library's own.

    Raises
    ------
    InputError
        A column is missing, a change unknown or a codon no number; file and line are named.
    """
    result = []
    for line, row in _rows(path, "hotspots.csv", ("flag", "gene", "first", "last", "change")):
        _one_of(row["change"], CHANGES, "change", path, line)
        try:
            first, last = int(row["first"] or 0), int(row["last"] or 0)
        except ValueError as error:
            msg = f"{path or 'hotspots.csv'} line {line}: first and last are codons (whole numbers), got {row!r}."
            raise InputError(msg) from error
        title, after = row.get("title") or row["flag"], row.get("after") or ""
        result.append(
            Hotspot(_name(row["flag"]), title, canonical_gene(row["gene"]), first, last, row["change"], after)
        )
    return tuple(result)


def _rows(path: str | None, name: str, needed: tuple[str, ...]) -> list[tuple[int, dict[str, Any]]]:
    file = _HERE / name if path is None else Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            missing = [c for c in needed if c not in (reader.fieldnames or ())]
            if missing:
                msg = f"{file} has no column {missing[0]!r}; it needs {', '.join(needed)}."
                raise InputError(msg)
            return [(reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}) for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read as a table of genes: {error}."
        raise InputError(msg) from error


def _one_of(value: str, options: tuple[str, ...], column: str, path: str | None, line: int) -> None:
    if value not in options:
        msg = f"{path} line {line}, {column}: {value!r} is not one of {', '.join(options)}."
        raise InputError(msg)


def _name(text: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in text.strip().casefold())
