"""The whole way: folds, leaks, order, workers, failures, and what a result answers."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from sksurv.metrics import concordance_index_censored

import hybridx as hx
from hybridx.cohort import Cohort
from hybridx.errors import HybridxError, InputError, NotEnoughDataError, SettingsError
from hybridx.evaluate import NestedCV, Result, evaluate
from hybridx.evaluate.compare import Difference, judged
from hybridx.fusion import LateFusion
from hybridx.models import CoxRidge
from tests.evaluate.doubles import Broken, ByColumn, Noise, Same, Spy
from tests.evaluate.world import make_cohort

QUICK = {"workers": 1, "progress": False, "resamples": 200}
DESIGN = NestedCV(folds=4, repeats=2, seed=0)


@pytest.fixture(scope="module")
def result():
    cohort = make_cohort(70, seed=5, unknown=3)
    models = {"column": ByColumn(), "lab alone": ByColumn("lab.x0"), "ridge": CoxRidge(prior_sd=0.4)}
    return evaluate(models, cohort, "OS", DESIGN, bands=10, **QUICK)


@pytest.fixture(scope="module")
def response():
    return evaluate({"column": ByColumn()}, make_cohort(70, seed=6), "response", DESIGN, bands=10, **QUICK)


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_every_patient_is_predicted_once_per_repeat_by_every_model(result):
    counts = result.predictions.group_by("model", "repeat").agg(pl.col("patient_id").n_unique(), pl.len())
    assert (counts["patient_id"] == 70).all() and (counts["len"] == 70).all()
    assert set(result.predictions["model"]) == set(result.models)
    unknown = result.predictions.filter(pl.col("fold").is_null())
    assert unknown["patient_id"].n_unique() == 3
    assert unknown["time_days"].null_count() == unknown.height
    assert (
        unknown.filter(pl.col("model") == "column")["risk"].null_count() == 0
    )  # a patient without outcome has a risk


def test_the_table_stands_beside_its_baselines(result):
    table = result.table("harrell_c")
    assert table["model"].to_list() == ["column", "lab alone", "ridge", "clinical", "mtv", "pet", "lab"]
    assert table["baseline"].to_list() == [False] * 3 + [True] * 4
    assert table.select(
        pl.all_horizontal(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high"))
    )["low"].all()
    assert "kaplan_meier" in result.table("ibs")["model"].to_list()
    assert table.filter(pl.col("model") == "clinical")["n"].item() == 67
    measured = dict(zip(result.cohort.patients, result.cohort.measured["pet"], strict=True))
    n_pet = sum(measured[p] for p in result.scored_patients)
    assert (
        table.filter(pl.col("model") == "pet")["n"].item() == n_pet < 67
    )  # nothing is said of those without PET
    assert result.table()["method"].str.len_chars().min() > 10


def test_the_value_is_the_mean_over_repeats_of_pairs_within_folds(result):
    rows = result.predictions.filter((pl.col("model") == "ridge") & pl.col("fold").is_not_null())
    values = []
    for repeat in range(2):
        counts = np.zeros(3)
        for fold in range(4):
            part = rows.filter((pl.col("repeat") == repeat) & (pl.col("fold") == fold))
            counts += concordance_index_censored(
                part["event"].to_numpy(), part["time_days"].to_numpy(), part["risk"].to_numpy()
            )[1:4]
        values.append((counts[0] + counts[2] / 2) / counts.sum())
    assert result.estimate("ridge", "harrell_c").value == pytest.approx(np.mean(values), abs=1e-12)


def test_a_model_that_learns_nothing_scores_as_its_column_does(result):
    y, patients = result.outcome, result.scored_patients
    values = result.cohort.frame().filter(pl.col("patient_id").is_in(patients)).sort("patient_id")
    by_hand = hx.evaluate.metrics.auc_t(
        y,
        values["clinical.x0"].to_numpy(),
        result.horizon_days,
        fold=result.panel("column").fold[0],
        resamples=100,
    )
    panel = result.panel("column")
    assert np.array_equal(panel.score[0], values["clinical.x0"].to_numpy())
    assert by_hand.value == pytest.approx(
        hx.evaluate.metrics.auc_t(
            y, panel.score[0], result.horizon_days, fold=panel.fold[0], resamples=100
        ).value
    )


def test_comparison_is_paired_and_antisymmetric(result):
    there, back = result.compare("column", "pet"), result.compare("pet", "column")
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert there.low == pytest.approx(-back.high, abs=2e-3)  # BCa quantiles interpolate between resamples
    assert there.n == result.estimate("pet", "harrell_c").n  # the patients both predict
    assert there.value == pytest.approx(there.value_a - there.value_b, abs=1e-12)
    itself = result.compare("column", "column")
    assert (itself.value, itself.low, itself.high) == (0.0, 0.0, 0.0)
    alone = result.estimate("column", "harrell_c").width + result.estimate("clinical", "harrell_c").width
    assert result.compare("column", "clinical").width < alone
    assert result.comparisons()["other"].to_list() == ["lab alone", "ridge", "clinical", "mtv", "pet", "lab"]
    assert result.compare("column", "lab alone").verdict == "better"
    assert result.compare("lab alone", "column").verdict == "worse"
    assert result.compare("column", "kaplan_meier", "ibs").best == "low"


def test_the_verdict_of_a_table_counts_all_its_comparisons(result, monkeypatch):
    alone = Difference(0.1, 0.01, 0.2, 0.95, 70, 40, "", best="high", p_value=0.03)
    assert alone.verdict == "better"
    assert judged(alone, 0.04) == "better"
    assert judged(alone, 0.06) == judged(alone, np.nan) == "not separated"
    others = result.comparisons()["other"].to_list()
    p_values = dict.fromkeys(others, 0.03) | {others[0]: 0.001}
    monkeypatch.setattr(
        Result,
        "compare",
        lambda _, __, other, ___=None: dataclasses.replace(alone, b=other, p_value=p_values[other]),
    )
    table = result.comparisons()
    assert (table["low"] == 0.01).all()  # the interval is that of the one difference
    assert table["verdict"].to_list() == ["better", *["not separated"] * (len(others) - 1)]


def test_curves_fall_and_lie_in_their_band(result):
    curves = result.curves.sort("patient_id", "time_days")
    assert curves["patient_id"].n_unique() == 70
    for column in ("survival", "low", "high"):
        falls = curves.select((pl.col(column).diff().over("patient_id") <= 1e-12).fill_null(True))
        assert falls[column].all()
    assert (curves["low"] <= curves["survival"]).all() and (curves["survival"] <= curves["high"]).all()


def test_bands_of_a_learning_model_have_width():
    cohort = make_cohort(60, seed=5)
    learned = evaluate(
        {"ridge": CoxRidge()}, cohort, "OS", NestedCV(3, 1), bands=12, baselines=False, **QUICK
    )
    width = learned.curves.select((pl.col("high") - pl.col("low")).max().over("patient_id"))["high"]
    assert width.min() > 0.02
    assert learned.bands == 12


def test_a_patient_is_summarised(result):
    groups = result.risk_groups()
    assert set(groups["group"]) == {"low", "intermediate", "high"}
    top = groups.sort("value")["patient_id"][-1]
    summary = result.patient(top)
    assert (summary.group, summary.predicted, summary.out_of_fold) == ("high", True, 2)
    assert summary.percentile == pytest.approx(100 * (67 - 0.5) / 67)
    assert max(summary.survival) * 30.4375 <= result.times_days[-1] + 1e-6
    assert all(e.low <= e.value <= e.high for e in summary.survival.values())
    unknown = result.predictions.filter(pl.col("fold").is_null())["patient_id"][0]
    open_case = result.patient(unknown)
    assert open_case.predicted and open_case.time_days is None and open_case.out_of_fold == 8
    with pytest.raises(InputError, match=r"No patient 'P1000' in the cohort. Did you mean 'P0\d\d'"):
        result.patient("P1000")


def test_a_patient_without_the_modality_has_no_prediction_not_a_zero():
    cohort = make_cohort(60, seed=7)
    result = evaluate({"pet": LateFusion(modalities=["pet"])}, cohort, "OS", DESIGN, **QUICK)
    without = [p for p, there in zip(cohort.patients, cohort.measured["pet"], strict=True) if not there]
    assert without
    summary = result.patient(without[0])
    assert not summary.predicted and summary.percentile is None and summary.survival == {}
    assert "no prediction" in repr(summary)
    assert "'pet' was left out" in " ".join(result.notes)  # the user's model took the baseline's name


def test_response_endpoint(response):
    assert response.metrics[0] == "roc_auc"
    assert response.predictions.columns == [
        "patient_id",
        "model",
        "repeat",
        "fold",
        "probability",
        "response",
    ]
    assert response.curves.columns == ["patient_id", "model", "probability", "low", "high"]
    assert response.table("brier")["model"].to_list()[-1] == "prevalence"
    summary = response.patient(response.cohort.patients[0])
    assert 0 <= summary.probability.value <= 1 and summary.response in (True, False)
    assert response.calibration().groups["n"].sum() == 70
    with pytest.raises(InputError, match="no survival curves"):
        response.figure_groups()


def test_notes_are_honest(result):
    text = "\n".join(result.notes)
    assert result.notes[0].startswith("Synthetic data")
    assert "3 patients without a known OS" in text
    assert "interval of Harrell C is" in text and "wide" in text
    assert "is not shown to be better than" in text or "is better than" in text
    assert "Scored on fewer than 67 patients" in text


def test_shows_itself_and_escapes():
    cohort = make_cohort(50, seed=2)
    result = evaluate({"<script>x": ByColumn()}, cohort, "OS", DESIGN, **QUICK)
    page = result._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;x" in page
    assert "Harrell C" in repr(result)


# -- no leak -----------------------------------------------------------------------------------------------------------


def test_outcomes_of_the_test_part_reach_no_fit():
    cohort = make_cohort(40, seed=1)
    Spy.trained.clear()
    Spy.tested.clear()
    evaluate({"spy": Spy()}, cohort, "OS", NestedCV(4, 1), baselines=False, **QUICK)
    assert len(Spy.trained) == 4
    for (X, y), tested in zip(
        Spy.trained, Spy.tested[::2], strict=True
    ):  # predict, then predict_survival's predict
        assert not set(X["patient_id"]) & set(tested["patient_id"])
        assert X.height == len(y) == 30
        assert X["patient_id"].is_sorted()
        assert not {"time_days", "event"} & set(X.columns)


def test_replacing_the_test_part_leaves_other_folds_models_untouched():
    """What a patient is told depends on them and on the others' data, never on who else is tested with them."""
    cohort = make_cohort(40, seed=1, missing=0)
    design = NestedCV(4, 1)
    test = design.splits(cohort, "OS")[0].test
    victim, rest = cohort.patients[test[0]], [cohort.patients[i] for i in test[1:]]
    block = cohort.blocks["clinical"]
    wild = block.with_columns(
        pl.when(pl.col("patient_id").is_in(rest)).then(99.0).otherwise(pl.col(c)).alias(c)
        for c in block.columns
        if c != "patient_id"
    )
    changed = dataclasses.replace(cohort, blocks={**cohort.blocks, "clinical": wild})
    told = [
        evaluate({"ridge": CoxRidge()}, c, "OS", design, baselines=False, **QUICK)
        .predictions.filter(pl.col("patient_id") == victim)["risk"]
        .to_list()
        for c in (cohort, changed)
    ]
    assert told[0] == told[1]


