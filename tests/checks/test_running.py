"""What the room promises around its checks: pages, silence, storage, showing, refusals."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import hybridx as hx
from hybridx.checks import CHECKS, Finding, Findings, run
from hybridx.checks.after_baseline import sounds_late
from hybridx.checks.centre_signal import separability
from hybridx.checks.matching import matches
from hybridx.checks.pages import page, write_pages
from hybridx.checks.ranking import aucs, concordance, rank_correlation
from hybridx.cohort import Outcome
from hybridx.errors import InputError, SettingsError
from tests.checks.conftest import analyse
from tests.checks.world import add_column, make_cohort

DOCS = Path(__file__).parents[2] / "docs" / "checks"
EVIL = "clinical.<script>alert(1)</script>_id"


@pytest.fixture(scope="module")
def flawed(cohort):
    """Return a result with an identifier of a dangerous name."""
    return analyse(add_column(cohort, EVIL, np.random.default_rng(0).permutation(len(cohort)) + 1.0))


# -- pages -------------------------------------------------------------------------------------------------------


def test_every_code_is_permanent_and_has_its_page():
    codes = [check.code for check in CHECKS]
    assert codes == [f"HX{i:03d}" for i in range(1, len(codes) + 1)]
    assert {p.stem for p in DOCS.glob("HX*.md")} == set(codes)


def test_pages_are_those_of_the_code(tmp_path):
    for path in write_pages(tmp_path):
        assert (DOCS / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), (
            f"{path.name}: run python -m hybridx.checks.pages docs/checks"
        )


def test_a_page_says_trigger_then_cure(capsys):
    hx.checks.explain("HX003")
    text = capsys.readouterr().out
    assert text.startswith("# HX003: Post-baseline predictor")
    assert 0 < text.index("## Trigger") < text.index("## Cure") < text.index("## What it cannot see")
    with pytest.raises(SettingsError, match="Did you mean 'HX"):
        hx.checks.explain("HX03")


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.code)
def test_what_a_page_names_exists(check):
    """Every `hx.…` or `hybridx.…` name on a page can be had, but for those that call for other rooms' arguments."""
    for name in re.findall(r"`(?:hx|hybridx)\.([a-zA-Z_.]+)", page(check)):
        thing = hx
        for part in name.split("."):
            assert hasattr(thing, part), f"{check.code} names {name}"
            thing = getattr(thing, part)
    for name in re.findall(r"`result\.([a-z_]+)", page(check)):
        assert hasattr(hx.Result, name), f"{check.code} names result.{name}"


def test_a_check_raises_no_severity_but_its_own():
    with pytest.raises(SettingsError, match="severity of HX005"):
        CHECKS[4].finding("info", "nothing")
    with pytest.raises(SettingsError, match="needs a sentence"):
        Finding("HX005", "error", "title", "")


# -- silence and storage -----------------------------------------------------------------------------------------


def test_a_silenced_check_stays_visible_with_its_reason(flawed, tmp_path):
    result = dataclasses.replace(flawed, _known=dict(flawed._known))
    assert result.checks().worst == "error"
    silenced = result.checks(silence={"HX004": "numbered by age on purpose"})
    assert silenced.worst == "info" and silenced.of("HX004")[0].silenced == "numbered by age on purpose"
    assert "silenced: numbered by age" in repr(silenced) and "1 silenced" in silenced.brief
    assert silenced[-1].code == "HX004", "silenced ones come last"
    assert result.checks() == silenced, "the silence is kept"
    result.save(tmp_path / "r")
    loaded = hx.Result.load(tmp_path / "r")
    assert loaded.checks() == silenced
    assert loaded.checks(silence={"HX011": "known"}).silenced == {
        "HX004": "numbered by age on purpose",
        "HX011": "known",
    }


def test_silence_needs_a_known_code_and_a_reason(result):
    with pytest.raises(SettingsError, match="Unknown check 'HX099'"):
        result.checks(silence={"HX099": "because"})
    with pytest.raises(SettingsError, match="wanted the reason in words"):
        result.checks(silence={"HX009": " "})
    with pytest.raises(InputError, match="second Cohort, got str"):
        run(result, other="cohort/")


