"""What the user decided about series: an edited list of them stands above the rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from hybridx.errors import InputError

__all__ = ["read_choices"]

YES = {
    "yes": True,
    "no": False,
    "ja": True,
    "nein": False,
    "1": True,
    "0": False,
    "true": True,
    "false": False,
}


def read_choices(path: Path, names: Mapping[str, str]) -> dict[str, bool]:
    """Read the columns `series` and `use` of an edited ``series.csv``.

    Parameters
    ----------
    path : Path
        The table.
    names : mapping of str to str
        Pseudonym of each series of this import.

    Returns
    -------
    dict of str to bool
        By the UID of the series; rows of series that are not here are passed over.

    Raises
    ------
    InputError
        It cannot be read, says neither yes nor no, or names no series of this import.
    """
    try:
        table = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        msg = f"{str(path)!r} cannot be read as a table ({type(error).__name__}). Take series.csv of an earlier import."
        raise InputError(msg) from error
    if not {"series", "use"} <= set(table.columns):
        msg = f"{str(path)!r} has the columns {table.columns}; wanted 'series' and 'use'."
        raise InputError(msg)
    uids = {name: uid for uid, name in names.items()}
    odd = [row for row in table.to_dicts() if (row["use"] or "").strip().lower() not in YES]
    if odd:
        msg = f"{str(path)!r}: use is {odd[0]['use']!r} for series {odd[0]['series']!r}; wanted yes or no."
        raise InputError(msg)
    unknown = [one for one in table["series"].to_list() if one not in uids]
    if len(unknown) == table.height:
        msg = f"{str(path)!r} names no series of this folder: was another key used? Give --key of the earlier import."
        raise InputError(msg)
    rows = table.filter(~pl.col("series").is_in(unknown)).to_dicts()
    return {uids[row["series"]]: YES[row["use"].strip().lower()] for row in rows}
