"""Key images through the lesion: CT, PET and fused, with contour, window, scale bar and sides, as inline pictures.

The pixels are a PNG inside an SVG; contour, scale bar and letters are vectors on top, so they stay sharp in print, the
contour can be switched off without a script, and a screen reader is told what is shown.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from markupsafe import Markup
from matplotlib import colormaps
from PIL import Image

from hybridx.report.language import say
from hybridx.report.svg import Drawing

__all__ = ["CT_WINDOW", "SUV_CEILING", "key_images", "slice_picture"]

CT_WINDOW = (-160.0, 240.0)  # soft tissue: level 40 HU, width 400 HU
SUV_CEILING = 10.0  # PET is shown from SUV 0 to this, or lower when the lesion is faint
_PLANES = ("axial", "coronal", "sagittal")
_SIDES = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}
_LETTER_MM = 15.0
_CONTOUR = "#00c2a8"  # seen on grey, on white and on hot alike
_REACH_MM = 120.0  # coronal and sagittal slices are cut to this far above and below the lesion; the MIP shows the rest

Pixels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Slice:
    plane: str
    pet: Pixels | None
    ct: Pixels | None
    mask: Pixels | None
    spacing: tuple[float, float]  # mm per pixel: down, across


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    """Encode the pixels as they are, without loss; the browser interpolates between them as a viewer does."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _unit(values: Pixels, window: tuple[float, float]) -> Pixels:
    low, high = window
    return np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0.0, 1.0)


def _grey(values: Pixels, window: tuple[float, float], *, inverted: bool = False) -> npt.NDArray[np.uint8]:
    share = _unit(values, window)
    return np.asarray(np.rint(255 * (1 - share if inverted else share)), dtype=np.uint8)


def _fused(ct: Pixels, pet: Pixels, ceiling: float) -> npt.NDArray[np.uint8]:
    """CT in grey with PET in "hot" on top, the more opaque the hotter, so that cold tissue keeps its anatomy."""
    below = np.repeat(_unit(ct, CT_WINDOW)[..., None], 3, axis=2)
    share = _unit(pet, (0.0, ceiling))
    above = colormaps["hot"](0.08 + 0.92 * share)[..., :3]
    weight = np.clip(1.4 * share, 0.0, 0.85)[..., None]
    return np.asarray(np.rint(255 * (below * (1 - weight) + above * weight)), dtype=np.uint8)


def _picture(
    pixels: npt.NDArray[np.uint8],
    spacing: tuple[float, float],
    mask: Pixels | None,
    *,
    plane: str,
    title: str,
    dark: bool = True,
    veil: npt.NDArray[np.uint8] | None = None,
) -> Markup:
    rows, columns = pixels.shape[:2]
    height, width = rows * spacing[0], columns * spacing[1]  # the drawing is in millimetres
    letter = min(_LETTER_MM, 0.12 * min(width, height))  # the same in every picture of a row
    drawing = Drawing(width, height, title)
    drawing.add(
        "image", href=_png(pixels), width=float(width), height=float(height), preserveAspectRatio="none"
    )
    if veil is not None:
        drawing.add(
            "image",
            href=_png(veil),
            width=float(width),
            height=float(height),
            preserveAspectRatio="none",
            class_="veil",
        )
    if mask is not None and (mask > 0.5).any():
        _contour(drawing, np.asarray(mask > 0.5, dtype=np.float64), spacing)
    ink, halo = ("#fff", "#000") if dark else ("#000", "#fff")
    light = {
        "colour": ink,
        "size": letter,
        "paint_order": "stroke",
        "stroke": halo,
        "stroke_width": letter * 0.16,
    }
    left, right = _SIDES[plane]
    drawing.text(letter * 0.5, height / 2, left, **light)
    drawing.text(width - letter * 0.5, height / 2, right, anchor="end", **light)
    bar = 50.0 if width > 130 else 20.0
    y = height - letter * 0.75
    for colour, thick in ((halo, 0.3), (ink, 0.17)):
        drawing.line(letter * 0.5, y, letter * 0.5 + bar, y, colour, stroke_width=letter * thick)
    drawing.text(letter * 0.5, y - letter * 0.4, f"{bar:.0f} mm", **{**light, "size": letter * 0.8})
    return drawing.markup()


