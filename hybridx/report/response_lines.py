"""Response: what the data folder states, and what the limits of RECIST 1.1 and PERCIST 1.0 give on the lesion table."""

from __future__ import annotations

import polars as pl

from hybridx.errors import InputError
from hybridx.imaging.body import lean_mass_kg
from hybridx.measure.response_criteria import (
    PERCIST_SOURCE,
    RECIST_SOURCE,
    ResponseAt,
    best_category,
    percist_response,
    recist_response,
    same_numbers,
)
from hybridx.report.background import Background
from hybridx.report.language import say
from hybridx.report.rendering import number, shorten
from hybridx.terms.response import CRITERIA, find_response
from hybridx.terms.tracers import find_tracer

__all__ = ["response_lines"]

_ORDERS = {name: list(CRITERIA[name].categories) for name in ("RECIST", "PERCIST")}


def response_lines(background: Background, patient: str) -> list[str]:
    """Return sentences: each stated response and whose it is, each computed one with its rule, where they differ."""
    stated = _stated(background, patient)
    lines = [_stated_line(stated)] if stated else []
    lesions = background.rows_of("lesions", patient)
    if lesions is None or not lesions.height or "timepoint" not in lesions.columns:
        return lines
    if lesions["timepoint"].drop_nulls().n_unique() < 2:
        return lines
    sizes, size_line = _recist(lesions)
    uptake, uptake_line = _percist(background, patient, lesions)
    for name, found, line in (("RECIST", sizes, size_line), ("PERCIST", uptake, uptake_line)):
        if line:
            lines.append(" ".join([line, *_compared(name, found, stated)]))
    if sizes or uptake:
        lines.append(
            say(
                "Computed, not read: short axes of nodes, organs, lesions not measured and confirmation are a reader's."
            )
        )
    return lines


def _stated(background: Background, patient: str) -> list[tuple[str, str, str, str]]:
    """Return (criterion as named, category, criterion as known or empty, endpoint) of each response on record."""
    rows = background.rows_of("outcomes", patient)
    found = []
    for row in [] if rows is None else rows.iter_rows(named=True):
        told = [row[c] for c in ("level", "response", "category") if isinstance(row.get(c), str) and row[c]]
        category = told[0] if told else None
        if category is None and row.get("responder") is not None:
            category = say("responder") if row["responder"] else say("non-responder")
        if category is None:
            continue
        known = find_response(category)
        found.append(
            (row.get("criterion") or "", category, known[0] if known else "", str(row.get("endpoint") or ""))
        )
    return list(dict.fromkeys(found))


def _stated_line(stated: list[tuple[str, str, str, str]]) -> str:
    told = []
    for criterion, category, known, endpoint in stated:
        title = CRITERIA[known].title if known in _ORDERS else shorten(criterion, 40)
        what = f"{shorten(category, 40)} {title}".strip()
        told.append(f"{what} ({shorten(endpoint, 40)})" if endpoint else what)
    return say(
        "As the data folder states it (by whoever filled its outcomes table): {told}.",
        told="; ".join(told),
    )


def _recist(lesions: pl.DataFrame) -> tuple[list[ResponseAt], str]:
    if "diameter_mm" not in lesions.columns or not lesions["diameter_mm"].is_not_null().any():
        return [], say("RECIST 1.1 is not computed: the lesion table has no diameters.")
    rows = lesions
    if "modality" in lesions.columns and lesions["modality"].is_not_null().any():
        images = lesions["modality"].drop_nulls().unique().to_list()
        image = next((m for m in ("ct", "mr") if m in images), None)
        if image is None:
            return [], say(
                "RECIST 1.1 is not computed: diameters stem from outlines on PET, it takes CT or MR."
            )
        rows = lesions.filter(pl.col("modality") == image)
    if rows["timepoint"].n_unique() < 2:
        return [], say("RECIST 1.1 is not computed: only one examination has diameters.")
    if not same_numbers(rows):
        return [], say(
            "RECIST 1.1 is not computed: the table ranks the lesions of each examination by size, so that none can be "
            "followed. A table with numbers that are kept over time allows it."
        )
    found = recist_response(rows)
    if not found:
        return [], say("RECIST 1.1 is not computed: no lesion of 10 mm or more at the first examination.")
    told = "; ".join(_size_words(one) for one in found)
    return found, say(
        "Computed by the limits of RECIST 1.1 (doi:{doi}), sum of the largest diameters of {n} target lesions: {told}.",
        doi=RECIST_SOURCE,
        n=found[0].targets,
        told=told,
    )


def _size_words(one: ResponseAt) -> str:
    category = one.category or say("not evaluable")
    if one.why == "missing":
        return say("timepoint {t}: not evaluable, a target lesion has no diameter", t=one.timepoint)
    what = say(
        "timepoint {t}: {category}, {first} to {value} mm ({change})",
        t=one.timepoint, category=category, first=number(one.baseline), value=number(one.value),
        change=_change(one.change),
    )  # fmt: skip
    return f"{what}, {say('a new lesion')}" if one.why == "new lesion" else what


