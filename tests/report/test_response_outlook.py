"""The therapy response beside the survival risk: its numbers are those of its own page; strangers' results stay out."""

from __future__ import annotations

import dataclasses
import re

import polars as pl
import pytest

from hybridx.errors import InputError
from hybridx.report import patient_page, write_reports
from hybridx.report.background import Background
from hybridx.report.image_words import SEEN, spoken_fault
from hybridx.report.language import speaking
from hybridx.report.outlook import outlook
from hybridx.report.reasons import reasons
from hybridx.report.response_outlook import response_background, response_outlook
from hybridx.report.whole_cohort import RESPONSE
from tests.report.reading import read
from tests.report.test_batch import part_of
from tests.report.test_language import english_left
from tests.report.world import ATTACK, NOTHING


def strip(html):
    return read(
        html[html.index('<div class="response"') : html.index('<section aria-labelledby="images"')]
    ).text


def test_page_shows_what_the_response_page_says(result, response_result):
    shown = strip(patient_page(result, patient="P000", response=response_result).html)
    own = outlook(Background(response_result), "P000")
    for words in (
        "Response to therapy",
        own["headline"],
        own["band"],
        own["sentence"],
        own["promise"]["sentence"],
    ):
        assert words and words in shown
    row = response_result.table("roc_auc", model="late").row(0, named=True)
    assert f"AUC {row['value']:.2f} in {row['n']} patients, {row['n_events']} of them responders" in shown
    assert f"95 % interval {row['low']:.2f} to {row['high']:.2f}" in shown
    assert ("better than chance" in shown) == (row["low"] > 0.5 or row["low"] <= 0.5 <= row["high"])
    strongest = reasons(Background(response_result), "P000")["modalities"][:3]
    assert all(f"{name} {value}" in shown for name, value in strongest)
    assert (
        "response"
        not in patient_page(result, patient="P000").html.partition('id="images"')[0].partition("</style>")[2]
    )


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.55, 0.8, "better than chance (0.50)."),
        (0.45, 0.8, "not shown to be better than chance (0.50)."),
        (0.2, 0.4, "worse than chance (0.50); do not use it."),
        (None, None, "It has no interval, so nothing is shown of it."),
    ],
)
def test_the_validation_is_held_against_chance(response_result, monkeypatch, low, high, words):
    table = response_result.table().with_columns(
        pl.lit(low, dtype=pl.Float64).alias("low"), pl.lit(high, dtype=pl.Float64).alias("high")
    )
    monkeypatch.setattr(type(response_result), "table", lambda *_, **__: table)
    assert response_outlook(Background(response_result), "P000")["validated"].endswith(
        (f": {words}", f". {words}")
    )


def test_who_is_not_in_it_or_has_no_prediction_is_told_so(result, response_result):
    few = part_of(response_result, [p for p in response_result.cohort.patients if p != "P000"])
    assert "This patient is not in the result of this endpoint." in strip(
        patient_page(result, patient="P000", response=few).html
    )
    shown = strip(patient_page(result, patient=NOTHING, response=response_result).html)
    assert "No prediction. Nothing was measured" in " ".join(shown.split())


def test_german_and_hostile_pages_stand(result, response_result):
    german = patient_page(result, patient="P000", response=response_result, language="de").html
    shown = strip(german)
    assert "Ansprechen auf die Therapie" in shown and "AUC" in shown and "Konforme" in shown
    inside = german[german.index('<div class="response"') :].partition("</section>")[0]
    assert english_left(f"<html>{inside}<p>{'x ' * 600}</p></html>") == []
    page = read(patient_page(result, patient=ATTACK, response=response_result).html)
    assert not page.faults and not page.all("script") and not page.all("img")


def test_what_is_no_response_of_these_patients_is_refused(result, response_result):
    with pytest.raises(InputError, match=r"whose endpoint is a response.*got 'PFS' \(survival\)"):
        patient_page(response_result, patient="P000", response=result)
    with pytest.raises(InputError, match="is of 'response' already"):
        patient_page(response_result, patient="P000", response=response_result)
    here, there = (
        part_of(one, list(one.cohort.patients)[span])
        for one, span in ((result, slice(9, 20)), (response_result, slice(20, 40)))
    )
    with pytest.raises(InputError, match="none of its 20 patients is among the 11 of this one"):
        patient_page(here, patient="P010", response=there)


def test_the_same_names_for_other_people_are_refused(result, response_result):
    tables = dict(response_result.cohort.tables)
    older = (
        pl.when(pl.col("patient_id") == "P011").then(pl.col("age_years") - 9).otherwise(pl.col("age_years"))
    )
    tables["patients"] = tables["patients"].with_columns(older)
    other = dataclasses.replace(
        response_result, cohort=dataclasses.replace(response_result.cohort, tables=tables)
    )
    with pytest.raises(InputError, match=r"1 of 80 patients of the same name differ in sex or age: 'P011'"):
        response_background(Background(result), other)


