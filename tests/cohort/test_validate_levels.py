"""Ordered and continuous outcomes from a folder: read, filled in, kept by the cohort; every defect of them is told."""

from __future__ import annotations

import pytest

from hybridx.cohort import Cohort
from hybridx.measure.extract_folder import extract
from tests.cohort.folders import place, write

HEAD = "patient_id,endpoint,time_days,event,response,level,levels,criterion,value,unit\n"
ROWS = """\
P001,OS,415,1,,,,,,
P002,OS,300,0,,,,,,
P001,grade,,,,G2,G1 >  G2 > G3,,,
P002,grade,,,,G3,,,,
P003,grade,,,,G1,,,,
P001,best,,,,pr,,RECIST,,
P002,best,,,,PD,,RECIST,,
P001,psa_change,,,,,,,-42.5,%
P002,psa_change,,,,,,,12,
"""


def test_the_good_rows_have_no_defect_and_are_filled_in(tmp_path):
    folder = write(tmp_path, outcomes=HEAD + ROWS)
    assert folder.problems == []
    table = folder.tables["outcomes"]
    of = {endpoint: table.filter(endpoint=endpoint) for endpoint in ("grade", "best", "psa_change", "OS")}
    assert of["grade"]["levels"].to_list() == [["G1", "G2", "G3"]] * 3
    assert of["best"]["levels"].to_list() == [["CR", "PR", "SD", "PD"]] * 2
    assert of["best"]["level"].to_list() == ["PR", "PD"]
    assert of["best"]["responder"].null_count() == 2  # ordered, not yes or no
    assert of["psa_change"]["unit"].to_list() == ["%", "%"]
    assert of["OS"]["levels"].null_count() == 2


def test_they_are_outcomes_of_the_cohort_and_stay_so(tmp_path):
    (tmp_path / "data").mkdir()
    tables = {
        "patients.csv": "patient_id,sex,age_years\nP001,female,63\nP002,male,58\nP003,male,70\n",
        "labs.csv": "patient_id,day,analyte,value,unit\nP001,0,LDH,212,U/L\nP002,0,LDH,180,U/L\n",
        "outcomes.csv": HEAD + ROWS,
    }
    write(tmp_path / "data", tables)
    cohort = extract(tmp_path / "data", out=tmp_path / "cohort", progress=False)
    for each in (cohort, Cohort.load(tmp_path / "cohort")):
        grade, best, psa = (each.outcomes(name) for name in ("grade", "best", "psa_change"))
        assert (grade.kind, grade.levels, grade.value.tolist()) == ("ordinal", ("G1", "G2", "G3"), [1, 2, 0])
        assert (best.criterion, best.levels) == ("RECIST", ("CR", "PR", "SD", "PD"))
        assert best.known.tolist() == [True, True, False]
        assert (psa.kind, psa.unit, psa.value[:2].tolist()) == ("continuous", "%", [-42.5, 12.0])
        assert each.outcomes("OS").kind == "survival"
    more = cohort.with_outcome(best)
    assert more.outcomes("best") == best
    assert more.outcomes("grade") == grade


@pytest.mark.parametrize(
    ("old", "new", "expected", "words"),
    [
        ("G3,,,,", "G4,,,,", ("T077", 5, "level", "G4"), "one of G1, G2, G3"),
        ("G1 >  G2 > G3", "", ("T075", 4, "levels", None), "from best to worst at one row"),
        ("G1 >  G2 > G3", "G1>G2>G3", ("T075", 4, "levels", "G1>G2>G3"), "a blank on both sides"),
        ("G1 >  G2 > G3", "G1 > G1 > G2", ("T075", 4, "levels", "G1 > G1 > G2"), "Name each once"),
        ("G3,,,,", "G3,G3 > G2 > G1,,,", ("T076", 5, "levels", "G3 > G2 > G1"), "as in row 4"),
        ("12,\n", "12,mm\n", ("T076", 10, "unit", "mm"), "as in row 9"),
        ("-42.5,%", "a lot,%", ("T020", 9, "value", "a lot"), "a number"),
        ("PD,,RECIST,,", "PD,,RECIST,4,", ("T061", 8, "level", "PD"), "two rows"),
        ("P002,best,,,,PD", "P002,best,40,1,,PD", ("T061", 8, "level", "PD"), "two rows"),
        ("P002,grade,,,,G3,", "P002,grade,40,1,,,", ("T067", 5, "endpoint", "grade"), "are ordinal: use another"),
        ("12,\n", ",\n", ("T060", 10, "time_days", None), "level or value"),
        ("pr,,RECIST", "PD,,RECIST", ("T071", None, "endpoint", "best"), "All 2 patients are 'PD'"),
        ("pr,,RECIST", "PPR,,RECIST", ("T077", 7, "level", "PPR"), "Did you mean 'PR'?"),
    ],
)  # fmt: skip
def test_one_defect_is_one_problem(tmp_path, old, new, expected, words):
    assert ROWS.count(old) == 1
    folder = write(tmp_path, outcomes=HEAD + ROWS.replace(old, new))
    found = {place(p)[:1] + place(p)[2:]: str(p) for p in folder.problems}
    assert list(found) == [expected], found
    assert words in found[expected]
