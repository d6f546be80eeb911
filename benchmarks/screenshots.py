"""Pictures of the README, from pages that `make demo` wrote; needs Chromium (or Chrome) and Pillow.

python benchmarks/screenshots.py demo/reports --out docs
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1200
PICTURES = {"tumour_board.png": ("pages/P001.html", 2150), "cohort_report.png": ("cohort.html", 1500)}


def picture(page: Path, target: Path, height: int) -> None:
    """Draw the top of a page."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"No browser found; tried {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as profile:
        drawn = Path(profile) / "page.png"
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={profile}", f"--screenshot={drawn}",
                f"--window-size={WIDTH},{height}", "--virtual-time-budget=4000", page.resolve().as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        Image.open(drawn).convert("RGB").save(target, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reports", type=Path, help="folder written by `hybridx report`")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, (page, height) in PICTURES.items():
        picture(arguments.reports / page, arguments.out / name, height)
        print(arguments.out / name)


if __name__ == "__main__":
    main()
