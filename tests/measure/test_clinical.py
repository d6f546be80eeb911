"""Clinical facts: what a table says, in the levels that were declared, never in those that were seen."""

from __future__ import annotations

import polars as pl
import pytest

from hybridx.measure import clinical_block
from tests.cohort.folders import GOOD, write


def test_known_facts(tmp_path):
    folder = write(tmp_path)
    block = clinical_block(folder.tables, folder.schemas)
    rows = {r["patient_id"]: r for r in block.frame.iter_rows(named=True)}
    assert rows["P001"]["clinical.age"] == 63
    assert [rows[p]["clinical.sex_female"] for p in ("P001", "P002", "P003")] == [1.0, 0.0, None]
    assert [rows[p]["clinical.stage"] for p in ("P001", "P002", "P003")] == [3.0, 4.0, None]
    assert rows["P001"]["clinical.bmi"] == pytest.approx(74.5 / 1.72**2)
    assert rows["P003"]["clinical.bmi"] is None
    assert block.features["column"].to_list() == block.frame.columns[1:]
    assert set(block.days.values()) == {0.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("I", 1.0), ("IA2", 1.0), ("II", 2.0), ("iiib", 3.0), ("IV", 4.0), ("4", 4.0), ("3 A", 3.0)],
)
def test_stages(tmp_path, text, value):
    folder = write(tmp_path, {"patients.csv": f"patient_id,stage\nP001,{text}\n"})
    assert folder.problems == []
    assert clinical_block(folder.tables).frame["clinical.stage"].to_list() == [value]


def test_declared_predictors_follow_the_declaration(tmp_path):
    columns = """\
patients:
  grade: {dtype: string, enum: [Low, Intermediate, High], ordered: true, role: predictor}
  smoker: {dtype: bool, role: predictor}
  arm: {dtype: string, enum: [left, right], role: predictor}
  site: {dtype: string, enum: [Lung, Head & neck, Other], role: predictor}
  dose: {dtype: int, enum: [10, 20], role: predictor}
  note: {dtype: string, role: information}
"""
    patients = (
        "patient_id,grade,smoker,arm,site,dose,note\n"
        "P001,High,true,right,Head & neck,20,x\n"
        "P002,low,0,left,Lung,10,y\n"
        "P003,,,,,,z\n"
    )
    folder = write(tmp_path, {"patients.csv": patients, "columns.yaml": columns})
    assert folder.problems == []
    block = clinical_block(folder.tables, folder.schemas)
    assert block.frame.to_dicts() == [
        {
            "patient_id": "P001",
            "clinical.grade": 2.0,
            "clinical.smoker": 1.0,
            "clinical.arm_right": 1.0,
            "clinical.site_lung": 0.0,
            "clinical.site_head_neck": 1.0,
            "clinical.site_other": 0.0,
            "clinical.dose_20": 1.0,
        },
        {
            "patient_id": "P002",
            "clinical.grade": 0.0,
            "clinical.smoker": 0.0,
            "clinical.arm_right": 0.0,
            "clinical.site_lung": 1.0,
            "clinical.site_head_neck": 0.0,
            "clinical.site_other": 0.0,
            "clinical.dose_20": 0.0,
        },
    ]
    assert "P003" not in block.measured, "a note is no measurement"
    assert (
        block.features.filter(pl.col("column") == "clinical.grade")["title"][0] == "Grade (0 Low to 2 High)"
    )


def test_treatments_and_information_never_enter(tmp_path):
    columns = "patients:\n  chemo: {dtype: bool, role: information}"
    patients = GOOD["patients.csv"].replace("\n", ",1\n").replace("baseline_date,1", "baseline_date,chemo")
    folder = write(tmp_path, patients=patients, columns=columns)
    names = clinical_block(folder.tables, folder.schemas).frame.columns
    assert not any(
        word in name for name in names for word in ("chemo", "centre", "diagnosis", "pembro", "immuno")
    )


def test_one_patients_values_do_not_depend_on_the_others(tmp_path):
    folder = write(tmp_path)
    whole = clinical_block(folder.tables, folder.schemas).frame
    alone = clinical_block({"patients": folder.tables["patients"][:1]}, folder.schemas).frame
    assert alone.row(0, named=True) == whole.row(0, named=True)


def test_patients_without_any_fact(tmp_path):
    folder = write(tmp_path, {"patients.csv": "patient_id,centre\nP001,Graz\n"})
    block = clinical_block(folder.tables, folder.schemas)
    assert block.frame.is_empty() and dict(block.measured) == {} and block.features.is_empty()


def test_a_declared_body_mass_index_goes_before_a_computed_one(tmp_path):
    columns = "patients:\n  bmi: {dtype: float, role: predictor}"
    patients = "patient_id,height_cm,weight_kg,bmi\nP001,172,74.5,25.5\n"
    folder = write(tmp_path, {"patients.csv": patients, "columns.yaml": columns})
    assert clinical_block(folder.tables, folder.schemas).frame["clinical.bmi"].to_list() == [25.5]


def test_levels_that_differ_in_signs_alone_stay_two(tmp_path):
    columns = "patients:\n  her2: {enum: ['IHC 2+', 'IHC 2-', none], role: predictor}"
    folder = write(tmp_path, {"patients.csv": "patient_id,her2\nP001,IHC 2-\n", "columns.yaml": columns})
    assert folder.problems == []
    row = clinical_block(folder.tables, folder.schemas).frame.row(0, named=True)
    assert row == {
        "patient_id": "P001",
        "clinical.her2_ihc_2": 0.0,
        "clinical.her2_ihc_2_2": 1.0,
        "clinical.her2_none": 0.0,
    }
