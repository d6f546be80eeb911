"""Rules for checklist items on patients, predictors and outcome; each looks at one record of the run."""

from __future__ import annotations

import polars as pl

from hybridx.cohort import Cohort
from hybridx.report.background import Background
from hybridx.report.checklist_answer import Answer, for_person, not_seen, rule, seen
from hybridx.report.language import say
from hybridx.report.rendering import months
from hybridx.terms.endpoints import ENDPOINTS, canonical_endpoint

__all__ = ["centre_rows", "centres_of", "centres_said"]

_PATIENTS = "page: The patients"
_DESCRIBING = {"age_years": "Age", "sex": "Sex", "diagnosis": "Diagnosis", "stage": "Stage", "ecog": "ECOG"}


def centres_of(cohort: Cohort) -> list[str] | None:
    """Return the centres of a cohort; None when no table says where a patient was."""
    rows = centre_rows(cohort)
    return None if rows is None else sorted(rows["centre"].unique())


def centre_rows(cohort: Cohort) -> pl.DataFrame | None:
    """Return `patient_id` and `centre` from the table that says where patients were; None without one."""
    for table in ("patients", "studies"):
        frame = cohort.tables.get(table)
        if frame is not None and "centre" in frame.columns and frame["centre"].drop_nulls().len():
            return frame.select("patient_id", pl.col("centre").cast(pl.String)).drop_nulls()
    return None


@rule
def data_sources(background: Background) -> Answer:
    """Where data come from is told by a person; the run knows a hash of them."""
    known = str(background.cohort.provenance.get("inputs_hash", ""))
    return for_person(say("the data are identified by the hash {hash}", hash=known[:16]) if known else "")


@rule
def calendar_dates(background: Background) -> Answer:
    """Calendar dates stay out of a cohort on purpose."""
    del background
    return for_person("the cohort counts days from baseline and keeps no dates")


@rule
def centres_described(background: Background) -> Answer:
    """How many centres is counted; level of care and place are for a person."""
    centres = centres_of(background.cohort)
    return for_person(
        say("no table names a centre")
        if centres is None
        else say("{centres} counted", centres=centres_said(len(centres))),
        _PATIENTS,
    )


@rule
def treatments_described(background: Background) -> Answer:
    """Which treatments were given is in a table; how the analysis deals with them is for a person."""
    table = background.cohort.tables.get("treatments")
    if table is None or not table.height:
        return for_person("the cohort has no table of treatments")
    kinds = (
        ", ".join(say(kind.replace("_", " ")) for kind in sorted(table["kind"].drop_nulls().unique()))
        if "kind" in table.columns
        else say("kinds not stated")
    )
    return for_person(
        say("on record: {what}", what=kinds),
        "page: Response and courses",
    )


@rule
def preparation(background: Background) -> Answer:
    """Ask the checks that look for preparation on all patients whether they ran and found nothing."""
    findings = background.result.checks()
    codes = [c for c in ("HX002", "HX020") if c in findings.clean]
    if len(codes) == 2:
        return seen(
            "page: Checks", "nothing was seen to be prepared or selected on all patients (HX002, HX020)"
        )
    fired = [c for c in ("HX002", "HX020") if findings.of(c)]
    if fired:
        return not_seen(say("{codes} fired", codes=", ".join(fired)), "page: Checks")
    return for_person("the checks that look for it did not apply")


@rule
def outcome_defined(background: Background) -> Answer:
    """Take an endpoint of the vocabulary, or a response with its criterion, as defined; others need a person."""
    result = background.result
    if result.kind == "survival":
        known = ENDPOINTS.get(canonical_endpoint(result.endpoint))
        if known is None:
            return for_person(say("{name} is a name of the data's owner", name=repr(result.endpoint)))
        horizon = (
            "" if result.horizon_days is None else ", " + say("at {n} months", n=months(result.horizon_days))
        )
        return seen(
            _PATIENTS,
            say(
                "{title}: {event}, from {origin}{horizon}; add how and when it was found out",
                title=say(known.title),
                event=say(known.event),
                origin=say(result.origin.replace("_", " ")),
                horizon=horizon,
            ),
        )
    if result.criterion and result.criterion.casefold() != "binary":
        return seen(
            _PATIENTS,
            say(
                "{criterion}, responder: {responder}; add when it was judged",
                criterion=result.criterion,
                responder=result.responder,
            ),
        )
    return for_person("the outcome has no named criterion")


