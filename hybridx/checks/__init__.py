"""Methodology checks HX0xx: what stands between a finished analysis and the signature of a statistician.

``hx.checks.run(result)`` looks for what makes scores too good or claims too strong (leaks, confounding, too few events,
an explanation of training rows); ``hx.checks.explain("HX005")`` says what triggers a check and what cures it.
"""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CHECKS": "registry",
        "Analysis": "analysis",
        "Check": "finding",
        "Finding": "finding",
        "Findings": "findings",
        "NotApplicable": "finding",
        "explain": "pages",
        "observe_given": "given",
        "run": "running",
    },
)
