"""HX001: a model came in fitted, or with fitted pieces that every fold shares."""

from __future__ import annotations

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.terms.text import listing

__all__ = ["FITTED_BEFORE"]


def _look(facts: Facts) -> list[Finding]:
    given = facts.analysis.provenance.get("given")
    if not given:
        msg = "the result does not say what its models were like before the first fit"
        raise NotApplicable(msg)
    found = []
    for name, parts in given.get("fitted", {}).items():
        kept = given.get("kept", {}).get(name, [])
        if kept:
            sentence = (
                f"{name} holds pieces that were fitted before the split and are not fitted anew in the folds "
                f"({listing(kept, 3)}): they have seen the test patients."
            )
            found.append(FITTED_BEFORE.finding("error", sentence, [name, *kept]))
        else:
            sentence = (
                f"{name} was already fitted ({listing(parts, 3)}); what it had learnt was thrown away and learnt anew "
                "in "
                "every fold. Settings that were chosen by looking at its earlier fit came along."
            )
            found.append(FITTED_BEFORE.finding("info", sentence, [name]))
    return found


FITTED_BEFORE = Check(
    code="HX001",
    title="Fitted before the split",
    severities=("error", "info"),
    trigger=(
        "Before the first fit, a model that you gave, or any estimator inside it, has learnt state: an "
        "attribute that "
        "ends in `_`.\n\n"
        "- **error**: some of it is still there in a clone of the model (`FrozenEstimator`, an object without "
        "`get_params`), so that every fold uses a scaler, selector or encoder that saw its test patients;\n"
        "- **info**: a clone has none of it. The evaluation refitted everything; only settings tuned on that "
        "fit remain."
    ),
    cure=(
        "Give unfitted estimators: `sklearn.base.clone(model)`. Put what must be learnt (scaling, "
        "imputation, selection, "
        "harmonisation, tuning) into a pipeline that is fitted inside the fold, see `hybridx.prepare`. An "
        "encoder that "
        "was trained on other patients altogether may stay frozen: silence the check and say where it was trained."
    ),
    limits=(
        "State that hides in functions, closures or names without `_`, and columns that were prepared "
        "outside (HX002, "
        "HX020 look for their traces)."
    ),
    look=_look,
    source="Kapoor S, Narayanan A. Patterns 2023. doi:10.1016/j.patter.2023.100804",
)
