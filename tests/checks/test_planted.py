"""Each defect, planted alone into a clean cohort, raises its own check, names the culprit, and raises no other."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

import hybridx as hx
from hybridx.checks import run
from hybridx.evaluate import NestedCV
from hybridx.evaluate.designs import Split
from hybridx.models import CoxRidge
from tests.checks.conftest import Known, analyse
from tests.checks.world import add_column, change_block, make_cohort, rename_patients, set_missing, values_of
from tests.evaluate.doubles import ByColumn, Same


def alarms(found):
    return {f.code for f in found if f.severity != "info"}


def only(found, code, severity):
    """Return the one alarm, which must be this one."""
    assert alarms(found) == {code}, str(found)
    (finding,) = (f for f in found.of(code) if f.severity != "info")
    assert finding.severity == severity
    return finding


def test_a_clean_cohort_raises_no_alarm(result):
    found = result.checks()
    assert not alarms(found), str(found)
    assert {"HX002", "HX004", "HX005", "HX006", "HX008", "HX017", "HX018", "HX020"} <= set(found.clean)


# -- HX001 -------------------------------------------------------------------------------------------------------


class Scaled(Known):
    """A model with a scaler in it, fitted by whoever made it."""

    def __init__(self, scaler=None, column="clinical.stage", scale=900.0):
        super().__init__(column, scale)
        self.scaler = scaler


def test_a_frozen_piece_is_an_error_and_is_named(cohort):
    scaler = FrozenEstimator(StandardScaler().fit(np.arange(6.0)[:, None]))
    finding = only(analyse(cohort, model=Scaled(scaler)).checks(), "HX001", "error")
    assert finding.subjects[0] == "stage"
    assert "scaler.estimator.mean_" in finding.subjects


def test_an_object_that_cannot_be_cloned_keeps_its_state(cohort):
    class Selector:
        def __init__(self):
            self.kept_ = ["pet.suv_max"]

    finding = only(analyse(cohort, model=Scaled(Selector())).checks(), "HX001", "error")
    assert "scaler.kept_" in finding.subjects


def test_a_fitted_model_that_is_refitted_is_said_and_no_alarm(cohort):
    model = CoxRidge(columns=["clinical.age"], prior_sd=0.5).fit(cohort.frame(), cohort.outcomes("OS"))
    found = analyse(cohort, model=model).checks()
    (finding,) = found.of("HX001")
    assert finding.severity == "info" and "learnt anew" in finding.sentence
    assert not alarms(found)


def test_fitted_pieces_of_a_pipeline_count_too(cohort):
    class Steps(Known):
        def __init__(self, steps=(), column="clinical.stage", scale=900.0):
            super().__init__(column, scale)
            self.steps = steps

    fitted = StandardScaler().fit(np.arange(6.0)[:, None])
    found = analyse(cohort, model=Steps([("scale", fitted)])).checks()
    (finding,) = found.of("HX001")
    assert finding.severity == "info" and "steps.scale.mean_" in finding.sentence


# -- HX002 -------------------------------------------------------------------------------------------------------


def standardise(values, _):
    return (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)


def to_unit_range(values, _):
    return (values - values.min(axis=0)) / np.ptp(values, axis=0)


def robust(values, _):
    return (values - np.median(values, axis=0)) / np.subtract(*np.quantile(values, [0.75, 0.25], axis=0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (standardise, "mean 0 and standard deviation 1"),
        (to_unit_range, "lowest value 0"),
        (robust, "quartiles 1 apart"),
    ],
)
def test_a_block_scaled_on_all_patients(cohort, change, words):
    finding = only(analyse(change_block(cohort, "ct", change)).checks(), "HX002", "warning")
    assert words in finding.sentence
    assert len(finding.subjects) == 10 and all(c.startswith("ct.") for c in finding.subjects)


def test_a_block_scaled_on_some_patients_is_none(cohort):
    def on_half(values, _):
        return (values - values[::2].mean(axis=0)) / values[::2].std(axis=0)

    assert not analyse(change_block(cohort, "ct", on_half)).checks().of("HX002")


@pytest.mark.parametrize("filler", [np.nanmean, np.nanmedian])
def test_gaps_filled_on_all_patients(cohort, filler):
    values = values_of(cohort, "pet.suv_max")
    values[np.random.default_rng(0).uniform(size=len(values)) < 0.15] = np.nan
    measured = cohort.measured["pet"].to_numpy()
    values[np.isnan(values) & measured] = filler(values[measured])
    finding = only(analyse(add_column(cohort, "pet.suv_max", values)).checks(), "HX002", "warning")
    assert finding.subjects == ("pet.suv_max",)


def test_centre_means_that_agree_too_well(cohort):
    centre = cohort.frame()["centre"].to_numpy()

    def harmonise(values, measured):
        shifted = values.copy()
        for name in np.unique(centre):
            rows = centre[measured] == name
            shifted[rows] -= 0.97 * (values[rows].mean(axis=0) - values.mean(axis=0))
        return shifted

    finding = only(analyse(change_block(cohort, "ct", harmonise)).checks(), "HX002", "warning")
    assert finding.subjects == ("ct",) and "3 centres" in finding.sentence


def test_combat_on_all_patients_leaves_its_mark(cohort):
    """The library's own ComBat, used wrongly: centres were shifted, then harmonised before the split."""
    centre = cohort.frame()["centre"].to_numpy()

    scanners = {name: np.random.default_rng(k).normal(size=10) for k, name in enumerate("ABC")}

    def shift(values, measured):
        return values + 1.5 * values.std(axis=0) * np.stack([scanners[name] for name in centre[measured]])

    shifted = change_block(cohort, "ct", shift)
    assert "HX008" in alarms(analyse(shifted).checks())
    frame = shifted.frame()
    columns = [c for c in frame.columns if c.startswith("ct.") and c != "ct.measured"]
    made = hx.prepare.ComBat().fit(frame.select("patient_id", "centre", "ct.measured", *columns)).transform(
        frame.select("patient_id", "centre", "ct.measured", *columns)
    )  # fmt: skip
    for column in columns:
        shifted = add_column(shifted, column, made[column].fill_null(float("nan")).to_numpy())
    only(analyse(shifted).checks(), "HX002", "warning")


