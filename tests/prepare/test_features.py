"""What each step is for: gaps filled within the modality, stable columns kept, blocks that weigh the same."""

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import Ridge

from hybridx.cohort import Outcome
from hybridx.errors import HybridxWarning, InputError, NotEnoughDataError, SettingsError
from hybridx.prepare import (
    BlockImputer,
    BlockScaler,
    CorrelationClusters,
    DeltaFeatures,
    LogTransform,
    Preparation,
    PrincipalComponents,
    RankTransform,
    StabilityFilter,
    UnivariateScreen,
    VarianceFilter,
    Winsorizer,
    adjusted,
    icc,
)
from hybridx.prepare.chained import ChainedRidge
from hybridx.prepare.reliability import icc_columns
from tests.prepare.world import cohort, retest

X, Y = cohort()
columns_of = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40)


def matrix(frame, modality):
    return frame.select(pl.col(f"^{modality}\\.x.*$")).to_numpy()


# Imputation


@pytest.mark.parametrize("method", ["median", "knn", "ridge"])
def test_imputation_never_crosses_modalities(method):
    out = BlockImputer(method).fit_transform(X)
    measured = X["pet.measured"].to_numpy()
    assert np.isfinite(matrix(out, "pet")[measured]).all() and np.isnan(matrix(out, "pet")[~measured]).all()
    # whatever happens to the lab values, or who has them, PET is imputed as before
    noisy = X.with_columns(pl.col("^lab\\.x.*$") * -50.0).with_columns(
        pl.lit(value=True).alias("lab.measured")
    )
    np.testing.assert_array_equal(
        matrix(BlockImputer(method).fit_transform(noisy), "pet"), matrix(out, "pet")
    )
    known = ~np.isnan(matrix(X, "pet"))
    np.testing.assert_array_equal(matrix(out, "pet")[known], matrix(X, "pet")[known])


def test_a_scan_without_any_usable_feature_is_imputed_an_absent_one_is_not():
    empty = X.with_columns(pl.lit(None, dtype=pl.Float64).alias(f"pet.x{j}") for j in range(8))[:2]
    both = empty.with_columns(pl.Series("pet.measured", [True, False]))
    for method in ("median", "knn", "ridge"):
        step = BlockImputer(method).fit(X)
        out = matrix(step.transform(both), "pet")
        assert np.isfinite(out[0]).all() and np.isnan(out[1]).all()


@pytest.mark.parametrize("method", ["knn", "ridge"])
def test_neighbours_and_regression_beat_the_median_on_correlated_columns(method):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(200, 1)) + 0.3 * rng.normal(size=(200, 10))
    holes = rng.random(true.shape) < 0.15
    frame = pl.DataFrame(
        {f"pet.x{j}": np.where(holes[:, j], np.nan, true[:, j]) for j in range(10)}
    ).fill_nan(None)
    error = {
        m: np.abs(matrix(BlockImputer(m).fit(frame[:150]).transform(frame), "pet") - true)[150:][
            holes[150:]
        ].mean()
        for m in ("median", method)
    }
    assert error[method] < 0.6 * error["median"]


def test_chained_ridge_is_scikit_learns():
    rng = np.random.default_rng(1)
    block = rng.normal(size=(80, 1)) + 0.5 * rng.normal(size=(80, 6))
    block[rng.random(block.shape) < 0.1] = np.nan
    block = (block - np.nanmedian(block, axis=0)) / np.nanstd(block, axis=0)
    ours = ChainedRidge(1.0, 200, None).fit(block)
    peer = IterativeImputer(Ridge(alpha=1.0), max_iter=200, tol=1e-8, initial_strategy="median")
    wanted = peer.fit_transform(block)
    assert ours.settled_
    np.testing.assert_allclose(ours.transform(block), wanted, atol=1e-5)


def test_unsettled_imputation_is_told():
    with pytest.warns(HybridxWarning, match="had not settled after 1 rounds"):
        BlockImputer("ridge", rounds=1).fit(X)


