"""Many pages: complete, resumable, one failure stops nothing, the index tells the truth."""

from __future__ import annotations

import dataclasses
import json

import polars as pl
import pytest

from hybridx.errors import InputError
from hybridx.evaluate import Result
from hybridx.report import batch, write_reports
from tests.report.reading import read
from tests.report.world import ATTACK, UMLAUT


def part_of(result, patients):
    """Return the result of some of its patients, as if the others had never been there; the scores stay."""
    return dataclasses.replace(
        result,
        cohort=result.cohort.select(patients),
        predictions=result.predictions.filter(pl.col("patient_id").is_in(patients)),
        curves=result.curves.filter(pl.col("patient_id").is_in(patients)),
        _known={key: value for key, value in result._known.items() if key[0] in result.models},
    )


@pytest.fixture
def few(result):
    """A result of twenty patients, some of them hostile, so that a batch takes a second."""
    return part_of(result, list(result.cohort.patients[:20]))


def _links(folder):
    index = read((folder / "index.html").read_text(encoding="utf-8"))
    return {a["href"] for a in index.all("a") if a.get("href", "").startswith("pages/")}


def test_batch_writes_every_page_and_links_to_it(saved, tmp_path):
    out = tmp_path / "reports"
    chosen = ["P000", ATTACK, UMLAUT]
    index = write_reports(saved, out, patients=chosen, workers=1, progress=False)
    assert index.written == chosen
    assert index.failures.is_empty()
    assert (out / "cohort.html").is_file()
    pages = {p.name for p in (out / "pages").iterdir()}
    assert len(pages) == 3
    assert _links(out) == {f"pages/{name}" for name in pages}
    assert all(name.isascii() and "<" not in name and "/" not in name for name in pages)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert {e["patient_id"] for e in manifest["pages"]} == set(chosen)


def test_second_run_keeps_what_is_up_to_date_and_writes_what_is_not(saved, tmp_path):
    out, chosen = tmp_path / "reports", ["P000", "P001", "P002"]
    write_reports(saved, out, patients=chosen, workers=1, progress=False)
    before = {p.name: p.stat().st_mtime_ns for p in (out / "pages").iterdir()}
    (out / "pages" / "P001.html").unlink()  # as if killed before it was written
    (out / "pages" / "P002.html").write_text("<meta name='hybridx-inputs' content='old'>")
    again = write_reports(saved, out, patients=chosen, workers=1, progress=False)
    assert again.kept == ["P000"]
    assert again.written == ["P001", "P002"]
    assert (out / "pages" / "P000.html").stat().st_mtime_ns == before["P000.html"]
    anew = write_reports(saved, out, patients=chosen, workers=1, resume=False, progress=False)
    assert anew.written == chosen


def test_changed_result_makes_pages_new(saved, result, tmp_path):
    out, other = tmp_path / "reports", tmp_path / "results"
    write_reports(saved, out, patients=["P000"], workers=1, progress=False)
    dataclasses.replace(
        result, run_notes=(*result.run_notes, "One more remark."), _known=dict(result._known)
    ).save(other)
    index = write_reports(other, out, patients=["P000"], workers=1, progress=False)
    assert index.written == ["P000"]
    assert "One more remark." in (out / "pages" / "P000.html").read_text(encoding="utf-8")


def test_reports_inside_the_results_do_not_make_them_look_changed(saved, tmp_path):
    import shutil

    results = tmp_path / "results"
    shutil.copytree(saved, results)
    write_reports(results, results / "reports", patients=["P000"], workers=1, progress=False)
    assert write_reports(results, results / "reports", patients=["P000"], workers=1, progress=False).kept == [
        "P000"
    ]


def test_one_failure_is_listed_and_stops_nothing(few, tmp_path, monkeypatch):
    real = batch.build_patient_page

    def sometimes(background, patient, inputs_hash="", **more):
        if patient == "P001":
            msg = "the <b>page</b> could not be drawn"
            raise ValueError(msg)
        return real(background, patient, inputs_hash, **more)

    monkeypatch.setattr(batch, "build_patient_page", sometimes)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "P001.html").write_text("of an older result")
    index = write_reports(few, tmp_path, progress=False)
    assert index.failures.select("patient_id", "reason").row(0) == (
        "P001",
        "ValueError: the <b>page</b> could not be drawn",
    )
    assert index.failures.columns == ["patient_id", "modality", "stage", "reason"]
    assert len(index.written) == 19
    assert not (tmp_path / "pages" / "P001.html").exists()
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "No page: ValueError: the <b>page</b> could not be drawn" in read(html).text
    assert "<b>" not in html
    assert "pages/P001.html" not in _links(tmp_path)
    assert "1 failed" in repr(index)
    assert "<b>" not in index._repr_html_()


