"""What a check is, what it finds, and how it says that it cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hybridx.errors import HybridxError, SettingsError
from hybridx.terms.text import check_name

if TYPE_CHECKING:
    from hybridx.checks.facts import Facts

__all__ = ["SEVERITIES", "Check", "Finding", "NotApplicable", "Severity"]

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the worst first


class NotApplicable(HybridxError):  # noqa: N818 - it is no error: the check says why it has nothing to look at
    """A check cannot be run on this analysis, for the reason given."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    code : str
        ``HX005``; permanent.
    severity : {"error", "warning", "info"}
        Error: the scores do not mean what they seem to mean. Warning: a reader must know and judge. Info: good to know.
    title : str
        The check in a few words.
    sentence : str
        What was found, with its numbers; no patient is named.
    subjects : tuple of str
        Columns, modalities, models or centres that it is about, the worst first.
    patients : tuple of str
        Identifiers of the patients that it is about, where it is about some; never printed.
    silenced : str
        Why a user silenced it; empty: not silenced.
    """

    code: str
    severity: Severity
    title: str
    sentence: str
    subjects: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    silenced: str = ""

    def __post_init__(self) -> None:
        check_name(self.severity, SEVERITIES, "severity")
        if not self.sentence:
            msg = f"A finding of {self.code} needs a sentence."
            raise SettingsError(msg)

    def __str__(self) -> str:
        ending = f" (silenced: {self.silenced})" if self.silenced else ""
        return f"{self.code} {self.severity}: {self.sentence}{ending}"


@dataclass(frozen=True)
class Check:
    """One methodology check.

    Parameters
    ----------
    code, title : str
    severities : tuple of str
        What it can raise, the worst first.
    trigger : str
        What raises it, with every threshold.
    cure : str
        What to do about it.
    limits : str
        What it cannot see, and when it is wrong.
    look : callable
        ``facts -> findings``; raises `NotApplicable`.
    source : str
        Paper, where there is one.
    """

    code: str
    title: str
    severities: tuple[Severity, ...]
    trigger: str
    cure: str
    limits: str
    look: Callable[[Facts], Sequence[Finding]]
    source: str = ""

    def finding(
        self,
        severity: Severity,
        sentence: str,
        subjects: Sequence[str] = (),
        patients: Sequence[str] = (),
    ) -> Finding:
        """Return a finding of this check.

        Raises
        ------
        SettingsError
            The check does not raise that severity.
        """
        check_name(severity, self.severities, f"severity of {self.code}")
        return Finding(self.code, severity, self.title, sentence, tuple(subjects), tuple(patients))
