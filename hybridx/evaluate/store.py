"""A result as a folder: Parquet tables, `result.json`, the cohort and the explanation; nothing is ever unpickled."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.checks.findings import Findings
from hybridx.cohort.cohort import Cohort
from hybridx.compute.atomic import atomic_folder
from hybridx.errors import InputError
from hybridx.evaluate.compare import Difference
from hybridx.evaluate.designs import design_from_dict, design_to_dict
from hybridx.evaluate.kinds import KINDS
from hybridx.evaluate.registry import Moment, metrics_of
from hybridx.evaluate.result import Result
from hybridx.terms.estimate import Estimate

__all__ = ["SCHEMA_VERSION", "load_result", "save_result"]

SCHEMA_VERSION = 1
MARK = "result.json"
_MAY_BE_NAN = ("value", "low", "high", "value_a", "value_b", "p_value")
EXTRA = (
    "apparent",
    "bands_without",
    "doubts",
    "predictions_without",
    "support",
)  # tables that only some designs have


def save_result(result: Result, folder: str | os.PathLike[str]) -> None:
    """Write a result; see `Result.save`."""
    with atomic_folder(folder, replace_if=MARK) as temporary:
        result.cohort.save(temporary / "cohort")
        result.predictions.write_parquet(temporary / "predictions.parquet")
        result.curves.write_parquet(temporary / "curves.parquet")
        result.table().write_parquet(temporary / "table.parquet")
        result.table().write_csv(temporary / "table.csv")  # for people; `load` reads the Parquet
        result.comparisons().write_csv(temporary / "comparisons.csv")
        for name in EXTRA:
            if getattr(result, name).height:
                getattr(result, name).write_parquet(temporary / f"{name}.parquet")
        if result.explanation is not None:
            result.explanation.save(temporary / "explanation")
        text = json.dumps(_to_json(result), indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / MARK).write_text(text + "\n", encoding="utf-8")


def load_result(folder: str | os.PathLike[str]) -> Result:
    """Read a result; see `Result.load`."""
    path = Path(folder)
    if not (path / MARK).is_file():
        msg = f"{str(path)!r} holds no result: it has no {MARK!r}. A result is a folder written by `hybridx evaluate`."
        raise InputError(msg)
    try:
        stored = json.loads((path / MARK).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"{str(path / MARK)!r} is damaged: {error}. Evaluate again."
        raise InputError(msg) from error
    if not isinstance(stored, dict) or stored.get("schema_version") != SCHEMA_VERSION:
        found = stored.get("schema_version") if isinstance(stored, dict) else None
        msg = f"{str(path)!r} is a result of format {found!r}; this version reads {SCHEMA_VERSION}. Evaluate again."
        raise InputError(msg)
    explanation, checks = stored.pop("explanation"), stored.pop("checks", None)
    differences = stored.pop(
        "differences", ()
    )  # a result of an earlier version has none: computed when asked for
    plain: dict[str, Any] = {name: value for name, value in stored.items() if name != "schema_version"}
    moment = plain.pop("moment")
    design = design_from_dict(plain.pop("design"))
    for name in ("models", "times_days", "run_notes"):
        plain[name] = tuple(plain[name])
    extra: dict[str, Any] = {
        name: pl.read_parquet(path / f"{name}.parquet")
        for name in EXTRA
        if (path / f"{name}.parquet").is_file()
    }
    result = Result(
        **plain,
        **extra,
        moment=Moment(moment["horizon_days"], moment["tau_days"], tuple(moment["grid_days"])),
        design=design,
        cohort=Cohort.load(path / "cohort"),
        predictions=pl.read_parquet(path / "predictions.parquet"),
        curves=pl.read_parquet(path / "curves.parquet"),
        explanation=_load_explanation(path / "explanation", explanation),
    )
    _remember(result, pl.read_parquet(path / "table.parquet"), differences)
    if checks is not None:  # a result of an earlier version has none: they run when asked for
        findings = Findings.from_json(checks)
        result._known.update({("checks",): findings, ("silenced",): findings.silenced})  # noqa: SLF001 - as below
    return result


def _to_json(result: Result) -> dict[str, Any]:
    explanation = result.explanation
    kind = None if explanation is None else f"{type(explanation).__module__}:{type(explanation).__qualname__}"
    return {
        "schema_version": SCHEMA_VERSION,
        "endpoint": result.endpoint,
        "kind": result.kind,
        "origin": result.origin,
        "criterion": result.criterion,
        "responder": result.responder,
        "primary": result.primary,
        "models": list(result.models),
        "roles": dict(result.roles),
        "design": design_to_dict(result.design),
        "times_days": list(result.times_days),
        "moment": {
            "horizon_days": result.moment.horizon_days,
            "tau_days": result.moment.tau_days,
            "grid_days": list(result.moment.grid_days),
        },
        "resamples": result.resamples,
        "level": result.level,
        "seed": result.seed,
        "bands": result.bands,
        "run_notes": list(result.run_notes),
        "provenance": json.loads(json.dumps(dict(result.provenance), default=str)),
        "explanation": kind,
        "checks": result.checks().to_json(),
        "differences": [_plain(d) for d in _differences(result)],
    }


def _differences(result: Result) -> list[Difference]:
    """Return the comparisons that every page asks for: those of `Result.comparisons` and of the notes."""
    pairs = [(name, metrics_of(result.kind)[0].name) for name in result.comparisons()["other"]]
    if result.notes:  # they ask for the reference's
        pairs += [(n, KINDS[result.kind].proper) for n in result.models if result.roles[n] == "reference"]
    asked = dict.fromkeys(("compare", result.primary, *pair) for pair in pairs)
    known = (result._known.get(key) for key in asked)  # noqa: SLF001 - as below
    return [found for found in known if found is not None]


def _plain(difference: Difference) -> dict[str, Any]:
    return {
        k: None if isinstance(v, float) and math.isnan(v) else v
        for k, v in dataclasses.asdict(difference).items()
    }


def _load_explanation(path: Path, kind: str | None) -> Any:
    """Load an explanation through its own class, which must belong to this library: a file never names other code."""
    if kind is None:
        return None
    module, _, name = kind.partition(":")
    if not module.startswith("hybridx.") or not name.isidentifier():
        msg = (
            f"The result names {kind!r} as the class of its explanation; only classes of hybridx are loaded."
        )
        raise InputError(msg)
    return getattr(importlib.import_module(module), name).load(path)


def _remember(result: Result, table: pl.DataFrame, differences: Iterable[Mapping[str, Any]]) -> None:
    """Spare a report the resampling: the estimates are those that were computed when the result was saved."""
    for row in table.iter_rows(named=True):
        value, low, high = (math.nan if row[k] is None else float(row[k]) for k in ("value", "low", "high"))
        estimate = Estimate(value, low, high, row["level"], row["n"], row["n_events"], row["method"])
        result._known[(row["model"], row["metric"])] = estimate  # noqa: SLF001 - the store is part of the class
    for stored in differences:
        numbers = {k: math.nan if stored[k] is None else stored[k] for k in _MAY_BE_NAN}
        found = Difference(**{**stored, **numbers})
        result._known[("compare", found.a, found.b, found.metric)] = found  # noqa: SLF001 - as above
