"""What IBSI-1 asks about the way to the analysed voxels: image and masks before, after interpolation, re-segmented."""

from __future__ import annotations

import dataclasses

import numpy as np

from hybridx.radiomics import RadiomicsSettings
from hybridx.radiomics.making import Scene, ibsi_scene
from hybridx.radiomics.pair import Pair, box_of, make_pair

AXES = ("z", "y", "x")


def diagnostics(image, mask, settings: RadiomicsSettings) -> dict[str, float]:
    """Every diagnostic row of a configuration by its tag."""
    pair = make_pair(image, mask, settings)
    plain = dataclasses.replace(
        settings, resegment=None, outlier_sigma=None, bin_width=None, bin_origin=None, bin_count=32
    )
    first = _as_given(pair)
    scene = ibsi_scene(pair, plain, margin_mm=None)
    counting = ibsi_scene(pair, settings, margin_mm=None)
    found = {}
    for name, one in (("init", first), ("interp", scene)):
        found |= _image(one, f"{name}_img")
    for name, one in (("init", first), ("interp", scene), ("reseg", counting)):
        found |= _masks(one, f"{name}_roi")
    return found


def _as_given(pair: Pair) -> Scene:
    x, y, z = pair.grid.spacing
    return Scene(pair.voxels, pair.mask, pair.mask, (z, y, x))


def _image(scene: Scene, name: str) -> dict[str, float]:
    found = {f"img_dim_{a}_{name}": n for a, n in zip(AXES, scene.image.shape, strict=True)}
    found |= {f"vox_dim_{a}_{name}": edge for a, edge in zip(AXES, scene.spacing, strict=True)}
    image = scene.image.astype(np.float64)
    return found | {f"{how}_int_{name}": getattr(image, how)() for how in ("mean", "min", "max")}


def _masks(scene: Scene, name: str) -> dict[str, float]:
    found = {f"int_mask_dim_{a}_{name}": n for a, n in zip(AXES, scene.image.shape, strict=True)}
    for kind, mask in (("int", scene.counting), ("morph", scene.form)):
        box = box_of(mask)
        found |= {f"{kind}_mask_bb_dim_{a}_{name}": p.stop - p.start for a, p in zip(AXES, box, strict=True)}
        found[f"{kind}_mask_vox_count_{name}"] = np.count_nonzero(mask)
    values = scene.image[scene.counting].astype(np.float64)
    return found | {f"int_mask_{how}_int_{name}": getattr(values, how)() for how in ("mean", "min", "max")}
