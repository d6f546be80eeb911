"""Uptake beyond the usual numbers: lean body mass, organs of reference, unevenness within and between lesions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError
from hybridx.imaging.body import lean_mass_kg
from hybridx.measure.lesion_distances import dmax_of_centroids, dmax_of_voxels
from hybridx.measure.lesion_voxels import LesionVoxels
from hybridx.measure.uptake_organs import OrganUptake

__all__ = ["Body", "Reference", "extra_column", "possible"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """What lean body mass is worked out from.

    Parameters
    ----------
    weight_kg, height_cm : float or None
        Of the patient.
    sex : str or None
        ``female`` or ``male``.
    """

    weight_kg: float | None = None
    height_cm: float | None = None
    sex: str | None = None

    @property
    def known(self) -> bool:
        """Whether everything is there."""
        return None not in (self.weight_kg, self.height_cm) and self.sex in ("female", "male")

    def lean_share(self, formula: str) -> float:
        """Return lean body mass over body weight: what turns SUVbw into SUL.

        Raises
        ------
        InputError
            Something is missing or impossible, or the formula gives nothing usable.
        """
        names = {"weight_kg": self.weight_kg, "height_cm": self.height_cm}
        gaps = [name for name, value in names.items() if value is None]
        gaps += [] if self.sex in ("female", "male") else ["sex (female or male)"]
        if gaps or self.weight_kg is None or self.height_cm is None:
            msg = f"patients has no {', no '.join(gaps)}: lean body mass is not known"
            raise InputError(msg)
        letter = "F" if self.sex == "female" else "M"
        lean = lean_mass_kg(self.weight_kg, self.height_cm / 100.0, letter, formula)  # type: ignore[arg-type]
        return lean / self.weight_kg


@dataclass(frozen=True)
class Reference:
    """What the uptake of lesions is set against.

    Parameters
    ----------
    organs : mapping of str to OrganUptake
        ``liver`` and ``blood_pool``, those that could be measured.
    missing : mapping of str to str
        Why the others could not.
    body : Body
        For SUL.
    """

    organs: Mapping[str, OrganUptake]
    missing: Mapping[str, str]
    body: Body


def possible(name: str, organs: Collection[str], body: Body | None) -> bool:
    """Whether a study has what a further column needs."""
    if name.startswith("sul_"):
        return body is not None and body.known
    organ = _organ_of(name)
    return organ is None or organ in organs


def _organ_of(name: str) -> str | None:
    return next((organ for organ in ("liver", "blood_pool") if organ in name), None)


def extra_column(
    name: str,
    values: Mapping[str, float],
    voxels: LesionVoxels,
    known: Reference,
) -> tuple[float, str]:
    """Measure a further column.

    Parameters
    ----------
    name : str
        One of `EXTRAS`.
    values : mapping of str to float
        The usual numbers.
    voxels : LesionVoxels
        The lesions.
    known : Reference
        Organs and body.

    Returns
    -------
    tuple of float and str
        The value and nothing, or NaN and the reason. Skewness and kurtosis are IBSI's, over all voxels of all lesions,
        with moments divided by n: m3 / m2^1.5, and m4 / m2^2 - 3, the excess over a normal distribution's. Variation
        between lesions (``cv_*``) divides by n - 1, and is not defined for a single lesion.

    Source
    ------
    SUL: Janmahasatian 2005, doi:10.2165/00003088-200544100-00004. Skewness (KE2M), kurtosis (IPH6), coefficient of
    variation (7TET): IBSI, doi:10.1148/radiol.2020191145.
    """
    if name.startswith("sul_"):
        measure, formula = name.removeprefix("sul_").split("_")
        try:
            return values[f"suv_{measure}"] * known.body.lean_share(formula), ""
        except InputError as error:
            return math.nan, str(error)
    organ = _organ_of(name)
    if organ is None:
        return _spread(name, voxels)
    if organ not in known.organs:
        return math.nan, known.missing[organ]
    found = known.organs[organ]
    if "_to_" not in name:
        return (found.mean if name.endswith("_mean") else found.sd), ""
    if found.mean <= 0.0:
        return math.nan, f"the mean of the {organ.replace('_', ' ')} is not above 0"
    return values[name.partition("_to_")[0]] / found.mean, ""


def _spread(name: str, voxels: LesionVoxels) -> tuple[float, str]:
    if name == "dmax":
        return dmax_of_centroids(voxels.centroids), ""
    if name == "dmax_voxel":
        return dmax_of_voxels(voxels.labels > 0, voxels.pet.grid), ""
    if name in ("cv_suv_max", "cv_suv_mean"):
        if voxels.count < 2:
            return math.nan, "a single lesion does not differ from others"
        each = (
            voxels.hottest if name == "cv_suv_max" else voxels.per_lesion(voxels.values) / voxels.per_lesion()
        )
        mean = float(each.mean())
        return (float(each.std(ddof=1)) / abs(mean), "") if mean else (math.nan, "a mean of 0")
    return _moments(name, voxels.values)


def _moments(name: str, values: Floats) -> tuple[float, str]:
    """Return IBSI's coefficient of variation, skewness or excess kurtosis: moments divided by n."""
    mean, sd = float(values.mean()), float(values.std())
    if name == "suv_cv":
        return (sd / mean, "") if mean else (math.nan, "a mean of 0")
    if sd <= 1e-9 * max(abs(mean), 1e-30):
        return math.nan, "all voxels are equal"
    power = 3 if name == "suv_skewness" else 4
    moment = float((((values - mean) / sd) ** power).mean())
    return moment - (3.0 if power == 4 else 0.0), ""
