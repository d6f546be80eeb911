"""Who lies outside: few false alarms among patients of the same kind, an alarm for a wrong unit or another scanner."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import skops.io

from hybridx.errors import NotEnoughDataError
from hybridx.fusion.late import LateFusion
from hybridx.fusion.locked import LockedModel
from hybridx.fusion.locking import lock
from hybridx.fusion.support import FAR_OUT, SupportDetector, support_detectors
from hybridx.fusion.trusted import TRUSTED
from tests.fusion.test_locked import cohort_of


def table(n, p=60, seed=0, factors=4, missing=0.0):
    """Return correlated, partly skewed features of one modality; the loadings are the same for every seed."""
    loadings = np.random.default_rng(99).normal(size=(factors, p))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, factors)) @ loadings + rng.normal(size=(n, p))
    values[:, ::3] = np.exp(0.7 * values[:, ::3] / np.sqrt(factors))
    has = rng.random(n) >= missing
    values[~has] = np.nan
    columns = {f"pet.x{j}": values[:, j] for j in range(p)}
    frame = pl.DataFrame({"patient_id": [f"P{i:04d}" for i in range(n)], "pet.measured": has, **columns})
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


@pytest.mark.parametrize("n", [40, 250])
def test_one_patient_in_a_hundred_is_far_out(n):
    """Nominal 1 %: over six training cohorts and 1,000 patients each within 0.2 and 2.5 %."""
    far = [
        (SupportDetector("pet").fit(table(n, seed=k)).percentile(table(1000, seed=100 + k)) > FAR_OUT).mean()
        for k in range(6)
    ]
    assert 0.002 < np.mean(far) < 0.025


def test_percentiles_are_those_of_new_patients():
    detector = SupportDetector("pet").fit(table(250, seed=1))
    percentile = detector.percentile(table(2000, seed=7))
    for asked in (0.25, 0.5, 0.75, 0.9):
        assert (percentile <= asked).mean() == pytest.approx(asked, abs=0.09)


@pytest.mark.parametrize(("n", "seen"), [(40, 0.6), (150, 0.9)])
def test_a_wrong_unit_in_one_of_1500_features_is_seen(n, seen):
    """A third of the features are skewed, so that a far value is not rare; 40 patients see three wrong ones in four."""
    detector = SupportDetector("pet").fit(table(n, p=1500, seed=1))
    new = table(20, p=1500, seed=5).with_columns(pl.col("pet.x301") * 1000)  # 301: not among the skewed ones
    assert (detector.percentile(new) > FAR_OUT).mean() > seen
    assert detector.farthest(new).count("pet.x301") > 15


def test_another_scanner_is_seen():
    detector = SupportDetector("pet").fit(table(120, seed=1))
    clean = table(200, seed=6)
    numbers = [c for c in clean.columns if c.startswith("pet.x")]
    shifted = clean.with_columns(pl.col(c) * 1.4 + 1.0 for c in numbers)
    assert (detector.percentile(shifted) > FAR_OUT).mean() > 0.8


def test_a_new_combination_of_usual_values_is_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pl.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(200)],
            "lab.a": x,
            "lab.b": x + 0.05 * rng.normal(size=200),
        }
    )
    detector = SupportDetector("lab").fit(frame)
    new = pl.DataFrame({"patient_id": ["n", "m"], "lab.a": [1.0, 1.0], "lab.b": [-1.0, 1.0]})
    usual = detector.percentile(new)
    assert usual[0] > 0.999 and usual[1] < 0.95


def test_further_out_never_counts_as_less_far_out():
    detector = SupportDetector("pet").fit(table(60, seed=1))
    base = table(1, seed=3)
    percentiles = [
        detector.percentile(base.with_columns(pl.lit(v).alias("pet.x1")))[0]
        for v in np.geomspace(50, 1e9, 30)
    ]
    assert np.all(np.diff(percentiles) >= -1e-12) and percentiles[-1] > 0.999


def test_order_of_rows_changes_nothing_and_neither_do_patients_without_the_modality():
    frame = table(80, seed=2, missing=0.3)
    new = table(30, seed=4, missing=0.3)
    one = SupportDetector("pet").fit(frame).percentile(new)
    other = SupportDetector("pet").fit(frame.sample(fraction=1.0, shuffle=True, seed=5)).percentile(new)
    only = SupportDetector("pet").fit(frame.filter(pl.col("pet.measured"))).percentile(new)
    np.testing.assert_allclose(one, other, atol=1e-9)
    np.testing.assert_array_equal(one, only)
    np.testing.assert_array_equal(np.isnan(one), ~new["pet.measured"].to_numpy())


def test_change_of_unit_of_both_changes_nothing():
    frame, new = table(60, seed=2), table(20, seed=3)
    scaled = [part.with_columns(pl.col("pet.x4") * 1e-3) for part in (frame, new)]
    plain = SupportDetector("pet").fit(frame).percentile(new)
    np.testing.assert_allclose(SupportDetector("pet").fit(scaled[0]).percentile(scaled[1]), plain, atol=1e-6)


def test_empty_constant_and_rare_columns_are_survived():
    frame = table(50, p=8, seed=1).with_columns(
        pl.lit(None, dtype=pl.Float64).alias("pet.empty"),
        pl.lit(7.0).alias("pet.constant"),
        (pl.int_range(pl.len()) == 3).cast(pl.Float64).alias("pet.rare"),
    )
    detector = SupportDetector("pet").fit(frame)
    assert np.isfinite(detector.percentile(frame)).all()
    assert detector.percentile(frame.with_columns(pl.lit(7000.0).alias("pet.constant"))).min() > FAR_OUT


def test_too_few_patients_are_said():
    with pytest.raises(NotEnoughDataError, match="19 training patients have pet"):
        SupportDetector("pet").fit(table(19))
    found, notes = support_detectors(table(19), ["pet"])
    assert not found and "20 are" in notes[0]


def test_what_is_kept_is_loaded_again_and_holds_no_patient():
    detector = SupportDetector("pet").fit(table(300, p=30, seed=1))
    content = skops.io.dumps(detector)
    back = skops.io.loads(content, trusted=list(TRUSTED))
    new = table(10, p=30, seed=2)
    np.testing.assert_array_equal(back.percentile(new), detector.percentile(new))
    assert b"P00" not in content


def test_a_locked_model_warns_of_a_patient_far_out(tmp_path):
    training = cohort_of(80, seed=1)
    X, y = training.frame(), training.outcomes("OS")
    folder = lock(LateFusion().fit(X, y), X, y, cohort=training).save(tmp_path / "model")
    back = LockedModel.load(folder)
    assert sorted(back.support) == ["clinical", "pet"]
    far = back.predict(cohort_of(8, seed=4, shift=6.0))
    assert all("clinical lies further out than 99" in text for text in far["warnings"])
    clean = back.predict(cohort_of(60, seed=5))
    assert sum("lies further out" in text for text in clean["warnings"]) <= 5  # 1 % of 105 are expected
    (folder / "support.skops").write_bytes(b"something else")
    with pytest.raises(Exception, match="was changed since it was written"):
        LockedModel.load(folder)
