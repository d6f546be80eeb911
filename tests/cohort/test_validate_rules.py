"""Rules about rows and between tables: each defect alone in a good folder is said once, and nothing else is."""

from __future__ import annotations

import pytest

from hybridx.cohort.read import read_folder
from tests.cohort.folders import GOOD, codes, place, write

# table, text to replace, its replacement ("+..." appends a row): expected (code, row, column, value), words
DEFECTS = [
    ("patients", "+P001,male,50,,,,,,", ("T040", 5, "patient_id", "P001"), "Row 2 holds the same patient"),
    (
        "studies",
        "+P001,1,0,PET,images/x.nii,,",
        ("T040", 5, "patient_id", "P001"),
        "Row 2 holds the same image",
    ),
    ("studies", "+P002,2,-9,ct,images/x.nii,,", ("T083", 5, "day", "-9"), "at least -4"),
    ("studies", ("P002,1,-4,", "P002,1,40,"), ("T084", 4, "day", "40"), "baseline"),
    (
        "studies",
        ("images/P001/ct.nii.gz", "/data/ct.nii.gz"),
        ("T045", 3, "image", "/data/ct.nii.gz"),
        "relative",
    ),
    (
        "studies",
        ("images/P001/ct.nii.gz", "../ct.nii.gz"),
        ("T045", 3, "image", "../ct.nii.gz"),
        "Copy the file",
    ),
    ("studies", ("images/P001/ct.nii.gz", "C:/ct.nii.gz"), ("T045", 3, "image", "C:/ct.nii.gz"), "relative"),
    (
        "studies",
        ("images/P001/ct.nii.gz", "a\\ct.nii.gz"),
        ("T045", 3, "image", "a\\ct.nii.gz"),
        "'a/ct.nii.gz'",
    ),
    (
        "studies",
        ("images/P001/ct.nii.gz", "http://x/ct.nii"),
        ("T045", 3, "image", "http://x/ct.nii"),
        "addresses",
    ),
    ("studies", ("CT,", "CTT,"), ("T027", 3, "modality", "CTT"), "Did you mean 'ct'?"),
    ("studies", ("CT,", "MRT,"), ("T027", 3, "modality", "MRT"), "Did you mean 'mr'?"),
    (
        "labs",
        "+P001,-2,ldh,212.0,U/L,,",
        ("T040", 6, "analyte", "ldh"),
        "Row 2 holds the same measured value",
    ),
    ("labs", "+P001,-2,LD,260,U/L,,", ("T046", 6, "value", "260 U/L"), "Row 2 says 212 U/L"),
    ("labs", ("P003,-7", "P003,"), ("T044", 5, "day", None), "or a date"),
    (
        "labs",
        ("leukocytes", "leucocytes"),
        ("T053", 5, "analyte", "leucocytes"),
        "Did you mean 'leukocytes'?",
    ),
    ("labs", ("leukocytes", "zzz"), ("T053", 5, "analyte", "zzz"), "analytes: {zzz: {unit"),
    ("labs", ("10*9/L", "G/L"), ("T054", 5, "unit", "G/L"), "Did you mean '10*9/L'?"),
    ("labs", ("10*9/L", "mg/dL"), ("T054", 5, "unit", "mg/dL"), "converts to 10*9/L"),
    ("labs", ("13.2,g/dL", "13.2,g/L"), ("T055", 4, "value", "13.2 g/L"), "13.2 g/dL would be plausible"),
    ("labs", ("13.2,g/dL", "-13.2,g/dL"), ("T055", 4, "value", "-13.2 g/dL"), "never negative"),
    ("labs", ("135,250", "250,135"), ("T056", 2, "ref_low", "250"), "at most ref_high, 135"),
    ("labs", "+P0O2,-1,crp,5,mg/L,,", ("T080", 6, "patient_id", "P0O2"), "Did you mean 'P002'?"),
    ("labs", "+P002,300,crp,5,mg/L,,", None, ""),
    ("variants", "+P001,-,none_found,,,1.2", ("T051", 4, "classification", "none_found"), "Row 2 holds"),
    ("variants", ("P002,-,", "P002,KRAS,"), ("T052", 3, "gene", "KRAS"), "'-' beside none_found"),
    ("variants", ("P001,TP53,", "P001,-,"), ("T052", 2, "gene", "-"), "a gene symbol"),
    ("variants", ("0.31", "31"), ("T026", 2, "vaf", "31"), "31 % is 0.31"),
    (
        "variants",
        ("missense", "Missense_Mutation"),
        ("T027", 2, "classification", "Missense_Mutation"),
        "'missense'",
    ),
    ("variants", "+P001,tp53,missense,p.R175H,0.2,1.2", ("T040", 4, "hgvsp", "p.R175H"), "Row 2"),
    ("expression", "+P001,A1,3,counts", ("T057", 4, "unit", "counts"), "TPM"),
    ("expression", ("0.4,TPM", "7,counts"), ("T058", 3, "unit", "counts"), "TPM, counts"),
    ("expression", ("0.4,TPM", "-0.4,TPM"), ("T059", 3, "value", "-0.4"), "at least 0"),
    ("expression", "+P001,cd274,3,TPM", ("T040", 4, "gene", "cd274"), "Row 2"),
    ("treatments", ("7,189", "7,5"), ("T050", 2, "end_day", "5"), "day 7 or later"),
    ("treatments", ("7,189", ",189"), ("T044", 2, "day", None), "or a date"),
    ("treatments", ("immunotherapy", "ICI"), ("T027", 2, "kind", "ICI"), "Did you mean 'immunotherapy'?"),
    ("treatments", ("7,189", "700,"), ("T074", 2, "day", "700"), "died on day 415"),
    ("outcomes", ("415,1", "-5,1"), ("T026", 2, "time_days", "-5"), "above 0"),
    ("outcomes", ("415,1", "0,1"), ("T026", 2, "time_days", "0"), "above 0"),
    ("outcomes", ("415,1", "NaN,1"), ("T032", 2, "time_days", "NaN"), "Leave a missing value empty"),
    ("outcomes", ("415,1", ",1"), ("T062", 2, "time_days", None), "above 0"),
    ("outcomes", ("415,1", "415,"), ("T063", 2, "event", None), "1 or 0"),
    ("outcomes", ("415,1,,", ",,,"), ("T060", 2, "time_days", None), "or a response"),
    ("outcomes", ("415,1,,", "415,1,PR,"), ("T061", 2, "response", "PR"), "two rows"),
    ("outcomes", (",PR,RECIST", ",PRR,RECIST"), ("T065", 5, "response", "PRR"), "Did you mean 'PR'?"),
    ("outcomes", (",pd,", ",NE,"), ("T065", 6, "response", "NE"), "leave the row out"),
    ("outcomes", (",PR,RECIST", ",CMR,RECIST"), ("T066", 5, "response", "CMR"), "CMR is PERCIST"),
    ("outcomes", "+P001,OS,,415,1,,", ("T040", 8, "patient_id", "P001"), "Row 2 holds the same endpoint"),
    (
        "outcomes",
        ("P003,response,,,,SD", "P003,response,,9,1,"),
        ("T067", 7, "endpoint", "response"),
        "another name",
    ),
    ("outcomes", "+P001,PFSS,,40,1,,", ("T072", 8, "endpoint", "PFSS"), "Did you mean 'PFS'?"),
    ("outcomes", "+P001,PFS,,440,1,,", ("T073", 8, "time_days", "440"), "ends at 415"),
    ("outcomes", "+P001,1_PFS,,40,1,,", ("T028", 8, "endpoint", "1_PFS"), "starting with a letter"),
    ("outcomes", "+P001,DFS,,40,0,,", ("T070", None, "endpoint", "DFS"), "nothing can be learnt"),
    ("outcomes", (",PR,RECIST", ",PD,RECIST"), ("T071", None, "endpoint", "response"), "do not respond"),
]


