"""Pages in a real browser: the viewer starts, windows and scrolls; without WebGL it says so and the page stands."""

from __future__ import annotations

import re

import pytest

from hybridx.report import patient_page, write_reports
from tests.report.browser import Chromium, browser
from tests.report.test_saliency import told
from tests.report.test_viewer import volumes, with_volumes  # noqa: F401 - fixtures
from tests.report.world import NO_IMAGES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser() is None, reason="needs Chromium and the package websocket-client"),
]
ENDED = "['ready', 'impossible', 'absent'].includes(document.getElementById('viewer').dataset.now)"


def _start(chromium, page):
    chromium.open(page)
    assert chromium("document.getElementById('viewer').dataset.now") == "waiting"
    chromium("document.getElementById('viewer-start').click()")
    chromium.until(ENDED)
    return chromium("document.getElementById('viewer').dataset.now")


def _set(chromium, control, value):
    chromium(
        f"(() => {{ const c = document.getElementById('{control}'); c.value = '{value}'; "
        "c.dispatchEvent(new Event('input', {bubbles: true})); "
        "c.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def _photograph(chromium, tmp_path, name):
    import numpy as np
    from PIL import Image

    chromium("document.getElementById('viewer').scrollIntoView()")  # the whole page takes ten times as long
    with Image.open(chromium.picture(tmp_path / f"{name}.png", whole=False)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_viewer_shows_scrolls_and_windows(with_volumes, tmp_path):  # noqa: F811
    page = patient_page(with_volumes, patient="P000").save(tmp_path / "page.html")
    with Chromium() as chromium:
        assert _start(chromium, page) == "ready"
        assert not chromium.complaints
        assert all(address.startswith(("data:", "file:")) for address in chromium.requests)
        before = _photograph(chromium, tmp_path, "before")
        for control, value in (("viewer-axial", 900), ("viewer-ceiling", 2), ("viewer-window", "-1350,150")):
            _set(chromium, control, value)
            after = _photograph(chromium, tmp_path, control)
            assert (abs(after - before).max(axis=2) > 40).sum() > 500, control
            before = after
        assert not chromium.complaints


def test_without_webgl_the_key_images_stay(with_volumes, tmp_path):  # noqa: F811
    page = patient_page(with_volumes, patient="P000").save(tmp_path / "page.html")
    with Chromium("--disable-gpu", "--disable-3d-apis") as chromium:
        assert _start(chromium, page) == "impossible"
        assert "key images" in chromium("document.querySelector('[data-state=impossible]').innerText")
        assert chromium("document.querySelector('.keyed.views').getBoundingClientRect().height") > 100


def test_batch_page_finds_its_library_and_says_when_it_is_gone(with_volumes, tmp_path):  # noqa: F811
    write_reports(with_volumes, tmp_path, patients=["P000"], progress=False)
    page = tmp_path / "pages" / "P000.html"
    with Chromium() as chromium:
        assert _start(chromium, page) == "ready"
        (tmp_path / "viewer" / "niivue.umd.js").unlink()
        assert _start(chromium, page) == "absent"
        assert chromium("document.querySelector('.keyed.views').getBoundingClientRect().height") > 100


def test_a_script_that_slipped_in_does_not_run(with_volumes, tmp_path):  # noqa: F811
    page = patient_page(with_volumes, patient="P000").html
    page = page.replace(
        "<main", "<script>window.slipped = 1</script><img src=x onerror='window.slipped = 1'><main"
    )
    target = tmp_path / "page.html"
    target.write_text(page, encoding="utf-8")
    with Chromium() as chromium:
        chromium.open(target)
        assert chromium("window.slipped") is None


def test_overlay_is_switched_by_keyboard_and_leaves_no_trace(with_volumes, tmp_path):  # noqa: F811
    page = patient_page(with_volumes, patient="P000", voxels=[told()]).save(tmp_path / "page.html")
    with Chromium() as chromium:
        chromium.open(page)
        shown = "getComputedStyle(document.querySelector('.veil')).display"
        assert chromium(shown) != "none", "the key images show it without the viewer"
        assert _start(chromium, page) == "ready"
        assert not chromium.complaints
        pictures = []
        chromium("document.getElementById('saliency-on').focus()")
        for name in ("off", "on", "again"):
            for kind in ("keyDown", "keyUp"):
                chromium.ask(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=" ",
                    code="Space",
                    windowsVirtualKeyCode=32,
                    text=" ",
                )
            pictures.append(_photograph(chromium, tmp_path, name))
        assert chromium("document.getElementById('saliency-on').checked") is False
        off, on, again = pictures
        assert (abs(on - off).max(axis=2) > 30).sum() > 500
        assert (abs(off - again).max(axis=2) > 30).sum() < 50
        assert not chromium.complaints


@pytest.mark.parametrize("language", ["en", "de"])
def test_page_with_the_response_prints_on_two_sheets(result, response_result, tmp_path, language):
    with Chromium() as chromium:
        for patient in ("P000", NO_IMAGES):
            page = patient_page(result, patient=patient, response=response_result, language=language)
            chromium.open(page.save(tmp_path / f"{patient}.html"))
            assert _sheets(chromium) == 2, patient
        unstyled = tmp_path / "unstyled.html"
        unstyled.write_text(page.html.replace("@media print{", "@media (width<1px){", 1), encoding="utf-8")
        chromium.open(unstyled)
        assert _sheets(chromium) > 2, "the style of print is what does it"


def _sheets(chromium):
    return len(re.findall(rb"/Type\s*/Page\b", chromium.paper()))
