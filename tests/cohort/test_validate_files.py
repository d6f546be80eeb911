"""What exports do to files: encodings, separators, headers, quotes; each is named, and the rest is still checked."""

from __future__ import annotations

import io

import polars as pl
import pytest

from hybridx.cohort.read import read_folder
from tests.cohort.folders import GOOD, codes, place, write


def test_a_good_folder_has_no_problem(tmp_path):
    folder = write(tmp_path)
    assert folder.problems == []
    assert set(folder.tables) == {
        "patients",
        "labs",
        "studies",
        "variants",
        "expression",
        "treatments",
        "outcomes",
    }


def test_no_folder_a_file_and_an_empty_folder(tmp_path):
    assert place(read_folder(tmp_path / "absent").problems[0])[0] == "T001"
    (tmp_path / "file").write_text("x")
    assert "name the folder" in read_folder(tmp_path / "file").problems[0].hint
    (tmp_path / "empty").mkdir()
    problems = read_folder(tmp_path / "empty").problems
    assert [p.code for p in problems] == ["T001"]
    assert "empty" in str(problems[0])


def test_without_patients_nobody_is_called_unknown(tmp_path):
    assert codes(write(tmp_path, patients=None)) == ["T002"]


def test_a_misspelt_patients_table_is_named_as_such(tmp_path):
    folder = write(tmp_path, {"patient.csv": GOOD["patients.csv"]})
    assert codes(folder) == ["T002", "T004"]
    assert "Is it 'patient.csv'?" in str(folder.problems[0])
    assert "Did you mean patients.csv?" in str(folder.problems[1])


def test_other_files_are_mentioned_when_they_look_like_tables(tmp_path):
    folder = write(
        tmp_path,
        {"patients.csv": "patient_id\nP001\n", "outcome.csv": "a\n1\n", "zebra.csv": "a\n1\n", "patients.xlsx": "x",
         "README.md": "x", "notes.txt": "x", ".hidden.csv": "x", "colums.yaml": "x"},
    )  # fmt: skip
    assert {(p.file, p.code, p.severity) for p in folder.problems} == {
        ("outcome.csv", "T004", "warning"),
        ("zebra.csv", "T005", "warning"),
        ("patients.xlsx", "T004", "warning"),
        ("colums.yaml", "T004", "warning"),
    }


def test_one_table_twice(tmp_path):
    pl.DataFrame({"patient_id": ["P001"]}).write_parquet(tmp_path / "patients.parquet")
    folder = write(tmp_path)
    assert [place(p) for p in folder.problems] == [("T003", "patients.parquet", None, None, None)]
    assert folder.tables["patients"].height == 3


def test_a_german_export_is_read_and_mentioned(tmp_path):
    header = "\ufeffpatient_id;sex;age_years;weight_kg;centre"
    text = f'{header}\r\nP001;female;63,5;70,2;"Köln; Süd"\r\nP002;male;60;71;\r\n'
    folder = write(tmp_path, {"patients.csv": text})
    assert codes(folder) == ["T010"]
    assert folder.tables["patients"]["age_years"].to_list() == [63.5, 60.0]
    assert folder.tables["patients"]["centre"][0] == "Köln; Süd"


def test_decimal_commas_beside_points_are_refused(tmp_path):
    folder = write(
        tmp_path, {"patients.csv": "patient_id;age_years;weight_kg\nP001;63,5;70\nP002;60.1;1.071,5\n"}
    )
    assert [place(p) for p in folder.problems if p.severity == "error"] == [
        ("T022", "patients.csv", 2, "age_years", "63,5"),
        ("T020", "patients.csv", 3, "weight_kg", "1.071,5"),
    ]


@pytest.mark.parametrize(
    ("content", "code", "word"),
    [
        ("patient_id,centre\nP001,Köln\n".encode("cp1252"), "T006", "Windows-1252"),
        ("patient_id,centre\nP001,Köln\n".encode("utf-16"), "T006", "CSV UTF-8"),
        (b"PK\x03\x04\x14\x00", "T007", "Excel"),
        (b"\x00\x01\x02", "T007", "binary"),
        (b"", "T008", "header"),
        (b"\n\n", "T008", "header"),
        (b"patient_id,sex\n", "T008", "no patient"),
    ],
)
def test_files_that_are_no_utf8_table(tmp_path, content, code, word):
    folder = write(tmp_path, {"patients.csv": content, "labs.csv": GOOD["labs.csv"]})
    assert codes(folder)[0] == code
    assert word in str(folder.problems[0])
    assert {p.file for p in folder.problems} <= {"patients.csv", "labs.csv"}


