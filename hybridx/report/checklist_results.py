"""Rules for checklist items on performance, subgroups, robustness and explanations; each looks at one record."""

from __future__ import annotations

import polars as pl

from hybridx.report.background import Background
from hybridx.report.calibration import calibration_drawing
from hybridx.report.check_lines import brief, finding_words
from hybridx.report.checklist_answer import Answer, absent, for_person, not_seen, rule, seen
from hybridx.report.checklist_cohort import centres_of
from hybridx.report.decision_lines import decision_part
from hybridx.report.language import say
from hybridx.report.part_lines import parts_of_cohort
from hybridx.report.words import model_title, scale_words

__all__: list[str] = []

_SCORES = "page: How good is the prediction; tables/scores.csv"
_CALIBRATION = ("observed_expected", "calibration_slope", "ici")


def _own(background: Background) -> pl.DataFrame:
    """Return the primary model's scores that exist."""
    result = background.result
    return background.once(
        "own scores", lambda: result.table(model=result.primary).filter(pl.col("value").is_not_null())
    )


def _parts(background: Background) -> list[str]:
    """Return the parts of the cohort that were scored: Centre, Sex, Age."""
    parts = background.once("parts", lambda: parts_of_cohort(background))
    return [
        part["columns"][0]
        for part in parts
        if any(row[3] not in (say("too few"), say("too few each")) for row in part["rows"])
    ]


@rule
def performance_measures(background: Background) -> Answer:
    """Discrimination and calibration are both scored."""
    names = set(_own(background)["metric"])
    ranks, told = bool(names - {*_CALIBRATION, "ibs", "brier", "brier_t"}), bool(names & set(_CALIBRATION))
    said = say("{n} measures of the primary model", n=len(names))
    if background.result.kind not in ("survival", "response"):
        return seen(_SCORES, said) if names else not_seen("no score could be computed")
    if ranks and told:
        return seen(_SCORES, f"{said}, {say('of discrimination and of calibration')}")
    lacking = say("calibration is missing") if ranks else say("discrimination is missing")
    return not_seen(f"{said}; {lacking}", _SCORES)


@rule
def intervals_given(background: Background) -> Answer:
    """Ask whether the headline score of the primary model has its interval, and name scores without one."""
    own = _own(background)
    if not own.height:
        return not_seen("no score could be computed")
    bare = own.filter(pl.col("low").is_null() | pl.col("high").is_null())["metric"].to_list()
    if background.result.metrics[0] in bare or own.height == len(bare):
        return not_seen(say("without interval: {names}", names=", ".join(bare)), _SCORES)
    result = background.result
    said = say("{level:g} % intervals, {n} resamples", level=100 * result.level, n=result.resamples)
    more = "; " + say("without one: {names}", names=", ".join(bare)) if bare else ""
    return seen(_SCORES, said + more)


@rule
def performance_with_intervals(background: Background) -> Answer:
    """Scores with intervals, and of parts of the cohort where enough patients are in them."""
    whole = intervals_given(background)
    parts = _parts(background)
    if whole.status != "observed":
        return whole
    more = (
        say("also by {parts}", parts=", ".join(parts))
        if parts
        else say("no part of the cohort was large enough to score")
    )
    return seen(_SCORES, f"{whole.said}; {more}")


@rule
def performance_all_parts(background: Background) -> Answer:
    """Scores of the training parts, too: on record only where optimism was measured."""
    if background.is_external:
        return absent("nothing was trained here")
    if background.result.apparent.height:
        return seen("file: apparent.parquet of the result", "predictions of training patients are kept apart")
    return not_seen("scored on test parts only; the design Bootstrap632 keeps both")


@rule
def counts_given(background: Background) -> Answer:
    """Patients and events stand with each score."""
    table = background.result.table()
    if table["n"].null_count() or table["n_events"].null_count():
        return not_seen("some scores do not say how many patients they rest on", _SCORES)
    return seen(_SCORES, "patients and events of each model")


@rule
def subgroups_scored(background: Background) -> Answer:
    """Sex and age groups are scored where enough patients are in them."""
    parts = [p for p in _parts(background) if p != say("Centre")]
    if parts:
        return seen(
            "page: For whom",
            say("scored by {parts}. Add other groups that matter, and what was done", parts=", ".join(parts)),
        )
    return not_seen("no group by sex or age could be scored")


@rule
def centre_heterogeneity(background: Background) -> Answer:
    """Centres are scored apart."""
    centres = centres_of(background.cohort)
    if centres is None:
        return for_person("no table names a centre")
    if len(centres) < 2:
        return absent("one centre")
    if say("Centre") in _parts(background):
        return seen("page: For whom", say("{n} centres", n=len(centres)))
    return not_seen(say("{n} centres, none with enough patients to score", n=len(centres)))


@rule
def confounders_examined(background: Background) -> Answer:
    """Centre and tumour volume are looked for behind the features; what to do about them is for a person."""
    findings = background.result.checks()
    fired = [c for c in ("HX008", "HX009") if findings.of(c)]
    if fired:
        return for_person(
            say("{codes} fired: say how it was dealt with", codes=", ".join(fired)), "page: Checks"
        )
    ran = [c for c in ("HX008", "HX009") if c in findings.clean]
    if not ran:
        return not_seen("no check for a confounder could be run")
    return seen(
        "page: Checks", say("{codes} found nothing. Add confounders of your own", codes=", ".join(ran))
    )