@rule
def predictors_defined(background: Background) -> Answer:
    """Each column has its modality, unit, family and what measured it."""
    features = background.cohort.features
    if not features.height:
        return not_seen("no column has a record of what it is")
    bare = features.filter(pl.col("extractor").is_null() | (pl.col("extractor") == "")).height
    if bare:
        return not_seen(
            say(
                "{n} of {of} columns with what measured them",
                n=features.height - bare,
                of=features.height,
            )
        )
    return seen(
        "file: features.parquet of the cohort",
        say(
            "{n} of {of} columns with what measured them, unit and version",
            n=features.height,
            of=features.height,
        ),
    )


@rule
def sample_size_reasons(background: Background) -> Answer:
    """Why this many patients is for a person; events and candidate features are counted."""
    y = background.outcome
    happened = say("events") if background.is_survival else say("responders")
    columns = sum(b.width - 1 for b in background.cohort.blocks.values())
    said = say(
        "{n} patients, {events} {kind}, {columns} candidate features",
        n=int(y.known.sum()),
        events=y.n_events,
        kind=happened,
        columns=columns,
    )
    return for_person(said, "page: Checks" if background.result.checks().of("HX011") else "")


@rule
def missing_handled(background: Background) -> Answer:
    """Gaps are counted per modality; a model of this library takes a missing modality as one."""
    patterns = background.cohort.measured.drop("patient_id").n_unique()
    flags = background.cohort.measured.drop("patient_id")
    gaps = flags.height * flags.width - int(sum(flags.sum().row(0)))
    said = say(
        "{gaps} of {of} modalities of patients not measured, in {patterns} patterns; whoever had any was kept. Add "
        "how single values were filled in",
        gaps=gaps,
        of=flags.height * flags.width,
        patterns=patterns,
    )
    return seen("page: The patients; tables/missingness.csv", said)


@rule
def flow_counted(background: Background) -> Answer:
    """Patients with and without outcome, and failures, are counted; who never came into the folder is not known."""
    cohort, y = background.cohort, background.outcome
    failed = cohort.tables.get("failures")
    return seen(
        _PATIENTS,
        say(
            "{n} patients, {known} with known {endpoint}, {failed} with a failure. Add who was screened and left out",
            n=len(cohort),
            known=int(y.known.sum()),
            endpoint=background.result.endpoint,
            failed=0 if failed is None else failed["patient_id"].n_unique(),
        ),
    )


@rule
def patients_described(background: Background) -> Answer:
    """Age, sex and what else the table of patients holds are described."""
    table = background.cohort.tables.get("patients")
    held = (
        []
        if table is None
        else [c for c in _DESCRIBING if c in table.columns and table[c].drop_nulls().len()]
    )
    if not {"age_years", "sex"} <= set(held):
        return not_seen(say("described: {what}", what=_described(held) or say("nothing")), _PATIENTS)
    return seen("page: The patients, Description", _described(held))


def _described(columns: list[str]) -> str:
    return ", ".join(_DESCRIBING[c] if c == "ecog" else say(_DESCRIBING[c]) for c in columns)


@rule
def identities(background: Background) -> Answer:
    """Columns that look like identifiers are looked for; how identities were removed is for a person."""
    findings = background.result.checks()
    if findings.of("HX004"):
        return not_seen("a predictor looks like an identifier (HX004)", "page: Checks")
    return for_person(
        say("no predictor looks like an identifier (HX004)") if "HX004" in findings.clean else ""
    )


def centres_said(n: int) -> str:
    """Count centres in the page's language."""
    return say("{n} centre", n=n) if n == 1 else say("{n} centres", n=n)