def test_index_lists_everyone_sorted_by_risk_and_only_its_own_script_may_run(few, tmp_path):
    write_reports(few, tmp_path, patients=["P000"], progress=False)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = read(html)
    rows = [a for a in page.all("tr") if "data-group" in a]
    assert len(rows) == len(few.cohort)
    shares = [float(a["data-sort"]) for a in page.all("td") if "." in a.get("data-sort", "")]
    assert [s for s in shares if s >= 0] == sorted(s for s in shares if s >= 0)
    assert html.count("<script") == 1
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    script = html[html.index("<script>") + 8 : html.index("</script>")]
    import base64
    import hashlib

    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{wanted}'" in policy


def test_patient_who_left_the_cohort_loses_the_page(few, tmp_path):
    write_reports(few, tmp_path, progress=False)
    assert (tmp_path / "pages" / "P002.html").is_file()
    (tmp_path / "pages" / "mine.html").write_text("not ours")
    rest = [p for p in few.cohort.patients if p != "P002"]
    write_reports(part_of(few, rest), tmp_path, progress=False)
    assert not (tmp_path / "pages" / "P002.html").exists()
    assert (tmp_path / "pages" / "mine.html").exists()


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(saved, tmp_path):
    chosen = ["P000", "P001", "P009", "P010"]
    for name, workers in (("one", 1), ("two", 2)):
        write_reports(saved, tmp_path / name, patients=chosen, workers=workers, progress=False)
    for page in (tmp_path / "one").rglob("*.html"):
        assert page.read_bytes() == (tmp_path / "two" / page.relative_to(tmp_path / "one")).read_bytes()


def test_refusals(saved, result, tmp_path):
    with pytest.raises(InputError, match="no result"):
        write_reports(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(InputError, match=r"1 patient is not in the cohort: 'P0000'\. Did you mean"):
        write_reports(saved, tmp_path / "out", patients=["P0000"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        write_reports(saved, tmp_path / "file")
    assert not (tmp_path / "out").exists()


def test_ids_that_differ_only_in_case_get_files_of_their_own():
    names = batch._file_names(["p1", "P1", "P2"])
    assert len({n.casefold() for n in names.values()}) == 3
    assert names["P2"] == "P2.html"


def test_loaded_result_gives_the_page_of_the_one_in_memory(saved, result):
    from hybridx.report import patient_page

    loaded = patient_page(Result.load(saved), patient="P000").html
    assert loaded == patient_page(result, patient="P000").html


def test_rows_have_one_state_each(saved, tmp_path):
    index = write_reports(saved, tmp_path, patients=["P000", "P000"], workers=1, progress=False)
    assert index.rows.height == 1
    assert set(index.rows["state"]) <= {"written", "kept", "failed"}
    assert isinstance(index.rows, pl.DataFrame)


@pytest.mark.parametrize("name", ["index.html", "cohort.html", "manifest.json"])
def test_page_of_somebody_else_is_never_overwritten(saved, tmp_path, name):
    (tmp_path / name).write_text("<h1>Our department</h1>")
    with pytest.raises(InputError, match=rf"{name}.*is not a page of hybridx"):
        write_reports(saved, tmp_path, patients=["P000"], workers=1, progress=False)
    assert (tmp_path / name).read_text() == "<h1>Our department</h1>"
    assert not (tmp_path / "pages").exists()


def test_pages_beside_the_result_are_made_new_when_it_changes(saved, tmp_path):
    import shutil

    results = tmp_path / "results"
    shutil.copytree(saved, results)
    for expected in ("written", "kept"):
        index = write_reports(results, results, patients=["P000"], workers=1, progress=False)
        assert index.rows["state"].to_list() == [expected]
    content = json.loads((results / "result.json").read_text(encoding="utf-8"))
    content["run_notes"] = [*content["run_notes"], "One more remark."]
    (results / "result.json").write_text(json.dumps(content), encoding="utf-8")
    assert write_reports(results, results, patients=["P000"], workers=1, progress=False).written == ["P000"]
    assert "One more remark." in (results / "pages" / "P000.html").read_text(encoding="utf-8")


def test_one_page_anew_leaves_the_others_in_the_index(saved, tmp_path):
    write_reports(saved, tmp_path, patients=["P000", "P001"], workers=1, progress=False)
    again = write_reports(saved, tmp_path, patients=["P000"], workers=1, resume=False, progress=False)
    assert again.written == ["P000"]
    assert _links(tmp_path) == {"pages/P000.html", "pages/P001.html"}


def test_one_page_of_a_new_result_removes_those_of_the_old(saved, result, tmp_path):
    out, other = tmp_path / "reports", tmp_path / "results"
    write_reports(saved, out, patients=["P000", "P001"], workers=1, progress=False)
    dataclasses.replace(
        result, run_notes=(*result.run_notes, "One more remark."), _known=dict(result._known)
    ).save(other)
    write_reports(other, out, patients=["P000"], workers=1, progress=False)
    assert [p.name for p in (out / "pages").iterdir()] == ["P000.html"]
