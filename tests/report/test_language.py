"""German: every sentence of the pages is in the catalogue, with its names; numbers and escapes stay."""

from __future__ import annotations

import ast
import dataclasses
import re
import string
from pathlib import Path

import pytest

import hybridx.report
from hybridx.errors import SettingsError
from hybridx.evaluate.designs_locked import Locked
from hybridx.report import checklists, cohort_report, model_card, patient_page, write_reports
from hybridx.report.background import Background
from hybridx.report.checklist import CHECKLISTS, items_of
from hybridx.report.index import index_page
from hybridx.report.language import catalogue, language, say, speaking
from tests.report.reading import VOID, Reader, read
from tests.report.world import ATTACK, FAILED, NOTHING

ROOM = Path(hybridx.report.__file__).parent
TEMPLATES = [
    ROOM / f"templates/{name}.html.j2"
    for name in ("patient", "parts", "base", "viewer", "saliency", "cohort", "index")
]
NOT_WORDS = {"hybridx", "PET", "CT", "ECOG", "tables", "doi"}
ANSWERS = {"seen": 1, "not_seen": 0, "absent": 0, "for_person": 0}  # which argument says what was found
# Words that no German sentence has; "was", "in", "an" and "war" are German, too.
ENGLISH = frozenset(
    ("the", "of", "and", "with", "is", "are", "were", "by", "from", "not", "to", "for", "that", "this", "without", "no",
     "each", "patients", "or", "on", "at", "which", "what", "who", "been", "have", "has", "than")
)  # fmt: skip


def _spoken():
    """Every sentence that is handed to `say` as it stands."""
    found = set()
    for file in ROOM.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "say"
            if named and call.args and isinstance(call.args[0], ast.Constant):
                found.add(call.args[0].value)
            found |= _answer(call)
    for file in TEMPLATES:
        found |= {
            a or b
            for a, b in re.findall(r"""say\((?:"([^"]*)"|'([^']*)')""", file.read_text(encoding="utf-8"))
        }
    return found


def _answer(call):
    """What a rule of a checklist says, where it says it as it stands."""
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ANSWERS):
        return set()
    said = call.args[ANSWERS[call.func.id] :][:1]
    return {a.value for a in said if isinstance(a, ast.Constant) and a.value}


def _by_name():
    """Words that are looked up by a name, and places of evidence."""
    from hybridx.checks.findings import SEVERITIES
    from hybridx.evaluate.registry import metrics_of
    from hybridx.report import card_facts, part_lines, words
    from hybridx.report.checklist_answer import STATUSES
    from hybridx.terms.endpoints import ENDPOINTS
    from hybridx.terms.response import CRITERIA

    yield from STATUSES
    yield from (*SEVERITIES, "errors", "warnings", "better", "worse", "not separated")
    for known in ENDPOINTS.values():
        yield from (known.title, known.event)
    for criterion in CRITERIA.values():
        yield from criterion.categories.values()
    yield from card_facts._NOT_FOR + card_facts._ALWAYS_UNKNOWN + list(card_facts._GIVES.values())
    yield from (sentence for _, sentence in (*part_lines._KINDS, *words._DESIGNS))
    for kind in ("survival", "response", "ordinal", "continuous"):
        yield from (m.title for m in metrics_of(kind) if len(m.title.split()) > 2)
    for file in ROOM.glob("checklist_*.py"):
        for place in re.findall(r'"(page: [^"{]*)"', file.read_text(encoding="utf-8")):
            for part in place.split("; "):
                if part.startswith("page: "):
                    yield from part.removeprefix("page: ").split(", ")


class Unmarked(Reader):
    """Collects texts, names and tips that are not marked as English or code."""

    def __init__(self):
        super().__init__()
        self.marked, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        found = dict(attrs)
        foreign = found.get("lang") == "en" or "code" in (found.get("class") or "").split()
        if not (foreign or any(self.marked)):
            self.seen += [found[name] for name in ("aria-label", "title", "data-shown") if found.get(name)]
        if tag not in VOID:
            self.marked.append(foreign or tag in ("style", "script"))

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        self.marked.pop()

    def handle_data(self, data):
        if not any(self.marked):
            self.seen.append(data)


