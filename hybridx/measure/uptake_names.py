"""What the columns of uptake are called, by tracer, and what they mean: title, UCUM unit, IBSI id."""

from __future__ import annotations

import re

from hybridx.errors import SettingsError
from hybridx.measure.uptake_settings import read_threshold
from hybridx.terms.tracers import find_tracer

__all__ = ["describe_uptake", "volume_names"]

_SUV, _ML = "g/mL{SUVbw}", "mL"
_LEAN = {"janma": "Janmahasatian", "james": "James"}
_MEASURE = {"max": "SUVmax", "mean": "SUVmean", "peak": "SUVpeak (hottest 1 mL sphere)"}
_ORGAN = {"liver": "liver", "blood_pool": "blood pool"}

# Target of the tracer: column of the volume, of volume times uptake; the words of each. What is not named here, or not
# known, is called as for FDG.
_BY_TARGET = {"PSMA": ("psma_tv", "tl_psma"), "somatostatin receptors": ("sstr_tv", "tl_sstr")}
_VOLUME = {"mtv": "Metabolic tumour volume", "psma_tv": "PSMA tumour volume", "sstr_tv": "SSTR tumour volume"}
_TOTAL = {
    "tlg": "Total lesion glycolysis",
    "tl_psma": "Total lesion PSMA",
    "tl_sstr": "Total lesion somatostatin receptor expression",
}
# IBSI knows intensities of a lesion, not sums over lesions and thresholds of ours
_FIXED: dict[str, tuple[str, str, str | None]] = {
    "suv_max": ("SUVmax", _SUV, "84IY"),
    "suv_mean": ("SUVmean", _SUV, "Q4LE"),
    "suv_peak": ("SUVpeak (hottest 1 mL sphere)", _SUV, "0F91"),
    "suv_peak_local": ("SUVpeak (1 mL sphere around the hottest voxel)", _SUV, "VJGA"),
    "lesion_count": ("Number of separate lesions", "1", None),
    "dmax": ("Dmax: largest distance between the centroids of two lesions", "mm", None),
    "dmax_voxel": ("Dmax, voxel to voxel: largest distance between two voxels of the lesions", "mm", None),
    "suv_cv": ("Coefficient of variation of the SUV of all voxels of the lesions", "1", "7TET"),
    "suv_skewness": ("Skewness of the SUV of all voxels of the lesions", "1", "KE2M"),
    "suv_kurtosis": ("Kurtosis of the SUV of all voxels of the lesions, excess (normal: 0)", "1", "IPH6"),
    "cv_suv_max": ("SUVmax (coefficient of variation between lesions)", "1", None),
    "cv_suv_mean": ("SUVmean (coefficient of variation between lesions)", "1", None),
    "liver_mean": ("Mean SUV of the liver (3 cm ball)", _SUV, None),
    "liver_sd": ("Standard deviation of the SUV of the liver (3 cm ball)", _SUV, None),
    "blood_pool_mean": ("Mean SUV of the blood pool", _SUV, None),
    "blood_pool_sd": ("Standard deviation of the SUV of the blood pool", _SUV, None),
}
_SUL = re.compile(r"sul_(max|mean|peak)_(janma|james)")
_RATIO = re.compile(r"suv_(max|mean|peak)_to_(liver|blood_pool)")


def volume_names(tracer: str | None) -> tuple[str, str]:
    """Return how the volume and the volume times mean uptake are called for a tracer.

    Parameters
    ----------
    tracer : str or None
        As in the studies table.

    Examples
    --------
    >>> volume_names("68Ga-PSMA-11"), volume_names("DOTATATE")
    (('psma_tv', 'tl_psma'), ('sstr_tv', 'tl_sstr'))
    >>> volume_names("FDG") == volume_names(None) == ("mtv", "tlg")
    True
    """
    known = find_tracer(tracer) if tracer else None
    return _BY_TARGET.get(known.target, ("mtv", "tlg")) if known else ("mtv", "tlg")


def describe_uptake(name: str) -> tuple[str, str, str | None] | None:
    """Return title, UCUM unit and IBSI id of a column of uptake; None where it is none.

    Examples
    --------
    >>> describe_uptake("mtv_suv2p5")
    ('Metabolic tumour volume (TMTV) at SUV 2.5', 'mL', None)
    >>> describe_uptake("original_glcm_Contrast") is None
    True
    """
    if name in _FIXED:
        return _FIXED[name]
    if found := _SUL.fullmatch(name):
        title = _MEASURE[found[1]].replace("SUV", "SUL")
        return f"{title}, lean body mass by {_LEAN[found[2]]}", f"g/mL{{SUVlbm({found[2].title()})}}", None
    if found := _RATIO.fullmatch(name):
        return f"{_MEASURE[found[1]]} over the mean of the {_ORGAN[found[2]]}", "1", None
    for stem, words in (_VOLUME | _TOTAL).items():
        if name == stem or name.startswith(f"{stem}_"):
            return _volume(name, stem, words)
    return None


def _volume(name: str, stem: str, words: str) -> tuple[str, str, str | None] | None:
    volume = stem in _VOLUME
    title = f"{words} (TMTV)" if stem == "mtv" else words
    unit = _ML if volume else "g{SUVbw}"
    if name == stem:
        return f"{title}: all that is outlined", unit, "YEKZ" if volume else None
    try:
        threshold = read_threshold(name.removeprefix(f"{stem}_"))
    except SettingsError:
        return None
    percent = f"{100 * threshold.value:.0f} %"
    at = {
        "fixed": f"at SUV {threshold.value:g}",
        "share": f"at {percent} of the SUVmax of each lesion",
        "background": f"at {percent} between the local background and the SUVmax of each lesion",
        "percist": "at PERCIST's limit (1.5 x mean + 2 SD of the liver)",
    }[threshold.kind]
    return f"{title} {at}", unit, None
