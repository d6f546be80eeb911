"""Drawings for the pages: inline SVG written on the server, so that a page needs neither script nor network.

Why not plotly.js here, as in the notebooks: its bundle is 4.8 MB per page (1.6 MB compressed), it must run before
anything is seen, prints as what the screen happened to show, and treats text from data as HTML. An inline SVG of
a few kB is there with the first paint, prints as vectors, needs no script (so a page can forbid all scripts) and has
a title and a description that a screen reader reads. The same figures as interactive plotly: ``result.figure_*()``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from hybridx.report.rendering import shorten

__all__ = ["ACCENT", "GRID", "HIGHER", "INK", "LOWER", "MUTED", "Drawing", "Scale", "ticks"]

_LONGEST_DESCRIPTION = 1500  # of what a screen reader reads
INK = "#1c2430"
MUTED = "#566070"  # 6.4:1 on white: small grey text still passes contrast AA
GRID = "#e3e7ec"
ACCENT = "#0b5a7d"
# Blue and vermilion of Okabe and Ito, darkened until text in them passes AA; told apart in all colour vision types.
LOWER = "#0a6aa8"
HIGHER = "#b5480c"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Scale:
    """A straight line from data to drawing units; `low` may lie above `high` on either side."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of `value`, held inside the axis."""
        span = self.high - self.low
        share = 0.5 if span == 0 else (value - self.low) / span
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers between `low` and `high`, about `count` of them.

    Examples
    --------
    >>> ticks(0, 1, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass
class Drawing:
    """An SVG picture with a title and a description; every text is escaped when it is added.

    Parameters
    ----------
    width, height : float
        Size in CSS pixels at full width; the picture shrinks with its column.
    title, description : str
        Read aloud by screen readers, shown when the pointer rests.
    """

    width: float
    height: float
    title: str
    description: str = ""
    parts: list[Markup] = field(default_factory=list)

    def add(self, tag: str, content: object = "", **attributes: object) -> None:
        """Add an element; underscores in attribute names become hyphens, None is left out."""
        # f-strings, not `Markup.format`: a page has four hundred elements, and formatting was a third of its time
        written = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{_number(value) if isinstance(value, float) else escape(value)}"'
            for name, value in attributes.items()
            if value is not None
        )
        # text is escaped here; tags and names of attributes are words of this library
        self.parts.append(Markup(f"<{tag}{written}>{escape(content)}</{tag}>"))  # noqa: S704

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = GRID, **more: object) -> None:
        """Add a straight line."""
        self.add("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), stroke=colour, **more)

    def rect(  # noqa: PLR0917 - x, y, width, height in this order everywhere
        self, x: float, y: float, w: float, h: float, fill: str, tip: str = "", **more: object
    ) -> None:
        """Add a filled rectangle, with an optional text shown when the pointer rests on it."""
        content = Markup("<title>{}</title>").format(shorten(tip)) if tip else ""
        self.add(
            "rect",
            content,
            x=float(x),
            y=float(y),
            width=float(max(w, 0)),
            height=float(h),
            fill=fill,
            **more,
        )

    def circle(self, x: float, y: float, r: float, fill: str, tip: str = "", **more: object) -> None:
        """Add a dot, with an optional text shown when the pointer rests on it."""
        content = Markup("<title>{}</title>").format(shorten(tip)) if tip else ""
        self.add("circle", content, cx=float(x), cy=float(y), r=float(r), fill=fill, **more)

    def text(
        self, x: float, y: float, words: object, *, size: float = 12, colour: str = MUTED, **more: object
    ) -> None:
        """Add text; `anchor` is start, middle or end."""
        words = shorten(words) if isinstance(words, str) else words
        anchor = more.pop("anchor", None)
        self.add(
            "text",
            words,
            x=float(x),
            y=float(y),
            font_size=float(size),
            fill=colour,
            text_anchor=anchor,
            **more,
        )

    def path(
        self, points: Sequence[tuple[float, float]], colour: str, *, closed: bool = False, **more: object
    ) -> None:
        """Add a line through points (or, closed, an area)."""
        if not points:
            return
        steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        more.setdefault("fill", colour if closed else "none")
        more.setdefault("stroke", "none" if closed else colour)
        self.add("path", d=f"M{steps}{'Z' if closed else ''}", **more)

    def markup(self) -> Markup:
        """Return the SVG element, safe to put into a page."""
        return Markup(
            '<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" role="img" '
            'aria-label="{label}" style="max-width:{w}px"><title>{title}</title>{parts}</svg>'
        ).format(
            w=_number(self.width),
            h=_number(self.height),
            label=shorten(f"{shorten(self.title)}. {self.description}".strip(), _LONGEST_DESCRIPTION),
            title=shorten(self.title),
            parts=Markup("").join(self.parts),
        )
