"""Checklists: the right items, and no run claims what it does not hold."""

from __future__ import annotations

import dataclasses
import inspect

import polars as pl
import pytest

from hybridx.cohort import Cohort
from hybridx.errors import SettingsError
from hybridx.evaluate.designs import NestedCV, TrainTest
from hybridx.evaluate.designs_locked import Locked
from hybridx.report import checklists, cohort_report
from hybridx.report.background import Background
from hybridx.report.checklist import CHECKLISTS, Checklist, fill_checklist, items_of
from hybridx.report.checklist_answer import ABSENT, NOT_OBSERVED, OBSERVED, PERSON, RULES, Answer
from hybridx.report.checklist_scores import score_bounds, score_said
from tests.report.reading import read

# Only a person can know these, whatever a run holds: by guideline and number.
NEVER = {
    "tripod_ai": (
        "1",
        "2",
        "3a",
        "6b",
        "8b",
        "8c",
        "17",
        "18a",
        "18b",
        "18c",
        "18d",
        "18e",
        "19",
        "25",
        "27c",
    ),
    "claim_2024": ("1", "2", "3", "4", "5", "8", "15", "16", "17", "18", "34", "42", "44"),
    "metrics": ("1", "2", "3", "5", "8", "28", "29", "30"),
    "rqs": ("1", "2", "3", "11", "13", "15", "16"),
}


@pytest.fixture(scope="module")
def filled(result):
    return checklists(result)


def status(filled, name, number):
    rows = filled[name].table().filter(pl.col("item") == number)
    return rows["status"][0]


def changed(result, **changes):
    return Background(dataclasses.replace(result, _known={}, **changes))


def without_tables(cohort, *names, **provenance):
    tables = {k: v for k, v in cohort.tables.items() if k not in names}
    return dataclasses.replace(cohort, tables=tables, provenance={**cohort.provenance, **provenance})


def test_numbers_of_items_are_those_of_the_guidelines():
    tripod = [i.number for i in items_of("tripod_ai")]
    assert len(tripod) == len(set(tripod)) == 52
    assert {int(n.rstrip("abcdefg")) for n in tripod} == set(range(1, 28))
    assert [i.number for i in items_of("claim_2024")] == [str(n) for n in range(1, 45)]
    assert [i.number for i in items_of("metrics")] == [str(n) for n in range(1, 31)]
    assert [i.number for i in items_of("rqs")] == [str(n) for n in range(1, 17)]
    assert sum(i.weight for i in items_of("metrics")) == pytest.approx(1, abs=1e-9)
    assert sum(i.weight for i in items_of("rqs")) == 36


def test_every_rule_is_used_and_every_name_is_a_rule():
    named = {i.rule for name in CHECKLISTS for i in items_of(name)} - {""}
    assert named == set(RULES)
    assert all(inspect.getdoc(f) for f in RULES.values())


def test_every_answer_is_whole(filled):
    for checklist in filled.values():
        for answer in checklist.answers:
            assert answer.status in (OBSERVED, NOT_OBSERVED, ABSENT, PERSON)
            if answer.status == OBSERVED:
                assert answer.where.startswith(("page: ", "file: ", "setting: ")), answer
            if answer.status in (NOT_OBSERVED, ABSENT):
                assert answer.said, "a no without a reason"
        assert sum(checklist.counts.values()) == len(checklist.items)


def test_pages_named_as_evidence_exist(filled, result):
    text = read(cohort_report(result).html).text
    for checklist in filled.values():
        for place in "; ".join(a.where for a in checklist.answers).split("; "):
            if place.startswith("page: ") and place != "page: footer":
                assert place.removeprefix("page: ").split(",")[0] in text, place


def test_what_only_a_person_knows_is_left_to_a_person(filled):
    for name, numbers in NEVER.items():
        for number in numbers:
            assert status(filled, name, number) == PERSON, (name, number)


def test_names_are_checked(background):
    with pytest.raises(SettingsError, match="metrics"):
        fill_checklist("metric", background)


def test_a_run_without_explanations_does_not_claim_them(result, filled):
    assert status(filled, "claim_2024", "31") == OBSERVED
    assert RULES["explained"](changed(result, explanation=None)).status == NOT_OBSERVED
    assert RULES["beyond_images"](changed(result, explanation=None)).status == PERSON


def test_a_run_without_baselines_does_not_claim_a_comparison(result, filled):
    assert status(filled, "metrics", "24") == OBSERVED
    alone = changed(result, models=("late",), roles={"late": "model"})
    assert RULES["without_images_compared"](alone).status == NOT_OBSERVED
    assert RULES["simple_models_compared"](alone).status == NOT_OBSERVED
    assert RULES["single_images_compared"](alone).status == NOT_OBSERVED


def test_no_centre_is_no_several_centres(result, filled):
    assert status(filled, "metrics", "4") == OBSERVED
    patients = result.cohort.tables["patients"]
    for column, wanted in ((None, PERSON), (pl.lit("Süd"), NOT_OBSERVED)):
        table = patients.drop("centre") if column is None else patients.with_columns(column.alias("centre"))
        cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "patients": table})
        background = changed(result, cohort=cohort)
        assert RULES["several_centres"](background).status == wanted
        assert RULES["centre_heterogeneity"](background).status == (PERSON if column is None else ABSENT)


def test_no_settings_no_preprocessing(result):
    assert RULES["image_preparation"](Background(result)).status == PERSON
    known = without_tables(result.cohort, settings={"pet": {"bin_width": 0.25}, "ct": {"bin_width": 25}})
    answer = RULES["image_preparation"](changed(result, cohort=known))
    assert answer.status == OBSERVED
    assert "bin_width 0.25" in answer.said


