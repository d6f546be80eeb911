"""Slices through the lesion, PET and CT, with what each voxel adds laid over them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hybridx.explain.figures import LOWERS, RAISES
from hybridx.explain.tabled import TabledFigure
from hybridx.imaging import Image

if TYPE_CHECKING:
    from hybridx.explain.voxel_explanation import VoxelExplanation

__all__ = ["voxel_figure"]

FloatArray = npt.NDArray[np.float64]

_PLANES = {"axial": 2, "coronal": 1}  # the axis (x, y, z) the slice is perpendicular to
_WINDOW = {"ct": (-160.0, 240.0)}
_WORDS = {"pet": "PET", "ct": "CT"}
_EDGE_MM, _MARGIN_MM = 96.0, 20.0  # of the slices: at least, and around a lesion that is larger


def voxel_figure(why: VoxelExplanation) -> TabledFigure:
    """Return axial and coronal slices through the lesion; vermilion raises, blue lowers, the line is its contour.

    The table is that of the explanation: sums by image, and the share inside the lesion.
    """
    names = [name for name in ("pet", "ct") if name in why.images]
    titles = [f"{_WORDS[name]}, {plane}" for plane in _PLANES for name in names]
    figure = make_subplots(
        rows=len(_PLANES),
        cols=len(names),
        subplot_titles=titles,
        horizontal_spacing=0.06,
        vertical_spacing=0.09,
    )
    middle, edge = _middle(why)
    for j, name in enumerate(names):
        peak = float(np.abs(_map_on(why, name).array).max()) or 1.0
        for i, axis in enumerate(_PLANES.values()):
            _panel(figure, why, name, (axis, middle, peak, edge), (i + 1, j + 1))
            number = i * len(names) + j + 1
            axes = f"x{number if number > 1 else ''}"
            # radiological view: the patient's right on the left, the front or the head at the top
            figure.update_yaxes(
                scaleanchor=axes, autorange="reversed" if axis == 2 else None, row=i + 1, col=j + 1
            )
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    parts = ", ".join(
        f"{row[0]} {row[1]:+.2g}" for row in why.table().iter_rows() if row[1] and abs(row[1]) > 1e-6
    )
    inside = ", ".join(f"{_WORDS[name]} {share:.0%}" for name, share in why.inside.items())
    title = {
        "text": f"{escape(why.patient_id)}: {escape(why.modality)} {why.contribution:+.2g} {escape(why.scale)}",
        "subtitle": {
            "text": f"{escape(parts)}<br>inside the lesion: {inside}; it fills {why.lesion_share:.1%} of the volume "
            "looked at"
        },
    }
    figure.update_layout(
        template="plotly_white",
        showlegend=False,
        title=title,
        height=820,
        width=140 + 390 * len(names),
        margin={"t": 140, "b": 20},
    )
    return TabledFigure(figure, table=why.table())


def _map_on(why: VoxelExplanation, name: str) -> Image:
    """Return the map that is drawn on an image: its own, or that of the one image that was taken apart."""
    return why.maps[name] if name in why.maps else next(iter(why.maps.values()))


def _middle(why: VoxelExplanation) -> tuple[FloatArray, float]:
    """Return the middle of the lesion that was looked at, and the edge in mm of slices that show it whole."""
    mask = next(iter(why.masks.values()))
    box = why.maps["contour"].array if "contour" in why.maps else mask.array
    part = (
        np.argwhere((mask.array > 0) & (np.abs(box) > 0))
        if box.shape == mask.array.shape
        else np.zeros((0, 3))
    )
    part = part if len(part) else np.argwhere(mask.array > 0)
    place = np.asarray(mask.grid.points(part[:, ::-1]))
    middle = place.mean(axis=0)
    return middle, max(_EDGE_MM, 2.0 * float(np.abs(place - middle).max()) + 2.0 * _MARGIN_MM)


def _panel(
    figure: go.Figure,
    why: VoxelExplanation,
    name: str,
    view: tuple[int, FloatArray, float, float],
    at: tuple[int, int],
) -> None:
    axis, middle, peak, edge = view
    image = why.images[name]
    x, y, shown = _slice(image, axis, middle, edge)
    own = name in why.maps
    # a map of the other image lies at its own places: millimetres are the same
    across, down, part = _slice(_map_on(why, name), axis, middle, edge)
    low, high = _WINDOW.get(name, (0.0, float(max(np.quantile(shown, 0.998), 1.0))))
    place = {"row": at[0], "col": at[1]}
    grey = {"zmin": low, "zmax": high, "showscale": False, "hoverinfo": "skip"}
    figure.add_heatmap(x=x, y=y, z=shown, colorscale="Greys_r" if name == "ct" else "Greys", **grey, **place)
    figure.add_heatmap(
        x=across,
        y=down,
        z=part,
        customdata=shown if own else None,
        zmin=-peak,
        zmax=peak,
        colorscale=_veil(),
        showscale=at == (1, 1),
        colorbar={"title": f"{escape(why.scale)}<br>per voxel", "len": 0.4, "tickvals": [-peak, 0, peak],
                  "ticktext": ["lowers", "0", "raises"]},
        hovertemplate=f"%{{z:+.2g}} {escape(why.scale)}"
        + (f"<br>{_WORDS[name]} %{{customdata:.3g}} {escape(image.unit)}" if own else "")
        + "<extra></extra>",
        **place,
    )  # fmt: skip
    if name in why.masks:
        _, _, lesion = _slice(why.masks[name], axis, middle, edge)
        if lesion.max() > 0:
            contours = {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"}
            line = {"color": "#009E73", "width": 2}
            figure.add_contour(
                x=x, y=y, z=lesion, contours=contours, line=line, showscale=False, hoverinfo="skip", **place
            )


def _slice(
    image: Image, axis: int, middle: FloatArray, edge: float
) -> tuple[FloatArray, FloatArray, npt.NDArray[Any]]:
    """Return positions in mm of columns and rows, and the slice (rows, columns) around the lesion."""
    grid = image.grid
    # image axes in the order of the patient's: x, y, z
    order = [int(np.argmax(np.abs(grid.axes[k]))) for k in range(3)]
    array = image.array.transpose(2, 1, 0).transpose(order)
    centre = np.rint(grid.index([middle])[0]).astype(int)
    at = []
    for k in range(3):
        start = grid.points([centre])[0]
        step = np.zeros((grid.size[order[k]], 3))
        step[:, order[k]] = np.arange(grid.size[order[k]]) - centre[order[k]]
        at.append(start[k] + (step * np.asarray(grid.spacing)) @ grid.axes[k])
    place = int(np.clip(centre[order[axis]], 0, grid.size[order[axis]] - 1))
    flat = np.take(array, place, axis=axis)
    across, down = [k for k in range(3) if k != axis]
    keep = [np.flatnonzero(np.abs(at[k] - middle[k]) <= edge / 2) for k in (across, down)]
    cut = flat[np.ix_(*keep)].T
    return at[across][keep[0]], at[down][keep[1]], cut


def _veil() -> list[tuple[float, str]]:
    """Return a scale that is clear at zero and full at either end."""
    steps = np.linspace(0, 1, 21)
    found = []
    for step in steps.tolist():
        colour, opacity = (LOWERS if step < 0.5 else RAISES), 0.9 * abs(2 * step - 1) ** 0.7
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        found.append((step, f"rgba({red},{green},{blue},{opacity:.3f})"))
    return found