@pytest.mark.parametrize(("table", "change", "expected", "words"), DEFECTS)
def test_one_defect_is_one_problem(tmp_path, table, change, expected, words):
    text = GOOD[f"{table}.csv"]
    if isinstance(change, str):
        text += change.removeprefix("+") + "\n"
    else:
        assert text.count(change[0]) == 1 or table != "outcomes", "the test must change one cell"
        text = text.replace(*change, 1)
    problems = write(tmp_path, **{table: text}).problems
    if expected is None:
        assert problems == []
        return
    code, row, column, value = expected
    assert [place(p) for p in problems] == [(code, f"{table}.csv", row, column, value)]
    assert words in str(problems[0])


def test_a_patient_who_is_unknown_is_named_once_a_table(tmp_path):
    rows = "".join(f"P0O2,{-day},crp,5,mg/L,,\n" for day in range(1, 5))
    problems = write(tmp_path, labs=GOOD["labs.csv"] + rows).problems
    assert [place(p) for p in problems] == [("T080", "labs.csv", 6, "patient_id", "P0O2")]
    assert "And in 3 more rows." in str(problems[0])


def test_patients_without_outcome_or_measurement(tmp_path):
    text = GOOD["patients.csv"] + "P004,male,50,,,,,,\n"
    problems = write(tmp_path, patients=text).problems
    assert [(p.code, p.row, p.severity) for p in problems] == [("T081", 5, "warning"), ("T082", 5, "warning")]


