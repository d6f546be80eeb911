"""From a hospital's DICOM folder to a data folder: chosen series as NIfTI, tables, and no identifier."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybridx.compute import ensure_writable, map_tasks
from hybridx.errors import InputError
from hybridx.imaging.dicom_choice import choose_series, lonely_markings
from hybridx.imaging.dicom_file import PICTURES
from hybridx.imaging.dicom_quiet import quiet_dicom
from hybridx.imaging.dicom_tree import scan_dicom
from hybridx.imaging.import_choices import read_choices
from hybridx.imaging.import_finished import finished_studies, set_aside, task_key
from hybridx.imaging.import_plan import corrected_plans, plan_studies
from hybridx.imaging.import_study import import_study
from hybridx.imaging.import_tables import MARKER, DicomImport, write_links, write_series, write_tables
from hybridx.imaging.pseudonyms import SALT, PseudonymKey

__all__ = ["import_dicom"]

MARK = "import/key.txt"  # which key gave the pseudonyms; it tells nothing of the key itself


def import_dicom(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str] | None = None,
    structures: str | Sequence[str] = (),
    choices: str | os.PathLike[str] | None = None,
    corrections: str | os.PathLike[str] | None = None,
    baseline: Mapping[str, dt.date] | None = None,
    workers: int | None = None,
    engine: str = "local",
    client: Any = None,
    progress: bool = True,
) -> DicomImport:
    """Turn a tree of DICOM files into a data folder.

    Nothing that names a patient is written to `out`: patients get pseudonyms, dates become days from baseline, and
    texts of the headers are not carried on. Who is who stands in the key folder alone.

    Parameters
    ----------
    folder : path
        Mixed series in any order and under any names.
    out : path
        The data folder to write: ``images/``, ``patients.csv``, ``studies.csv``, and below ``import/`` what a reader
        wants to check: ``series.csv`` (every series and whether it was used), ``images.csv`` (geometry, values, uptake
        factor), ``failures.csv``, ``left_out.csv``. An import into the folder of an earlier one takes its place: images
        that are no longer chosen are removed.
    key : path, optional
        Folder with the salt of the pseudonyms and the list of who is who; default ``<out>-key``. Keep it, and keep it
        away from the data.
    structures : str or sequence of str
        Names of the structures that are the tumour, or patterns such as ``GTV*``. Left out, the only structure of a
        set is taken.
    choices : path, optional
        An edited ``series.csv``: its column `use` (yes or no) stands above the library's choice.
    corrections : path, optional
        Facts for a PET whose headers lack them or have them wrong, as a table; see
        `hybridx.imaging.import_corrections.read_corrections`. Each use is noted in ``images.csv``.
    baseline : mapping of patient id to date, optional
        Day 0 by the hospital's own patient id; left out, a patient's first study is day 0.
    workers, engine, client
        See `hybridx.compute.map_tasks`.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    DicomImport
        Shows what was written, what was left out and what failed.

    Notes
    -----
    Who is one patient: the hospital's id (0010,0020). Where one id comes with two birth dates, with both sexes, or from
    two issuers (0010,0021) without one birth date that holds them together, it may be two people: their studies are
    refused, to be imported hospital by hospital, each with a key of its own.

    Raises
    ------
    InputError
        No such folder, no series in it, a place that cannot be written or that another key wrote, or choices or
        corrections that cannot be read.
    """
    target = Path(out).absolute()
    ensure_writable(target, replace_if=MARKER)
    place = Path(key) if key is not None else target.with_name(f"{target.name}-key")
    _check_places(Path(folder), target, place)
    tree = scan_dicom(folder, show_progress=progress)
    tree = replace(tree, left_out=(*tree.left_out, *lonely_markings(tree)))
    if not any(one.modality in PICTURES for one in tree.series):
        msg = f"{str(folder)!r} holds no DICOM series that can be read.\n{tree!r}"
        raise InputError(msg)
    secret = PseudonymKey(place)
    _check_key(secret, target)
    names = secret.pseudonyms((one.uid for one in tree.series), "S")
    decided = {} if choices is None else read_choices(Path(choices), names)
    wanted = (structures,) if isinstance(structures, str) else tuple(structures)
    with quiet_dicom():
        plans = plan_studies(choose_series(tree, decided), secret, wanted, target, baseline or {})
    if corrections is not None:
        plans = corrected_plans(plans, Path(corrections), names)
    write_series(target, plans, names)
    (target / MARK).write_text(secret.fingerprint() + "\n", encoding="ascii")
    # before the work: who is who must be known even of an import that was killed
    with quiet_dicom():
        write_links(secret, tree, plans, names)
    tasks = [plan.task for plan in plans if not plan.refused]
    keys = [secret.fingerprint(task_key(task)) for task in tasks]
    set_aside(target, keys)
    results = map_tasks(
        import_study,
        tasks,
        engine=engine,
        workers=workers,
        client=client,
        checkpoint=finished_studies(target),
        keys=keys,
        description="Importing studies",
        progress=progress,
    )
    return write_tables(target, tree, plans, results)


def _check_places(folder: Path, target: Path, place: Path) -> None:
    if place.absolute().is_relative_to(target):
        msg = f"The key folder {str(place)!r} lies inside the data: whoever gets the data could name the patients."
        raise InputError(msg)
    if target.resolve().is_relative_to(folder.resolve()):
        msg = (
            f"--out {str(target)!r} lies inside the DICOM folder: the next import would read what this one wrote. "
            "Choose a place beside it."
        )
        raise InputError(msg)
    if (target / MARK).is_file() and not (place / SALT).is_file():
        msg = (
            f"{str(target)!r} was imported with a key that is not in {str(place)!r}. Give its folder (--key); if it is "
            "lost, nobody can say who is who, and a new import needs a new --out."
        )
        raise InputError(msg)


def _check_key(secret: PseudonymKey, target: Path) -> None:
    mark = target / MARK
    if mark.is_file() and mark.read_text(encoding="ascii").strip() != secret.fingerprint():
        msg = (
            f"{str(target)!r} was imported with another key: old and new pseudonyms would lie side by side. "
            "Give the key folder of that import (--key), or a new --out."
        )
        raise InputError(msg)
