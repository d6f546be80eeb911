"""Cohorts changed on purpose, to see what a model makes of it: a useless modality more, a useful one taken away."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl

from hybridx.cohort import Cohort
from hybridx.cohort.block import FEATURE_SCHEMA
from hybridx.cohort.columns import MODALITY_NAME
from hybridx.errors import InputError, SettingsError
from hybridx.terms.text import check_name, listing

__all__ = ["add_noise", "take_away"]


def add_noise(cohort: Cohort, features: int = 100, *, modality: str = "noise", seed: int = 0) -> Cohort:
    """Return the cohort with one modality more that knows nothing: random numbers for every patient.

    A strategy that lets it cost much would let any weak modality cost much.

    Parameters
    ----------
    cohort : Cohort
        Any, synthetic or real.
    features : int
        Columns of independent standard normal numbers, at least 1.
    modality : str
        Name of the new block; none of the cohort's.
    seed : int
        0 or more.

    Raises
    ------
    SettingsError
        No feature, or a name that is taken or no name of a modality.

    Examples
    --------
    >>> noisy = add_noise(cohort, features=200)  # doctest: +SKIP
    """
    if isinstance(features, bool) or not isinstance(features, int) or features < 1:
        msg = f"features={features!r}: wanted a whole number of at least 1."
        raise SettingsError(msg)
    if not MODALITY_NAME.fullmatch(modality) or modality in cohort.modalities:
        msg = (
            f"modality={modality!r}: wanted a name such as 'noise' that the cohort does not have yet; it has "
            f"{listing(cohort.modalities, limit=12)}."
        )
        raise SettingsError(msg)
    names = [f"{modality}.random_{j + 1:03d}" for j in range(features)]
    drawn = np.random.default_rng(seed).standard_normal((len(cohort), features))
    ids = pl.DataFrame({"patient_id": cohort.patients}, schema={"patient_id": pl.String})
    rows = pl.DataFrame(
        {
            "column": names,
            "modality": modality,
            "title": [f"Random number {j + 1}" for j in range(features)],
            "unit": "1",
            "family": "noise",
            "ibsi_id": None,
            "extractor": "hybridx.demo.add_noise",
            "version": "1",
            "settings_hash": f"seed {seed}",
        },
        schema=FEATURE_SCHEMA,
    )
    return dataclasses.replace(
        cohort,
        blocks={**cohort.blocks, modality: ids.hstack(pl.DataFrame(drawn, schema=names))},
        measured=cohort.measured.with_columns(pl.lit(value=True).alias(modality)),
        days=cohort.days.with_columns(pl.lit(0.0).alias(modality)),
        features=pl.concat([cohort.features, rows]),
    )


def take_away(cohort: Cohort, modality: str, share: float = 0.5, *, seed: int = 0) -> Cohort:
    """Return the cohort as if some patients had never had a modality measured, chosen completely at random.

    Parameters
    ----------
    cohort : Cohort
        Any, synthetic or real.
    modality : str
        One of its modalities.
    share : float
        Of the patients who have it, above 0 and below 1.
    seed : int
        0 or more.

    Raises
    ------
    InputError
        The share is impossible.
    SettingsError
        The cohort has no such modality; the nearest is named.

    Examples
    --------
    >>> fewer = take_away(cohort, "expression", 0.5)  # doctest: +SKIP
    """
    check_name(modality, cohort.modalities, "modality")
    if not 0 < share < 1:
        msg = f"share={share!r}: wanted a share of the patients above 0 and below 1, such as 0.5."
        raise InputError(msg)
    have = np.flatnonzero(cohort.measured[modality].to_numpy())
    gone = np.zeros(len(cohort), dtype=bool)
    gone[np.random.default_rng(seed).permutation(have)[: round(share * len(have))]] = True
    lost = pl.Series(gone)
    block = cohort.blocks[modality]
    emptied = block.with_columns(
        pl.when(lost).then(None).otherwise(pl.col(c)).alias(c) for c in block.columns if c != "patient_id"
    )
    return dataclasses.replace(
        cohort,
        blocks={**cohort.blocks, modality: emptied},
        measured=cohort.measured.with_columns(pl.col(modality) & ~lost),
        days=cohort.days.with_columns(pl.when(lost).then(None).otherwise(pl.col(modality)).alias(modality)),
    )