def test_columns_nobody_has_are_dropped_by_name():
    frame = X.with_columns(pl.lit(None, dtype=pl.Float64).alias("pet.gone"))
    step = BlockImputer("knn").fit(frame)
    assert step.dropped_ == {"pet.gone": "missing in every training patient"}
    assert "pet.gone" not in step.transform(frame.with_columns(pl.lit(3.0).alias("pet.gone"))).columns


# Filters and clusters


def test_missing_share_among_those_measured():
    frame = pl.DataFrame(
        {
            "pet.measured": [True] * 4 + [False] * 6,
            "pet.full": [1.0, 2, 3, 4] + [None] * 6,
            "pet.half": [1.0, None, None, None] + [None] * 6,
        }
    )
    assert list(VarianceFilter(0.5).fit(frame).dropped_) == ["pet.full", "pet.half"]
    assert VarianceFilter(0.5, among="measured").fit(frame).dropped_ == {
        "pet.half": "missing in 75 % of training patients with pet"
    }
    nobody = frame.with_columns(pl.lit(value=False).alias("pet.measured"))
    assert list(VarianceFilter(0.5, among="measured").fit(nobody).dropped_) == ["pet.full", "pet.half"]


def bundles(n=100, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    near = {f"pet.a{i}": a + 0.1 * (i + 1) * rng.normal(size=n) for i in range(4)}
    far = {f"ct.b{i}": b + 0.2 * rng.normal(size=n) for i in range(3)}
    return pl.DataFrame({**near, **far, "ct.a": a, "pet.alone": rng.normal(size=n)})


def test_clusters_keep_their_medoid_and_stay_within_a_modality():
    step = CorrelationClusters(0.7).fit(bundles())
    groups = {frozenset([kept, *group]) for kept, group in step.stands_for_.items()}
    assert groups == {frozenset(f"pet.a{i}" for i in range(4)), frozenset(f"ct.b{i}" for i in range(3))}
    assert "ct.a" in step.get_feature_names_out() and "pet.alone" in step.get_feature_names_out()
    across = CorrelationClusters(0.7, per_modality=False).fit(bundles())
    assert across.stands_for_["ct.a"] == ["pet.a0", "pet.a1", "pet.a2", "pet.a3"]  # the one without noise
    assert step.clusters_.filter(column="pet.alone").row(0) == ("pet.alone", "pet.alone", 1.0, 1)
    assert set(step.dropped_) == set(step.clusters_.filter(pl.col("column") != pl.col("medoid"))["column"])


@given(
    seed=st.integers(0, 50), threshold=st.floats(0.1, 0.95), method=st.sampled_from(["pearson", "spearman"])
)
@settings(max_examples=25, deadline=None)
def test_complete_linkage_holds_for_every_pair(seed, threshold, method):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(30, 12))
    frame = pl.DataFrame({f"pet.x{j}": values[:, j] for j in range(12)})
    step = CorrelationClusters(threshold, "complete", method).fit(frame)
    ranked = rankdata(values, axis=0) if method == "spearman" else values
    r = np.abs(np.corrcoef(ranked.T))
    for kept, group in step.stands_for_.items():
        members = [int(name.removeprefix("pet.x")) for name in (kept, *group)]
        assert r[np.ix_(members, members)].min() >= threshold - 1e-9
        within = r[np.ix_(members, members)].sum(axis=1)
        assert within[0] == pytest.approx(within.max())
    assert sorted([*step.get_feature_names_out(), *step.dropped_]) == sorted(frame.columns)


# Stability


def test_stability_keeps_what_repeats():
    step = StabilityFilter(retest(), 0.6).fit(X)
    assert set(step.dropped_) == {"pet.x4", "pet.x5", "pet.x6", "pet.x7"}
    assert "lower limit" in step.dropped_["pet.x4"]
    row = step.table_.filter(column="pet.x0").row(0, named=True)
    pairs = np.column_stack(
        [retest().filter(repeat=r).sort("patient_id")["pet.x0"] for r in ("retest", "test")]
    )
    found = icc(pairs)
    assert (row["icc"], row["low"], row["high"], row["n"]) == (
        pytest.approx(found.value),
        pytest.approx(found.low),
        pytest.approx(found.high),
        20,
    )
    assert step.table_.filter(column="lab.x0")["icc"].item() is None
    dropped = StabilityFilter(retest(), 0.6, unknown="drop").fit(X).dropped_
    assert dropped["lab.x0"] == "never measured twice"


