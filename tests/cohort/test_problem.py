"""How problems are said."""

from __future__ import annotations

import json

import pytest

from hybridx.cohort.problem import Problem, found, problems_to_json, problems_to_text, refuse
from hybridx.errors import InputError


def test_a_problem_says_where_what_and_what_was_wanted():
    problem = found("T020", "patients.csv", 17, "age_years", "sixty", expected="a number from 0 to 120 years")
    assert str(problem) == (
        "patients.csv row 17, age_years: 'sixty' is not a number. Expected a number from 0 to 120 years."
    )
    assert str(found("T029", "labs.csv", 3, "value", expected="a number")) == (
        "labs.csv row 3, value: is empty. Expected a number."
    )


def test_values_are_quoted_made_visible_and_cut():
    said = str(
        found("T031", "patients.csv", 2, "patient_id", "a\tb\u202e\x00'" + "x" * 100, expected="an id")
    )
    assert "\\u0009" in said and "\\u202e" in said and "\\u0000" in said and "..." in said
    assert not {"\t", "\u202e", "\x00"} & set(said)
    assert len(said) < 160


def test_a_code_of_another_room_speaks_for_itself():
    problem = Problem(
        "I007", "error", "studies.csv", 2, "mask", "m.nii", "at least one voxel", "Draw it again."
    )
    assert str(problem) == "studies.csv row 2, mask: 'm.nii'. Expected at least one voxel. Draw it again."


def test_text_groups_by_file_and_counts():
    many = [found("T020", "labs.csv", row, "value", "x") for row in range(9, 1, -1)]
    text = problems_to_text([*many, found("T081", "patients.csv", 2, "patient_id", "P001")], per_kind=3)
    lines = text.splitlines()
    assert lines[0] == "8 errors, 1 warning"
    assert [line.strip().split(":")[0] for line in lines if "T020" in line and "row" in line] == [
        "T020  row 2, value",
        "T020  row 3, value",
        "T020  row 4, value",
    ]
    assert "T020  and 5 more in value of the same kind." in text
    assert lines.index("Errors (must be mended)") < lines.index("Warnings (please look)")
    assert problems_to_text([]) == "No problems found."
    assert problems_to_text(many).count("T020") == 8


def test_json_holds_every_problem_with_all_its_fields():
    problems = [found("T020", "labs.csv", 2, "value", "µ<script>"), found("T002", "patients.csv")]
    read = json.loads(problems_to_json(problems))
    assert [set(p) for p in read] == [
        {"code", "severity", "file", "row", "column", "value", "expected", "hint", "message"}
    ] * 2
    assert read[0]["value"] == "µ<script>" and read[0]["row"] == 2
    assert read[1]["row"] is None
    assert json.loads(problems_to_json([])) == []


def test_errors_refuse_once_and_warnings_do_not():
    refuse([found("T081", "patients.csv", 2, "patient_id", "P001")])
    errors = [found("T020", "labs.csv", row, "value", f"v{row}") for row in range(2, 12)]
    with pytest.raises(InputError) as caught:
        refuse([*errors, found("T081", "patients.csv", 2, "patient_id", "P001")])
    said = str(caught.value)
    assert said.startswith("The data folder is refused (10 errors).")
    assert said.count("T020  row") == 5 and "and 5 more in value" in said
    assert "T081" not in said
