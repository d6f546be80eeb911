"""What a command says and how it ends: plain sentences on stderr, and the three exit codes."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import polars as pl
import typer

from hybridx.errors import HybridxError, HybridxWarning
from hybridx.terms.text import listing

__all__ = ["FAILED", "REFUSED", "failures", "refusing", "say"]

FAILED, REFUSED = 1, 2


def say(text: str) -> None:
    """Tell the user something that is not the command's output proper."""
    typer.echo(text, err=True)


_usual_format = warnings.formatwarning


def _plain(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
    if issubclass(category, HybridxWarning):
        return f"Note: {message}\n"
    return _usual_format(message, category, *where, **more)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """End with exit code 2 and the library's own sentence when the input is refused.

    Only errors that the library means for the user are caught: a defect of the library keeps its traceback.
    """
    usual = warnings.formatwarning
    warnings.formatwarning = _plain  # a remark for the user, without the line of code that it came from
    try:
        yield
    except HybridxError as error:
        say("\n".join([str(error), *getattr(error, "__notes__", [])]))
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt:
        say("Interrupted. What was finished is kept; the same command goes on from there.")
        sys.exit(130)
    finally:
        warnings.formatwarning = usual


def failures(table: pl.DataFrame) -> int:
    """Say which patients failed and why; return how many.

    Parameters
    ----------
    table : polars.DataFrame
        `patient_id`, `modality`, `stage`, `reason`.
    """
    if not table.height:
        return 0
    n = table["patient_id"].n_unique()
    say(f"{n} {'patient' if n == 1 else 'patients'} with a failure; all the others are complete:")
    for (reason,), rows in table.group_by(["reason"], maintain_order=True):
        who = listing(rows["patient_id"].unique(maintain_order=True))
        say(f"  {rows['modality'][0]} ({rows['stage'][0]}): {who}: {reason}")
    return n