def test_a_wrong_encoding_does_not_hide_the_rest(tmp_path):
    text = "patient_id,centre,age_years\nP001,Köln,old\n".encode("cp1252")
    folder = write(tmp_path, {"patients.csv": text})
    assert [place(p) for p in folder.problems] == [
        ("T006", "patients.csv", 2, None, "ö"),
        ("T020", "patients.csv", 2, "age_years", "old"),
    ]


def test_lines_above_the_header(tmp_path):
    folder = write(tmp_path, {"patients.csv": "Export 2024,,\n\npatient_id,age_years\nP001,old\n"})
    assert [place(p) for p in folder.problems] == [
        ("T018", "patients.csv", 1, None, "Export 2024,,"),
        ("T020", "patients.csv", 4, "age_years", "old"),
    ]


def test_ragged_rows_cost_themselves_only(tmp_path):
    text = "patient_id,sex,age_years\nP001,female\nP002,male,63,5\nP003,male,old\n"
    folder = write(tmp_path, patients=text)
    assert [place(p) for p in folder.problems] == [
        ("T011", "patients.csv", 2, None, "2 cells"),
        ("T011", "patients.csv", 3, None, "4 cells"),
        ("T020", "patients.csv", 4, "age_years", "old"),
    ], "and nobody is unknown: the skipped rows named their patients"


def test_an_unclosed_quotation_mark_costs_one_line(tmp_path):
    text = 'patient_id,centre,age_years\nP001,"Wien,50\nP002,Graz,old\nP003,"Linz\nMitte",61\n'
    folder = write(tmp_path, {"patients.csv": text})
    assert [place(p)[:4] for p in folder.problems] == [
        ("T011", "patients.csv", 2, None),
        ("T020", "patients.csv", 3, "age_years"),
    ]
    assert folder.lines["patients"] == [3, 4]
    assert folder.tables["patients"]["centre"].to_list() == ["Graz", "Linz\nMitte"]


def test_lines_are_those_of_the_file(tmp_path):
    text = 'patient_id,centre,age_years\n\nP001,"a\nb\nc",50\n,,\nP002,Graz,old\n\n'
    folder = write(tmp_path, {"patients.csv": text})
    assert [place(p) for p in folder.problems] == [
        ("T017", "patients.csv", 2, None, None),
        ("T020", "patients.csv", 7, "age_years", "old"),
    ]
    assert folder.lines["patients"] == [3, 7]


def test_headers_twice_nameless_unknown_and_missing(tmp_path):
    text = "patient_id,day,day,analyt,value,,zebra\nP001,-1,-2,ldh,x,7,1\n"
    folder = write(tmp_path, labs=text)
    assert [(*place(p)[:4], p.severity) for p in folder.problems if p.file == "labs.csv"] == [
        ("T012", "labs.csv", 1, "day", "error"),
        ("T013", "labs.csv", 1, "column 6", "error"),
        ("T014", "labs.csv", 1, "analyt", "error"),
        ("T014", "labs.csv", 1, "zebra", "error"),
        ("T015", "labs.csv", 1, "unit", "error"),
        ("T020", "labs.csv", 2, "value", "error"),
    ]
    by_column = {p.column: str(p) for p in folder.problems}
    assert "Did you mean 'analyte'? Its cells were checked as such." in by_column["analyt"]
    assert "Declare it in columns.yaml if it is meant: `labs: {zebra: {dtype" in by_column["zebra"]


def test_trailing_separators_are_nothing(tmp_path):
    folder = write(tmp_path, {"patients.csv": "patient_id,age_years,,\nP001,50,,\nP002,51\n"})
    assert folder.problems == []
    assert folder.tables["patients"].height == 2


def test_parquet_is_read_like_csv(tmp_path):
    csv = write(tmp_path)
    other = tmp_path / "parquet"
    other.mkdir()
    for name, text in GOOD.items():
        table = pl.read_csv(io.StringIO(text), try_parse_dates=True)
        table.write_parquet(other / name.replace(".csv", ".parquet"))
    parquet = read_folder(other)
    assert parquet.problems == []
    for name, table in csv.tables.items():
        assert table.equals(parquet.tables[name]), name


def test_parquet_defects_have_rows_too(tmp_path):
    frame = pl.DataFrame({"patient_id": ["P001", "P002"], "age_years": [50.5, float("nan")], "x": [[1], [2]]})
    frame.write_parquet(tmp_path / "patients.parquet")
    (tmp_path / "labs.parquet").write_bytes(b"PAR1 but no more")
    assert [place(p)[:4] for p in read_folder(tmp_path).problems] == [
        ("T007", "patients.parquet", None, "x"),
        ("T032", "patients.parquet", 3, "age_years"),
        ("T007", "labs.parquet", None, None),
    ]