def test_a_result_without_stored_findings_runs_them(result, tmp_path):
    import json

    result.save(tmp_path / "r")
    path = tmp_path / "r" / "result.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["checks"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert hx.Result.load(tmp_path / "r").checks() == result.checks()


def test_findings_survive_their_json(flawed):
    import json

    found = flawed.checks()
    assert Findings.from_json(json.loads(json.dumps(found.to_json()))) == found


# -- showing -----------------------------------------------------------------------------------------------------


def test_findings_are_a_list_and_a_table(flawed):
    found = flawed.checks()
    assert [f.code for f in found] == found.table()["code"].to_list()
    assert found[0].code == "HX004" and found[0] in found and len(found[:1]) == 1
    assert found.table()["subjects"][0].to_list() == [EVIL]
    assert "HX019 not applicable: no second cohort" in repr(found)


def test_text_from_data_is_escaped(flawed, tmp_path):
    assert (
        "<script>" not in flawed.checks()._repr_html_() and "&lt;script&gt;" in flawed.checks()._repr_html_()
    )
    assert "<script>" not in flawed._repr_html_()
    report = str(hx.report.cohort_report(flawed).html)
    assert 'id="checks"' in report and "HX004" in report and "<script>alert" not in report


def test_the_result_shows_count_and_worst(flawed, result):
    assert "Checks: 1 error" in repr(flawed) and "HX004 error" in repr(flawed)
    assert " error" not in result.checks().brief and result.checks().brief in repr(result)


def test_a_patient_page_has_one_line_only_if_there_is_an_error(flawed, result):
    shown = hx.report.patient_page(flawed, patient=flawed.scored_patients[0]).html
    assert "The analysis has an error: HX004" in shown and "<script>alert" not in shown
    assert (
        "The analysis has an error"
        not in hx.report.patient_page(result, patient=result.scored_patients[0]).html
    )


def test_what_is_asked_twice_is_answered_alike(result):
    assert run(result) == run(result)


def test_a_check_that_breaks_is_told_and_breaks_nothing(result, monkeypatch):
    def broken(_):
        msg = "bad day"
        raise ArithmeticError(msg)

    from hybridx.checks import running

    checks = tuple(dataclasses.replace(c, look=broken) if c.code == "HX008" else c for c in CHECKS)
    monkeypatch.setattr(running, "CHECKS", checks)
    assert run(result).not_applicable["HX008"] == "could not be run: ArithmeticError: bad day"


# -- pieces ------------------------------------------------------------------------------------------------------


def test_names_that_sound_late():
    late = (
        "best_response",
        "RECIST_week8",
        "timeToProgression",
        "cycles_given",
        "post_treatment_suv",
        "os_months",
    )
    early = (
        "performance_status",
        "prior_chemotherapy",
        "er_status",
        "cause",
        "os_involved_bone_history",
        "age",
        "glcm_Idm",
    )
    assert not [c for c in late if not sounds_late(f"clinical.{c}")]
    assert not [c for c in early if sounds_late(f"clinical.{c}")]


def test_concordance_is_harrells_and_aucs_are_scikit_learns():
    from lifelines.utils import concordance_index
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    x, time, event = rng.normal(size=80).round(1), rng.integers(1, 40, 80).astype(float), rng.random(80) < 0.6
    c, low, high = concordance(Outcome.survival(time, event), x)
    assert c == pytest.approx(1 - concordance_index(time, x, event), abs=1e-12) and low < c < high
    assert concordance(Outcome.response(event), x)[0] == pytest.approx(roc_auc_score(event, x), abs=1e-12)
    from hybridx.checks.facts import ranks_of

    x[:9] = np.nan
    auc, smaller = aucs(ranks_of(x[:, None]), event)
    assert auc[0] == pytest.approx(roc_auc_score(event[9:], x[9:]), abs=1e-12)
    assert smaller[0] == min(event[9:].sum(), (~event[9:]).sum())


def test_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 9, (2, 60)).astype(float)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert np.isnan(rank_correlation(a, np.ones(60)))


