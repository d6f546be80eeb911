"""HX002: columns bear the marks of a preparation on all patients: scaled, imputed or harmonised before the split."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import chi2

from hybridx.checks.facts import Facts
from hybridx.checks.finding import Check, Finding
from hybridx.terms.text import listing

__all__ = ["PREPARED_BEFORE"]

FloatArray = npt.NDArray[np.float64]

CLOSE = (
    1e-3  # files round; a mean of 0 and an sd of 1 to three digits in most columns of a block is no accident
)
LEAST_COLUMNS = 3
LEAST_DISTINCT = 20  # below, a column is a count, a grade or a flag
FILLED = 0.03  # share of patients with one and the same value, in a column otherwise all different
COMPONENTS = 10
UNLIKELY = 1e-4
WORDS = (
    "combat",
    "harmoni",
    "imputed",
    "selected_on",
    "zscored",
    "z-scored",
    "standardised_on",
    "normalised_on",
)


def _look(facts: Facts) -> list[Finding]:
    found = list(_by_word(facts))
    centres = _centres(facts)
    for modality in dict.fromkeys(facts.modality.tolist()):
        which = np.flatnonzero(facts.modality == modality)
        measured = facts.analysis.cohort.measured[modality].to_numpy().astype(bool)
        values, names = facts.whole_matrix[measured][:, which], [facts.columns[j] for j in which]
        if len(values) < LEAST_DISTINCT:
            continue
        found += _scaled(modality, values, names)
        found += _imputed(modality, values, names)
        if centres is not None:
            found += _harmonised(modality, values, centres[measured])
    return found


def _by_word(facts: Facts) -> Iterator[Finding]:
    """Read the provenance of the cohort, which an extraction or its maker may have written to."""
    for key, value in sorted(facts.analysis.cohort.provenance.items()):
        text = f"{key}={value!r}".lower()
        word = next((w for w in WORDS if w in text), None)
        if word and value:
            sentence = (
                f"The cohort's provenance says {listing([key])}: its columns were prepared on all patients."
            )
            yield PREPARED_BEFORE.finding("warning", sentence, [str(key)])


def _scaled(modality: str, values: FloatArray, names: list[str]) -> Iterator[Finding]:
    many = np.array([len(np.unique(c[~np.isnan(c)])) >= LEAST_DISTINCT for c in values.T], dtype=bool)
    if many.sum() < LEAST_COLUMNS:
        return
    columns = values[:, many]
    named = [name for name, keep in zip(names, many, strict=True) if keep]
    mean = np.nanmean(columns, axis=0)
    sds = np.stack([np.nanstd(columns, axis=0), np.nanstd(columns, axis=0, ddof=1)])
    q1, middle, q3 = np.nanquantile(columns, [0.25, 0.5, 0.75], axis=0)
    low, high = np.nanmin(columns, axis=0), np.nanmax(columns, axis=0)
    ways = {
        "mean 0 and standard deviation 1": (np.abs(mean) < CLOSE) & (np.abs(sds - 1) < CLOSE).any(axis=0),
        "median 0 and quartiles 1 apart": (np.abs(middle) < CLOSE) & (np.abs(q3 - q1 - 1) < CLOSE),
        "lowest value 0 and highest 1": (low == 0) & (high == 1),
    }
    for how, hit in ways.items():
        if hit.sum() >= LEAST_COLUMNS and hit.mean() >= 0.5:
            sentence = (
                f"{hit.sum()} of {len(hit)} columns of {modality} have {how} over all {len(values)} patients: they "
                "were "
                "scaled before the split."
            )
            yield PREPARED_BEFORE.finding(
                "warning", sentence, [n for n, h in zip(named, hit, strict=True) if h]
            )


def _imputed(modality: str, values: FloatArray, names: list[str]) -> Iterator[Finding]:
    """Find columns, otherwise all different, in which one value recurs that is the mean or median of the others."""
    hits, most = [], 0
    for name, column in zip(names, values.T, strict=True):
        there = column[~np.isnan(column)]
        distinct, counts = np.unique(there, return_counts=True)
        if len(distinct) < LEAST_DISTINCT:
            continue
        top = int(np.argmax(counts))
        rest = there[there != distinct[top]]
        if counts[top] < max(3, FILLED * len(there)) or len(distinct) - 1 < 0.8 * len(rest):
            continue
        centres = np.array([rest.mean(), np.median(rest)])
        if np.min(np.abs(centres - distinct[top])) < 1e-6 * max(rest.std(), 1e-300):
            hits.append(name)
            most = max(most, int(counts[top]))
    if hits:
        sentence = (
            f"{len(hits)} columns of {modality} ({listing(hits, 3)}) hold one value up to {most} times that is "
            "exactly the "
            "mean or median of all other patients: gaps were filled before the split."
        )
        yield PREPARED_BEFORE.finding("warning", sentence, hits)


def _centres(facts: Facts) -> npt.NDArray[np.str_] | None:
    if "centre" not in facts.whole.columns:
        return None
    return np.array(facts.whole["centre"].cast(pl.String).fill_null("").to_list(), dtype=np.str_)


def _harmonised(modality: str, values: FloatArray, centre: npt.NDArray[np.str_]) -> Iterator[Finding]:
    """Test whether centre means agree better than chance allows, along the leading components of the block."""
    kept = [c for c in np.unique(centre[centre != ""]) if np.sum(centre == c) >= 5]
    inside = np.isin(centre, kept)
    columns, who = values[inside], centre[inside]
    whole = ~np.isnan(columns).any(axis=0) & (np.nanstd(columns, axis=0) > 0)
    if len(kept) < 2 or whole.sum() < LEAST_COLUMNS or len(columns) < 4 * len(kept):
        return
    z = columns[:, whole]
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    size, u = np.linalg.eigh(z @ z.T)  # of patients by patients: blocks have more columns than rows
    scores = u[:, size > 1e-12 * size[-1]][:, ::-1][:, :COMPONENTS]
    between = sum(np.sum(who == c) * scores[who == c].mean(axis=0) ** 2 for c in kept)
    within = sum(((scores[who == c] - scores[who == c].mean(axis=0)) ** 2).sum(axis=0) for c in kept)
    f_sum = float(np.sum(between / (within / (len(who) - len(kept)))))
    p = float(chi2.cdf(f_sum, (len(kept) - 1) * scores.shape[1]))
    if p < UNLIKELY:
        sentence = (
            f"The means of {modality} agree between {len(kept)} centres better than chance allows (p = {p:.1e}, "
            f"{scores.shape[1]} components): it was harmonised or centred on all patients before the split."
        )
        yield PREPARED_BEFORE.finding("warning", sentence, [modality])


PREPARED_BEFORE = Check(
    code="HX002",
    title="Prepared on all patients",
    severities=("warning",),
    trigger=(
        "Columns of a block bear the marks of a step that was fitted to all patients:\n\n"
        "- at least three columns and half of the block have mean 0 and standard deviation 1, or median 0 "
        "and quartiles "
        "1 apart, or lowest value exactly 0 and highest exactly 1 (to 0.001; columns with 20 distinct values "
        "or more);\n"
        "- a column that is otherwise all different holds one value in 3 % of patients or more that is "
        "exactly the mean "
        "or the median of the others;\n"
        "- the means of centres agree along the ten leading components of the block better than chance allows "
        "(p < 0.0001, lower tail);\n"
        "- the cohort's provenance says so (combat, harmonised, imputed, ...)."
    ),
    cure=(
        "Build the cohort from raw values and let the model prepare them inside the fold: `hybridx.prepare` "
        "has scaling, "
        "imputation and ComBat as transformers. Scaling leaks little, harmonisation and imputation leak "
        "more; if the raw "
        "values cannot be had, silence the check and say what was done, on whom."
    ),
    limits=(
        "A preparation on all patients and others besides (a larger table, of which this is a part), "
        "rank-based scaling, "
        "imputation by a model, and ComBat between centres that hardly differed, whose shrinkage changes little."
    ),
    look=_look,
    source="Kapoor S, Narayanan A. Patterns 2023. doi:10.1016/j.patter.2023.100804",
)