def test_the_lower_limit_asks_for_more_than_the_value():
    few = retest(8, seed=3)
    by_low, by_value = (set(StabilityFilter(few, 0.75, bound).fit(X).dropped_) for bound in ("low", "value"))
    assert by_value < by_low


def test_consistency_forgives_a_reader_who_always_reads_higher_agreement_does_not():
    table = retest(30).with_columns(
        pl.when(pl.col("repeat") == "retest")
        .then(pl.col("pet.x0") + 2)
        .otherwise(pl.col("pet.x0"))
        .alias("pet.x0")
    )
    agree, consist = (
        StabilityFilter(table, 0.75, kind=kind).fit(X).dropped_ for kind in ("ICC(2,1)", "ICC(3,1)")
    )
    assert "pet.x0" in agree and "pet.x0" not in consist


def test_repeats_of_training_patients_only():
    own = retest(30).with_columns(
        ("P" + pl.col("patient_id").str.strip_prefix("T").str.zfill(3)).alias("patient_id")
    )
    step = StabilityFilter(own, 0.6, patients="training").fit(X[:12])
    assert step.table_.filter(column="pet.x0")["n"].item() == 12
    wild = own.with_columns(
        pl.when(pl.col("patient_id") >= "P012").then(0.0).otherwise(pl.col("pet.x0")).alias("pet.x0")
    )
    again = StabilityFilter(wild, 0.6, patients="training").fit(X[:12])
    assert again.table_.equals(step.table_)
    with pytest.raises(
        NotEnoughDataError, match="measured at least twice who are in the training table, got 3"
    ):
        StabilityFilter(own, patients="training").fit(X[:3])


def test_repeats_that_cannot_be_read():
    with pytest.raises(InputError, match="it lacks repeat"):
        StabilityFilter(retest().drop("repeat")).fit(X)
    with pytest.raises(InputError, match="2 rows that share patient_id and repeat"):
        StabilityFilter(pl.concat([retest(), retest()[:1]])).fit(X)
    with pytest.raises(SettingsError, match=r"Unknown kind of intraclass correlation 'ICC\(2,2\)'"):
        StabilityFilter(retest(), kind="ICC(2,2)").fit(X)
    with pytest.raises(SettingsError, match="below 1"):
        StabilityFilter(retest(), 1.5).fit(X)


def test_icc_at_its_edges():
    perfect = np.arange(10.0)[:, None] * np.ones(3)
    assert icc(perfect).value == icc(perfect, "ICC(3,1)").low == 1.0
    shifted = perfect + np.arange(3)
    assert icc(shifted, "ICC(3,1)").value == 1.0 and icc(shifted).value < 0.95
    assert np.isnan(icc(np.ones((5, 2))).value) and np.isnan(icc([[1.0, 2.0]]).value)
    gaps = np.vstack([perfect + np.random.default_rng(0).normal(size=(10, 3)), [[np.nan, 1, 2]]])
    assert icc(gaps) == icc(gaps[:10])
    with pytest.raises(InputError, match=r"shape \(3, 1\)"):
        icc(np.ones((3, 1)))
    with pytest.raises(SettingsError, match="level lies"):
        icc(perfect, level=1.0)


@given(seed=st.integers(0, 200), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_icc_ignores_the_unit_and_brackets_its_value(seed, shift, scale):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(9, 1)) * rng.uniform(0, 3) + rng.normal(size=(9, 3))
    for kind in ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)"):
        found, other = icc(table, kind), icc(table * scale + shift, kind)
        assert other.value == pytest.approx(found.value, abs=1e-6)
        assert found.low - 1e-9 <= found.value <= min(found.high + 1e-9, 1.0)


def test_icc_of_many_columns_is_that_of_each():
    cube = np.random.default_rng(0).normal(size=(8, 3, 5))
    cube[2, 1, 3] = np.nan
    value, low, high, n = icc_columns(cube)
    assert n.tolist() == [8, 8, 8, 7, 8]
    for j in range(5):
        found = icc(cube[:, :, j])
        assert (value[j], low[j], high[j]) == pytest.approx((found.value, found.low, found.high))


