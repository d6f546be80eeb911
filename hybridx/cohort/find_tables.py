"""Which files of a data folder are its tables, and which look as if they were meant to be."""

from __future__ import annotations

import difflib
from pathlib import Path

from hybridx.cohort.problem import Problem, found
from hybridx.cohort.schema import TABLES

__all__ = ["DECLARED", "find_tables"]

DECLARED = ("columns.yaml", "columns.yml")  # what a folder adds to the schemas
_READ = (".csv", ".parquet")
_TABULAR = (*_READ, ".tsv", ".xlsx", ".xls", ".ods", ".feather", ".sav")


def find_tables(entries: list[Path]) -> tuple[dict[str, Path], list[Problem]]:
    """Return the path of each table that is there, and what is wrong with the names of files."""
    paths: dict[str, Path] = {}
    problems: list[Problem] = []
    resembling: list[str] = []
    for file in (p for p in entries if p.is_file()):
        name, suffix = file.stem.casefold(), file.suffix.casefold()
        if name in TABLES and suffix in _READ:
            if name in paths:
                hint = f"{paths[name].name} is read, {file.name} is not: remove one."
                problems.append(found("T003", file.name, hint=hint))
            paths.setdefault(name, file)
        elif file.name.casefold() not in DECLARED and suffix in (*_TABULAR, ".yaml", ".yml", ".txt"):
            problem = _unread(file, name, suffix)
            if problem is not None:
                problems.append(problem)
                resembling += [file.name] if problem.code == "T004" else []
    if "patients" not in paths:
        like = next((f for f in resembling if "patients.csv" in _guess(Path(f).stem.casefold())), None)
        hint = f"Is it {like!r}?" if like else "It is the one table that must be there."
        problems.insert(
            0, found("T002", "patients.csv", expected="patients.csv or patients.parquet", hint=hint)
        )
    return {name: paths[name] for name in TABLES if name in paths}, problems


def _unread(file: Path, name: str, suffix: str) -> Problem | None:
    if suffix in {".yaml", ".yml"}:
        close = difflib.SequenceMatcher(None, name, "columns").ratio() >= 0.75
        return found("T004", file.name, hint="Did you mean columns.yaml?") if close else None
    guess = _guess(name)
    if guess:
        cure = f"Save it as {guess}." if name in TABLES else f"Did you mean {guess}?"
        return found("T004", file.name, hint=cure)
    if suffix == ".txt":
        return None
    return found("T005", file.name, expected="one of " + ", ".join(f"{t}.csv" for t in TABLES))


def _guess(name: str) -> str:
    words = {t: t for t in TABLES} | {
        "laboratory": "labs", "labor": "labs", "labor_values": "labs", "lab_values": "labs", "blood": "labs",
        "mutations": "variants", "genomics": "variants", "rna": "expression", "rnaseq": "expression",
        "samples": "sequencing", "cna": "copynumber", "cnv": "copynumber", "gistic": "copynumber", "seg": "segments",
        "clinical": "patients", "clinic": "patients", "patienten": "patients", "images": "studies",
        "imaging": "studies", "scans": "studies", "followup": "outcomes", "survival": "outcomes",
        "therapy": "treatments", "therapies": "treatments",
    }  # fmt: skip
    close = difflib.get_close_matches(name, list(words), n=1, cutoff=0.75)
    return f"{words[close[0]]}.csv" if close else ""
