"""YAML read with suspicion: a parameter file is small, says each thing once, and makes no objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hybridx.errors import SettingsError

__all__ = ["check_size", "read_yaml"]

MOST_BYTES = 1_000_000
MOST_VALUES = 10_000  # aliases of aliases make 10^9 of a few lines
DEEPEST = 20


class _Once(yaml.SafeLoader):
    """SafeLoader, which keeps the last of two equal keys without a word; this one refuses them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = (
            next((key for key in keys if keys.count(key) > 1), None) if len(keys) <= MOST_VALUES else keys[0]
        )
        if twice is not None:
            msg = f"{twice[:60]!r} is said twice"
            raise yaml.constructor.ConstructorError(None, None, msg, node.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or say why it is none.

    Raises
    ------
    SettingsError
        Absent, larger than a parameter file ever is, no YAML, a tag that makes an object, or a key given twice.
    """
    name = path.name[:60]
    if not path.is_file():
        msg = f"No parameter file {name!r}; wanted a YAML file with imageType, featureClass and setting."
        raise SettingsError(msg)
    if path.stat().st_size > MOST_BYTES:
        msg = f"{name!r} has {path.stat().st_size:,} bytes; a parameter file has at most {MOST_BYTES:,}."
        raise SettingsError(msg)
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), _Once)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError) as error:  # dates that are none, keys that are lists
        msg = f"{name!r} is not YAML: {' '.join(str(error).split())[:300]}"
        raise SettingsError(msg) from error
    except RecursionError as error:
        msg = f"{name!r} is nested too deeply; a parameter file has three floors."
        raise SettingsError(msg) from error


def check_size(given: object) -> None:
    """Refuse values that hold themselves, or so many of each other that no message could show them.

    Raises
    ------
    SettingsError
        Beyond `MOST_VALUES` values or `DEEPEST` floors.
    """
    waiting: list[tuple[object, int]] = [(given, 0)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            msg = f"The parameters hold more than {MOST_VALUES:,} values or {DEEPEST} floors (aliases count each time)."
            raise SettingsError(msg)
        if isinstance(value, Mapping):
            waiting += [(one, depth + 1) for pair in value.items() for one in pair]
        elif isinstance(value, list | tuple | set):
            waiting += [(one, depth + 1) for one in value]