def test_permuted_outcome_gives_a_c_of_one_half():
    values = []
    for seed in range(6):
        cohort = make_cohort(80, seed=seed, signal=0.0)
        result = evaluate(
            {"ridge": CoxRidge(prior_sd=0.5)}, cohort, "OS", NestedCV(5, 2), baselines=False, **QUICK
        )
        values.append(result.estimate("ridge", "harrell_c").value)
    # one cohort's standard error is about 0.04, so the mean of six lies within 0.05 of 0.5 but for one run in 400
    assert abs(np.mean(values) - 0.5) < 0.05


# -- same inputs, same result ------------------------------------------------------------------------------------------


def test_order_of_patients_changes_nothing():
    cohort = make_cohort(50, seed=3, unknown=2)
    turned = cohort.select(sorted(cohort.patients, reverse=True))
    models = {"ridge": CoxRidge(), "noise": Noise()}
    one, two = (evaluate(models, c, "OS", NestedCV(3, 2), bands=10, **QUICK) for c in (cohort, turned))
    assert one.predictions.equals(two.predictions)
    assert one.curves.equals(two.curves)
    assert one.table().equals(two.table())


@pytest.mark.slow
def test_workers_change_nothing():
    cohort = make_cohort(50, seed=3)
    models = {"ridge": CoxRidge()}
    one, two = (
        evaluate(models, cohort, "OS", NestedCV(3, 1), bands=20, **{**QUICK, "workers": w}) for w in (1, 2)
    )
    assert one.predictions.equals(two.predictions)
    assert one.curves.equals(two.curves)


