"""What each modality adds in a world where PET adds and lab does not; what is lost with it; who lies outside."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from hybridx.cohort.columns import only_modalities, without_modality
from hybridx.errors import InputError
from hybridx.evaluate import NestedCV, Result, coalitions_of, evaluate
from hybridx.evaluate.added_average import _shapley_weights
from hybridx.evaluate.coalitions import coalition_of
from hybridx.evaluate.designs import LeaveOneCentreOut
from hybridx.evaluate.intervals import Resamples
from hybridx.evaluate.max_t import together
from hybridx.fusion import BlockPenalizedFusion, EarlyFusion, LateFusion
from hybridx.models import CoxRidge
from tests.evaluate.doubles import ByColumn
from tests.evaluate.world import make_cohort

QUICK = {"workers": 1, "progress": False, "resamples": 300}
DESIGN = NestedCV(folds=4, repeats=2, seed=0)


@pytest.fixture(scope="module")
def result():
    cohort = make_cohort(140, seed=3, unknown=4, signal=1.6)
    return evaluate({"early": EarlyFusion()}, cohort, "OS", DESIGN, coalitions=True, stress=True, **QUICK)


@pytest.fixture(scope="module")
def added(result):
    return result.added_value()


# -- coalitions --------------------------------------------------------------------------------------------------------


def test_up_to_five_modalities_every_coalition_is_fitted():
    assert len(coalitions_of("abcde")) == 31
    six = coalitions_of(["a", "b", "clinical", "d", "e", "f"])
    assert six[-1] == ("a", "b", "clinical", "d", "e", "f")
    assert sorted(map(len, six)) == [1] * 6 + [2] * 5 + [5] * 6 + [6]
    assert ("a", "clinical") in six and ("a", "b") not in six


def test_coalitions_are_kept_apart_from_models_and_baselines(result):
    assert len(result.coalitions) == 6
    assert not set(result.coalitions) & set(result.models)
    assert not set(result.coalitions) & set(result.table()["model"])
    assert not set(result.coalitions) & set(result.comparisons()["other"])
    assert result.baselines == ("clinical", "mtv", "pet", "lab")
    assert any("6 coalitions of its 3 modalities" in note for note in result.notes)
    assert not any("early[" in note for note in result.notes)
    name = "early[clinical+pet]"
    assert coalition_of(name) == ("clinical", "pet")
    assert result.estimate(name, "ibs").n == 136
    assert result.compare("early", name).n == 136


def test_a_coalition_sees_its_own_columns_and_patients_only(result):
    has = result.cohort.measured["pet"].to_numpy() | result.cohort.measured["lab"].to_numpy()
    there = dict(zip(result.cohort.patients, has, strict=True))
    rows = result.predictions.filter(pl.col("model") == "early[pet+lab]")
    assert {p for p, v in rows.select("patient_id", "risk").iter_rows() if v is not None} == {
        p for p, v in there.items() if v
    }
    table = result.cohort.frame()
    assert not [c for c in only_modalities(table, ["pet", "lab"]).columns if c.startswith("clinical")]


def test_a_coalition_is_the_model_fitted_by_hand_on_its_columns(result):
    split = DESIGN.splits(result.cohort, "OS")[0]
    table, y = only_modalities(result.cohort.frame(), ["clinical", "lab"]), result.cohort.outcomes("OS")
    model = EarlyFusion().fit(table[split.train], y[split.train])
    by_hand = dict(zip(table[split.test]["patient_id"], model.predict(table[split.test]), strict=True))
    rows = result.predictions.filter(
        (pl.col("model") == "early[clinical+lab]") & (pl.col("repeat") == 0) & (pl.col("fold") == split.fold)
    )
    for patient, risk in rows.select("patient_id", "risk").iter_rows():
        assert risk == pytest.approx(by_hand[patient], abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        LateFusion(modalities=["clinical", "pet"], models={"pet": CoxRidge()}),
        BlockPenalizedFusion(prior_sds={"clinical": 0.3, "pet": 0.1, "lab": 0.1}),
        BlockPenalizedFusion("priority", order=["pet", "clinical"]),
        CoxRidge(columns=["clinical.x0", "pet.x1"]),
    ],
    ids=["modalities", "prior_sds", "order", "columns"],
)
def test_settings_that_name_modalities_are_cut_down(model):
    found = evaluate(
        {"m": model}, make_cohort(70, seed=5), "OS", NestedCV(3, 1), baselines=False, coalitions=True, **QUICK
    )
    assert not [note for note in found.notes if "failed" in note]
    alone = [name for name in found.coalitions if len(coalition_of(name)) == 1]
    assert all(np.isfinite(found.estimate(name, "harrell_c").value) for name in alone)


# -- added value -------------------------------------------------------------------------------------------------------


def test_the_averages_add_up_to_the_whole(result, added):
    whole = result.estimate("early", "harrell_c").value - 0.5
    assert added.averages["added"].sum() == pytest.approx(whole, abs=1e-10)


def test_pet_adds_and_lab_does_not(added):
    averages = {row["modality"]: row for row in added.averages.iter_rows(named=True)}
    assert averages["clinical"]["low_simultaneous"] > 0 and averages["clinical"]["p_adjusted"] < 0.02
    assert averages["pet"]["low"] > 0
    assert averages["lab"]["low"] < 0 < averages["lab"]["high"]
    first = added.increments.filter((pl.col("modality") == "clinical") & (pl.col("added_to") == "(nothing)"))
    assert first["verdict"].item() == "better"
    lab = added.increments.filter(pl.col("modality") == "lab")
    assert set(lab["verdict"]) <= {"not separated"}


def test_increments_are_paired_differences_on_common_patients(result, added):
    row = added.increments.filter(
        (pl.col("modality") == "pet") & (pl.col("added_to") == "clinical + lab")
    ).row(0, named=True)
    by_hand = result.compare("early", "early[clinical+lab]")
    assert row["difference"] == pytest.approx(by_hand.value, abs=1e-12)
    assert (row["low"], row["n"]) == (pytest.approx(by_hand.low), by_hand.n)
    assert row["n_have_it"] < row["n"]
    assert added.increments.height == 12  # 3 modalities, each added to 4 coalitions
    wide = added.increments.select(pl.col("high_simultaneous") - pl.col("low_simultaneous")).to_series()
    narrow = added.increments.select(pl.col("high") - pl.col("low")).to_series()
    assert (wide > narrow).all()


def test_among_those_who_have_it_only_they_count(result):
    added = result.added_value(who_have_it=True).increments
    assert (added["n"] == added["n_have_it"]).all()


def test_a_score_that_is_best_when_low_helps_downwards(result):
    added = result.added_value("ibs")
    row = added.increments.filter((pl.col("modality") == "clinical") & (pl.col("added_to") == "lab")).row(
        0, named=True
    )
    assert row["difference"] < 0 and row["verdict"] == "better"
    assert added.averages["added"].null_count() == 3
    with pytest.raises(InputError, match="best at one"):
        result.added_value("calibration_slope")


def test_shapley_weights_are_those_of_the_orders():
    sets = coalitions_of("abc")
    weights = _shapley_weights(sets, ("a", "b", "c"))
    value = {s: float(len(s) ** 2 + ("a" in s)) for s in sets} | {(): 0.0}
    by_hand = np.zeros(3)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    for order in orders:
        for k, i in enumerate(order):
            before, after = (tuple("abc"[j] for j in sorted(order[:m])) for m in (k, k + 1))
            by_hand[i] += (value[after] - value[before]) / len(orders)
    np.testing.assert_allclose(np.array([value[s] for s in sets]) @ weights, by_hand)


def test_simultaneous_intervals_cover_all_differences_at_once():
    """Ten means without effect, correlated 0.5: all ten covered in 95 % of 300 worlds; 0.915 to 0.985 is 2.8 errors."""
    rng = np.random.default_rng(0)
    weights = Resamples(80, 400).counts.astype(float) / 80
    covered = alarms = 0
    for _ in range(300):
        x = (rng.normal(size=(80, 1)) + rng.normal(size=(80, 10))) / np.sqrt(2)
        found = together(x.mean(axis=0), weights @ x, 0.95)
        covered += bool(((found.low <= 0) & (found.high >= 0)).all())
        alarms += bool(found.p.min() < 0.05)
    assert 0.915 <= covered / 300 <= 0.985
    assert abs(alarms - (300 - covered)) <= 2  # the p-values and the intervals say the same


def test_a_difference_that_never_varies_has_no_interval():
    draws = np.column_stack([np.zeros(200), np.random.default_rng(0).normal(size=200)])
    found = together(np.array([0.0, 0.1]), draws, 0.95)
    assert np.isnan(found.low[0]) and np.isfinite(found.low[1])


# -- stress test -------------------------------------------------------------------------------------------------------


def test_at_no_loss_it_is_the_model_and_at_full_loss_the_model_without(result):
    table = result.stress_test().table
    whole = result.estimate("early", "harrell_c")
    none = table.filter(pl.col("share") == 0)
    assert none["value"].to_list() == pytest.approx([whole.value] * 3) and set(none["change"]) == {0.0}
    assert none["n_lost"].sum() == 0
    full = table.filter((pl.col("share") == 1) & (pl.col("modality") == "pet")).row(0, named=True)
    assert full["n_lost"] == int(
        result.cohort.measured.filter(pl.col("patient_id").is_in(result.scored_patients))["pet"].sum()
    )
    assert full["change"] < 0 and full["n_left_with_nothing"] == 0
    bare = table.filter((pl.col("share") == 1) & (pl.col("modality") == "clinical")).row(0, named=True)
    neither = ~(result.cohort.measured["pet"] | result.cohort.measured["lab"])
    scored = result.cohort.measured.select(pl.col("patient_id").is_in(result.scored_patients)).to_series()
    assert bare["n_left_with_nothing"] == int((neither & scored).sum())
    assert bare["n"] == 136 - bare["n_left_with_nothing"]


def test_the_score_falls_with_the_share_of_what_matters(result):
    stress = result.stress_test()
    clinical = stress.table.filter(pl.col("modality") == "clinical")["value"]
    assert (clinical.diff().drop_nulls() < 0.01).all() and clinical[0] - clinical[-1] > 0.05
    lab = stress.table.filter(pl.col("modality") == "lab")["value"]
    assert abs(lab[0] - lab[-1]) < 0.03
    assert len(stress.figure().data) == 3 and "lost by 100 %" in repr(stress)


def test_a_patient_without_the_modality_is_predicted_the_same_without_it(result):
    lacks = result.cohort.measured.filter(~pl.col("pet"))["patient_id"]
    keys = ["patient_id", "repeat"]
    without = result.predictions_without.filter(pl.col("without") == "pet")
    both = result.predictions.filter(pl.col("model") == "early").join(without, on=keys, suffix="_bare")
    kept = both.filter(pl.col("patient_id").is_in(lacks.implode()))
    assert kept.height > 20 and (kept["risk"] == kept["risk_bare"]).all()
    assert (both["risk"] != both["risk_bare"]).any()


@pytest.mark.slow
def test_a_response_can_be_stressed_and_taken_apart():
    found = evaluate(
        {"late": LateFusion(endpoint="response")}, make_cohort(90, seed=6), "response", NestedCV(3, 1),
        coalitions=True, stress=True, **QUICK,
    )  # fmt: skip
    assert found.added_value().averages["added"].sum() == pytest.approx(
        found.estimate("late", "roc_auc").value - 0.5, abs=1e-10
    )
    assert found.stress_test((0, 1)).table["value"].null_count() == 0


# -- support, store, figures, messages ---------------------------------------------------------------------------------


def test_every_measured_patient_has_a_percentile_per_modality(result):
    support = result.support
    assert support.group_by("modality").len().sort("modality").rows() == [
        (name, int(result.cohort.measured[name].sum())) for name in ("clinical", "lab", "pet")
    ]
    assert support["percentile"].is_between(0, 1).all()
    assert (support["percentile"] > 0.99).mean() < 0.04


def test_a_centre_with_another_unit_is_said_in_the_notes():
    cohort = make_cohort(100, seed=3)
    wrong = cohort.tables["patients"]["centre"] == "B"
    block = cohort.blocks["lab"].with_columns(
        pl.when(wrong).then(pl.col("lab.x2") * 1000).otherwise(pl.col("lab.x2")).alias("lab.x2")
    )
    odd = dataclasses.replace(cohort, blocks={**cohort.blocks, "lab": block})
    found = evaluate({"c": ByColumn()}, odd, "OS", LeaveOneCentreOut(), baselines=False, **QUICK)
    assert any("patients have lab values further out" in note for note in found.notes)
    far = set(
        found.support.filter((pl.col("modality") == "lab") & (pl.col("percentile") > 0.99))["patient_id"]
    )
    centre_b = set(cohort.tables["patients"].filter(wrong)["patient_id"])
    has = set(cohort.measured.filter(pl.col("lab"))["patient_id"])
    assert len(far & centre_b) >= 0.9 * len(has & centre_b)


@pytest.mark.slow
def test_it_all_comes_back_from_disk(result, added, tmp_path):
    result.save(tmp_path / "r")
    back = Result.load(tmp_path / "r")
    assert back.coalitions == result.coalitions and back.models == result.models
    assert back.added_value().increments.equals(added.increments)
    assert back.stress_test().table.equals(result.stress_test().table)
    assert back.support.equals(result.support)


def test_a_finished_fold_is_taken_from_its_checkpoint_whole(tmp_path):
    cohort = make_cohort(60, seed=4)
    ask = {"coalitions": True, "stress": True, "baselines": False, "checkpoint": tmp_path, **QUICK}
    first = evaluate({"m": EarlyFusion()}, cohort, "OS", NestedCV(3, 1), **ask)
    assert len(list((tmp_path / "folds").glob("*.npz"))) == 3
    again = evaluate({"m": EarlyFusion()}, cohort, "OS", NestedCV(3, 1), **ask)
    for name in ("predictions", "predictions_without", "support"):
        assert getattr(first, name).equals(getattr(again, name))


def test_figures_are_drawn(added):
    figure = added.figure()
    assert {trace.name for trace in figure.data} == {"clinical", "pet", "lab"}
    assert "on average" in figure.data[0].y[-1]
    assert "added on average" in repr(added) and "<table" in added._repr_html_()


def test_messages():
    plain = evaluate(
        {"c": ByColumn()}, make_cohort(60, seed=1), "OS", NestedCV(3, 1), baselines=False, **QUICK
    )
    with pytest.raises(InputError, match="coalitions=True"):
        plain.added_value()
    with pytest.raises(InputError, match="stress=True"):
        plain.stress_test()
    with pytest.raises(InputError, match="two or more"):
        evaluate(
            CoxRidge(columns=["pet.x1"]),
            make_cohort(60, seed=1),
            "OS",
            NestedCV(3, 1),
            coalitions=True,
            **QUICK,
        )


def test_shares_are_checked(result):
    with pytest.raises(InputError, match=r"shares=1\.5"):
        result.stress_test((0, 1.5))


def test_taking_a_modality_away_leaves_others_and_flags_alone():
    table = make_cohort(30, seed=1).frame()
    rows = np.arange(30) < 10
    bare = without_modality(table, "lab", rows)
    assert not bare["lab.measured"][:10].any()
    assert bare["lab.x0"][:10].null_count() == 10
    assert bare[10:].equals(table[10:])
    assert bare.drop("lab.measured", "lab.x0", "lab.x1", "lab.x2", "lab.x3").equals(
        table.drop("lab.measured", "lab.x0", "lab.x1", "lab.x2", "lab.x3")
    )
