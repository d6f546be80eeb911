"""How radiomics are computed: frozen, typed, hashed, and deaf to no misspelling."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hybridx.errors import SettingsError
from hybridx.radiomics.settings_checks import check_names, check_settings
from hybridx.radiomics.settings_idle import without_idle
from hybridx.radiomics.settings_words import FAMILIES, IBSI_FAMILIES
from hybridx.terms import settings_hash

__all__ = ["RadiomicsSettings"]


@dataclass(frozen=True, repr=False)
class RadiomicsSettings:
    """Settings of the radiomics of one modality; a discretisation must be chosen, the standard has no default.

    Three doors: `RadiomicsSettings.pyradiomics` (its numbers and names), `RadiomicsSettings.ibsi` (the standard's
    values and tags), `RadiomicsSettings.preset` (by modality and tracer). The parameters are the same for all.

    Parameters
    ----------
    bin_width : float or None
        Width of a grey level in the unit of the image (HU, SUV).
    resample_mm : float, tuple of float (x, y, z) or None
        Edges of the voxels that image and mask are resampled to; 0 for an axis keeps its edge (in-plane only). None
        keeps the native grid, and then texture also measures the scanner's voxel size.
    interpolator : str
        For the image: linear, bspline (cubic) or nearest; in pyradiomics' vocabulary also gaussian, label_gaussian,
        hamming, cosine, welch, lanczos and blackman. Linear by default: b-splines overshoot at the edge of a hot lesion
        and invent negative SUV. The mask goes by nearest neighbour (pyradiomics) or linearly (IBSI).
    families : tuple of str or None
        pyradiomics: shape, firstorder, glcm, glrlm, glszm, gldm, ngtdm (all by default) and shape2D. IBSI: morphology,
        local_intensity, statistics, intensity_histogram, volume_histogram, glcm, glrlm, glszm, gldzm, ngtdm, ngldm.
    image_types : tuple of str
        Any of original, log, wavelet, square, squareroot, logarithm, exponential, gradient, lbp2d, lbp3d.
    log_sigma_mm : tuple of float
        Widths of the Laplacian of Gaussian, mm; wanted with ``"log"``.
    wavelet : str
        Name of the wavelet (PyWavelets), for ``"wavelet"``.
    resegment : tuple of float or None
        Only voxels with an intensity between these two count (not for form); an end may be infinite.
    normalise : bool
        Scale the image to mean 0 and standard deviation `normalise_scale` first (MR, whose numbers have no unit).
    vocabulary : {"pyradiomics", "ibsi"}
        Whose names, whose grid rule, whose grey levels.
    bin_count : int or None
        Number of grey levels between the lowest and the highest intensity, instead of a width.
    bin_origin : float, "minimum" or None
        IBSI: lower edge of the first level; a lower intensity moves it by whole widths, and a remark says so. None
        takes the lower end of `resegment`, and is refused without one.
        pyradiomics aligns levels to multiples of the width.
    aggregations : tuple of str
        IBSI: how matrices of several slices and directions become one value: 2D_avg, 2D_comb, 2_5D_avg, 2_5D_comb,
        3D_avg, 3D_comb. Zone and neighbourhood families follow by dimension (2D, 2_5D, 3D).
    outlier_sigma : float or None
        Voxels farther than this many standard deviations from the mean do not count (IBSI: 3).
    round_intensities : bool
        Round to whole numbers after interpolation (CT, whose HU are whole).
    mask_threshold : float
        Part of a voxel that must be lesion, 0 to 1, after linear interpolation of the mask.
    volume_bins : float, int or None
        Grey levels of the intensity-volume histogram: a width (float), a number (int), or none.
    resegment_mode : {"absolute", "relative", "sigma"}
        Whether `resegment` is intensities, parts of the maximum, or standard deviations around the mean.
    resegment_shape : bool
        Whether form is measured on the re-segmented lesion too.
    normalise_scale, normalise_clip : float, float or None
        Factor after normalisation; standard deviations beyond which values are set to the limit before.
    pad_voxels, pre_crop : int, bool
        Margin of resampled voxels that filters see, and whether the image is cut to it without resampling.
    distances : tuple of int
        Voxels between neighbours; IBSI's neighbourhoods (NGTDM, NGLDM) hold all within.
    weighting_norm : {"manhattan", "euclidean", "infinity", "no_weighting"} or None
        GLCM and GLRLM: merge directions weighted by distance instead of averaging their features.
    symmetrical_glcm, gldm_alpha, array_shift : bool, float, float
        Count pairs both ways; largest difference of dependent levels; added before energy and root mean square.
    force_2d, force_2d_axis : bool, int
        Neighbours within planes only, across this axis (0 is z).
    wavelet_start, wavelet_levels, gradient_spacing : int, int, bool
        Wavelet decompositions passed over and made; gradient per mm.
    lbp2d_radius, lbp2d_samples, lbp2d_method : float, int, str
        Local binary patterns in slices.
    lbp3d_levels, lbp3d_radius, lbp3d_subdivision : int, float, int
        Local binary patterns on a sphere.
    filters : mapping of str to mapping
        More filtered images by a name of yours: ``{"mean5": {"kind": "mean", "support": 5}}``, see `filter_image`.
    by_image_type : mapping of str to mapping
        Settings of grey levels and texture that hold for one image type: ``{"log": {"bin_width": 5}}``.
    features : tuple of str
        Only these (``glcm_Contrast``, ``cm_contrast_3D_avg``); all when empty.
    label : int or None
        Value of the lesion in the mask; None where there is one value only.
    correct_mask, geometry_tolerance : bool, float or None
        Resample a mask that lies on another grid instead of refusing it; part of a voxel edge that grids may differ by.
    minimum_dimensions, minimum_voxels : int, int or None
        Lesions that extend in fewer dimensions, or have no more voxels, have no values.

    Raises
    ------
    SettingsError
        Unknown name (the nearest one is offered) or impossible value.

    Examples
    --------
    >>> RadiomicsSettings.pyradiomics(bin_width=25).families[:2]
    ('shape', 'firstorder')
    >>> RadiomicsSettings.preset("pet")
    RadiomicsSettings(bin_width=0.25, resample_mm=3.0)
    """

    bin_width: float | None = None
    resample_mm: float | tuple[float, float, float] | None = None
    interpolator: str = "linear"
    families: tuple[str, ...] | None = None
    image_types: tuple[str, ...] = ("original",)
    log_sigma_mm: tuple[float, ...] = ()
    wavelet: str = "coif1"
    resegment: tuple[float, float] | None = None
    normalise: bool = False
    vocabulary: str = "pyradiomics"
    bin_count: int | None = None
    bin_origin: float | str | None = None
    aggregations: tuple[str, ...] = ()
    outlier_sigma: float | None = None
    round_intensities: bool = False
    mask_threshold: float = 0.5
    volume_bins: float | None = None
    resegment_mode: str = "absolute"
    resegment_shape: bool = False
    normalise_scale: float = 100.0
    normalise_clip: float | None = None
    pad_voxels: int = 5
    pre_crop: bool = False
    distances: tuple[int, ...] = (1,)
    weighting_norm: str | None = None
    symmetrical_glcm: bool = True
    gldm_alpha: float = 0.0
    array_shift: float = 0.0
    force_2d: bool = False
    force_2d_axis: int = 0
    wavelet_start: int = 0
    wavelet_levels: int = 1
    gradient_spacing: bool = True
    lbp2d_radius: float = 1.0
    lbp2d_samples: int = 8
    lbp2d_method: str = "uniform"
    lbp3d_levels: int = 2
    lbp3d_radius: float = 1.0
    lbp3d_subdivision: int = 1
    filters: Any = ()
    by_image_type: Any = ()
    features: tuple[str, ...] = ()
    label: int | None = None
    correct_mask: bool = False
    geometry_tolerance: float | None = None
    minimum_dimensions: int = 1
    minimum_voxels: int | None = None

    def __new__(cls, *positional: Any, **named: Any) -> RadiomicsSettings:  # noqa: ARG004, D102
        check_names(cls, named)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_settings(self)

    def __repr__(self) -> str:
        """Say what was chosen; all else is the default."""
        everything = IBSI_FAMILIES if self.vocabulary == "ibsi" else FAMILIES
        given = {one.name: (getattr(self, one.name), one.default) for one in dataclasses.fields(self)}
        given["families"] = (self.families, everything)
        chosen = [f"{name}={value!r}" for name, (value, default) in given.items() if value != default]
        return f"RadiomicsSettings({', '.join(chosen)})"

    @classmethod
    def pyradiomics(cls, **settings: Any) -> RadiomicsSettings:
        """Give pyradiomics' numbers under its names (``original_glcm_Contrast``); see the class for the settings.

        Source
        ------
        pyradiomics 3.0.1, doi:10.1158/0008-5472.CAN-17-0339.
        """
        return _through(cls, "pyradiomics", settings)

    @classmethod
    def ibsi(cls, **settings: Any) -> RadiomicsSettings:
        """Give the standard's values under its tags (``stat_mean``, ``cm_contrast_3D_avg``).

        What the standard leaves open is wanted: `bin_width` with its origin or `bin_count`, and `aggregations`.

        Source
        ------
        IBSI, doi:10.1148/radiol.2020191145 and its reference manual, arXiv:1612.07003.

        Examples
        --------
        >>> ct = RadiomicsSettings.ibsi(bin_width=25, resegment=(-1000, 400), resample_mm=2, aggregations=("3D_comb",))
        >>> ct.bin_origin, ct.vocabulary
        (-1000.0, 'ibsi')
        """
        return _through(cls, "ibsi", settings)

    @classmethod
    def preset(cls, modality: str, tracer: str | None = None) -> RadiomicsSettings:
        """Return the settings that `hybridx.extract` uses for a modality, or those for a tracer.

        Parameters
        ----------
        modality : {"pet", "ct", "mr"}
            Which.
        tracer : {"FDG", "PSMA", "SSTR", "FAPI"}, optional
            PET only.

        See Also
        --------
        hybridx.radiomics.presets : each preset with its reason.

        Source
        ------
        CT: IBSI's configurations C and D, doi:10.1148/radiol.2020191145. PET: a fixed width in SUV, Leijenaar 2015,
        doi:10.1038/srep11075; widths by tracer and MR: this project's reading of 16 to 128 levels (Tixier 2012,
        doi:10.2967/jnumed.111.099127).

        Examples
        --------
        >>> RadiomicsSettings.preset("pet", "PSMA")
        RadiomicsSettings(bin_width=0.75, resample_mm=3.0)
        """
        from hybridx.radiomics.presets import preset  # noqa: PLC0415 - it makes settings, so it comes after them

        return cls(**preset(modality, tracer))

    @classmethod
    def from_parameter_file(
        cls, path: str | os.PathLike[str] | Mapping[str, Any], *, base: Mapping[str, Any] | None = None
    ) -> RadiomicsSettings:
        """Read a pyradiomics parameter file as it is: every line is honoured, or refused with a sentence.

        Parameters
        ----------
        path : path or mapping
            YAML or JSON with ``imageType``, ``featureClass`` and ``setting``.
        base : mapping, optional
            Settings of ours that hold instead of the file's.
        """
        from hybridx.radiomics.parameter_file import read_parameters  # noqa: PLC0415 - only here is YAML wanted

        told = dict(base or {})
        return cls(**without_idle({**read_parameters(path), **told}, keep=told))

    def of_image_type(self, image_type: str) -> RadiomicsSettings:
        """Return the settings that hold for one image type, with its own grey levels where it has some."""
        own = dict(dict(self.by_image_type).get(image_type, ()))
        if not own:
            return self
        for one, other in (("bin_width", "bin_count"), ("bin_count", "bin_width")):
            if one in own:
                own.setdefault(other, None)
        if own.get("bin_count") is not None:
            own.setdefault("bin_origin", None)
        return dataclasses.replace(self, **own, by_image_type=())

    @cached_property
    def hash(self) -> str:
        """Short digest of all settings, for caches and provenance."""
        return settings_hash(self)


def _through(cls: type[RadiomicsSettings], vocabulary: str, settings: dict[str, Any]) -> RadiomicsSettings:
    check_names(cls, settings)
    if settings.setdefault("vocabulary", vocabulary) != vocabulary:
        msg = (
            f"vocabulary={settings['vocabulary']!r} contradicts RadiomicsSettings.{vocabulary}; leave it out."
        )
        raise SettingsError(msg)
    return cls(**settings)
