"""The design of `hybridx evaluate` from what was typed; an option that belongs to another design is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import hybridx as hx
from hybridx.errors import InputError, SettingsError

__all__ = ["DesignName", "design_of"]


class DesignName(StrEnum):
    """Names of the designs on the command line."""

    NESTED = "nested"
    CENTRES = "centres"
    TEMPORAL = "temporal"
    TRAIN_TEST = "train-test"
    BOOTSTRAP = "bootstrap"


_OPTIONS = {
    DesignName.NESTED: ("folds", "repeats"),
    DesignName.CENTRES: ("min_patients",),
    DesignName.TEMPORAL: ("cut", "by", "share"),
    DesignName.TRAIN_TEST: ("test", "share"),
    DesignName.BOOTSTRAP: ("draws",),
}
_SEEDED = (DesignName.NESTED, DesignName.TRAIN_TEST, DesignName.BOOTSTRAP)


def design_of(name: DesignName, seed: int, options: Mapping[str, Any]) -> Any:
    """Return the design; options that were not typed keep the design's own defaults.

    Raises
    ------
    SettingsError
        An option belongs to another design.
    InputError
        The file of test patients cannot be read.
    """
    given = {option: value for option, value in options.items() if value is not None}
    foreign = [option for option in given if option not in _OPTIONS[name]]
    if foreign:
        option = foreign[0]
        owner = next(design for design, own in _OPTIONS.items() if option in own)
        msg = f"--{option.replace('_', '-')} belongs to --design {owner}, not to {name}."
        raise SettingsError(msg)
    if "cut" in given and "-" not in given["cut"]:
        given["cut"] = _year(given["cut"])
    if "test" in given:
        given["test"] = _patients(given["test"])
    if name in _SEEDED:
        given["seed"] = seed
    designs = {
        DesignName.NESTED: hx.designs.NestedCV,
        DesignName.CENTRES: hx.designs.LeaveOneCentreOut,
        DesignName.TEMPORAL: hx.designs.Temporal,
        DesignName.TRAIN_TEST: hx.designs.TrainTest,
        DesignName.BOOTSTRAP: hx.designs.Bootstrap632,
    }
    return designs[name](**given)


def _year(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        msg = f"--cut {text!r}: wanted a year such as 2019 or a date such as 2019-07-01."
        raise SettingsError(msg) from error


def _patients(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"--test {str(path)!r} cannot be read as a text file with one patient per line: {error}"
        raise InputError(msg) from error
    found = [line.strip() for line in lines if line.strip() and line.strip() != "patient_id"]
    if not found:
        msg = f"--test {str(path)!r} names no patient; wanted one identifier per line."
        raise InputError(msg)
    return found
