"""YAML, pandera models, README and templates say the same."""

from __future__ import annotations

import re
from datetime import date

import polars as pl
import pytest
import yaml

from hybridx.cohort.problem_codes import CODES, EXPECTED
from hybridx.cohort.read import read_folder
from hybridx.cohort.schema import TABLES, load_schemas, schema_folder, template
from hybridx.cohort.schema_pandera import POLARS_DTYPES, failures, model

SCHEMAS = load_schemas()
ALL_COLUMNS = [(t.name, c.name) for t in SCHEMAS.values() for c in t.columns.values()]


@pytest.mark.parametrize("name", TABLES)
def test_the_model_has_all_that_the_yaml_says_and_nothing_more(name):
    entry = yaml.safe_load((schema_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
    built = model(SCHEMAS[name])
    assert list(built.columns) == list(entry["columns"])
    for column, said in entry["columns"].items():
        made = built.columns[column]
        assert made.dtype.type == POLARS_DTYPES[said["dtype"]]
        assert made.nullable is said.get("nullable", True)
        assert made.required is said.get("required", False)
        checks = {c.name: c.statistics for c in made.checks}
        wanted = {}
        for key, check, statistic in (
            ("gt", "greater_than", "min_value"),
            ("ge", "greater_than_or_equal_to", "min_value"),
            ("le", "less_than_or_equal_to", "max_value"),
            ("enum", "isin", "allowed_values"),
            ("pattern", "str_matches", "pattern"),
        ):
            if key in said:
                wanted[check] = {statistic: said[key]}
        assert checks == wanted


@pytest.mark.parametrize(("table", "column"), ALL_COLUMNS)
def test_every_column_is_complete(table, column):
    said = SCHEMAS[table].columns[column]
    assert said.title and said.description.endswith((".", ")"))
    assert re.fullmatch(r"[a-z][a-z0-9_]*", column)
    assert said.nullable or said.required, "a cell cannot be obligatory in a column that is not"
    assert set(said.synonyms.values()) <= set(said.enum)
    assert said.enum == () or said.example in (*said.enum, None)
    assert said.pattern is None or said.pattern_words
    assert not set(said.aliases) & set(SCHEMAS[table].columns), "an alias is the name of another column"


def test_keys_are_columns():
    for table in SCHEMAS.values():
        assert set(table.key) <= set(table.columns)
        assert table.version == 1


def test_a_lazy_frame_with_bad_data_does_not_pass():
    bad = pl.DataFrame({"patient_id": ["P001", "P002"], "age_years": [50.0, 300.0]})
    assert failures(SCHEMAS["patients"], bad.lazy()) == [("age_years", "range", 1)]
    assert failures(SCHEMAS["patients"], bad) == [("age_years", "range", 1)]


def test_a_frame_without_its_types_is_a_defect_of_the_program():
    with pytest.raises(TypeError, match="does not have its types"):
        failures(SCHEMAS["patients"], pl.DataFrame({"patient_id": ["P001"], "age_years": ["50"]}))


def test_the_templates_are_a_valid_folder(tmp_path):
    for table in SCHEMAS.values():
        (tmp_path / f"{table.file}.csv").write_text(template(table) + "\n", encoding="utf-8")
    outcomes = (
        "patient_id,endpoint,time_days,event\nP001,OS,415,1\n"  # survival and response exclude each other
    )
    (tmp_path / "outcomes.csv").write_text(outcomes, encoding="utf-8")
    assert read_folder(tmp_path).problems == []


def test_the_readme_keeps_step():
    readme = (schema_folder() / "README.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in readme.splitlines() if line.startswith("|")}
    for code, (severity, predicate, meaning) in CODES.items():
        assert rows[code] == f"| {code} | {severity} | ... {predicate} | {meaning} |"
    for table in SCHEMAS.values():
        assert template(table) in readme
        for column in table.columns.values():
            must = "yes" if column.required else "no"
            row = f"| `{column.name}` | {must} | {column.expected} | {column.description} |"
            assert row in readme.splitlines()
    assert {code for code in rows if re.fullmatch(r"T\d{3}", code)} == set(CODES)
    assert set(EXPECTED) <= set(CODES)


def test_dates_leave_no_trace(tmp_path):
    (tmp_path / "patients.csv").write_text("patient_id,baseline_date\nP001,2024-01-10\n", encoding="utf-8")
    (tmp_path / "treatments.csv").write_text(
        "patient_id,kind,date,end_date\nP001,surgery,2024-01-17,2024-01-18\n", encoding="utf-8"
    )
    folder = read_folder(tmp_path)
    assert folder.problems == []
    assert folder.tables["treatments"].select("day", "end_day").rows() == [(7.0, 8.0)]
    for table in folder.tables.values():
        assert not any(t == pl.Date for t in table.dtypes)
        assert not any(isinstance(v, date) or "2024" in str(v) for row in table.rows() for v in row)
