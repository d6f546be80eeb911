"""A figure that gives back the table it was drawn from."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

__all__ = ["TabledFigure"]


class TabledFigure(go.Figure):  # type: ignore[misc]
    """A plotly figure with its numbers.

    Examples
    --------
    >>> figure = TabledFigure(go.Figure(), table=pl.DataFrame({"x": [1.0]}))
    >>> figure.table()["x"].to_list()
    [1.0]
    """

    def __init__(self, *args: Any, table: pl.DataFrame | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = pl.DataFrame() if table is None else table

    def __reduce__(self) -> Any:
        return (*super().__reduce__()[:2], {"_table": self._table})

    @property
    def figure(self) -> go.Figure:
        """The figure alone."""
        return go.Figure(self)

    def table(self) -> pl.DataFrame:
        """Return what is drawn, one row per mark."""
        return self._table
