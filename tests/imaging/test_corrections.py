"""Facts told by the user, ratios to other kinds of uptake, and who is one patient."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from hybridx.demo.dicom_writing import write_series
from hybridx.errors import InputError
from hybridx.imaging import import_dicom, pseudonyms, read_image
from hybridx.imaging.body import body_surface_m2, lean_mass_kg
from hybridx.imaging.dicom_series import read_series
from tests.imaging.test_import import QUIET, edit, small, visit


@pytest.fixture
def export(tmp_path):
    """Return a PET without a weight, and where it lies."""
    paths = write_series(small("pet"), tmp_path / "in" / "pet", visit())
    write_series(small("ct"), tmp_path / "in" / "ct", visit())
    edit(paths, range(len(paths)), PatientWeight=None)
    return tmp_path, paths


def imported(place, name="out", **more):
    return import_dicom(place / "in", place / name, key=place / "key", **QUIET, **more)


def row_of(done):
    """Return who was refused."""
    return pl.read_csv(done.folder / "import" / "series.csv").filter(pl.col("modality") == "PT").to_dicts()[0]


def table(place, text):
    (place / "facts.csv").write_text(text, encoding="utf-8")
    return place / "facts.csv"


def test_a_told_weight_cures_a_refused_pet_and_is_noted(export):
    place, paths = export
    first = imported(place)
    assert "(0010,1030) is missing" in first.failures["reason"][0]
    patient = row_of(first)["patient_id"]
    told = table(place, f"patient_id,weight_kg\n{patient},80\n")
    # into the same folder: what had failed is read again
    done = imported(place, corrections=told)
    assert done.failures.height == 0
    image = read_image(place / "out" / done.studies.filter(pl.col("modality") == "pet")["image"][0], "pet")
    edit(paths, range(len(paths)), PatientWeight="80")
    np.testing.assert_allclose(image.array, read_series(paths).image.array, rtol=1e-6)
    notes = done.facts.filter(pl.col("modality") == "pet")["notes"][0]
    assert "weight_kg told by the user: 80 (header: missing)" in notes
    assert pl.read_csv(place / "out" / "patients.csv")["weight_kg"].to_list() == [80.0]


def test_a_row_of_the_series_stands_above_the_study_and_that_above_the_patient(export):
    place, _ = export
    one = row_of(imported(place))
    rows = [f"{one['series']},,,81", f",{one['patient_id']},1,70", f",{one['patient_id']},,60"]
    factors = []
    for kept in (rows, rows[1:], rows[2:]):
        text = "\n".join(["series,patient_id,timepoint,weight_kg", *kept]) + "\n"
        done = imported(place, corrections=table(place, text))
        factors.append(done.facts.filter(pl.col("modality") == "pet")["uptake_factor"][0])
    np.testing.assert_allclose(np.array(factors) / factors[0], [1.0, 70 / 81, 60 / 81], rtol=1e-9)


def test_every_fact_can_be_told(export):
    place, paths = export
    one = row_of(imported(place))
    edit(
        paths,
        range(len(paths)),
        RadiopharmaceuticalInformationSequence=None,
        DecayCorrection=None,
        PatientSex=None,
    )
    text = (
        "series,weight_kg,height_m,sex,dose_bq,half_life_s,radionuclide,injected,decay_correction\n"
        f"{one['series']},80,1.8,m,3e8,6588,^18^Fluorine,09:00,start\n"
    )
    facts = (
        imported(place, corrections=table(place, text))
        .facts.filter(pl.col("modality") == "pet")
        .to_dicts()[0]
    )
    assert facts["uptake_factor"] == pytest.approx(80_000 / (3e8 * 0.5 ** (3600 / 6588)), rel=1e-9)
    assert facts["notes"].count("told by the user") == 8
    dated = table(place, text.replace("09:00", "2024-01-02T09:00:00"))
    again = imported(place, corrections=dated).facts.filter(pl.col("modality") == "pet").to_dicts()[0]
    assert again["uptake_factor"] == facts["uptake_factor"]
    # a moment may tell who it was
    assert "09:00" not in (place / "out" / "import" / "images.csv").read_text()
    assert "2024" not in (place / "out" / "import" / "images.csv").read_text()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("weight_kg\n{p},800", "weight_kg is '800'; wanted 0.5 to 400 kg"),
        ("weight_kg\n{p},nan", "weight_kg is 'nan'"),
        ("weight_kg\n{p},0", "weight_kg is '0'"),
        ("height_m\n{p},180", "height_m is '180'"),
        ("dose_bq\n{p},350", "dose_bq is '350'"),
        ("half_life_s\n{p},109.8", "none of F18"),
        ("half_life_s,radionuclide\n{p},6588,Ga68", "not that of Ga68"),
        ("radionuclide\n{p},Kryptonite", "radionuclide is 'Kryptonite'"),
        ("injected\n{p},yesterday", "injected is 'yesterday'"),
        ("injected\n{p},2024-01-02", "injected is '2024-01-02'"),
        ("injected\n{p},2024-01-02T09:00+02:00", "by the scanner's clock"),
        ("sex\n{p},X", "wanted M or F"),
        ("decay_correction\n{p},NONE", "wanted START or ADMIN"),
        ("weight_kg\nP0000000000,80", "no patient 'P0000000000'"),
        ("weight_kg\n,80", "either a series or a patient_id"),
        ("weight_kg\n{p},", "no fact is given"),
        ("timepoint,weight_kg\n{p},7,80", "with timepoint 7"),
        ("weight\n{p},80", "weight_kg"),
    ],
)
def test_impossible_facts_are_refused(export, cells, message):
    place, _ = export
    patient = row_of(imported(place))["patient_id"]
    path = table(place, f"patient_id,{cells.format(p=patient)}\n")
    with pytest.raises((InputError, ValueError), match=message.replace("(", r"\(")):
        imported(place, corrections=path)


def test_ratios_to_lean_mass_and_surface_stand_beside_each_pet(tmp_path):
    paths = write_series(small("pet"), tmp_path / "in", visit())
    facts = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET).facts.to_dicts()[0]
    for kind, name in (("sul_janma", "sul_janma"), ("sul_james", "sul_james"), ("bsa", "suvbsa")):
        own, bw = read_series(paths, kind).image, read_series(paths).image
        np.testing.assert_allclose(bw.array * facts[f"{name}_per_suvbw"], own.array, rtol=1e-6)
    assert facts["sul_janma_per_suvbw"] == pytest.approx(lean_mass_kg(80.0, 1.8, "M") / 80.0)
    assert facts["suvbsa_per_suvbw"] == pytest.approx(1e4 * body_surface_m2(80.0, 1.8) / 80_000.0)
    edit(paths, range(len(paths)), PatientSize=None)
    bare = import_dicom(tmp_path / "in", tmp_path / "bare", **QUIET).facts.to_dicts()[0]
    assert bare["sul_janma_per_suvbw"] is None
    assert bare["uptake_factor"] == facts["uptake_factor"]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({"PatientBirthDate": "19600101"}, {"PatientBirthDate": "19710202"}, "2 birth dates"),
        ({"PatientSex": "M"}, {"PatientSex": "F"}, "both sexes"),
        (
            {"IssuerOfPatientID": "A", "PatientBirthDate": ""},
            {"IssuerOfPatientID": "B", "PatientBirthDate": ""},
            "2 issuers",
        ),
        ({"IssuerOfPatientID": "A"}, {"IssuerOfPatientID": "B"}, ""),
        ({"PatientName": "Maier^Anna"}, {"PatientName": "Meyer^Anna"}, ""),
        ({"PatientBirthDate": "19000101"}, {}, ""),
    ],
)
def test_one_id_for_two_people_is_refused(tmp_path, first, second, why):
    """Names change and are misspelt; birth dates and sexes do not."""
    for index, changed in enumerate((first, second)):
        when = dt.datetime.fromisoformat(f"2024-0{index + 1}-10T10:00")
        paths = write_series(small(), tmp_path / "in" / str(index), visit(scan=when, seed=str(index)))
        edit(paths, range(len(paths)), **changed)
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert done.failures.height == (2 if why else 0)
    if why:
        assert why in done.failures["reason"][0]
        assert set(pl.read_csv(tmp_path / "out" / "import" / "series.csv")["use"]) == {"no"}
    else:
        assert done.studies["patient_id"].n_unique() == 1


def test_pseudonyms_that_collide_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pseudonyms, "LENGTH", 1)
    for index in range(40):
        write_series(
            small(shape=(2, 3, 3)),
            tmp_path / "in" / str(index),
            visit(patient_id=str(index), seed=str(index)),
        )
    with pytest.raises(InputError, match="one pseudonym by chance"):
        import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)


def test_a_lost_or_another_key_is_noticed(tmp_path):
    write_series(small(), tmp_path / "in", visit())
    import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    (tmp_path / "out-key").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="if it is lost, nobody can say"):
        import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert not (tmp_path / "out-key").exists()
    with pytest.raises(InputError, match="with another key"):
        import_dicom(tmp_path / "in", tmp_path / "out", key=_other_key(tmp_path), **QUIET)
    import_dicom(tmp_path / "in", tmp_path / "out", key=tmp_path / "elsewhere", **QUIET)


def _other_key(place):
    pseudonyms.PseudonymKey(place / "other")
    return place / "other"


def test_one_key_remembers_all_its_imports(tmp_path):
    for who in ("ID1", "ID2"):
        write_series(small(), tmp_path / who, visit(patient_id=who, seed=who))
        import_dicom(tmp_path / who, tmp_path / f"out {who}", key=tmp_path / "key", **QUIET)
    people = pl.read_csv(tmp_path / "key" / "patients.csv")
    assert people["hospital_id"].to_list() == ["ID1", "ID2"]


def test_the_output_does_not_lie_in_its_own_input(tmp_path):
    write_series(small(), tmp_path / "in", visit())
    with pytest.raises(InputError, match="inside the DICOM folder"):
        import_dicom(tmp_path / "in", tmp_path / "in" / "out", **QUIET)


def everything(folder):
    """Return the bytes of all files, the cache among them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hospital(place, n=6):
    for index in range(n):
        write_series(
            small("pet", (4, 30, 30)), place / f"{index}p", visit(patient_id=f"I{index}", seed=str(index))
        )
        write_series(
            small("ct", (4, 30, 30)), place / f"{index}c", visit(patient_id=f"I{index}", seed=str(index))
        )


