"""Sets of genes for signature scores: two of the literature, and those of a GMT file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hybridx.errors import InputError
from hybridx.terms.genes import canonical_gene

__all__ = ["GeneSet", "builtin_gene_sets", "parse_gmt", "read_gmt"]


@dataclass(frozen=True, slots=True)
class GeneSet:
    """Genes whose expression rises together: name in columns, title, and canonical symbols."""

    name: str
    title: str
    genes: tuple[str, ...]


def builtin_gene_sets() -> tuple[GeneSet, ...]:
    """Return the sets of ``gene_sets.csv``: short lists that a paper names, each with its source there.

    Examples
    --------
    >>> [(s.name, len(s.genes)) for s in builtin_gene_sets()]
    [('tcell_inflamed', 18), ('proliferation', 11)]
    """
    titles: dict[str, str] = {}
    genes: dict[str, list[str]] = {}
    with Path(__file__).with_name("gene_sets.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            titles[row["set"]] = row["title"]
            genes.setdefault(row["set"], []).append(canonical_gene(row["gene"]))
    return tuple(GeneSet(name, titles[name], tuple(listed)) for name, listed in genes.items())


def parse_gmt(text: str) -> tuple[list[GeneSet], dict[int, str]]:
    r"""Return the sets of a GMT text (name, description, genes, separated by tabs), and what is wrong in which line.

    Examples
    --------
    >>> parse_gmt("HYPOXIA\tsome words\tCA9\tVEGFA\nEMPTY\tnothing")[1]
    {2: 'it has no gene'}
    """
    sets: dict[str, GeneSet] = {}
    faults: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        title, *rest = (cell.strip() for cell in line.split("\t"))
        genes = tuple(dict.fromkeys(canonical_gene(g) for g in rest[1:] if g))
        name = "".join(c if c.isalnum() and c.isascii() else "_" for c in title.casefold())
        if not name:
            faults[number] = "it has no name"
        elif not genes:
            faults[number] = "it has no gene"
        elif name in sets:
            faults[number] = f"a set {title!r} stands above it"
        else:
            sets[name] = GeneSet(name, title.replace("_", " "), genes)
    return list(sets.values()), faults


def read_gmt(path: str | Path) -> tuple[GeneSet, ...]:
    """Return the sets of a GMT file.

    Raises
    ------
    InputError
        The file cannot be read, or a line is no set; the first five are named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as a GMT file: {error}."
        raise InputError(msg) from error
    sets, faults = parse_gmt(text)
    if faults:
        first: Mapping[int, str] = dict(list(faults.items())[:5])
        listed = "; ".join(f"line {n}: {why}" for n, why in first.items())
        msg = f"{path} has {len(faults)} lines that are no gene set ({listed}). A line is name, description, genes."
        raise InputError(msg)
    return tuple(sets)