def test_an_unset_random_state_is_set_by_the_place_of_the_fold():
    cohort = make_cohort(40, seed=3)
    runs = [evaluate({"noise": Noise()}, cohort, "OS", DESIGN, baselines=False, **QUICK) for _ in range(2)]
    assert runs[0].predictions.equals(runs[1].predictions)
    assert runs[0].predictions["risk"].n_unique() == 80
    assert "risks, not probabilities" in runs[0].estimate("noise", "ibs").method


# -- store -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["result", "response"])
def test_a_saved_result_comes_back_equal(which, request, tmp_path):
    result = request.getfixturevalue(which)
    result.save(tmp_path / "r")
    back = Result.load(tmp_path / "r")
    for field in dataclasses.fields(Result):
        if field.name not in ("cohort", "_known", "provenance"):
            a, b = getattr(result, field.name), getattr(back, field.name)
            assert a.equals(b) if isinstance(a, pl.DataFrame) else a == b, field.name
    assert back.table().equals(result.table())
    assert back.notes == result.notes
    assert back.compare("column", "pet") == result.compare("column", "pet")
    assert back.cohort.patients == result.cohort.patients
    assert back.risk_groups().equals(result.risk_groups())
    result.save(tmp_path / "r")  # an older result is replaced
    assert not [path for path in tmp_path.iterdir() if path.name != "r"]