def test_provenance_that_says_so(cohort):
    said = dataclasses.replace(cohort, provenance={**cohort.provenance, "pet": "ComBat over centres"})
    finding = only(analyse(said).checks(), "HX002", "warning")
    assert finding.subjects == ("pet",)


# -- HX003 -------------------------------------------------------------------------------------------------------


def test_a_measurement_after_baseline_is_left_out_and_said(cohort):
    late = cohort.days.with_columns(
        pl.when(pl.int_range(pl.len()) < 5).then(40.0).otherwise(pl.col("lab")).alias("lab")
    )
    n = int((cohort.measured["lab"].to_numpy()[:5]).sum())
    days = late.with_columns(pl.when(cohort.measured["lab"]).then(pl.col("lab")).alias("lab"))
    found = analyse(dataclasses.replace(cohort, days=days)).checks()
    (finding,) = found.of("HX003")
    assert (
        finding.severity == "info"
        and finding.subjects == ("lab",)
        and f"lab ({n} patients)" in finding.sentence
    )


def test_a_column_that_sounds_late(cohort):
    values = np.random.default_rng(0).choice([0.0, 1.0], len(cohort))
    planted = add_column(cohort, "clinical.chemotherapy_given", values)
    finding = only(analyse(planted).checks(), "HX003", "warning")
    assert finding.subjects == ("clinical.chemotherapy_given",)


def test_at_a_landmark_what_sounds_late_is_known(cohort):
    planted = add_column(cohort, "clinical.chemotherapy_given", np.arange(len(cohort)) % 2.0)
    assert "HX003" not in alarms(analyse(planted.at(60.0)).checks())


# -- HX004 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("clinical.running", lambda c, r: r.permutation(len(c)) + 501.0),  # no gap, in no order
        ("clinical.patient_no", lambda c, r: r.permutation(len(c) * 9)[: len(c)] + 1.0),  # gaps, but named
        ("clinical.key", lambda c, r: r.permutation(10**6)[: len(c)] + 4.0e8),  # long
        (
            "clinical.inclusion",
            lambda c, r: np.sort(r.uniform(size=len(c)))[_rank(c.patients)],
        ),  # a date, as it were
        ("clinical.scan_time", lambda c, r: np.sort(r.uniform(size=len(c)))),  # rows
    ],
)
def test_an_identifier(cohort, name, make):
    planted = add_column(cohort, name, make(cohort, np.random.default_rng(1)))
    finding = only(analyse(planted).checks(), "HX004", "error")
    assert finding.subjects == (name,)


def _rank(patients):
    return np.argsort(np.argsort(np.asarray(patients)))


def test_counts_and_volumes_are_no_identifiers(cohort):
    rng = np.random.default_rng(2)
    counts = rng.permutation(9000)[: len(cohort)] + 150.0  # whole, all different, in no order
    assert not analyse(add_column(cohort, "lab.platelets", counts)).checks().of("HX004")


