"""Fixed phrases of the pages in one place, so that they can be reviewed, and translated, without reading code."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hybridx.report.language import say
from hybridx.terms.analytes import find_analyte
from hybridx.terms.endpoints import ENDPOINTS, canonical_endpoint, endpoint_title
from hybridx.terms.modalities import MODALITIES, modality_title

__all__ = [
    "INTENDED_USE",
    "INTENDED_USE_SHORT",
    "analyte_title",
    "contribution_ends",
    "endpoint_words",
    "modality_words",
    "model_title",
    "scale_words",
    "spoken_design",
    "spoken_note",
    "survivors",
]

INTENDED_USE_SHORT = (
    "Research software, not a medical device. Not for decisions about a patient's care on its own."
)
INTENDED_USE = (
    "hybridx is research software and not a medical device. It has no approval for diagnosis or treatment. The figures "
    "describe patients of the cohort named here; they do not compare treatments, and the contributions are "
    "associations in the model, not causes. Decisions belong to the treating physicians and the board, who see what "
    "no table holds."
)

_MODELS = {
    "kernel": "Kernel fusion",
    "consensus": "Consensus fusion",
    "gated": "Gated fusion",
    "block": "Block-penalised fusion",
    "locked": "Locked model",
    "late": "Late fusion",
    "early": "Early fusion",
    "mtv": "PET tumour volume alone",
    "kaplan_meier": "Kaplan-Meier, no predictor",
    "prevalence": "Prevalence, no predictor",
    "level_shares": "Shares of the levels, no predictor",
    "mean_value": "Mean value, no predictor",
}
_SCALES = {
    "log-mortality": "log-mortality (+0.7 doubles the expected events)",
    "log-hazard": "log-hazard (+0.7 doubles the hazard)",
    "log-odds": "log-odds (+0.7 doubles the odds)",
    "ordinal log-odds": "log-odds of a worse level (+0.7 doubles the odds)",
    "value": "the unit of the outcome",
}


def survivors(endpoint: str) -> str:
    """Say what a patient is who has not had the event of `endpoint`.

    Examples
    --------
    >>> survivors("OS"), survivors("PFS"), survivors("lung_metastasis")
    ('alive', 'without progression or death', 'without lung metastasis')
    """
    name = canonical_endpoint(endpoint)
    if name == "OS":
        return say("alive")
    known = ENDPOINTS.get(name)
    event = known.event if known else endpoint_title(endpoint)
    return say("without {event}", event=say(event.replace(" of any cause", "")))


def endpoint_words(endpoint: str) -> str:
    """Write an endpoint in words with its abbreviation.

    Examples
    --------
    >>> endpoint_words("DFS"), endpoint_words("lung_metastasis")
    ('Disease-free survival (DFS)', 'lung metastasis')
    """
    title = say(endpoint_title(endpoint))
    return (
        f"{title} ({endpoint})" if canonical_endpoint(endpoint) in ENDPOINTS and title != endpoint else title
    )


def analyte_title(analyte: str) -> str:
    """Write a laboratory analyte in words; one of the user's own as it is spelt."""
    known = find_analyte(analyte)
    return say(known.title) if known else analyte.replace("_", " ")


def modality_words(name: str) -> str:
    """Write a modality in the page's language.

    Examples
    --------
    >>> modality_words("pet@2")
    'PET, timepoint 2'
    """
    base, _, timepoint = name.partition("@")
    title = say(modality_title(base))
    return say("{title}, timepoint {n}", title=title, n=timepoint) if timepoint else title


def model_title(model: str) -> str:
    """Write the name of a model: the library's own in words, an analyst's with blanks for underscores."""
    name = str(model)
    if name.partition("@")[0] in MODALITIES:
        return say("{name} alone", name=modality_words(name))
    return say(_MODELS[name]) if name in _MODELS else name.replace("_", " ")


def spoken_note(note: str, models: Iterable[str]) -> str:
    """Write a note of an evaluation with the models' names as the page's tables have them.

    Only where a note speaks of a model for certain: at its beginning, before a difference or a count, after "of".

    Examples
    --------
    >>> spoken_note("late is not shown to be better than mtv (+0.1, -0.1 to +0.2), clinical (0.0, 0.0 to 0.1)", ["late",
    ...     "mtv", "clinical"])
    'Late fusion is not shown to be better than PET tumour volume alone (+0.1, −0.1 to +0.2), Clinical facts alone (0.0,
    0.0 to 0.1)'
    """
    for name in sorted(models, key=len, reverse=True):
        word = re.escape(name)
        note = re.sub(rf"^{word}(?= (is|failed|warned) )", model_title(name), note)
        note = re.sub(rf"(?:(?<=than )|(?<=, )|(?<=: )){word}(?= (\(|on \d))", model_title(name), note)
        note = re.sub(rf"(?<=than ){word} alone(?= \()", _alone(name), note)
        note = re.sub(rf"(?<= of ){word}(?= (are|is|includes)\b| \(|\.)", model_title(name), note)
    return _minus(note.replace(" (`result.doubts`)", ""))


def _alone(name: str) -> str:
    title = model_title(name)
    return title if title.endswith(" alone") else f"{title} alone"


_DESIGNS = (
    (
        r"(?P<draws>\d+) bootstrap samples, out-of-bag predictions",
        "{draws} bootstrap samples, out-of-bag predictions",
    ),
    (
        r"(?P<repeats>\d+) × (?P<folds>\d+)-fold nested cross-validation",
        "{repeats} × {folds}-fold nested cross-validation",
    ),
    (
        r"one random split, (?P<share>\S+) % of patients tested",
        "one random split, {share} % of patients tested",
    ),
    (
        r"temporal validation, patients the latest (?P<share>\S+) % predicted by models of earlier ones",
        "temporal validation, patients the latest {share} % predicted by models of earlier ones",
    ),
    (
        r"temporal validation, patients from (?P<cut>.+) on predicted by models of earlier ones",
        "temporal validation, patients from {cut} on predicted by models of earlier ones",
    ),
)


def spoken_design(words: str) -> str:
    """Write the words of a design in the page's language; a design of the user's own as it is.

    Examples
    --------
    >>> spoken_design("5 × 5-fold nested cross-validation")
    '5 × 5-fold nested cross-validation'
    """
    for pattern, sentence in _DESIGNS:
        found = re.fullmatch(pattern, words)
        if found:
            return say(sentence, **found.groupdict())
    return say(words)


def _minus(note: str) -> str:
    """Write a minus before a number as one, and none before a zero."""
    note = re.sub(r"(?<![\w.])-(0\.0+)(?!\d)", r"\1", note)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", note)


def scale_words(scale: str) -> str:
    """Say on which scale contributions add up."""
    return say(_SCALES[scale]) if scale in _SCALES else scale


def contribution_ends(scale: str) -> tuple[str, str]:
    """Say what negative and positive contributions mean."""
    if scale == "log-odds":
        return say("response less likely"), say("more likely")
    if scale == "ordinal log-odds":
        return say("better level"), say("worse level")
    if scale == "value":
        return say("lower value"), say("higher value")
    return say("lower risk"), say("higher risk")
