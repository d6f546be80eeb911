"""Who is predicted by a model that never saw them: the designs of an evaluation, by name.

`NestedCV` unless there is a reason: `LeaveOneCentreOut` asks whether a model travels, `Temporal` whether it lasts,
`TrainTest` uses a test set that was set aside, `Bootstrap632` is for small cohorts. `Locked` is made by
`hybridx.evaluate.score_locked`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hybridx.evaluate.designs_bootstrap import Bootstrap632
from hybridx.evaluate.designs_centres import LeaveOneCentreOut
from hybridx.evaluate.designs_locked import Locked
from hybridx.evaluate.designs_nested import NestedCV
from hybridx.evaluate.designs_once import TrainTest
from hybridx.evaluate.designs_split import Design, Split, deal_folds
from hybridx.evaluate.designs_temporal import Temporal
from hybridx.terms.text import check_name

__all__ = [
    "Bootstrap632",
    "Design",
    "LeaveOneCentreOut",
    "Locked",
    "NestedCV",
    "Split",
    "Temporal",
    "TrainTest",
    "deal_folds",
    "design_from_dict",
    "design_to_dict",
]

_DESIGNS: dict[str, Any] = {
    design.__name__: design
    for design in (NestedCV, LeaveOneCentreOut, Temporal, TrainTest, Bootstrap632, Locked)
}


def design_to_dict(design: Design) -> dict[str, Any]:
    """Return a design as plain settings for `result.json`."""
    settings = asdict(design)  # type: ignore[call-overload]
    return {"name": type(design).__name__} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()
    }


def design_from_dict(settings: dict[str, Any]) -> Design:
    """Return the design that `design_to_dict` wrote."""
    plain = dict(settings)
    name = check_name(str(plain.pop("name", "")), _DESIGNS, "design")
    design: Design = _DESIGNS[name](**plain)
    return design