def test_ids_that_look_alike(tmp_path):
    text = GOOD["patients.csv"] + "p_001,male,50,,,,,,\n"
    problems = write(tmp_path, patients=text, outcomes=None).problems
    assert [p.code for p in problems] == ["T041", "T082"]
    assert "Row 2 has 'P001'" in str(problems[0])


# -- dates


def test_dates_become_days(tmp_path):
    labs = "patient_id,date,analyte,value,unit\nP001,2024-01-08,ldh,212,U/L\nP002,2024-02-01,ldh,212,U/L\n"
    outcomes = "patient_id,endpoint,date,event\nP001,OS,2024-03-10,1\nP002,OS,2024-02-02,0\n"
    folder = write(tmp_path, patients=GOOD["patients.csv"].replace("P003,other,71,Vienna,,2,,,\n", ""), labs=labs,
                   outcomes=outcomes)  # fmt: skip
    assert folder.problems == []
    assert folder.tables["labs"]["day"].to_list() == [-2.0, 0.0]
    assert folder.tables["outcomes"]["time_days"].to_list() == [60.0, 1.0]
    assert folder.tables["outcomes"]["origin"].to_list() == ["baseline", "baseline"]


@pytest.mark.parametrize(
    ("labs", "expected", "words"),
    [
        ("P001,-2,2024-01-20,ldh,212,U/L", ("T042", 2, "day", "-2"), "10, the day of 2024-01-20"),
        ("P001,-2.4,2024-01-08,ldh,212,U/L", None, ""),
        ("P003,,2024-01-20,ldh,212,U/L", ("T043", 2, "date", "2024-01-20"), "baseline_date of 'P003'"),
    ],
)
def test_dates_that_contradict_or_cannot_be_counted(tmp_path, labs, expected, words):
    text = f"patient_id,day,date,analyte,value,unit\n{labs}\n"
    problems = write(tmp_path, labs=text).problems
    problems = [p for p in problems if p.code != "T082"]
    assert [place(p)[:1] + place(p)[2:] for p in problems] == ([] if expected is None else [expected])
    assert all(words in str(p) for p in problems)


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("P001,OS,,,2024-01-09,1", "T064", "date"),
        ("P001,OS,,,2024-01-10,1", "T064", "date"),
        ("P001,OS,diagnosis,,2024-02-10,1", "T069", "origin"),
        ("P001,OS,,99,2024-02-10,1", "T042", "time_days"),
        ("P003,OS,,,2024-02-10,1", "T043", "date"),
    ],
)
def test_outcome_dates(tmp_path, row, code, column):
    text = f"patient_id,endpoint,origin,time_days,date,event\n{row}\n"
    problems = [p for p in write(tmp_path, outcomes=text).problems if p.severity == "error"]
    assert [(p.code, p.row, p.column) for p in problems] == [(code, 2, column)]


