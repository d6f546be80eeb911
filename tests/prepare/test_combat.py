"""ComBat: what the scanner adds goes, what the disease adds stays, and new centres have a rule."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from hybridx.errors import HybridxWarning, InputError, SettingsError
from hybridx.prepare import ComBat
from hybridx.prepare.combat_model import Shrinkage, shift_and_scale

P = 12


def scanners(n=200, seed=0, effect=1.5, confounded=0.5):
    """Return a frame of two scanners (B: shifted by 2, spread by 1.5), stage III commoner at B, and what was true."""
    rng = np.random.default_rng(seed)
    scanner = np.where(rng.random(n) < 0.5, "A", "B")
    late = rng.random(n) < 0.3 + confounded * (scanner == "B")
    noise = rng.normal(size=(n, P))
    true = 10 + effect * late[:, None] + noise
    at_b = (scanner == "B")[:, None]
    seen = np.where(at_b, 10 + effect * late[:, None] + 2.0 + 1.5 * noise, true)
    frame = pl.DataFrame(
        {"scanner": scanner, "clinical.stage": np.where(late, "III", "II"), "pet.measured": [True] * n}
        | {f"pet.x{j}": seen[:, j] for j in range(P)}
    )
    return frame, true, late, scanner


def values(frame):
    return frame.select(pl.col("^pet\\.x.*$")).to_numpy()


def test_the_shift_goes_and_the_covariate_effect_stays():
    frame, true, late, scanner = scanners()
    out = values(ComBat("scanner", ["clinical.stage"]).fit_transform(frame))
    design = np.column_stack([np.ones(200), scanner == "B", late])
    before, after = (np.linalg.lstsq(design, v, rcond=None)[0].mean(axis=1) for v in (values(frame), out))
    assert before[1] == pytest.approx(2, abs=0.2)
    assert abs(after[1]) < 0.05
    assert after[2] == pytest.approx(1.5, abs=0.2)
    left = out - design @ np.linalg.lstsq(design, out, rcond=None)[0]
    ratio = left[scanner == "B"].std() / left[scanner == "A"].std()
    assert ratio == pytest.approx(1, abs=0.03)
    # every patient is nearer to what an even scanner would have read
    assert (
        np.abs(np.corrcoef(out.ravel(), true.ravel())[0, 1])
        > 0.97
        > np.corrcoef(values(frame).ravel(), true.ravel())[0, 1]
    )


def test_without_the_covariate_the_disease_goes_with_the_scanner():
    frame, _, late, _ = scanners()
    kept, lost = (
        values(ComBat("scanner", covariates).fit_transform(frame)) for covariates in (["clinical.stage"], [])
    )
    gap = [v[late].mean() - v[~late].mean() for v in (kept, lost)]
    assert gap[0] == pytest.approx(1.5, abs=0.15) and gap[1] < gap[0] - 0.3


def test_new_patients_do_not_change_what_was_learnt():
    frame, *_ = scanners()
    step = ComBat("scanner", ["clinical.stage"]).fit(frame[:150])
    stored = {key: np.copy(value) for key, value in step.state_["pet"].items()}
    expected = step.transform(frame[150:])
    for damaged in (
        frame[150:].with_columns(pl.col("^pet\\.x.*$") * 1e4),
        frame[150:].with_columns(pl.lit(None, dtype=pl.Float64).alias(f"pet.x{j}") for j in range(P)),
        frame[150:][:1],
    ):
        step.transform(damaged)
    assert all(np.array_equal(stored[key], value) for key, value in step.state_["pet"].items())
    assert step.transform(frame[150:]).equals(expected)
    # new patients of a known scanner are brought into line although they took no part
    out = step.transform(frame[150:])
    gap = [
        values(f.filter(scanner="B")).mean() - values(f.filter(scanner="A")).mean()
        for f in (frame[150:], out)
    ]
    assert gap[0] > 1.8 and gap[1] < 1.1  # what is left is the stage


def test_reference_scanner_stays_as_it_is():
    frame, *_ = scanners()
    out = ComBat("scanner", ["clinical.stage"], reference="A").fit_transform(frame)
    at_a = pl.col("scanner") == "A"
    np.testing.assert_allclose(values(out.filter(at_a)), values(frame.filter(at_a)), atol=1e-12)
    assert np.abs(values(out.filter(~at_a)) - values(frame.filter(~at_a))).mean() > 1


def test_location_only_counts_the_patients():
    # the same shift seen in 5 or in 500 patients: the more there are, the less it is shrunk; neuroCombat and sva put
    # n = 1 into the formula whatever the size, which leaves most of a well-measured shift in place
    rng = np.random.default_rng(0)
    true = rng.normal(0.5, 0.3, size=40)
    errors = {}
    for n in (5, 500):
        z = true + rng.normal(size=(n, 40))
        shift, scale = shift_and_scale(z, Shrinkage("parametric", scale=False, least=2, tolerance=1e-8))
        hat = z.mean(axis=0)
        spread = hat.var(ddof=1)
        as_if_one = (spread * hat + hat.mean()) / (spread + 1)
        errors[n] = [np.mean((estimate - true) ** 2) for estimate in (shift, hat, as_if_one)]
        assert (scale == 1).all()
    assert errors[5][0] < errors[5][1]
    assert errors[500][0] < 0.1 * errors[500][2]


def test_gaps_leave_their_patient_out_of_their_column_only():
    frame, *_ = scanners()
    settings_ = {"batch": "scanner", "covariates": ["clinical.stage"], "method": "none"}
    whole = ComBat(**settings_).fit_transform(frame)
    holes = np.arange(200) % 7 == 0
    gaps = frame.with_columns(
        pl.when(pl.Series(holes)).then(None).otherwise(pl.col("pet.x3")).alias("pet.x3")
    )
    out = ComBat(**settings_).fit_transform(gaps)
    assert out["pet.x3"].null_count() == holes.sum()
    for j in range(P):
        if j != 3:
            np.testing.assert_allclose(out[f"pet.x{j}"], whole[f"pet.x{j}"], atol=1e-10)
    alone = ComBat(**settings_).fit_transform(frame.filter(~pl.Series(holes)))
    np.testing.assert_allclose(out["pet.x3"].drop_nulls(), alone["pet.x3"], atol=1e-10)


def small_world():
    frame, *_ = scanners(120)
    centre = np.where(np.arange(120) < 117, frame["scanner"].to_numpy(), "C")
    centre = np.where(np.arange(120) == 119, "D", centre)  # C has two patients, D one
    return frame.with_columns(pl.Series("scanner", centre))


def test_small_centres_stay_as_they_are_and_out_of_the_fit():
    frame = small_world()
    with pytest.warns(HybridxWarning, match=r"scanner C \(2\), D \(1\) stays as it is \(< 5\)"):
        step = ComBat("scanner").fit(frame)
    out = step.transform(frame)
    np.testing.assert_array_equal(values(out[117:]), values(frame[117:]))
    alone = ComBat("scanner").fit(frame[:117])
    np.testing.assert_array_equal(values(alone.transform(frame[:117])), values(out[:117]))
    assert dict(step.batches_.select("batch", "adjusted").iter_rows()) == {
        "A": "location and scale",
        "B": "location and scale",
        "C": "no",
        "D": "no",
    }


def test_small_centres_can_have_their_location_adjusted():
    frame = small_world()
    step = ComBat("scanner", small="location").fit(frame)
    assert step.batches_.filter(batch="D")["adjusted"].item() == "location"
    moved = values(step.transform(frame))[119] - values(frame)[119]
    assert np.isfinite(moved).all() and np.abs(moved).max() > 0.01
    with pytest.raises(SettingsError, match="one patient's location is that patient"):
        ComBat("scanner", small="location", method="none").fit(frame)


def new_centre(n, seed=3):
    """A third scanner that reads 4 lower and spreads half as much; the stage acts as everywhere."""
    frame, true, late, _ = scanners(n, seed=seed, confounded=0.0)
    mean = 10 + 1.5 * late[:, None]
    read = mean - 4 + 0.5 * (true - mean)
    return frame.with_columns(
        pl.lit("new").alias("scanner"), *(pl.Series(f"pet.x{j}", read[:, j]) for j in range(P))
    )


def test_a_centre_never_seen():
    frame, *_ = scanners()
    new = new_centre(40)
    pooled = ComBat("scanner", ["clinical.stage"]).fit(frame)
    with pytest.warns(HybridxWarning, match="never saw scanner new in training: their values stay"):
        np.testing.assert_array_equal(values(pooled.transform(new)), values(new))
    with pytest.raises(InputError, match=r"never saw scanner new in training\. Choose unseen='pooled'"):
        clone(pooled).set_params(unseen="error").fit(frame).transform(new)
    estimate = clone(pooled).set_params(unseen="estimate").fit(frame)
    out = values(estimate.transform(new))
    known = values(estimate.transform(frame))
    assert abs(values(new).mean() - known.mean()) > 0.5
    stage = (new["clinical.stage"] == "II").to_numpy()
    at_home = (frame["clinical.stage"] == "II").to_numpy()
    assert out[stage].mean() == pytest.approx(known[at_home].mean(), abs=0.2)
    assert out[stage].std() == pytest.approx(known[at_home].std(), rel=0.15)
    with pytest.warns(HybridxWarning, match="fewer than 10 patients"):
        np.testing.assert_array_equal(values(estimate.transform(new[:9])), values(new[:9]))


def test_patients_without_a_centre_count_as_never_seen():
    frame, *_ = scanners()
    step = ComBat("scanner").fit(frame)
    lost = frame[:3].with_columns(pl.lit(None, dtype=pl.String).alias("scanner"))
    with pytest.warns(HybridxWarning, match=r"scanner \(none\)"):
        np.testing.assert_array_equal(values(step.transform(lost)), values(lost))


def test_numbers_name_scanners_too():
    frame, *_ = scanners()
    numbered = frame.with_columns((pl.col("scanner") == "B").cast(pl.Int64).alias("scanner"))
    a = ComBat("scanner").fit(numbered)
    out = a.transform(numbered.with_columns(pl.col("scanner").cast(pl.Float64)))
    np.testing.assert_array_equal(values(out), values(ComBat("scanner").fit_transform(frame)))


def test_what_is_left_alone_is_said():
    frame, *_ = scanners(60)
    odd = frame.with_columns(
        pl.lit(1.0).alias("pet.constant"),
        (pl.int_range(60) % 2).cast(pl.Float64).alias("pet.flag"),
        pl.when(pl.int_range(60) < 3).then(pl.int_range(60).cast(pl.Float64)).alias("pet.rare"),
        pl.col("pet.x0").alias("lab.x"),
    )
    step = ComBat("scanner", ["pet.x1"]).fit(odd)
    assert step.left_ == {
        "pet.x1": "a covariate",
        "pet.constant": "fewer than three distinct values",
        "pet.flag": "fewer than three distinct values",
        "pet.rare": "too few values, or no spread",
    }
    out = step.transform(odd)
    for column in (*step.left_, "lab.x"):
        assert out[column].equals(odd[column])
    only = ComBat("scanner", modalities=["lab"]).fit(odd)
    assert list(only.state_) == ["lab"] and only.transform(odd)["pet.x0"].equals(odd["pet.x0"])


def test_one_scanner_leaves_nothing_to_harmonise():
    frame, *_ = scanners(40)
    one = frame.with_columns(pl.lit("A").alias("scanner"))
    with pytest.warns(HybridxWarning, match="nothing to harmonise"):
        assert ComBat("scanner").fit_transform(one).equals(one)


def test_messages():
    frame, *_ = scanners(60)
    with pytest.raises(
        InputError, match=r"ComBat needs the column 'scaner', which the table lacks\. Did you mean 'scanner'"
    ):
        ComBat("scaner").fit(frame)
    with pytest.raises(InputError, match=r"ComBat needs the column 'clinical\.stadium'"):
        ComBat("scanner", ["clinical.stadium"]).fit(frame)
    with pytest.raises(InputError, match=r"clinical\.site cannot be told apart from that of scanner"):
        ComBat("scanner", ["clinical.site"]).fit(frame.with_columns(pl.col("scanner").alias("clinical.site")))
    with pytest.raises(InputError, match="found no modality to harmonise among lab"):
        ComBat("scanner").fit(frame.select("scanner", pl.col("pet.x0").alias("lab.x")))
    with pytest.raises(SettingsError, match=r"Unknown modality 'pett'\. Did you mean 'pet'"):
        ComBat("scanner", modalities=["pett"]).fit(frame)
    with pytest.raises(
        InputError, match="reference='Z' has fewer than 5 training patients with pet; those with enough: A, B"
    ):
        ComBat("scanner", reference="Z").fit(frame)
    with pytest.raises(SettingsError, match=r"Unknown method 'parametrik'\. Did you mean 'parametric'"):
        ComBat("scanner", method="parametrik").fit(frame)
    with pytest.raises(SettingsError, match="Unknown rule for unseen centres"):
        ComBat("scanner", unseen="drop").fit(frame)
    with pytest.raises(SettingsError, match="min_patients is >= 2"):
        ComBat("scanner", min_patients=1).fit(frame)
    step = ComBat("scanner", ["clinical.stage"]).fit(frame)
    with pytest.warns(HybridxWarning, match=r"clinical\.stage has levels that training did not know \(IV\)"):
        step.transform(frame.with_columns(pl.lit("IV").alias("clinical.stage")))


@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
    method=st.sampled_from(["parametric", "nonparametric"]),
)
@settings(max_examples=15, deadline=None)
def test_the_unit_of_a_column_does_not_matter(scale, shift, method):
    frame, *_ = scanners(40, seed=4)
    step = ComBat("scanner", ["clinical.stage"], method=method)
    other = frame.with_columns(pl.col("pet.x2") * scale + shift)
    a, b = clone(step).fit_transform(frame), clone(step).fit_transform(other)
    np.testing.assert_allclose(a["pet.x2"] * scale + shift, b["pet.x2"], rtol=1e-6, atol=1e-5 * (scale + 1))
    np.testing.assert_allclose(a["pet.x5"], b["pet.x5"], rtol=1e-6)


def test_missing_covariates_count_as_average():
    frame, *_ = scanners(100)
    step = ComBat("scanner", ["clinical.stage", "clinical.age"])
    aged = frame.with_columns(pl.Series("clinical.age", np.random.default_rng(0).normal(60, 9, 100)))
    fitted = clone(step).fit(aged)
    average = aged.with_columns(pl.lit(float(aged["clinical.age"].mean())).alias("clinical.age"))
    absent = aged.with_columns(pl.lit(None, dtype=pl.Float64).alias("clinical.age"))
    np.testing.assert_allclose(values(fitted.transform(absent)), values(fitted.transform(average)), atol=1e-9)
