"""What settings of radiomics say of filters and of single image types: frozen, and checked before an image is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hybridx.errors import SettingsError
from hybridx.radiomics.settings_words import IMAGE_TYPES, OF_IMAGE_TYPE
from hybridx.terms import check_name

if TYPE_CHECKING:
    from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["check_filters"]


def check_filters(settings: RadiomicsSettings) -> None:
    """Freeze `filters` and `by_image_type`, and refuse what cannot be meant."""
    for name in ("filters", "by_image_type"):
        given = getattr(settings, name)
        try:
            frozen = tuple(
                sorted(
                    (str(k), tuple(sorted((str(a), _frozen(b)) for a, b in dict(v).items())))
                    for k, v in dict(given).items()
                )
            )
        except (TypeError, ValueError) as error:
            msg = f"{name}={given!r} is not a mapping of names to settings, such as {{'mean5': {{'kind': 'mean'}}}}."
            raise SettingsError(msg) from error
        object.__setattr__(settings, name, frozen)
    if not settings.image_types and not settings.filters:
        msg = "image_types=() and no filters leave nothing to compute."
        raise SettingsError(msg)
    for name, options in settings.filters:
        if "kind" not in dict(options) or "_" in name or name in IMAGE_TYPES:
            msg = f"filters[{name!r}]: wanted a name without '_' that is no image type, and a 'kind', such as 'mean'."
            raise SettingsError(msg)
        from hybridx.radiomics.filters import check_filter  # noqa: PLC0415 - filters load where one is asked for

        try:
            check_filter(options)
        except SettingsError as error:
            error.add_note(f"In filters[{name!r}].")
            raise
    for name, options in settings.by_image_type:
        check_name(name, (*IMAGE_TYPES, *dict(settings.filters)), "image type in by_image_type")
        for one, _ in options:
            check_name(one, OF_IMAGE_TYPE, f"setting of image type {name!r}")
        settings.of_image_type(name)  # its values are checked as any others


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else value
