"""German: every sentence of the patients' pages is in the catalogue, with its names; numbers and escapes stay."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import hybridx.report
from hybridx.errors import SettingsError
from hybridx.report import patient_page, write_reports
from hybridx.report.language import catalogue, language, say, speaking
from tests.report.reading import read
from tests.report.world import ATTACK, FAILED, NOTHING

ROOM = Path(hybridx.report.__file__).parent
TEMPLATES = [ROOM / f"templates/{name}.html.j2" for name in ("patient", "parts", "base", "viewer")]
NOT_WORDS = {"hybridx", "PET", "CT", "ECOG"}


def _spoken():
    """Every sentence that is handed to `say` as it stands."""
    found = set()
    for file in ROOM.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "say"
            if named and call.args and isinstance(call.args[0], ast.Constant):
                found.add(call.args[0].value)
    for file in TEMPLATES:
        found |= set(re.findall(r'say\("([^"]*)"', file.read_text(encoding="utf-8")))
    return found


def _names(sentence):
    return {(name, form) for _, name, form, _ in string.Formatter().parse(sentence) if name is not None}


def test_every_sentence_is_in_the_catalogue():
    spoken = _spoken()
    assert len(spoken) > 200
    assert sorted(s for s in spoken if not catalogue().get(s, {}).get("de")) == []


def test_names_to_fill_in_are_the_same():
    assert [s for s, told in catalogue().items() if _names(s) != _names(told["de"])] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_no_words_stand_in_a_template_outside_the_catalogue(template):
    text = template.read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " ", text, flags=re.DOTALL)
    labels = re.findall(r'(?:aria-label|title|alt)="([^"]*)"', text)
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"<style.*?</style>", " ", text, flags=re.DOTALL))
    words = re.findall(r"[A-Za-z]{2,}", " ".join([plain, *labels]))
    assert set(words) - NOT_WORDS == set()


def test_german_page_is_german_with_the_same_numbers(result):
    english = read(patient_page(result, patient="P000").html)
    german = patient_page(result, patient="P000", language="de")
    page = read(german.html)
    assert page.all("html")[0]["lang"] == "de" and not page.faults
    for words in (
        "Läsion",
        "Wie weit man dem trauen kann",
        "kein Medizinprodukt",
        "Progressionsfreies Überleben",
    ):
        assert words in page.text
    for words in (
        "Why this prediction",
        "Laboratory values",
        "strongest features",
        "months",
        "not a medical device",
    ):
        assert (
            words in english.text
            and words not in page.text.replace("Anmerkungen", "").partition("Vergleichsmodelle")[0]
        )
    numbers = re.compile(r"\d+(?:\.\d+)? %")
    assert sorted(numbers.findall(page.text.replace("95-%", "95 %"))) == sorted(numbers.findall(english.text))
    assert language() == "en"


@pytest.mark.parametrize("patient", [ATTACK, NOTHING, FAILED])
def test_hostile_and_empty_patients_in_german(result, patient):
    page = read(patient_page(result, patient=patient, language="de").html)
    assert not page.faults and not page.all("script") and not page.all("img")
    assert "{{7*7}}" in page.text or patient != ATTACK


def test_unknown_language_is_refused(result):
    with pytest.raises(SettingsError, match=r"language='fr': wanted one of 'en', 'de'"):
        patient_page(result, patient="P000", language="fr")


def test_unknown_sentence_stays_english():
    with speaking("de"):
        assert say("A sentence of {n} nobody wrote", n=1) == "A sentence of 1 nobody wrote"
        assert say("{low} to {high}", low="{{7*7}}", high="<b>") == "{{7*7}} bis <b>"


def test_batch_speaks_german_and_knows_the_other_language(saved, tmp_path):
    first = write_reports(saved, tmp_path, patients=["P000"], workers=1, progress=False, language="de")
    assert 'lang="de"' in (tmp_path / "pages/P000.html").read_text(encoding="utf-8")
    again = write_reports(saved, tmp_path, patients=["P000"], workers=1, progress=False)
    assert first.written == again.written == ["P000"], "a page in another language is not up to date"