# Screening


def test_screen_reports_every_column():
    step = UnivariateScreen(alpha=0.05, at_least=0).fit(X, Y)
    assert step.table_.columns == ["column", "n", "statistic", "p", "q", "passed", "kept"]
    np.testing.assert_allclose(step.table_["q"], adjusted(step.table_["p"]))
    assert step.table_.filter(pl.col("q") <= 0.05)["column"].to_list() == list(step.get_feature_names_out())
    assert (
        step.table_.filter(column="pet.x0")["n"].item()
        == matrix(X, "pet")[:, 0][~np.isnan(matrix(X, "pet")[:, 0])].size
    )
    # a patient whose outcome is unknown is not tested on
    time_days = Y.time_days.copy()
    time_days[:30] = np.nan
    fewer = Outcome.survival(time_days, np.where(np.isnan(time_days), False, Y.event))
    assert UnivariateScreen().fit(X, fewer).table_.equals(UnivariateScreen().fit(X[30:], fewer[30:]).table_)


def test_screen_answers_for_the_number_of_tests():
    rng = np.random.default_rng(0)
    false = dict.fromkeys(("bh", "bonferroni"), 0)
    for seed in range(60):
        noise = pl.DataFrame({f"pet.n{j}": rng.normal(size=60) for j in range(40)})
        y = cohort(60, seed=seed)[1]
        for method in false:
            false[method] += len(UnivariateScreen(method, 0.1, at_least=0).fit(noise, y).kept_) > 0
    assert all(count <= 13 for count in false.values())  # 6 expected of 60; 13 or more would be one in 200


def test_screen_keeps_the_best_where_none_passes_and_per_modality():
    noise = X.with_columns(
        pl.Series(c, np.random.default_rng(i).normal(size=90)) for i, c in enumerate(X.columns) if ".x" in c
    )
    step = UnivariateScreen("bonferroni", 1e-9, at_least=2).fit(noise, Y)
    assert len(step.kept_) == 2 and not step.table_["passed"].any()
    each = UnivariateScreen("top", k=1, per_modality=True).fit(X, Y)
    assert [name.partition(".")[0] for name in each.get_feature_names_out()] == [
        "clinical",
        "pet",
        "pet@2",
        "lab",
    ]


@pytest.mark.parametrize("kind", ["survival", "response", "continuous", "ordinal"])
def test_screen_finds_the_column_that_matters_with_its_sign(kind):
    rng = np.random.default_rng(2)
    table = rng.normal(size=(150, 20))
    strength = 1.2 * table[:, 7]
    outcomes = {
        "survival": Outcome.survival(100 * rng.exponential(size=150) * np.exp(-strength) + 1, np.ones(150)),
        "response": Outcome.response(rng.random(150) < 1 / (1 + np.exp(-2 * strength))),
        "continuous": Outcome.continuous(strength + rng.normal(size=150)),
        "ordinal": Outcome.ordinal(
            np.clip(np.round(strength + rng.normal(size=150)), -1, 1).astype(int).tolist(), levels=[-1, 0, 1]
        ),
    }
    frame = pl.DataFrame({f"pet.x{j}": table[:, j] for j in range(20)})
    for test in ("score", "wald"):
        step = UnivariateScreen("bonferroni", 0.001, test=test).fit(frame, outcomes[kind])
        assert list(step.get_feature_names_out()) == ["pet.x7"]
        assert step.table_.filter(column="pet.x7")["statistic"].item() > 3.5


def test_separation_and_constant_columns_are_no_evidence_by_wald():
    frame = pl.DataFrame({"pet.apart": np.r_[np.zeros(20), np.ones(20)], "pet.same": np.ones(40)})
    y = Outcome.response(np.r_[np.zeros(20), np.ones(20)])
    table = UnivariateScreen(test="wald", at_least=0).fit(frame, y).table_
    assert table["p"].to_list()[1] == 1.0 and table["statistic"].to_list()[1] is None
    assert UnivariateScreen(at_least=0).fit(frame, y).table_["p"].to_list()[0] < 1e-8