def test_a_missing_image_is_written_again(tmp_path):
    hospital(tmp_path / "in", 2)
    done = imported(tmp_path)
    before = everything(tmp_path / "out")
    (tmp_path / "out" / done.studies["image"][0]).unlink()
    imported(tmp_path)
    assert everything(tmp_path / "out") == before


def test_a_full_disk_costs_the_study_and_heals(tmp_path, monkeypatch):
    hospital(tmp_path / "in", 2)
    from hybridx.imaging import import_study as module

    write = module.write_image

    def full(image, path):
        raise OSError(28, "No space left on device", "/klinik/Müller^Anna/x.nii.gz")

    monkeypatch.setattr(module, "write_image", full)
    broken = imported(tmp_path)
    assert broken.failures["reason"].to_list() == ["stopped by OSError"] * 2
    assert "Müller" not in (tmp_path / "out" / "import" / "failures.csv").read_text()
    monkeypatch.setattr(module, "write_image", write)
    assert imported(tmp_path).studies.height == 4


@pytest.mark.slow
def test_killed_and_resumed_and_two_workers_give_the_same_bytes(tmp_path):
    hospital(tmp_path / "in", 8)
    whole = import_dicom(tmp_path / "in", tmp_path / "one" / "out", key=tmp_path / "key", **QUIET)
    assert whole.studies.height == 16
    two = {"workers": 2, "progress": False}
    import_dicom(tmp_path / "in", tmp_path / "two" / "out", key=tmp_path / "key", **two)
    code = (
        "import sys; from hybridx.imaging import import_dicom;"
        "import_dicom(sys.argv[1], sys.argv[2], key=sys.argv[3], workers=1, progress=False)"
    )
    killed = tmp_path / "three" / "out"
    work = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "in"), str(killed), str(tmp_path / "key")]
    )
    while len(list(killed.glob("images/*/*.nii.gz"))) < 3 and work.poll() is None:
        time.sleep(0.01)
    os.kill(work.pid, signal.SIGKILL)
    work.wait()
    assert not (killed / "studies.csv").exists()
    import_dicom(tmp_path / "in", killed, key=tmp_path / "key", **QUIET)
    wanted = everything(tmp_path / "one" / "out")
    for other in (tmp_path / "two" / "out", killed):
        assert everything(other) == wanted
    shutil.rmtree(killed)
    assert all(isinstance(json.loads(v), dict) for k, v in wanted.items() if k.endswith(".json"))
