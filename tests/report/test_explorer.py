"""The explorer: choices, the figures that follow them, and what reaches the browser."""

from __future__ import annotations

import pytest

from hybridx.errors import InputError
from hybridx.report import CohortExplorer

pytest.importorskip("ipywidgets", reason="the extra `notebook` is not installed")
pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")


@pytest.fixture
def explorer(result, response_result):
    return CohortExplorer({"PFS": result, "response": response_result})


def points(figure):
    return sorted(text for trace in figure.data[:2] for text in trace.text)


def test_choices_select_patients_and_add_up_contributions(explorer, result):
    everyone = explorer.table()
    assert everyone["predicted"].is_sorted(descending=True)
    chosen = explorer.choose(modalities=["pet"]).table()
    assert set(chosen["patient_id"]) < set(everyone["patient_id"])
    why = result.explanation
    own = dict(zip(why.patients, why.modalities["pet"].to_list(), strict=True))
    assert chosen["added"].to_list() == [own[p] for p in chosen["patient_id"]]
    assert explorer.patient in set(chosen["patient_id"])
    assert points(explorer.figure()) == sorted(chosen["patient_id"])


def test_the_browser_is_told_of_filled_figures_at_once(explorer):
    canvas = explorer.widget().children[1]
    shown = explorer.figure()
    assert points(canvas) == points(shown) != []
    # what a front end gets when it hears of the widget first, before any message about a change
    state = canvas.get_state()
    assert sum(len(trace.get("text") or ()) for trace in state["_widget_data"][:2]) == explorer.table().height
    assert explorer.patient in state["_widget_layout"]["title"]["text"]


def test_controls_and_clicks_change_the_figures(explorer):
    box = explorer.widget()
    (endpoint, modalities, patient), canvas = box.children[0].children, box.children[1]
    other = patient.options[3][1]
    patient.value = other
    assert explorer.patient == other and canvas.data[2].text == (other,)
    modalities.value = ("pet",)
    assert points(canvas) == sorted(explorer.table()["patient_id"])
    endpoint.value = "response"
    assert canvas.layout.title.text.startswith("response") and explorer.endpoint == "response"
    assert patient.value == explorer.patient


def test_refused_in_words(explorer, result):
    with pytest.raises(InputError, match="evaluate"):
        CohortExplorer({})
    with pytest.raises(Exception, match="endpoint"):
        explorer.choose(endpoint="OSS")
    with pytest.raises(Exception, match="modality"):
        explorer.choose(modalities=["pat"])
