"""What a batch writes of all patients together: cohort report, tables, model card, index; the same of the response."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.beside import BESIDE, TABLES_FOLDER, refuse_foreign_card, write_beside
from hybridx.report.cohort_page import build_cohort_report
from hybridx.report.index import index_page
from hybridx.report.pdf import save_pdf

__all__ = ["MARK", "RESPONSE", "WHOLE", "refuse_foreign", "write_whole_cohort"]

RESPONSE = "cohort_response"
"""Folder of the second result's report, which has the same files as the first's."""
MARK = b'name="hybridx-inputs"'
"""In the head of every page, finished or not: it tells ours from others."""
WHOLE = ("index.html", "cohort.html", "manifest.json")
"""What stands in the folder of the reports itself."""


def write_whole_cohort(
    background: Background,
    response: Background | None,
    folder: Path,
    pages: Mapping[str, str],
    problems: Mapping[str, str],
    *,
    state: str,
    pdf: bool,
) -> None:
    """Write what is told of all patients, in the language that is spoken.

    Parameters
    ----------
    background, response : Background
        The result, and the second one of the therapy response, or None; its report goes to a folder of its own.
    folder : Path
        Of the reports.
    pages, problems : mapping of str to str
        See `index_page`.
    state : str
        Hash of what the pages are made from.
    pdf : bool
        Print the reports as well.
    """
    _report(background, folder, "index.html", state=state, pdf=pdf)
    _forget(folder / RESPONSE)
    if response is not None:
        _report(response, folder / RESPONSE, "../index.html", state=state, pdf=pdf)
    link = "" if response is None else f"{RESPONSE}/cohort.html"
    index_page(background, pages, problems, response=response, response_link=link).save(folder / "index.html")


def _report(background: Background, folder: Path, index_link: str, *, state: str, pdf: bool) -> None:
    page = folder / "cohort.html"
    build_cohort_report(background, index_link=index_link, inputs_hash=state).save(page)
    write_beside(background, folder)
    if pdf:
        save_pdf(page, folder / "cohort.pdf")


def _forget(folder: Path) -> None:
    """Remove the report of an earlier response: it must not stand there as if it were of this result."""
    if not (folder / "cohort.html").is_file():
        return
    for name in ("cohort.html", *BESIDE):
        (folder / name).unlink(missing_ok=True)
    for table in (*(folder / TABLES_FOLDER).glob("*.csv"), *(folder / TABLES_FOLDER).glob("*.parquet")):
        table.unlink()
    for empty in (folder / TABLES_FOLDER, folder):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def refuse_foreign(folder: Path) -> None:
    """Refuse to write over what somebody else wrote: a page, a list of contents, a model card.

    Raises
    ------
    InputError
        Names the file that is in the way.
    """
    for page in (*(folder / name for name in WHOLE), folder / RESPONSE / "cohort.html"):
        try:
            with page.open("rb") as handle:
                head = handle.read(4096)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            msg = (
                f"{str(page)!r} is in the way of the reports: {error.strerror}. Choose another output folder."
            )
            raise InputError(msg) from error
        if MARK not in head and not (page.suffix == ".json" and b'"hybridx"' in head):
            msg = f"{str(page)!r} is not a page of hybridx and would be lost. Choose another output folder."
            raise InputError(msg)
    for one in (folder, folder / RESPONSE):
        refuse_foreign_card(one)