def test_screen_needs_an_outcome():
    with pytest.raises(InputError, match=r"tests columns against the outcome: fit\(X, y\)"):
        UnivariateScreen().fit(X)
    with pytest.raises(InputError, match="90 rows while the outcome has 80"):
        UnivariateScreen().fit(X, Y[:80])
    with pytest.raises(NotEnoughDataError, match="the same in all 90 training patients"):
        UnivariateScreen().fit(X, Outcome.response(np.ones(90)))
    for wrong in ({"alpha": 0.0}, {"k": 0}, {"at_least": -1}):
        with pytest.raises(SettingsError, match=r"alpha lies in \(0, 1\)"):
            UnivariateScreen(**wrong).fit(X, Y)
    with pytest.raises(SettingsError, match="Unknown screening method"):
        UnivariateScreen("fdr").fit(X, Y)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_adjusted_values_never_fall_and_keep_the_order(p):
    for method in ("bh", "bonferroni"):
        q = adjusted(p, method)
        assert (q >= np.array(p) - 1e-15).all() and (q <= 1).all()
        order = np.argsort(p, kind="stable")
        assert (np.diff(q[order]) >= -1e-12).all()


# Shape of columns


@example(values=[2.0, 1.2e-308, 1.2e-308], new=1.0)
@given(values=columns_of, new=st.floats(-1e9, 1e9))
@settings(max_examples=60, deadline=None)
def test_monotone_steps_keep_the_order_and_stay_within_training(values, new):
    frame = pl.DataFrame({"lab.a": values})
    ordered = pl.DataFrame({"lab.a": sorted([*values, new])})
    for step in (Winsorizer(0.1, 0.9), RankTransform(), LogTransform(0.0)):
        out = step.fit(frame).transform(ordered)["lab.a"].to_numpy()
        assert np.isfinite(out).all() and (np.diff(out) >= -1e-9 * np.abs(out).max()).all()
    for step in (Winsorizer(0.0, 1.0), RankTransform()):
        seen = step.fit(frame).transform(frame)["lab.a"]
        later = step.transform(pl.DataFrame({"lab.a": [new]}))["lab.a"].item()
        assert seen.min() <= later <= seen.max()


def test_ranks_are_normal_scores_whatever_the_unit():
    values = np.random.default_rng(0).lognormal(size=30).round(1)  # with ties
    frame = pl.DataFrame({"lab.a": values, "lab.log": np.log(values)})
    out = RankTransform().fit_transform(frame)
    wanted = norm.ppf((rankdata(values) - 0.375) / 30.25)
    np.testing.assert_allclose(out["lab.a"], wanted, atol=1e-12)
    np.testing.assert_allclose(out["lab.log"], wanted, atol=1e-12)


def test_logarithms_of_skewed_columns_only():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "pet.mtv": rng.lognormal(3, 1, 200),
            "pet.even": rng.normal(size=200),
            "pet.neg": -rng.lognormal(size=200),
        }
    )
    step = LogTransform().fit(frame)
    assert np.isnan(step.scale_).tolist() == [False, True, False]
    out = step.transform(frame)
    assert out["pet.even"].equals(frame["pet.even"])
    assert abs(out["pet.mtv"].skew()) < 0.5 * frame["pet.mtv"].skew()
    litres = LogTransform().fit_transform(frame.with_columns(pl.col("pet.mtv") / 1000))
    np.testing.assert_allclose(litres["pet.mtv"], out["pet.mtv"], rtol=1e-9)
    assert (
        step.transform(pl.DataFrame({"pet.mtv": [0.0, -1.0], "pet.even": [0.0, 0.0], "pet.neg": [0.0, 1.0]}))[
            "pet.mtv"
        ][0]
        == 0
    )


@pytest.mark.parametrize("wrong", [Winsorizer(0.5, 0.5), Winsorizer(-0.1), LogTransform(-1)])
def test_impossible_shapes_are_refused(wrong):
    with pytest.raises(SettingsError, match=r"quantiles|min_skewness"):
        wrong.fit(X)


# Change over time


