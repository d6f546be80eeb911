"""Changes of a protein in HGVS notation: short form, and where in the protein they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ProteinChange", "parse_change", "short_change"]

_LETTERS: Mapping[str, str] = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Sec": "U", "Ser": "S", "Thr": "T",
    "Trp": "W", "Tyr": "Y", "Val": "V", "Ter": "*", "Asx": "B", "Glx": "Z", "Xaa": "X",
}  # fmt: skip
_LONG = re.compile("|".join(_LETTERS))
_CHANGE = re.compile(r"p\.\(?([A-Z*])(\d+)(?:_([A-Z*])(\d+))?(.*?)\)?")


@dataclass(frozen=True, slots=True)
class ProteinChange:
    """A change of a protein.

    Parameters
    ----------
    first, last : int
        Residues, counted from 1; the same for a change of one residue.
    before, after : str
        Amino acid before (one letter), and what follows the position: ``H``, ``*``, ``del``, ``fs*12``, ``=``.
    """

    first: int
    last: int
    before: str
    after: str

    @property
    def deletes(self) -> bool:
        """Whether residues are lost without a frameshift."""
        return self.after.startswith("del")


def short_change(text: str) -> str:
    """Return a change with one-letter amino acids and without its transcript.

    Examples
    --------
    >>> short_change("ENSP00000269305.4:p.Arg175His"), short_change("p.Glu746_Ala750del"), short_change("V600E")
    ('p.R175H', 'p.E746_A750del', 'p.V600E')
    """
    change = text.strip().rpartition(":")[2].replace("%3D", "=")
    if not change:
        return ""
    if not change.startswith("p."):
        change = f"p.{change}"
    return _LONG.sub(lambda m: _LETTERS[m[0]], change)


def parse_change(text: str | None) -> ProteinChange | None:
    """Return the parts of a change, or None where the text is not one.

    Examples
    --------
    >>> parse_change("p.V600E")
    ProteinChange(first=600, last=600, before='V', after='E')
    """
    found = None if text is None else _CHANGE.fullmatch(short_change(text))
    if found is None:
        return None
    first = int(found[2])
    return ProteinChange(first, int(found[4] or first), found[1], found[5])
