"""What a tumour-board page weighs and how fast it is there: size, load time, viewer, A4 pages, accessibility.

python benchmarks/tumour_board_page.py reports/pages/P001.html [--axe axe.min.js]

Opens each page in headless Chromium (software WebGL). `--axe` takes ``axe.min.js`` of npm's axe-core 4.14.1
(``npm pack axe-core@4.14.1``; the file lies in ``package/``). Exits with 1 for a serious or critical violation, for
more than two A4 pages, or for 8 MB or more.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.report.browser import Chromium, browser

_TIMES = """(() => {
  const n = performance.getEntriesByType('navigation')[0];
  return [n.domContentLoadedEventEnd, n.loadEventEnd];
})()"""
_PAINTS = """new Promise((done) => {
  new PerformanceObserver((all) => done([
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    all.getEntries().at(-1).startTime,
  ])).observe({type: 'largest-contentful-paint', buffered: true});
  setTimeout(() => done([null, null]), 5000);
})"""
_PICTURES = """(() => {
  const seen = [...document.querySelectorAll('.keyed.views image')].map((i) => i.getBoundingClientRect());
  return [seen.length, seen.filter((r) => r.height > 10).length];
})()"""
_ENDED = "['ready', 'impossible', 'absent'].includes(document.getElementById('viewer').dataset.now)"
_AXE = """axe.run(document, {resultTypes: ['violations']}).then((r) => JSON.stringify(
  r.violations.map((v) => [v.impact, v.id, v.nodes.length, v.nodes[0].html.slice(0, 160)])))"""


def measured(page: Path, axe: Path | None) -> dict[str, object]:
    """Open one page and measure it."""
    with Chromium() as chromium:
        chromium.open(page)
        ready, loaded = chromium(_TIMES)
        first, largest = chromium(_PAINTS)
        found: dict[str, object] = {
            "page": page.name,
            "kB": round(page.stat().st_size / 1000),
            "DOMContentLoaded ms": round(ready),
            "load ms": round(loaded),
            "first paint ms": first and round(first),
            "largest paint ms": largest and round(largest),
            "key images, and drawn": chromium(_PICTURES),
            "A4 pages": len(re.findall(rb"/Type\s*/Page\b", chromium.paper())),
        }
        if chromium("Boolean(document.getElementById('viewer'))"):
            chromium("document.getElementById('viewer-start').click()")
            chromium.until(_ENDED)
            found["viewer"] = chromium("document.getElementById('viewer').dataset.now")
            found["viewer ms"] = chromium("document.getElementById('viewer').dataset.milliseconds")
        if axe is not None:
            chromium("document.querySelectorAll('details').forEach((d) => d.open = true)")
            chromium(axe.read_text(encoding="utf-8") + "; true")
            found["axe"] = json.loads(chromium(_AXE))
        found["complaints"] = chromium.complaints
        found["fetched"] = sorted({r.partition(":")[0] for r in chromium.requests} - {"data", "file"})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--axe", type=Path, help="axe.min.js")
    arguments = parser.parse_args()
    if browser() is None:
        sys.exit("Needs Chromium and the package websocket-client.")
    bad = 0
    for page in arguments.pages:
        found = measured(page, arguments.axe)
        for name, value in found.items():
            print(f"{name}: {value}")
        bad += any(v[0] in ("serious", "critical") for v in found.get("axe", []))  # type: ignore[attr-defined]
        bad += int(found["A4 pages"]) > 2 or int(found["kB"]) >= 8000  # type: ignore[call-overload]
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
