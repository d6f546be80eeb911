"""Ordered and continuous endpoints evaluated whole, decision curves and thresholds of a result."""

import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator

from hybridx.cohort import Cohort, Outcome
from hybridx.cohort.columns import to_matrix
from hybridx.errors import HybridxError, InputError, NotEnoughDataError
from hybridx.evaluate import NestedCV, Result, evaluate, metrics
from hybridx.evaluate.decisions import net_benefit_values, treat_all_values
from hybridx.evaluate.plan import default_models
from hybridx.fusion import EarlyFusion, LateFusion
from hybridx.fusion.locked import LockedModel
from hybridx.fusion.locking import lock
from hybridx.models import OrdinalModel
from hybridx.report import cohort_report, patient_page
from tests.evaluate.doubles import ByColumn
from tests.evaluate.world import make_cohort

QUICK = {"workers": 1, "progress": False, "resamples": 200}
DESIGN = NestedCV(folds=3, repeats=2, seed=0)
LEVELS = np.array(["CR", "PR", "SD", "PD"], dtype=object)


def cohort_of_all_kinds(n=90, seed=3):
    cohort = make_cohort(n, seed=seed)
    x = np.nan_to_num(to_matrix(cohort.frame(), ["clinical.x0"])[:, 0])
    latent = x + 0.5 * np.random.default_rng(seed).logistic(size=n)
    level = LEVELS[np.searchsorted(np.quantile(latent, [0.2, 0.5, 0.8]), latent)]
    level[[2, 5]] = None
    value = np.where(np.arange(n) == 4, np.nan, 20 * latent)
    ordinal = Outcome.ordinal(level.tolist(), criterion="RECIST", endpoint="best")
    continuous = Outcome.continuous(value, endpoint="change", unit="%")
    return cohort.with_outcome(ordinal).with_outcome(continuous)


def early_ordinal():
    return EarlyFusion(OrdinalModel(prior_sd=0.4), endpoint="ordinal")  # nothing to tune: quick


@pytest.fixture(scope="module")
def cohort():
    return cohort_of_all_kinds()


@pytest.fixture(scope="module")
def ordinal(cohort):
    return evaluate({"early": early_ordinal()}, cohort, "best", DESIGN, bands=10, **QUICK)


@pytest.fixture(scope="module")
def continuous(cohort):
    return evaluate(None, cohort, "change", DESIGN, bands=10, **QUICK)


@pytest.fixture(scope="module")
def response(cohort):
    return evaluate({"column": ByColumn()}, cohort, "response", DESIGN, **QUICK)


@pytest.fixture(scope="module")
def survival(cohort):
    return evaluate({"column": ByColumn()}, cohort, "OS", DESIGN, **QUICK)


# -- ordered and continuous endpoints ----------------------------------------------------------------------------------


def test_a_cohort_keeps_every_kind_of_outcome(cohort, tmp_path):
    cohort.save(tmp_path / "cohort")
    again = Cohort.load(tmp_path / "cohort")
    for name in ("OS", "response", "best", "change"):
        y = cohort.outcomes(name)
        assert again.outcomes(name) == y
        assert cohort.with_outcome(y).outcomes(name) == y  # in its own place
    assert again.outcomes("best").levels == ("CR", "PR", "SD", "PD")
    assert "20 to" not in repr(cohort) and "CR 1" in repr(cohort) and "continuous" in repr(cohort)
    with pytest.raises(InputError, match="90 patients"):
        cohort.with_outcome(Outcome.continuous([1.0, 2.0]))


def test_defaults_baselines_and_reference_of_each_kind(ordinal, continuous):
    assert ordinal.models == ("early", "clinical", "mtv", "pet", "lab", "level_shares")
    assert continuous.models == ("early", "clinical", "mtv", "pet", "lab", "mean_value")
    assert (
        set(default_models("ordinal")) == {"early"}
        and default_models("ordinal")["early"].endpoint == "ordinal"
    )
    assert ordinal.metrics[0] == "ordinal_c" and continuous.metrics[0] == "r2"
    assert ordinal.table("rps")["model"].to_list()[-1] == "level_shares"
    assert "level_shares" not in ordinal.table("ordinal_c")["model"].to_list()
    assert ordinal.table("ordinal_c")["n_events"].is_null().all()
    assert ordinal.estimate("early", "ordinal_c").low > 0.5
    assert ordinal.estimate("lab", "ordinal_c").value < 0.65  # lab values are noise
    assert ordinal.compare("early", "level_shares", "rps").verdict == "better"
    assert continuous.compare("early", "mean_value", "rmse").verdict == "better"


