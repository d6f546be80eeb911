"""Fewer columns that still add up: families, IBSI aggregates, clusters of copies, or groups of one's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.errors import InputError
from hybridx.explain.details import Details
from hybridx.prepare import CorrelationClusters
from hybridx.terms.text import check_name, listing

if TYPE_CHECKING:
    from hybridx.explain.explanation import Explanation

__all__ = ["collapsed"]

_KINDS = ("family", "ibsi", "clusters", "modality")


def collapsed(why: Explanation, by: Any, features: pl.DataFrame | None) -> Explanation:
    """Return an explanation whose columns are groups of the columns of `why`.

    Parameters
    ----------
    why : Explanation
    by : str, mapping or CorrelationClusters
        See `Explanation.collapse`.
    features : polars.DataFrame or None
        Provenance of the columns.

    Raises
    ------
    InputError
        Unknown kind of group, provenance is needed and absent, or a group mixes named columns that do not exist.
    """
    names = _group_names(why, by, features)
    members: dict[str, list[str]] = {}
    for column in why.feature_names:
        # never across modalities: a group's sum must stay part of one modality's
        members.setdefault(_group(column, names.get(column)), []).append(column)
    # a group of one is that feature, under its own name, with its value
    final = {(columns[0] if len(columns) == 1 else group): columns for group, columns in members.items()}
    taken = [name for name, columns in final.items() if len(columns) > 1 and name in why.feature_names]
    taken = [name for name in taken if name not in why.details.groups or name not in final[name]]
    if taken or len(final) < len(members):
        msg = f"Groups are named like columns of the explanation: {listing(taken)}. Give them other names."
        raise InputError(msg)
    sums = {
        name: why.features.select(pl.sum_horizontal(columns, ignore_nulls=False)).to_series()
        for name, columns in final.items()
    }
    values = {
        name: why.values[name] if len(columns) == 1 else pl.Series(np.full(len(why), np.nan)).fill_nan(None)
        for name, columns in final.items()
    }
    ids = why.features["patient_id"]
    groups = {name: _unfolded(why.details, columns) for name, columns in final.items()}
    groups = {name: columns for name, columns in groups.items() if columns != [name]}
    return replace(
        why,
        features=pl.DataFrame({"patient_id": ids, **sums}),
        values=pl.DataFrame({"patient_id": ids, **values}),
        units={name: unit for name, unit in why.units.items() if name in final},
        details=replace(
            why.details,
            imputed=_kept(why.details.imputed, final),
            error=_summed_errors(why.details.error, final),
            stands_for={k: v for k, v in why.details.stands_for.items() if k in final},
            groups=groups,
        ),
    )


def _kept(imputed: pl.DataFrame | None, final: Mapping[str, list[str]]) -> pl.DataFrame | None:
    if imputed is None:
        return None
    left = [c for c in imputed.columns[1:] if c in final]
    return imputed.select("patient_id", *left) if left else None


def _summed_errors(error: pl.DataFrame | None, final: dict[str, list[str]]) -> pl.DataFrame | None:
    """Return errors of sums: at most the sum of the errors."""
    if error is None:
        return None
    return error.select(
        "patient_id", *(pl.sum_horizontal(columns).alias(name) for name, columns in final.items())
    )


def _unfolded(details: Details, columns: list[str]) -> list[str]:
    return [inner for c in columns for inner in details.groups.get(c, [c])]


def _group(column: str, name: str | None) -> str:
    if name is None:
        return column
    modality = modality_of(column)
    return name if name.startswith(f"{modality}.") else f"{modality}.{name}"


def _group_names(why: Explanation, by: Any, features: pl.DataFrame | None) -> dict[str, str]:
    """Return the group of each column that has one."""
    if isinstance(by, Mapping):
        return _of_mapping(why, by)
    if isinstance(by, CorrelationClusters):
        return _of_clusters(why, by)
    check_name(str(by), _KINDS, "kind of group")
    if by == "clusters":
        there = why.values.select(
            c for c in why.feature_names if why.values[c].is_not_null().any() and c not in why.details.groups
        )
        return _of_clusters(why, CorrelationClusters().fit(there)) if there.width else {}
    if by == "modality":
        return dict.fromkeys(why.feature_names, "all")
    about = why.details.about if features is None else features
    if about is None:
        msg = (
            f"To group by {by!r} the provenance of the columns is needed: collapse({by!r}, features=cohort.features), "
            "or explain with features=cohort.features."
        )
        raise InputError(msg)
    column = "family" if by == "family" else "ibsi_id"
    found = dict(about.select("column", column).drop_nulls().iter_rows())
    names = {c: str(found[c]) for c in why.feature_names if c in found}
    # a family may bear the name of one of its columns (genomics.burden): the group says that it is the family
    return {
        c: f"{name} ({by})" if _group(c, name) in why.feature_names else name for c, name in names.items()
    }


def _of_mapping(why: Explanation, by: Mapping[str, Any]) -> dict[str, str]:
    """Read column -> group, or group -> columns."""
    pairs = [
        (column, str(group)) if isinstance(group, str) else (column_of, str(column))
        for column, group in by.items()
        for column_of in ([column] if isinstance(group, str) else list(group))
    ]
    unknown = [column for column, _ in pairs if column not in why.feature_names]
    twice = [column for column, count in Counter(column for column, _ in pairs).items() if count > 1]
    if unknown or twice:
        what = "are no columns of the explanation" if unknown else "stand in two groups"
        msg = f"{len(unknown or twice)} names of the mapping {what}: {listing(unknown or twice)}."
        raise InputError(msg)
    return dict(pairs)


def _of_clusters(why: Explanation, clusters: CorrelationClusters) -> dict[str, str]:
    table = clusters.clusters_.filter(pl.col("column").is_in(why.feature_names))
    size = Counter(table["medoid"].to_list())
    return {
        column: f"{medoid} and {size[medoid] - 1} like it"
        for column, medoid in table.select("column", "medoid").iter_rows()
        if size[medoid] > 1
    }
