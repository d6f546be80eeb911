"""The overlay of a page: what each place of PET and CT adds, on the viewer's grid, with legend, sums and key images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from hybridx.imaging import Grid, Image, resample
from hybridx.measure.volumes import CT_LOWEST, CT_STEP, PET_STEP
from hybridx.report.language import say
from hybridx.report.rendering import percent, signed
from hybridx.report.svg import HIGHER, INK, LOWER, Drawing
from hybridx.report.views import CT_WINDOW, slice_picture
from hybridx.report.words import contribution_ends, modality_words, scale_words
from hybridx.terms.modalities import modality_title

__all__ = ["OPACITY", "Overlay", "overlay_of", "saliency_part", "veil"]

FloatArray = npt.NDArray[np.float64]

_TOP = 0.999  # quantile of the places that add anything, at which the colours end
_FAINTEST = 0.05  # of the scale, below which a place stays clear
OPACITY = 0.85  # of a place at the end of the scale
_PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, eq=False)
class Overlay:
    """Maps on the grid of a page's volumes.

    Parameters
    ----------
    maps : mapping of str to ndarray, shape (z, y, x)
        ``all``, and ``pet`` and ``ct`` where voxels of these images add something: contribution per mL.
    top : float
        Contribution per mL at which the colours end.
    scale : str
        Of the contributions.
    """

    maps: Mapping[str, FloatArray]
    top: float
    scale: str

    def share(self, name: str) -> FloatArray:
        """Return a map from -1 to 1, clear of what is too faint to be seen."""
        values = np.clip(self.maps[name] / self.top, -1.0, 1.0)
        return np.where(np.abs(values) < _FAINTEST, 0.0, values)


def overlay_of(voxels: Iterable[Any], volumes: Mapping[str, npt.NDArray[np.generic]]) -> Overlay | None:
    """Lay the maps of explanations onto the grid of a page's volumes, and add them up by image.

    Parameters
    ----------
    voxels : iterable of VoxelExplanation
        Of one patient and one scale.
    volumes : mapping of str to ndarray
        As of `hybridx.measure.key_volumes`.

    Returns
    -------
    Overlay or None
        None where nothing is to be seen: no volumes, or no place adds anything.
    """
    voxels = list(voxels)
    like = next((volumes[name] for name in ("pet", "ct") if name in volumes), None)
    if like is None or not voxels:
        return None
    spacing, origin = (tuple(float(v) for v in volumes[name]) for name in ("spacing", "origin"))
    grid = Image(np.zeros(like.shape, np.uint8), spacing, origin).grid
    maps = {"all": np.zeros(like.shape), "pet": np.zeros(like.shape), "ct": np.zeros(like.shape)}
    for one in voxels:
        for name, image in one.maps.items():
            if not image.array.any():
                continue
            laid = _laid(image, grid)
            maps["all"] += laid
            if name in maps:
                maps[name] += laid
    maps = {name: values for name, values in maps.items() if values.any()}
    sizes = [np.abs(values[values != 0]) for values in maps.values()]
    top = max((float(np.quantile(s, _TOP)) for s in sizes), default=0.0)
    return Overlay(maps, top, voxels[0].scale) if top > 0 else None


def _laid(image: Image, grid: Grid) -> FloatArray:
    """Return contribution per mL, which stays the same when voxels become smaller or larger."""
    density = image.with_array((image.array / image.grid.voxel_ml).astype(np.float32))
    return np.nan_to_num(np.asarray(resample(density, reference=grid).array, dtype=np.float64))


def veil(name: str) -> dict[str, list[int]]:
    """Return the colour map of the viewer, one colour whose opacity tells the size: ``raises`` or ``lowers``."""
    red, green, blue = _rgb(HIGHER if name == "raises" else LOWER)
    return {
        "R": [red, red], "G": [green, green], "B": [blue, blue], "A": [0, 255], "I": [0, 255],
    }  # fmt: skip


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def saliency_part(
    voxels: Any, volumes: Mapping[str, npt.NDArray[np.generic]]
) -> tuple[Overlay | None, dict[str, Any] | None]:
    """Return the overlay of a page and what the page says of it; nothing of either without explanations.

    Parameters
    ----------
    voxels : Saliency, VoxelExplanation, sequence of VoxelExplanation, or None
    volumes : mapping of str to ndarray
        As of `hybridx.measure.key_volumes`; empty when none are stored.
    """
    if voxels is None:
        return None, None
    reasons, same = getattr(voxels, "reasons", {}), getattr(voxels, "same", True)
    told = getattr(voxels, "maps", voxels)
    # one explanation has maps by image, a `Saliency` has explanations
    told = [voxels] if isinstance(told, Mapping) else list(told)
    overlay = overlay_of(told, volumes)
    scale = told[0].scale if told else ""
    return overlay, {
        "legend": None if overlay is None else _legend(overlay),
        "pictures": [] if overlay is None else _pictures(overlay, volumes),
        "caption": say("Contributions of the images, {scale}", scale=scale_words(scale)),
        "columns": (
            say("Modality"),
            say("Contribution"),
            say("from PET"),
            say("from CT"),
            say("size, shape and the rest"),
            say("inside the lesion"),
            say("the lesion fills"),
        ),
        "rows": [_row(one) for one in told],
        "other_model": not same,
        "methods": [f"{modality_title(one.modality)}: {one.method}" for one in told],
        "reasons": [(modality_words(name), why) for name, why in reasons.items()],
    }


def _row(one: Any) -> list[str]:
    sums = dict(one.table().select("map", "sum").iter_rows())
    images = [name for name in ("pet", "ct") if name in sums]
    rest = sum(value for name, value in sums.items() if name not in images)
    inside = ", ".join(f"{name.upper()} {percent(share)}" for name, share in one.inside.items())
    return [
        modality_words(one.modality),
        signed(one.contribution),
        *(signed(sums[name]) if name in sums else "–" for name in ("pet", "ct")),
        signed(rest),
        inside or "–",
        percent(one.lesion_share),
    ]


def _legend(overlay: Overlay) -> Markup:
    """Draw the colours with the numbers at both ends, on the grey they are seen on."""
    width, steps = 380.0, 60
    lower, raise_ = contribution_ends(overlay.scale)
    unit = say("contribution to the {scale} per mL of tissue", scale=overlay.scale)
    end = f"{overlay.top:.2g}"
    drawing = Drawing(width, 46, unit, say("from −{end} (blue) to +{end} (vermilion)", end=end))
    drawing.text(0, 11, f"◀ {lower}", size=11, colour=LOWER)
    drawing.text(width, 11, f"{raise_} ▶", size=11, colour=HIGHER, anchor="end")
    drawing.rect(0, 16, width, 13, "#7a7a7a")
    for i in range(steps):
        share = (i + 0.5) / steps * 2 - 1
        if abs(share) >= _FAINTEST:
            opacity = f"{OPACITY * abs(share):.3f}"
            colour = HIGHER if share > 0 else LOWER
            drawing.rect(i * width / steps, 16, width / steps, 13, colour, fill_opacity=opacity)
    drawing.text(0, 42, f"−{end}", size=11, colour=INK)
    drawing.text(width / 2, 42, unit, size=10.5, anchor="middle", colour=INK)
    drawing.text(width, 42, f"+{end}", size=11, colour=INK, anchor="end")
    return drawing.markup()


def _pictures(overlay: Overlay, volumes: Mapping[str, npt.NDArray[np.generic]]) -> list[tuple[str, Markup]]:
    """Draw slices through the place that adds most, with the overlay as a layer that a style can hide."""
    z, y, x = np.unravel_index(int(np.abs(overlay.maps["all"]).argmax()), overlay.maps["all"].shape)
    share = overlay.share("all")
    ct = "ct" in volumes
    shown = (
        volumes["ct"].astype(np.float64) * CT_STEP + CT_LOWEST
        if ct
        else volumes["pet"].astype(np.float64) * PET_STEP
    )
    window = CT_WINDOW if ct else (0.0, max(4.0, float(np.quantile(shown, 0.999))))
    mask = volumes.get("mask")
    spacing = [float(v) for v in volumes["spacing"]]
    # axial: front up; the others: head up; the patient's right on the left
    cuts = {
        "axial": ((z, slice(None), slice(None)), False, (spacing[1], spacing[0])),
        "coronal": ((slice(None), y, slice(None)), True, (spacing[2], spacing[0])),
        "sagittal": ((slice(None), slice(None), x), True, (spacing[2], spacing[1])),
    }
    found = []
    for plane in _PLANES:
        at, turned, edges = cuts[plane]
        cut = [a[at][::-1] if turned else a[at] for a in (shown, share) + (() if mask is None else (mask,))]
        title = say(
            "{kind}, {plane}, with what each place adds", kind="CT" if ct else "PET", plane=say(plane)
        )
        picture = slice_picture(
            cut[0], window, edges, cut[2] if mask is not None else None, plane=plane, title=title,
            veil=_pixels(cut[1]), inverted=not ct,
        )  # fmt: skip
        found.append((say(plane), picture))
    return found


def _pixels(share: FloatArray) -> npt.NDArray[np.uint8]:
    """Return a slice of the overlay as RGBA."""
    pixels = np.zeros((*share.shape, 4), dtype=np.uint8)
    for colour, here in ((HIGHER, share > 0), (LOWER, share < 0)):
        pixels[here, :3] = _rgb(colour)
    pixels[..., 3] = np.rint(255 * OPACITY * np.abs(share))
    return pixels
