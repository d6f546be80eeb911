"""A page is written whole, and what stands in its way is said."""

from __future__ import annotations

import pytest

from hybridx.errors import InputError
from hybridx.report.page import Page


def test_a_folder_in_the_way_is_said(tmp_path):
    page = Page("<!doctype html><title>x</title>", "x")
    assert page.save(tmp_path / "P001.html").read_text(encoding="utf-8") == page.html
    (tmp_path / "P002.html" / "something").mkdir(parents=True)
    with pytest.raises(
        InputError, match=r"A folder stands where the page should be: 'P002\.html'\. Remove it"
    ):
        page.save(tmp_path / "P002.html")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["P001.html", "P002.html"]
