"""Rules for checklist items on images and the features taken from them; each looks at one record of the run."""

from __future__ import annotations

import polars as pl

from hybridx.cohort import Cohort
from hybridx.report.background import Background
from hybridx.report.checklist_answer import Answer, absent, for_person, not_seen, rule, seen
from hybridx.report.checklist_cohort import centre_rows, centres_said
from hybridx.report.language import say
from hybridx.report.words import modality_words
from hybridx.terms.modalities import IMAGING

__all__ = ["image_modalities"]

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


def image_modalities(cohort: Cohort) -> list[str]:
    """Return the modalities of a cohort that are images."""
    return [m for m in cohort.modalities if m.partition("@")[0] in IMAGING]


def _radiomics(cohort: Cohort) -> pl.DataFrame:
    families = pl.col("family").str.to_lowercase().str.contains("|".join(_RADIOMICS))
    return cohort.features.filter(families & pl.col("modality").str.split("@").list.first().is_in(IMAGING))


@rule
def several_centres(background: Background) -> Answer:
    """Images of more than one centre."""
    rows = centre_rows(background.cohort)
    if rows is None:
        return for_person("no table names a centre")
    images = image_modalities(background.cohort)
    if not images:
        return for_person("features came without their images")
    imaged = background.cohort.measured.filter(pl.any_horizontal(images))["patient_id"].to_list()
    held = rows.filter(pl.col("patient_id").is_in(imaged))["centre"].n_unique()
    said = say("patients with images come from {centres}", centres=centres_said(held))
    return seen(_PATIENTS, said) if held > 1 else not_seen(said, _PATIENTS)


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
