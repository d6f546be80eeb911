"""An import into the folder of an earlier one: the images are those of its tables, and no others are left."""

import dataclasses
import json
import os

import numpy as np
import polars as pl
import pytest

from hybridx.demo.dicom_writing import write_series, write_structures
from hybridx.imaging import Image, import_dicom, read_image
from hybridx.imaging.import_finished import ASIDE, remove_leftovers
from tests.imaging.test_import import QUIET, small, visit


@pytest.fixture
def two_pets(tmp_path):
    """Make a study with two reconstructions of its PET, the second twice as hot."""
    first = small("pet")
    second = dataclasses.replace(first, array=(first.array * 2).astype(np.float32))
    paths = write_series(first, tmp_path / "in" / "a", visit())
    write_series(second, tmp_path / "in" / "b", visit(), series="PT2")
    write_series(small("ct"), tmp_path / "in" / "ct", visit())
    mask = Image(np.ones((6, 7, 8), np.uint8), first.spacing, first.origin, modality="mask")
    write_structures({"GTV": mask}, paths, tmp_path / "in" / "rs", visit())
    return tmp_path, float(first.array.max())


def run(place, use=None, **more):
    if use is not None:
        table = pl.read_csv(place / "list.csv")
        pets = table.filter(pl.col("modality") == "PT").sort("slices", maintain_order=True)["series"]
        told = dict(zip(pets, use, strict=True))
        table.with_columns(use=pl.col("series").replace_strict(told, default=pl.col("use"))).write_csv(
            place / "choices.csv"
        )
        more["choices"] = place / "choices.csv"
    done = import_dicom(place / "in", place / "out", **QUIET, **more)
    if not (place / "list.csv").exists():
        (place / "list.csv").write_bytes((place / "out" / "import" / "series.csv").read_bytes())
    return done


def images(place):
    return sorted(one.name for one in (place / "out" / "images").rglob("*.nii.gz"))


def top(place, done):
    row = done.studies.filter(pl.col("modality") == "pet").row(0, named=True)
    facts = done.facts.filter(pl.col("modality") == "pet")
    found = float(read_image(place / "out" / row["image"], "pet").array.max())
    assert found == pytest.approx(facts["high"][0]), "the table is that of another series"
    return found


def test_a_choice_taken_back_gives_its_own_images_again(two_pets):
    place, hot = two_pets
    assert top(place, run(place)) == pytest.approx(hot, rel=1e-3)
    assert top(place, run(place, ["no", "yes"])) == pytest.approx(2 * hot, rel=1e-3)
    assert top(place, run(place)) == pytest.approx(hot, rel=1e-3)


def test_a_correction_taken_back_gives_the_old_uptake_again(two_pets):
    place, hot = two_pets
    patient = run(place).studies["patient_id"][0]
    (place / "told.csv").write_text(f"patient_id,weight_kg\n{patient},40\n")
    assert top(place, run(place, corrections=place / "told.csv")) == pytest.approx(hot / 2, rel=1e-3)
    assert top(place, run(place)) == pytest.approx(hot, rel=1e-3)


def test_what_is_no_longer_chosen_is_removed_and_said(two_pets):
    place, _ = two_pets
    run(place)
    everything = ["1_ct.nii.gz", "1_ct_mask.nii.gz", "1_pet.nii.gz", "1_pet_mask.nii.gz"]
    assert images(place) == everything
    (place / "out" / "images" / "organs.nii.gz").write_bytes(b"the user's own")
    done = run(place, ["no", "no"])
    assert images(place) == [*everything[:2], "organs.nii.gz"]
    assert done.removed == 2 and "2 images and masks of an earlier import removed" in repr(done)
    assert set(done.studies["modality"]) == {"ct"}
    again = run(place)
    assert images(place) == [*everything, "organs.nii.gz"] and again.removed == 0
    assert not list((place / "out" / "import" / ".done").glob(f"*{ASIDE}"))


def test_a_mask_that_was_drawn_over_stays(two_pets):
    place, _ = two_pets
    run(place)
    drawn = next((place / "out" / "images").rglob("1_pet_mask.nii.gz"))
    later = drawn.stat().st_mtime_ns + 10**10
    os.utime(drawn, ns=(later, later))
    assert run(place, ["no", "no"]).removed == 1
    assert drawn.is_file()


def test_nothing_chosen_leaves_no_table_that_names_what_is_gone(two_pets):
    place, _ = two_pets
    run(place)
    table = pl.read_csv(place / "list.csv").with_columns(use=pl.lit("no"))
    table.write_csv(place / "choices.csv")
    import_dicom(place / "in", place / "out", choices=place / "choices.csv", **QUIET)
    assert images(place) == []
    assert not (place / "out" / "studies.csv").exists()


def test_a_kill_before_the_removal_is_made_up_for(two_pets, monkeypatch):
    place, _ = two_pets
    run(place)
    with monkeypatch.context() as patched:
        patched.setattr("hybridx.imaging.import_tables.remove_leftovers", _killed)
        with pytest.raises(KeyboardInterrupt):
            run(place, ["no", "no"])
    assert len(images(place)) == 4
    assert run(place, ["no", "no"]).removed == 2
    assert images(place) == ["1_ct.nii.gz", "1_ct_mask.nii.gz"]


def _killed(*_):
    raise KeyboardInterrupt


def test_a_record_cannot_lead_out_of_the_folder(tmp_path):
    other = tmp_path / "precious.nii.gz"
    other.write_bytes(b"x")
    home = tmp_path / "out" / "import" / ".done"
    home.mkdir(parents=True)
    row = {"image": "../precious.nii.gz", "mask": "images/../../precious.nii.gz"}
    (home / f"a.json{ASIDE}").write_text(json.dumps({"studies": [row]}))
    (home / f"b.json{ASIDE}").write_text("{")
    assert remove_leftovers(tmp_path / "out", set()) == 0
    assert other.is_file() and not list(home.iterdir())