# -- HX005 -------------------------------------------------------------------------------------------------------


def test_the_time_the_event_and_the_risk_in_disguise(cohort):
    y, rng = cohort.outcomes("OS"), np.random.default_rng(3)
    planted = {
        "clinical.months": np.log(y.time_days) + 1e-9 * rng.normal(size=len(y)),
        "clinical.code": y.event + 0.01 * rng.normal(size=len(y)),
        "clinical.score": np.where(y.event, -y.time_days, -y.time_days - 700) + rng.normal(size=len(y)),
    }
    for name, values in planted.items():
        finding = only(analyse(add_column(cohort, name, values)).checks(), "HX005", "error")
        assert finding.subjects == (name,)


def test_a_response_in_disguise(cohort):
    y = cohort.outcomes("response")
    noisy = y.value + 0.35 * np.random.default_rng(3).normal(size=len(y))
    finding = only(analyse(add_column(cohort, "lab.marker", noisy), "response").checks(), "HX005", "error")
    assert finding.subjects == ("lab.marker",)


def test_a_strong_honest_marker_is_none(cohort):
    y = cohort.outcomes("response")
    marker = y.value + 1.0 * np.random.default_rng(3).normal(size=len(y))  # AUC about 0.76
    assert not analyse(add_column(cohort, "lab.marker", marker), "response").checks().of("HX005")


# -- HX006, HX007, HX008 -----------------------------------------------------------------------------------------


def test_a_modality_missing_in_those_who_die_early(cohort):
    y = cohort.outcomes("OS")
    early = y.event & (y.time_days < 250)
    finding = only(analyse(set_missing(cohort, "genomics", early)).checks(), "HX006", "warning")
    assert finding.subjects == ("genomics",)
    n = int((~cohort.measured["genomics"].to_numpy() | early).sum())
    assert f"missing in {n} patients" in finding.sentence


def test_a_column_missing_in_those_who_die_early(cohort):
    y, values = cohort.outcomes("OS"), values_of(cohort, "lab.hemoglobin")
    values[y.event & (y.time_days < 250)] = np.nan
    finding = only(analyse(add_column(cohort, "lab.hemoglobin", values)).checks(), "HX006", "warning")
    assert finding.subjects == ("lab.hemoglobin",)


def test_a_modality_that_one_centre_does_not_measure(cohort):
    at_b = cohort.frame()["centre"].to_numpy() == "B"
    finding = only(analyse(set_missing(cohort, "ct", at_b)).checks(), "HX007", "warning")
    assert finding.subjects == ("ct",)


def test_a_scanner_that_reads_higher(cohort):
    centre = cohort.frame()["centre"].to_numpy()

    def shift(values, measured):
        return values + values.std(axis=0) * (centre[measured] == "B")[:, None] * 1.5

    finding = only(analyse(change_block(cohort, "ct", shift)).checks(), "HX008", "warning")
    assert finding.subjects == ("ct",)


# -- HX009 -------------------------------------------------------------------------------------------------------


def test_texture_that_is_volume(cohort):
    volume = values_of(cohort, "pet.mtv_41pct")
    noisy = -np.log(volume) + 0.1 * np.random.default_rng(5).normal(size=len(volume))
    finding = only(analyse(add_column(cohort, "pet.original_glcm_Copy", noisy)).checks(), "HX009", "warning")
    assert finding.subjects == ("pet.original_glcm_Copy",) and "pet.mtv_41pct" in finding.sentence


def test_texture_that_is_volume_counts_only_if_the_model_leans_on_it(cohort):
    planted = add_column(cohort, "pet.original_glcm_Copy", values_of(cohort, "pet.mtv_41pct") ** 0.5)
    for columns, raised in ((["clinical.age"], False), (["clinical.age", "pet.original_glcm_Copy"], True)):
        model = CoxRidge(columns=columns, prior_sd=0.5)
        found = analyse(planted, model=model, explain=hx.explain).checks()
        assert bool(found.of("HX009")) == raised


# -- HX010 to HX015 ----------------------------------------------------------------------------------------------


def test_an_effect_that_turns_over_time():
    rng, cohort = np.random.default_rng(6), make_cohort(300, seed=6, signal=0.0)
    x = rng.normal(size=300)
    early = rng.exponential(size=300) * 300 * np.exp(-1.5 * x)
    time = np.where(early < 200, early, 200 + rng.exponential(size=300) * 500 * np.exp(0.9 * x)).round() + 1
    planted = _with_times(add_column(cohort, "clinical.fading", x), time, time < 1500)
    found = analyse(planted, model=ByColumn("clinical.fading")).checks()
    assert "HX010" in alarms(found) and "fades" in found.of("HX010")[0].sentence