def test_out_of_fold_predictions_hold_levels_and_values(ordinal, continuous):
    rows = ordinal.predictions.filter(pl.col("model") == "early")
    levels = rows["levels"].to_numpy()
    assert levels.shape == (180, 4)
    np.testing.assert_allclose(levels.sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(levels @ np.arange(4), rows["expected_rank"].to_numpy(), atol=1e-12)
    unknown = rows.filter(pl.col("level").is_null())
    assert unknown["patient_id"].n_unique() == 2 and unknown["fold"].is_null().all()
    panel = ordinal.panel("early")
    direct = metrics.quadratic_kappa(panel.outcome, panel.levels, resamples=200)
    assert direct.value == pytest.approx(ordinal.estimate("early", "quadratic_kappa").value, abs=1e-12)
    told = continuous.predictions.filter((pl.col("model") == "mean_value") & pl.col("fold").is_not_null())
    by_fold = told.group_by("repeat", "fold").agg(pl.col("predicted").first(), pl.col("value").mean())
    assert by_fold["predicted"].n_unique() > 1  # the mean of the training part, not of all patients


def test_every_fold_has_its_share_of_each_level_and_fifth(cohort):
    for name, groups in (("best", 4), ("change", 5)):
        y = cohort.outcomes(name)
        cuts = np.nanquantile(y.value, [0.2, 0.4, 0.6, 0.8])
        group = y.value if name == "best" else np.searchsorted(cuts, y.value)
        for split in NestedCV(3, 2).splits(cohort, name):
            counts = [np.sum(group[split.test] == g) for g in range(groups)]
            whole = [np.sum(group[y.known] == g) for g in range(groups)]
            assert np.abs(np.array(counts) - np.array(whole) / 3).max() <= 2


def test_a_result_of_each_kind_shows_itself_and_comes_back(ordinal, continuous, tmp_path):
    for result, words in ((ordinal, "CR 18, PR 2"), (continuous, "%")):
        assert words in repr(result) and words in result._repr_html_()
        assert "predicted:" in repr(result.patient(result.scored_patients[0]))
        assert "found:" in repr(result.patient(result.scored_patients[0]))
        assert result.curves.drop_nulls().height > 80
        assert (result.curves["low"] <= result.curves["high"]).all()
        assert result.risk_groups().drop_nulls().height == len(result.scored_patients)
        result.save(tmp_path / result.endpoint)
        again = Result.load(tmp_path / result.endpoint)
        assert again.table().equals(result.table()) and again.predictions.equals(result.predictions)
        assert len(result.figure_predicted().data) >= 1
        for ask in (result.calibration, result.decision_curve, result.d_calibration, result.at_threshold):
            with pytest.raises(InputError, match="endpoint"):
                ask()


def test_a_patient_page_and_the_cohort_report_of_another_kind(ordinal, continuous):
    assert "the likeliest level" in patient_page(ordinal, patient=ordinal.scored_patients[0]).html
    assert "predicted: change" in patient_page(continuous, patient=continuous.scored_patients[0]).html
    assert "Ordinal C" in cohort_report(ordinal).html


def test_levels_found_against_levels_told(ordinal, continuous):
    table = ordinal.confusion()
    assert table.columns == ["found", "CR", "PR", "SD", "PD"]
    counts = table.drop("found").to_numpy()
    assert counts.sum() == pytest.approx(88)
    assert np.trace(counts) / 88 == pytest.approx(ordinal.estimate("early", "accuracy").value, abs=1e-12)
    with pytest.raises(InputError, match="ordinal"):
        continuous.confusion()


def test_the_order_of_patients_and_workers_change_nothing(cohort, ordinal):
    shuffled = cohort.select(np.random.default_rng(0).permutation(list(cohort.patients)).tolist())
    again = evaluate({"early": early_ordinal()}, shuffled, "best", DESIGN, baselines=False, **QUICK)
    ours = ordinal.predictions.filter(pl.col("model") == "early")
    np.testing.assert_allclose(again.predictions["expected_rank"], ours["expected_rank"], atol=1e-9)


class Odd(BaseEstimator):
    """Gives something else than probabilities of four levels."""

    def __init__(self, what="shape"):
        self.what = what

    def fit(self, X, y):  # noqa: ARG002 - scikit-learn's signature
        return self

    def predict_proba(self, X):
        return np.full((X.height, 2 if self.what == "shape" else 4), 0.5)

    def predict(self, X):
        return np.full(X.height, np.inf)


@pytest.mark.parametrize(
    ("model", "endpoint", "words"),
    [
        (Odd(), "best", r"should be \(\d+, 4\)"),
        (Odd("sum"), "best", "sum to 1"),
        (Odd(), "change", "infinite"),
        (LateFusion(endpoint="response"), "best", "best"),
    ],
)
def test_what_a_model_gives_is_checked(cohort, model, endpoint, words):
    with pytest.raises(HybridxError, match=words):
        evaluate({"odd": model}, cohort, endpoint, DESIGN, baselines=False, **QUICK)


def test_too_few_of_a_level_is_said(cohort):
    rare = ["CR"] * 2 + ["PR"] * 44 + ["SD"] * 44
    few = cohort.with_outcome(Outcome.ordinal(rare, levels=["CR", "PR", "SD"], endpoint="rare"))
    with pytest.raises(NotEnoughDataError, match="2 CR"):
        NestedCV(3, 1).splits(few, "rare")


def test_early_fusion_of_an_ordinal_outcome_is_its_learner_and_can_be_locked(cohort, tmp_path):
    X, y = cohort.frame(), cohort.outcomes("best")
    known = y.known
    model = EarlyFusion(endpoint="ordinal").fit(X.filter(pl.Series(known)), y[known])
    plain = OrdinalModel(columns=model.model_.columns_).fit(model.wide(X).filter(pl.Series(known)), y[known])
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(model.wide(X)), atol=1e-12)
    assert set(np.unique(model.predict(X))) <= {0.0, 1.0, 2.0, 3.0}
    assert model.score(X.filter(pl.Series(known)), y[known]) > 0.6
    lock(model, X, y, cohort=cohort).save(tmp_path / "model")
    told = LockedModel.load(tmp_path / "model").predict(cohort)
    names = [f"probability_{level}" for level in y.levels]
    np.testing.assert_allclose(told.select(names).to_numpy(), model.predict_proba(X), atol=1e-12)
    assert not hasattr(model, "predict_survival")
    assert not hasattr(EarlyFusion(endpoint="continuous"), "predict_proba")


