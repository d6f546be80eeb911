"""Designs that ask whether a model travels, lasts, or holds on a set that was put aside; and the bootstrap."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.evaluate.designs import (
    Bootstrap632,
    LeaveOneCentreOut,
    Locked,
    NestedCV,
    Temporal,
    TrainTest,
    design_from_dict,
    design_to_dict,
)
from hybridx.evaluate.optimism import _no_information
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, metric_named
from hybridx.models import CoxRidge
from tests.evaluate.doubles import ByColumn
from tests.evaluate.world import make_cohort
from tests.small_folder import small_folder

QUICK = {"workers": 1, "progress": False, "resamples": 200, "baselines": False}


def with_patients(cohort, **columns):
    table = cohort.tables["patients"].with_columns(
        pl.Series(name, values) for name, values in columns.items()
    )
    return dataclasses.replace(cohort, tables={**cohort.tables, "patients": table})


@pytest.fixture(scope="module")
def cohort():
    n = 90
    plain = make_cohort(n, seed=1, unknown=3)
    centres = [None if i < 2 else ["Graz", "Linz", "Wien"][i % 3] if i < 84 else "Zams" for i in range(n)]
    years = [2010 + i // 10 for i in range(n)]
    dates = [f"{2010 + i // 10}-0{1 + i % 9}-15" for i in range(n)]
    return with_patients(plain, centre=centres, baseline_year=years, seen=dates)


DESIGNS = [
    NestedCV(3, 2),
    LeaveOneCentreOut(),
    Temporal(),
    TrainTest(share=0.4, seed=3),
    TrainTest(test=["P003", "P001"]),
    Bootstrap632(10),
    Locked("KernelFusion for OS", 20, "abc"),
]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: type(d).__name__)
def test_designs_survive_as_settings_and_say_themselves(design):
    assert design_from_dict(design_to_dict(design)) == design
    assert hash(design) == hash(dataclasses.replace(design))
    assert len(design.words) > 10
    assert "P001" not in repr(design)  # a report shows the design; patients' names stay out of it


@pytest.mark.parametrize(
    "design",
    [LeaveOneCentreOut(), Temporal(), TrainTest(share=0.4, seed=3), Bootstrap632(10)],
    ids=lambda d: type(d).__name__,
)
def test_no_test_patient_trains_and_row_order_changes_nothing(cohort, design):
    def named(c):
        return [
            tuple(tuple(c.patients[i] for i in part) for part in (s.train, s.test, s.seen))
            for s in design.splits(c, "OS")
        ]

    splits = named(cohort)
    assert splits == named(cohort.select(sorted(cohort.patients, reverse=True)))
    known = cohort.outcomes("OS").known
    unknown = {p for p, k in zip(cohort.patients, known, strict=True) if not k}
    for train, test, seen in splits:
        assert not set(train) & set(test)
        assert not unknown & {*train, *test}
        assert set(seen) <= set(train)


def test_each_large_centre_is_tested_by_the_others_and_small_ones_only_train(cohort):
    centre = dict(cohort.tables["patients"].select("patient_id", "centre").iter_rows())
    design = LeaveOneCentreOut()
    splits = design.splits(cohort, "OS")
    tested = [{centre[cohort.patients[i]] for i in s.test} for s in splits]
    assert tested == [{"Graz"}, {"Linz"}, {"Wien"}]
    for split, own in zip(splits, tested, strict=True):
        others = {centre[cohort.patients[i]] for i in split.train} - {None}
        assert others == {"Graz", "Linz", "Wien", "Zams"} - own
    text = " ".join(design.notes(cohort, cohort.outcomes("OS")))
    assert "Zams (6)" in text and "always in training" in text


def test_centres_that_cannot_be_left_out_are_refused_with_a_cure(cohort):
    one = with_patients(cohort, centre=["Graz"] * 90)
    with pytest.raises(InputError, match=r"two centres or more.*'Graz'. Use NestedCV"):
        LeaveOneCentreOut().splits(one, "OS")
    none = with_patients(cohort, centre=pl.Series([None] * 90, dtype=pl.String))
    with pytest.raises(InputError, match="no column 'centre'"):
        LeaveOneCentreOut().splits(none, "OS")
    with pytest.raises(NotEnoughDataError, match=r"0 of 4 are large enough: Graz \(\d+ patients"):
        LeaveOneCentreOut(min_patients=60).splits(cohort, "OS")


def test_later_patients_are_predicted_by_earlier_ones(cohort):
    year = dict(cohort.tables["patients"].select("patient_id", "baseline_year").iter_rows())
    (split,) = Temporal(cut=2015).splits(cohort, "OS")
    assert {year[cohort.patients[i]] for i in split.train} == set(range(2010, 2015))
    assert {year[cohort.patients[i]] for i in split.test} == set(range(2015, 2019))
    (split,) = Temporal(share=0.3).splits(cohort, "OS")
    assert (
        min(year[cohort.patients[i]] for i in split.test) == 2016
    )  # 30 of 87: closest to 30 %, a year stays whole
    (by_date,) = Temporal(cut="2015-01-01", by="seen").splits(cohort, "OS")
    (by_year,) = Temporal(cut=2015, by="seen").splits(cohort, "OS")
    (plain,) = Temporal(cut=2015).splits(cohort, "OS")
    assert by_date.test.tolist() == by_year.test.tolist() == plain.test.tolist()
    undated = with_patients(cohort, baseline_year=[None if i == 50 else 2010 + i // 10 for i in range(90)])
    (split,) = Temporal(cut=2015).splits(undated, "OS")
    assert 50 not in [*split.train, *split.test]
    assert "1 patient without baseline_year" in " ".join(
        Temporal(cut=2015).notes(undated, undated.outcomes("OS"))
    )


def test_temporal_refusals_name_the_cure(cohort):
    plain = make_cohort(60)
    with pytest.raises(InputError, match=r"has none of baseline_year, .*Name a column"):
        Temporal().splits(plain, "OS")
    with pytest.raises(InputError, match=r"no such column. Did you mean 'baseline_year'"):
        Temporal(by="baselin_year").splits(cohort, "OS")
    with pytest.raises(InputError, match=r"not all of it dates"):
        Temporal(by="centre").splits(cohort, "OS")
    with pytest.raises(InputError, match=r"runs from 2010 to 2018"):
        Temporal(cut=2030).splits(cohort, "OS")
    with pytest.raises(NotEnoughDataError, match="the part from the cut on"):
        Temporal(cut=2015).splits(
            cohort, dataclasses.replace(cohort.outcomes("OS"), event=np.arange(90) < 40)
        )
    for wrong in ({"cut": "soon"}, {"cut": "2019-02-30"}, {"share": 1.5}):
        with pytest.raises(SettingsError):
            Temporal(**wrong)


def test_a_given_test_set_is_tested_and_a_drawn_one_is_stratified(cohort):
    y = cohort.outcomes("OS")
    given = sorted(cohort.patients[i] for i in np.flatnonzero(y.known)[:30])
    (split,) = TrainTest(test=given).splits(cohort, "OS")
    assert [cohort.patients[i] for i in split.test] == given
    assert len(split.train) == 57
    for seed in range(5):
        (split,) = TrainTest(share=1 / 3, seed=seed).splits(cohort, "OS")
        assert abs(len(split.test) - 29) <= 1
        assert abs(y.event[split.test].sum() - y.n_events / 3) <= 2
    assert (
        TrainTest(seed=1).splits(cohort, "OS")[0].test.tolist()
        != TrainTest(seed=2).splits(cohort, "OS")[0].test.tolist()
    )
    with pytest.raises(InputError, match="1 test patient is not in the cohort: P0999"):
        TrainTest(test=["P001", "P0999"]).splits(cohort, "OS")
    with pytest.raises(SettingsError, match="patient identifiers"):
        TrainTest(test="P001")


def test_a_draw_holds_n_patients_with_copies_and_tests_who_was_left_out(cohort):
    splits = Bootstrap632(draws=40, seed=1).splits(cohort, "OS")
    assert len(splits) == 41
    n = int(cohort.outcomes("OS").known.sum())
    for split in splits[:-1]:
        assert len(split.train) == n
        assert sorted([*split.seen, *split.test]) == sorted(set(splits[-1].train.tolist()))
    assert np.mean([len(s.test) for s in splits[:-1]]) == pytest.approx(n * np.exp(-1), rel=0.05)
    assert not len(splits[-1].test)
    with pytest.raises(NotEnoughDataError, match="No number of draws helps"):
        Bootstrap632().splits(cohort, dataclasses.replace(cohort.outcomes("OS"), event=np.arange(90) < 8))


@pytest.mark.parametrize("design", [LeaveOneCentreOut(), Temporal(cut=2015), TrainTest(share=0.4)], ids=str)
def test_only_tested_patients_are_scored_and_none_twice(cohort, design):
    result = hx.evaluate({"column": ByColumn()}, cohort, "OS", design, **QUICK)
    splits = design.splits(cohort, "OS")
    tested = {cohort.patients[i] for s in splits for i in s.test}
    rows = result.predictions.filter(pl.col("fold").is_not_null())
    assert sorted(rows["patient_id"]) == sorted(tested)
    panel = result.panel("column")
    assert {p for p, there in zip(result.scored_patients, panel.predicted, strict=True) if there} == tested
    assert result.estimate("column", "harrell_c").n == len(tested)
    untested = sorted(set(result.scored_patients) - tested)
    if untested:
        assert not result.patient(untested[0]).predicted
        assert result.patient(untested[0]).percentile is None
    assert str(design) in repr(result)
    # a model that learns nothing scores on the tested patients as its column does, centre by centre
    x = cohort.frame()["clinical.x0"].to_numpy()
    pairs = np.zeros(2)
    y = cohort.outcomes("OS")
    for split in splits:
        for i in split.test:
            for j in split.test:
                if y.event[i] and (
                    y.time_days[i] < y.time_days[j] or (y.time_days[i] == y.time_days[j] and not y.event[j])
                ):
                    pairs += [x[i] > x[j], 1]
    assert result.estimate("column", "harrell_c").value == pytest.approx(pairs[0] / pairs[1], abs=1e-12)


@pytest.fixture(scope="module")
def bootstrapped(cohort):
    return hx.evaluate(
        {"ridge": CoxRidge(prior_sd=0.5), "column": ByColumn()}, cohort, "OS", Bootstrap632(15), **QUICK
    )


def test_training_predictions_are_apart_and_never_scored(bootstrapped):
    out = bootstrapped.predictions.filter(pl.col("fold").is_not_null()).select("patient_id", "repeat")
    seen = bootstrapped.apparent.filter(pl.col("model") == "ridge").select("patient_id", repeat="draw")
    assert out.join(seen, on=["patient_id", "repeat"], how="semi").is_empty()
    assert seen["repeat"].null_count() == 87  # the fit on everyone
    found = bootstrapped.optimism(model="ridge")
    by_name = dict(found.select("estimate", "value").iter_rows())
    assert by_name["out of bag"] == pytest.approx(bootstrapped.estimate("ridge", "harrell_c").value)
    assert by_name["apparent"] > by_name["corrected"] > by_name["out of bag"]


def test_bootstrap_estimates_are_those_of_the_textbook(cohort, bootstrapped):
    """Each estimate again, by loops over the draws with the library's own Harrell C."""
    y, frame = cohort.outcomes("OS"), cohort.frame()
    c = hx.evaluate.metrics.harrell_c

    def score(rows, model):
        return c(y[rows], model.predict(frame[rows]), resamples=100).value

    splits = Bootstrap632(15).splits(cohort, "OS")
    everyone = splits[-1].train
    whole = CoxRidge(prior_sd=0.5).fit(frame[everyone], y[everyone])
    apparent = score(everyone, whole)
    left, optimism = [], []
    for split in splits[:-1]:
        model = CoxRidge(prior_sd=0.5).fit(frame[split.train], y[split.train])
        left.append(score(split.test, model))
        optimism.append(score(split.train, model) - score(everyone, model))
    found = dict(bootstrapped.optimism(model="ridge").select("estimate", "value").iter_rows())
    out = np.mean(left)
    rate = (apparent - out) / (apparent - 0.5)
    w = (1 - np.exp(-1)) / (1 - np.exp(-1) * rate)
    assert found["apparent"] == pytest.approx(apparent, abs=1e-9)
    assert found["out of bag"] == pytest.approx(out, abs=1e-9)
    assert found["corrected"] == pytest.approx(apparent - np.mean(optimism), abs=1e-9)
    assert found[".632"] == pytest.approx(np.exp(-1) * apparent + (1 - np.exp(-1)) * out, abs=1e-9)
    assert found[".632+"] == pytest.approx((1 - w) * apparent + w * out, abs=1e-9)


