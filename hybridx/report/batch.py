"""All pages of a result: one per patient, the cohort report and the index; resumes, and one failure stops nothing."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import hybridx
from hybridx.compute import atomic_write, content_hash, ensure_writable, map_tasks
from hybridx.errors import InputError
from hybridx.evaluate import Result
from hybridx.report.background import Background
from hybridx.report.beside import BESIDE, TABLES_FOLDER
from hybridx.report.language import speaking
from hybridx.report.pdf import find_browser
from hybridx.report.report_index import ReportIndex
from hybridx.report.response_outlook import response_background
from hybridx.report.saliency import check_saliency, voxels_for
from hybridx.report.tumour_board import build_patient_page
from hybridx.report.viewer import LIBRARY_FILE, library_code
from hybridx.report.whole_cohort import RESPONSE, WHOLE, refuse_foreign, write_whole_cohort
from hybridx.terms import listing, nearest, safe_name

__all__ = ["write_reports"]

PAGES_PER_WORKER = 40  # a worker costs about five seconds of imports and loading: as long as forty pages
_RECORDED = re.compile(rb'name="hybridx-inputs" content="([0-9a-f]{64})"')
_CODE = (".py", ".j2", ".css", ".js", ".json", ".yaml", ".csv")  # what a page is drawn by


@dataclass(frozen=True)
class _PageTask:
    """One page: small enough to send to another process; the worker loads the result itself."""

    patient: str
    target: str
    inputs_hash: str
    library: str  # relative address of the viewer's file; empty: inside the page
    language: str
    saliency: str = ""  # data folder whose images are explained; empty: none
    model: Any = None  # see `patient_voxels`


@dataclass(frozen=True)
class _FromFolder:
    """Writes pages in a worker, from the saved result; loaded once per process."""

    results: str
    response: str  # folder of the second result; empty: none
    state: str

    def __call__(self, task: _PageTask) -> None:
        _write(*_loaded(self.results, self.response, self.state, task.language), task)


@dataclass(frozen=True)
class _FromMemory:
    """Writes pages in this process, from the result at hand."""

    background: Background
    response: Background | None

    def __call__(self, task: _PageTask) -> None:
        _write(self.background, self.response, task)


@functools.lru_cache(maxsize=1)
def _loaded(results: str, response: str, state: str, language: str) -> tuple[Background, Background | None]:
    # `state` only tells the cache that the folder has changed, `language` that labels kept so far are in another one
    del state, language
    background = Background(Result.load(results))
    return background, response_background(background, Result.load(response) if response else None)


def _write(background: Background, response: Background | None, task: _PageTask) -> None:
    voxels = voxels_for(background, task.patient, task.saliency, model=task.model) if task.saliency else None
    page = build_patient_page(
        background,
        task.patient,
        task.inputs_hash,
        library=task.library,
        response=response,
        voxels=voxels,
        language=task.language,
    )
    page.save(task.target)


def write_reports(
    results: Any,
    out: str | os.PathLike[str],
    *,
    why: Any = None,
    response: Any = None,
    patients: str | Sequence[str] = "all",
    workers: int | None = None,
    engine: str = "local",
    client: Any = None,
    resume: bool = True,
    progress: bool = True,
    single_file: bool = False,
    language: str = "en",
    pdf: bool = False,
    saliency: str | os.PathLike[str] | None = None,
    model: Any = None,
) -> ReportIndex:
    """Write a page per patient, the cohort report and an index that sorts and filters.

    Parameters
    ----------
    results : path or Result
        The folder that ``Result.save`` wrote, or the result itself (then pages are written in this process).
    out : path
        Folder of the reports.
    why : Explanation, optional
        Default: the one stored with the result.
    response : path or Result, optional
        Of the therapy response of the same patients: each page then shows it beside the risk, see `patient_page`; so
        does the index, and the cohort report of the response stands in ``cohort_response/``.
    patients : "all" or sequence of str
        Whose pages to write; the index lists everyone either way.
    workers : int, optional
        Processes; by default one per forty pages, up to the cores.
    engine, client : optional
        ``engine="dask"`` writes the pages on the workers of a cluster, which must see `results` and `out`; see
        `hybridx.compute.map_tasks`.
    resume : bool
        Keep a page whose recorded hash of inputs (results, images, code) still fits; False writes all anew.
    progress : bool
        Show a bar when it takes longer than two seconds.
    single_file : bool
        Put the viewer's library (1.1 MB) into each page, so that a page can be sent by itself; by default it lies once
        beside them, in ``viewer/``.
    language : {"en", "de"}
        Of all pages, the checklists and the model card. Notes of the evaluation, findings of the checks and reasons
        of failures stay in English; names of columns in the tables, too.
    pdf : bool
        Print each cohort report to ``cohort.pdf`` beside it as well; needs Chromium.
    saliency : path, optional
        The data folder that the cohort was extracted from: each page then shows what each place of PET and CT adds to
        the prediction, as an overlay that can be switched off. Seconds to half a minute per patient.
    model : estimator, LockedModel or path, optional
        With `saliency`, where the model behind the result cannot be known from it; see `patient_voxels`.

    Returns
    -------
    ReportIndex

    Raises
    ------
    InputError
        No result in the folder, an unknown patient, a `response` that is none or of another cohort, or an output
        folder that cannot be written to or holds an ``index.html`` of something else.
    """
    folder = Path(out)
    ensure_writable(folder)
    refuse_foreign(folder)
    if pdf:
        find_browser()  # before hours of pages, not after
    background = Background(_result(results), why)
    other = response_background(background, None if response is None else _result(response))
    chosen = _chosen(background, patients)
    if saliency is not None:
        check_saliency(background, saliency, model)
    sources = [] if why is not None else _folders(results, response)
    state = _state(sources, folder) if sources else ""
    names = _file_names(background.cohort.patients)
    library = "" if single_file else _library(background, folder)
    tasks = {
        p: _task(background, p, folder / "pages" / names[p], state, library, language, saliency, model)
        for p in background.cohort.patients
    }
    # the pages of patients who were not asked for stay as well, as long as they are of this result
    asked = set() if resume else set(chosen)  # whose pages are written anew whatever stands there
    kept = {
        p
        for p, task in tasks.items()
        if state and p not in asked and _recorded(Path(task.target)) == task.inputs_hash
    }
    todo = [tasks[p] for p in chosen if p not in kept]
    for task in todo:  # a page of an older result must not stand there as if it were of this one
        with contextlib.suppress(OSError):  # what is in the way fails this page later, and no other
            Path(task.target).unlink()
    second = "" if response is None else str(response)
    writer = _FromFolder(str(results), second, state) if state else _FromMemory(background, other)
    done = map_tasks(
        writer, todo, workers=_workers(workers, len(todo)) if state else 1,
        engine=engine if state else "local", client=client, keys=[t.inputs_hash for t in todo],
        description="Writing pages", progress=progress,
    )  # fmt: skip
    problems = {t.patient: str(r.error) for t, r in zip(todo, done, strict=True) if not r.ok}
    written = {t.patient for t, r in zip(todo, done, strict=True) if r.ok}
    pages = {p: f"pages/{names[p]}" for p in tasks if p in written or p in kept}
    with speaking(language):
        write_whole_cohort(background, other, folder, pages, problems, state=state, pdf=pdf)
    if patients == "all" or state:  # of a result in memory nobody knows whether an older page still fits
        _remove_orphans(folder, set(pages.values()))
    _manifest(folder, pages, tasks, problems, state)
    states = {p: "failed" if p in problems else "written" if p in written else "kept" for p in chosen}
    return ReportIndex(folder, _rows(states, pages, problems))


def _rows(states: dict[str, str], pages: dict[str, str], problems: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [(p, pages.get(p), state, problems.get(p)) for p, state in states.items()],
        schema={"patient_id": pl.String, "page": pl.String, "state": pl.String, "reason": pl.String},
        orient="row",
    )


def _chosen(background: Background, patients: str | Sequence[str]) -> list[str]:
    known = background.cohort.patients
    if isinstance(patients, str):
        if patients == "all":
            return list(known)
        patients = [patients]
    there = set(known)
    unknown = [p for p in patients if p not in there]
    if unknown:
        guess = nearest(str(unknown[0]), known)
        hint = f" Did you mean {guess!r}?" if guess else ""
        who = "1 patient is" if len(unknown) == 1 else f"{len(unknown)} patients are"
        msg = f"{who} not in the cohort: {listing(map(repr, unknown))}.{hint}"
        raise InputError(msg)
    return list(dict.fromkeys(patients))


def _file_names(patients: Sequence[str]) -> dict[str, str]:
    """Name each page; ids that differ only in case get a hash, for file systems that do not tell them apart."""
    folded: dict[str, int] = {}
    for p in patients:
        folded[safe_name(p).casefold()] = folded.get(safe_name(p).casefold(), 0) + 1
    names = {}
    for p in patients:
        name = safe_name(p)
        twin = folded[name.casefold()] > 1
        names[p] = f"{name}-{hashlib.sha256(p.encode()).hexdigest()[:8]}.html" if twin else f"{name}.html"
    return names


@functools.cache
def _code_state() -> str:
    """Hash of the code that draws pages: a changed template makes every page new."""
    digest = hashlib.sha256(hybridx.__version__.encode())
    here = Path(__file__).parent
    for file in sorted(f for f in here.rglob("*") if f.suffix in _CODE):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _result(given: Any) -> Any:
    return Result.load(given) if isinstance(given, str | os.PathLike) else given


def _folders(results: Any, response: Any) -> list[Path]:
    """List the folders that a page comes from; none when one of its results is not saved."""
    given = [one for one in (results, response) if one is not None]
    saved = all(isinstance(one, str | os.PathLike) for one in given)
    return [Path(one) for one in given] if saved else []


def _state(sources: Sequence[Path], out: Path) -> str:
    """Hash of the saved results and of the code; reports written into a result's folder do not count."""
    digest = hashlib.sha256(_code_state().encode())
    inside = {out.resolve() / name for name in ("pages", TABLES_FOLDER, RESPONSE)}
    ours = {out.resolve() / name for name in (*WHOLE, *BESIDE, LIBRARY_FILE)}
    for source in sources:
        for file in sorted(f for f in source.rglob("*") if f.is_file()):
            place = file.resolve()
            if inside & set(place.parents) or place in ours or file.name.startswith("."):
                continue
            digest.update(f"{file.relative_to(source).as_posix()}\0{content_hash(file)}\0".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _task(  # noqa: PLR0917 - one page each
    background: Background,
    patient: str,
    target: Path,
    state: str,
    library: str,
    language: str,
    saliency: str | os.PathLike[str] | None,
    model: Any,
) -> _PageTask:
    stored = "\0".join(background.cohort.image_address(patient, kind) or "" for kind in ("views", "volumes"))
    data = "" if saliency is None else str(Path(saliency).absolute())
    explained = f"\0{data}\0{model!r}" if data else ""
    inputs = hashlib.sha256(
        f"{state}\0{stored}\0{library}\0{language}\0{patient}{explained}".encode()
    ).hexdigest()
    return _PageTask(patient, str(target), inputs, library, language, data, model)


def _library(background: Background, folder: Path) -> str:
    """Put the viewer's library once beside the pages, if any has volumes; return its address as the pages see it."""
    target, images = folder / LIBRARY_FILE, background.cohort.tables.get("images")
    wanted = images is not None and bool((images["kind"] == "volumes").any())
    if wanted and not (target.exists() and target.read_bytes() == library_code()):
        with atomic_write(target) as temporary:
            temporary.write_bytes(library_code())
    return f"../{LIBRARY_FILE}"


def _recorded(page: Path) -> str | None:
    """Read the hash of inputs that a page carries in its head; None when there is no such page."""
    try:
        with page.open("rb") as handle:
            found = _RECORDED.search(handle.read(4096))
    except OSError:
        return None
    return found.group(1).decode() if found else None


def _workers(workers: int | None, pages: int) -> int | None:
    if workers is not None:
        return workers
    return max(1, min(os.cpu_count() or 1, pages // PAGES_PER_WORKER))


def _remove_orphans(folder: Path, pages: set[str]) -> None:
    """Remove pages that an earlier batch wrote and that are not of this result."""
    try:
        earlier = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["pages"]
    except (OSError, ValueError, KeyError):
        return
    for entry in earlier:
        name = Path(str(entry.get("page", ""))).name
        if name and f"pages/{name}" not in pages:
            (folder / "pages" / name).unlink(missing_ok=True)


def _manifest(
    folder: Path, pages: dict[str, str], tasks: dict[str, _PageTask], problems: dict[str, str], state: str
) -> None:
    content = {
        "schema_version": 1,
        "hybridx": hybridx.__version__,
        "inputs": state,
        "pages": [
            {"patient_id": p, "page": page, "inputs": tasks[p].inputs_hash} for p, page in pages.items()
        ],
        "failed": [{"patient_id": p, "reason": reason} for p, reason in problems.items()],
    }
    with atomic_write(folder / "manifest.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
