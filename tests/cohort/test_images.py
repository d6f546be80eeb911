"""References to pictures lead any process to the right bytes, name nobody, and notice what changed."""

import dataclasses
import pickle

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import Cohort, feature_columns, images, modalities_in
from hybridx.errors import InputError


@pytest.fixture
def pictured(cohort, tmp_path):
    """The cohort with a PET patch for P001 and P003, in a folder with a space and an umlaut."""
    folder = tmp_path / "Kohorte für alle"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, patient in enumerate(["P001", "P003", "P005"]):
        address, content = images.pack({"patch": np.full((3, 8, 8, 8), number, dtype=np.float16)})
        (folder / "images" / f"{address}.npz").write_bytes(content)
        rows.append({"patient_id": patient, "kind": "patch:pet", "address": address, "day": 0.0})
    tables = {**cohort.tables, "images": pl.DataFrame(rows)}
    return dataclasses.replace(cohort, tables=tables, folder=folder)


def test_the_table_says_where_each_patch_lies(pictured):
    frame = pictured.frame(images=True)
    references = frame["pet.image"].to_list()
    # P005 has a picture, but no measured PET: it is not offered
    assert [r is not None for r in references] == [True, False, True, False, False]
    assert images.read(references[0])["patch"].max() == 0 and images.read(references[2])["patch"].max() == 1
    assert not any(p in r for p in pictured.patients for r in references if r)
    assert references[0].startswith("file:///") and references[0].endswith(
        pictured.image_address("P001", "patch:pet")
    )
    assert pictured.frame().equals(frame.drop("pet.image")), "without asking, nothing is added"


def test_models_of_tables_do_not_see_it(pictured):
    with_images, without = pictured.frame(images=True), pictured.frame()
    assert feature_columns(with_images) == feature_columns(without)
    assert modalities_in(with_images.to_pandas()) == modalities_in(without)


def test_it_outlives_selecting_saving_and_sending(pictured, tmp_path):
    part = pictured.select(["P003", "P001"]).frame(images=True)["pet.image"].to_list()
    assert images.read(part[0])["patch"].max() == 1
    sent = pickle.loads(pickle.dumps(pictured.frame(images=True)[[2]]))
    assert images.read(sent["pet.image"][0])["patch"].max() == 1
    saved = Cohort.load(pictured.save(tmp_path / "saved"))
    again = saved.frame(images=True)["pet.image"].to_list()
    assert again[0] != part[1] and again[0].rpartition("#")[2] == part[1].rpartition("#")[2]


def test_a_relative_folder_gives_an_absolute_reference(pictured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    near = dataclasses.replace(pictured, folder=pictured.folder.relative_to(tmp_path))
    reference = near.frame(images=True)["pet.image"][0]
    monkeypatch.chdir("/")
    assert images.read(reference)["patch"].shape == (3, 8, 8, 8)


def test_what_was_not_known_yet_is_not_shown(pictured):
    later = pictured.tables["images"].with_columns(pl.lit(30.0).alias("day"))
    moved = dataclasses.replace(pictured, tables={**pictured.tables, "images": later})
    assert "pet.image" not in moved.at(0).frame(images=True).columns


@pytest.mark.parametrize("bad", ["P001", "patch.npz", "http://x/y.npz#abc", "file:///tmp/a.npz", "", None])
def test_what_is_no_reference_is_refused(bad):
    with pytest.raises(InputError, match=r"no reference to a stored image.*images=True"):
        images.read(bad)


def test_gone_and_changed_files_are_named_with_the_cure(pictured):
    reference = pictured.frame(images=True)["pet.image"][0]
    path = pictured.folder / "images" / f"{reference.rpartition('#')[2]}.npz"
    other, content = images.pack({"patch": np.ones(3)})
    path.write_bytes(content)
    with pytest.raises(InputError, match="changed since they were written"):
        images.read(reference)
    path.unlink()
    with pytest.raises(InputError, match=r"not in .*load it from where it is now"):
        images.read(reference)
    assert other not in reference


def test_a_cohort_in_memory_says_that_its_pictures_need_a_folder(pictured):
    with pytest.raises(InputError, match="not on disk"):
        dataclasses.replace(pictured, folder=None).frame(images=True)
