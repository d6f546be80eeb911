"""A finished page: one HTML file that opens anywhere, with nothing beside it and nothing fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import escape

from hybridx.compute import atomic_write
from hybridx.errors import InputError

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """A self-contained HTML page; in a notebook it shows itself in a frame.

    Parameters
    ----------
    html : str
        The whole document.
    title : str
        Its title.

    Examples
    --------
    >>> Page("<!doctype html><title>x</title>", "x")
    Page('x', 0 kB)
    """

    html: str
    title: str = ""

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all, and return where it stands.

        Raises
        ------
        InputError
            A folder stands there.
        """
        target = Path(path)
        if target.is_dir():
            msg = f"A folder stands where the page should be: {target.name!r}. Remove it, or choose another place."
            raise InputError(msg)
        with atomic_write(target) as temporary:
            Path(temporary).write_text(self.html, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.html.encode()) // 1000} kB)"

    def _repr_html_(self) -> str:
        # An empty sandbox: no script of the page can run inside the notebook, even if one got into it.
        return (
            f'<iframe title="{escape(self.title)}" sandbox="" srcdoc="{escape(self.html)}" '
            'style="width:100%;height:900px;border:1px solid #ccd3db;border-radius:6px"></iframe>'
        )
