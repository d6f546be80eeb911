"""Pages of ordered and continuous endpoints, conformal lines, what a missing modality costs, response categories."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.evaluate import NestedCV, Result, conformal_of
from hybridx.fusion import EarlyFusion
from hybridx.models import ContinuousModel, OrdinalModel
from hybridx.report import patient_page, write_reports
from hybridx.report.background import Background
from hybridx.report.missing import missing_costs
from hybridx.report.outlook_kinds import _whole
from hybridx.report.promise import promise
from hybridx.report.response_lines import response_lines
from hybridx.report.value_words import signed_number as said
from tests.report.reading import read
from tests.report.world import ATTACK, FAILED, NO_IMAGES, NOTHING

LEVELS = np.array(["CR", "PR", "SD", "PD"], dtype=object)


@pytest.fixture(scope="module")
def both(cohort):
    n = len(cohort)
    x = np.log(np.nan_to_num(cohort.frame()["clinical.stage_rank"].cast(float).to_numpy(), nan=3.0))
    latent = x + 0.4 * np.random.default_rng(1).logistic(size=n)
    level = LEVELS[np.searchsorted(np.quantile(latent, [0.15, 0.5, 0.8]), latent)]
    level[7] = None
    change = (50 * latent - 100).clip(-99, 300)
    change[9] = np.nan
    ordinal = Outcome.ordinal(level.tolist(), criterion="RECIST", endpoint="best_response")
    continuous = Outcome.continuous(change, endpoint="psa_change", unit="%")
    wide = cohort.with_outcome(ordinal).with_outcome(continuous)
    models = {"ordinal": OrdinalModel(prior_sd=0.4), "continuous": ContinuousModel(prior_r2=0.2)}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about those with nothing measured or no outcome, who are here on purpose
        return {
            kind: hx.evaluate(
                {"early": EarlyFusion(model, endpoint=kind)}, wide, endpoint, NestedCV(folds=3, repeats=1, seed=0),
                bands=16, resamples=100, workers=1, progress=False, baselines=False,
            )
            for (kind, model), endpoint in zip(models.items(), ("best_response", "psa_change"), strict=True)
        }  # fmt: skip


def test_ordered_page_has_each_levels_probability_and_band(both):
    result = both["ordinal"]
    text = read(patient_page(result, patient="P000").html).text
    row = result.curves.filter(pl.col("patient_id") == "P000").row(0, named=True)
    shares = result.outcome.value
    for k, (name, title) in enumerate(
        (
            ("CR", "complete response"),
            ("PR", "partial response"),
            ("SD", "stable disease"),
            ("PD", "progressive"),
        )
    ):
        p, low, high = (100 * row[c][k] for c in ("levels", "levels_low", "levels_high"))
        share = 100 * np.mean(shares == k)
        assert re.search(rf"{name}, {title}[a-z ]* {p:.0f} % {low:.0f} to {high:.0f} % {share:.0f} %", text)
    counts = [int(n) for n in re.search(r"about (\d+) CR, (\d+) PR, (\d+) SD, (\d+) PD", text).groups()]
    assert sum(counts) == 100
    found = conformal_of(result).of("P000")["set"]
    assert ("every level" in text) == (len(found) == 4)
    assert len(found) == 4 or f"Conformal set (90 %): {', '.join(found)}." in text
    assert "Levels from best to worst: CR > PR > SD > PD" in text


def test_continuous_page_has_value_band_and_interval_with_its_unit(both):
    result = both["continuous"]
    text = read(patient_page(result, patient="P000").html).text
    value = result.patient("P000").value

    assert f"{said(value.value)} % predicted: psa change" in text
    assert f"95 % band {said(value.low)} to {said(value.high)} %" in text
    own = conformal_of(result).of("P000")
    assert own["low"] <= value.value <= own["high"]
    assert f"(90 %): {said(max(own['low'], -100.0))} % to {said(own['high'])} %" in text
    assert f"In the cohort the median was {said(float(np.median(result.outcome.value)))} %" in text


@pytest.mark.parametrize("kind", ["ordinal", "continuous"])
@pytest.mark.parametrize("patient", ["P000", ATTACK, NOTHING, FAILED, NO_IMAGES, "P007", "P009"])
def test_pages_of_other_kinds_stand_whoever_the_patient_is(both, kind, patient):
    for language in ("en", "de"):
        page = read(patient_page(both[kind], patient=patient, language=language).html)
        assert not page.faults and not page.open and not page.all("script") and not page.all("img")
        assert all(d.get("role") == "img" and d.get("aria-label") for d in page.all("svg"))
        assert ("Conformal" in page.text) == (language == "en" and patient != NOTHING)
    if patient == NOTHING:
        assert "Keine Vorhersage" in page.text


def test_reports_of_an_ordered_endpoint_are_written_with_their_index(both, tmp_path):
    both["ordinal"].save(tmp_path / "results")
    index = write_reports(
        tmp_path / "results", tmp_path / "out", patients=["P000", NOTHING], workers=1, progress=False
    )
    assert index.written == ["P000", NOTHING] and not index.failures.height
    text = read((tmp_path / "out" / "index.html").read_text(encoding="utf-8")).text
    assert re.search(r"(CR|PR|SD|PD) \(\d+ %\)", text)
    # those whom a board would want to see first
    assert text.rindex("worst expected") < text.rindex("best expected")
    assert "no prediction" in text
    back = Result.load(tmp_path / "results")
    assert patient_page(back, patient="P000").html == patient_page(both["ordinal"], patient="P000").html


def test_whole_patients_add_up_to_a_hundred():
    assert _whole([1 / 3, 1 / 3, 1 / 3]) == [34, 33, 33]
    assert _whole([0.125, 0.125, 0.25, 0.5]) == [13, 12, 25, 50]


# -- conformal lines ---------------------------------------------------------------------------------------------------


def test_survival_page_has_the_range_of_the_time(result):
    own = conformal_of(result).of("P000")
    text = read(patient_page(result, patient="P000").html).text
    low = f"{own['low'] / 30.4375:.1f}"
    end = (
        f"{low} to {own['high'] / 30.4375:.1f} months"
        if math.isfinite(own["high"])
        else f"{low} months or more"
    )
    assert f"Conformal interval of the time itself (90 %): {end}" in text
    known = len(result.scored_patients) - (NOTHING in result.scored_patients)
    assert f"of the {known - 1} other patients" in text


def test_response_page_has_its_set(response_result):
    text = read(patient_page(response_result, patient="P000").html).text
    found = conformal_of(response_result).of("P000")["set"]
    assert ("the model cannot tell" in text) == (len(found) == 2)
    assert "in 90 % of responders and in 90 % of non-responders" in text


def test_no_range_is_said_with_its_reason(result):
    y = result.cohort.outcomes("PFS")
    late = dataclasses.replace(y, entry_days=np.where(np.arange(len(y)) < 9, y.time_days * 0.9, 0.0))
    entered = dataclasses.replace(result, cohort=result.cohort.with_outcome(late), _known={})
    assert "came under observation late" in promise(Background(entered), "P000")["small"]
    few = dataclasses.replace(y, event=np.arange(len(y)) < 4)
    rare = dataclasses.replace(result, cohort=result.cohort.with_outcome(few), _known={})
    assert "too few patients" in promise(Background(rare), "P000")["small"]


# -- what a missing modality costs -------------------------------------------------------------------------------------


def test_own_band_without_a_modality_is_that_of_the_refits(result):
    background = Background(result)
    costs = missing_costs(background, "P000")
    hidden = {r["without"]: r for r in result.bands_without.filter(pl.col("patient_id") == "P000").to_dicts()}
    assert hidden
    rows = {row[0]: row for row in costs["rows"]}
    lost = hidden["clinical"]
    width = 100 * (lost["high"] - lost["low"])
    assert float(rows["Clinical facts"][3]) == pytest.approx(width, abs=0.51)
    assert any("hidden from the same refits" in line for line in costs["sentences"])


def test_a_modality_that_is_missing_is_told_by_those_who_have_it(result):
    background = Background(result)
    costs = missing_costs(background, FAILED)
    (line,) = [s for s in costs["sentences"] if s.startswith("PET is missing")]
    n = result.bands_without.filter(
        (pl.col("without") == "pet") & pl.col("patient_id").is_in(list(background.predicted))
    ).height
    assert f"medians of the same {n} patients" in line
    without = dataclasses.replace(result, bands_without=pl.DataFrame(), _known={})
    old = missing_costs(Background(without), FAILED)
    assert any(
        "bands of patients without it" in line or "too few patients" in line for line in old["sentences"]
    )
    assert "Hidden" in costs["note"] and "Hidden" not in old["note"]


# -- response categories -----------------------------------------------------------------------------------------------


def lines_of(result, rows, *, outcomes=None, **columns):
    table = pl.DataFrame(
        [{"patient_id": "P000", "timepoint": t, "lesion": n, **values} for t, n, values in rows]
    ).with_columns(**columns)
    tables = {**result.cohort.tables, "lesions": table}
    if outcomes is not None:
        tables["outcomes"] = pl.concat([tables["outcomes"], pl.DataFrame(outcomes)], how="diagonal_relaxed")
    cohort = dataclasses.replace(result.cohort, tables=tables)
    return response_lines(Background(result, None, cohort), "P000")


def ct(*times):
    return [
        (t, n, {"modality": "ct", "diameter_mm": d})
        for t, found in enumerate(times, start=1)
        for n, d in found.items()
    ]


def stated(level):
    return [{"patient_id": "P000", "endpoint": "best", "level": level, "criterion": "RECIST"}]


def test_computed_and_stated_response_stand_side_by_side(result):
    rows = ct({"1": 50.0, "2": 30.0}, {"1": 30.0, "2": 20.0})
    differ = " ".join(lines_of(result, rows, outcomes=stated("SD")))
    assert "SD RECIST 1.1 (best)" in differ
    assert "doi:10.1016/j.ejca.2008.10.026" in differ and "PR, 80 to 50 mm (−38 %)" in differ
    assert "The best computed response is PR, the stated one SD: they differ." in differ
    assert "agree (PR)" in " ".join(lines_of(result, rows, outcomes=stated("PR")))
    assert "they differ" not in " ".join(lines_of(result, rows))


def test_why_nothing_is_computed_is_said(result):
    two = ct({"1": 50.0, "2": 30.0}, {"1": 30.0, "2": 20.0})
    ranked = " ".join(lines_of(result, two, centroid_x_mm=pl.lit(3.0)))
    assert "ranks the lesions of each examination by size" in ranked
    pet = [(t, n, {**v, "modality": "pet"}) for t, n, v in two]
    assert "it takes CT or MR" in " ".join(lines_of(result, pet))
    small = ct({"1": 9.0}, {"1": 4.0})
    assert "no lesion of 10 mm" in " ".join(lines_of(result, small))
    gone = ct({"1": 50.0, "2": 30.0}, {"1": 30.0})
    assert "a target lesion has no diameter" in " ".join(lines_of(result, gone))


def test_uptake_is_judged_for_fdg_with_what_is_not_known(result):
    rows = [(t, "1", {"modality": "pet", "suv_peak": v}) for t, v in ((1, 10.0), (2, 5.0))]
    told = " ".join(lines_of(result, rows))
    assert "PMR, SUVpeak 10 to 5 (−50 %)" in told and "doi:10.2967/jnumed.108.057307" in told
    assert "the tracer is not recorded and taken for FDG" in told and "liver was not measured" in told
    studies = result.cohort.tables["studies"].with_columns(tracer=pl.lit("PSMA-11"))
    other = dataclasses.replace(result, cohort=dataclasses.replace(
        result.cohort, tables={**result.cohort.tables, "studies": studies}))  # fmt: skip
    assert "it is a rule for FDG, not for PSMA-11" in " ".join(lines_of(other, rows))


def test_hostile_words_of_a_stated_response_are_text(result):
    rows = ct({"1": 50.0}, {"1": 30.0})
    table = pl.DataFrame([{"patient_id": "P000", "timepoint": t, "lesion": n, **v} for t, n, v in rows])
    outcomes = pl.concat(
        [result.cohort.tables["outcomes"], pl.DataFrame(stated(ATTACK))], how="diagonal_relaxed"
    )
    cohort = dataclasses.replace(
        result.cohort, tables={**result.cohort.tables, "lesions": table, "outcomes": outcomes}
    )
    page = read(patient_page(result, patient="P000", cohort=cohort).html)
    assert not page.all("script") and not page.faults
    assert "Response category" in page.text and "<script>" in page.text
