"""Texture of all images of a lesion counted together on a GPU, under either vocabulary."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hybridx.errors import SettingsError
from hybridx.radiomics.families import MATRICES
from hybridx.radiomics.limits import FAILURES, conventions
from hybridx.radiomics.names import names_of, prefix_of
from hybridx.radiomics.roi import Features, Floats, Levels
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["Elsewhere"]


@dataclass(frozen=True, eq=False)
class _Image:
    name: str
    levels: Levels
    intensities: Floats


@dataclass
class Elsewhere:
    """The images whose matrices a device counts at the end, when all are there.

    Memory: grey levels of all images (4 bytes a voxel of the lesion's box) and under pyradiomics' names their
    intensities (8 bytes a voxel of the lesion) are kept until then.

    Parameters
    ----------
    device : str
        As PyTorch names it.
    """

    device: str
    images: dict[str, tuple[RadiomicsSettings, list[_Image]]] = field(default_factory=dict)

    def add(self, name: str, settings: RadiomicsSettings, levels: Levels, intensities: Floats) -> None:
        """Keep an image's grey levels, with the settings that hold for its type."""
        self.images.setdefault(settings.hash, (settings, []))[1].append(_Image(name, levels, intensities))

    def features(self) -> Features:
        """Count, and name the features; images with the same settings go to the device together."""
        found = Features({}, {})
        for settings, images in self.images.values():
            families = [family for family in settings.families or () if family in MATRICES]
            if not families:
                continue
            try:
                counted = _counted([image.levels for image in images], families, settings, self.device)
            except SettingsError:
                raise
            except FAILURES as error:
                why = f"{type(error).__name__}: {error}"
                counted = []
                for image in images:
                    names = names_of(settings, image.name, families)
                    found = found | Features(dict.fromkeys(names, math.nan), dict.fromkeys(names, why))
            for image, one in zip(images, counted, strict=False):
                found = found | _named(image, one, settings)
        return found


def _counted(
    lesions: list[Levels], families: list[str], settings: RadiomicsSettings, device: str
) -> list[Features]:
    if settings.vocabulary == "pyradiomics":
        from hybridx.radiomics.torch_pyradiomics import pyradiomics_textures  # noqa: PLC0415 - torch loads where it runs

        return pyradiomics_textures(
            lesions,
            families,
            distances=settings.distances,
            symmetrical=settings.symmetrical_glcm,
            weighting_norm=settings.weighting_norm,
            gldm_a=settings.gldm_alpha,
            force_2d=settings.force_2d,
            force_2d_dimension=settings.force_2d_axis,
            device=device,
        )
    from hybridx.radiomics.torch_textures import texture_features  # noqa: PLC0415 - torch loads where it runs

    return texture_features(
        lesions,
        families,
        settings.aggregations,
        distance=settings.distances[0],
        alpha=int(settings.gldm_alpha),
        device=device,
    )


def _named(image: _Image, one: Features, settings: RadiomicsSettings) -> Features:
    prefix = prefix_of(settings, image.name)
    values = {
        prefix + name: float(value) if math.isfinite(value) else math.nan
        for name, value in one.values.items()
    }
    missing = {name for name, value in one.values.items() if not math.isfinite(value)}
    reasons = {prefix + name: one.reasons.get(name, "not defined for this lesion") for name in missing}
    found = Features(values, reasons)
    if settings.vocabulary == "pyradiomics":
        return conventions(found, image.name, image.intensities, image.levels)
    return found
