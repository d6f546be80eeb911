"""The cohort report says what each modality adds, where the evaluation asked."""

from __future__ import annotations

import pytest

from hybridx.evaluate import NestedCV, evaluate
from hybridx.fusion import LateFusion
from hybridx.report import cohort_report
from tests.evaluate.world import make_cohort
from tests.report.reading import read


@pytest.mark.slow
def test_what_each_modality_adds_is_shown_where_it_was_asked():
    cohort = make_cohort(70, seed=5)
    common = {"workers": 1, "progress": False, "resamples": 100, "baselines": False}
    design = NestedCV(3, 1)
    plain = evaluate({"late": LateFusion()}, cohort, "OS", design, **common)
    asked = evaluate({"late": LateFusion()}, cohort, "OS", design, coalitions=True, stress=True, **common)
    assert 'id="modalities"' not in cohort_report(plain).html
    page = read(cohort_report(asked).html)
    html = page.text
    assert not page.faults
    assert "What each modality adds" in html and "When patients lose a modality" in html
    assert "late[" not in html
    assert "candidate features" in html
