"""A defect of a data folder: where it is, what was found, what was wanted, and the cure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from hybridx.cohort.problem_codes import CODES, EXPECTED, Severity
from hybridx.errors import InputError

__all__ = ["Problem", "found", "has_errors", "problems_to_json", "problems_to_text", "refuse"]

_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of a data folder.

    Parameters
    ----------
    code : str
        Permanent: ``T...`` for tables, ``I...`` for images.
    severity : str
        ``error`` (the folder, or this patient's image, is refused) or ``warning`` (read all the same).
    file : str
        File name, relative to the folder.
    row : int or None
        Line in the file; the header is line 1. A Parquet file is counted as if it were written as CSV.
    column : str or None
        Column of the table.
    value : str or None
        What stands there, as text.
    expected : str
        What was wanted.
    hint : str
        The cure, with the nearest right spelling where there is one.

    Examples
    --------
    >>> print(Problem("T020", "error", "patients.csv", 17, "age_years", "sixty", "a number", ""))
    patients.csv row 17, age_years: 'sixty' is not a number. Expected a number.
    """

    code: str
    severity: Severity
    file: str
    row: int | None = None
    column: str | None = None
    value: str | None = None
    expected: str = ""
    hint: str = ""

    @property
    def where(self) -> str:
        """File, row and column in words."""
        row = f" row {self.row}" if self.row is not None else ""
        return f"{self.file}{row}" + (f", {self.column}" if self.column else "")

    @property
    def says(self) -> str:
        """The defect without its place: value, what is wrong with it, what was wanted, the cure."""
        predicate = CODES[self.code][1] if self.code in CODES else ""
        subject = None if self.value is None else shown(self.value)
        parts = [" ".join(p for p in (subject, predicate) if p)]
        if self.expected:
            parts.append(f"Expected {self.expected}")
        parts.append(self.hint)
        return " ".join(p if p[-1] in ".?!" else f"{p}." for p in parts if p)

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


def shown(value: str) -> str:
    """Quote a value for a message: invisible characters made visible, long text cut."""
    cut = value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 3] + "..."
    return repr(_HIDDEN.sub(lambda m: f"\\u{ord(m[0]):04x}", cut)).replace("\\\\", "\\")


def found(
    code: str,
    file: str,
    row: int | None = None,
    column: str | None = None,
    value: str | None = None,
    *,
    expected: str = "",
    hint: str = "",
) -> Problem:
    """Return a problem with the severity that its code has."""
    return Problem(code, CODES[code][0], file, row, column, value, expected or EXPECTED.get(code, ""), hint)


def has_errors(problems: Iterable[Problem]) -> bool:
    """Return whether any problem is an error."""
    return any(p.severity == "error" for p in problems)


def problems_to_text(problems: Sequence[Problem], *, per_kind: int | None = None) -> str:
    """Return the problems as text: errors first, by file, in the order of the lines.

    Parameters
    ----------
    problems : sequence of Problem
        As from `hybridx.validate`.
    per_kind : int, optional
        Show at most so many of one code in one column of a file, then count the rest. None shows all.
    """
    if not problems:
        return "No problems found."
    counts = [sum(p.severity == s for p in problems) for s in ("error", "warning")]
    lines = [f"{_count(counts[0], 'error')}, {_count(counts[1], 'warning')}"]
    for severity in ("error", "warning"):
        chosen = [p for p in problems if p.severity == severity]
        if not chosen:
            continue
        lines += ["", "Errors (must be mended)" if severity == "error" else "Warnings (please look)"]
        for file in dict.fromkeys(p.file for p in chosen):
            lines.append(f"  {file}")
            lines += [f"    {line}" for line in _file_lines([p for p in chosen if p.file == file], per_kind)]
    return "\n".join(lines)


def _file_lines(problems: Sequence[Problem], per_kind: int | None) -> list[str]:
    lines: list[str] = []
    seen: dict[tuple[str, str | None], int] = {}
    # An image's path is long and fills the eye; the row and column alone place a defect within its file.
    for problem in sorted(problems, key=lambda p: (p.row is not None, p.row or 0)):
        kind = (problem.code, problem.column)
        seen[kind] = seen.get(kind, 0) + 1
        if per_kind is None or seen[kind] <= per_kind:
            place = problem.where.removeprefix(problem.file).strip(" ,")
            lines.append(
                f"{problem.code}  {place}: {problem.says}" if place else f"{problem.code}  {problem.says}"
            )
    for (code, column), count in seen.items():
        if per_kind is not None and count > per_kind:
            place = f"in {column} " if column else ""
            lines.append(f"{code}  and {count - per_kind} more {place}of the same kind.")
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def problems_to_json(problems: Iterable[Problem]) -> str:
    """Return the problems as a JSON array of objects, one per problem, every one of them.

    Each object has `code`, `severity`, `file`, `row`, `column`, `value`, `expected`, `hint` and the whole `message`.
    """
    return json.dumps([{**asdict(p), "message": str(p)} for p in problems], ensure_ascii=False, indent=2)


def refuse(problems: Sequence[Problem], what: str = "The data folder") -> None:
    """Raise one `InputError` that lists the errors, at most five of a kind; warnings alone do not refuse.

    Raises
    ------
    InputError
        There is at least one error.
    """
    errors = [p for p in problems if p.severity == "error"]
    if not errors:
        return
    listing = problems_to_text(errors, per_kind=5).split("\n", 3)[3]
    cure = "`hybridx validate FOLDER` lists every one of them."
    msg = f"{what} is refused ({_count(len(errors), 'error')}). {cure}\n{listing}"
    raise InputError(msg)
