"""Importance, dependence, stability and sanity: what they say of many patients, against what is known of them."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from hybridx.cohort import Outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.explain import Explanation, explain, refit_stability, sanity_test
from hybridx.explain.stability import halves
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.models import CoxRidge
from tests.explain.toys import Toy
from tests.models.world import draw

NASTY = "<b>x</b>"


def told(contributions, values=None, *, folds=None, ids=None):
    """Return an explanation with given contributions (n, p) of clinical.a, clinical.b, ..."""
    n, p = contributions.shape
    names = [f"clinical.{'abcdefgh'[j]}" for j in range(p)]
    ids = [f"P{i}" for i in range(n)] if ids is None else ids
    features = pl.DataFrame(contributions, schema=names, orient="row").insert_column(
        0, pl.Series("patient_id", ids)
    )
    values = contributions if values is None else values
    shown = pl.DataFrame(values, schema=names, orient="row").fill_nan(None)
    return Explanation(
        features,
        pl.DataFrame({"patient_id": ids, "clinical": contributions.sum(axis=1)}),
        np.zeros(n),
        contributions.sum(axis=1),
        shown.insert_column(0, pl.Series("patient_id", ids)),
        "log-hazard",
        "given",
        folds=None if folds is None else np.asarray(folds),
    )


@pytest.fixture(scope="module")
def folded():
    X, y, *_ = draw(100, seed=4)
    X = X.rename({"pet.x0": f"pet.{NASTY}"})
    parts = []
    for k in range(4):
        test = np.arange(k, 100, 4)
        train = np.setdiff1d(np.arange(100), test)
        parts.append(explain(LateFusion().fit(X[train], y[train]), X[test], X[train], knowing=False))
    return parts, Explanation.concat(parts)


def test_importance_is_what_the_plain_table_says_with_an_interval_around_it(folded):
    _, why = folded
    for level in ("feature", "modality"):
        found, plain = why.importance_intervals(level), why.importance(level)
        assert found.table()[level].to_list() == plain[level].to_list()
        np.testing.assert_allclose(found.table()["mean_abs"], plain["mean_abs"])
        np.testing.assert_allclose(found.table()["share"], plain["share"])
        rows = found.table()
        assert (rows["low"] >= 0).all()
        assert ((rows["low"] <= rows["mean_abs"]) & (rows["mean_abs"] <= rows["high"])).all()
        assert "4 folds and 100 patients" in found.method
    assert found.table(2).height == 2
    figure = str(why.importance_intervals().plot(30).to_dict())
    assert "<b>" not in figure and "&lt;b&gt;" in figure
    assert why.importance_intervals().table().equals(why.importance_intervals().table())
    assert "other training patients would have given" in str(why.importance_intervals())


def test_interval_over_patients_is_the_textbook_one_for_a_mean():
    size = np.random.default_rng(0).gamma(2.0, size=(400, 1))
    rows = told(size).importance_intervals(resamples=4000).table()
    error = size.std(ddof=1) / np.sqrt(400)
    assert rows["low"][0] == pytest.approx(size.mean() - 1.96 * error, abs=0.15 * error)
    assert rows["high"][0] == pytest.approx(size.mean() + 1.96 * error, abs=0.15 * error)


def test_interval_over_folds_is_the_grouped_jackknife():
    by_fold = np.array([1.0, 1.4, 0.8, 1.2, 1.1])
    folds = np.repeat(np.arange(5), 10)
    rows = told(by_fold[folds][:, None], folds=folds).importance_intervals().table()
    # t(0.975, 4 degrees of freedom); delete-a-group jackknife of 5 groups, on the scale of factors
    ratio = 2.776445105 * by_fold.std(ddof=1) * 4 / np.sqrt(5) / 1.1
    assert ratio > 1
    assert rows["high"][0] == pytest.approx(1.1 * np.e * ratio)
    assert rows["low"][0] == pytest.approx(1.1 * np.exp(-ratio))
    assert rows["folds"].to_list() == [5]
    near = told((1.1 + 0.01 * by_fold)[folds][:, None], folds=folds).importance_intervals().table()
    assert near["high"][0] * near["low"][0] == pytest.approx(near["mean_abs"][0] ** 2)


def test_a_patient_tested_twice_is_drawn_as_one():
    rng = np.random.default_rng(1)
    size = rng.gamma(2.0, size=(60, 1))
    assert "of this one model, not what other training patients" in str(told(size).importance_intervals())
    once = told(size).importance_intervals().table()
    ids = [f"P{i}" for i in range(60)] * 2
    twice = told(np.vstack([size, size]), ids=ids).importance_intervals().table()
    assert twice["high"][0] - twice["low"][0] == pytest.approx(once["high"][0] - once["low"][0])


def test_importance_refuses():
    with pytest.raises(NotEnoughDataError, match="4 patients have an explained prediction; 5"):
        told(np.ones((4, 2))).importance_intervals()
    with pytest.raises(SettingsError, match=r"confidence in \[0.5, 1\)"):
        told(np.ones((9, 2))).importance_intervals(confidence=1.5)
    with pytest.raises(InputError, match=r"'modalities'. Did you mean 'modality'"):
        told(np.ones((9, 2))).importance_intervals("modalities")


def test_folds_survive_saving_and_a_model_does_not(folded, tmp_path):
    parts, why = folded
    np.testing.assert_array_equal(why.folds, np.repeat(np.arange(4), 25))
    again = Explanation.load(why.save(tmp_path / "why"))
    np.testing.assert_array_equal(again.folds, why.folds)
    assert parts[0].source is not None
    assert why.source is None and again.source is None
    assert Explanation.load(parts[0].save(tmp_path / "one")).source is None
    assert parts[0].__getstate__()["source"] is None
    with pytest.raises(InputError, match="no model to ask"):
        why.counterfactual("P003")


def test_dependence_of_a_linear_feature_is_its_line():
    value = np.random.default_rng(2).normal(size=(120, 2))
    why = told(value * [0.5, -2.0], value)
    for feature, slope in (("clinical.a", 0.5), ("clinical.b", -2.0)):
        found = why.dependence(feature)
        assert found.trend.value == pytest.approx(np.sign(slope))
        np.testing.assert_allclose(found.points["contribution"], slope * found.points["value"])
        bins = found.table()
        assert bins["n"].sum() == 120
        middle = slope * (bins["from"] + bins["to"]).to_numpy() / 2
        assert np.corrcoef(middle, bins["contribution"])[0, 1] > 0.95
        assert (bins["low"] <= bins["contribution"]).all()
    assert found.plot().layout.xaxis.title.text == "clinical.b"
    assert "colorbar" in str(why.dependence("clinical.a", colour="clinical.b").plot().data[0])


def test_dependence_tells_the_missing_apart_and_leaves_out_those_without_the_modality(folded):
    parts, _ = folded
    why = parts[0]
    found = why.dependence("pet.x1")
    absent = why.modalities["pet"] == 0
    assert absent.any()
    assert found.points.height == int((~absent).sum())
    assert found.points["value"].null_count() == found.table().filter(pl.col("from").is_null())["n"].sum()
    x0 = why.dependence(f"pet.{NASTY}")
    assert "<b>" not in str(x0.plot().to_dict())


def test_dependence_of_categories_and_of_nothing():
    rng = np.random.default_rng(3)
    value = np.column_stack([rng.integers(0, 3, 60), np.ones(60), rng.normal(size=60)]).astype(float)
    why = told(value * [1.0, 0.0, 1.0], value)
    assert why.dependence("clinical.a").table()["from"].to_list() == [0.0, 1.0, 2.0]
    nothing = why.dependence("clinical.b")
    assert np.isnan(nothing.trend.value)
    assert "undefined" in repr(nothing)
    with pytest.raises(InputError, match=r"Did you mean 'clinical\.a'"):
        why.dependence("clincal.a")


def test_stability_over_folds_is_the_mean_rank_correlation(folded):
    parts, why = folded
    found = why.stability(top=5)
    sizes = [p.importance().sort("feature")["mean_abs"].to_numpy() for p in parts]
    expected = np.mean([spearmanr(sizes[i], sizes[j])[0] for i in range(4) for j in range(i)])
    assert found.agreement.value == pytest.approx(expected)
    assert found.agreement.low <= expected <= found.agreement.high <= 1
    assert found.refits == 4
    assert (found.table()["low"] <= found.table()["rank"]).all()
    assert found.table()["share"].max() <= 1
    assert "&lt;b&gt;" in str(found.plot(30).to_dict())
    with pytest.raises(NotEnoughDataError, match="the explanation has 1 of them"):
        parts[0].stability()


def test_equal_folds_are_perfectly_stable_and_random_ones_are_not():
    size = np.abs(np.random.default_rng(5).normal(size=(1, 8)))
    folds = np.repeat(np.arange(5), 6)
    same = told(np.repeat(size, 30, axis=0), folds=folds).stability(top=3)
    assert same.agreement.value == 1.0 and same.overlap.value == 1.0
    assert same.table()["rank"].to_list() == list(range(1, 9))
    rng, agreements, overlaps = np.random.default_rng(6), [], []
    for _ in range(60):
        noise = told(rng.normal(size=(5, 8))[folds], folds=folds).stability(top=3)
        agreements.append(noise.agreement.value)
        overlaps.append(noise.overlap.value)
    assert abs(np.mean(agreements)) < 0.05  # 10 pairs of 8 ranks, 60 times: standard error 0.02
    assert abs(np.mean(overlaps)) < 0.06


def test_halves_share_nobody_and_keep_a_patient_together():
    frame = pl.DataFrame({"patient_id": ["a", "b", "c", "d", "e"] * 2, "clinical.x": np.arange(10.0)})
    for one, other in halves(frame, 5, seed=0):
        assert sorted([*one, *other]) == list(range(10))
        assert not set(frame["patient_id"][one]) & set(frame["patient_id"][other])
        assert abs(len(one) - len(other)) == 2


@pytest.fixture(scope="module")
def cohort():
    return draw(90, seed=7)[:2]


MODEL = CoxRidge(columns=["clinical.x0", "clinical.x1", "pet.x0", "pet.x1", "lab.x0", "lab.x1"], prior_sd=0.4)


def test_refits_on_halves_agree_where_there_is_signal(cohort):
    X, y = cohort
    found = refit_stability(EarlyFusion(MODEL), X, y, splits=4, level="modality", top=1)
    assert found.refits == 8
    assert found.table()["modality"].to_list()[-1] == "lab"  # pure noise in this world
    assert found.agreement.low <= found.agreement.value <= found.agreement.high
    again = refit_stability(EarlyFusion(MODEL), X, y, splits=4, level="modality", top=1)
    assert again.agreement == found.agreement
    with pytest.raises(SettingsError, match="splits=2"):
        refit_stability(MODEL, X, y, splits=2)


def test_sanity_passes_with_signal_and_not_without(cohort):
    X, y = cohort
    real = sanity_test(EarlyFusion(MODEL), X, y)
    assert real.passed and real.p == 0.05
    assert real.agreement > real.shuffled.max()
    assert real.likeness < 0.5
    assert "follows the outcome" in repr(real)
    assert real.table().height == 20
    assert real.plot().layout.xaxis.title.text
    noise = sanity_test(EarlyFusion(MODEL), X, y[np.random.default_rng(11).permutation(90)])
    assert not noise.passed
    assert "do not read it" in repr(noise)
    with pytest.raises(SettingsError, match="19 shuffles"):
        sanity_test(MODEL, X, y, shuffles=9)
    with pytest.raises(SettingsError, match="level='voxel'"):
        sanity_test(MODEL, X, y, level="voxel")


def test_sanity_unmasks_a_model_that_does_not_look_at_outcomes(cohort):
    X, y = cohort

    class Stubborn(EarlyFusion):
        """Its explanation is the same whatever happened to the patients."""

        def fit(self, frame, outcome):
            last = np.arange(len(outcome)) + 1.0
            return super().fit(frame, Outcome.survival(last, np.ones(len(last), dtype=bool)))

    X = X.with_columns(pl.col("clinical.x0").fill_null(0.0)).sort("clinical.x0")
    found = sanity_test(Stubborn(MODEL), X, y)
    assert not found.passed and found.p == 1.0
    assert found.likeness == pytest.approx(1.0)
    assert found.rank_likeness == pytest.approx(1.0)


class Mute(Toy):
    """Says the same of everybody."""

    def formula(self, values, measured):  # noqa: ARG002
        return np.zeros(len(values))


def test_a_model_that_finds_nothing_agrees_with_nobody(cohort):
    X, y = cohort
    found = sanity_test(Mute(columns={"clinical": ["clinical.x0"], "lab": ["lab.x0"]}), X, y)
    assert found.agreement == 0.0 and found.p == 1.0


def test_explanations_stay_replaceable(folded):
    parts, _ = folded
    assert dataclasses.replace(parts[0], units={}).source is parts[0].source
    assert parts[0].with_units({"pet.x1": "1"}).source is parts[0].source
