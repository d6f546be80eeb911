"""Rules for checklist items on design, models and software; each looks at one record of the run."""

from __future__ import annotations

from hybridx.evaluate.designs import Bootstrap632, LeaveOneCentreOut, NestedCV, Temporal, TrainTest
from hybridx.report.background import Background
from hybridx.report.check_lines import finding_words
from hybridx.report.checklist_answer import Answer, absent, for_person, not_seen, rule, seen
from hybridx.report.language import say
from hybridx.report.words import model_title, spoken_design

__all__: list[str] = []

_LEAKS = ("HX001", "HX002", "HX017", "HX018", "HX020")  # fitted, prepared, shared, doubled, selected


def _words(background: Background) -> str:
    return spoken_design(str(getattr(background.result.design, "words", "") or background.result.design))


@rule
def partition_described(background: Background) -> Answer:
    """Name the design, which is always on record."""
    return seen(
        "page: How good is the prediction; setting: design",
        f"{background.result.design}: {_words(background)}",
    )


@rule
def parts_disjoint(background: Background) -> Answer:
    """Parts are of patients; the checks for shared and doubled patients ran and found none."""
    return _clean(background, ("HX017", "HX018"), say("parts are of patients; nobody was found twice"))


@rule
def no_leak_found(background: Background) -> Answer:
    """Ask the checks for leaks, and name those that could not look."""
    if background.is_external:
        return _clean(background, ("HX018",), say("a locked model, nothing fitted to these patients"))
    return _clean(background, _LEAKS, say("everything that learns is inside the training part"))


def _clean(background: Background, codes: tuple[str, ...], said: str) -> Answer:
    findings = background.result.checks()
    fired = [c for c in codes if any(f.severity != "info" for f in findings.of(c))]
    if fired:
        return not_seen(say("{codes} fired", codes=", ".join(fired)), "page: Checks")
    ran = [c for c in codes if c in findings.clean or findings.of(c)]
    if not ran:
        return for_person("no check could look for it")
    unseen = [c for c in codes if c not in ran]
    more = "; " + say("could not be run: {codes}", codes=", ".join(unseen)) if unseen else ""
    return seen("page: Checks", f"{said} ({', '.join(ran)}{more})")


@rule
def model_settings(background: Background) -> Answer:
    """Leave settings to a person: a result keeps the names of its models only."""
    return for_person(
        say(
            "the primary model is {model}; its settings stand in the program that ran it",
            model=model_title(background.result.primary),
        )
    )


@rule
def updating(background: Background) -> Answer:
    """Nothing is updated after its evaluation here."""
    how = (
        say("a locked model was applied as it is")
        if background.is_external
        else say("no model was changed after its evaluation")
    )
    return absent(how)


@rule
def predictions_stored(background: Background) -> Answer:
    """Every prediction that was scored is kept."""
    n = background.result.predictions.height
    if not n:
        return not_seen("no prediction is kept")
    said = (
        say("the locked model's {n} predictions", n=n)
        if background.is_external
        else say("each by a model that did not see the patient: {n} predictions", n=n)
    )
    return seen("file: predictions.parquet of the result", said)


@rule
def class_imbalance(background: Background) -> Answer:
    """Count the share; what a model does about it is in its settings."""
    y = background.outcome
    if background.is_survival:
        return absent("a time to an event, not a class")
    return for_person(say("{n} of {of} responded", n=y.n_events, of=int(y.known.sum())))


@rule
def output_described(background: Background) -> Answer:
    """Say what the model gives, and that no threshold was sought."""
    what = (
        say("risk and survival probabilities over time")
        if background.is_survival
        else say("probability of response")
    )
    return seen(
        "page: What deciding by the model is worth",
        say("{what}; no threshold was fixed. Add one, if the use needs it", what=what),
    )


@rule
def cohorts_compared(background: Background) -> Answer:
    """How new patients differ from those of the training is asked of a locked model only."""
    result = background.result
    if not background.is_external:
        return absent("one cohort for building and testing")
    if result.support.height:
        return seen(
            "file: support.parquet of the result",
            "how far out each patient lies, by modality; add both cohorts' tables",
        )
    if result.doubts.height:
        return seen(
            "page: Doubts about single predictions", "patients unlike those of the training are counted"
        )
    return not_seen("no comparison with the training patients is on record")


@rule
def model_available(background: Background) -> Answer:
    """Name a locked model by its hash; a cross-validation leaves no one model behind."""
    design = background.result.design
    if not background.is_external:
        return not_seen("cross-validation leaves no single model; `hybridx fit` makes and locks one")
    fingerprint = getattr(design, "fingerprint", "")
    if fingerprint:
        return seen("setting: design", say("the locked model with hash {hash}", hash=fingerprint[:16]))
    return for_person("the locked model was scored from memory")


@rule
def code_identified(background: Background) -> Answer:
    """Name the version; where code, model and data can be had is for a person."""
    version = dict(background.result.provenance.get("versions", {})).get("hybridx")
    return for_person(say("made with hybridx {version}", version=version) if version else "")


@rule
def versions_known(background: Background) -> Answer:
    """Versions of the libraries are on record."""
    versions = dict(background.result.provenance.get("versions", {}))
    if not versions:
        return not_seen("the result holds no versions")
    return seen("page: footer", ", ".join(f"{k} {v}" for k, v in versions.items()))


@rule
def internal_test(background: Background) -> Answer:
    """Say how patients of the same source were tested apart from the training."""
    if background.is_external:
        return absent("a locked model on other patients")
    return seen("page: How good is the prediction", _words(background))


@rule
def external_test(background: Background) -> Answer:
    """Say whether another source was tested; of a locked model a person tells whether it is another."""
    if background.is_external:
        return for_person(
            "a locked model was tested on a cohort of its own; say whether it comes from elsewhere",
            "setting: design",
        )
    if isinstance(background.result.design, LeaveOneCentreOut):
        return not_seen(
            "each centre was tested by models of the others, all of one cohort",
            "page: How good is the prediction",
        )
    return not_seen("one cohort for building and testing")


@rule
def validation_points(background: Background) -> Answer:
    """Patients kept apart once, without a second fit, count; cross-validation does not."""
    design = background.result.design
    where = "setting: design"
    if background.is_external:
        return for_person(
            "a locked model on another cohort: 2 points from the same institute, 3 to 5 from others", where
        )
    if isinstance(design, TrainTest | Temporal):
        return seen(where, "a test part of the same cohort: 2 points", 2.0)
    if isinstance(design, NestedCV | Bootstrap632 | LeaveOneCentreOut):
        return not_seen("models were fitted again for each part: counted as no validation", where, -5.0)
    return for_person(say("design: {design}", design=design), where)


@rule
def features_reduced(background: Background) -> Answer:
    """Leave it to a person: what a model does with its features is in its settings."""
    found = background.result.checks().of("HX011")
    return for_person(
        finding_words(found[0])
        if found
        else say("no lack of events for the number of features was found (HX011)")
    )


@rule
def image_model_robust(background: Background) -> Answer:
    """Only a network that reads images itself needs it; prepared patches say that one may have been there."""
    images = background.cohort.tables.get("images")
    patches = (
        images is not None and "kind" in images.columns and images["kind"].str.starts_with("patch").any()
    )
    if patches:
        return for_person("image patches are kept: say whether a model read them")
    return absent("models read tables of features, not images")
