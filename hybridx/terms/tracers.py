"""PET tracers: isotope, half-life and what they show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HALF_LIFE_S", "TRACERS", "Tracer", "find_tracer"]

# Half-lives in seconds: Laboratoire National Henri Becquerel, Table of Radionuclides (DDEP evaluations).
HALF_LIFE_S: Mapping[str, float] = {
    "F18": 6584.0,
    "Ga68": 4062.6,
    "C11": 1221.8,
    "Cu64": 45723.0,
    "Zr89": 282280.0,
    "O15": 122.2,
    "N13": 597.9,
    "Rb82": 75.4,
    "Lu177": 574300.0,
    "I124": 360800.0,
}


@dataclass(frozen=True, slots=True)
class Tracer:
    """A PET tracer.

    Parameters
    ----------
    name : str
        Short name used in tables.
    title : str
        In words.
    isotope : str
        Key of `HALF_LIFE_S`.
    target : str
        What its uptake shows.
    aliases : tuple of str
        Other spellings, compared without case and punctuation.
    """

    name: str
    title: str
    isotope: str
    target: str
    aliases: tuple[str, ...] = ()

    @property
    def half_life_s(self) -> float:
        """Half-life of the isotope in seconds."""
        return HALF_LIFE_S[self.isotope]


TRACERS: Mapping[str, Tracer] = {
    t.name: t
    for t in (
        Tracer("FDG", "[18F]FDG", "F18", "glucose metabolism", ("fludeoxyglucose", "fluorodeoxyglucose")),
        Tracer("PSMA-11", "[68Ga]Ga-PSMA-11", "Ga68", "PSMA", ("ga-psma", "psma-hbed-cc", "gozetotide")),
        Tracer("PSMA-1007", "[18F]PSMA-1007", "F18", "PSMA"),
        Tracer("rhPSMA-7.3", "[18F]rhPSMA-7.3", "F18", "PSMA", ("flotufolastat",)),
        Tracer("DCFPyL", "[18F]DCFPyL", "F18", "PSMA", ("piflufolastat",)),
        Tracer("DOTATATE", "[68Ga]Ga-DOTA-TATE", "Ga68", "somatostatin receptors", ("dotatate",)),
        Tracer("DOTATOC", "[68Ga]Ga-DOTA-TOC", "Ga68", "somatostatin receptors", ("edotreotide",)),
        Tracer("DOTANOC", "[68Ga]Ga-DOTA-NOC", "Ga68", "somatostatin receptors"),
        Tracer("Cu-DOTATATE", "[64Cu]Cu-DOTA-TATE", "Cu64", "somatostatin receptors", ("64cu-dotatate",)),
        Tracer("FAPI-04", "[68Ga]Ga-FAPI-04", "Ga68", "fibroblast activation protein", ("fapi",)),
        Tracer("FAPI-46", "[68Ga]Ga-FAPI-46", "Ga68", "fibroblast activation protein"),
        Tracer("FES", "[18F]FES", "F18", "oestrogen receptors", ("fluoroestradiol",)),
        Tracer("FET", "[18F]FET", "F18", "amino-acid transport", ("fluoroethyltyrosine",)),
        Tracer("FDOPA", "[18F]FDOPA", "F18", "amino-acid decarboxylation", ("f-dopa", "fluorodopa")),
        Tracer("MET", "[11C]methionine", "C11", "amino-acid transport", ("methionine",)),
        Tracer("FLT", "[18F]FLT", "F18", "proliferation", ("fluorothymidine",)),
        Tracer("FMISO", "[18F]FMISO", "F18", "hypoxia", ("fluoromisonidazole",)),
        Tracer("FAZA", "[18F]FAZA", "F18", "hypoxia"),
        Tracer("Choline-F", "[18F]choline", "F18", "membrane turnover", ("fluorocholine", "fch", "fech")),
        Tracer("Choline-C", "[11C]choline", "C11", "membrane turnover", ("11c-choline",)),
        Tracer("NaF", "[18F]NaF", "F18", "bone turnover", ("sodium fluoride",)),
        Tracer("Pentixafor", "[68Ga]Ga-pentixafor", "Ga68", "CXCR4"),
        Tracer("Trastuzumab", "[89Zr]Zr-trastuzumab", "Zr89", "HER2"),
    )
}

_ISOTOPE_PREFIX = re.compile(r"^(18f|f18|68ga|ga68|11c|c11|89zr|zr89)(ga|zr)?")


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


_SPELLINGS = {_key(s): t.name for t in TRACERS.values() for s in (t.name, t.title, *t.aliases)}


def find_tracer(text: str) -> Tracer | None:
    """Return the tracer of that name, with or without its isotope, or None.

    Examples
    --------
    >>> find_tracer("18F-FDG").half_life_s
    6584.0
    """
    key = _key(text)
    name = _SPELLINGS.get(key) or _SPELLINGS.get(_ISOTOPE_PREFIX.sub("", key))
    return None if name is None else TRACERS[name]
