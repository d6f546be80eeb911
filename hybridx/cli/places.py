"""Where a command computes: on this machine, or on the Dask cluster whose scheduler's address is given."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["Scheduler", "place_of"]

Scheduler = Annotated[
    str, typer.Option(help="`local`, or the address of a Dask scheduler such as tcp://host:8786.")
]


def place_of(scheduler: str) -> dict[str, Any]:
    """Return the arguments `engine` and `client` of the library's functions.

    Examples
    --------
    >>> place_of("local"), place_of("tcp://host:8786")["engine"]
    ({'engine': 'local', 'client': None}, 'dask')
    """
    if scheduler == "local":
        return {"engine": "local", "client": None}
    return {"engine": "dask", "client": scheduler}
