"""The PET numbers clinicians quote: SUVmax, SUVmean, SUVpeak, volumes and total uptake by threshold, spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hybridx.imaging import Image, bounding_box, crop
from hybridx.measure.lesion_voxels import LesionVoxels, components
from hybridx.measure.uptake_extras import Body, Reference, extra_column, possible
from hybridx.measure.uptake_names import describe_uptake
from hybridx.measure.uptake_organs import organ_uptake
from hybridx.measure.uptake_settings import USUAL_EXTRAS, UptakeSettings
from hybridx.radiomics.local_intensity import SPHERE_RADIUS_MM, sphere_peaks

__all__ = ["UPTAKE", "Body", "Uptake", "components", "measure_uptake", "suv_peak", "uptake"]

_USUAL = (
    *("suv_max", "suv_mean", "suv_peak", "suv_peak_local", "mtv", "mtv_41pct", "mtv_suv4"),
    *("tlg", "tlg_41pct", "tlg_suv4", "lesion_count", "dmax"),
)
# name: (title, UCUM unit, IBSI id), of the columns that every PET with FDG gets
UPTAKE: dict[str, tuple[str, str, str | None]] = {
    name: about for name in _USUAL if (about := describe_uptake(name)) is not None
}


@dataclass(frozen=True)
class Uptake:
    """What was measured, and why some of it is not defined.

    Parameters
    ----------
    values : dict of str to float
        By name; NaN where not defined.
    reasons : dict of str to str
        Why, for each NaN.
    remarks : tuple of str
        How the organs of reference were measured.
    """

    values: dict[str, float]
    reasons: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def uptake(
    pet: Image, mask: Image, settings: UptakeSettings | None = None, **known: object
) -> dict[str, float]:
    """Measure the uptake of a patient's lesions.

    Parameters
    ----------
    pet : Image
        In SUVbw.
    mask : Image
        1 inside the lesions, on the same grid.
    settings : UptakeSettings, optional
        Thresholds and further columns.
    **known
        `tracer`, `organs` and `body`, as `measure_uptake` takes them.

    Returns
    -------
    dict of str to float
        SUV in g/mL: ``suv_max``, ``suv_mean``, ``suv_peak`` (largest mean in a 1 mL sphere around any voxel of the
        lesions; IBSI 0F91), ``suv_peak_local`` (sphere around the hottest voxel; IBSI VJGA). Volumes in mL: ``mtv``
        (all that is outlined: with several lesions the total, TMTV), ``mtv_41pct`` (voxels of at least 41 % of the
        SUVmax of their own lesion), ``mtv_suv4`` (of at least SUV 4; 0 when nothing reaches it). ``tlg*``: volume times
        mean SUV, g. ``lesion_count``. ``dmax``: distance of the two farthest lesions, mm, centroid to centroid, 0 for a
        single one. With a PSMA tracer ``psma_tv*`` and ``tl_psma*`` in the place of ``mtv*`` and ``tlg*``, with one for
        somatostatin receptors ``sstr_tv*`` and ``tl_sstr*``.

    Raises
    ------
    InputError
        Empty mask, or a mask on another grid.

    Source
    ------
    41 %: Boellaard 2015, doi:10.1007/s00259-014-2961-x. Peak: IBSI, doi:10.1148/radiol.2020191145; checked against the
    digital phantom's consensus values. Dmax: Cottereau 2020, doi:10.2967/jnumed.119.229450.

    Examples
    --------
    >>> array = np.full((9, 9, 9), 2.0, np.float32)
    >>> inside = np.zeros((9, 9, 9), np.uint8)
    >>> inside[3:6, 3:6, 3:6] = 1
    >>> found = uptake(Image(array, (4.0,) * 3, modality="pet"), Image(inside, (4.0,) * 3, modality="mask"))
    >>> found["suv_max"], round(found["mtv"], 3), round(found["tlg"], 3)
    (2.0, 1.728, 3.456)
    """
    return measure_uptake(pet, mask, settings, **known).values  # type: ignore[arg-type]


def measure_uptake(
    pet: Image,
    mask: Image,
    settings: UptakeSettings | None = None,
    *,
    tracer: str | None = None,
    organs: Mapping[str, Image] | None = None,
    organs_lacking: str = "",
    body: Body | None = None,
) -> Uptake:
    """Measure the uptake of a patient's lesions, and say why what is not defined is not.

    Parameters
    ----------
    pet, mask, settings
        As for `uptake`.
    tracer : str, optional
        As in the studies table; it names the columns.
    organs : mapping of str to Image, optional
        Masks of ``liver`` and ``blood_pool`` on the PET's grid.
    organs_lacking : str
        Why there is none, where that is known.
    body : Body, optional
        For SUL.

    Returns
    -------
    Uptake
        Values, reasons, remarks.
    """
    chosen = UptakeSettings() if settings is None else settings
    voxels = LesionVoxels.of(pet, mask)
    measured, gaps = organ_uptake(pet, organs or {}, mask)
    nothing = organs_lacking or "the studies table names no organ map with a label for it"
    missing = {name: gaps.get(name, nothing) for name in ("liver", "blood_pool") if name not in measured}
    peak, local = suv_peak(pet, mask)
    values = {
        "suv_max": float(voxels.values.max()),
        "suv_mean": float(voxels.values.mean()),
        "suv_peak": peak,
        "suv_peak_local": local,
    }
    volumes, reasons = voxels.volumes(chosen, tracer, measured, missing.get("liver", ""))
    # one lesion without a limit leaves the total unknown
    values |= {name: float(found.sum()) for name, found in volumes.items()}
    values["lesion_count"] = float(voxels.count)
    names = chosen.extras
    if names is None:
        names = tuple(name for name in USUAL_EXTRAS if possible(name, organs or {}, body))
    known = Reference(measured, missing, body or Body())
    for name in names:
        values[name], reason = extra_column(name, values, voxels, known)
        if reason:
            reasons[name] = reason
    remarks = tuple(
        f"{name.replace('_', ' ')}: {one.region}, {one.volume_ml:.1f} mL" for name, one in measured.items()
    )
    return Uptake(values, reasons, remarks)


def suv_peak(pet: Image, mask: Image) -> tuple[float, float]:
    """Return the global and the local peak: the mean of a 1 mL sphere, anywhere in the lesion or at its maximum.

    A voxel belongs to the sphere when its centre lies within 6.2 mm (IBSI's rule). The sphere may reach out of the
    lesion; it is cut at the border of the volume.

    Parameters
    ----------
    pet, mask : Image
        On one grid.

    Returns
    -------
    tuple of float
        Global peak (IBSI 0F91) and local peak (VJGA), in the unit of the image. IBSI's consensus for its digital
        phantom: 3.1 and 2.6, met.
    """
    box = bounding_box(mask, margin_mm=SPHERE_RADIUS_MM)
    values = crop(pet, box).array.astype(np.float64)
    # the box was cut at the border of the volume only, so what lies outside it is outside the image
    return sphere_peaks(values, crop(mask, box).array > 0, pet.grid.spacing[::-1])
