"""Notebooks over many patients: papermill with the traps taken out, resumable, failures kept and listed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

import hybridx
from hybridx.compute import ensure_writable, map_tasks
from hybridx.errors import InputError, SettingsError
from hybridx.report.index import index_script
from hybridx.report.kernels import NotebookRun, end_kernels, execute_run, extra
from hybridx.report.page import Page
from hybridx.report.rendering import render
from hybridx.report.words import INTENDED_USE
from hybridx.terms import listing, nearest, safe_name

__all__ = ["NotebookRuns", "run_notebooks"]


@dataclass(frozen=True)
class NotebookRuns:
    """What a batch of notebooks gave.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``<name>.ipynb``, ``<name>.html`` and ``index.html``.
    rows : polars.DataFrame
        One row per set of parameters: `name`, `parameters` (JSON), `notebook`, `page` (relative, or null), `state`
        (written, kept, failed), `reason`. A failed notebook is kept with its output up to the error.
    """

    folder: Path
    rows: pl.DataFrame

    @property
    def path(self) -> Path:
        """The list of all runs."""
        return self.folder / "index.html"

    @property
    def failed(self) -> pl.DataFrame:
        """Runs that ended with an error: `name`, `reason`."""
        return self.rows.filter(pl.col("state") == "failed").select("name", "reason")

    def __repr__(self) -> str:
        counts = dict(self.rows["state"].value_counts().iter_rows())
        parts = [f"{counts[s]} {s}" for s in ("written", "kept", "failed") if s in counts]
        return f"NotebookRuns({str(self.path)!r}: {', '.join(parts) or 'nothing'})"

    def _repr_html_(self) -> str:
        return (
            f'<p>{escape(repr(self))}: <a href="{escape(str(self.path))}" target="_blank">index.html</a></p>'
        )


def run_notebooks(
    notebook: str | os.PathLike[str],
    parameters: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
    resume: bool = True,
    html: bool = True,
    workers: int | None = 1,
    engine: str = "local",
    client: Any = None,
    isolate: bool = False,
    cell_seconds: float | None = 1800.0,
    progress: bool = True,
) -> NotebookRuns:
    """Run a parameterised notebook once per set of parameters; one that fails stops no other.

    Each worker keeps one warm kernel: the library is loaded once, and between notebooks names, settings, figures,
    random seeds, environment and working folder are put back. A kernel that dies or hangs costs its own notebook only.

    Parameters
    ----------
    notebook : path
        An ``.ipynb`` with a cell tagged ``parameters``.
    parameters : sequence of mapping
        Values for that cell, for example ``[{"patient": p} for p in cohort.patients]``. Relative paths count from
        the working folder and are handed on as absolute ones.
    out : path
        Folder of the executed notebooks.
    names : sequence of str, optional
        File name of each run; default the patient, where there is such a parameter, else a number.
    resume : bool
        Keep a run that succeeded with the same notebook, parameters and input files.
    html : bool
        Also write each notebook as an HTML file without code cells, for reading.
    workers : int, optional
        Processes; each runs one kernel at a time.
    engine, client : optional
        ``engine="dask"`` runs on the workers of a cluster, which must see the notebook, its inputs and `out`; see
        `hybridx.compute.map_tasks`.
    isolate : bool
        A fresh kernel for each notebook, for those that change what cannot be put back (they patch other libraries, or
        keep caches). It costs the imports each time.
    cell_seconds : float or None
        The longest that one cell may take; then its notebook has failed. None: as long as it likes.
    progress : bool
        Show a bar when it takes longer than two seconds.

    Returns
    -------
    NotebookRuns

    Raises
    ------
    InputError
        papermill is not installed, or there is no such notebook, or two runs share a name.
    SettingsError
        `cell_seconds` is not above zero.
        A parameter that the notebook does not have (papermill would only print a warning and run with the default).
    """
    source = Path(notebook)
    papermill = extra("papermill")
    if not source.is_file() or source.suffix != ".ipynb":
        msg = (
            f"{str(source)!r} is not an .ipynb file. A .py notebook: convert it first, `jupytext --to ipynb`."
        )
        raise InputError(msg)
    if cell_seconds is not None and not cell_seconds > 0:
        msg = f"cell_seconds={cell_seconds!r}: wanted seconds above zero, or None for no limit."
        raise SettingsError(msg)
    _check_parameters(papermill, source, parameters)
    folder = Path(out)
    ensure_writable(folder)
    labels = _names(parameters, names)
    runs = [
        replace(_plan(source, label, given, folder, html=html), cell_seconds=cell_seconds, isolate=isolate)
        for label, given in zip(labels, parameters, strict=True)
    ]
    kept = {r.name for r in runs if resume and _succeeded(Path(r.target), r.inputs_hash)}
    todo = [r for r in runs if r.name not in kept]
    try:
        done = map_tasks(
            execute_run, todo, workers=workers, engine=engine, client=client, keys=[r.inputs_hash for r in todo],
            description="Running notebooks", progress=progress,
        )  # fmt: skip
    finally:
        end_kernels()  # of this process; those of worker processes end with these
    reasons = {r.name: d.value if d.ok else str(d.error) for r, d in zip(todo, done, strict=True)}
    rows = pl.DataFrame(
        [
            _row(
                r,
                "kept" if r.name in kept else "failed" if reasons[r.name] else "written",
                reasons.get(r.name),
            )
            for r in runs
        ],
        schema=dict.fromkeys(("name", "parameters", "notebook", "page", "state", "reason"), pl.String),
        orient="row",
    )
    found = NotebookRuns(folder, rows)
    _index(source, found).save(found.path)
    return found


def _check_parameters(papermill: Any, source: Path, parameters: Sequence[Mapping[str, Any]]) -> None:
    known = list(papermill.inspect_notebook(str(source)))
    for given in parameters:
        for name in given:
            if name not in known:
                guess = nearest(str(name), known)
                hint = f" Did you mean {guess!r}?" if guess else ""
                msg = f"{source.name} has no parameter {name!r}.{hint} It has: {listing(known, limit=20)}."
                raise SettingsError(msg)


def _names(parameters: Sequence[Mapping[str, Any]], names: Sequence[str] | None) -> list[str]:
    if names is not None and len(names) != len(parameters):
        msg = f"names: got {len(names)} for {len(parameters)} sets of parameters; one each is wanted."
        raise InputError(msg)
    if names is None:
        names = [str(given.get("patient", f"{i:04d}")) for i, given in enumerate(parameters)]
    labels = [safe_name(name) for name in names]
    folded = [label.casefold() for label in labels]
    twice = sorted({label for label, f in zip(labels, folded, strict=True) if folded.count(f) > 1})
    if twice:
        msg = (
            f"Several runs would write the same file: {listing(twice)}. Give each its own name with `names`."
        )
        raise InputError(msg)
    return labels


def _absolute(name: str, value: Any) -> Any:
    # papermill's cwd= is not safe between threads, so kernels get absolute paths instead. A patient stays a name, even
    # where a folder of images is called like him.
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if name != "patient" and isinstance(value, str) and value and Path(value).exists():
        return str(Path(value).resolve())
    return value


def _plan(source: Path, label: str, given: Mapping[str, Any], folder: Path, *, html: bool) -> NotebookRun:
    values = {name: _absolute(name, value) for name, value in given.items()}
    digest = hashlib.sha256(source.read_bytes())
    digest.update(f"{hybridx.__version__}\0{json.dumps(values, sort_keys=True, default=str)}".encode())
    for value in values.values():
        if isinstance(value, str) and Path(value).is_absolute() and Path(value).exists():
            digest.update(_fingerprint(Path(value), folder).encode())
    return NotebookRun(
        label, str(source.resolve()), values, str(folder / f"{label}.ipynb"), digest.hexdigest(), html
    )


def _fingerprint(path: Path, out: Path | None = None) -> str:
    """Names, sizes and times of the files behind a path: changed data make a run stale, without reading them all.

    What the runs themselves write, when `out` lies inside, does not count.
    """
    inside = None if out is None else out.resolve()
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    if inside is not None and inside != path:
        files = [f for f in files if inside not in f.parents]
    return "\n".join(f"{f}\0{f.stat().st_size}\0{f.stat().st_mtime_ns}" for f in files)


def _succeeded(target: Path, inputs_hash: str) -> bool:
    try:
        metadata = json.loads(target.read_text(encoding="utf-8"))["metadata"]["hybridx"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return metadata.get("inputs") == inputs_hash and not metadata.get("failed", True)


def _row(run: NotebookRun, state: str, reason: str | None) -> tuple[str | None, ...]:
    there = Path(run.target).is_file()
    page = (
        f"{run.name}.html" if run.html and there and Path(run.target).with_suffix(".html").is_file() else None
    )
    given = json.dumps(dict(run.parameters), default=str, ensure_ascii=False)
    return run.name, given, f"{run.name}.ipynb" if there else None, page, state, reason


def _index(source: Path, runs: NotebookRuns) -> Page:
    title = f"{source.name}: {runs.rows.height} runs"
    script, script_source = index_script()
    rows = [{**row, "wrong": _kind_of(row["reason"])} for row in runs.rows.iter_rows(named=True)]
    html = render(
        "notebooks.html.j2",
        script=script,
        script_source=script_source,
        title=title,
        source=source.name,
        rows=rows,
        wrongs=sorted({row["wrong"] for row in rows} - {""}),
        synthetic=False,
        provenance=[("hybridx", hybridx.__version__), ("notebook", source.name)],
        notice=INTENDED_USE,
    )
    return Page(html, title)


def _kind_of(reason: str | None) -> str:
    """Name what went wrong by the error's class: ``cell 6: InputError: No patient ...`` is an ``InputError``."""
    found = re.match(r"(?:cell \S+: )?(\w+)", reason or "")
    return found.group(1) if found else ""
