"""PDF: printed when a browser is there, refused in words when none is."""

from __future__ import annotations

import json
import shutil

import pytest

from hybridx.errors import InputError
from hybridx.report import cohort_report, pdf, save_pdf, write_reports
from hybridx.report.page import Page

PAGE = Page("<!doctype html><title>Größe</title><p>Größe und Maß</p>", "Größe")


def test_no_browser_is_said_with_its_cure(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=r"looked for chromium, .*apt install chromium.*print it"):
        save_pdf(PAGE, tmp_path / "x.pdf")
    with pytest.raises(InputError, match=r"looked for '/nowhere/browser'"):
        pdf.find_browser("/nowhere/browser")


def test_no_browser_is_noticed_before_anything_is_written(monkeypatch, tmp_path, result):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match="needs Chromium"):
        write_reports(result, tmp_path / "reports", patients=["P010"], pdf=True, progress=False)
    assert not list((tmp_path / "reports").rglob("*.html"))


def test_a_browser_that_prints_nothing_is_said(tmp_path):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho no display >&2\n")
    silent.chmod(0o755)
    with pytest.raises(InputError, match=r"printed nothing.*no display"):
        save_pdf(PAGE, tmp_path / "x.pdf", browser=silent)
    assert not (tmp_path / "x.pdf").exists()


def test_a_page_that_is_not_there(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    with pytest.raises(InputError, match=r"no page .*gone.html"):
        save_pdf(tmp_path / "gone.html", tmp_path / "x.pdf", browser=browser)


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="no Chromium on this machine")
def test_cohort_report_prints(result, tmp_path):
    written = save_pdf(cohort_report(result), tmp_path / "cohort.pdf")
    content = written.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert 2 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 20


def test_a_card_of_somebody_else_is_not_overwritten(result, tmp_path):
    (tmp_path / "model_card.md").write_text("# My model", encoding="utf-8")
    with pytest.raises(InputError, match="not a card of hybridx"):
        write_reports(result, tmp_path, patients=["P010"], progress=False)
    assert (tmp_path / "model_card.md").read_text(encoding="utf-8") == "# My model"


def test_what_lies_beside_the_report(result, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "waterfall.csv").write_text("of an older result")
    (tmp_path / "tables" / "mine.csv").write_text("not of hybridx")
    write_reports(result, tmp_path, patients=["P010"], progress=False)
    names = {f.name for f in (tmp_path / "tables").iterdir()}
    assert {"scores.csv", "scores.parquet", "swimmer.csv", "checklist_claim_2024.csv", "mine.csv"} <= names
    assert "waterfall.csv" not in names, "a number of another result must not stand beside this one"
    assert json.loads((tmp_path / "model_card.json").read_text(encoding="utf-8"))["made_by"] == "hybridx"
    assert 'href="model_card.md"' in (tmp_path / "cohort.html").read_text(encoding="utf-8")
