"""The model card: what stands on it is on record, and text from data does nothing in it."""

from __future__ import annotations

import dataclasses
import json
import warnings

import pytest

import hybridx as hx
from hybridx.errors import InputError
from hybridx.evaluate.designs_locked import Locked
from hybridx.fusion import LateFusion
from hybridx.fusion.locking import lock
from hybridx.report import model_card
from hybridx.report.card_words import inert
from tests.report.world import ATTACK, UMLAUT


@pytest.fixture(scope="module")
def locked(cohort):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about patients with nothing measured, who are here on purpose
        X, y = cohort.frame(), cohort.outcomes("PFS")
        return lock(LateFusion(endpoint="survival").fit(X, y), X, y, cohort=cohort)


def test_figures_are_those_of_the_result(result):
    facts = model_card(result).facts
    table = result.table(model=result.primary)
    assert [p["value"] for p in facts["performance"]] == pytest.approx(
        table["value"].to_list(), abs=1e-6, nan_ok=True
    )
    assert next(p["low"] for p in facts["performance"]) == pytest.approx(table["low"][0], abs=1e-6)
    assert facts["trained"]["patients"] == int(result.cohort.outcomes("PFS").known.sum())
    assert facts["trained"]["events"] == result.cohort.outcomes("PFS").n_events
    assert facts["trained"]["synthetic"] is True
    assert [c["code"] for c in facts["checks"]] == [f.code for f in result.checks()]
    columns = [f["column"] for i in facts["inputs"] for f in i["features"]]
    assert sorted(columns) == sorted(result.cohort.features["column"])
    assert any("one final model" in u for u in facts["unknown"])


def test_card_is_written_as_data_and_as_text(result, tmp_path):
    card = model_card(result)
    card.save(tmp_path)
    assert json.loads((tmp_path / "model_card.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(card.facts)
    )
    text = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert text == card.markdown()
    assert text.startswith("# Late fusion for Progression-free survival (PFS)")
    assert "SYNTHETIC" in text
    assert "mL" in text


def test_card_names_nobody_and_runs_nothing(result):
    text = model_card(result).markdown() + json.dumps(model_card(result).facts, ensure_ascii=False)
    assert UMLAUT not in text
    assert "P010" not in text
    assert ATTACK not in text
    assert inert(ATTACK).startswith(r"\<script\>")
    assert "\n" not in inert("a\n# b")


def test_card_of_a_locked_model_claims_no_performance(locked):
    card = model_card(locked)
    assert card.facts["performance"] == []
    assert card.facts["checks"] == []
    assert card.facts["unknown"][0] == "how good it is: no validation was given with it"
    assert card.facts["trained"]["patients"] == locked.manifest["n_patients"]
    assert {f["unit"] for i in card.facts["inputs"] for f in i["features"] if i["modality"] == "pet"} == {
        "g/mL{SUVbw}",
        "mL",
    }
    assert "LateFusion" in card.title
    json.dumps(card.facts, allow_nan=False)


def test_card_of_a_locked_model_carries_the_hash_of_its_file(locked, tmp_path):
    locked.save(tmp_path / "model")
    again = hx.fusion.LockedModel.load(tmp_path / "model")
    assert model_card(again).facts["hashes"]["sha256"] == again.manifest["sha256"]
    assert again.manifest["sha256"][:16] in model_card(again).markdown()


def test_card_of_a_locked_model_with_its_validation(locked, result):
    facts = model_card(locked, result).facts
    assert [p["metric"] for p in facts["performance"]]
    assert not any("no validation" in u for u in facts["unknown"])


def test_an_external_result_says_what_it_was_trained_on(result):
    design = Locked("LateFusion for PFS", 120, "ab" * 32)
    facts = model_card(dataclasses.replace(result, design=design, _known={})).facts
    assert facts["trained"]["patients"] == 120
    assert facts["trained"]["validated_on"]["patients"] == 79
    assert facts["hashes"]["model"] == "ab" * 32


def test_what_a_card_cannot_be_made_of(result, locked):
    with pytest.raises(InputError, match=r"Result or a LockedModel, got str"):
        model_card("results/")
    other = dataclasses.replace(result, endpoint="OS", _known={})
    with pytest.raises(InputError, match=r"of 'OS', the model of 'PFS'"):
        model_card(locked, other)