# -- decisions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["survival", "response"])
def test_a_decision_curve_is_net_benefit_beside_treating_all_and_none(name, request):
    result = request.getfixturevalue(name)
    table = result.decision_curve(["column"], [0.2, 0.4])
    assert table["model"].to_list() == ["column"] * 2 + ["treat all"] * 2 + ["treat none"] * 2
    panel, at = result.panel("column"), result.horizon_days
    once = np.ones((1, panel.n))
    own, all_ = (f(panel, once, at, [0.2, 0.4])[0] for f in (net_benefit_values, treat_all_values))
    np.testing.assert_allclose(table["net_benefit"][:4], np.concatenate([own, all_]), atol=1e-12)
    np.testing.assert_allclose(table["gain"][:2], own - np.maximum(all_, 0), atol=1e-12)
    rows = table.filter(pl.col("model") == "column")
    assert (rows["low"] <= rows["net_benefit"]).all() and (rows["net_benefit"] <= rows["high"]).all()
    assert rows["flagged"].is_sorted(descending=True)
    assert result.decision_curve().height == 99 * (len(result.models) - 1 + 2)  # without the reference
    figure = result.figure_decision_curve(thresholds=[0.2, 0.4])
    drawn = {trace.name for trace in figure.data if trace.name}
    assert any(text.startswith("column (n = ") for text in drawn) and "treat none" in drawn
    with pytest.raises(InputError, match="above 0 and below 1"):
        result.decision_curve(thresholds=[0.0, 0.5])


def test_response_at_a_threshold_of_a_result(response, survival):
    table = response.at_threshold("prevalence")
    assert table["model"].unique().len() == len(response.models) - 1
    assert table["threshold"].unique().to_list() == ["prevalence, learnt on the other folds"]
    half = response.at_threshold().filter((pl.col("model") == "column") & (pl.col("metric") == "sensitivity"))
    assert half["value"][0] == pytest.approx(response.estimate("column", "sensitivity").value, abs=1e-12)
    assert "sensitivity" not in response.table()["metric"].to_list()  # a threshold is asked for, not assumed
    with pytest.raises(InputError, match="decision_curve"):
        survival.at_threshold()


def test_curves_and_movers_of_a_result(survival, response):
    found = survival.d_calibration()
    assert found.bins["count"].sum() == pytest.approx(found.n)
    assert 0 <= found.p_value <= 1
    moved = survival.reclassification("column", "clinical", [0.3, 0.6])
    assert moved.table["n"].sum() == survival.panel("clinical").n
    same = response.reclassification("column", "column", [0.5])
    assert (same.nri_events, same.nri_non_events) == (0.0, 0.0)
