"""CoxRegression: what a statistician expects of it beyond R's numbers, and how it fails."""

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

from hybridx.cohort import Outcome
from hybridx.errors import ConvergenceError, HybridxWarning, InputError, SettingsError
from hybridx.fusion import LateFusion
from hybridx.fusion.trusted import TRUSTED
from hybridx.models import BreslowBaseline, CoxElasticNet, CoxRegression, CoxRidge, SurvivalForest, XGBoostCox
from hybridx.models.cox_newton import fit_cox
from tests.models.world import draw


def cohort(n=200, seed=0):
    """Return a table with a stratum, an outcome with late entry, and both without it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 60.0, 3.0, 0.0]
    centre = rng.choice(["a", "b", "c"], size=n)
    risk = 0.8 * x[:, 0] + 0.05 * x[:, 1] + (centre == "a")
    time = np.ceil(300 * rng.exponential(size=n) * np.exp(3 - risk)) + 1
    last = rng.integers(100, 2000, size=n)
    frame = pl.DataFrame(x, schema=["clinical.a", "clinical.age", "lab.b", "pet.c"])
    frame = frame.with_columns(centre=pl.Series(centre), patient_id=pl.Series([f"P{i}" for i in range(n)]))
    days, event = np.minimum(time, last), time <= last
    entry = np.floor(rng.random(n) * days * (rng.random(n) < 0.5))
    return frame, Outcome.survival(days, event), Outcome.survival(days, event, entry_days=entry)


def test_summary_is_the_fit_in_the_units_of_the_columns():
    X, y, _ = cohort()
    model = CoxRegression().fit(X, y)
    table = model.summary(level=0.9)
    columns = ["clinical.a", "clinical.age", "lab.b", "pet.c"]
    fit = fit_cox(X.select(columns).to_numpy(), y.time_days, y.event)
    assert table["feature"].to_list() == columns
    np.testing.assert_allclose(table["log_hazard_ratio"], fit.coef, rtol=1e-8)
    np.testing.assert_allclose(table["se"], np.sqrt(np.diag(fit.covariance)), rtol=1e-8)
    np.testing.assert_allclose(table["hazard_ratio"], np.exp(fit.coef), rtol=1e-8)
    np.testing.assert_allclose(np.log(table["high"] / table["low"]) / 2, 1.6448536 * table["se"], rtol=1e-6)
    assert table["p"][1] < 1e-6 < table["p"][3]
    with pytest.raises(SettingsError, match="level"):
        model.summary(level=95)


def test_with_a_penalty_there_are_no_standard_errors():
    X, y, _ = cohort()
    table = CoxRegression(penalty=0.2, l1_ratio=1.0).fit(X, y).summary()
    assert table.columns == ["feature", "log_hazard_ratio", "hazard_ratio"]
    assert table["log_hazard_ratio"][3] == 0.0


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_penalty_is_on_the_scale_of_glmnet(l1_ratio):
    X, y, _, _ = draw(120, seed=4)
    rng = np.random.default_rng(0)
    y = Outcome.survival(y.time_days + rng.random(120), y.event)  # the peer knows no Efron ties
    model = CoxRegression(penalty=0.05, l1_ratio=l1_ratio).fit(X, y)
    prepared = model.preparation_.transform_matrix(X.select(model.columns_).to_numpy())
    peer = CoxnetSurvivalAnalysis(l1_ratio=max(l1_ratio, 1e-12), alphas=[0.05], tol=1e-13, max_iter=1_000_000)
    peer.fit(prepared, Surv.from_arrays(y.event, y.time_days))
    np.testing.assert_allclose(model.coef_, peer.coef_[:, 0], atol=1e-4)


@pytest.mark.parametrize("settings", [{"penalty": 0.03}, {"penalty": 0.03, "l1_ratio": 0.5}])
def test_weight_two_is_a_patient_twice(settings):
    X, y, _ = cohort(80)
    weights = np.random.default_rng(1).integers(0, 3, size=80)
    rows = np.repeat(np.arange(80), weights)
    # columns are scaled by their spread over rows, not over weights: the same rows in both
    weighted = CoxRegression(ties="breslow", **settings)
    weighted.fit(X, y, sample_weight=weights)
    prepared = weighted.preparation_.transform_matrix(X.select(weighted.columns_).to_numpy())
    peer = CoxnetSurvivalAnalysis(
        l1_ratio=max(settings.get("l1_ratio", 0), 1e-12), alphas=[0.03], tol=1e-13, max_iter=1_000_000
    )
    peer.fit(prepared[rows], Surv.from_arrays(y.event[rows], y.time_days[rows]))
    np.testing.assert_allclose(weighted.coef_, peer.coef_[:, 0], atol=1e-4)


def test_penalty_chosen_inside_beats_none_where_features_are_many():
    X, y, _, _ = draw(200, seed=6, missing=0.0)
    train, test = np.arange(100), np.arange(100, 200)
    chosen = CoxRegression(penalty=None, l1_ratio=0.5).fit(X[train], y[train])
    assert chosen.penalty_ in chosen.cv_["penalty"].to_list() and chosen.tuned_ == {
        "penalty": chosen.penalty_
    }
    plain = CoxRegression().fit(X[train], y[train])
    assert chosen.score(X[test], y[test]) > plain.score(X[test], y[test]) - 0.01
    assert chosen.covariance_ is None and plain.covariance_ is not None


def test_each_stratum_has_its_own_curve():
    X, y, _ = cohort()
    model = CoxRegression(strata="centre").fit(X, y)
    assert sorted(model.baselines_) == ["a", "b", "c"] and not hasattr(model, "baseline_")
    same = X[[0, 0, 0]].with_columns(centre=pl.Series(["a", "b", "nowhere"]))
    with pytest.warns(HybridxWarning, match="centre without an event in training: nowhere"):
        curves = model.predict_survival(same, [0, 400, 1000])
    assert (curves[0, 1:] < curves[1, 1:]).all() and np.isnan(curves[2]).all()
    assert (curves[:2, 0] == 1).all()
    assert len(set(model.predict(same))) == 1
    assert hasattr(model.set_params(strata=None).fit(X, y), "baseline_") and not model.baselines_


def test_order_of_rows_changes_nothing():
    X, _, y = cohort()
    order = np.random.default_rng(3).permutation(len(y))
    weights = np.random.default_rng(4).random(len(y))
    for settings in ({}, {"penalty": None, "l1_ratio": 1.0}):
        model = CoxRegression(strata="centre", **settings)
        one = clone(model).fit(X, y, sample_weight=weights).predict(X)
        other = clone(model).fit(X[order], y[order], sample_weight=weights[order]).predict(X)
        np.testing.assert_allclose(other, one, atol=1e-9)


@pytest.mark.parametrize(
    "model", [CoxRegression(), CoxRegression(penalty=None, l1_ratio=0.5), CoxRidge(), LateFusion()], ids=repr
)
def test_delayed_entry_is_honoured(model):
    X, y, late = cohort(300)
    a, b = clone(model).fit(X, y), clone(model).fit(X, late)  # a warning would be an error
    assert np.abs(a.predict(X) - b.predict(X)).max() > 1e-3
    # everyone entering at 0 is the ordinary case
    from_start = Outcome.survival(y.time_days, y.event, entry_days=np.zeros(300))
    np.testing.assert_array_equal(clone(model).fit(X, from_start).predict(X), a.predict(X))


def test_delayed_entry_removes_the_survivors_advantage():
    """Patients seen only because they lived long enough: counted from day 0, the hazard comes out too low."""
    rng = np.random.default_rng(0)
    time, entry = rng.exponential(size=20_000) * 400, rng.uniform(0, 800, size=20_000)
    seen = time > entry
    time, entry, event = time[seen], entry[seen], np.ones(int(seen.sum()), dtype=bool)
    eta = np.zeros(len(time))
    right = BreslowBaseline.fit(time, event, eta, entry=entry).survival(np.zeros(1), [400.0])[0, 0]
    wrong = BreslowBaseline.fit(time, event, eta).survival(np.zeros(1), [400.0])[0, 0]
    assert right == pytest.approx(np.exp(-1), abs=0.02)
    assert wrong > 0.5


@pytest.mark.parametrize(
    "model",
    [
        SurvivalForest(n_trees=10, min_leaf=5),
        XGBoostCox(max_depth=1, n_rounds=10),
        CoxElasticNet(l1_ratio=0.5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_that_ignore_delayed_entry_say_so_by_name(model):
    X, _, late = cohort(100)
    with pytest.warns(HybridxWarning, match=f"{type(model).__name__} does not use entry_days"):
        clone(model).fit(X, late)
    with pytest.warns(HybridxWarning, match=f"{type(model).__name__} does not use entry_days"):
        LateFusion(model, modalities=["clinical"]).fit(X, late)


def test_collinear_columns_are_named():
    X, y, _ = cohort()
    X = X.with_columns((2 * pl.col("clinical.a") - pl.col("lab.b")).alias("lab.copy"))
    with pytest.raises(
        ConvergenceError, match=r"1 of 5 follow from the others.*clinical\.a.*lab\.b.*lab\.copy"
    ) as caught:
        CoxRegression().fit(X, y)
    assert "age" not in str(caught.value) and "pet.c" not in str(caught.value)
    assert np.isfinite(CoxRegression(penalty=0.01).fit(X, y).coef_).all()


def test_a_column_constant_within_strata_is_named():
    X, y, _ = cohort()
    X = X.with_columns((pl.col("centre") == "a").cast(pl.Float64).alias("clinical.site"))
    CoxRegression().fit(X, y)
    with pytest.raises(
        ConvergenceError, match=r"do not differ between patients at risk together: clinical\.site"
    ):
        CoxRegression(strata="centre").fit(X, y)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_complete_separation_is_named(ties):
    X, y, _ = cohort()
    # nobody without the marker ever has the event
    X = X.with_columns(pl.Series("lab.marker", np.where(y.event, 1.0, 0.0)))
    with pytest.raises(
        ConvergenceError, match=r"No finite estimate exists: lab\.marker \(.*\) separates"
    ) as caught:
        CoxRegression(ties=ties).fit(X, y)
    assert "age" not in str(caught.value)
    assert np.isfinite(CoxRegression(penalty=0.01, ties=ties).fit(X, y).coef_).all()


def test_large_effects_of_wide_columns_are_no_separation():
    X, y, _ = cohort(400)
    far = X.with_columns(pl.col("clinical.age") * 1e6, pl.col("lab.b") * 1e-6)
    a, b = CoxRegression().fit(X, y), CoxRegression().fit(far, y)
    np.testing.assert_allclose(b.predict(far), a.predict(X), atol=1e-7)


def test_strata_must_be_a_known_filled_column_and_no_feature():
    X, y, _ = cohort()
    with pytest.raises(SettingsError, match=r"center.*centre"):
        CoxRegression(strata="center").fit(X, y)
    with pytest.raises(SettingsError, match="without dot"):
        CoxRegression(strata="lab.b").fit(X, y)
    holes = X.with_columns(centre=pl.when(pl.col("patient_id") == "P3").then(None).otherwise("centre"))
    with pytest.raises(InputError, match="1 of 200 patients have no 'centre'"):
        CoxRegression(strata="centre").fit(holes, y)
    with pytest.raises(SettingsError, match="fitted on a table"):
        LateFusion(CoxRegression(strata="centre"), modalities=["clinical"]).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalty": -1.0}, "penalty is >= 0"),
        ({"l1_ratio": 2.0}, "l1_ratio lies"),
        ({"ties": "exact"}, "ties"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    X, y, _ = cohort(60)
    with pytest.raises(SettingsError, match=message):
        CoxRegression(**settings).fit(X, y)
    with pytest.raises(InputError, match="sample_weight holds 60"):
        CoxRegression().fit(X, y, sample_weight=np.ones(59))


def test_a_fitted_model_can_be_locked():
    X, y, _ = cohort()
    model = CoxRegression(strata="centre").fit(X, y)
    again = skops.io.loads(skops.io.dumps(model), trusted=list(TRUSTED))
    np.testing.assert_array_equal(again.predict_survival(X, [300]), model.predict_survival(X, [300]))
    assert again.summary().equals(model.summary())