def slice_picture(
    values: Pixels,
    window: tuple[float, float],
    spacing: tuple[float, float],
    mask: Pixels | None,
    *,
    plane: str,
    title: str,
    veil: npt.NDArray[np.uint8] | None = None,
    inverted: bool = False,
) -> Markup:
    """Draw one slice in grey, with the lesion's outline and, in a layer of its own, colours over it.

    Parameters
    ----------
    values, mask : ndarray, shape (rows, columns)
        Head or front up, the patient's right on the left.
    window : (float, float)
        Values shown black and white (white and black when `inverted`).
    spacing : (float, float)
        mm per pixel: down, across.
    veil : uint8 ndarray, shape (rows, columns, 4), optional
        RGBA, of class ``veil``, so that a style can hide it.
    """
    grey = _grey(values, window, inverted=inverted)
    return _picture(grey, spacing, mask, plane=plane, title=title, dark=not inverted, veil=veil)


def _contour(drawing: Drawing, mask: Pixels, spacing: tuple[float, float]) -> None:
    padded = np.pad(mask, 1)  # a lesion cut by the edge of the view still gets a closed line
    lines = contour_generator(z=padded).lines(0.5)
    steps = " ".join(
        "M" + " ".join(f"{(x - 0.5) * spacing[1]:.1f},{(y - 0.5) * spacing[0]:.1f}" for x, y in line) + "Z"
        for line in lines
    )
    drawing.add(
        "path",
        d=steps,
        fill="none",
        stroke=_CONTOUR,
        stroke_width="1.6",
        vector_effect="non-scaling-stroke",
        class_="contour",
    )


def _array(views: Mapping[str, Any], name: str) -> Pixels | None:
    found = views.get(name)
    if found is None or np.ndim(found) != 2 or not np.isfinite(found).any():
        return None
    return np.asarray(found, dtype=np.float64)


def _slices(views: Mapping[str, Any]) -> list[_Slice]:
    z, y, x = (float(s) for s in np.broadcast_to(np.ravel(views["spacing"]), (3,)))
    down_across = {"axial": (y, x), "coronal": (z, x), "sagittal": (z, y)}
    found = [
        _Slice(p, *(_array(views, f"{name}_{p}") for name in ("pet", "ct", "mask")), spacing=down_across[p])
        for p in _PLANES
    ]
    return [_near_lesion(s) for s in found if s.pet is not None or s.ct is not None]


def _near_lesion(piece: _Slice) -> _Slice:
    """Cut a tall slice to the surroundings of the lesion (without one, of the middle)."""
    shape = next(a.shape for a in (piece.pet, piece.ct) if a is not None)
    reach = int(_REACH_MM / piece.spacing[0])
    if piece.plane == "axial" or shape[0] <= 2 * reach:
        return piece
    inside = np.flatnonzero((piece.mask > 0.5).any(axis=1)) if piece.mask is not None else np.empty(0)
    middle = int((inside[0] + inside[-1]) / 2) if inside.size else shape[0] // 2
    first = min(max(middle - reach, 0), shape[0] - 2 * reach)
    rows = slice(first, first + 2 * reach)
    cut = (None if a is None else a[rows] for a in (piece.pet, piece.ct, piece.mask))
    return _Slice(piece.plane, *cut, spacing=piece.spacing)


def _width_mm(piece: _Slice) -> float:
    return next(a.shape[1] for a in (piece.pet, piece.ct) if a is not None) * piece.spacing[1]


def _ceiling(slices: list[_Slice], mip: Pixels | None) -> float:
    """Upper end of the PET scale: 10, but lower when the lesion is faint, so that it can be seen at all."""
    inside = [
        float(s.pet[s.mask > 0.5].max())
        for s in slices
        if s.pet is not None and s.mask is not None and (s.mask > 0.5).any()
    ]
    hottest = max(inside) if inside else float(np.nanmax(mip)) if mip is not None else SUV_CEILING
    return float(min(SUV_CEILING, max(4.0, math.ceil(hottest))))