@rule
def dimension_fits(background: Background) -> Answer:
    """Enough events for the number of candidate features, or a person says how features were reduced."""
    findings = background.result.checks()
    if "HX011" in findings.clean:
        return seen("page: Checks", "enough events for the candidate features (HX011)")
    found = findings.of("HX011")
    if any(f.severity in ("error", "warning") for f in found):
        return not_seen(finding_words(found[0]), "page: Checks")
    return for_person(finding_words(found[0]) if found else "")


@rule
def calibration_shown(background: Background) -> Answer:
    """Find the calibration curve of the primary model."""
    part = background.once("calibration", lambda: calibration_drawing(background))
    if part is None:
        return not_seen("no calibration could be estimated")
    return seen("page: Risk groups and calibration; tables/calibration_groups.csv", part["caption"])


@rule
def decision_shown(background: Background) -> Answer:
    """Net benefit over thresholds."""
    part = background.once("decision", lambda: decision_part(background))
    if part is None:
        return not_seen("no threshold has enough patients to act on")
    return seen(
        "page: What deciding by the model is worth; tables/decision_curve.csv", "net benefit over thresholds"
    )


@rule
def discrimination_points(background: Background) -> Answer:
    """One point for a statistic with its uncertainty, one for resampling."""
    own = _own(background).filter(~pl.col("metric").is_in([*_CALIBRATION, "ibs", "brier", "brier_t"]))
    return _graded(background, own, "discrimination")


@rule
def calibration_points(background: Background) -> Answer:
    """One point for a statistic with its uncertainty, one for resampling."""
    return _graded(background, _own(background).filter(pl.col("metric").is_in(_CALIBRATION)), "calibration")


def _graded(background: Background, own: pl.DataFrame, what: str) -> Answer:
    own = own.filter(pl.col("low").is_not_null())
    if not own.height:
        return not_seen(say(f"no figure of {what} with its uncertainty"), _SCORES, 0.0)
    resampled = not background.is_external or background.result.resamples > 0
    return seen(_SCORES, ", ".join(own["metric"]), 2.0 if resampled else 1.0)


@rule
def cut_offs(background: Background) -> Answer:
    """Find the groups, which are cut on predictions and never on outcomes."""
    if background.groups:
        return seen(
            "page: Risk groups and calibration",
            "halves or thirds of the predictions, cut without looking at outcomes",
        )
    return not_seen("the cohort is too small for groups")


@rule
def without_images_compared(background: Background) -> Answer:
    """Clinical facts alone, on the same patients."""
    rows = background.result.comparisons().filter(
        (pl.col("other") == "clinical") & pl.col("difference").is_not_null()
    )
    if rows.height:
        r = rows.row(0, named=True)
        gap = ""
        if r["low"] is not None:
            ends = say("{low} to {high}", low=f"{r['low']:+.3f}", high=f"{r['high']:+.3f}")
            gap = f"{r['difference']:+.3f} ({ends})"
        return seen(
            "page: Compared on the same patients",
            say("difference to clinical facts alone {gap}", gap=gap).strip(),
        )
    return not_seen("clinical facts alone were not scored")


@rule
def simple_models_compared(background: Background) -> Answer:
    """Simpler models beside the primary one."""
    result = background.result
    simple = [m for m in result.baselines if m != result.primary]
    if simple:
        return seen(_SCORES, ", ".join(model_title(m) for m in simple[:6]))
    return not_seen("no simpler model was scored beside it")


@rule
def robustness_examined(background: Background) -> Answer:
    """Find what is lost with a modality, what each adds, or how parts of the cohort differ."""
    result, done = background.result, []
    if result.predictions_without.height:
        done.append(say("modalities taken away"))
    if result.coalitions:
        done.append(say("What each modality adds"))
    parts = _parts(background)
    if parts:
        done.append(say("by groups: {parts}", parts=", ".join(parts)))
    if done:
        return seen("page: What each modality adds; page: For whom", "; ".join(done))
    return not_seen("nothing of the kind is on record")


@rule
def absent_inputs(background: Background) -> Answer:
    """Find what the model does without a modality, as it happened here."""
    if background.result.predictions_without.height:
        return seen("page: When patients lose a modality", "scores with a modality taken away")
    flags = background.cohort.measured.drop("patient_id")
    part = int((~flags.select(pl.all_horizontal(pl.all())).to_series()).sum())
    if not part:
        return not_seen("every patient had every modality, and none was taken away")
    return seen(
        "page: The patients",
        say(
            "{n} patients lacked a modality and were scored all the same. Add what happens with poor ones",
            n=part,
        ),
    )


@rule
def explained(background: Background) -> Answer:
    """Contributions of features and modalities to the predictions."""
    why = background.explanation
    if why is None:
        return not_seen("the run was made without explanations", "page: What the model uses")
    return seen(
        "page: What the model uses; tables/importance.csv",
        say(
            "contributions for {n} patients, {scale}",
            n=why.features.height,
            scale=scale_words(str(why.scale)),
        ),
    )


@rule
def limitations_listed(background: Background) -> Answer:
    """Point to notes and findings; what limits a study is for a person."""
    return for_person(
        say(
            "notes: {n}. {checks}",
            n=len(background.result.notes),
            checks=brief(background.result.checks()),
        ),
        "page: To keep in mind",
    )
