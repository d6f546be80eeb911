"""Settings by modality and tracer, each with its reason.

CT: 25 HU, 2 mm voxels (IBSI configurations C and D). PET: 3 mm voxels, half the resolution of a clinical scanner (5 to
7 mm), the coarsest grid that still holds all it sees. MR: normalised, bins of 5 hundredths of the standard deviation,
2 mm. Isotropic, because texture counts neighbours in all directions alike; the same for all scanners, because a texture
value moves with the voxel size.

The width for PET is fixed and in SUV (Leijenaar 2015), and no width is standard. A tracer's follows from how far its
lesions reach: 16 to 128 levels is where texture was found repeatable (pyradiomics' guide, after Tixier 2012), so FDG
(lesions to SUV 4 to 30) takes 0.25, and PSMA and SSTR ligands (lesions to SUV 10 to 100) take 0.75; FAPI lies beside
FDG. These three are this project's reading of that range, not values that a guideline gives.

Source
------
IBSI reference manual and configurations C, D: doi:10.1148/radiol.2020191145. Fixed bin widths for PET: Leijenaar 2015,
doi:10.1038/srep11075. Number of levels: Tixier 2012, doi:10.2967/jnumed.111.099127. Radiomics in nuclear medicine:
Hatt 2023, doi:10.1007/s00259-022-06001-6.
"""

from __future__ import annotations

from typing import Any

from hybridx.errors import SettingsError
from hybridx.terms import check_name

__all__ = ["MODALITIES", "TRACERS", "preset"]

_BY_MODALITY: dict[str, dict[str, Any]] = {
    "ct": {"bin_width": 25.0, "resample_mm": 2.0},
    "pet": {"bin_width": 0.25, "resample_mm": 3.0},
    "mr": {"bin_width": 5.0, "resample_mm": 2.0, "normalise": True},
}
_WIDTHS = {"FDG": 0.25, "PSMA": 0.75, "SSTR": 0.75, "FAPI": 0.25}
MODALITIES = tuple(_BY_MODALITY)
TRACERS = tuple(_WIDTHS)


def preset(modality: str, tracer: str | None = None) -> dict[str, Any]:
    """Return the settings of a preset, by name.

    Parameters
    ----------
    modality : {"ct", "pet", "mr"}
        Which.
    tracer : {"FDG", "PSMA", "SSTR", "FAPI"}, optional
        PET only.

    Raises
    ------
    SettingsError
        No such preset, or a tracer for an image that has none.

    Examples
    --------
    >>> preset("pet", "PSMA")["bin_width"]
    0.75
    """
    check_name(modality, MODALITIES, "modality")
    if tracer is None:
        return dict(_BY_MODALITY[modality])
    if modality != "pet":
        msg = f"tracer={tracer!r} with modality={modality!r}: only PET has a tracer."
        raise SettingsError(msg)
    check_name(tracer, TRACERS, "tracer")
    return {**_BY_MODALITY["pet"], "bin_width": _WIDTHS[tracer]}