def _panels(piece: _Slice, ceiling: float) -> list[Markup]:
    panels = []
    place = say("{plane} slice through the lesion", plane=say(piece.plane))

    outlined = ", " + say("lesion outlined") if piece.mask is not None and (piece.mask > 0.5).any() else ""

    def add(pixels: npt.NDArray[np.uint8], what: str, *, dark: bool = True) -> None:
        title = f"{what}, {place}{outlined}"
        panels.append(_picture(pixels, piece.spacing, piece.mask, plane=piece.plane, title=title, dark=dark))

    if piece.ct is not None:
        add(_grey(piece.ct, CT_WINDOW), "CT")
    if piece.pet is not None:
        add(_grey(piece.pet, (0.0, ceiling), inverted=True), "PET", dark=False)
    if piece.ct is not None and piece.pet is not None:
        add(_fused(piece.ct, piece.pet, ceiling), say("PET/CT fused"))
    return panels


def _colour_bar(name: str, window: tuple[float, float], unit: str) -> Markup:
    """Draw the scale of one kind of picture: colours with the numbers at both ends."""
    if name == "hot":
        shown = colormaps["hot"](np.linspace(0.08, 1, 64))[None, :, :3] * 255
        pixels = np.asarray(shown, dtype=np.uint8)
    else:
        ramp = np.linspace(0, 255, 64) if name == "grey" else np.linspace(255, 0, 64)
        pixels = np.asarray(ramp, dtype=np.uint8)[None, :]
    drawing = Drawing(
        190,
        30,
        say("{unit} scale", unit=unit),
        say("from {low:g} to {high:g}", low=window[0], high=window[1]),
    )
    drawing.add(
        "image", href=_png(pixels), x="1", y="1", width="188", height="11", preserveAspectRatio="none"
    )
    drawing.rect(1, 1, 188, 11, "none", stroke="#8a94a3", stroke_width="0.8")
    drawing.text(1, 26, f"{window[0]:g}", size=11.5)
    drawing.text(95, 26, unit, size=11.5, anchor="middle")
    drawing.text(189, 26, f"{window[1]:g}", size=11.5, anchor="end")
    return drawing.markup()


def key_images(views: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pictures of a patient's key views; None when there is nothing to show.

    Parameters
    ----------
    views : mapping of str to ndarray
        What ``cohort.load_images(patient, "views")`` gives: ``pet_axial``, ``ct_coronal``, ``mask_sagittal``, ...
        (rows down, columns to the right, patient's right on the left of the picture), ``pet_mip``, ``spacing`` in mm.
        PET in SUVbw, CT in HU.
    """
    if "spacing" not in views:
        return None
    slices, mip = _slices(views), _array(views, "pet_mip")
    if not slices and mip is None:
        return None
    ceiling = _ceiling(slices, mip)
    has_pet, has_ct = (
        any(s.pet is not None for s in slices) or mip is not None,
        any(s.ct is not None for s in slices),
    )
    scales = []
    if has_ct:
        scales.append(_colour_bar("grey", CT_WINDOW, "CT, HU"))
    if has_pet:
        scales.append(_colour_bar("inverted", (0.0, ceiling), "PET, SUVbw"))
    if has_pet and has_ct:
        scales.append(_colour_bar("hot", (0.0, ceiling), say("fused PET, SUVbw")))
    z, _, x = (float(s) for s in np.broadcast_to(np.ravel(views["spacing"]), (3,)))
    picture = None
    if mip is not None:
        picture = _picture(
            _grey(mip, (0.0, ceiling), inverted=True), (z, x), _array(views, "mask_mip"), plane="coronal",
            title=say("PET maximum-intensity projection from the front"), dark=False,
        )  # fmt: skip
    widths = [_width_mm(s) for s in slices]
    widest = max(widths, default=1.0)
    return {
        "mip": picture,
        # every picture at the same millimetres per pixel of the page
        "planes": [
            (say(s.plane), _panels(s, ceiling), 100 * w / widest) for s, w in zip(slices, widths, strict=True)
        ],
        "columns": [
            n
            for n, there in (("CT", has_ct), ("PET", has_pet), (say("PET/CT fused"), has_pet and has_ct))
            if there
        ],
        "outlined": any(s.mask is not None and (s.mask > 0.5).any() for s in slices),
        "scales": scales,
        "window": say(
            "CT window {low:g} to {high:g} HU; PET SUVbw 0 to {top:g}",
            low=CT_WINDOW[0],
            high=CT_WINDOW[1],
            top=ceiling,
        ),
        "missing": ""
        if has_pet and has_ct
        else say("No CT was given.")
        if has_pet
        else say("No PET was given."),
    }