def test_a_bad_baseline_date_is_not_told_again_in_every_table(tmp_path):
    patients = GOOD["patients.csv"].replace("2024-01-10", "2024-13-10")
    labs = "patient_id,date,analyte,value,unit\nP001,2024-01-08,ldh,212,U/L\n"
    errors = [p for p in write(tmp_path, patients=patients, labs=labs).problems if p.severity == "error"]
    assert [place(p) for p in errors] == [("T025", "patients.csv", 2, "baseline_date", "2024-13-10")]


# -- columns that are absent are said once, not row by row


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("patient_id,endpoint,event", "P001,OS,1", [("T015", "time_days")]),
        ("patient_id,endpoint,time_days", "P001,OS,9", [("T015", "event")]),
        ("patient_id,endpoint", "P001,OS", [("T015", "time_days")]),
        ("patient_id,endpoint,time,event", "P001,OS,9,1", [("T014", "time")]),
        ("patient_id,endpoint,time_days,status", "P001,OS,9,x", [("T014", "status"), ("T023", "event")]),
    ],
)
def test_absent_columns_of_outcomes(tmp_path, header, row, expected):
    problems = write(tmp_path, outcomes=f"{header}\n{row}\n").problems
    errors = [(p.code, p.column) for p in problems if p.severity == "error"]
    assert errors == expected


def test_labs_without_any_time(tmp_path):
    problems = write(
        tmp_path, labs="patient_id,analyte,value,unit\nP001,ldh,212,U/L\nP002,ldh,212,U/L\n"
    ).problems
    assert [(p.code, p.row, p.column) for p in problems if p.severity == "error"] == [("T015", 1, "day")]


# -- columns.yaml


def test_declared_columns_analytes_and_genes(tmp_path):
    patients = (
        GOOD["patients.csv"]
        .replace("\n", ",High,1\n")
        .replace("baseline_date,High,1", "baseline_date,grade,smoker")
    )
    columns = """\
patients:
  grade: {dtype: string, enum: [Low, High], ordered: true, role: predictor}
  smoker: {dtype: bool, role: predictor}
analytes:
  mir371: {unit: "1", title: miR-371a-3p, plausible: [0, 100]}
genes: [SMARCB1]
"""
    labs = GOOD["labs.csv"] + "P001,-2,miR371,7,1,,\n"
    folder = write(tmp_path, patients=patients, columns=columns, labs=labs)
    assert folder.problems == []
    assert [c.name for c in folder.schemas["patients"].predictors() if c.declared] == ["grade", "smoker"]
    assert folder.tables["labs"]["analyte"].to_list()[-1] == "mir371"
    assert folder.schemas.genes == ("SMARCB1",)
    bad = labs.replace("miR371,7", "miR371,700")
    assert codes(write(tmp_path, patients=patients, columns=columns, labs=bad)) == ["T055"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("patients:\n  grade: {dtype: flot}", "Did you mean 'float'?"),
        ("patients:\n  grade: {dtpye: float}", "Did you mean 'dtype'?"),
        ("patients:\n  grade: {dtype: float, role: feature}", "role predictor or information"),
        ("patients:\n  grade: {role: predictor}", "for a predictor"),
        ("patients:\n  grade: {enum: [yes, no]}", "quotation marks"),
        ("patients:\n  grade: {dtype: float, unit: zz}", "a unit in UCUM"),
        ("patients:\n  grade: {dtype: float, ge: a}", "ge: a number"),
        ("patients:\n  grade: 3", "{dtype: ..., role: ..., description: ...}"),
        ("patients:\n  grade: {}\n  sex: {dtype: string}", "does not have already"),
        ("patients:\n  grade: {}\n  'Bad Name': {dtype: string}", "lower-case letters"),
        ("patients:\n  grade: {}\npateints:\n  x: {dtype: int}", "Did you mean 'patients'?"),
        (
            "patients:\n  grade: {}\nlabs:\n  x: {dtype: int, role: predictor}",
            "Only columns of the patients table",
        ),
        ("patients:\n  grade: {}\nanalytes:\n  foo: {unit: zz}", "a unit in UCUM"),
        ("patients:\n  grade: {}\nanalytes:\n  foo: {untis: zz}", "unit: <UCUM>"),
        ("patients:\n  grade: {}\nanalytes:\n  foo: {unit: g/L, plausible: [9, 1]}", "[lowest, highest]"),
        ("patients:\n  grade: {}\nanalytes:\n  hb: {unit: g/L}", "does not know already"),
        ("patients:\n  grade: {}\ngenes: TP53", "a list of gene symbols"),
    ],
)
def test_wrong_declarations(tmp_path, columns, words):
    patients = GOOD["patients.csv"].replace("\n", ",2\n").replace("baseline_date,2", "baseline_date,grade")
    problems = write(tmp_path, patients=patients, columns=columns).problems
    assert [p.code for p in problems] == ["T016"]
    assert words in str(problems[0])


