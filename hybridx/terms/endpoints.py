"""Endpoints of oncology: what counts as the event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hybridx.errors import InputError
from hybridx.terms.text import nearest

__all__ = ["ENDPOINTS", "Endpoint", "canonical_endpoint", "endpoint_title", "nearest_endpoint"]

ENDPOINT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, its name in words, and the event it counts.

    Parameters
    ----------
    name : str
        Usual abbreviation.
    title : str
        In words.
    event : str
        What ends the time.
    kind : str
        ``survival`` or ``response``.
    includes_death : bool
        Whether death of any cause is an event; where it is not, death competes.
    """

    name: str
    title: str
    event: str
    kind: str = "survival"
    includes_death: bool = True


ENDPOINTS: Mapping[str, Endpoint] = {
    e.name: e
    for e in (
        Endpoint("OS", "Overall survival", "death of any cause"),
        Endpoint("PFS", "Progression-free survival", "progression or death of any cause"),
        Endpoint("DFS", "Disease-free survival", "relapse, second primary cancer or death of any cause"),
        Endpoint("RFS", "Relapse-free survival", "relapse or death of any cause"),
        Endpoint(
            "EFS", "Event-free survival", "progression, relapse, treatment failure or death of any cause"
        ),
        Endpoint("CSS", "Cancer-specific survival", "death of the cancer", includes_death=False),
        Endpoint("LRC", "Locoregional control", "local or regional relapse", includes_death=False),
        Endpoint("LC", "Local control", "local relapse", includes_death=False),
        Endpoint("LRFS", "Locoregional relapse-free survival", "locoregional relapse or death of any cause"),
        Endpoint("DMFS", "Distant-metastasis-free survival", "distant metastasis or death of any cause"),
        Endpoint("MFS", "Metastasis-free survival", "metastasis or death of any cause"),
        Endpoint("LMFS", "Lung-metastasis-free survival", "lung metastasis or death of any cause"),
        Endpoint("BMFS", "Brain-metastasis-free survival", "brain metastasis or death of any cause"),
        Endpoint("DM", "Distant metastasis", "distant metastasis", includes_death=False),
        Endpoint("TTP", "Time to progression", "progression", includes_death=False),
        Endpoint("TTR", "Time to relapse", "relapse", includes_death=False),
        Endpoint(
            "BCR", "Biochemical recurrence", "rise of the marker above its threshold", includes_death=False
        ),
        Endpoint(
            "rPFS", "Radiographic progression-free survival", "progression on imaging or death of any cause"
        ),
        Endpoint("TTNT", "Time to next treatment", "start of the next treatment or death of any cause"),
        Endpoint("ORR", "Objective response", "complete or partial response", kind="response"),
        Endpoint("DCR", "Disease control", "response or stable disease", kind="response"),
        Endpoint("CBR", "Clinical benefit", "response or durable stable disease", kind="response"),
        Endpoint("pCR", "Pathological complete response", "no invasive tumour left", kind="response"),
        Endpoint("MPR", "Major pathological response", "at most 10 % viable tumour left", kind="response"),
        Endpoint("response", "Response to therapy", "response", kind="response"),
    )
}

_FOLDED = {name.casefold(): name for name in ENDPOINTS}


def canonical_endpoint(text: str) -> str:
    """Return the usual spelling of a known endpoint (``os`` gives ``OS``); another name is returned as it is.

    Raises
    ------
    InputError
        Not a name: letters, digits, ``_`` and ``-``, starting with a letter, at most 40.

    Examples
    --------
    >>> canonical_endpoint("dfs"), canonical_endpoint("lung_metastasis")
    ('DFS', 'lung_metastasis')
    """
    name = text.strip()
    if not ENDPOINT_NAME.fullmatch(name):
        msg = f"{text!r} is no name of an endpoint: letters, digits, '_' and '-', starting with a letter, at most 40."
        raise InputError(msg)
    return _FOLDED.get(name.casefold(), name)


def nearest_endpoint(text: str) -> str | None:
    """Return the known endpoint spelt most like `text`, or None when nothing is close."""
    guess = nearest(text.casefold(), _FOLDED)
    return None if guess is None else _FOLDED[guess]


def endpoint_title(name: str) -> str:
    """Return an endpoint in words; a name of the user's own is shown as it is written.

    Examples
    --------
    >>> endpoint_title("DFS")
    'Disease-free survival'
    >>> endpoint_title("lung_metastasis")
    'lung metastasis'
    """
    known = ENDPOINTS.get(_FOLDED.get(name.casefold(), name))
    return known.title if known else name.replace("_", " ")
