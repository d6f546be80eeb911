"""HX009: texture that is tumour volume in disguise."""

from __future__ import annotations

import re

import numpy as np

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding, NotApplicable
from hybridx.checks.ranking import rank_correlation
from hybridx.cohort.columns import modality_of
from hybridx.terms.text import listing

__all__ = ["VOLUME_DISGUISE"]

SAME = 0.9
MOST = 15  # features the model leans on most
ALPHA = 0.05
VOLUME = re.compile(r"(^|_)(tmtv|mtv|volume|meshvolume|voxelvolume|psma_tv|sstr_tv)(_|$)")
TEXTURE = re.compile(r"glcm|glrlm|glszm|gldm|gldzm|ngtdm|ngldm|cooccurrence|runlength|texture|firstorder|ivh")
DEEP_FAMILIES = frozenset(
    {"deep", "encoder", "texture", "glcm", "glrlm", "glszm", "gldm", "ngtdm", "firstorder"}
)


def _look(facts: Facts) -> list[Finding]:
    volumes = [c for c in facts.columns if VOLUME.search(_name(c)) and not TEXTURE.search(_name(c))]
    family = dict(facts.analysis.cohort.features.select("column", "family").iter_rows())
    textures = [
        c
        for c in facts.columns
        if c not in volumes and (TEXTURE.search(_name(c)) or str(family.get(c)).lower() in DEEP_FAMILIES)
    ]
    if not volumes:
        msg = "no column is a tumour volume (mtv, volume, MeshVolume, ...)"
        raise NotApplicable(msg)
    if not textures:
        msg = "the cohort has no texture, first-order or deep features"
        raise NotApplicable(msg)
    leaned, how = _leans_on(facts, textures)
    place = {name: j for j, name in enumerate(facts.columns)}
    same: dict[str, tuple[float, str]] = {}
    for column in leaned:
        own = [v for v in volumes if modality_of(v) == modality_of(column)] or volumes
        rs = [(rank_correlation(facts.matrix[:, place[column]], facts.matrix[:, place[v]]), v) for v in own]
        best = max(rs, key=lambda pair: -1.0 if np.isnan(pair[0]) else abs(pair[0]))
        if abs(best[0]) > SAME:
            same[column] = best
    if not same:
        return []
    order = sorted(same, key=lambda c: -abs(same[c][0]))
    words = (f"{c} (Spearman {same[c][0]:+.2f} with {same[c][1]})" for c in order)
    sentence = (
        f"{len(same)} of {len(leaned)} texture features {how} {'is' if len(same) == 1 else 'are'} tumour "
        "volume under "
        f"another name: {listing(words, 3)}."
    )
    return [VOLUME_DISGUISE.finding("warning", sentence, order)]


def _name(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.partition(".")[2].lower())


def _leans_on(facts: Facts, textures: list[str]) -> tuple[list[str], str]:
    """Return the textures among the most important features, by the explanation, else by their own test."""
    wanted = set(textures)
    if facts.explanation is not None and hasattr(facts.explanation, "importance"):
        table = facts.explanation.importance().head(MOST)
        named = table.filter(table["mean_abs"] > 0)["feature"].to_list()
        return [c for c in named if c in wanted], f"among the {MOST} features the model leans on most"
    z, p = facts.tests
    order = [j for j in np.argsort(-np.abs(z), kind="stable") if facts.columns[j] in wanted and p[j] < ALPHA]
    return [facts.columns[j] for j in order[:MOST]], "most associated with the outcome"


VOLUME_DISGUISE = Check(
    code="HX009",
    title="Texture that is volume in disguise",
    severities=("warning",),
    trigger=(
        "A texture, first-order or deep feature correlates with a tumour volume of its modality (of any, if "
        "it has none) "
        "with |Spearman| above 0.9, and the model leans on it: it is among the 15 features with the largest "
        "contributions "
        "(with an explanation), or among the 15 textures most associated with the outcome at p < 0.05 (without one)."
    ),
    cure=(
        "Compare with the volume-only baseline: `result.compare(primary, 'mtv')`. If it is as good, report "
        "volume. Else "
        "extract with a fixed number of bins or volume-normalised definitions, or leave out what repeats volume "
        "(`hybridx.prepare.CorrelationFilter`), so that importance is shared by meaning and not by chance."
    ),
    limits="Volume put together from several weakly related features; cohorts without a column of volume.",
    look=_look,
    source="Welch ML, et al. Radiother Oncol 2019. doi:10.1016/j.radonc.2018.10.027",
)
