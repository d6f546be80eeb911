"""The cells of a foreign feature table as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from hybridx.errors import InputError
from hybridx.measure.import_names import Named, clean_name
from hybridx.terms.text import listing

__all__ = ["numbers", "unwrapped"]

_MISSING = ("", "nan", "na", "n/a", "none", "null", "-", "inf", "-inf", "+inf", "infinity", "-infinity")
_COMPLEX = re.compile(r"\(?([+-]?[0-9.eE+-]*?[0-9.])[+-]0(?:\.0*)?(?:e[+-]?\d+)?j\)?")
_WRAPPED = re.compile(r"(?:np\.float\d+|array|tensor)\(([-+0-9.eE]+)(?:, dtype=\w+)?\)")


def numbers(table: pl.DataFrame, named: Mapping[str, Named], file: str) -> tuple[pl.DataFrame, list[str]]:
    """Read the columns of features as floats; NaN and infinite values become missing.

    Parameters
    ----------
    table : polars.DataFrame
        Text.
    named : mapping of str to Named
        The columns to read, by their names in the file.
    file : str
        For messages.

    Returns
    -------
    tuple
        The numbers under the file's names, in our units, and remarks.

    Raises
    ------
    InputError
        Cells that hold text; all are counted, five are named.
    """
    columns, bad, infinite = {}, [], 0
    for source, one in named.items():
        text = table[source].str.strip_chars().str.to_lowercase()
        infinite += int(text.str.contains(r"^[+-]?inf(inity)?$").fill_null(False).sum())
        text = pl.Series(
            [None if v is None or v in _MISSING else unwrapped(v) for v in text], dtype=pl.String
        )
        values = text.cast(pl.Float64, strict=False)
        wrong = (values.is_null() & text.is_not_null()).arg_true()
        bad += [f"{clean_name(source)}, row {row + 1}: {text[int(row)]!r}" for row in wrong]
        finite = pl.Series(
            [v if v is not None and abs(v) < float("inf") else None for v in values], dtype=pl.Float64
        )
        columns[source] = finite * one.scale
    if bad:
        msg = f"{file!r} holds {len(bad)} cells that are no numbers: {listing(bad)}."
        raise InputError(msg)
    notes = [f"{infinite} infinite values became missing"] if infinite else []
    return pl.DataFrame(columns), notes


def unwrapped(text: str) -> str:
    """Take off what a program's `str` put around a number: ``np.float64(2.0)``, ``(0.9+0j)``.

    Examples
    --------
    >>> unwrapped("(0.9372+0j)"), unwrapped("np.float64(2.5)"), unwrapped("7")
    ('0.9372', '2.5', '7')
    """
    found = _COMPLEX.fullmatch(text) or _WRAPPED.fullmatch(text)
    return str(found[1]) if found else text