@pytest.mark.parametrize("which", ["result", "response"])
def test_what_every_page_compares_is_not_resampled_again(which, request, tmp_path, monkeypatch):
    result = request.getfixturevalue(which)
    result.save(tmp_path / "r")
    back = Result.load(tmp_path / "r")
    monkeypatch.setattr("hybridx.evaluate.scoring.paired_difference", None)
    assert back.notes == result.notes
    assert back.comparisons().equals(result.comparisons())
    with pytest.raises(TypeError):  # others are computed when they are asked for
        back.compare("pet", "column")


def test_the_same_result_gives_the_same_bytes(result, tmp_path):
    for name in ("a", "b"):
        result.save(tmp_path / name)
        result.compare(result.primary, "pet", metric="ibs")  # what was asked for meanwhile changes nothing
    for file in ("result.json", "predictions.parquet", "curves.parquet", "table.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_what_is_no_result_is_refused(result, tmp_path):
    with pytest.raises(InputError, match="holds no result"):
        Result.load(tmp_path)
    result.save(tmp_path / "r")
    path = tmp_path / "r" / "result.json"
    stored = json.loads(path.read_text())
    for change, words in (
        ({"schema_version": 99}, "format 99"),
        ({"explanation": "os:system"}, "only classes of hybridx"),
    ):
        path.write_text(json.dumps({**stored, **change}))
        with pytest.raises(InputError, match=words):
            Result.load(tmp_path / "r")
    path.write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Result.load(tmp_path / "r")
    keep = tmp_path / "mine"
    keep.mkdir()
    (keep / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        result.save(keep)


# -- failures and refusals ---------------------------------------------------------------------------------------------


def test_a_model_that_fails_in_some_folds_predicts_nothing_there():
    cohort = make_cohort(50, seed=4)
    victim = sorted(cohort.patients)[0]
    models = {"good": ByColumn(), "sometimes": Broken(victim), "never": Broken()}
    result = evaluate(models, cohort, "OS", NestedCV(5, 1), **QUICK)
    text = "\n".join(result.notes)
    assert "sometimes failed in 4 of 5 folds" in text and "cannot be fitted" in text
    assert result.estimate("sometimes", "harrell_c").n == 10
    never = result.estimate("never", "harrell_c")
    assert never.n == 0 and np.isnan(never.value) and "nobody" in never.method
    assert np.isnan(result.compare("good", "never").value)


def test_a_primary_model_that_never_works_is_an_error():
    with pytest.raises(HybridxError, match=r"failed in all 4 folds.*cannot be fitted"):
        evaluate({"broken": Broken()}, make_cohort(40), "OS", NestedCV(4, 1), **QUICK)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"endpoint": "responce"}, InputError, "Did you mean 'response'"),
        ({"endpoint": None}, InputError, "OS, response"),
        ({"cohort": "cohort/"}, InputError, "got str"),
        ({"primary": "colum"}, SettingsError, "Did you mean 'column'"),
        ({"models": {}}, InputError, "models is empty"),
        ({"models": {"c": ByColumn}}, InputError, "wanted an estimator object"),
        ({"models": {"kaplan_meier": ByColumn()}}, InputError, "belongs to the reference"),
        ({"bands": 3}, InputError, "refits >= 10"),
        ({"horizon_days": 1e6}, InputError, "0 patients are followed beyond it"),
        ({"horizon_days": 0.5}, InputError, "0 events lie before it"),
        ({"design": NestedCV(folds=30)}, NotEnoughDataError, "30 folds need at least 60 patients"),
        ({"level": 95.0}, SettingsError, "level"),
    ],
)
def test_refusals_say_what_to_do(settings, error, words):
    arguments = {
        "models": {"column": ByColumn()},
        "cohort": make_cohort(45),
        "endpoint": "OS",
        "design": DESIGN,
        **QUICK,
        **settings,
    }
    with pytest.raises(error, match=words):
        evaluate(**arguments)