def test_batch_takes_it_from_a_folder_and_knows_pages_without_it(saved, result, response_result, tmp_path):
    folder, out = tmp_path / "response", tmp_path / "reports"
    response_result.save(folder)
    settings = {"patients": ["P000", "P001"], "workers": 1, "progress": False}
    write_reports(saved, out, **settings)
    first = write_reports(saved, out, response=folder, **settings)
    assert first.written == ["P000", "P001"], "pages without the response are not up to date"
    assert write_reports(saved, out, response=folder, **settings).kept == ["P000", "P001"]
    from_folder = (out / "pages" / "P000.html").read_text(encoding="utf-8")
    assert strip(from_folder) == strip(patient_page(result, patient="P000", response=response_result).html)
    (folder / "table.csv").write_text("changed", encoding="utf-8")
    assert write_reports(saved, out, response=folder, **settings).written == ["P000", "P001"]
    mixed = write_reports(saved, tmp_path / "mixed", response=response_result, **settings)
    assert mixed.written == ["P000", "P001"]


def test_index_shows_it_and_its_own_report_stands_beside(saved, result, response_result, tmp_path):
    settings = {"patients": ["P000"], "workers": 1, "progress": False}
    few = part_of(response_result, [p for p in response_result.cohort.patients if p != "P001"])
    few.save(tmp_path / "response")
    out = tmp_path / "reports"
    write_reports(saved, out, response=tmp_path / "response", **settings)
    index = read((out / "index.html").read_text(encoding="utf-8"))
    assert not index.faults and "Predicted: probability of response" in index.text
    assert f"AUC {few.table('roc_auc', model='late').row(0, named=True)['value']:.2f} in" in index.text
    link = f"{RESPONSE}/cohort.html"
    assert {a["href"] for a in index.all("a")} >= {"cohort.html", link}
    own = Background(few)
    rows = {row.split("<")[0]: row for row in rows_of((out / "index.html").read_text(encoding="utf-8"))}
    observed = "responder" if own.outcome.value[own.index_of("P000")] == 1 else "non-responder"
    assert f">{100 * own.predicted['P000']:.0f}" in rows["P000"] and f"; {observed}" in rows["P000"]
    assert rows["P001"].count("no prediction") == 1 and "responder" not in rows["P001"]
    report = read((out / link).read_text(encoding="utf-8"))
    assert not report.faults and "Response to therapy" in report.text
    assert {a["href"] for a in report.all("a")} >= {"../index.html", "model_card.md"}
    assert (out / RESPONSE / "model_card.md").is_file() and any((out / RESPONSE / "tables").iterdir())
    write_reports(saved, out, **settings)
    assert not (out / RESPONSE).exists(), "the report of a response that was not asked for"


def rows_of(html):
    found = re.findall(r'<th scope="row" class="free">(.*?)</tr>', html, re.DOTALL)
    return [re.sub(r"^<a[^>]*>", "", row) for row in found]


def test_report_of_somebody_else_in_its_place_is_kept(saved, response_result, tmp_path):
    foreign = tmp_path / RESPONSE / "cohort.html"
    foreign.parent.mkdir()
    foreign.write_text("<h1>Our department</h1>", encoding="utf-8")
    with pytest.raises(InputError, match=r"cohort.html.*is not a page of hybridx"):
        write_reports(saved, tmp_path, response=response_result, patients=["P000"], progress=False)
    assert foreign.read_text(encoding="utf-8") == "<h1>Our department</h1>"


def test_every_sentence_of_image_checks_is_german_on_a_german_page():
    from hybridx.imaging.faults import CATALOGUE, fault

    with speaking("de"):
        for code in CATALOGUE:
            told, tongue = spoken_fault(
                str(fault(code, "17 voxel", "mask", "a grid" if code == "I011" else ""))
            )
            assert tongue == "de" and told.startswith(f"{code} mask: 17 Voxel; erwartet: ")
            assert not {"the", "of", "and", "is"} & set(re.findall(r"[a-z]+", told.replace("a grid", "")))
        assert spoken_fault("I999 image: x; wanted y. z") == ("I999 image: x; wanted y. z", "en")
        assert spoken_fault("<b>I029</b>") == ("<b>I029</b>", "en")
    assert spoken_fault(str(fault("I012", "17 voxel", "mask")))[1] == "en"


def test_words_of_image_checks_and_of_methodology_checks_are_in_the_catalogue():
    from hybridx.checks import CHECKS
    from hybridx.imaging.faults import CATALOGUE
    from hybridx.report.language import catalogue

    wanted = {s for _, expected, hint in CATALOGUE.values() for s in (expected, hint)} | {s for _, s in SEEN}
    wanted |= {check.title for check in CHECKS}
    assert len(wanted) > 90
    assert sorted(wanted - set(catalogue())) == []
