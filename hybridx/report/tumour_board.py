"""The tumour-board page: one patient on two A4 pages, readable in seconds, with all that limits the numbers."""

from __future__ import annotations

from typing import Any

from hybridx.cohort import Cohort
from hybridx.errors import InputError
from hybridx.report.background import Background
from hybridx.report.calibration import calibration_drawing
from hybridx.report.check_lines import alarm
from hybridx.report.deeper import deeper
from hybridx.report.findings import labs, lesions, timeline, variants
from hybridx.report.image_words import spoken_fault
from hybridx.report.language import say, speaking
from hybridx.report.missing import missing_costs
from hybridx.report.other_group import other_group
from hybridx.report.outlook import outlook
from hybridx.report.overlay import saliency_part
from hybridx.report.page import Page
from hybridx.report.reasons import reasons
from hybridx.report.rendering import render, shorten
from hybridx.report.resemblance import resemblance
from hybridx.report.response_outlook import response_background, response_outlook
from hybridx.report.trust import provenance, trust
from hybridx.report.tumour_course import tumour_course
from hybridx.report.viewer import viewer
from hybridx.report.views import key_images
from hybridx.report.who import failures_of, header_facts, image_checks, measured_strip
from hybridx.report.words import INTENDED_USE, INTENDED_USE_SHORT, endpoint_words, modality_words, model_title
from hybridx.terms import nearest

__all__ = ["build_patient_page", "patient_page"]


def patient_page(
    result: Any,
    why: Any = None,
    *,
    patient: str,
    cohort: Cohort | None = None,
    response: Any = None,
    voxels: Any = None,
    language: str = "en",
) -> Page:
    """Return one patient's page: risk with its band, images, reasons, course, and how far to trust it.

    Parameters
    ----------
    result : hybridx.evaluate.Result
        The prediction shown is out-of-fold: it comes from models that never saw this patient.
    why : hybridx.explain.Explanation, optional
        Default: the one stored in `result`.
    patient : str
        A patient of the cohort. One who lacks modalities, images or an outcome gets a page that says so.
    cohort : Cohort, optional
        Where the images lie, when `result` does not know (it was not loaded from disk).
    response : hybridx.evaluate.Result, optional
        Of the therapy response of the same patients, evaluated the same way: its probability with band and conformal
        set then stands beside the risk, with how it was validated.
    voxels : Saliency, VoxelExplanation or sequence of them, optional
        Of this patient (see `patient_voxels`): laid over the images, in the viewer and in key images.
    language : {"en", "de"}
        Of the page. Numbers keep their decimal point, units and names of features their spelling; notes of the
        evaluation are in English.

    Returns
    -------
    Page
        One HTML file that needs no network; ``.save("P012.html")``. Its only script is the viewer's, which starts on
        request; where no volumes are stored (``ExtractSettings(volumes=False)``) there is none.

    Raises
    ------
    InputError
        The patient is not in the cohort (the nearest name is offered); `response` is not of a response, or of another
        cohort.
    """
    background = Background(result, why, cohort)
    other = response_background(background, response)
    return build_patient_page(background, patient, response=other, voxels=voxels, language=language)


def _images(background: Background, patient: str) -> dict[str, Any]:
    try:
        views = background.cohort.load_images(patient, "views")
    except InputError as error:  # the file is gone or was changed: the page says so, the rest still stands
        return {"pictures": None, "reason": str(error)}
    pictures = key_images(views) if views else None
    return {
        "pictures": pictures,
        "reason": None if pictures else say("No images of this patient are stored."),
    }


def _volumes(background: Background, patient: str) -> dict[str, Any]:
    try:
        return dict(background.cohort.load_images(patient, "volumes") or {})
    except InputError:  # the key images, kept in the same place, say what happened
        return {}


def build_patient_page(
    background: Background,
    patient: str,
    inputs_hash: str = "",
    *,
    library: str = "",
    response: Background | None = None,
    voxels: Any = None,
    language: str = "en",
) -> Page:
    """Return the page of `patient_page` from backgrounds that many pages share (see `response_background`).

    `library` is the relative address of the viewer's file beside the page; empty puts it inside.
    """
    with speaking(language):
        return _page(background, patient, inputs_hash, library, response, voxels)


def _failures(background: Background, patient: str) -> list[dict[str, str]]:
    found = []
    for one in failures_of(background, patient):
        reason, tongue = spoken_fault(one["reason"])
        modality = modality_words(one["modality"]) if one["modality"] else ""
        found.append({**one, "modality": modality, "reason": reason, "tongue": tongue})
    return found


def _page(  # noqa: PLR0917 - one part of the page each
    background: Background,
    patient: str,
    inputs_hash: str,
    library: str,
    response: Background | None,
    voxels: Any,
) -> Page:
    cohort, result = background.cohort, background.result
    if patient not in set(cohort.patients):
        guess = nearest(str(patient), cohort.patients)
        hint = f" Did you mean {guess!r}?" if guess else ""
        msg = f"The cohort has no patient {patient!r}.{hint} It has {len(cohort)} patients."
        raise InputError(msg)
    title = f"{shorten(patient, 60)}: {say('tumour-board page')}"
    volumes = _volumes(background, patient)
    overlay, saliency = saliency_part(voxels, volumes)
    shown = viewer(volumes, overlay=overlay, library=library)
    html = render(
        "patient.html.j2",
        viewer=shown,
        saliency=saliency,
        script_source=shown["policy"] if shown else "",
        title=title,
        patient=patient,
        facts=header_facts(background, patient),
        endpoint=endpoint_words(result.endpoint),
        origin=say(background.outcome.origin.replace("_", " ")),
        model=model_title(result.primary),
        synthetic=bool(cohort.provenance.get("synthetic")),
        strip=measured_strip(background, patient),
        image_checks=image_checks(background, patient),
        outlook=outlook(background, patient),
        response=response_outlook(response, patient),
        doubts=result.patient(patient).doubts,
        images=_images(background, patient),
        lesions=lesions(background, patient),
        why=reasons(background, patient),
        deeper=deeper(background, patient),
        alike=resemblance(background, patient),
        other=other_group(background, patient),
        costs=missing_costs(background, patient),
        tumour=tumour_course(background, patient),
        labs=labs(background, patient),
        variants=variants(background, patient),
        course=timeline(background, patient),
        failures=_failures(background, patient),
        trust=trust(background),
        alarm=alarm(background),
        calibration=background.once("calibration", lambda: calibration_drawing(background)),
        provenance=provenance(background, response),
        notice=say(INTENDED_USE),
        notice_short=say(INTENDED_USE_SHORT),
        inputs_hash=inputs_hash,
    )
    return Page(html, title)
