"""The demo folder: same bytes, right format, missing parts, and a truth that adds up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.demo import DemoTruth, make_cohort
from hybridx.demo.hazard import COEFFICIENTS, concordance, follow_up
from hybridx.demo.patients import MODALITIES, Patient, draw_patient
from hybridx.errors import InputError
from hybridx.imaging import read_study


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    return [draw_patient(11, index) for index in range(600)]


@pytest.mark.slow
def test_same_seed_same_bytes_another_seed_others(demo: tuple[Path, DemoTruth], tmp_path: Path) -> None:
    folder, _ = demo
    make_cohort(tmp_path / "folder", patients=9, seed=3, workers=1, progress=False)
    assert digest(tmp_path / "folder") == digest(folder)
    assert digest(tmp_path / "folder_truth") == digest(folder.with_name("folder_truth"))
    make_cohort(tmp_path / "other", patients=1, seed=4, workers=1, progress=False)
    ours, theirs = digest(folder), digest(tmp_path / "other")
    assert all(theirs[name] != ours[name] for name in theirs if name.endswith((".csv", ".nii.gz")))


def test_a_larger_cohort_begins_with_the_same_patients(demo: tuple[Path, DemoTruth], tmp_path: Path) -> None:
    folder, truth = demo
    fewer = make_cohort(tmp_path / "few", patients=2, seed=3, workers=1, progress=False)
    few, many = digest(tmp_path / "few"), digest(folder)
    assert all(many[name] == value for name, value in few.items() if name.startswith("images/"))
    assert sum(name.endswith(".nii.gz") for name in few) >= 4
    ids = fewer.latent["patient_id"].to_list()
    assert fewer.latent.equals(truth.latent.filter(pl.col("patient_id").is_in(ids)))


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    make_cohort(tmp_path / "one", patients=2, seed=1, workers=1, progress=False)
    make_cohort(tmp_path / "two", patients=2, seed=1, workers=2, progress=False)
    one, two = digest(tmp_path / "one"), digest(tmp_path / "two")
    assert {n: d for n, d in one.items() if n != "README.txt"} == {
        n: d for n, d in two.items() if n != "README.txt"
    }


def test_it_says_synthetic_everywhere(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    assert (folder / "README.txt").read_text(encoding="utf-8").startswith("SYNTHETIC")
    assert "SYNTHETIC" in json.loads((folder.with_name("folder_truth") / "truth.json").read_text())["note"]
    patients = pl.read_csv(folder / "patients.csv")
    for column in ("diagnosis", "centre", "remark"):
        assert patients[column].str.contains("SYNTHETIC").all(), column
    assert pl.read_csv(folder / "studies.csv")["scanner"].str.contains("SYNTHETIC").all()
    assert "SYNTHETIC" in repr(truth)


def test_images_are_read_through_the_same_door_as_a_hospitals(demo: tuple[Path, DemoTruth]) -> None:
    folder, _ = demo
    studies = pl.read_csv(folder / "studies.csv")
    for patient in studies["patient_id"].unique().to_list():
        study = read_study(folder, studies, patient)
        for modality, image in study.images.items():
            mask = study.masks[modality]
            assert mask.grid.same(image.grid)
            assert mask.array.any()
            inside = image.array[mask.array > 0]
            if modality == "ct":
                assert (
                    inside > -300
                ).mean() > 0.75  # a lesion is flesh: the rest is its blurred edge in the lung
            else:
                assert inside.mean() > 1.5
        if len(study.images) == 2:
            assert not study.images["pet"].grid.same(study.images["ct"].grid)


def test_the_volumes_are_small_enough_to_hand_around(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert total / truth.patients < 1.4e6


def test_tables_name_only_patients_there_are_and_files_that_exist(demo: tuple[Path, DemoTruth]) -> None:
    folder, _ = demo
    known = set(pl.read_csv(folder / "patients.csv")["patient_id"])
    assert "Müller-07" in known
    for name in ("studies", "labs", "variants", "expression", "treatments", "outcomes"):
        assert set(pl.read_csv(folder / f"{name}.csv")["patient_id"]) <= known, name
    for row in pl.read_csv(folder / "studies.csv").iter_rows(named=True):
        assert (folder / row["image"]).is_file()
        assert (folder / row["mask"]).is_file()


def test_a_missing_modality_is_missing_whole(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    people = [draw_patient(3, index) for index in range(9)]
    have = {
        "lab": set(pl.read_csv(folder / "labs.csv")["patient_id"]),
        "genomics": set(pl.read_csv(folder / "variants.csv")["patient_id"]),
        "expression": set(pl.read_csv(folder / "expression.csv")["patient_id"]),
        **{
            modality: set(
                pl.read_csv(folder / "studies.csv").filter(pl.col("modality") == modality)["patient_id"]
            )
            for modality in ("pet", "ct")
        },
    }
    for person in people:
        for modality, ids in have.items():
            assert (person.id in ids) == (modality not in person.lacking)
    assert truth.counts["lacking_a_modality"] == sum(bool(p.lacking) for p in people) > 0


def test_a_quarter_lack_something_whoever_they_are(people: list[Patient]) -> None:
    lacking = np.array([bool(p.lacking) for p in people])
    assert lacking.mean() == 0.25
    volume = np.array([p.latent["pet.volume"] for p in people])
    # 150 against 450: a difference of means beyond 4 standard errors would not be chance
    assert abs(volume[lacking].mean() - volume[~lacking].mean()) < 4 * volume.std() * np.sqrt(
        1 / 150 + 1 / 450
    )
    assert {m for p in people for m in p.lacking} == set(MODALITIES) - {"clinical"}


def test_shares_add_up_and_come_from_the_coefficients(demo: tuple[Path, DemoTruth]) -> None:
    _, truth = demo
    total = truth.shares.select(pl.sum_horizontal(*MODALITIES)).to_series().to_numpy()
    np.testing.assert_allclose(total, truth.shares["total"].to_numpy(), atol=1e-12)
    for endpoint, weights in COEFFICIENTS.items():
        rows = truth.shares.filter(pl.col("endpoint") == endpoint)
        again = sum(weight * truth.latent[name].to_numpy() for name, weight in weights.items())
        np.testing.assert_allclose(rows["total"].to_numpy(), again, atol=1e-12)
        assert rows["patient_id"].to_list() == truth.latent["patient_id"].to_list()


def test_the_truth_is_read_back_from_either_folder(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    for place in (folder, folder.with_name("folder_truth")):
        again = DemoTruth.load(place)
        assert again.shares.equals(truth.shares)
        assert again.oracle_c == truth.oracle_c
        assert again.folder == folder


def test_the_truth_is_in_no_table(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    total = truth.shares.filter(pl.col("endpoint") == "OS")["total"].to_numpy()
    for name in ("patients", "outcomes"):
        table = pl.read_csv(folder / f"{name}.csv")
        for column in table.select(pl.selectors.numeric()).columns:
            values = table[column].drop_nulls().to_numpy()
            assert not any(np.isclose(values, t, atol=1e-9).any() for t in total), (name, column)


def test_no_treatment_begins_before_baseline_or_after_death(demo: tuple[Path, DemoTruth]) -> None:
    folder, _ = demo
    treatments = pl.read_csv(folder / "treatments.csv")
    last = (
        pl.read_csv(folder / "outcomes.csv")
        .filter(pl.col("endpoint") == "OS")
        .select("patient_id", "time_days")
    )
    rows = treatments.join(last, on="patient_id")
    assert rows.height == treatments.height > 0
    assert (rows["day"] > 0).all()
    assert (rows["end_day"] <= rows["time_days"]).all()


def test_progression_never_comes_after_death(people: list[Patient]) -> None:
    for person in people[:200]:
        course = follow_up(person, 11)
        assert 1 <= course.pfs_days <= course.os_days
        assert course.progression or not course.death


def test_survival_follows_the_stated_hazard(people: list[Patient]) -> None:
    """Time-to-event transformed by the true cumulative hazard is exponential with mean 1, whatever the covariates."""
    courses = [follow_up(person, 11) for person in people]
    risk = np.array([sum(w * p.latent[name] for name, w in COEFFICIENTS["OS"].items()) for p in people])
    days = np.array([c.os_days for c in courses])
    shape, median = 1.25, 27 * 30.4375
    hazard = np.log(2) * (days / median) ** shape * np.exp(risk)
    deaths = sum(c.death for c in courses)
    # the maximum likelihood estimate of a censored exponential's rate is deaths / sum of hazards, s.e. 1/sqrt(deaths)
    assert deaths / hazard.sum() == pytest.approx(1.0, abs=3 / np.sqrt(deaths))
    by_risk = np.argsort(risk)
    for third in np.array_split(by_risk, 3):
        events = sum(courses[i].death for i in third)
        assert events / hazard[third].sum() == pytest.approx(1.0, abs=3.5 / np.sqrt(events))


def test_the_strengths_are_those_that_the_demo_promises(people: list[Patient]) -> None:
    courses = [follow_up(person, 11) for person in people]
    days, died = [c.os_days for c in courses], [c.death for c in courses]
    share = {
        m: np.array(
            [sum(w * p.latent[n] for n, w in COEFFICIENTS["OS"].items() if n.startswith(m)) for p in people]
        )
        for m in MODALITIES
    }
    oracle = concordance(sum(share.values()), days, died)  # type: ignore[arg-type]
    alone = {m: concordance(s, days, died) for m, s in share.items()}  # type: ignore[arg-type]
    assert 0.74 < oracle < 0.83
    assert all(0.53 < c < 0.70 for c in alone.values()), alone
    assert 0.4 < np.mean(died) < 0.65


@pytest.mark.parametrize(
    ("risk", "time", "event", "expected"),
    [
        ([3, 2, 1], [1, 2, 3], [1, 1, 1], 1.0),
        ([1, 2, 3], [1, 2, 3], [1, 1, 1], 0.0),
        ([1, 1, 1], [1, 2, 3], [1, 1, 0], 0.5),
        ([2, 1], [5, 5], [1, 0], 1.0),  # an event comes before a censoring of the same day
    ],
)
def test_concordance(risk: list[float], time: list[float], event: list[bool], expected: float) -> None:
    assert concordance(risk, time, event) == expected


def test_concordance_agrees_with_scikit_survival() -> None:
    metrics = pytest.importorskip("sksurv.metrics")
    rng = np.random.default_rng(0)
    risk, time, event = rng.normal(size=80), rng.permutation(80) + 1.0, rng.random(80) < 0.6
    assert concordance(risk, time, event) == pytest.approx(
        metrics.concordance_index_censored(event, time, risk)[0]
    )


def test_a_second_run_leaves_the_folder_alone(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    before = (folder / "patients.csv").stat().st_mtime_ns
    assert make_cohort(folder, patients=9, seed=3, progress=False).shares.equals(truth.shares)
    assert (folder / "patients.csv").stat().st_mtime_ns == before


def test_another_cohort_does_not_overwrite_it(demo: tuple[Path, DemoTruth]) -> None:
    folder, truth = demo
    with pytest.raises(InputError, match="not empty"):
        make_cohort(folder, patients=5, seed=3, progress=False)
    assert DemoTruth.load(folder).shares.equals(truth.shares)


def test_a_folder_with_other_content_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="not empty"):
        make_cohort(tmp_path, patients=1, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert not tmp_path.with_name(f"{tmp_path.name}_truth").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("patients", 0), ("patients", 2.5), ("seed", -1), ("patients", True)]
)
def test_impossible_arguments_are_refused(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"{name}={value!r} is not a whole number of at least"):
        make_cohort(tmp_path / "x", **{name: value}, progress=False)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_a_truth_that_is_not_there_or_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no truth of a demo cohort"):
        DemoTruth.load(tmp_path)
    (tmp_path / "truth.json").write_text('{"version": 99}')
    with pytest.raises(InputError, match="of version 99"):
        DemoTruth.load(tmp_path)
