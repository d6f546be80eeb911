"""How radiomics are computed: frozen, typed, hashed, and deaf to no misspelling."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from hybridx.errors import SettingsError
from hybridx.measure.table_settings import ExpressionSettings, GenomicsSettings, LabSettings
from hybridx.terms import check_name, nearest, settings_hash

__all__ = ["FAMILIES", "IMAGE_TYPES", "ExtractSettings", "RadiomicsSettings"]

FAMILIES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
IMAGE_TYPES = ("original", "log", "wavelet")
INTERPOLATORS = ("linear", "bspline", "nearest")
# pyradiomics' own spelling, so that a line copied from a parameter file is answered with the right name
PEER_NAMES = {
    "binWidth": "bin_width",
    "resampledPixelSpacing": "resample_mm",
    "interpolator": "interpolator",
    "resegmentRange": "resegment",
    "sigma": "log_sigma_mm",
    "wavelet": "wavelet",
    "normalize": "normalise",
}


@dataclass(frozen=True)
class RadiomicsSettings:
    """Settings of the radiomics of one modality; a discretisation must be chosen, the standard has no default.

    Parameters
    ----------
    bin_width : float
        Width of a grey level in the unit of the image (HU, SUV). Levels are aligned to multiples of it.
    resample_mm : float or None
        Edge of the isotropic voxels that image and mask are resampled to; None keeps the native grid, and then texture
        also measures the scanner's voxel size.
    interpolator : {"linear", "bspline", "nearest"}
        For the image; the mask is always resampled by nearest neighbour. Linear by default: b-splines overshoot at
        the edge of a hot lesion and invent negative SUV.
    families : tuple of str
        Any of shape, firstorder, glcm, glrlm, glszm, gldm, ngtdm.
    image_types : tuple of str
        Any of original, log (Laplacian of Gaussian), wavelet.
    log_sigma_mm : tuple of float
        Widths of the Laplacian of Gaussian, mm; wanted with ``"log"``.
    wavelet : str
        Name of the wavelet (PyWavelets), for ``"wavelet"``.
    resegment : tuple of float or None
        Only voxels with an intensity between these two count (not for shape).
    normalise : bool
        Scale the image to mean 0 and standard deviation 100 first (MR, whose numbers have no unit).

    Raises
    ------
    SettingsError
        Unknown name (the nearest one is offered) or impossible value.

    Examples
    --------
    >>> RadiomicsSettings.pyradiomics(bin_width=25).families[:2]
    ('shape', 'firstorder')
    >>> RadiomicsSettings.preset("pet").bin_width
    0.25
    """

    bin_width: float
    resample_mm: float | None = None
    interpolator: str = "linear"
    families: tuple[str, ...] = FAMILIES
    image_types: tuple[str, ...] = ("original",)
    log_sigma_mm: tuple[float, ...] = ()
    wavelet: str = "coif1"
    resegment: tuple[float, float] | None = None
    normalise: bool = False

    def __new__(cls, *positional: Any, **named: Any) -> RadiomicsSettings:  # noqa: ARG004, D102
        _check_names(cls, named)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in ("bin_width", "resample_mm"):
            if getattr(self, name) is not None or name == "bin_width":
                _positive(name, getattr(self, name))
                object.__setattr__(self, name, float(getattr(self, name)))  # 25 and 25.0 are one setting
        check_name(self.interpolator, INTERPOLATORS, "interpolator")
        for name, options in (("families", FAMILIES), ("image_types", IMAGE_TYPES)):
            chosen = tuple(check_name(one, options, name) for one in getattr(self, name))
            if not chosen:
                msg = f"{name}=() leaves nothing to compute; wanted some of {options}."
                raise SettingsError(msg)
            object.__setattr__(self, name, tuple(one for one in options if one in chosen))
        object.__setattr__(self, "log_sigma_mm", tuple(float(sigma) for sigma in self.log_sigma_mm))
        for sigma in self.log_sigma_mm:
            _positive("log_sigma_mm", sigma)
        if ("log" in self.image_types) != bool(self.log_sigma_mm):
            msg = f"image_types={self.image_types!r} and log_sigma_mm={self.log_sigma_mm!r}: 'log' needs widths in mm."
            raise SettingsError(msg)
        if self.resegment is not None and not self.resegment[0] < self.resegment[1]:
            msg = f"resegment={self.resegment!r} is not (low, high) with low < high."
            raise SettingsError(msg)

    @classmethod
    def pyradiomics(cls, **settings: Any) -> RadiomicsSettings:
        """Name settings for the pyradiomics vocabulary (``original_glcm_Contrast``); see the class for the names."""
        if "bin_width" not in settings:
            _check_names(cls, settings)
            msg = (
                "bin_width is wanted: the standard has no default. Usual: 25 (HU) for CT, 0.25 (SUV) for PET."
            )
            raise SettingsError(msg)
        return cls(**settings)

    @classmethod
    def preset(cls, modality: str) -> RadiomicsSettings:
        """Return the settings that `hybridx.extract` uses for a modality.

        CT: 25 HU, 2 mm voxels (IBSI configurations C and D). PET: 0.25 SUV; 3 mm voxels, half the resolution of a
        clinical scanner (5 to 7 mm), the coarsest grid that still holds all it sees. MR: normalised, bins of 5
        hundredths of the standard deviation, 2 mm. Isotropic, because texture counts neighbours in all directions
        alike; the same for all scanners, because a texture value moves with the voxel size.

        Parameters
        ----------
        modality : {"pet", "ct", "mr"}
            Which.

        Source
        ------
        IBSI reference manual and configurations C, D: doi:10.1148/radiol.2020191145. Fixed bin widths for PET:
        Leijenaar 2015, doi:10.1038/srep11075.
        """
        check_name(modality, _PRESETS, "modality")
        return cls(**_PRESETS[modality])

    @property
    def hash(self) -> str:
        """Short digest of all settings, for caches and provenance."""
        return settings_hash(self)


_PRESETS: dict[str, dict[str, Any]] = {
    "ct": {"bin_width": 25.0, "resample_mm": 2.0},
    "pet": {"bin_width": 0.25, "resample_mm": 3.0},
    "mr": {"bin_width": 5.0, "resample_mm": 2.0, "normalise": True},
}


@dataclass(frozen=True)
class ExtractSettings:
    """Settings of a whole extraction: radiomics per modality, and which optional parts are made.

    Parameters
    ----------
    pet, ct, mr : RadiomicsSettings
        Per modality; by default the presets.
    deep : bool
        Features of the pre-trained PET/CT encoder.
    views : bool
        Key slices for the patient page.
    labs : LabSettings
        Which laboratory value is the baseline, and what is made of several.
    genomics : GenomicsSettings
        Which flags are made of variants.
    expression : ExpressionSettings
        Genes, signatures, or both.
    """

    pet: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("pet"))
    ct: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("ct"))
    mr: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("mr"))
    deep: bool = True
    views: bool = True
    labs: LabSettings = dataclasses.field(default_factory=LabSettings)
    genomics: GenomicsSettings = dataclasses.field(default_factory=GenomicsSettings)
    expression: ExpressionSettings = dataclasses.field(default_factory=ExpressionSettings)

    def __new__(cls, *positional: Any, **named: Any) -> ExtractSettings:  # noqa: ARG004, D102
        _check_names(cls, named)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in _PRESETS:
            if not isinstance(getattr(self, name), RadiomicsSettings):
                msg = f"{name}={getattr(self, name)!r} is not a RadiomicsSettings."
                raise SettingsError(msg)
        for name, kind in _TABLES.items():
            if not isinstance(getattr(self, name), kind):
                msg = f"{name}={getattr(self, name)!r} is not of {kind.__name__}."
                raise SettingsError(msg)

    @property
    def hash(self) -> str:
        """Short digest of all settings, for provenance."""
        return settings_hash(self)

    @property
    def image_hash(self) -> str:
        """Short digest of what images are measured by: another window for laboratory values costs no scan."""
        return settings_hash({k: v for k, v in dataclasses.asdict(self).items() if k not in _TABLES})


_TABLES: dict[str, type[Any]] = {
    "labs": LabSettings,
    "genomics": GenomicsSettings,
    "expression": ExpressionSettings,
}


def _check_names(cls: type[Any], given: dict[str, Any]) -> None:
    known = [one.name for one in dataclasses.fields(cls)]
    for name in given:
        if name in known:
            continue
        peer = PEER_NAMES.get(nearest(name, PEER_NAMES) or "")
        guess = peer if peer in known else nearest(name, known)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"Unknown setting {name!r}.{hint} Known: {', '.join(known)}."
        raise SettingsError(msg)


def _positive(name: str, value: object) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        msg = f"{name}={value!r} is not a positive number."
        raise SettingsError(msg)