def test_no_days_no_interval_between_image_and_outcome(result):
    y = dataclasses.replace(result, origin="baseline", _known={})
    assert RULES["image_days_known"](Background(y)).status == OBSERVED
    studies = result.cohort.tables["studies"].with_columns(pl.lit(None, pl.Float64).alias("day"))
    cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "studies": studies})
    assert RULES["image_days_known"](changed(y, cohort=cohort)).status == NOT_OBSERVED
    assert RULES["image_days_known"](changed(y, cohort=without_tables(cohort, "studies"))).status == PERSON
    # days of studies count from baseline: from another origin they say nothing about the interval
    assert RULES["image_days_known"](changed(result, origin="surgery")).status == PERSON


def test_an_endpoint_of_ones_own_needs_words(result):
    assert RULES["outcome_defined"](Background(result)).status == OBSERVED
    assert RULES["outcome_defined"](changed(result, endpoint="my_event")).status == PERSON


def test_validation_counts_only_what_was_kept_apart(result):
    rules = RULES["validation_points"], RULES["external_test"], RULES["internal_test"]

    def states(design):
        return [rule(changed(result, design=design)) for rule in rules]

    nested = states(NestedCV(folds=3, repeats=1))
    assert [a.status for a in nested] == [NOT_OBSERVED, NOT_OBSERVED, OBSERVED]
    assert nested[0].points == -5
    once = states(TrainTest(test=tuple(result.cohort.patients[:20])))
    assert once[0].points == 2
    # whether the new patients come from elsewhere, no run knows
    assert [a.status for a in states(Locked("Late for PFS", 100))] == [PERSON, PERSON, ABSENT]


def test_a_fired_check_takes_the_tick_away(result):
    clean = Background(result)
    assert RULES["parts_disjoint"](clean).status == OBSERVED
    findings = result.checks()
    one = dataclasses.replace(findings.found[0], code="HX018", severity="error", silenced="")
    worse = dataclasses.replace(
        findings, found=(*findings.found, one), clean=tuple(c for c in findings.clean if c != "HX018")
    )
    doubled = dataclasses.replace(result, _known={("checks",): worse})
    assert RULES["parts_disjoint"](Background(doubled)).status == NOT_OBSERVED
    assert RULES["no_leak_found"](Background(doubled)).status == NOT_OBSERVED
    blind = dataclasses.replace(
        result, _known={("checks",): dataclasses.replace(findings, found=(), clean=())}
    )
    assert RULES["parts_disjoint"](Background(blind)).status == PERSON
    assert RULES["preparation"](Background(blind)).status == PERSON


def test_no_interval_no_uncertainty(result):
    table = result.table()
    bare = table.with_columns(pl.lit(None, pl.Float64).alias("low"), pl.lit(None, pl.Float64).alias("high"))
    background = changed(result)
    background.once("own scores", lambda: bare.filter(pl.col("model") == result.primary))
    for name in (
        "intervals_given",
        "performance_with_intervals",
        "discrimination_points",
        "calibration_points",
    ):
        assert RULES[name](background).status == NOT_OBSERVED, name
    assert RULES["performance_measures"](background).status == OBSERVED


def test_calibration_alone_or_ranking_alone_is_not_both(result):
    background = changed(result)
    own = result.table(model=result.primary).drop_nulls("value")
    background.once("own scores", lambda: own.filter(pl.col("metric") == "harrell_c"))
    assert RULES["performance_measures"](background).status == NOT_OBSERVED
    assert "calibration is missing" in RULES["performance_measures"](background).said


def test_checklists_about_images_do_not_apply_without_images(result):
    cohort = result.cohort
    kept = {m: b for m, b in cohort.blocks.items() if m in ("clinical", "lab")}
    bare = dataclasses.replace(
        cohort,
        blocks=kept,
        measured=cohort.measured.select("patient_id", *kept),
        days=cohort.days.select("patient_id", *kept),
        features=cohort.features.filter(pl.col("modality").is_in(list(kept))),
    )
    assert isinstance(bare, Cohort)
    for name, guideline in CHECKLISTS.items():
        counts = fill_checklist(name, Background(result, given_cohort=bare)).counts
        assert (counts[ABSENT] == len(items_of(name))) == guideline.of_images


def test_scores_count_answered_items_only():
    answers = [
        Answer(OBSERVED, "page: x"),
        Answer(NOT_OBSERVED, said="y"),
        Answer(PERSON),
        Answer(ABSENT, said="z"),
    ]
    assert score_bounds([0.4, 0.1, 0.3, 0.2], answers) == pytest.approx((0.4, 0.5, 0.3, 0.8))
    said = score_said("percent", [0.4, 0.1, 0.3, 0.2], answers)
    assert said.startswith("80 % of the weight of the 2 items")
    assert "between 50 and 88 %" in said
    graded = [Answer(NOT_OBSERVED, said="y", points=-5.0), Answer(OBSERVED, "page: x", points=1.0)]
    assert score_said("points", [5, 2], graded).startswith("-4 of 7 points on the 2 items")
    assert not score_said("", [1.0], answers[:1])
    assert "0 %" not in score_said("percent", [1.0], [Answer(PERSON)])


def test_a_filled_checklist_shows_itself(filled):
    assert repr(filled["rqs"]).startswith("Checklist(RQS, 16 items: ")
    assert filled["metrics"].score
    assert not filled["tripod_ai"].score
    assert isinstance(filled["rqs"], Checklist)
    assert filled["rqs"].table()["item"].to_list() == [i.number for i in items_of("rqs")]


def test_nobody_is_named(filled, result):
    written = " ".join(" ".join(c.table()["said"]) for c in filled.values())
    assert not any(p in written for p in result.cohort.patients)
