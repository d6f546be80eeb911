"""Rules for checklist items on patients, predictors, images and outcome; each looks at one record of the run."""

from __future__ import annotations

import polars as pl

from hybridx.cohort import Cohort
from hybridx.report.background import Background
from hybridx.report.checklist_answer import Answer, absent, for_person, not_seen, rule, seen
from hybridx.report.language import say
from hybridx.report.rendering import months
from hybridx.report.words import modality_words
from hybridx.terms.endpoints import ENDPOINTS, canonical_endpoint
from hybridx.terms.modalities import IMAGING

__all__ = ["centres_of", "image_modalities"]

_PATIENTS = "page: The patients"
_RADIOMICS = (
    "firstorder",
    "shape",
    "glcm",
    "glrlm",
    "glszm",
    "gldm",
    "ngtdm",
    "gldzm",
    "ngldm",
    "morphology",
)
_STANDARD = ("pyradiomics", "mirp", "hybridx")  # engines compared with the values of the IBSI
_DESCRIBING = {"age_years": "Age", "sex": "Sex", "diagnosis": "Diagnosis", "stage": "Stage", "ecog": "ECOG"}


def image_modalities(cohort: Cohort) -> list[str]:
    """Return the modalities of a cohort that are images."""
    return [m for m in cohort.modalities if m.partition("@")[0] in IMAGING]


def centres_of(cohort: Cohort) -> list[str] | None:
    """Return the centres of a cohort; None when no table says where a patient was."""
    rows = _centre_rows(cohort)
    return None if rows is None else sorted(rows["centre"].unique())


def _centre_rows(cohort: Cohort) -> pl.DataFrame | None:
    for table in ("patients", "studies"):
        frame = cohort.tables.get(table)
        if frame is not None and "centre" in frame.columns and frame["centre"].drop_nulls().len():
            return frame.select("patient_id", pl.col("centre").cast(pl.String)).drop_nulls()
    return None


def _radiomics(cohort: Cohort) -> pl.DataFrame:
    families = pl.col("family").str.to_lowercase().str.contains("|".join(_RADIOMICS))
    return cohort.features.filter(families & pl.col("modality").str.split("@").list.first().is_in(IMAGING))


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
        else say("{centres} counted", centres=_centres(len(centres))),
        _PATIENTS,
    )


@rule
def several_centres(background: Background) -> Answer:
    """Images of more than one centre."""
    rows = _centre_rows(background.cohort)
    if rows is None:
        return for_person("no table names a centre")
    images = image_modalities(background.cohort)
    if not images:
        return for_person("features came without their images")
    imaged = background.cohort.measured.filter(pl.any_horizontal(images))["patient_id"].to_list()
    held = rows.filter(pl.col("patient_id").is_in(imaged))["centre"].n_unique()
    said = say("patients with images come from {centres}", centres=_centres(held))
    return seen(_PATIENTS, said) if held > 1 else not_seen(said, _PATIENTS)


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
def acquisition_known(background: Background) -> Answer:
    """Scanner and tracer may be on record; parameters of acquisition are for a person."""
    studies = background.cohort.tables.get("studies")
    held = (
        []
        if studies is None
        else [
            c for c in ("scanner", "tracer", "unit") if c in studies.columns and studies[c].drop_nulls().len()
        ]
    )
    return for_person(
        say("on record for studies: {what}", what=", ".join(map(say, held)))
        if held
        else say("nothing on record")
    )


@rule
def image_days_known(background: Background) -> Answer:
    """Every study that was used has a day relative to the outcome's origin."""
    studies = background.cohort.tables.get("studies")
    if studies is None or "day" not in studies.columns or not studies.height:
        return for_person("no table of studies with days")
    if background.result.origin not in ("baseline", ""):
        origin = say(background.result.origin.replace("_", " "))
        return for_person(say("days count from baseline, the outcome from {origin}", origin=origin))
    bare = studies["day"].null_count()
    if bare:
        return not_seen(say("{n} of {of} studies have no day", n=bare, of=studies.height))
    low, high = studies["day"].min(), studies["day"].max()
    return seen(
        "file: tables/studies.parquet of the cohort",
        say("days {low:g} to {high:g} from baseline", low=low, high=high),
    )


