"""Settings that would do nothing beside the others: refused, since whoever gives one expects that it does something."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hybridx.errors import SettingsError

if TYPE_CHECKING:
    from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["check_idle", "without_idle"]

Given = Mapping[str, Any]


def _of_image(kind: str) -> Callable[[Given], bool]:
    return lambda given: kind in given["image_types"]


# setting -> (whether it does anything, what it needs)
NEEDS: dict[str, tuple[Callable[[Given], bool], str]] = {
    **dict.fromkeys(
        ("resegment_mode", "resegment_shape"),
        (lambda given: given["resegment"] is not None, "resegment=(low, high)"),
    ),
    **dict.fromkeys(
        ("normalise_scale", "normalise_clip"), (lambda given: bool(given["normalise"]), "normalise=True")
    ),
    "bin_origin": (
        lambda given: given["bin_count"] is None,
        "bin_width (a count reaches from the lowest to the highest)",
    ),
    **dict.fromkeys(
        ("wavelet", "wavelet_start", "wavelet_levels"), (_of_image("wavelet"), "image_types with 'wavelet'")
    ),
    "gradient_spacing": (_of_image("gradient"), "image_types with 'gradient'"),
    **dict.fromkeys(
        ("lbp2d_radius", "lbp2d_samples", "lbp2d_method"), (_of_image("lbp2d"), "image_types with 'lbp2d'")
    ),
    **dict.fromkeys(
        ("lbp3d_levels", "lbp3d_radius", "lbp3d_subdivision"),
        (_of_image("lbp3d"), "image_types with 'lbp3d'"),
    ),
}


def check_idle(settings: RadiomicsSettings) -> None:
    """Refuse a setting that is not the default and does nothing under the others.

    Raises
    ------
    SettingsError
        With what it needs.
    """
    given = {one.name: getattr(settings, one.name) for one in dataclasses.fields(settings)}
    for one in dataclasses.fields(settings):
        works, need = NEEDS.get(one.name, (None, ""))
        if works is not None and given[one.name] != one.default and not works(given):
            msg = f"{one.name}={given[one.name]!r} does nothing without {need}."
            raise SettingsError(msg)
    chosen = (*settings.image_types, *dict(settings.filters))
    absent = [name for name, _ in settings.by_image_type if name not in chosen]
    if absent:
        msg = f"by_image_type speaks of {absent[0]!r}, and the images are {chosen}."
        raise SettingsError(msg)


def without_idle(given: Mapping[str, Any], keep: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a parameter file what pyradiomics reads and never uses, such as a scale without normalisation.

    Parameters
    ----------
    given : mapping
        Settings of a file and of the user.
    keep : mapping
        Those of the user, which are checked instead.
    """
    known = {"resegment": None, "normalise": False, "bin_count": None, "image_types": (), **given}
    # without a range or a normalisation these two would be meant, and pyradiomics would not do them: refused
    meant = ("resegment_mode", "resegment_shape", "normalise_clip")
    return {
        name: value
        for name, value in given.items()
        if name in keep or name in meant or name not in NEEDS or NEEDS[name][0](known)
    }
