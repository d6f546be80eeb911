"""From a folder to a cohort: measured once, resumed, the same bytes whoever does the work, one failure at a time."""

from __future__ import annotations

import json
import shutil

import numpy as np
import polars as pl
import pytest

import hybridx
from hybridx.cohort import Cohort
from hybridx.compute import content_hash
from hybridx.errors import InputError, SettingsError
from hybridx.imaging import read_image, write_image
from hybridx.measure import ExtractSettings, RadiomicsSettings, extract, extract_cache
from tests.small_folder import small_folder

PLAIN = ExtractSettings(deep=False)


def run(folder, out, **options):
    return extract(folder, out, **{"workers": 1, "progress": False, "settings": PLAIN, **options})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three patients, the first two with PET and CT; read only."""
    return small_folder(tmp_path_factory.mktemp("extract") / "data", n=3, n_images=2)


@pytest.fixture
def folder(data, tmp_path):
    """Copy the small folder, to plant a defect in it."""
    return shutil.copytree(data, tmp_path / "data")


def change(path, edit):
    image = read_image(path)
    write_image(image.with_array(edit(image.array)), path)


def test_blocks_mask_provenance_and_pictures(data, tmp_path):
    cohort = run(data, tmp_path / "out", settings=None)
    assert cohort.measured["pet"].to_list() == cohort.measured["ct"].to_list() == [True, True, False]
    assert cohort.measured["deep"].to_list() == [True, True, False]
    pet = cohort.blocks["pet"]
    assert {"pet.original_glcm_Contrast", "pet.suv_max", "pet.mtv_41pct", "pet.tlg_suv4"} <= set(pet.columns)
    assert pet.row(2)[1:] == (None,) * (pet.width - 1), "a patient without a scan has gaps, not zeros"
    rows = {row["column"]: row for row in cohort.features.iter_rows(named=True)}
    contrast = rows["ct.original_glcm_Contrast"]
    assert (contrast["ibsi_id"], contrast["extractor"], contrast["version"]) == (
        "ACUI",
        "hybridx",
        hybridx.__version__,
    )
    assert contrast["settings_hash"] == RadiomicsSettings.preset("ct").hash
    assert rows["pet.original_firstorder_Mean"]["unit"] == rows["pet.suv_max"]["unit"] == "g/mL{SUVbw}"
    assert rows["deep.petct_000"]["extractor"] != rows["pet.suv_max"]["extractor"] == "hybridx"
    assert not [c for c in rows if "diagnostics" in c]
    views = cohort.load_images("P001", "views")
    assert {"pet_axial", "ct_axial", "mask_axial", "pet_mip", "spacing"} <= set(views)
    assert cohort.load_images("P001", "patch:deep")["patch"].shape[-3:] == (32, 32, 32)
    assert cohort.load_images("P003", "views") == {}
    assert cohort.frame(images=True)["deep.image"].null_count() == 1
    lesions = cohort.tables["lesions"].filter(pl.col("modality") == "pet")
    assert lesions["patient_id"].to_list() == ["P001", "P002"]
    assert lesions["suv_max"].to_list() == pet["pet.suv_max"].to_list()[:2]
    assert cohort.provenance["settings"]["pet"]["bin_width"] == 0.25
    assert cohort.provenance["versions"]["hybridx"] == hybridx.__version__
    assert cohort.tables["failures"].height == 0


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers_nor_on_what_was_kept(data, tmp_path):
    for name, options in (("one", {"settings": None}), ("two", {"settings": None, "workers": 2})):
        run(data, tmp_path / name, **options)
    first = content_hash(tmp_path / "one")
    assert content_hash(tmp_path / "two") == first
    run(data, tmp_path / "one", settings=None)
    assert content_hash(tmp_path / "one") == first, "a cohort made from kept results is the same cohort"
    run(data, tmp_path / "one", settings=None, force=True)
    assert content_hash(tmp_path / "one") == first


@pytest.mark.slow
def test_dask_gives_the_same_bytes(data, tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    run(data, tmp_path / "local")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        run(data, tmp_path / "dask", engine="dask", client=client)
    assert content_hash(tmp_path / "dask") == content_hash(tmp_path / "local")


def test_only_what_changed_is_measured_again(folder, tmp_path, monkeypatch):
    from hybridx.measure import extract_folder as door

    calls = []
    measure = door.measure_study
    monkeypatch.setattr(
        door, "measure_study", lambda task: calls.append(task.rows[0].patient_id) or measure(task)
    )
    run(folder, tmp_path / "out")
    run(folder, tmp_path / "out")
    assert calls == ["P001", "P002"], "the second run reads"
    change(folder / "images/P002_ct_image.nii.gz", lambda a: a + 1)
    run(folder, tmp_path / "out")
    assert calls == ["P001", "P002", "P002"]
    run(folder, tmp_path / "out", settings=ExtractSettings(deep=False, ct=RadiomicsSettings(bin_width=10)))
    assert calls[3:] == ["P001", "P002"], "other settings are other results"
    monkeypatch.setattr(extract_cache, "code_version", lambda: "another line of code")
    run(folder, tmp_path / "out")
    assert calls[5:] == ["P001", "P002"], "other code gives other results"
    picture = Cohort.load(tmp_path / "out").image_address("P001", "views")
    (tmp_path / ".out.cache" / "images" / f"{picture}.npz").unlink()
    run(folder, tmp_path / "out")
    assert calls[7:] == ["P001"], "a picture that is gone is made again"


def test_a_failing_ct_does_not_cost_the_pet_and_is_tried_again(folder, tmp_path):
    image = folder / "images/P001_ct_image.nii.gz"
    whole = image.read_bytes()
    image.write_bytes(whole[:500])
    cohort = run(folder, tmp_path / "out", settings=None)
    assert cohort.measured.row(0, named=True) | {"patient_id": "P001"} == {
        **cohort.measured.row(1, named=True),
        "patient_id": "P001",
        "ct": False,
        "deep": False,
    }
    failure = cohort.tables["failures"].row(0, named=True)
    assert (failure["patient_id"], failure["modality"], failure["stage"]) == ("P001", "ct", "read")
    assert failure["reason"].startswith("I002") and "P001_ct_image.nii.gz" in failure["reason"]
    assert cohort.tables["failures"].height == 1
    assert {"pet_axial"} <= set(cohort.load_images("P001", "views"))
    image.write_bytes(whole)
    assert run(folder, tmp_path / "out", settings=None).tables["failures"].height == 0
    assert Cohort.load(tmp_path / "out").measured["ct"].to_list() == [True, True, False]


def test_a_failing_step_does_not_cost_the_other_steps(folder, tmp_path, monkeypatch):
    from hybridx.measure import extract_study

    def broken(*_):
        msg = "out of luck"
        raise ArithmeticError(msg)

    monkeypatch.setattr(extract_study, "measure_radiomics", broken)
    cohort = run(folder, tmp_path / "out")
    assert set(cohort.tables["failures"]["stage"]) == {"radiomics"}
    assert set(cohort.tables["failures"]["reason"]) == {"ArithmeticError: out of luck"}
    assert cohort.blocks["pet"]["pet.suv_max"].null_count() == 1 and cohort.measured["pet"].sum() == 2
    assert "ct" not in cohort.modalities, "nothing of the CT was measured"


def test_another_patients_mask_costs_both(folder, tmp_path):
    shutil.copyfile(folder / "images/P002_pet_mask.nii.gz", folder / "images/P001_pet_mask.nii.gz")
    cohort = run(folder, tmp_path / "out")
    failures = cohort.tables["failures"]
    assert failures.select("patient_id", "modality", "stage").rows() == [
        ("P001", "pet", "check"),
        ("P002", "pet", "check"),
    ]
    assert all(reason.startswith("I017") for reason in failures["reason"])
    assert cohort.measured["ct"].sum() == 2


def test_tiny_masks_that_coincide_are_remarked(folder, tmp_path):
    for patient in ("P001", "P002"):
        change(
            folder / f"images/{patient}_pet_mask.nii.gz",
            lambda a: np.pad(np.ones((2, 2, 2), a.dtype), ((7, 7),) * 3),
        )
    cohort = run(folder, tmp_path / "out")
    assert cohort.tables["failures"].height == 0 and cohort.measured["pet"].sum() == 2
    assert ["I025" in reason for reason in cohort.tables["remarks"]["reason"]] == [True, True]


def test_one_voxel_is_remarked_not_failed(folder, tmp_path):
    def one_voxel(array):
        inside = np.argwhere(array > 0)
        return np.isin(
            np.arange(array.size), np.ravel_multi_index(inside[len(inside) // 2], array.shape)
        ).reshape(array.shape)

    change(folder / "images/P001_pet_mask.nii.gz", lambda a: one_voxel(a).astype(np.float32))
    cohort = run(folder, tmp_path / "out")
    assert cohort.tables["failures"].height == 0 and cohort.measured["pet"][0]
    row = cohort.blocks["pet"].row(0, named=True)
    assert row["pet.suv_max"] > 0 and row["pet.original_glcm_Contrast"] is None
    remarks = cohort.tables["remarks"].filter(pl.col("modality") == "pet")["reason"].to_list()
    assert any("I012" in reason for reason in remarks) and any(
        "fewer than two voxels" in reason for reason in remarks
    )


def test_a_second_timepoint_is_a_block_of_its_own_with_its_day(folder, tmp_path):
    studies = pl.read_csv(folder / "studies.csv").with_columns(
        pl.Series("timepoint", [1, 1, 2, 2]),
        pl.Series("day", [-3, -3, 60, 62]),
        pl.lit("P001").alias("patient_id"),
    )
    studies.write_csv(folder / "studies.csv")
    cohort = run(folder, tmp_path / "out", settings=None)
    assert [name for name in cohort.modalities if "@" in name] == ["pet@2", "ct@2", "deep@2"]
    assert cohort.days.row(0, named=True)["pet@2"] == 60 and cohort.days.row(0, named=True)["pet"] == -3
    assert cohort.days.row(0, named=True)["deep@2"] == 62, "known only once both images are there"
    assert "pet@2.suv_max" in cohort.features["column"].to_list()
    assert "deep@2.petct_000" in cohort.features["column"].to_list()
    assert cohort.load_images("P001", "views@2")
    assert not cohort.at(30).measured["pet@2"].any()


def test_nothing_in_the_cache_names_a_patient(folder, tmp_path):
    run(folder, tmp_path / "out")
    cache = tmp_path / ".out.cache"
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert len(files) == 6, "a record, the pictures and the volumes of two patients"
    for path in files:
        assert "P00" not in path.name
        assert path.suffix == ".npz" or "P00" not in path.read_text()
    assert not [path for path in (tmp_path / "out").rglob("*") if "P00" in path.name]
    assert all(json.loads(path.read_text()) for path in (cache / "studies").iterdir())


def test_refused_before_the_work(folder, tmp_path):
    with pytest.raises(SettingsError, match="not an ExtractSettings"):
        run(folder, tmp_path / "out", settings={"deep": False})
    with pytest.raises(SettingsError, match="device"):
        run(folder, tmp_path / "out", settings=None, device="abacus")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").touch()
    with pytest.raises(InputError, match="not empty"):
        run(folder, mine)
    with pytest.raises(SettingsError, match="at least 1"):
        run(folder, tmp_path / "out", workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine"]
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def test_a_folder_without_images_is_a_cohort_too(tmp_path):
    cohort = run(small_folder(tmp_path / "data", n=2, n_images=0), tmp_path / "out")
    assert "pet" not in cohort.modalities and "lab" in cohort.modalities
    assert cohort.tables["failures"].height == 0


def test_folders_of_tables_alone_are_told_apart(tmp_path):
    marks = []
    for age in (61, 62):
        folder = tmp_path / str(age)
        folder.mkdir()
        (folder / "patients.csv").write_text(f"patient_id,age_years\nP1,{age}\nP2,70\n", encoding="utf-8")
        marks.append(extract(folder, out=folder / "cohort", progress=False).provenance["inputs_hash"])
    assert marks[0] != marks[1]
