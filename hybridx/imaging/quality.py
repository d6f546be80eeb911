"""Whether a study can be believed: PET and CT on each other, values of a body, a mask inside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from hybridx.imaging.faults import Fault, fault
from hybridx.imaging.image import Image
from hybridx.imaging.outline import alignment, body_outline, coarse

__all__ = ["SHIFT_MM", "quality_faults"]

SHIFT_MM = 10.0  # of the whole outline; breathing moves a part of it by as much, not all
POOR_DICE = 0.75  # of the outlines after the best shift
COVERED = 0.8  # of the PET's length by the CT
AIR_HU = (-1100.0, -850.0)  # outside the body
BODY_SUV = (0.2, 3.0)  # median over the body: by definition the mean over a whole body is near 1
OUTSIDE = 0.2  # share of a mask outside the body


def quality_faults(images: Mapping[str, Image], masks: Mapping[str, Image]) -> list[tuple[str, Fault]]:
    """List what makes a study hard to believe; warnings only, since only a person can decide.

    Parameters
    ----------
    images : mapping of str to Image
        Of one study, by modality.
    masks : mapping of str to Image
        By the modality of the image they lie on.

    Returns
    -------
    list of (modality, Fault)
        I026 to I030. A check that has nothing to look at (a crop inside the body has no outline) says nothing.
    """
    found: list[tuple[str, Fault]] = []
    ct, pet = images.get("ct"), images.get("pet")
    if ct is not None and pet is not None:
        found += [("pet", one) for one in _together(ct, pet)]
    small = {name: coarse(images[name]) for name in ("ct", "pet") if name in images}
    bodies = {name: body_outline(image) for name, image in small.items()}
    for name, image in small.items():
        body = bodies[name]
        if body is not None:
            found += [(name, one) for one in _values(image, body)]
        # a warm outline on PET leaves the lungs out; the CT's is the body's, where there is one
        place = "ct" if "ct" in small else name
        outline = bodies[place]
        if outline is not None and name in masks:
            found += [(name, one) for one in _inside(small[place].with_array(outline), masks[name])]
    return found


def _together(ct: Image, pet: Image) -> list[Fault]:
    faults = []
    ends = [
        sorted(one.grid.points([(0.0, 0.0, 0.0), (0.0, 0.0, one.grid.size[2] - 1.0)])[:, 2])
        for one in (ct, pet)
    ]
    shared = min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0])
    length = max(ends[1][1] - ends[1][0], 1e-6)
    if shared / length < COVERED:
        faults.append(fault("I027", f"the CT covers {max(shared, 0.0) / length:.0%} of the PET's length"))
    found = alignment(ct, pet)
    if found is None:
        return faults
    if found.distance_mm > SHIFT_MM:
        x, y, z = (-one + 0.0 for one in found.shift_mm)  # where the PET lies, not where it would have to go
        seen = f"{found.distance_mm:.0f} mm from that on CT (x {x:+.0f}, y {y:+.0f}, z {z:+.0f})"
        faults.append(fault("I026", f"the body's outline on PET lies {seen}"))
    elif found.best_dice < POOR_DICE:
        faults.append(
            fault("I026", f"the body's outlines on PET and CT share a Dice of {found.best_dice:.2f} only")
        )
    return faults


def _values(image: Image, body: np.ndarray) -> list[Fault]:
    if image.modality == "ct":
        outside = image.array[~ndimage.binary_dilation(body)]
        # a scanner's circle is padded with values below air; a table is denser
        air = float(np.median(outside)) if len(outside) else float("nan")
        inside = np.isfinite(air) and not AIR_HU[0] <= air <= AIR_HU[1] and air > -2000.0
        return [fault("I028", f"air around the body is at {air:.0f} HU")] if inside else []
    typical = float(np.median(image.array[body]))
    if BODY_SUV[0] <= typical <= BODY_SUV[1]:
        return []
    return [fault("I029", f"the body's median uptake is SUV {typical:.2g}")]


def _inside(body: Image, mask: Image) -> list[Fault]:
    """Say whether a mask lies outside the body."""
    z, y, x = np.nonzero(mask.array)
    if not len(z):
        return []
    grid = body.grid
    places = mask.grid.points(np.column_stack([x, y, z]).astype(np.float64))
    index = np.round(
        (places - np.asarray(grid.origin)) @ np.linalg.inv(grid.axes * np.asarray(grid.spacing)).T
    )
    seen = ((index >= 0) & (index < np.asarray(grid.size))).all(axis=1)  # beyond the CT nothing is known
    if not seen.any():
        return []
    at = index[seen].astype(int)
    share = float((~body.array[at[:, 2], at[:, 1], at[:, 0]]).mean())
    return (
        [fault("I030", f"{share:.0%} of the mask lies outside the body", "mask")] if share > OUTSIDE else []
    )
