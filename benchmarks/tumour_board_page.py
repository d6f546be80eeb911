"""What a tumour-board page weighs and how fast it is there: size, load time, viewer, A4 pages, accessibility.

python benchmarks/tumour_board_page.py reports/pages/P001.html [--axe axe.min.js]

Opens each page in headless Chromium (software WebGL). Paints are wall-clock times of this machine, drivers and load
included: read them beside those of a page of two words, and beside the processor time of the page's own thread.
`--axe` takes ``axe.min.js`` of npm's axe-core 4.14.1 (``npm pack axe-core@4.14.1``; the file lies in ``package/``).
Exits with 1 for a serious or critical violation, for more than two A4 pages, or for 8 MB or more.

Printed for two patients of ``hybridx demo --patients 40``, with the therapy response, on two cores at a load of ten:

page: P003.html (en)                                     page: P016.html (de)
kB: 1835                                                 kB: 2106
DOMContentLoaded ms: 242                                 DOMContentLoaded ms: 377
load ms: 245                                             load ms: 385
first paint ms of a page of two words: 1396              first paint ms of a page of two words: 616
first paint ms: 1196                                     first paint ms: 812
largest paint ms: 1196                                   largest paint ms: 812
processor ms of the page's main thread until then: 97    processor ms of the page's main thread until then: 107
key images, and drawn: [13, 13]                          key images, and drawn: [13, 13]
A4 pages: 2                                              A4 pages: 2
viewer ms: 7054                                          viewer ms: 8794
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
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


def _busy(chromium: Chromium) -> float:
    """Return the milliseconds that the page's main thread has had of a processor."""
    found = chromium.ask("Performance.getMetrics")["metrics"]
    return 1000 * next(float(one["value"]) for one in found if one["name"] == "TaskDuration")


def measured(page: Path, axe: Path | None) -> dict[str, object]:
    """Open one page and measure it."""
    with Chromium() as chromium, tempfile.TemporaryDirectory() as place:
        other = Path(place) / "other.html"  # a reader's browser runs and has painted something before
        other.write_text("<!doctype html><p>Another page.</p>", encoding="utf-8")
        chromium.open(other)
        control, _ = chromium(_PAINTS)
        chromium.ask("Performance.enable", timeDomain="threadTicks")  # not the others' time on a busy machine
        before = _busy(chromium)
        chromium.open(page)
        chromium.until("location.href.includes('other.html') === false && document.readyState === 'complete'")
        ready, loaded = chromium(_TIMES)
        first, largest = chromium(_PAINTS)
        busy = _busy(chromium) - before
        found: dict[str, object] = {
            "page": page.name,
            "kB": round(page.stat().st_size / 1000),
            "DOMContentLoaded ms": round(ready),
            "load ms": round(loaded),
            "first paint ms of a page of two words": control and round(control),
            "first paint ms": first and round(first),
            "largest paint ms": largest and round(largest),
            "processor ms of the page's main thread until then": round(busy),
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
