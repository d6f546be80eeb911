"""Figures of the cohort report and the numbers beside them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.statistics import multivariate_logrank_test
from scipy.stats import binomtest

from hybridx.cohort import Outcome
from hybridx.evaluate.designs_locked import Locked
from hybridx.report import cohort_report, cohort_tables, save_tables
from hybridx.report.background import Background
from hybridx.report.best_response import (
    _shades,
    _wilson,
    category_frame,
    change_frame,
    response_part,
    waterfall_figure,
)
from hybridx.report.figure_tables import TABLES
from hybridx.report.group_lines import curves_part, log_rank, risk_group_frame
from hybridx.report.missing_map import map_part, pattern_frame
from hybridx.report.swimmer import Lane, lane_frame, swimmer_figure, swimmer_part
from tests.report.reading import read
from tests.report.world import ATTACK


def with_cohort(result, cohort):
    return Background(dataclasses.replace(result, cohort=cohort, _known={}))


@pytest.fixture(scope="module")
def changed(result):
    rng = np.random.default_rng(3)
    values = rng.normal(-10, 30, len(result.cohort))
    values[:7] = np.nan
    cohort = result.cohort.with_outcome(Outcome.continuous(values, endpoint="tumour_size", unit="%"))
    levels = ["CR", "PR", "SD", "PD"]
    rows = pl.DataFrame(
        {
            "patient_id": list(cohort.patients),
            "endpoint": "best",
            "response": [levels[i % 4] for i in range(len(cohort))],
        }
    )
    tables = {
        **cohort.tables,
        "outcomes": pl.concat([cohort.tables["outcomes"], rows], how="diagonal_relaxed"),
    }
    return dataclasses.replace(cohort, tables=tables), values


def test_waterfall_falls_from_left_to_right_and_names_nobody(changed):
    cohort, values = changed
    frame = change_frame(cohort)
    known = np.sort(values[~np.isnan(values)])[::-1]
    assert frame["change_percent"].to_list() == pytest.approx(known.tolist())
    assert frame["row"].to_list() == list(range(1, len(known) + 1))
    assert set(frame.columns) == {"endpoint", "row", "change_percent", "category"}
    # each bar keeps its own patient's category
    mine = {round(v, 9): ["CR", "PR", "SD", "PD"][i % 4] for i, v in enumerate(values) if not math.isnan(v)}
    assert all(mine[round(v, 9)] == c for v, c in frame.select("change_percent", "category").iter_rows())


def test_limits_of_recist_are_counted_and_drawn(result, changed):
    cohort, values = changed
    part = response_part(with_cohort(result, cohort))[0]
    assert (
        f"{int(np.sum(values <= -30))} of {int(np.sum(~np.isnan(values)))} patients shrank by 30 %"
        in part["caption"]
    )
    assert f"{int(np.sum(values >= 20))} grew by 20 %" in part["caption"]
    assert "Without a value: 7 patients" in part["caption"]
    text = read(str(part["drawing"])).text
    assert "−30 %" in text
    assert "+20 %" in text


def test_limits_of_recist_are_not_drawn_on_a_blood_value(result):
    psa = Outcome.continuous(np.linspace(-90, 50, len(result.cohort)), endpoint="psa_change", unit="%")
    part = response_part(with_cohort(result, result.cohort.with_outcome(psa)))[0]
    assert "−30 %" not in read(str(part["drawing"])).text
    assert "RECIST" not in part["caption"]


def test_a_value_in_other_units_is_no_change(result):
    dose = Outcome.continuous(np.ones(len(result.cohort)), endpoint="tumour_dose", unit="Gy")
    assert change_frame(result.cohort.with_outcome(dose)) is None


def test_bars_are_seen_with_and_without_categories():
    for categories in ((), (None, None), ("PD", None)):
        bars = read(str(waterfall_figure([40.0, -40.0], categories, title="t"))).all("rect")[:2]
        assert not {b["fill"].casefold() for b in bars} & {"#fff", "#ffffff", "none"}
        assert bars[0]["fill"] != bars[1]["fill"]


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize(
    "graded", [("CR", "PR", "SD", "PD"), ("CMR", "PMR", "SMD", "PMD"), ("responder", "non-responder")]
)
def test_categories_keep_their_order_in_grey_print_and_their_shade_in_every_figure(graded):
    shades = _shades(graded)
    light = [_luminance(shades[c]) for c in graded]
    assert all((a + 0.05) / (b + 0.05) > 1.4 for a, b in itertools.pairwise(light))
    assert _shades(graded[-1:]) == {graded[-1]: shades[graded[-1]]}


@given(st.lists(st.floats(-100, 1000), max_size=40))
def test_waterfall_of_anything_stays_inside(changes):
    page = read(str(waterfall_figure(sorted(changes, reverse=True), title=ATTACK)))
    assert not page.faults
    for bar in page.all("rect"):
        assert 0 <= float(bar["y"]) <= 300.01
        assert float(bar["y"]) + float(bar["height"]) <= 301
    assert len(page.all("rect")) == len(changes)


def test_categories_are_counted_with_their_interval(changed):
    cohort, _ = changed
    counts = category_frame(cohort)
    assert dict(counts.select("category", "n").iter_rows()) == {"CR": 20, "PR": 20, "SD": 20, "PD": 20}
    assert counts["responder"].to_list() == [True, True, False, False]


def test_a_cohort_in_which_nobody_responded(result):
    rows = pl.DataFrame({"patient_id": list(result.cohort.patients), "endpoint": "best", "response": "PD"})
    outcomes = pl.concat([result.cohort.tables["outcomes"], rows], how="diagonal_relaxed")
    cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "outcomes": outcomes})
    (part,) = response_part(with_cohort(result, cohort))
    assert "0 of 80 assessed patients responded, 0 % (95 % interval 0 to 5 %" in part["caption"]
    assert not read(str(part["drawing"])).faults


@given(st.integers(0, 60), st.integers(1, 60))
def test_interval_of_a_share_is_that_of_scipy(k, n):
    k = min(k, n)
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    assert _wilson(k, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_no_response_no_figure(result):
    tables = {
        **result.cohort.tables,
        "outcomes": result.cohort.tables["outcomes"].filter(pl.col("endpoint") == "PFS"),
    }
    assert response_part(with_cohort(result, dataclasses.replace(result.cohort, tables=tables))) == []


def test_log_rank_is_that_of_lifelines_and_its_expectations_add_up(background):
    table = log_rank(background)
    y, rows, labels = background.outcome, [], []
    for patient, group in background.groups.items():
        i = background.index_of(patient)
        if y.known[i]:
            rows.append(i)
            labels.append(group)
    theirs = multivariate_logrank_test(y.time_days[rows], np.array(labels), y.event[rows])
    assert table["chi_squared"][0] == pytest.approx(theirs.test_statistic)
    assert table["n"].sum() == len(rows)
    assert table["observed"].sum() == y.event[rows].sum()
    assert table["expected"].sum() == pytest.approx(table["observed"].sum())


def test_p_value_only_where_groups_are_independent_of_these_outcomes(result):
    inside = log_rank(Background(result))
    outside = log_rank(Background(dataclasses.replace(result, design=Locked("Late for PFS", 100), _known={})))
    assert inside["p_value"].null_count() == inside.height
    assert "no p-value" in curves_part(Background(result))["caption"]
    assert 0 <= outside["p_value"][0] <= 1


def test_delayed_entry_has_no_log_rank(result):
    y = result.cohort.outcomes("PFS")
    late = dataclasses.replace(y, entry_days=np.where(y.known, 1.0, np.nan))
    background = Background(result)
    object.__setattr__(background, "outcome", late)
    assert log_rank(background) is None


def test_numbers_at_risk_fall_and_start_with_everyone(background):
    frame = risk_group_frame(background)
    for _, rows in frame.group_by("group"):
        risks = rows.sort("months")["at_risk"].to_list()
        assert risks == sorted(risks, reverse=True)
    first = frame.filter(pl.col("months") == 0)
    known = [p for p in background.groups if background.outcome.known[background.index_of(p)]]
    assert first["at_risk"].sum() == len(known)


def test_swimmer_lanes_are_the_outcomes(result):
    background = Background(dataclasses.replace(result, origin="baseline", _known={}))
    y, frame = background.outcome, lane_frame(background)
    assert frame.height == int(y.known.sum())
    assert frame["event"].sum() == y.n_events
    assert frame["months"].to_list() == sorted(frame["months"], reverse=True)
    assert frame["months"].max() == pytest.approx(np.nanmax(y.time_days) / 30.4375, abs=0.01)
    assert "patient_id" not in frame.columns
    assert frame["treatments"].str.contains("chemotherapy").any()
    said = swimmer_part(background)["caption"]
    assert "60 of 79 patients" in said


def test_treatments_stay_away_from_an_axis_with_another_origin(result):
    background = Background(dataclasses.replace(result, origin="diagnosis", _known={}))
    assert set(lane_frame(background)["treatments"]) == {""}


def test_a_response_has_no_courses(response_result):
    assert swimmer_part(Background(response_result)) is None


@given(st.lists(st.tuples(st.floats(0.01, 200), st.booleans()), max_size=80))
def test_swimmer_of_anything(lanes):
    drawn = [Lane(t, e, "", ((ATTACK, 0.0, t / 2),)) for t, e in lanes]
    page = read(str(swimmer_figure(drawn, title=ATTACK, x_label=ATTACK)))
    assert not page.faults
    assert {tag for tag, _ in page.elements} <= {"svg", "title", "text", "rect", "line", "path"}


def test_patterns_add_up_and_their_stripes_join(background):
    patterns = pattern_frame(background)
    assert patterns["n"].sum() == len(background.cohort)
    assert patterns["share"].sum() == pytest.approx(1)
    assert patterns["events"].sum() == background.outcome.n_events
    part = map_part(background)
    # the modality that most patients have is one stripe, from the left
    page = read(str(part["drawing"]))
    left = [float(r["x"]) for r in page.all("rect")][1]
    assert left == 150
    flags = background.cohort.measured.drop("patient_id")
    full = int(flags.select(pl.all_horizontal(pl.all())).to_series().sum())
    assert f"{full} of {len(background.cohort)} have every modality" in part["caption"]


def test_tables_are_written_twice_and_read_back(result, tmp_path):
    tables = cohort_tables(result)
    assert {"scores", "kaplan_meier", "swimmer", "missingness", "checklist_tripod_ai"} <= set(tables)
    assert set(tables) - {f"checklist_{n}" for n in ("tripod_ai", "claim_2024", "metrics", "rqs")} <= set(
        TABLES
    )
    written = save_tables(tables, tmp_path / "tables")
    assert len(written) == 2 * len(tables)
    for name, table in tables.items():
        assert pl.read_parquet(tmp_path / "tables" / f"{name}.parquet").equals(table)
        assert (
            pl.read_csv(tmp_path / "tables" / f"{name}.csv", infer_schema_length=None).height == table.height
        )
        texts = table.select(pl.selectors.string())
        named = {v for column in texts for v in column} & set(result.cohort.patients)
        assert not named, (name, named)


def test_a_spreadsheet_runs_nothing(tmp_path):
    table = pl.DataFrame({"text": ["=1+1", "+x", "-2", "@a", "fine", None], "number": [-1.0] * 6})
    save_tables({"t": table}, tmp_path)
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["'=1+1", "'+x", "'-2", "'@a", "fine", ""]
    assert all(line.endswith("-1.0") for line in lines)
    assert pl.read_parquet(tmp_path / "t.parquet").equals(table)


def test_every_figure_has_a_table_beside_it(result, changed):
    cohort, _ = changed
    page = read(cohort_report(dataclasses.replace(result, cohort=cohort, _known={})).html)
    assert not page.faults
    assert re.search(r"Response and courses", page.text)
    drawn = [a["aria-label"] for a in page.all("svg")]
    assert any(label.startswith("Courses to PFS") for label in drawn)
    assert any("tumour size" in label for label in drawn)