def _settings(cohort: Cohort) -> dict[str, object]:
    settings = cohort.provenance.get("settings")
    held = settings if isinstance(settings, dict) else {}
    return {m: held[m] for m in {m.partition("@")[0] for m in image_modalities(cohort)} if held.get(m)}


@rule
def image_preparation(background: Background) -> Answer:
    """Resampling and grey levels stand in the settings of the extraction, for each kind of image."""
    cohort = background.cohort
    if not image_modalities(cohort):
        return absent("no modality is an image that features were taken from here")
    settings = _settings(cohort)
    if not settings:
        return for_person("the cohort does not record how its images were prepared")
    said = "; ".join(f"{m}: {_brief(settings[m])}" for m in sorted(settings))
    return seen(
        "file: cohort.json, provenance.settings",
        say("{settings}. Add what was done before the import", settings=said),
    )


def _brief(settings: object) -> str:
    if not isinstance(settings, dict):
        return str(settings)
    kept = ("resample_mm", "interpolator", "bin_width", "bin_count", "resegment", "normalise")
    return ", ".join(f"{k} {settings[k]}" for k in kept if settings.get(k) is not None)


@rule
def standard_software(background: Background) -> Answer:
    """All hand-crafted features come from an engine that is held against the IBSI's values."""
    features = _radiomics(background.cohort)
    if not features.height:
        return absent("no hand-crafted image features")
    engines = sorted({f"{e} {v}" for e, v in features.select("extractor", "version").iter_rows()})
    others = features.filter(~pl.col("extractor").str.to_lowercase().is_in(_STANDARD)).height
    with_id = features["ibsi_id"].drop_nulls().len()
    said = say(
        "{n} features by {engines}, {ids} with an IBSI id",
        n=features.height,
        engines=", ".join(engines),
        ids=with_id,
    )
    return for_person(said) if others else seen("file: features.parquet of the cohort", said)


@rule
def extraction_settings(background: Background) -> Answer:
    """Find the settings in full in the cohort, and their hash at each feature."""
    features = _radiomics(background.cohort)
    if not features.height:
        return absent("no hand-crafted image features")
    if not _settings(background.cohort) or features["settings_hash"].null_count():
        return not_seen("the cohort does not record the settings of its features")
    return seen("file: cohort.json, provenance.settings", "in full, with their hash at each feature")


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


@rule
def single_images_compared(background: Background) -> Answer:
    """One kind of image, or each kind alone beside the fusion."""
    images = image_modalities(background.cohort)
    if len(images) == 1:
        return seen(
            "page: The patients", say("one kind of image: {modality}", modality=modality_words(images[0]))
        )
    alone = [m for m in images if m in background.result.models]
    if alone and len(alone) == len(images):
        return seen(
            "page: Compared on the same patients",
            say("{modalities}, each alone", modalities=", ".join(map(modality_words, alone))),
        )
    return not_seen("not every kind of image was scored alone")


@rule
def beyond_images(background: Background) -> Answer:
    """Other predictors than images are part of the explained model."""
    why = background.explanation
    if why is None:
        return for_person("the run was made without explanations, which would list the model's modalities")
    others = [
        m
        for m in why.modalities.columns
        if m != "patient_id" and m.partition("@")[0] not in (*IMAGING, "deep")
    ]
    if others:
        return seen("page: What the model uses", ", ".join(map(modality_words, others)))
    return not_seen("the model uses images alone", "page: What the model uses")


def _centres(n: int) -> str:
    return say("{n} centre", n=n) if n == 1 else say("{n} centres", n=n)