def english_left(html):
    """Return the texts of a page that are not marked as English and have English words in them."""
    reader = Unmarked()
    reader.feed(html)
    reader.close()
    assert sum(map(len, reader.seen)) > 1000
    texts = [
        re.sub(r"\w+\([^()]*=[^()]*\)", "", text) for text in reader.seen
    ]  # without objects as written in Python
    return [text.strip() for text in texts if ENGLISH & set(re.findall(r"[a-z]+", text.lower()))]


def _names(sentence):
    return {(name, form) for _, name, form, _ in string.Formatter().parse(sentence) if name is not None}


def test_every_sentence_is_in_the_catalogue():
    spoken = _spoken()
    assert len(spoken) > 200
    assert sorted(s for s in spoken if not catalogue().get(s, {}).get("de")) == []


def test_words_looked_up_by_name_are_in_the_catalogue():
    found = set(_by_name())
    assert len(found) > 80
    assert sorted(w for w in found if w not in catalogue()) == []


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


def _index(result):
    pages = {p: f"pages/{i}.html" for i, p in enumerate(result.cohort.patients[2:])}
    return index_page(Background(result), pages, {result.cohort.patients[0]: "The disk is full of the rest."})


@pytest.mark.parametrize("which", ["result", "response_result"])
def test_no_english_is_left_on_german_cohort_report_and_index(which, request):
    result = request.getfixturevalue(which)
    with speaking("de"):
        index = _index(result).html
    report = cohort_report(result, language="de").html
    for html in (index, report):
        page = read(html)
        assert page.all("html")[0]["lang"] == "de" and not page.faults
        assert english_left(html) == []
    assert "Wie gut die Vorhersage ist" in report and "keine Vorhersage" in index
    assert "{n} von {all} Patienten" in index
    # the search for English does find it
    assert english_left(cohort_report(result).html.replace('<html lang="en">', "<html>", 1))


def test_german_cohort_report_has_the_same_numbers(result):
    numbers = re.compile(r"[+−]?\d+\.\d+")
    english, german = (read(cohort_report(result, language=name).html).text for name in ("en", "de"))
    # findings of the checks stand once on a German page, and are referred to
    assert set(numbers.findall(german)) == set(numbers.findall(english))
    assert len(set(numbers.findall(german))) > 100


def test_a_locked_model_in_german(result):
    design = Locked("EarlyFusion for PFS", 120)
    html = cohort_report(dataclasses.replace(result, design=design, _known={}), language="de").html
    assert english_left(html) == []
    assert "verschlossenes Modell" in html


def test_checklists_answer_in_german(result):
    english, german = checklists(result), checklists(result, language="de")
    for name in CHECKLISTS:
        assert german[name].counts == english[name].counts, "statuses count alike in both languages"
        for item in items_of(name):
            assert all(item.told["de"]) and item.told["de"][2] != item.asks
        with speaking("de"):
            table = german[name].table()
        assert set(table["status"]) <= {
            "beobachtet",
            "nicht beobachtet",
            "nicht anwendbar",
            "für einen Menschen",
        }
        for text in (*table["asks"], *table["evidence"], *table["said"]):
            assert not ENGLISH & set(re.findall(r"[a-z]+", text.lower().replace("no_", ""))), text


def test_model_card_in_german(result):
    card = model_card(result, language="de")
    text = card.markdown()
    assert text.startswith("# Späte Fusion für Progressionsfreies Überleben (PFS)")
    assert "Nicht bekannt" in text and "Not known" not in text and "kein Medizinprodukt" in text
    assert text.count("steht auf Englisch") >= 1
    english = model_card(result)
    assert [p["value"] for p in card.facts["performance"]] == [
        p["value"] for p in english.facts["performance"]
    ]
    assert model_card(result).markdown() == english.markdown(), "the language does not stick"


def test_batch_writes_all_of_it_in_german(saved, tmp_path):
    write_reports(saved, tmp_path, patients=["P001"], workers=1, progress=False, language="de")
    for name in ("index.html", "cohort.html"):
        assert english_left((tmp_path / name).read_text(encoding="utf-8")) == []
    assert "Nicht für" in (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "beobachtet" in (tmp_path / "tables/checklist_tripod_ai.csv").read_text(encoding="utf-8")
