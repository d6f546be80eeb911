"""Run every check on a finished analysis."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridx.checks.analysis import Analysis
from hybridx.checks.facts import Facts
from hybridx.checks.finding import Finding, NotApplicable
from hybridx.checks.findings import Findings, in_order
from hybridx.checks.registry import CHECKS
from hybridx.cohort.cohort import Cohort
from hybridx.compute import one_thread
from hybridx.errors import HybridxError, InputError, SettingsError
from hybridx.terms.text import check_name

__all__ = ["check_silence", "run"]


def run(
    result: Analysis,
    *,
    silence: Mapping[str, str] | None = None,
    other: Any = None,
    explanation: Any = None,
) -> Findings:
    """Look for what makes an analysis say more than it may: leaks, confounding, too few events, claims too strong.

    Parameters
    ----------
    result : hybridx.evaluate.Result
        Or anything that offers `Analysis`.
    silence : mapping of code to str, optional
        Checks whose findings you have judged, each with the reason; they are shown as silenced, with it.
    other : Cohort, optional
        A second cohort (a test set, an external cohort): no patient of the first may be in it.
    explanation : hybridx.explain.Explanation, optional
        In place of the one in the result.

    Returns
    -------
    Findings
        Like a list of `Finding`, the worst first; shows itself as a table.

    Raises
    ------
    SettingsError
        An unknown code is silenced, or one without a reason.
    InputError
        `other` is no cohort.

    Examples
    --------
    >>> hx.checks.run(result, silence={"HX009": "volume is what this study is about"})  # doctest: +SKIP
    """
    if other is not None and not isinstance(other, Cohort):
        msg = f"`other` is a second Cohort, got {type(other).__name__}."
        raise InputError(msg)
    reasons = check_silence(silence)
    facts = Facts(result, other, explanation)
    found: list[Finding] = []
    not_applicable: dict[str, str] = {}
    clean: list[str] = []
    for check in CHECKS:
        try:
            with one_thread(), np.errstate(all="ignore"), warnings.catch_warnings():
                # columns without a value have NaN for a mean, which is what is meant
                warnings.simplefilter("ignore", RuntimeWarning)
                new = list(check.look(facts))
        except NotApplicable as why:
            not_applicable[check.code] = why.reason
            continue
        except (HybridxError, ValueError, ArithmeticError) as error:
            # an evaluation of an hour must not die of a question asked afterwards; that it was not answered is said
            not_applicable[check.code] = f"could not be run: {type(error).__name__}: {error}"
            continue
        found += new
        if not new:
            clean.append(check.code)
    return Findings(in_order(found), not_applicable, tuple(clean)).silence(reasons)


def check_silence(silence: Mapping[str, str] | None) -> dict[str, str]:
    """Return the reasons for silence by code, checked.

    Raises
    ------
    SettingsError
        Unknown code, or no reason.
    """
    reasons = dict(silence or {})
    for code, reason in reasons.items():
        check_name(code, [check.code for check in CHECKS], "check")
        if not isinstance(reason, str) or not reason.strip():
            msg = f"silence[{code!r}]={reason!r}: wanted the reason in words; it is shown beside the finding."
            raise SettingsError(msg)
    return reasons
