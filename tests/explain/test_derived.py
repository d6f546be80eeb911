"""What is worked out from other columns follows them in a counterfactual, and is not moved by itself."""

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Outcome
from hybridx.explain import explain
from hybridx.explain.derived import derived_from, follow, made_from
from hybridx.fusion import EarlyFusion
from hybridx.measure import uptake
from hybridx.measure.lab_ratios import RATIOS
from hybridx.models import CoxRidge

LAB = ["lab.neutrophils", "lab.lymphocytes", "lab.ldh", "lab.nlr"]


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    n = 120
    neutrophils, lymphocytes = rng.lognormal(1.5, 0.4, n), rng.lognormal(0.4, 0.4, n)
    columns = {
        "patient_id": [f"P{i:03d}" for i in range(n)],
        "lab.measured": np.ones(n, bool),
        "lab.neutrophils": neutrophils,
        "lab.lymphocytes": lymphocytes,
        "lab.ldh": rng.lognormal(5.3, 0.3, n),
        "lab.nlr": neutrophils / lymphocytes,
    }
    risk = np.log(neutrophils / lymphocytes) * 1.5
    time = 500 * rng.exponential(size=n) * np.exp(-risk) + 1
    X, y = pl.DataFrame(columns), Outcome.survival(time, np.ones(n, bool))
    model = EarlyFusion(CoxRidge(prior_sd=1.0)).fit(X, y)
    return model, X, explain(model, X, X, knowing=False)


def highest(why):
    return why.patients[int(np.argmax(why.prediction))]


def test_a_ratio_follows_its_parts(world):
    model, X, why = world
    patient = highest(why)
    found = why.counterfactual(patient, "low", most=2)
    assert found.reached
    rows = {row["feature"]: row for row in found.rows.iter_rows(named=True)}
    chosen = [c for c, row in rows.items() if row["change"] == "chosen"]
    assert "lab.nlr" not in chosen and {"lab.neutrophils", "lab.lymphocytes"} & set(chosen)
    ratio = rows["lab.nlr"]
    assert ratio["change"] == "follows" and ratio["derived_from"] == "lab.neutrophils, lab.lymphocytes"
    own = X.filter(patient_id=patient)
    now = {c: rows[c]["to"] if c in rows else own[c][0] for c in LAB}
    assert ratio["to"] == pytest.approx(now["lab.neutrophils"] / now["lab.lymphocytes"], rel=1e-9)
    # the model's word is that of the patient with the ratio that follows
    changed = own.with_columns(pl.lit(v).alias(c) for c, v in now.items())
    assert model.predict(changed)[0] == pytest.approx(found.after, abs=1e-9)
    assert "lab.nlr" not in found.sentence()
    assert found.plot().table().height == len(rows)


def test_a_ratio_alone_is_moved_where_its_parts_may_not(world):
    _, _, why = world
    found = why.counterfactual(highest(why), "low", changeable=["lab.nlr"])
    assert found.rows["feature"].to_list() == ["lab.nlr"]
    assert found.rows["change"].to_list() == ["chosen"]
    assert found.rows["derived_from"].to_list() == ["lab.neutrophils, lab.lymphocytes"]


def test_values_of_another_day_do_not_follow(world):
    _, X, _ = world
    row = X[:1]
    assert [how.column for how in follow(row, LAB)] == ["lab.nlr"]
    assert not follow(row.with_columns(pl.col("lab.nlr") * 1.01), LAB)
    assert not follow(row.with_columns(pl.lit(None, dtype=pl.Float64).alias("lab.lymphocytes")), LAB)
    assert not follow(row.drop("lab.lymphocytes"), LAB)
    assert not follow(row.with_columns(pl.lit(0.0).alias("lab.lymphocytes")), LAB)
    assert not follow(row, ["lab.ldh"])


def test_every_ratio_of_the_library_is_known_and_images_say_so():
    for name, ratio in RATIOS.items():
        assert made_from(f"lab@2.{name}").sources == tuple(f"lab@2.{part}" for part in ratio.parts)
    assert derived_from("pet.tlg") == "pet.mtv, pet.suv_mean"
    assert derived_from("ct.original_glcm_Contrast").startswith("the same image")
    assert derived_from("clinical.age") == "" and made_from("clinical.nlr") is None


def test_tlg_is_volume_times_mean_as_it_is_measured():
    from hybridx.imaging import Image

    rng = np.random.default_rng(1)
    inside = np.zeros((9, 9, 9), np.uint8)
    inside[2:7, 3:7, 2:8] = 1
    array = rng.lognormal(1.0, 0.4, inside.shape).astype(np.float32)
    found = uptake(Image(array, (4.0,) * 3, modality="pet"), Image(inside, (4.0,) * 3, modality="mask"))
    row = pl.DataFrame({f"pet.{name}": [value] for name, value in found.items()})
    assert [how.column for how in follow(row, row.columns)] == ["pet.tlg"]
