"""What the import refused or remarked stands in the cohort, and not only beside the images."""

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.demo.dicom_writing import write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom
from hybridx.measure.import_remarks import import_remarks
from tests.imaging.test_import import QUIET, edit, visit

SHAPE = (12, 14, 14)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Make three patients: one sound but for an end that is missing, one whose PET has no weight, one of nothing."""
    place = tmp_path_factory.mktemp("hospital")
    rng = np.random.default_rng(0)
    pet = Image(rng.gamma(2, 1, SHAPE).astype(np.float32), (4.0, 4.0, 4.0), modality="pet")
    ct = Image(rng.normal(40, 20, SHAPE).astype(np.float32).round(), (4.0, 4.0, 4.0), modality="ct")
    inside = np.zeros(SHAPE, np.uint8)
    inside[3:9, 3:9, 3:9] = 1
    mask = Image(inside, pet.spacing, pet.origin, modality="mask")
    for who in ("good", "light", "thin"):
        seen = visit(patient_id=who, seed=who)
        home = place / "in" / who
        paths = write_series(pet, home / "pet", seen)
        if who == "thin":
            [path.unlink() for path in paths[1:]]
            continue
        write_structures({"GTV": mask}, paths, home / "rs", seen)
        write_series(ct, home / "ct", seen)
        if who == "light":
            edit(paths, range(len(paths)), PatientWeight=None)
        else:
            paths[-1].unlink()
    done = import_dicom(place / "in", place / "out", **QUIET)
    who = {
        row["hospital_id"]: row["patient_id"]
        for row in pl.read_csv(place / "out-key" / "patients.csv").to_dicts()
    }
    return place / "out", done.studies, who


def found(folder, studies, who):
    rows = import_remarks(folder, studies, who.values())
    return {one.patient_id: one.record for one in rows}


def test_refusals_and_remarks_by_patient(imported):
    folder, studies, who = imported
    said = found(folder, studies, who)
    [[modality, stage, reason]] = said[who["light"]]["failures"]
    assert (modality, stage) == ("pet", "import") and "Weight (0010,1030) is missing" in reason
    assert "a single slice" in said[who["thin"]]["failures"][0][2]
    [[modality, _, remark]] = said[who["good"]]["remarks"]
    assert modality == "pet" and remark.startswith("I036 image: Number of Slices (0054,0081) is 12")
    assert said[who["good"]]["failures"] == []


def test_a_mask_that_lost_its_volume_has_a_code(imported, tmp_path):
    folder, studies, who = imported
    table = pl.read_csv(folder / "import" / "images.csv", infer_schema=False)
    (tmp_path / "import").mkdir()
    for kept, coded in (("13.0", False), ("9.0", True), ("0.0", True), ("20.0", True)):
        changed = table.with_columns(volume_drawn_ml=pl.lit("13.8"), volume_on_grid_ml=pl.lit(kept))
        changed.write_csv(tmp_path / "import" / "images.csv")
        remarks = [one[2] for one in found(tmp_path, studies, who)[who["good"]]["remarks"]]
        assert (
            any(one.startswith("I037 mask: ") and "of 13.8 mL that were drawn" in one for one in remarks)
            == coded
        )


def test_what_a_person_has_put_right_is_not_said_again(imported):
    folder, studies, who = imported
    mended = pl.concat(
        [
            studies,
            studies.filter(pl.col("modality") == "pet").with_columns(patient_id=pl.lit(who["light"])),
        ]
    )
    assert who["light"] not in found(folder, mended, who)
    gone = found(folder, studies.clear(), who)  # images that are no longer listed have no remarks either
    assert all(record["remarks"] == [] for record in gone.values())


def test_folders_of_another_origin(tmp_path, imported):
    _, studies, who = imported
    assert import_remarks(tmp_path, studies, who.values()) == []
    (tmp_path / "import").mkdir()
    (tmp_path / "import" / "failures.csv").write_text("a,b\n1,2\n")
    assert import_remarks(tmp_path, studies, who.values()) == []
    (tmp_path / "import" / "failures.csv").write_text(
        "patient_id,timepoint,modality,stage,reason\nP1,first,pet,read,x\n"
    )
    with pytest.raises(InputError, match="cannot be read as a table"):
        import_remarks(tmp_path, studies, who.values())


def _nothing_measured(_task):
    return {"blocks": {}, "failures": [], "remarks": [], "lesions": [], "images": {}}


def test_the_cohort_shows_them(imported, tmp_path, monkeypatch):
    folder, _, who = imported
    monkeypatch.setattr("hybridx.measure.extract_folder.measure_study", _nothing_measured)
    monkeypatch.setattr("hybridx.measure.extract_folder.compile_kernels", lambda **_: None)
    settings = hx.measure.ExtractSettings(deep=False, views=False, volumes=False)
    cohort = hx.extract(folder, tmp_path / "cohort", settings=settings, workers=1, progress=False)
    assert "I036 in 1 patient" in repr(cohort)
    failed = cohort.tables["failures"].filter(pl.col("stage") == "import")
    assert set(failed["patient_id"]) == {who["light"], who["thin"]}
