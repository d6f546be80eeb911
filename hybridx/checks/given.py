"""What an evaluation was given, seen before the first fit: models that have learnt already, late measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from sklearn.base import clone

from hybridx.cohort.cohort import Cohort

__all__ = ["learnt_state", "observe_given"]

_DEEPEST = 8
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, FunctionType, ModuleType)


def observe_given(models: Mapping[str, Any], cohort: Cohort) -> dict[str, Any]:
    """Return what must be seen before anything is fitted, as plain data for a result's provenance.

    Parameters
    ----------
    models : mapping of str to estimator
        As the user gave them.
    cohort : Cohort
        As the user gave it.

    Returns
    -------
    dict
        `fitted`: learnt state of each model that has some; `kept`: the part of it that a clone still has, which every
        fold would therefore share; `measured_after`: patients whose modality was measured after the day from which
        times count.
    """
    fitted = {name: found for name, model in models.items() if (found := learnt_state(model))}
    kept = {name: found for name in fitted if (found := learnt_state(clone(models[name], safe=False)))}
    return {
        "fitted": fitted,
        "kept": kept,
        "measured_after": dict(cohort.measured_after(cohort.landmark_day)),
    }


def learnt_state(estimator: Any) -> list[str]:
    """Return the learnt attributes (ending in ``_``) of an estimator and of all that it is made of, as paths.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> learnt_state(StandardScaler())
    []
    >>> learnt_state(StandardScaler().fit([[1.0], [3.0]]))[:2]
    ['mean_', 'n_features_in_']
    """
    return sorted(set(_walk(estimator, "", 0, set())))


def _walk(thing: Any, path: str, depth: int, seen: set[int]) -> Iterator[str]:
    if isinstance(thing, _PLAIN) or depth > _DEEPEST or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Mapping):
        for name, part in thing.items():
            yield from _walk(part, f"{path}{name}.", depth + 1, seen)
        return
    if isinstance(thing, (list, tuple, set, frozenset)):
        for part in thing:
            named = isinstance(part, tuple) and len(part) > 1 and isinstance(part[0], str)
            inside = f"{path}{part[0]}." if named else path  # a step of a pipeline has a name
            yield from _walk(part[1:] if named else part, inside, depth + 1, seen)
        return
    own = getattr(thing, "__dict__", {})
    yield from (f"{path}{n}" for n in own if n.endswith("_") and not n.startswith("_"))
    parameters = thing.get_params(deep=False) if hasattr(thing, "get_params") else own
    for name, part in parameters.items():
        if not name.endswith("_"):
            yield from _walk(part, f"{path}{name}.", depth + 1, seen)
