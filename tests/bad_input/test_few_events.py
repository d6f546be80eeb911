"""Six events in fifteen patients: no fusion model, but a result with its baselines, pages, and the reason on them."""

from __future__ import annotations

import numpy as np

import hybridx as hx
from tests.evaluate.world import make_cohort


def test_too_few_events_for_fusion_still_gives_honest_pages():
    cohort = make_cohort(80, seed=3)
    y = cohort.outcomes("OS")
    rows = [*np.flatnonzero(y.event)[:6], *np.flatnonzero(~y.event)[:9]]
    few = cohort.select([cohort.patients[i] for i in sorted(rows)])
    result = hx.evaluate(
        cohort=few,
        endpoint="OS",
        design=hx.designs.NestedCV(folds=5, repeats=2, seed=0),
        explain=hx.explain,
        workers=1,
        progress=False,
    )
    assert np.isnan(result.estimate("late", "harrell_c").value)
    assert any("NotEnoughDataError: LateFusion needs at least 7 events" in note for note in result.notes)
    for row in (
        result.table("harrell_c").filter(~result.table("harrell_c")["value"].is_null()).iter_rows(named=True)
    ):
        assert row["high"] - row["low"] > 0.2, "six events cannot give a narrow interval"
    page = hx.report.patient_page(result, patient=few.patients[0]).html
    assert "Not enough data" in page