def _with_times(cohort, time, event):
    rows = pl.DataFrame({"patient_id": cohort.patients, "time_days": np.asarray(time, float), "event": event})
    outcomes = rows.with_columns(pl.lit("OS").alias("endpoint"), pl.lit("baseline").alias("origin"))
    return dataclasses.replace(cohort, tables={**cohort.tables, "outcomes": outcomes})


@pytest.mark.parametrize(("events", "severity"), [(15, "error"), (40, "warning"), (80, "info")])
def test_few_events(events, severity):
    cohort = make_cohort(160, seed=4)
    y = cohort.outcomes("OS")
    kept = np.cumsum(y.event) <= events
    found = analyse(_with_times(cohort, y.time_days, y.event & kept)).checks()
    worst = found.of("HX011")[0]
    assert worst.severity == severity and worst.sentence.startswith(f"{events} events")
    if severity == "info":
        assert "per feature" in worst.sentence


def test_a_score_without_a_width(cohort):
    finding = only(analyse(cohort, model=Same()).checks(), "HX012", "warning")
    assert finding.subjects == ("stage",) and "in every resample" in finding.sentence


@pytest.mark.parametrize(("share", "severity"), [(1.2, "error"), (0.999, "warning")])
def test_tau_beyond_follow_up(result, share, severity):
    end = float(result.outcome.time_days.max())
    late = dataclasses.replace(
        result, moment=dataclasses.replace(result.moment, tau_days=share * end), _known={}
    )
    assert only(run(late), "HX013", severity).subjects == ("tau",)


def test_a_fusion_worse_than_one_modality(cohort):
    found = analyse(cohort, model=ByColumn("genomics.gene0_mut"), baselines=True).checks()
    finding = only(found, "HX014", "warning")
    assert finding.subjects[0] == "stage" and finding.subjects[1] in {"clinical", "pet"}


def test_a_fusion_as_good_as_one_modality_is_said(cohort):
    found = analyse(
        cohort, model=CoxRidge(columns=["clinical.age", "clinical.stage"]), baselines=True
    ).checks()
    assert found.of("HX014")[0].severity == "info" and not alarms(found)


def test_probabilities_too_extreme(cohort):
    class Loud(Known):
        def predict(self, X):
            return 5 * super().predict(X)

    finding = only(analyse(cohort, model=Loud(scale=900.0)).checks(), "HX015", "warning")
    assert "too extreme" in finding.sentence


# -- HX016 -------------------------------------------------------------------------------------------------------


def test_an_explanation_of_training_rows(cohort):
    model = CoxRidge(columns=["clinical.age", "clinical.stage"], prior_sd=0.5)
    right = analyse(cohort, model=model, explain=hx.explain)
    assert "HX016" in right.checks().clean
    design = NestedCV(folds=3, repeats=1, seed=0)
    wrong = analyse(cohort, model=model, design=design, explain=lambda m, _test, train: hx.explain(m, train))
    finding = only(wrong.checks(), "HX016", "error")
    assert len(finding.patients) == len(cohort) and "2 times" in finding.sentence


def test_an_explanation_of_another_model(cohort, result):
    X = cohort.frame()
    other = CoxRidge(columns=["ct.original_firstorder_0", "clinical.ecog"], prior_sd=1.0).fit(
        X, cohort.outcomes("OS")
    )
    finding = only(run(result, explanation=hx.explain(other, X, background=X)), "HX016", "warning")
    assert "another model" in finding.sentence


# -- HX017, HX018, HX019 -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Overlapping(NestedCV):
    """Five training patients of each fold are tested in it, too."""

    def splits(self, cohort, outcome):
        return [
            Split(s.repeat, s.fold, train=np.sort(np.append(s.train, s.test[:5])), test=s.test)
            for s in super().splits(cohort, outcome)
        ]


def test_a_patient_in_training_and_test(result):
    wrong = dataclasses.replace(result, design=Overlapping(folds=2, repeats=1, seed=0))
    finding = only(run(wrong), "HX017", "error")
    assert len(finding.patients) == 10 and "2 of 2 splits" in finding.sentence


def test_a_patient_tested_twice(result):
    rows = result.predictions
    wrong = dataclasses.replace(result, predictions=pl.concat([rows, rows.head(3)]), _known={})
    finding = only(run(wrong), "HX017", "error")
    assert set(finding.patients) == set(rows["patient_id"].head(3))


