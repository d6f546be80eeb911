"""The centres that ComBat meets: their names, and what is said of those that are small, new or told by a covariate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import HybridxWarning, InputError
from hybridx.terms.text import listing

__all__ = ["labels_of", "refuse_confounded", "tell_small", "tell_strangers"]


def labels_of(column: pl.Series) -> npt.NDArray[np.object_]:
    """Return each patient's centre as text, None where unknown; 1 and 1.0 are the same scanner."""
    if column.dtype.is_float():
        whole = column.drop_nulls().drop_nans()
        column = column.fill_nan(None)
        column = column.cast(pl.Int64) if (whole == whole.round()).all() else column
    return np.array(column.cast(pl.String).to_list(), dtype=object)


def tell_small(modality: str, batch: str, sizes: Mapping[str, int], least: int, *, stay: bool) -> None:
    """Warn where there is nothing to harmonise, and (with `stay`) of small centres that stay as they are.

    Parameters
    ----------
    sizes : mapping of str to int
        Training patients of the modality by centre.
    least : int
        From how many a centre is not small.
    """
    little = [f"{label} ({size})" for label, size in sizes.items() if size < least]
    large = len(sizes) - len(little)
    if large < 2:
        text = f"ComBat: {modality} has {large} {batch} of at least {least} training patients"
        text += ": nothing to harmonise." if len(sizes) < 2 else "."
        warnings.warn(text, HybridxWarning, stacklevel=3)
    elif little and stay:
        text = f"ComBat: {modality} of {batch} {listing(little)} stays as it is (< {least})."
        warnings.warn(text, HybridxWarning, stacklevel=3)


def refuse_confounded(
    modality: str, batch: str, covariates: Sequence[str], design: npt.NDArray[np.float64]
) -> None:
    """Refuse a design (one column per centre, then the covariates) in which one is told by the others.

    Raises
    ------
    InputError
        Its columns are dependent.
    """
    if np.linalg.matrix_rank(design) < design.shape[1]:
        msg = (
            f"ComBat: in {modality}, the effect of {listing(covariates)} cannot be told apart from that of "
            f"{batch} (some level occurs in one place only, or two covariates say the same). Leave one out."
        )
        raise InputError(msg)


def tell_strangers(strangers: Mapping[str, set[str]], batch: str, rule: str, least: int) -> None:
    """Warn of centres that training never saw, or refuse them.

    Raises
    ------
    InputError
        `rule` is "error" and there are any.
    """
    if not strangers:
        return
    what = f"{batch} {listing(sorted(strangers))}"
    if rule == "error":
        msg = (
            f"ComBat never saw {what} in training. Choose unseen='pooled' (values stay as they are) or "
            "unseen='estimate' (from enough new patients)."
        )
        raise InputError(msg)
    why = f", fewer than {least} patients" if rule == "estimate" else ""
    text = f"ComBat never saw {what} in training{why}: their values stay as they are."
    warnings.warn(text, HybridxWarning, stacklevel=3)