def test_yaml_that_cannot_be_read_says_the_line(tmp_path):
    problems = write(tmp_path, columns="patients:\n  a: {dtype: int\n").problems
    assert [(p.code, p.row) for p in problems] == [("T016", 3)]
    assert codes(write(tmp_path, columns="")) == []
    assert codes(write(tmp_path, columns="- a\n")) == ["T016"]


@pytest.mark.parametrize(
    "name", ["chemotherapy", "responder", "vital_status", "time_to_relapse", "os_months"]
)
def test_a_predictor_that_sounds_like_the_answer(tmp_path, name):
    patients = GOOD["patients.csv"].replace("\n", ",2\n").replace("baseline_date,2", f"baseline_date,{name}")
    problems = write(
        tmp_path, patients=patients, columns=f"patients:\n  {name}: {{dtype: int, role: predictor}}"
    ).problems
    assert [(p.code, p.severity, p.value) for p in problems] == [("T085", "warning", name)]


# -- the canonical tables


def test_tables_come_out_canonical(tmp_path):
    tables = write(tmp_path).tables
    labs = tables["labs"].select("analyte", "value", "unit", "ref_low").rows()
    assert labs[1][0] == "creatinine" and labs[1][2] == "umol/L"
    assert labs[1][1] == pytest.approx(97.24, abs=0.01) and labs[1][3] == pytest.approx(44.20, abs=0.01)
    assert labs[2] == ("hemoglobin", 132.0, "g/L", None)
    assert tables["studies"]["modality"].to_list() == ["pet", "ct", "pet"]
    assert tables["variants"]["day"].to_list() == [0.0, 0.0]
    outcomes = tables["outcomes"].select("endpoint", "event", "response", "criterion", "responder").rows()
    assert outcomes[1] == ("OS", False, None, None, None)
    assert outcomes[3:] == [
        ("response", None, "PR", "RECIST", 1.0),
        ("response", None, "PD", "RECIST", 0.0),
        ("response", None, "SD", "RECIST", 0.0),
    ]


def test_the_order_of_rows_changes_nothing_but_the_rows(tmp_path):
    shuffled = {}
    for name, text in GOOD.items():
        header, *rows = text.splitlines()
        shuffled[name] = "\n".join([header, *reversed(rows)]) + "\n"
    folder = write(tmp_path, shuffled)
    assert folder.problems == []
    (tmp_path / "again").mkdir()
    for name, table in write(tmp_path / "again").tables.items():
        assert table.reverse().equals(folder.tables[name]), name


def test_all_defects_at_once_hide_none(tmp_path):
    """Plant every one-row defect that has a patient of its own; each must be told as if it were alone."""
    planted = []
    files = dict(GOOD)
    for number, (table, change, expected, _) in enumerate(DEFECTS):
        if not isinstance(change, str) or expected is None or expected[0] in {"T070", "T057"}:
            continue
        files[f"{table}.csv"] += change.removeprefix("+") + "\n"
        planted.append((expected[0], table, expected[2], expected[3], number))
    seen = {(p.code, p.file.removesuffix(".csv"), p.column, p.value) for p in write(tmp_path, files).problems}
    missing = [p for p in planted if p[:4] not in seen]
    assert len(planted) >= 12
    assert missing == []


def test_reading_does_not_touch_the_folder(tmp_path):
    write(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    read_folder(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
