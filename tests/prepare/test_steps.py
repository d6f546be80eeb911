"""What every preparation step promises: names, rows and flags kept, nothing learnt from rows it was not fitted on."""

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import clone

from hybridx.cohort.columns import feature_columns, measured_mask, modalities_in
from hybridx.errors import InputError
from hybridx.fusion.trusted import TRUSTED
from hybridx.prepare import UnivariateScreen
from tests.prepare.world import STEPS, cohort

every_step = pytest.mark.parametrize("name", STEPS)
X, Y = cohort()
TRAIN, TEST = np.arange(60), np.arange(60, 90)


def fitted(name, rows=TRAIN):
    return clone(STEPS[name]).fit(X[rows], Y[rows])


def assert_same(a, b, tolerance=1e-9):
    assert a.columns == b.columns
    for column in a.columns:
        if a[column].dtype.is_float():
            np.testing.assert_allclose(a[column], b[column], rtol=tolerance, atol=tolerance, err_msg=column)
        else:
            assert a[column].equals(b[column], null_equal=True), column


def state(step):
    """Everything learnt, as something that can be compared."""

    def plain(value):
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        if isinstance(value, pl.DataFrame):
            return plain(value.to_dict(as_series=False))
        if isinstance(value, np.ndarray):
            return plain(value.tolist())
        if hasattr(value, "__dict__"):
            return plain(vars(value))
        return str(value)

    return plain({k: v for k, v in vars(step).items() if k.endswith("_")})


@every_step
@pytest.mark.parametrize("table", ["polars", "pandas"])
def test_rows_flags_and_other_columns_stay(name, table):
    given = X if table == "polars" else X.to_pandas()
    out = clone(STEPS[name]).fit(given, Y).transform(given)
    for column in ("patient_id", "centre", "clinical.stage", "pet.measured", "lab.measured"):
        assert out[column].to_list() == X[column].to_list()
    step = clone(STEPS[name]).fit(X, Y)
    assert feature_columns(out) == list(step.get_feature_names_out())
    assert_same(out, step.transform(X), 1e-12)
    assert_same(clone(STEPS[name]).fit_transform(X, Y), out, 1e-12)


@every_step
def test_not_measured_stays_empty(name):
    out = fitted(name).transform(X)
    for modality in modalities_in(out):
        gone = out.filter(~measured_mask(X, modality.removesuffix("_delta"))).select(
            feature_columns(out, [modality])
        )
        assert gone.null_count().sum_horizontal().item() == gone.height * gone.width


@pytest.mark.parametrize(
    "name", [name for name in STEPS if name != "variance_measured"]
)  # leaves values as they stand
def test_old_values_behind_a_false_flag_are_no_values(name):
    stale = X.with_columns(
        pl.when(pl.col("pet.measured")).then(pl.col("pet.x1")).otherwise(777.0).alias("pet.x1")
    )
    assert stale["pet.x1"].max() == 777.0
    step = clone(STEPS[name]).fit(stale[TRAIN], Y[TRAIN])
    assert_same(step.transform(stale), fitted(name).transform(X))


@every_step
def test_test_rows_teach_nothing(name):
    step = fitted(name)
    before, first = state(step), step.transform(X[TRAIN])
    emptied = X[TEST].with_columns(
        pl.lit(None, dtype=X.schema[c]).alias(c) for c in feature_columns(X, ["pet", "lab", "pet@2"])
    )
    wild = X[TEST].with_columns(pl.col("pet.x0") * 1e6)
    for damaged in (emptied, wild, X[TEST][:1]):
        step.transform(damaged)
    assert state(step) == before
    assert_same(step.transform(X[TRAIN]), first, 0)


@every_step
def test_a_row_does_not_depend_on_the_rows_beside_it(name):
    step = fitted(name)
    alone = pl.concat([step.transform(X[[i]]) for i in TEST[:6].tolist()])
    assert_same(alone, step.transform(X[TEST])[:6], 1e-12)


@every_step
def test_fitting_twice_is_fitting_once(name):
    step = clone(STEPS[name]).fit(X[20:80], Y[20:80])
    assert state(step.fit(X[TRAIN], Y[TRAIN])) == state(fitted(name))


@every_step
def test_row_order_does_not_matter(name):
    assert_same(
        fitted(name, np.random.default_rng(1).permutation(TRAIN)).transform(X),
        fitted(name).transform(X),
        1e-7,
    )


@every_step
def test_column_order_does_not_matter(name):
    backwards = X.select(reversed(X.columns))
    out = clone(STEPS[name]).fit(backwards[TRAIN], Y[TRAIN]).transform(backwards)
    expected = fitted(name).transform(X)
    assert sorted(out.columns) == sorted(expected.columns)
    assert_same(out.select(expected.columns), expected, 1e-7)
    # and a table whose columns stand in another order than in training is read by name
    again = fitted(name).transform(backwards)
    assert_same(again.select(expected.columns), expected, 1e-12)


@every_step
def test_the_outcome_is_only_looked_at_where_it_says_so(name):
    other = Y[np.random.default_rng(0).permutation(90)]
    unchanged = state(clone(STEPS[name]).fit(X, other)) == state(clone(STEPS[name]).fit(X, Y))
    assert unchanged != isinstance(STEPS[name], UnivariateScreen)


@every_step
def test_a_modality_without_any_column_stays_absent_and_one_missing_column_is_named(name):
    step = fitted(name)
    out = step.transform(X.drop(feature_columns(X, ["lab"])))
    assert "lab" not in modalities_in(out)
    expected = step.transform(X)
    assert_same(
        out.select(c for c in expected.columns if c in out.columns), expected.select(out.columns), 1e-12
    )
    with pytest.raises(InputError, match=rf"{type(step).__name__} was fitted on 1 columns .* lab\.x2"):
        step.transform(X.drop("lab.x2"))


@every_step
def test_parameters_and_the_locked_file(name):
    step = STEPS[name]
    for key, value in step.get_params(deep=False).items():
        assert getattr(step, key) is value
        assert getattr(clone(step).set_params(**{key: value}), key) is value
    content = skops.io.dumps(fitted(name))
    assert set(skops.io.get_untrusted_types(data=content)) <= set(TRUSTED)
    assert_same(skops.io.loads(content, trusted=list(TRUSTED)).transform(X), fitted(name).transform(X), 0)


@every_step
def test_matrices_agree_with_tables(name):
    if name.startswith(("combat", "screen")):
        with pytest.raises(InputError, match=r"not a bare matrix|against the outcome"):
            clone(STEPS[name]).fit_matrix(np.zeros((5, 2)), ["pet.x0", "pet.x1"])
        return
    names = feature_columns(X, ["pet", "pet@2"])
    table = X.filter(pl.col("pet.measured") & pl.col("pet@2.measured")).select(names)
    matrix = table.fill_null(float("nan")).to_numpy()
    step = clone(STEPS[name])
    out = step.fit_matrix(matrix, names).transform_matrix(matrix)
    whole = clone(step).fit_transform(table)
    np.testing.assert_allclose(
        out, whole.select(step.get_feature_names_out().tolist()).to_numpy(), atol=1e-12
    )