def test_unknown_names_in_a_result_get_the_nearest(result):
    with pytest.raises(SettingsError, match="Did you mean 'clinical'"):
        result.compare("column", "clinicl")
    with pytest.raises(SettingsError, match="Did you mean 'harrell_c'"):
        result.table("harell_c")
    with pytest.raises(InputError, match="wanted 2 or 3"):
        result.risk_groups(groups=4)


def test_a_horizon_as_asked_is_on_the_grid():
    result = evaluate({"c": ByColumn()}, make_cohort(60), "OS", NestedCV(3, 1), horizon_days=321.0, **QUICK)
    assert result.horizon_days == 321.0 and 321.0 in result.times_days
    assert result.table("auc_t")["time_days"].unique().to_list() == [321.0]


def test_baselines_that_cannot_be_had_are_named():
    cohort = make_cohort(50)
    blocks = {"lab": cohort.blocks["lab"]}
    bare = Cohort(
        cohort.patients,
        blocks,
        cohort.measured.select("patient_id", "lab"),
        cohort.days.select("patient_id", "lab"),
        cohort.features.filter(pl.col("modality") == "lab"),
        cohort.tables,
    )
    result = evaluate({"c": ByColumn("lab.x0")}, bare, "OS", NestedCV(3, 1), **QUICK)
    text = "\n".join(result.notes)
    assert "No volume-only baseline" in text and "No clinical-only baseline" in text
    assert result.baselines == ("lab",)


