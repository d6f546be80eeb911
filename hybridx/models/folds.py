"""Inner folds and row order that hang on what the patients are, never on where they stand in the table.

Patients are sorted within events (or responders) and within the rest by outcome time, then by `patient_id` where the
table has it, else by a hash of their own feature values, and dealt to the folds in turn. So shuffling the rows changes
nothing; the folds are balanced in events and in follow-up; and copies of a patient (a bootstrap sample) stay together.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Outcome
from hybridx.cohort.columns import to_matrix

__all__ = ["canonical_order", "inner_folds", "patient_keys"]

IntArray = npt.NDArray[np.intp]


def patient_keys(X: pl.DataFrame, columns: list[str]) -> npt.NDArray[np.str_]:
    """Return a key per row that copies of a row share: its `patient_id`, else a hash of its feature values."""
    if "patient_id" in X.columns:
        return X["patient_id"].cast(pl.String).fill_null("").to_numpy().astype(np.str_)
    matrix = to_matrix(X, columns)
    return np.array([blake2b(row.tobytes(), digest_size=12).hexdigest() for row in matrix], dtype=np.str_)


def canonical_order(y: Outcome, keys: npt.NDArray[np.str_]) -> IntArray:
    """Return the order of rows in which models are fitted: by outcome, then by key."""
    if y.kind == "survival":
        return np.lexsort((keys, y.time_days, ~y.event))
    return np.lexsort((keys, -y.value))


def inner_folds(y: Outcome, keys: npt.NDArray[np.str_], n_folds: int, random_state: int) -> IntArray:
    """Deal patients to folds, stratified by event and follow-up time, by response or level, or by value.

    Parameters
    ----------
    y : Outcome
        Known outcomes of n patients.
    keys : array of str, shape (n,)
        From `patient_keys`; rows with one key share a fold.
    n_folds : int
        Number of folds.
    random_state : int
        Which fold gets which patient of each successive `n_folds` ones.

    Returns
    -------
    array of int, shape (n,)
        Fold of each row, 0 to n_folds - 1.
    """
    order = canonical_order(y, keys)
    if y.kind == "survival":
        stratum = (~y.event).astype(np.float64)
    else:  # canonical order alone spreads a continuous outcome evenly
        stratum = np.zeros(len(y)) if y.kind == "continuous" else -y.value
    _, first_seen = np.unique(keys[order], return_index=True)
    is_first = np.zeros(len(order), dtype=bool)
    is_first[first_seen] = True
    distinct = order[is_first]
    rng = np.random.default_rng(random_state)
    fold_of: dict[str, int] = {}
    for flag in np.unique(stratum[distinct]):
        members = distinct[stratum[distinct] == flag]
        for start in range(0, len(members), n_folds):
            deal = rng.permutation(n_folds)
            fold_of.update(zip(keys[members[start : start + n_folds]].tolist(), deal.tolist(), strict=False))
    return np.array([fold_of[key] for key in keys.tolist()], dtype=np.intp)
