"""Texture of all images of a lesion counted together on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hybridx.radiomics.families import MATRICES
from hybridx.radiomics.roi import Features, Levels
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["Elsewhere"]


@dataclass
class Elsewhere:
    """The images whose matrices a device counts at the end, when all are there.

    Parameters
    ----------
    settings : RadiomicsSettings
        In the standard's vocabulary.
    device : str
        As PyTorch names it.
    """

    settings: RadiomicsSettings
    device: str
    images: dict[str, Levels] = field(default_factory=dict)

    def add(self, prefix: str, levels: Levels) -> None:
        """Keep an image's grey levels, by what its features' names begin with."""
        self.images[prefix] = levels

    def features(self) -> Features:
        """Count, and name the features."""
        from hybridx.radiomics.torch_textures import texture_features  # noqa: PLC0415 - torch loads where it runs

        families = [family for family in self.settings.families or () if family in MATRICES]
        if not families or not self.images:
            return Features({}, {})
        counted = texture_features(
            list(self.images.values()),
            families,
            self.settings.aggregations,
            distance=self.settings.distances[0],
            alpha=int(self.settings.gldm_alpha),
            device=self.device,
        )
        found = Features({}, {})
        for prefix, one in zip(self.images, counted, strict=True):
            values = {prefix + name: float(value) for name, value in one.values.items()}
            missing = {name for name, value in one.values.items() if math.isnan(value)}
            reasons = {
                prefix + name: one.reasons.get(name, "not defined for this lesion") for name in missing
            }
            found = found | Features(values, reasons)
        return found