# -- explanation hook --------------------------------------------------------------------------------------------------


class Kept(list):
    """An explanation that is the list of patients it was asked about."""

    @classmethod
    def concat(cls, parts):
        return cls(patient for part in parts for patient in part)


def test_the_hook_sees_each_patient_once_with_a_model_that_did_not():
    cohort = make_cohort(40, seed=1, unknown=2)

    def explain(model, X_test, X_train):
        assert model.n_ == X_train.height
        assert not set(X_test["patient_id"]) & set(X_train["patient_id"])
        return Kept(X_test["patient_id"].to_list())

    result = evaluate({"c": ByColumn()}, cohort, "OS", DESIGN, explain=explain, **QUICK)
    assert sorted(result.explanation) == sorted(cohort.patients)


def test_an_explanation_that_fails_is_said_and_costs_nothing_else():
    def explain(model, X_test, X_train):
        msg = "does not add up"
        raise HybridxError(msg)

    result = evaluate({"c": ByColumn()}, make_cohort(40), "OS", DESIGN, explain=explain, **QUICK)
    assert result.explanation is None
    assert any("No explanation in 4 folds: HybridxError: does not add up" in note for note in result.notes)


def test_the_room_can_be_called_and_looked_into():
    assert callable(hx.evaluate)
    assert hx.evaluate.metrics.harrell_c is hx.evaluate.harrell_c
    with pytest.raises(InputError, match="needs `cohort`"):
        hx.evaluate()


# -- nothing from the future -------------------------------------------------------------------------------------------


def test_what_was_measured_after_baseline_does_not_enter():
    cohort = make_cohort(60, seed=9)
    later = cohort.days.with_columns(pet=pl.when(pl.col("pet").is_not_null()).then(60.0))
    later = dataclasses.replace(cohort, days=later)
    late = evaluate({"column": ByColumn("pet.mtv_41pct")}, later, "OS", DESIGN, **QUICK)
    assert not late.cohort.measured["pet"].any()
    assert any("Measured after day 0" in note and "pet (" in note for note in late.notes)
    known = evaluate({"column": ByColumn("pet.mtv_41pct")}, later.at(60), "OS", DESIGN, **QUICK)
    assert known.cohort.measured["pet"].any()
    assert not any("Measured after" in note for note in known.notes)


def test_causes_of_the_event_are_said_to_be_unused():
    cohort = make_cohort(40, seed=8)
    causes = pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("heart")).otherwise(pl.lit("cancer"))
    outcomes = cohort.tables["outcomes"].with_columns(causes.alias("cause"))
    cohort = dataclasses.replace(cohort, tables={**cohort.tables, "outcomes": outcomes})
    result = evaluate({"column": ByColumn()}, cohort, "OS", NestedCV(2, 1), baselines=False, **QUICK)
    (note,) = [n for n in result.notes if "cause" in n]
    assert note.startswith("Every event counts, whatever its cause: cancer (") and "heart (" in note


def test_an_interval_without_width_is_not_called_precise():
    result = evaluate(
        {"same": Same()}, make_cohort(40, seed=8), "OS", NestedCV(2, 1), baselines=False, **QUICK
    )
    (note,) = [n for n in result.notes if "no width" in n]
    assert "same tells no two patients apart" in note
    assert not any("0.00 wide" in n for n in result.notes)


def test_patients_past_the_landmark_are_not_called_unknown():
    result = evaluate({"column": ByColumn()}, make_cohort(60, seed=1).at(60), "OS", NestedCV(2, 1), **QUICK)
    assert any(
        "without a known OS (or with it, or their last follow-up, before day 60)" in n for n in result.notes
    )
