"""What `evaluate` keeps between runs: one file per finished fold, named by everything that could change it.

A file holds arrays and JSON (one ``.npz``, read without pickle), and rows without patient identifiers. A result made
from files is the same to the last bit as one made in one go. What is not final is not kept: a fold in which a model
failed is run again, and so is one whose explanation or tuned model comes from outside this library and could not be
read back safely.
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.compute.checkpoint import Checkpoint
from hybridx.evaluate.folds import FoldResult, Prediction
from hybridx.evaluate.panel import FloatArray
from hybridx.fusion.trusted import TRUSTED

__all__ = ["bands_checkpoint", "folds_checkpoint"]

Arrays = dict[str, npt.NDArray[Any]]
Bytes = npt.NDArray[np.uint8]
Refits = tuple[FloatArray, int]


def folds_checkpoint(folder: str | os.PathLike[str] | None) -> Checkpoint | None:
    """Keep finished folds in ``<folder>/folds``; None keeps nothing."""
    if folder is None:
        return None
    return Checkpoint(Path(folder) / "folds", _save_fold, _load_fold, ".npz", _is_final)


def bands_checkpoint(folder: str | os.PathLike[str] | None) -> Checkpoint | None:
    """Keep finished bootstrap refits in ``<folder>/bands``; None keeps nothing."""
    if folder is None:
        return None
    return Checkpoint(Path(folder) / "bands", _save_refits, _load_refits, ".npz")


def _is_final(result: FoldResult) -> bool:
    found = [*result.predictions.values(), *result.without.values()]
    if result.explanation_failure or any(p.failure for p in found):
        return False
    explained = result.explanation is None or type(result.explanation).__module__.startswith("hybridx.")
    if result.frozen is None:
        return explained
    import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

    asked = skops.io.get_untrusted_types(data=skops.io.dumps(result.frozen))
    return explained and set(asked) <= set(TRUSTED)


def _save_fold(result: FoldResult, path: Path) -> None:
    arrays: Arrays = {}
    facts: dict[str, Any] = {
        "repeat": result.repeat,
        "fold": result.fold,
        "predictions": _put(result.predictions, "predictions", arrays),
        "without": _put(result.without, "without", arrays),
        "support": list(result.support),
    }
    arrays |= {f"support.{i}": values for i, values in enumerate(result.support.values())}
    if result.explanation is not None:
        kind = type(result.explanation)
        facts["explanation"] = [kind.__module__, kind.__qualname__]
        with tempfile.TemporaryDirectory() as place:
            result.explanation.save(Path(place) / "e")
            files = sorted(p for p in (Path(place) / "e").rglob("*") if p.is_file())
            facts["files"] = [p.relative_to(Path(place) / "e").as_posix() for p in files]
            arrays |= {f"file.{i}": _bytes(p.read_bytes()) for i, p in enumerate(files)}
    if result.frozen is not None:
        import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

        arrays["frozen"] = _bytes(skops.io.dumps(result.frozen))
    arrays["facts"] = _bytes(json.dumps(facts).encode())
    with path.open("wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]  # its stub takes the names for its own settings


def _load_fold(path: Path) -> FoldResult:
    arrays = _read(path)
    facts = json.loads(arrays["facts"].tobytes())
    frozen = None
    if "frozen" in arrays:
        import skops.io  # noqa: PLC0415 - loads torch and every estimator of scikit-learn: only where models are kept

        frozen = skops.io.loads(arrays["frozen"].tobytes(), trusted=list(TRUSTED))
    return FoldResult(
        facts["repeat"],
        facts["fold"],
        _take(facts["predictions"], "predictions", arrays),
        _explanation(facts, arrays) if "explanation" in facts else None,
        frozen=frozen,
        without=_take(facts["without"], "without", arrays),
        support={name: arrays[f"support.{i}"] for i, name in enumerate(facts["support"])},
    )


def _put(predictions: Mapping[str, Prediction], what: str, arrays: Arrays) -> list[dict[str, Any]]:
    """Put predictions among the arrays of a file; return their names and what was said."""
    for i, found in enumerate(predictions.values()):
        arrays[f"{what}.{i}.score"] = found.score
        if found.survival is not None:
            arrays[f"{what}.{i}.survival"] = found.survival
    return [{"name": name, "warnings": list(found.warnings)} for name, found in predictions.items()]


def _take(told: list[dict[str, Any]], what: str, arrays: Arrays) -> dict[str, Prediction]:
    return {
        one["name"]: Prediction(
            arrays[f"{what}.{i}.score"],
            arrays.get(f"{what}.{i}.survival"),
            warnings=tuple(one["warnings"]),
        )
        for i, one in enumerate(told)
    }


def _explanation(facts: dict[str, Any], arrays: Arrays) -> Any:
    module, name = facts["explanation"]
    if not module.startswith("hybridx.") or not name.isidentifier():
        msg = f"the explanation names {module}:{name}, which is no class of hybridx"
        raise ValueError(msg)
    with tempfile.TemporaryDirectory() as place:
        for i, relative in enumerate(facts["files"]):
            target = Path(place, "e", *(part for part in relative.split("/") if part not in ("", ".", "..")))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(arrays[f"file.{i}"].tobytes())
        return getattr(importlib.import_module(module), name).load(Path(place) / "e")


def _save_refits(value: Refits, path: Path) -> None:
    with path.open("wb") as handle:
        np.savez(handle, drawn=value[0], failed=np.array(value[1]))


def _load_refits(path: Path) -> Refits:
    arrays = _read(path)
    return arrays["drawn"], int(arrays["failed"])


def _read(path: Path) -> Arrays:
    """Read a file; damage is a ValueError, which `Checkpoint` takes for a file that is not there."""
    with path.open("rb") as handle:
        try:
            with np.load(handle, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (zipfile.BadZipFile, zlib.error) as error:
            msg = f"{path.name} is damaged"
            raise ValueError(msg) from error


def _bytes(content: bytes) -> Bytes:
    return np.frombuffer(content, dtype=np.uint8)
