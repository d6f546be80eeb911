"""The engine of this project: scene, images, levels, families, and a reason wherever one of them has no value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from hybridx.errors import SettingsError
from hybridx.radiomics.device_textures import Elsewhere
from hybridx.radiomics.discretise import (
    below_origin,
    count_levels,
    discretise,
    discretise_like_pyradiomics,
)
from hybridx.radiomics.families import FORM, LEVELLED, MATRICES, compute_families, sharing
from hybridx.radiomics.filtering import FilteredImage, filtered_images
from hybridx.radiomics.limits import FAILURES, conventions, few_voxels
from hybridx.radiomics.making import Scene, cut, ibsi_scene, make_roi
from hybridx.radiomics.names import every_name, is_chosen, names_of, prefix_of
from hybridx.radiomics.pair import Pair, box_of
from hybridx.radiomics.pyradiomics_grid import pyradiomics_scene
from hybridx.radiomics.roi import Features, Levels, Roi
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["MAXIMUM_LEVELS", "measure_pair", "too_small"]

UNDEFINED = "not defined for this lesion"
TOO_LARGE = "larger than double precision holds"
# Beyond this, one level an intensity says nothing that the intensities do not; tables of levels stay below a few MB.
MAXIMUM_LEVELS = 65_535


def measure_pair(
    pair: Pair, settings: RadiomicsSettings, device: str = "cpu"
) -> tuple[Features, tuple[str, ...]]:
    """Measure a lesion under either vocabulary.

    Parameters
    ----------
    pair : Pair
        Image and mask as given.
    settings : RadiomicsSettings
        How.
    device : str
        Where texture matrices are counted.

    Returns
    -------
    tuple
        Features by full name, and remarks. A family that fails costs its values, never the lesion.
    """
    why = too_small(pair, settings)
    if why:
        return _lost(settings, why), pair.remarks
    # what overflows or divides by zero on its way becomes NaN with a reason at the end
    with np.errstate(all="ignore"):
        try:
            scene = _scene(pair, settings)
        except SettingsError:
            raise
        except FAILURES as error:
            return _lost(settings, f"image and lesion could not be prepared: {error}"), pair.remarks
        if scene is None or (settings.vocabulary == "pyradiomics" and np.count_nonzero(scene.form) < 2):
            return _few(pair, settings), pair.remarks
        found = _form(scene, settings)
        elsewhere = Elsewhere(device) if device != "cpu" else None
        for image in filtered_images(scene, settings):
            found = found | _intensities(image, scene, settings.of_image_type(image.kind), elsewhere)
        if elsewhere is not None:
            found = found | elsewhere.features()
    remarks = scene.remarks
    if "original" in settings.image_types and any(family in LEVELLED for family in settings.families or ()):
        remarks += below_origin(scene.image[scene.counting], settings.of_image_type("original"))
    return _chosen(found, settings), remarks


def _lost(settings: RadiomicsSettings, why: str) -> Features:
    names = every_name(settings)
    return Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, why))


def too_small(pair: Pair, settings: RadiomicsSettings) -> str | None:
    """Say why a lesion is below the size that the settings ask for, or None."""
    box = pair.box
    dimensions = sum(part.stop - part.start > 1 for part in box)
    if dimensions < settings.minimum_dimensions and settings.minimum_dimensions > 1:
        return f"the lesion extends in {dimensions} dimensions; minimum_dimensions is {settings.minimum_dimensions}"
    voxels = int(np.count_nonzero(pair.mask))
    if settings.minimum_voxels is not None and voxels <= settings.minimum_voxels:
        return f"the lesion has {voxels} voxels; minimum_voxels asks for more than {settings.minimum_voxels}"
    return None


def _scene(pair: Pair, settings: RadiomicsSettings) -> Scene | None:
    if settings.vocabulary == "pyradiomics":
        return pyradiomics_scene(pair, settings)
    if settings.image_types == ("original",) and not settings.filters:
        scene = ibsi_scene(pair, settings)
    else:
        from hybridx.radiomics.filtering_types import filters_reach  # noqa: PLC0415 - filters load where they run

        scene = ibsi_scene(pair, settings, reach=partial(filters_reach, settings))
    return scene if scene.form.any() else None


def _few(pair: Pair, settings: RadiomicsSettings) -> Features:
    if settings.vocabulary == "ibsi":
        edge = "" if settings.resample_mm is None else " on the grid of the analysis"
        return _lost(settings, f"the lesion has no voxel{edge}")
    sound = pair.mask if pair.bad is None or pair.grid != pair.mask_grid else pair.mask & ~pair.bad
    same = pair.grid == pair.mask_grid
    values = pair.voxels[sound[: len(pair.voxels)]] if same else np.empty(0)
    return Features(*few_voxels(values, pair.grid.voxel_ml, settings))


def _form(scene: Scene, settings: RadiomicsSettings) -> Features:
    families = [family for family in settings.families or () if family in FORM]
    form = scene.form
    if settings.vocabulary == "pyradiomics" and settings.resegment is not None and scene.counting.any():
        # as there: form is cut at the box of what re-segmentation has left
        if settings.resegment_shape:
            form = scene.counting
        else:
            form = np.zeros_like(scene.form)
            box = box_of(scene.counting)
            form[box] = scene.form[box]
    found = Features({}, {})
    for family in families:
        box = box_of(form)
        roi = make_roi(scene.image[box], scene, box, form)
        found = found | _guarded((family,), roi, None, settings, "original")
    return found


def _intensities(
    image: FilteredImage, scene: Scene, settings: RadiomicsSettings, elsewhere: Elsewhere | None
) -> Features:
    families = [family for family in settings.families or () if family not in FORM]
    if image.why or not scene.counting.any():
        why = (
            image.why
            or "no voxel of the lesion counts: NaN, infinite or outside the range of re-segmentation"
        )
        return _nothing(families, image.name, settings, why)
    if settings.vocabulary == "pyradiomics":  # its families see nothing around the lesion
        wide = roi = scene.roi(image.array)
    else:
        wide = make_roi(image.array, scene, image.box)
        roi = cut(wide, box_of(wide.morphology))
    if not (math.isfinite(roi.extent[0]) or np.isfinite(roi.values).all()):
        why = "the image has values that are not finite in the lesion"
        return _nothing(families, image.name, settings, why)
    levels, lost = None, ""
    if any(family in LEVELLED for family in families):
        levels, lost = _levels(roi, settings)
    if elsewhere is not None and levels is not None:
        elsewhere.add(image.name, settings, levels, roi.values)
        families = [family for family in families if family not in MATRICES]
    found = Features({}, {})
    for some in sharing(families, settings.vocabulary):
        if some == ("firstorder",) and levels is None:
            found = found | _without_levels(roi, settings, image.name, lost)
        elif some[0] in LEVELLED and levels is None:
            found = found | _nothing(some, image.name, settings, lost)
        else:
            eaten = wide if some == ("local_intensity",) else roi
            found = found | _guarded(some, eaten, levels, settings, image.name)
    if settings.vocabulary == "pyradiomics":
        found = conventions(found, image.name, np.array(roi.extent[1:]), levels)
    return found


def _levels(roi: Roi, settings: RadiomicsSettings) -> tuple[Levels | None, str]:
    count = count_levels(np.array(roi.extent[1:]), settings)
    if count > MAXIMUM_LEVELS:
        return (
            None,
            f"{count} grey levels; at most {MAXIMUM_LEVELS} are counted: choose wider bins or resegment",
        )
    try:
        if settings.vocabulary == "ibsi":
            return discretise(roi, settings), ""
        return discretise_like_pyradiomics(roi.image, roi, settings), ""
    except FAILURES as error:
        return None, f"no grey levels between {roi.extent[1]:g} and {roi.extent[2]:g}: {error}"


def _guarded(
    families: tuple[str, ...], roi: Roi, levels: Levels | None, settings: RadiomicsSettings, image_type: str
) -> Features:
    """Compute families that share a walk; what fails there costs their values only."""
    try:
        found = compute_families(families, roi, levels, settings, filtered=image_type != "original")
    except FAILURES as error:
        return _nothing(families, image_type, settings, f"{type(error).__name__}: {error}")
    prefix = prefix_of(settings, image_type)
    known = set(names_of(settings, image_type, families))
    values = {
        name: float(value) if math.isfinite(value) else math.nan
        for name, value in found.values.items()
        if prefix + name in known
    }
    reasons = {
        name: found.reasons.get(name, TOO_LARGE if math.isinf(found.values[name]) else UNDEFINED)
        for name, value in values.items()
        if math.isnan(value)
    }
    return Features(
        {prefix + name: value for name, value in values.items()},
        {prefix + name: why for name, why in reasons.items()},
    )


def _without_levels(roi: Roi, settings: RadiomicsSettings, image_type: str, why: str) -> Features:
    """Compute what of the first order needs no grey levels."""
    flat = Levels(roi.intensity.astype(np.int32), 1, roi.morphology, roi.spacing)
    found = _guarded(("firstorder",), roi, flat, settings, image_type)
    lost = [f"{prefix_of(settings, image_type)}firstorder_{name}" for name in ("Entropy", "Uniformity")]
    return Features(
        {**found.values, **dict.fromkeys(lost, math.nan)}, {**found.reasons, **dict.fromkeys(lost, why)}
    )


def _nothing(families: Sequence[str], image_type: str, settings: RadiomicsSettings, why: str) -> Features:
    names = names_of(settings, image_type, families)
    return Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, why))


def _chosen(found: Features, settings: RadiomicsSettings) -> Features:
    if not settings.features:
        return found
    wanted = [name for name in found.values if is_chosen(name, settings)]
    return Features(
        {name: found.values[name] for name in wanted},
        {name: found.reasons[name] for name in wanted if name in found.reasons},
    )
