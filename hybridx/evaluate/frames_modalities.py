"""Tables that speak of modalities: predictions with one taken away, and how far out each patient lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from hybridx.evaluate.folds import FoldResult
from hybridx.evaluate.found import planned_predictions
from hybridx.evaluate.plan import Plan
from hybridx.fusion.support import FAR_OUT

__all__ = ["support_frame", "support_notes", "without_frame"]

MANY = 0.03  # three times what is expected beyond the 99th percentile

_SUPPORT = {"patient_id": pl.String, "modality": pl.String, "percentile": pl.Float64}


def without_frame(plan: Plan, results: Sequence[FoldResult]) -> pl.DataFrame:
    """Return `Result.predictions_without`; empty when nothing was taken away."""
    if not plan.without:
        return pl.DataFrame()
    lost = []  # where the model failed to be fitted, it predicts nothing without a modality either
    for result in results:
        nothing = replace(result.predictions[plan.primary], survival=None)
        nothing = replace(nothing, score=np.full_like(nothing.score, np.nan))
        lost.append(replace(result, predictions={m: result.without.get(m, nothing) for m in plan.without}))
    return planned_predictions(plan, lost, plan.without).rename({"model": "without"})


def support_frame(plan: Plan, results: Sequence[FoldResult]) -> pl.DataFrame:
    """Return `Result.support`: a row per patient and modality that they have and enough training patients had."""
    rows: list[tuple[str, str, float]] = []
    seen: set[int] = set()
    for split, result in zip(plan.splits, results, strict=True):
        # patients without an outcome are new to every fold; the first stands for all
        own = [*split.test.tolist(), *(plan.open_rows.tolist() if not seen else [])]
        if not result.support:
            continue
        seen.update(own)
        for modality, percentile in result.support.items():
            both = np.concatenate([split.test, plan.open_rows]).tolist()
            rows += [
                (plan.cohort.patients[i], modality, float(value))
                for i, value in zip(both, percentile, strict=False)
                if i in own and not np.isnan(value)
            ]
    return pl.DataFrame(rows, schema=_SUPPORT, orient="row").sort("patient_id", "modality")


def support_notes(support: pl.DataFrame) -> list[str]:
    """Say of which modalities more patients lie far out among the others than chance puts there."""
    found = []
    for (modality,), rows in support.group_by("modality", maintain_order=True):
        far, n = int((rows["percentile"] > FAR_OUT).sum()), rows.height
        if far > max(3, MANY * n):
            found.append(
                f"{far} of {n} patients have {modality} values further out than {100 * FAR_OUT:g} % of the training "
                "patients: `support` names them; look for another scanner, unit or protocol."
            )
    return found
