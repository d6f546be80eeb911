"""New patients as a locked model may see them: in its units, known on its day, and with the doubts that remain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Cohort
from hybridx.cohort.columns import to_matrix
from hybridx.errors import InputError
from hybridx.fusion.base import FusionModel
from hybridx.fusion.image_need import wants_images
from hybridx.fusion.lockable import input_modalities
from hybridx.prepare import PreparedModel
from hybridx.terms.text import listing

__all__ = ["FAR_SHARE", "check_units", "extraction", "far_values", "frame_for"]

FAR_SHARE = 0.1  # share of a modality's features outside the training range that deserves a warning


def check_units(manifest: Mapping[str, Any], cohort: Cohort) -> None:
    """Refuse a column that comes in another unit than in training: the number would be wrong and look right."""
    units = dict(cohort.features.select("column", pl.col("unit").fill_null("")).iter_rows())
    trained = {c: unit for columns in manifest["columns"].values() for c, unit in columns.items()}
    plain = ("", "1")  # a pure number, or a unit that nobody declared
    other = [
        f"{c} in {units[c]!r} instead of {unit!r}"
        for c, unit in trained.items()
        if unit not in plain and units.get(c, "") not in plain and units[c] != unit
    ]
    if other:
        what = "1 column comes" if len(other) == 1 else f"{len(other)} columns come"
        msg = (
            f"{what} in another unit than in training: {listing(other)}. Convert the data, or "
            "declare the unit that they are in (`columns.yaml`), and extract again."
        )
        raise InputError(msg)


def frame_for(
    model: FusionModel | PreparedModel, manifest: Mapping[str, Any], cohort: Cohort
) -> tuple[pl.DataFrame, list[tuple[str, pl.Series]]]:
    """Return the table as the model may see it, and sentences with the rows that each is about."""
    day = float(manifest["training"].get("landmark_day", cohort.landmark_day))
    trained, now = manifest.get("extraction", {}), extraction(cohort)
    frame, doubts = cohort.frame(images=wants_images(model)), []
    for name in (m for m in input_modalities(model) if m in cohort.modalities):
        late = (cohort.days[name].fill_null(0.0) > day) & cohort.measured[name]
        used = (cohort.measured[name] & ~late).alias(f"{name}.measured")
        frame = frame.with_columns(used)
        columns = model.columns_[name]
        absent = [c for c in columns if c not in frame.columns]
        if 0 < len(absent) < len(columns):
            frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in absent)
        doubts += [
            (f"{name} was measured later than the model may know and is left out", late),
            (f"nobody here has {listing(absent)}: imputed", used & bool(absent)),
            (
                f"{name} was extracted with other settings than in training",
                used & any(now.get(c, made) != made for c, made in trained.get(name, {}).items()),
            ),
        ]
    return frame, [(text, rows) for text, rows in doubts if rows.any()]


def extraction(cohort: Cohort) -> dict[str, str]:
    """Return how each column was made: extractor, version, settings.

    Without our own table columns, whose settings hold the names of all columns of a folder, and whose names say it all.
    """
    return {
        row["column"]: f"{row['extractor']} {row['version']} {row['settings_hash']}"
        for row in cohort.features.fill_null("").iter_rows(named=True)
        if row["extractor"] != "hybridx"
    }


def far_values(
    manifest: Mapping[str, Any], frame: pl.DataFrame, modality: str, rows: npt.NDArray[np.intp]
) -> list[tuple[int, str]]:
    """Return what to say of patients whose features lie outside what training saw: row of the table, sentence.

    Parameters
    ----------
    rows : array of int
        Patients who have the modality.
    """
    ranges = manifest["ranges"][modality]
    if not len(rows) or not ranges:
        return []
    columns = list(ranges)
    values = to_matrix(frame[rows], columns)
    low, high = np.array(list(ranges.values())).T
    there = ~np.isnan(values)
    share = (there & ((values < low) | (values > high))).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    found = [
        (int(row), f"{100 * part:.0f} % of the {modality} features lie outside the training range")
        for row, part in zip(rows, share, strict=True)
        if part > FAR_SHARE
    ]
    # a model that was locked before values were limited has no limits
    limits = manifest.get("limits", {}).get(modality, {})
    least, most = np.array([limits.get(c, (-np.inf, np.inf)) for c in columns]).T
    absurd = there & ((values < least) | (values > most))
    for i in np.flatnonzero(absurd.any(axis=1)):
        names = [columns[j] for j in np.flatnonzero(absurd[i])]
        what = "lies" if len(names) == 1 else "lie"
        text = f"{listing(names)} {what} far outside what training saw: the farthest value that the model knows is used"
        found.append((int(rows[i]), text))
    return found
