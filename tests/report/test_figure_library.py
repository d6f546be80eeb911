"""A figure that only names its library gets it back, to the letter, in text and in JSON."""

from __future__ import annotations

import json

import nbformat
import pytest

from hybridx.report import figure_library

renderers = pytest.importorskip("plotly.io._base_renderers")


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows a figure's set-up as the notebook renderer does."""
    monkeypatch.setattr(renderers, "get_plotlyjs", renderers.get_plotlyjs)  # put back afterwards
    monkeypatch.setattr(figure_library, "_places", {})

    def show():
        found = []
        monkeypatch.setattr(renderers.ipython_display, "display_html", lambda text, **_: found.append(text))
        renderers.NotebookRenderer().activate()
        return found[0]

    return show


def test_the_library_is_named_and_put_back(shown):
    whole, mark = shown(), figure_library.new_mark()
    figure_library.remember(mark, figure_library.stand_in(mark))
    short = shown()
    assert len(short) < 1000
    assert len(whole) > 1_000_000
    assert figure_library.fill(short) == whole
    assert json.loads(figure_library.fill(json.dumps({"a": [short]}), quoted=True)) == {"a": [whole]}
    output = nbformat.v4.new_output("display_data", data={"text/html": short})
    cells = [nbformat.v4.new_markdown_cell("x"), nbformat.v4.new_code_cell("", outputs=[output])]
    figure_library.fill_outputs(cells)
    assert cells[1].outputs[0].data["text/html"] == whole


def test_an_unexpected_plotly_is_left_as_it_is(shown, monkeypatch):
    monkeypatch.setattr(renderers, "get_plotlyjs", lambda: "another library")
    mark = figure_library.new_mark()
    assert figure_library.stand_in(mark) == ""
    figure_library.remember(mark, "")
    assert "another library" in shown()
    assert figure_library.fill(f"{mark} stays") == f"{mark} stays"


def test_marks_cannot_be_guessed():
    assert figure_library.new_mark() != figure_library.new_mark()
    assert len(figure_library.new_mark()) > 32
