"""Words for how much there is to learn from: said alike by the advice on models and by the sample-size check."""

from __future__ import annotations

__all__ = ["RESTS", "events_for_features", "events_word"]

RESTS = "rests on penalties and held-out scores"


def events_word(kind: str) -> str:
    """Return what is counted: events, or patients of the rarer of two outcomes."""
    return "events" if kind == "survival" else "of the rarer outcome"


def events_for_features(n_events: int, n_features: int, kind: str) -> str:
    """Return how many events there are for the features that are to be tried.

    Parameters
    ----------
    n_events : int
        Events, or the rarer of responders and non-responders.
    n_features : int
        Before any selection: looking at a feature costs, not only keeping it.
    kind : {"survival", "response"}

    Examples
    --------
    >>> events_for_features(30, 101, "survival")
    '30 events for 101 candidate features (0.3 each)'
    """
    each = n_events / n_features
    return f"{n_events} {events_word(kind)} for {n_features} candidate features ({each:.2g} each)"