def _with_twins(cohort, twins):
    """Give patients a second record: the values of one under the name of another, outcome and all."""
    rows = np.arange(len(cohort))
    for a, b in twins:
        rows[b] = a
    blocks = {
        name: pl.DataFrame({"patient_id": cohort.patients}).hstack(block.drop("patient_id")[rows])
        for name, block in cohort.blocks.items()
    }
    measured = pl.DataFrame({"patient_id": cohort.patients}).hstack(cohort.measured.drop("patient_id")[rows])
    days = pl.DataFrame({"patient_id": cohort.patients}).hstack(cohort.days.drop("patient_id")[rows])
    return dataclasses.replace(cohort, blocks=blocks, measured=measured, days=days)


def test_one_person_under_two_names(cohort):
    finding = only(analyse(_with_twins(cohort, [(0, 1), (10, 50)])).checks(), "HX018", "error")
    assert set(finding.patients) == {cohort.patients[i] for i in (0, 1, 10, 50)}
    assert finding.sentence.startswith("2 pairs of patients (4 identifiers)")
    assert not any(p in finding.sentence for p in finding.patients), "patients are counted, not printed"


def test_a_twin_with_a_corrected_value_and_a_lost_modality_is_still_seen(cohort):
    twin = _with_twins(cohort, [(0, 1)])
    values = values_of(twin, "clinical.age")
    values[1] += 1
    planted = set_missing(add_column(twin, "clinical.age", values), "lab", np.arange(len(cohort)) == 1)
    assert set(analyse(planted).checks().of("HX018")[0].patients) == set(cohort.patients[:2])


def test_patients_of_another_cohort_are_recognised_under_other_names(result, cohort):
    fresh = rename_patients(make_cohort(90, seed=99), "Q")
    assert not run(result, other=fresh).of("HX019")
    shared = rename_patients(cohort.select(cohort.patients[:7]), "Z")
    finding = only(run(result, other=shared), "HX019", "error")
    assert set(finding.patients) == set(cohort.patients[:7])


def test_the_same_names_with_other_values_are_a_warning(result):
    finding = only(run(result, other=make_cohort(50, seed=77)), "HX019", "warning")
    assert len(finding.patients) == 50


# -- HX020 -------------------------------------------------------------------------------------------------------


def test_columns_selected_on_all_patients():
    """Two thousand columns of noise; the twelve most associated ones are handed in."""
    rng, cohort = np.random.default_rng(8), make_cohort(160, seed=8, signal=0.0)
    noise, y = rng.normal(size=(160, 2000)), cohort.outcomes("OS")
    from hybridx.prepare.single_tests import column_tests

    strongest = np.argsort(-np.abs(column_tests(noise, y)[0]))[:12]
    cohort = dataclasses.replace(
        cohort, blocks={k: v for k, v in cohort.blocks.items() if k != "ct"},
        measured=cohort.measured.drop("ct"), days=cohort.days.drop("ct"),
        features=cohort.features.filter(pl.col("modality") != "ct"),
    )  # fmt: skip
    drop = [c for c in cohort.blocks["lab"].columns if c != "patient_id"]
    for j in strongest:
        cohort = add_column(cohort, f"lab.probe_{j}", noise[:, j])
    cohort = dataclasses.replace(
        cohort, blocks={**cohort.blocks, "lab": cohort.blocks["lab"].drop(drop)},
        features=cohort.features.filter(~pl.col("column").is_in(drop)),
    )  # fmt: skip
    finding = only(analyse(cohort).checks(), "HX020", "warning")
    assert set(finding.subjects) == {f"lab.probe_{j}" for j in strongest}


# -- the null ----------------------------------------------------------------------------------------------------


def test_a_null_world_is_told_as_one():
    cohort = make_cohort(160, seed=12, signal=0.0)
    result = analyse(cohort, model=CoxRidge(prior_sd=0.2), baselines=True)
    c = result.estimate("stage", "harrell_c")
    assert c.low < 0.5 < c.high
    assert not alarms(result.checks()), str(result.checks())
    assert {"HX010", "HX015"} <= set(result.checks().not_applicable)


@pytest.mark.slow
def test_checks_are_quick_where_columns_are_many():
    """300 patients x 1,500 columns in seconds; the bound is loose, for machines that do other things besides."""
    import time

    result = analyse(make_cohort(300, seed=13, textures=1470))
    start = time.process_time()
    run(result)
    assert time.process_time() - start < 10