def _change(change: float) -> str:
    if change != change:  # noqa: PLR0124 - NaN
        return "–"
    return f"{'+' if change >= 0 else '−'}{abs(change):.0f} %"


def _percist(background: Background, patient: str, lesions: pl.DataFrame) -> tuple[list[ResponseAt], str]:
    rows = lesions
    if "modality" in lesions.columns and lesions["modality"].is_not_null().any():
        rows = lesions.filter(pl.col("modality") == "pet")
    if not rows.height or "suv_peak" not in rows.columns or not rows["suv_peak"].is_not_null().any():
        return [], ""
    tracer = _tracer(background, patient)
    known = find_tracer(tracer) if tracer else None
    if tracer and (known is None or known.name != "FDG"):
        return [], say(
            "PERCIST is not computed: it is a rule for FDG, not for {tracer}.", tracer=shorten(tracer, 30)
        )
    share = _lean_share(background, patient)
    liver = _livers(background, patient, sorted(rows["timepoint"].drop_nulls().unique().to_list()))
    found = percist_response(rows, lean_share=share, liver=liver, tracked=same_numbers(rows))
    if not found:
        return [], ""
    told = "; ".join(_uptake_words(one) for one in found)
    line = say(
        "Computed by the limits of PERCIST 1.0 (doi:{doi}), peak uptake of the hottest lesion: {told}.",
        doi=PERCIST_SOURCE,
        told=told,
    )
    gaps = []
    if not tracer:
        gaps.append(say("the tracer is not recorded and taken for FDG"))
    if share is None:
        gaps.append(say("without height, weight and sex the limit of 0.8 SUL is judged from SUV"))
    if not liver:
        gaps.append(say("the liver was not measured, so uptake at first may be too faint for PERCIST"))
    return found, f"{line} {say('Not known: {gaps}.', gaps='; '.join(gaps))}" if gaps else line


def _uptake_words(one: ResponseAt) -> str:
    values = say(
        "SUVpeak {first} to {value} ({change})",
        first=number(one.baseline), value=number(one.value), change=_change(one.change),
    )  # fmt: skip
    category = one.category or say("not decided")
    why = {
        "new lesion": say("a new lesion"),
        "volume": say("total uptake risen by three quarters"),
        "faint": say("first uptake too faint"),
        "lean mass": say("0.8 SUL cannot be judged"),
        "liver": say("or complete: the liver was not measured"),
    }.get(one.why)
    what = say("timepoint {t}: {category}, {values}", t=one.timepoint, category=category, values=values)
    return f"{what}, {why}" if why else what


def _tracer(background: Background, patient: str) -> str:
    rows = background.rows_of("studies", patient)
    if rows is None or "tracer" not in rows.columns:
        return ""
    told = rows["tracer"].drop_nulls().unique().sort().to_list()
    return str(told[0]) if told else ""


def _lean_share(background: Background, patient: str) -> float | None:
    sex = {"male": "M", "female": "F"}.get(str(background.fact(patient, "sex")), "")
    weight, height = background.fact(patient, "weight_kg"), background.fact(patient, "height_cm")
    if not weight or not height or not sex:
        return None
    try:
        return lean_mass_kg(float(weight), float(height) / 100, sex) / float(weight)
    except InputError:  # an impossible height: nothing is known of the lean mass
        return None


def _livers(background: Background, patient: str, times: list[int]) -> dict[int, tuple[float, float]]:
    """Return mean and standard deviation of the liver's SUV at each examination that has them."""
    found = {}
    for time in times:
        name = "pet" if time == 1 else f"pet@{time}"
        block = background.cohort.blocks.get(name)
        if block is None or not {f"{name}.liver_mean", f"{name}.liver_sd"} <= set(block.columns):
            continue
        rows = block.filter(pl.col("patient_id") == patient)
        mean, sd = (rows[f"{name}.{c}"].drop_nulls().to_list() for c in ("liver_mean", "liver_sd"))
        if mean and sd and mean[0] > 0:
            found[time] = (float(mean[0]), float(sd[0]))
    return found


def _compared(name: str, found: list[ResponseAt], stated: list[tuple[str, str, str, str]]) -> list[str]:
    """Say where the computed best response and the stated one by the same criterion differ, or agree."""
    best = best_category(found, _ORDERS[name])
    told = list(dict.fromkeys(find_response(c)[1] for _, c, known, _ in stated if known == name))  # type: ignore[index]
    if best is None or not told:
        return []
    if told == [best]:
        return [say("Best computed and stated response agree ({best}).", best=best)]
    return [
        say(
            "The best computed response is {best}, the stated one {stated}: they differ.",
            best=best, stated=", ".join(told),
        )
    ]  # fmt: skip
