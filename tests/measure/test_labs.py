"""Baseline laboratory values: the last one in the window, in one unit; nothing that came later."""

from __future__ import annotations

import polars as pl
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.measure import lab_block
from hybridx.measure.labs import LabSettings
from tests.cohort.folders import write

HEADER = "patient_id,day,analyte,value,unit\n"


def block_of(folder, rows, settings=None):
    data = write(folder, labs=HEADER + rows)
    assert [p for p in data.problems if p.severity == "error"] == []
    return lab_block(data.tables, data.schemas, settings)


def test_the_last_value_at_or_before_day_0_counts(tmp_path):
    block = block_of(
        tmp_path,
        "P001,-20,ldh,100,U/L\nP001,-3,ldh,200,U/L\nP001,1,ldh,900,U/L\nP001,-31,crp,5,mg/L\n"
        "P002,0,crp,0.7,mg/dL\nP003,5,ldh,300,U/L\n",
    )
    assert block.frame.to_dicts() == [
        {"patient_id": "P001", "lab.crp": None, "lab.ldh": 200.0},
        {"patient_id": "P002", "lab.crp": 7.0, "lab.ldh": None},
    ]
    assert dict(block.measured) == {"P001": True, "P002": True}, "P003 has only a later value"
    assert dict(block.days) == {"P001": -3.0, "P002": 0.0}


def test_window_and_landmark(tmp_path):
    rows = "P001,-20,ldh,100,U/L\nP001,60,ldh,300,U/L\n"
    assert block_of(tmp_path, rows, LabSettings(window_days=10)).frame.is_empty()
    assert block_of(tmp_path, rows, LabSettings(landmark_day=60)).frame["lab.ldh"].to_list() == [300.0]
    with pytest.raises(SettingsError, match="window_days=-1"):
        LabSettings(window_days=-1)


def test_ratios_come_from_one_day(tmp_path):
    block = block_of(
        tmp_path,
        "P001,-9,neutrophils,6,10*9/L\nP001,-9,lymphocytes,2000,/uL\nP001,-1,lymphocytes,1,10*9/L\n"
        "P002,-1,neutrophils,6,10*9/L\nP002,-2,lymphocytes,2,10*9/L\n"
        "P003,-1,neutrophils,6,10*9/L\nP003,-1,lymphocytes,0,10*9/L\n",
    )
    assert dict(block.frame.select("patient_id", "lab.nlr").iter_rows()) == {
        "P001": 3.0,
        "P002": None,
        "P003": None,
    }


def test_a_reported_ratio_goes_before_a_computed_one(tmp_path):
    rows = "P001,-9,neutrophils,6,10*9/L\nP001,-9,lymphocytes,2,10*9/L\nP001,-9,nlr,3.3,1\n"
    assert block_of(tmp_path, rows).frame["lab.nlr"].to_list() == [3.3]


def test_repeats_of_one_day_are_averaged_whatever_their_order(tmp_path):
    rows = ["P001,-1,ldh,200,U/L\n", "P001,-1,ldh,300,U/L\n"]
    assert block_of(tmp_path, "".join(rows)).frame["lab.ldh"].to_list() == [250.0]
    assert block_of(tmp_path, "".join(reversed(rows))).frame["lab.ldh"].to_list() == [250.0]


def test_the_unit_of_the_source_does_not_matter(tmp_path):
    one = block_of(tmp_path, "P001,0,hb,13.2,g/dL\nP002,0,creatinine,1,mg/dL\n")
    other = block_of(tmp_path, "P001,0,hb,132,g/L\nP002,0,creatinine,0.0884017,mmol/L\n")
    for column in ("lab.hemoglobin", "lab.creatinine"):
        assert one.frame[column].drop_nulls()[0] == pytest.approx(
            other.frame[column].drop_nulls()[0], rel=1e-6
        )
    units = dict(one.features.select("column", "unit").iter_rows())
    assert units == {"lab.hemoglobin": "g/L", "lab.creatinine": "umol/L"}


def test_declared_analytes_keep_title_and_unit(tmp_path):
    data = write(
        tmp_path,
        labs=HEADER + "P001,0,mir371,7,1\n",
        columns="analytes:\n  mir371: {unit: '1', title: miR-371a}",
    )
    assert lab_block(data.tables, data.schemas).features["title"].to_list() == ["miR-371a"]
    assert lab_block(data.tables).frame["lab.mir371"].to_list() == [7.0]


def test_a_table_made_by_hand_is_converted_or_refused():
    labs = pl.DataFrame(
        {"patient_id": ["P1"], "day": [0.0], "analyte": ["Hb"], "value": [13.2], "unit": ["g/dL"]}
    )
    assert lab_block({"labs": labs}).frame["lab.hemoglobin"].to_list() == [132.0]
    with pytest.raises(InputError, match="cannot be converted"):
        lab_block({"labs": labs.with_columns(unit=pl.lit("mmol"))})