def test_a_model_that_learns_nothing_has_no_optimism_to_speak_of(bootstrapped):
    found = dict(bootstrapped.optimism(model="column").select("estimate", "value").iter_rows())
    assert abs(found["apparent"] - found["corrected"]) < 0.02
    assert abs(found[".632+"] - found["apparent"]) < 0.02


def test_optimism_of_another_design_is_refused(cohort):
    result = hx.evaluate({"column": ByColumn()}, cohort, "OS", TrainTest(share=0.4), **QUICK)
    with pytest.raises(InputError, match=r"TrainTest kept no predictions.*Bootstrap632"):
        result.optimism()


def test_brier_by_chance_is_the_mean_over_all_pairings():
    value = np.array([1, 0, 1, 1, 0, 0, 1, 0.0])
    p = np.linspace(0.1, 0.9, 8)
    y = Outcome.response(value)
    found = _no_information(metric_named("brier", "response"), Panel.single(y, p), Moment())
    assert found == pytest.approx(np.mean((p[None, :] - value[:, None]) ** 2), abs=1e-12)


def test_a_year_given_on_purpose_splits_a_folder_and_a_date_alone_does_not(tmp_path):
    """Dates leave no trace in a cohort, not even their year: who wants to split by time gives a year."""
    folder = small_folder(tmp_path / "data", n=40, n_images=0)
    table = pl.read_csv(folder / "patients.csv", infer_schema=False)
    dates = pl.Series("baseline_date", [f"{2015 + i // 8}-05-1{i % 8}" for i in range(40)])
    table.with_columns(dates).write_csv(folder / "patients.csv")
    dated = hx.extract(folder, tmp_path / "dated", workers=1, progress=False)
    with pytest.raises(InputError, match="a column baseline_year to the patients table"):
        Temporal(cut=2018).splits(dated, "OS")
    years = pl.Series("baseline_year", [2015 + i // 8 for i in range(40)])
    table.with_columns(years).write_csv(folder / "patients.csv")
    declared = "patients:\n  baseline_year: {dtype: int, role: information, description: Calendar year of baseline.}\n"
    (folder / "columns.yaml").write_text(declared, encoding="utf-8")
    cohort = hx.extract(folder, tmp_path / "cohort", workers=1, progress=False)
    (split,) = Temporal(cut=2018).splits(cohort, "OS")
    assert len(split.train) == 24 and len(split.test) == 16
    assert not any("baseline_year" in column for column in cohort.frame().columns)  # no feature
