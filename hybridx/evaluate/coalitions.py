"""The primary model on every coalition of modalities: which are fitted, under which names, and what that costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from sklearn.base import clone

from hybridx.cohort.cohort import Cohort
from hybridx.cohort.columns import feature_columns, modalities_in, modality_of
from hybridx.errors import InputError
from hybridx.evaluate.baselines import Model
from hybridx.evaluate.folds import FoldResult

__all__ = [
    "ALL_UP_TO",
    "apart",
    "coalition_models",
    "coalition_name",
    "coalition_of",
    "coalitions_of",
    "used_modalities",
]

ALL_UP_TO = 5  # modalities of which all 2^m - 1 coalitions are fitted
CLINICAL = "clinical"


def coalitions_of(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the coalitions to fit, small ones first, the whole last.

    Up to five modalities: all of them. More: each alone, clinical facts with each other one, all but one, all.

    Examples
    --------
    >>> coalitions_of(["clinical", "pet"])
    [('clinical',), ('pet',), ('clinical', 'pet')]
    >>> len(coalitions_of(list("abcdefg")))
    15
    """
    names = tuple(modalities)
    m = len(names)
    if m <= ALL_UP_TO:
        return [found for size in range(1, m + 1) for found in combinations(names, size)]
    pairs = [tuple(n for n in names if n in (CLINICAL, name)) for name in names if name != CLINICAL]
    chosen = [
        *((name,) for name in names),
        *(pairs if CLINICAL in names else []),
        *(tuple(n for n in names if n != out) for out in reversed(names)),
        names,
    ]
    return list(dict.fromkeys(chosen))


def coalition_name(primary: str, coalition: Sequence[str]) -> str:
    """Return the name of the primary model fitted on a coalition.

    Examples
    --------
    >>> coalition_name("kernel", ["clinical", "pet"])
    'kernel[clinical+pet]'
    """
    return f"{primary}[{'+'.join(coalition)}]"


def coalition_of(name: str) -> tuple[str, ...]:
    """Return the modalities in a name that `coalition_name` made."""
    return tuple(name[name.rindex("[") + 1 : -1].split("+"))


def used_modalities(estimator: Any, cohort: Cohort) -> list[str]:
    """Return the modalities that an unfitted model would use, in the order of the cohort's table."""
    settings = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    frame = cohort.frame()
    there = [name for name in modalities_in(frame) if feature_columns(frame, [name])]
    asked = settings.get("modalities")
    columns = settings.get("columns")
    if asked is None and columns is not None:
        asked = {modality_of(c) for c in columns}
    wanted = {asked} if isinstance(asked, str) else asked
    return [name for name in there if wanted is None or name in wanted]


def coalition_models(primary: Model, cohort: Cohort) -> tuple[list[Model], list[str]]:
    """Return the models to fit besides the primary one, which is the coalition of all, and sentences on the cost.

    Raises
    ------
    InputError
        The primary model uses one modality only: there is nothing to add.
    """
    modalities = used_modalities(primary.estimator, cohort)
    if len(modalities) < 2:
        msg = (
            f"coalitions=True: {primary.name!r} uses {len(modalities)} modality; to say what each adds, two or more "
            "are needed."
        )
        raise InputError(msg)
    wanted = [c for c in coalitions_of(modalities) if len(c) < len(modalities)]
    models = [
        Model(
            coalition_name(primary.name, c),
            _restricted(primary.estimator, c, modalities),
            "coalition",
            modalities=c,
        )
        for c in wanted
    ]
    which = (
        "every coalition"
        if len(modalities) <= ALL_UP_TO
        else "each alone, clinical facts with each, and all but one"
    )
    sentence = (
        f"{primary.name} was also fitted on {len(models)} coalitions of its {len(modalities)} modalities ({which}), in "
        "the same folds: `added_value` says what each modality adds."
    )
    return models, [sentence]


def apart(results: Sequence[FoldResult], models: Sequence[Model]) -> tuple[list[FoldResult], list[str]]:
    """Return the folds without their coalitions, and a sentence about coalitions that could not be fitted."""
    names = {model.name for model in models if model.role == "coalition"}
    if not names:
        return list(results), []
    lost = Counter(
        found.failure for result in results for name, found in result.predictions.items()
        if name in names and found.failure
    )  # fmt: skip
    kept = [
        replace(r, predictions={k: found for k, found in r.predictions.items() if k not in names})
        for r in results
    ]
    if not lost:
        return kept, []
    reason, total = lost.most_common(1)[0][0], sum(lost.values())
    return kept, [f"{total} of {len(names) * len(results)} fits of coalitions failed; most often: {reason}"]


def _restricted(estimator: Any, coalition: Sequence[str], modalities: Sequence[str]) -> Any:
    """Return the estimator with settings that name modalities or columns cut down to a coalition."""
    copy = clone(estimator)
    if not hasattr(copy, "get_params"):
        return copy
    cut: dict[str, Any] = {}
    for setting, value in copy.get_params(deep=False).items():
        if setting == "columns" and value is not None:
            cut[setting] = [c for c in value if modality_of(c) in coalition]
        elif isinstance(value, Mapping) and value and set(value) <= set(modalities):
            cut[setting] = {name: part for name, part in value.items() if name in coalition}
        elif isinstance(value, (list, tuple)) and value and all(name in modalities for name in value):
            cut[setting] = [name for name in value if name in coalition]
    return copy.set_params(**cut) if cut else copy
