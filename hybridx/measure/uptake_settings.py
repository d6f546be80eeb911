"""Which uptake numbers a study gets beside the usual ones, and how a threshold's name is read."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

from hybridx.errors import SettingsError
from hybridx.radiomics.settings_checks import check_names
from hybridx.terms import check_name, nearest

__all__ = ["EXTRAS", "USUAL_EXTRAS", "Threshold", "UptakeSettings", "read_threshold"]

Kind = Literal["fixed", "share", "background", "percist"]

# Offered where a word is misspelt; any other number is as good.
COMMON = ("suv2p5", "suv3", "suv4", "41pct", "50pct", "bg41", "bg50", "percist")
_FIXED = re.compile(r"suv(\d+)(?:p(\d+))?")
_SHARE = re.compile(r"(\d{1,2})pct")
_BACKGROUND = re.compile(r"bg(\d{1,2})")

USUAL_EXTRAS = ("dmax", "sul_peak_janma", "liver_mean", "suv_max_to_liver", "suv_max_to_blood_pool")
EXTRAS = (
    *("dmax", "dmax_voxel", "suv_cv", "suv_skewness", "suv_kurtosis", "cv_suv_max", "cv_suv_mean"),
    *(
        "sul_max_janma",
        "sul_mean_janma",
        "sul_peak_janma",
        "sul_max_james",
        "sul_mean_james",
        "sul_peak_james",
    ),
    *("liver_mean", "liver_sd", "blood_pool_mean", "blood_pool_sd"),
    *("suv_max_to_liver", "suv_mean_to_liver", "suv_peak_to_liver"),
    *("suv_max_to_blood_pool", "suv_mean_to_blood_pool", "suv_peak_to_blood_pool"),
)


@dataclass(frozen=True)
class Threshold:
    """From which uptake on a voxel of a lesion counts.

    Parameters
    ----------
    word : str
        As it ends the name of a column: ``mtv_41pct``.
    kind : {"fixed", "share", "background", "percist"}
        A fixed SUV; a share of the lesion's maximum; the local background plus a share of what the maximum stands
        above it; PERCIST's limit from the liver.
    value : float
        The SUV or the share; of no meaning for PERCIST.
    """

    word: str
    kind: Kind
    value: float


def read_threshold(word: str) -> Threshold:
    """Read the word of a threshold.

    Parameters
    ----------
    word : str
        ``suv4`` or ``suv2p5`` (SUV 2.5), ``41pct``, ``bg50``, ``percist``.

    Raises
    ------
    SettingsError
        It is none of these; the nearest usual one is named.

    Examples
    --------
    >>> read_threshold("suv2p5").value, read_threshold("41pct").value
    (2.5, 0.41)
    """
    text = word if isinstance(word, str) else ""
    if text == "percist":
        return Threshold(text, "percist", 0.0)
    if found := _FIXED.fullmatch(text):
        value = float(f"{found[1]}.{found[2] or 0}")
        shortest = f"suv{value:g}".replace(".", "p")
        if value > 0 and text == shortest:  # suv4p0 and suv04 would be second names of one column
            return Threshold(text, "fixed", value)
    shares: tuple[tuple[re.Pattern[str], Kind], ...] = ((_SHARE, "share"), (_BACKGROUND, "background"))
    for pattern, kind in shares:
        found = pattern.fullmatch(text)
        if found and not found[1].startswith("0"):
            return Threshold(text, kind, int(found[1]) / 100.0)
    guess = nearest(text.replace("%", "pct").replace(".", "p"), COMMON)
    hint = f" Did you mean {guess!r}?" if guess else ""
    msg = (
        f"Unknown threshold {word!r}.{hint} Wanted suv<number> (suv4, suv2p5), <per cent>pct (41pct), "
        "bg<per cent> (bg50: above the local background), or percist."
    )
    raise SettingsError(msg)


@dataclass(frozen=True)
class UptakeSettings:
    """Which numbers of uptake are made beside SUVmax, SUVmean, SUVpeak, volume, TLG and the number of lesions.

    Parameters
    ----------
    thresholds : tuple of str
        Each makes a volume and a total uptake: ``suv4`` and ``suv2p5`` (fixed SUV), ``41pct`` (of the maximum of each
        lesion), ``bg50`` (each lesion's local background plus 50 % of what its maximum stands above it), ``percist``
        (1.5 times the liver's mean plus 2 standard deviations).
    extras : tuple of str, optional
        Further columns by name, see `EXTRAS`. Those named are always made, NaN with the reason where something lacks.
        By default the usual ones (`USUAL_EXTRAS`) for which the study has what they need: ``dmax``, and with height,
        weight and sex ``sul_peak_janma``, and with a map of organs the liver and the ratios to liver and blood pool. A
        patient of whom that is not known has gaps there.

    Notes
    -----
    PERCIST's limit is stated in SUL. Both sides of it scale alike, so the same voxels lie above it in SUVbw, and no
    height is needed; ``tlg_percist`` is in SUVbw like every other total.

    Raises
    ------
    SettingsError
        An unknown setting, threshold or column, with the nearest right name; a word twice.

    Examples
    --------
    >>> UptakeSettings(thresholds=("41pct", "suv2p5")).thresholds
    ('41pct', 'suv2p5')
    """

    thresholds: tuple[str, ...] = ("41pct", "suv4")
    extras: tuple[str, ...] | None = None

    def __new__(cls, *positional: Any, **named: Any) -> UptakeSettings:  # noqa: ARG004, D102
        check_names(cls, named)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "extras":
                continue
            if isinstance(value, list):  # as a settings file gives it
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            if not isinstance(value, tuple):
                msg = f"{field.name}={value!r} is not a tuple of names; write ({value!r},)."
                raise SettingsError(msg)
            if len(set(value)) < len(value):
                msg = f"{field.name}={value!r} names something twice."
                raise SettingsError(msg)
        for word in self.thresholds:
            read_threshold(word)
        for name in self.extras or ():
            check_name(name, EXTRAS, "column of uptake")
