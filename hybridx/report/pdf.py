"""A page as PDF, printed by a Chromium that is there already; nothing here needs one otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hybridx.compute import atomic_write
from hybridx.errors import InputError
from hybridx.report.page import Page

__all__ = ["BROWSERS", "find_browser", "save_pdf"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_LONGEST_WAIT = 120  # seconds; a page of a thousand patients takes about ten


def find_browser(browser: str | os.PathLike[str] | None = None) -> str:
    """Return the path of a browser that can print.

    Raises
    ------
    InputError
        None is found.
    """
    for name in BROWSERS if browser is None else (os.fspath(browser),):
        found = shutil.which(name)
        if found:
            return found
    looked = ", ".join(BROWSERS) if browser is None else repr(os.fspath(browser))
    msg = (
        f"A PDF needs Chromium or Chrome to print it, and none was found (looked for {looked}). Install one "
        "(Debian: `apt install chromium`), or open the HTML page in any browser and print it: it is laid out for A4."
    )
    raise InputError(msg)


def save_pdf(
    page: Page | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    browser: str | os.PathLike[str] | None = None,
) -> Path:
    """Print a page, or an HTML file that holds one, to a PDF on A4, whole or not at all.

    Parameters
    ----------
    page : Page or path
    path : path
        Of the PDF.
    browser : path, optional
        Default: the first of `BROWSERS` that is installed.

    Raises
    ------
    InputError
        No browser is found, there is no such file, or the browser printed nothing.
    """
    program, target = find_browser(browser), Path(path)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        if isinstance(page, Page):
            source = page.save(Path(scratch) / "page.html")
        else:
            source = Path(page)
            if not source.is_file():
                msg = f"There is no page {str(source)!r} to print. Write it first, with `page.save`."
                raise InputError(msg)
        printed = Path(scratch) / "page.pdf"
        said = _print(program, source, printed, Path(scratch) / "profile")
        if not printed.is_file() or not printed.stat().st_size:
            msg = f"{program} printed nothing of {str(source)!r}. It said: {said[-400:] or 'nothing'}"
            raise InputError(msg)
        with atomic_write(target) as temporary:
            shutil.copyfile(printed, temporary)
    return target


def _print(program: str, source: Path, printed: Path, profile: Path) -> str:
    # the browser's own sandbox does not start for root, as in most containers; the page holds no script
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        program, "--headless=new", *as_root, "--disable-gpu", "--disable-background-networking", "--no-first-run",
        f"--user-data-dir={profile}", "--no-pdf-header-footer", f"--print-to-pdf={printed}",
        source.resolve().as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=_LONGEST_WAIT, check=False)  # noqa: S603 - as above
    except subprocess.TimeoutExpired:
        return f"no answer within {_LONGEST_WAIT} seconds"
    except OSError as error:
        return str(error)
    return done.stderr.decode(errors="replace")