def test_changes_where_both_timepoints_are_measured():
    frame = pl.DataFrame(
        {
            "patient_id": list("abcd"),
            "pet.measured": [True, True, True, False],
            "pet.suv": [10.0, 4.0, 0.0, None],
            "pet.only_first": [1.0, 1.0, 1.0, None],
            "pet@2.measured": [True, False, True, True],
            "pet@2.suv": [5.0, 99.0, 3.0, 7.0],  # 99: an old value behind a false flag
        }
    )
    changes = {m: DeltaFeatures(m).fit(frame) for m in ("absolute", "relative", "log_ratio")}
    assert changes["absolute"].transform(frame)["pet.delta_suv"].to_list() == [-5.0, None, 3.0, None]
    assert changes["relative"].transform(frame)["pet.delta_suv"].to_list() == [-0.5, None, None, None]
    assert changes["log_ratio"].transform(frame)["pet.delta_suv"].to_list() == [
        pytest.approx(-np.log(2)),
        None,
        None,
        None,
    ]
    assert [c.pairs_["undefined"].item() for c in changes.values()] == [0, 1, 1]
    out = changes["absolute"].transform(frame)
    assert out.columns == [*frame.columns[:4], "pet.delta_suv", *frame.columns[4:]]
    own = DeltaFeatures(own_modality=True, keep="none").fit_transform(frame)
    assert own["pet_delta.measured"].to_list() == [True, False, True, False]
    assert [c for c in own.columns if "." in c and "measured" not in c] == ["pet.only_first", "pet_delta.suv"]


@given(
    first=st.floats(-1e5, 1e5),
    later=st.floats(-1e5, 1e5),
    method=st.sampled_from(["absolute", "relative", "log_ratio"]),
)
@settings(max_examples=80, deadline=None)
def test_a_change_is_finite_or_missing(first, later, method):
    train = pl.DataFrame({"pet.a": [1.0, 2.0, 3.0], "pet@2.a": [1.0, 1.0, 1.0]})
    value = (
        DeltaFeatures(method)
        .fit(train)
        .transform(pl.DataFrame({"pet.a": [first], "pet@2.a": [later]}))["pet.delta_a"]
        .item()
    )
    assert value is None or np.isfinite(value)
    if method == "relative" and abs(first) > 1e-3:
        assert value == pytest.approx((later - first) / abs(first))


def test_changes_that_cannot_be_made():
    with pytest.raises(InputError, match=r"no column at both timepoints \(pet\.x and pet@3\.x\)"):
        DeltaFeatures(timepoint=3).fit(X)
    with pytest.raises(InputError, match=r"already has 'pet\.delta_x0'"):
        DeltaFeatures().fit(X.with_columns(pl.lit(1.0).alias("pet.delta_x0")))
    with pytest.raises(SettingsError, match="Unknown change 'percent'"):
        DeltaFeatures("percent").fit(X)
    with pytest.raises(SettingsError, match="timepoint is >= 2"):
        DeltaFeatures(timepoint=1).fit(X)


# Blocks


@pytest.mark.parametrize("method", ["variance", "leading"])
def test_every_modality_weighs_the_same(method):
    out = BlockScaler(method).fit_transform(X)
    sizes, total = [], 0.0
    for modality in ("clinical", "pet", "pet@2", "lab"):
        names = [c for c in out.columns if c.startswith(f"{modality}.") and out[c].dtype == pl.Float64]
        block = out.select(names).filter(~pl.all_horizontal(pl.all().is_null())).fill_null(0.0).to_numpy()
        variance = out.select(pl.col(names).var(ddof=0)).to_numpy().sum()
        total += variance
        sizes.append(
            variance if method == "variance" else np.linalg.svd(block, compute_uv=False)[0] ** 2 / len(block)
        )
    np.testing.assert_allclose(sizes, sizes[0], rtol=1e-9 if method == "variance" else 0.12)
    assert total == pytest.approx(21)


def test_copies_of_a_column_do_not_make_a_modality_heavier():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    one = pl.DataFrame({"pet.a": a, "lab.b": b})
    many = one.with_columns(pl.col("pet.a").alias(f"pet.copy{i}") for i in range(9))
    for method in ("variance", "leading"):
        factor = BlockScaler(method).fit(many).factor_
        assert factor["lab"] / factor["pet"] == pytest.approx(np.sqrt(10))
    spread = one.with_columns(pl.Series(f"pet.other{i}", rng.normal(size=50)) for i in range(9))
    ratio = {m: BlockScaler(m).fit(spread).factor_ for m in ("variance", "leading")}
    assert (
        ratio["leading"]["lab"] / ratio["leading"]["pet"]
        < 0.7 * ratio["variance"]["lab"] / ratio["variance"]["pet"]
    )