def test_separability_is_half_without_a_signal_and_one_with_a_loud_one():
    rng, centre = np.random.default_rng(2), np.repeat(["A", "B"], 60)
    noise = np.array([separability(rng.normal(size=(120, 300)), centre) for _ in range(20)])
    assert abs(noise[:, 0].mean() - 0.5) < 0.05  # standard error 0.016
    assert np.sum((noise[:, 1] > 0.5) | (noise[:, 2] < 0.5)) <= 4  # nominal 1 of 20
    loud = rng.normal(size=(120, 300)) + 1.0 * (centre == "A")[:, None]
    assert separability(loud, centre)[0] > 0.99


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_matches_do_not_depend_on_units_or_on_rounding(scale):
    values = np.random.default_rng(3).lognormal(size=(60, 8))
    values[7] = values[3]
    values[7, 2] = np.nan
    found = matches(scale * np.round(values, 9))
    assert [(m.a, m.b) for m in found] == [(3, 7)] and found[0].shared == 7


def test_grades_and_flags_match_nobody():
    """Strangers with the same stage, sex and mutations are strangers."""
    rng = np.random.default_rng(4)
    assert not matches(rng.integers(0, 3, (300, 60)).astype(float))
    assert not matches(
        make_cohort(300, seed=5).frame().select("clinical.stage", "clinical.ecog").to_numpy().astype(float)
    )


@pytest.mark.parametrize("kind", ["ordinal", "continuous"])
def test_other_kinds_of_outcome_are_checked_as_far_as_that_goes(kind):
    """Whatever speaks of events or times is not applicable, and says why; the rest runs."""
    from hybridx.checks.facts import Facts
    from hybridx.checks.finding import NotApplicable
    from hybridx.checks.registry import CHECKS as ALL

    cohort = make_cohort(120, seed=3)

    class Other:
        """As much of a result as these checks ask for."""

        explanation, provenance, metrics, endpoint = None, {}, ("any",), "other"

    other = Other()
    other.cohort, other.scored_patients = cohort, cohort.patients
    value = np.random.default_rng(0).integers(0, 3, len(cohort))
    other.outcome = (
        Outcome.ordinal(value, levels=[0, 1, 2])
        if kind == "ordinal"
        else Outcome.continuous(value.astype(float))
    )
    said = {}
    for check in ALL:
        if check.code in {"HX004", "HX005", "HX006", "HX010", "HX011", "HX013", "HX015", "HX018"}:
            try:
                said[check.code] = check.look(Facts(other))
            except NotApplicable as why:
                said[check.code] = why.reason
    assert said["HX004"] == said["HX006"] == said["HX018"] == []
    assert all(isinstance(said[code], str) for code in ("HX005", "HX010", "HX011", "HX013", "HX015"))


def test_the_command_line_says_what_was_found(flawed, monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from hybridx.cli import analysis
    from hybridx.cli.app import app

    class Quick:
        """The library, but for the hour of fitting."""

        def __getattr__(self, name):
            return (lambda **_: flawed) if name == "evaluate" else getattr(hx, name)

    monkeypatch.setattr(analysis, "hx", Quick())
    flawed.cohort.save(tmp_path / "cohort")
    words = ["evaluate", str(tmp_path / "cohort"), "-e", "OS", "--out", str(tmp_path / "results")]
    run_ = CliRunner().invoke(app, words)
    assert run_.exit_code == 0, run_.output
    assert "HX004 error" in run_.output and "HX011 info" in run_.output


def test_names_of_genes_and_large_measurements_are_no_alarms(cohort):
    assert not sounds_late("cnv.FANCD2OS_cnv")
    assert sounds_late("clinical.daysToDeath")
    rng = np.random.default_rng(0)
    n = len(cohort.patients)
    sums = np.round(10 ** rng.uniform(8.5, 11, n))  # spread over powers of ten
    single = (
        rng.uniform(1e10, 9e10, n).astype(np.float32).astype(float)
    )  # whole, since single precision has no more
    records = rng.permutation(n) * 7.0 + 4_012_345_671.0
    for values, alarm in ((sums, False), (single, False), (records, True)):
        found = analyse(add_column(cohort, "pet.GLRLM_HGRE", values)).checks().of("HX004")
        assert bool(found) == alarm
