"""The tumour-board page: right numbers, honest gaps, nothing fetched, nothing run."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import hybridx as hx
from hybridx.errors import InputError
from hybridx.report import Page, patient_page
from hybridx.report.background import Background
from hybridx.report.tumour_board import build_patient_page
from tests.report.reading import read
from tests.report.world import ATTACK, FAILED, NO_IMAGES, NO_OUTCOME, NOTHING, UMLAUT


def test_every_patient_gets_a_well_formed_page(background, cohort):
    for patient in cohort.patients[:12]:
        page = read(build_patient_page(background, patient).html)
        assert not page.faults, (patient, page.faults)
        assert not page.open, (patient, page.open)
        assert len(page.all("h1")) == 1


def test_numbers_on_the_page_are_those_of_the_result(result):
    patient = "P000"
    page = read(patient_page(result, patient=patient).html)
    summary = result.patient(patient)
    for month, estimate in summary.survival.items():
        row = (
            rf"{month:g} {100 * estimate.value:.0f} % {100 * estimate.low:.0f} to {100 * estimate.high:.0f} %"
        )
        assert re.search(row, page.text), (row, page.text[:1500])
    assert f"{summary.group}-risk" in page.text
    c = result.estimate("late", "harrell_c")
    assert f"{c.value:.2f} ({c.low:.2f} to {c.high:.2f})" in page.text
    assert f"{c.n_events} events" in page.text


def test_contributions_on_the_page_add_up_to_the_explanation(result):
    why = result.explanation.patient("P000")
    page = read(patient_page(result, patient="P000").html)
    for value in why.modalities["contribution"]:
        assert re.search(rf"{abs(value):.2f}", page.text)


def test_nothing_is_fetched_and_no_script_can_run(background, cohort):
    for patient in (cohort.patients[0], ATTACK):
        html = build_patient_page(background, patient).html
        page = read(html)
        assert not page.all("script")
        assert not page.all("link")
        for tag, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
            for name in ("src", "href"):
                if name in attributes:
                    assert attributes[name].startswith(("data:image/png;base64,", "#")), (
                        tag,
                        attributes[name][:60],
                    )
        assert "url(" not in html
        assert "@import" not in html
        policy = next(
            a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
        )
        assert "default-src 'none'" in policy
        assert "script-src" not in policy


def test_hostile_text_is_shown_as_text(result):
    html = patient_page(result, patient=ATTACK).html
    page = read(html)
    assert "<script" not in html.lower()
    assert "onerror=alert" not in "".join(
        str(a) for _, a in page.elements if _ != "svg" and "aria-label" not in a
    )
    assert "{{7*7}}" in page.text
    assert not page.all("img")


def test_umlauts_survive_saving(result, tmp_path):
    path = patient_page(result, patient=UMLAUT).save(tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    assert UMLAUT in text
    assert '<meta charset="utf-8">' in text
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_patient_with_nothing_measured_has_no_number(result):
    page = read(patient_page(result, patient=NOTHING).html)
    assert "No prediction" in page.text
    assert "Nothing was measured" in page.text
    assert "No images of this patient are stored" in page.text
    assert "No laboratory values are recorded" in page.text
    assert "No sequencing result is recorded" in page.text
    assert not re.search(r"Of 100 patients", page.text)
    assert page.text.count("not measured") >= len(result.cohort.modalities)


def test_failure_is_told_with_its_reason(result):
    page = read(patient_page(result, patient=FAILED).html)
    assert "The mask holds 1 voxel; texture needs more." in page.text
    assert "✗ PET" in page.text


def test_patient_without_images_and_without_outcome(result):
    assert "No images of this patient are stored" in read(patient_page(result, patient=NO_IMAGES).html).text
    page = read(patient_page(result, patient=NO_OUTCOME).html)
    assert "outcome not recorded" in page.text


def test_changed_image_file_costs_the_images_only(result, tmp_path):
    import dataclasses

    (tmp_path / "images").mkdir()
    address = result.cohort.image_address("P000", "views")
    (tmp_path / "images" / f"{address}.npz").write_bytes(b"not an archive")
    moved = dataclasses.replace(result.cohort, folder=tmp_path)
    page = read(patient_page(result, patient="P000", cohort=moved).html)
    assert "were changed" in page.text
    assert "Of 100 patients" in page.text


def test_synthetic_and_intended_use_are_said(result):
    page = read(patient_page(result, patient="P000").html)
    assert page.text.index("SYNTHETIC DATA") < page.text.index("tumour-board page", 50)
    assert "not a medical device" in page.text


def test_real_cohort_has_no_synthetic_banner(result):
    import dataclasses

    real = dataclasses.replace(result.cohort, provenance={"seed": 1})
    assert "SYNTHETIC" not in patient_page(result, patient="P000", cohort=real).html


def test_every_figure_has_words_for_a_screen_reader(result):
    page = read(patient_page(result, patient="P000").html)
    drawings = page.all("svg")
    assert len(drawings) > 15
    assert all(d.get("role") == "img" and d.get("aria-label") for d in drawings)
    assert page.all("html")[0]["lang"] == "en"
    assert all(t.get("scope") for t in page.all("th"))
    labels = {a["for"] for a in page.all("label") if "for" in a}
    assert all(i.get("id") in labels or page.all("label") for i in page.all("input"))


def test_response_page_speaks_of_response(response_result):
    page = read(patient_page(response_result, patient="P000").html)
    found = response_result.patient("P000").probability
    assert f"{100 * found.value:.0f} %" in page.text
    assert "to respond" in page.text
    assert "more likely ▶" in page.text
    assert "higher risk" not in page.text


def test_unknown_patient_is_refused_with_the_nearest(result):
    with pytest.raises(InputError, match=r"no patient 'P00l'.*Did you mean 'P0"):
        patient_page(result, patient="P00l")


def test_page_is_small_and_the_same_twice(result):
    first, second = (patient_page(result, patient="P001") for _ in range(2))
    assert first.html == second.html
    assert len(first.html.encode()) < 1_000_000


def test_page_shows_itself_in_a_sandboxed_frame(result):
    page = patient_page(result, patient=ATTACK)
    frame = read(page._repr_html_()).all("iframe")
    assert len(frame) == 1
    assert frame[0]["sandbox"] == ""
    assert frame[0]["srcdoc"] == page.html


def test_failed_save_leaves_the_old_page(result, tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("old")
    monkeypatch.setattr("pathlib.Path.write_text", _no_space)
    with pytest.raises(OSError, match="No space"):
        Page("<p>new</p>").save(target)
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def _no_space(*args, **settings):
    msg = "No space left on device"
    raise OSError(msg)


def test_groups_come_from_predictions_not_from_outcomes(result):
    """Turning every outcome around must leave the groups as they are."""
    import dataclasses

    import polars as pl

    outcomes = result.cohort.tables["outcomes"].with_columns(pl.col("event").not_())
    turned = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "outcomes": outcomes})
    before, after = Background(result), Background(dataclasses.replace(result, cohort=turned, _known={}))
    shared = [p for p in before.groups if p != NO_OUTCOME]
    n = len(set(before.groups.values()))
    if n == len(
        set(after.groups.values())
    ):  # the number of groups depends on the events, their order does not
        assert all(before.groups[p] == after.groups[p] for p in shared)
    assert before.predicted == after.predicted


def test_percentile_counts_ties_half(background, cohort):
    values = cohort.frame()["lab.ldh"].drop_nulls().to_numpy()
    middle = float(np.sort(values)[len(values) // 2])
    expected = 100 * (np.mean(values < middle) + 0.5 * np.mean(values == middle))
    assert background.percentile("lab.ldh", middle) == pytest.approx(expected)
    assert background.percentile("lab.ldh", math.nan) is None
    assert background.percentile("no.such", 1.0) is None


def test_top_level_names():
    assert {"patient_page", "cohort_report", "index_page", "write_reports", "run_notebooks"} <= set(
        hx.report.__all__
    )


@pytest.mark.parametrize("text", ["x" * 10_000, "💥" * 10_000, "\u202e reversed", "&amp;lt;b&gt;"])
def test_text_that_is_too_long_or_odd_stays_small_and_literal(result, text):
    import dataclasses

    import polars as pl

    tables = dict(result.cohort.tables)
    for table, columns in {
        "patients": ("diagnosis", "stage", "centre"),
        "labs": ("analyte", "unit"),
        "variants": ("gene", "hgvsp", "classification"),
        "treatments": ("kind", "agent"),
        "failures": ("modality", "stage", "reason"),
        "lesions": ("lesion",),
    }.items():
        tables[table] = tables[table].with_columns(pl.lit(text).alias(c) for c in columns)
    odd = dataclasses.replace(result.cohort, tables=tables)
    for patient in ("P000", FAILED):
        page = patient_page(result, patient=patient, cohort=odd)
        found = read(page.html)
        assert not found.faults
        assert len(page.html.encode()) < 600_000
        assert text[:6] in found.text
        assert max(len(word) for word in found.text.split()) < 700


def test_missing_band_is_not_blamed_on_a_run_without_refits(result):
    import dataclasses

    import polars as pl

    nothing = pl.lit(None, dtype=pl.Float64)
    bare = dataclasses.replace(result, curves=result.curves.with_columns(low=nothing, high=nothing))
    text = read(patient_page(bare, patient="P000").html).text
    assert bare.bands > 0
    assert "Too few of the bootstrap refits" in text
    assert "computed no bootstrap refits" not in text
    none = dataclasses.replace(bare, bands=0)
    assert "computed no bootstrap refits" in read(patient_page(none, patient="P000").html).text


def test_laboratory_value_after_baseline_is_marked(result):
    import dataclasses

    import polars as pl

    from hybridx.report.findings import labs

    def of(table):
        cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "labs": table})
        return cohort, {row["title"]: row for row in labs(Background(result, None, cohort), "P000")}

    own = result.cohort.tables["labs"]
    _, before = of(own)
    assert {(row["day"], row["late"]) for row in before.values()} == {("−3", False)}
    cohort, after = of(own.filter((pl.col("analyte") != "ldh") | (pl.col("day") > 0)))
    row = after["Lactate dehydrogenase"]
    assert (row["day"], row["late"], row["n"]) == ("30", True, 2)
    assert (
        "it was not known at baseline" in read(patient_page(result, patient="P000", cohort=cohort).html).text
    )


def test_yes_or_no_gets_no_percentile(result):
    import dataclasses

    import polars as pl

    cohort = result.cohort
    name = "genomics.tp53_mut"
    flags = cohort.blocks["genomics"].with_columns((pl.col(name) > 3).cast(pl.Float64).alias(name))
    odd = dataclasses.replace(cohort, blocks={**cohort.blocks, "genomics": flags})
    background = Background(result, None, odd)
    assert background.is_flag(name)
    assert not background.is_flag("genomics.tmb")
    assert not background.is_flag("lab.ldh")
    assert not background.is_flag("no.such")


def test_measured_modality_that_the_model_leaves_out_is_named(result):
    import copy

    partial = copy.copy(result.explanation)  # an explanation refuses to be built of parts that do not add up
    object.__setattr__(partial, "modalities", partial.modalities.drop("ct"))
    there = result.cohort.measured.filter(result.cohort.measured["ct"])["patient_id"]
    patient = next(p for p in there if p in set(result.curves["patient_id"]) and p not in (ATTACK, UMLAUT))
    text = read(patient_page(result, partial, patient=patient).html).text
    assert "Measured, but not used by the model of this page: CT." in text
    assert "Measured, but not used" not in read(patient_page(result, patient=patient).html).text


def test_response_sentence_has_its_band_and_counts(response_result):
    found = response_result.patient("P000").probability
    y = response_result.cohort.outcomes("response")
    text = read(patient_page(response_result, patient="P000").html).text
    assert f"to respond (95 % band {100 * found.low:.0f} to {100 * found.high:.0f}); in the cohort " in text
    assert f"in the cohort {int(np.nansum(y.value[y.known]))} of {int(y.known.sum())} did (" in text


def test_narrow_window_has_one_column():
    from importlib import resources

    style = resources.files("hybridx.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    narrow = style.index("@media screen and (max-width:860px){.findings,.trust,.groups")
    assert narrow > max(style.index(f"{name}{{grid-template") for name in (".findings", ".trust,.groups"))


def test_doubts_about_the_images_stand_on_the_page_and_in_the_cohort(result, cohort):
    import dataclasses

    import polars as pl

    remarks = pl.DataFrame(
        {
            "patient_id": ["P000", "P000", "P001"],
            "modality": ["pet", "pet", "ct"],
            "stage": ["quality", "radiomics", "quality"],
            "reason": [
                "I026 image: the outline lies 22 mm away <b>",
                "3 features not defined",
                "I028 image: air",
            ],
        }
    )
    doubtful = dataclasses.replace(cohort, tables={**cohort.tables, "remarks": remarks})
    page = read(build_patient_page(Background(dataclasses.replace(result, cohort=doubtful)), "P000").html)
    assert "Look at the images" in page.text
    assert "the outline lies 22 mm away <b>" in page.text
    assert "3 features" not in page.text
    assert "Look at the images" not in read(build_patient_page(Background(result), "P000").html).text
    assert "images to look at: I026 in 1 patient, I028 in 1 patient" in repr(doubtful)
    assert "I026 in 1 patient" in doubtful._repr_html_()
