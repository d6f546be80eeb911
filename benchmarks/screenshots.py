"""The gallery of the README, from pages that `make demo` wrote; needs Chromium (or Chrome) and Pillow.

python benchmarks/screenshots.py demo/reports --out docs

Whole pages are cut below their first screens; a section is cut out of its page by its heading, measured in the browser
itself. Pictures are stored with 128 colours, which halves them and shows on no screen.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1200
TALLEST = 16_000
COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """What to show: a page, and either how much of its top or one of its sections."""

    page: str
    height: int = 0
    section: str = ""


PICTURES = {
    "tumour_board.png": Picture("pages/P001.html", 2150),
    "index.png": Picture("index.html", 900),
    "cohort_report.png": Picture("cohort.html", 1500),
    "cohort_groups.png": Picture("cohort.html", section="groups"),
    "cohort_decisions.png": Picture("cohort.html", section="decisions"),
    "cohort_courses.png": Picture("cohort.html", section="courses"),
    "cohort_checklists.png": Picture("cohort.html", section="lists"),
    "model_card.png": Picture("cohort.html", section="card"),
}
# Shows one section and nothing else: a style, because the pages forbid scripts.
ALONE = "body>*:not(main),main>section:not([aria-labelledby={0}]){{display:none!important}}body{{padding-top:8px}}"


def browse(page: Path, *arguments: str) -> None:
    """Start a browser on a page, with a profile of its own."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"No browser found; tried {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={profile}", "--virtual-time-budget=4000",
                *arguments, page.resolve().as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip


def picture(page: Path, target: Path, what: Picture) -> None:
    """Draw the top of a page, or one section of it."""
    with tempfile.TemporaryDirectory() as scratch:
        source, height = page, what.height
        if what.section:
            html = page.read_text(encoding="utf-8")
            if not re.search(rf'aria-labelledby="{what.section}"', html):
                print(f"{target}: {page} has no section {what.section!r}, left as it is")
                return
            source, height = Path(scratch) / "section.html", 3000
            source.write_text(
                html.replace("</style>", ALONE.format(what.section) + "</style>", 1), encoding="utf-8"
            )
        drawn = Path(scratch) / "page.png"
        browse(source, f"--screenshot={drawn}", f"--window-size={WIDTH},{min(height, TALLEST)}")
        image = Image.open(drawn).convert("RGB")
        if what.section:
            image = image.crop((0, 0, image.width, lowest_ink(image) + 16))
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def lowest_ink(image: Image.Image) -> int:
    """Return the lowest row that is not white."""
    box = image.convert("L").point(lambda v: 255 if v < 250 else 0).getbbox()
    return image.height if box is None else min(box[3], image.height - 16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reports", type=Path, help="folder written by `hybridx report`")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", nargs="*", choices=tuple(PICTURES), default=tuple(PICTURES))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        target = arguments.out / name
        picture(arguments.reports / PICTURES[name].page, target, PICTURES[name])
        if target.is_file():
            print(f"{target}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