def test_a_missing_block_changes_nothing_in_the_rest_of_its_row():
    step = BlockScaler().fit(X)
    without = X.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(c) for c in X.columns if c.startswith("pet.x")
    )
    assert (
        step.transform(without)
        .select(pl.col("^lab\\.x.*$"))
        .equals(step.transform(X).select(pl.col("^lab\\.x.*$")))
    )


def test_preparation_with_scaled_blocks():
    frame = X.select(pl.col("^(pet|lab)\\.x.*$"))
    plain, scaled = Preparation(1.0).fit(frame), Preparation(1.0, scale_blocks=True).fit(frame)
    a, b = plain.transform(frame), scaled.transform(frame)
    assert (b.select(pl.col("^pet\\..*$").var(ddof=0)).to_numpy().sum()) == pytest.approx(6)
    assert (b.select(pl.col("^lab\\..*$").var(ddof=0)).to_numpy().sum()) == pytest.approx(6)
    assert (a.select(pl.col("^pet\\..*$").var(ddof=0)).to_numpy().sum()) == pytest.approx(8)


# Components


def test_components_tell_their_way_back():
    step = PrincipalComponents(3, modalities=["pet"]).fit(X[:60])
    rng = np.random.default_rng(0)
    names = [str(name) for name in step.get_feature_names_out()]
    b = dict(zip(names, rng.normal(size=len(names)), strict=True))
    rows = X[60:].filter(pl.col("pet.measured")).with_columns(pl.col(pl.Float64).fill_null(strategy="mean"))
    eta = step.transform(rows).select(names).to_numpy() @ np.array(list(b.values()))
    coef, intercept = step.feature_coefficients(b)
    features = rows.select(list(coef)).to_numpy() @ np.array(list(coef.values())) + intercept
    keep = np.isfinite(eta) & np.isfinite(features)
    assert keep.sum() > 5
    np.testing.assert_allclose(features[keep], eta[keep], atol=1e-9)
    # contributions of a linear model: what the features get is coefficient times distance from the background mean
    back = rows[:10]
    parts = step.transform(rows).select(names).to_numpy()
    base = step.transform(back).select(names).to_numpy().mean(axis=0)
    given_ = {n: b[n] * (parts[:, k] - base[k]) for k, n in enumerate(names)}
    spread = step.feature_contributions(given_, rows, back)
    pet = [c for c in spread.columns if c.startswith("pet.x")]
    total = np.column_stack([given_[n] for n in names if n.startswith("pet.pc_")]).sum(axis=1)
    np.testing.assert_allclose(spread.select(pet).to_numpy().sum(axis=1), total, atol=1e-9)
    np.testing.assert_allclose(spread["lab.x0"], given_["lab.x0"])
    with pytest.raises(SettingsError, match="Unknown output column"):
        step.feature_coefficients({"pet.pc_099": 1.0})


def test_share_of_variance_and_missing_values():
    step = PrincipalComponents(0.9, min_columns=5).fit(X)
    shares = step.explained_.with_columns(pl.col("column").str.split(".").list.first().alias("modality"))
    for _, part in shares.group_by("modality"):
        total = part["share"].to_numpy()
        assert total.sum() >= 0.9 > total[:-1].sum() and (np.diff(total) <= 1e-12).all()
    assert (
        step.transform(X).filter(~pl.col("pet.measured"))["pet.pc_001"].null_count()
        == (~X["pet.measured"]).sum()
    )
    assert step.transform(X).filter(pl.col("pet.measured"))["pet.pc_001"].null_count() == 0
    loadings = step.loadings_["pet"].drop("column").to_numpy()
    np.testing.assert_allclose(loadings.T @ loadings, np.eye(loadings.shape[1]), atol=1e-10)
    for wrong in (0, 1.0, 0.0, -1, True):
        with pytest.raises(SettingsError, match="n_components"):
            PrincipalComponents(wrong).fit(X)
