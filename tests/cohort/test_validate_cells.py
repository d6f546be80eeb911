"""One bad cell, one problem: with its row, column, value, what was expected and the nearest right spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.cohort.problem import problems_to_text
from hybridx.cohort.read import read_folder
from tests.cohort.folders import GOOD, place, write

# column of the patients table, bad value, code, words of the message
CELLS = [
    ("age_years", "sixty", "T020", "Expected a number from 0 to 120 years"),
    ("age_years", "63 years", "T020", "Write the number alone"),
    ("age_years", "6O", "T020", "Did you mean 60"),
    ("age_years", '"63,5"', "T022", "Did you mean 63.5?"),
    ("age_years", "-1", "T026", "from 0 to 120"),
    ("age_years", "163", "T026", "from 0 to 120"),
    ("age_years", "NaN", "T032", "Leave a missing value empty"),
    ("age_years", "inf", "T032", "Leave a missing value empty"),
    ("age_years", "#DIV/0!", "T032", "computation"),
    ("ecog", "1.5", "T021", "a whole number from 0 to 4"),
    ("ecog", "5", "T026", "a whole number from 0 to 4"),
    ("sex", "femal", "T027", "Did you mean 'female'?"),
    ("sex", "w", "T027", "Did you mean 'female'?"),
    ("sex", "männlich", "T027", "Did you mean 'male'?"),
    ("stage", "V", "T028", "a stage group such as"),
    ("height_cm", "1.72", "T026", "from 30 to 250 in cm"),
    ("weight_kg", "<40", "T020", "limit of detection"),
    ("weight_kg", "1 070.5", "T020", "separators of thousands"),
    ("baseline_date", "10.01.2024", "T024", "Did you mean 2024-01-10?"),
    ("baseline_date", "20240110", "T024", "Did you mean 2024-01-10?"),
    ("baseline_date", "45301", "T024", "Did you mean 2024-01-10?"),
    ("baseline_date", "01/10/2024", "T024", "cannot be told apart"),
    ("baseline_date", "2024-02-30", "T025", "no such day"),
    ("baseline_date", "2199-01-01", "T025", "to today"),
    ("baseline_date", "1823-01-01", "T025", "1900-01-01"),
]


@pytest.mark.parametrize(("column", "value", "code", "words"), CELLS)
def test_a_bad_cell_is_one_problem(tmp_path, column, value, code, words):
    header, first, *rest = GOOD["patients.csv"].splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    folder = write(tmp_path, patients="\n".join([header, ",".join(cells), *rest]) + "\n")
    assert [place(p) for p in folder.problems] == [(code, "patients.csv", 2, column, value.strip('"'))]
    assert words in str(folder.problems[0])
    assert folder.problems[0].severity == "error"


@pytest.mark.parametrize("value", ["2024-01-10T00:00:00", "2024-01-10 08:15", "2024-01-10T08:15:00+01:00"])
def test_a_time_of_day_does_no_harm(tmp_path, value):
    text = GOOD["patients.csv"].replace("2024-01-10", value)
    assert write(tmp_path, patients=text).problems == []


def test_case_and_outer_blanks_of_words_and_numbers_are_forgiven(tmp_path):
    text = GOOD["patients.csv"].replace("female,63,", " Female , 63 ,").replace("IIIA", "iii a")
    folder = write(tmp_path, patients=text)
    assert folder.problems == []
    row = folder.tables["patients"].row(0, named=True)
    assert (row["sex"], row["age_years"], row["stage"]) == ("female", 63.0, "IIIA")


def test_na_is_read_as_empty_with_one_warning_a_column(tmp_path):
    text = GOOD["patients.csv"].replace("63,", "NA,").replace("58.5,", "n/a,").replace("female", "NA")
    folder = write(tmp_path, patients=text)
    assert [(*place(p), p.severity) for p in folder.problems] == [
        ("T030", "patients.csv", 2, "sex", "NA", "warning"),
        ("T030", "patients.csv", 2, "age_years", "NA", "warning"),
    ]
    assert "2 cells" in str(folder.problems[1])


@pytest.mark.parametrize(
    "patient",
    [
        "a/b",
        "a\\b",
        "../x",
        "<script>alert(1)</script>",
        "x" * 65,
        " P9",
        "P9 ",
        "P\t9",
        "P\u200b9",
        "-9",
        "P;9",
        "=",
    ],
)
def test_ids_that_cannot_be(tmp_path, patient):
    text = GOOD["patients.csv"] + f"{patient},male,50,,,,,,\n"
    problems = [p for p in write(tmp_path, patients=text).problems if p.severity == "error"]
    assert [(p.code, p.row, p.column, p.value) for p in problems] == [("T031", 5, "patient_id", patient)]
    shown = str(problems[0])
    assert "\t" not in shown and "\u200b" not in shown, "invisible characters are made visible"


@pytest.mark.parametrize("patient", ["P-9", "p.9", "P_9", "9", "x" * 64])
def test_ids_that_may_be(tmp_path, patient):
    folder = read_folder_with(tmp_path, patient)
    assert folder.problems == []


@pytest.mark.parametrize("patient", ["Müller 07", "Łódź-1", "患者1"])
def test_unusual_ids_are_accepted_and_mentioned(tmp_path, patient):
    folder = read_folder_with(tmp_path, patient)
    assert [(p.code, p.severity, p.value) for p in folder.problems] == [("T033", "warning", patient)]
    assert folder.tables["patients"]["patient_id"].to_list() == [patient]


def test_composed_and_decomposed_umlauts_are_one_id(tmp_path):
    files = {
        "patients.csv": "patient_id\nMu\u0308ller\n",
        "expression.csv": "patient_id,gene,value,unit\nM\u00fcller,A,1,TPM\n",
    }
    folder = write(tmp_path, files)
    assert [p.code for p in folder.problems] == ["T033"]


def read_folder_with(folder, patient):
    (folder / "patients.csv").write_text(f"patient_id\n{patient}\n", encoding="utf-8")
    return read_folder(folder)


def test_empty_obligatory_cells(tmp_path):
    text = GOOD["labs.csv"].replace("P002,0,hemoglobin,13.2,g/dL", ",0,hemoglobin,,g/dL")
    assert [place(p) for p in write(tmp_path, labs=text).problems if p.file == "labs.csv"] == [
        ("T029", "labs.csv", 4, "patient_id", None),
        ("T029", "labs.csv", 4, "value", None),
    ]


@pytest.mark.parametrize(
    ("value", "hint"), [("2", "1 for 'no event' and 2"), ("yes", "Did you mean 1?"), ("x", "1 or 0")]
)
def test_events_are_one_or_zero(tmp_path, value, hint):
    text = GOOD["outcomes.csv"].replace("P001,OS,,415,1", f"P001,OS,,415,{value}")
    (problem,) = write(tmp_path, outcomes=text).problems
    assert place(problem) == ("T023", "outcomes.csv", 2, "event", value)
    assert hint in str(problem)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=6), max_size=8),
    delimiter=st.sampled_from(",;\t"),
)
def test_nothing_that_a_file_can_hold_breaks_the_check(tmp_path_factory, rows, delimiter):
    folder = tmp_path_factory.mktemp("any")
    for name in ("patients", "labs", "outcomes"):
        header = GOOD[f"{name}.csv"].splitlines()[0].replace(",", delimiter)
        body = "\n".join(delimiter.join(row) for row in rows)
        (folder / f"{name}.csv").write_text(f"{header}\n{body}\n", encoding="utf-8", errors="replace")
    problems = read_folder(folder).problems
    assert problems_to_text(problems)
    assert all(p.expected or p.hint for p in problems)
