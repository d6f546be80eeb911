"""Drawings: the right place, the right words, nothing unescaped."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hybridx.cohort import Outcome
from hybridx.report.background import observed_curve
from hybridx.report.bars import Bar, contribution_figure, dots_of_hundred
from hybridx.report.course import Happening, sparkline, timeline_figure
from hybridx.report.curves import Curve
from hybridx.report.forest import ForestRow, forest_figure, measured_map
from hybridx.report.rendering import number, percent, shorten, signed
from hybridx.report.svg import Drawing, Scale, ticks
from hybridx.report.views import key_images
from tests.report.reading import read
from tests.report.world import ATTACK, make_views


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_lie_inside_and_are_evenly_spaced(low, span, count):
    found = ticks(low, low + span, count)
    assert all(low - 1e-6 * span <= t <= low + span * (1 + 1e-6) for t in found)
    if len(found) > 2:
        steps = np.diff(found)
        assert np.allclose(steps, steps[0], rtol=1e-3)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_scale_never_leaves_the_axis(value):
    assert 10 <= Scale(0, 1, 10, 90)(value) <= 90


@given(st.text(max_size=60))
def test_any_text_leaves_the_drawing_well_formed(text):
    drawing = Drawing(10, 10, text, text)
    drawing.text(1, 1, text)
    drawing.rect(0, 0, 1, 1, "#fff", text)
    page = read(str(drawing.markup()))
    assert not page.faults
    assert not page.open
    assert {tag for tag, _ in page.elements} == {"svg", "title", "text", "rect"}


def test_hostile_labels_in_every_figure():
    bar = contribution_figure([Bar(ATTACK, 1.0)], title=ATTACK, unit=ATTACK, ends=(ATTACK, ATTACK))
    line = timeline_figure(
        [Happening(ATTACK, ATTACK, 3.0), Happening(ATTACK, ATTACK, 3.0, 9.0)], title=ATTACK
    )
    forest = forest_figure([ForestRow(ATTACK, 0.5, 0.4, 0.6)], title=ATTACK, x_label=ATTACK, reference=0.5)
    spark = sparkline([0.0, 1.0], [1.0, 2.0], 0.0, 1.5, title=ATTACK)
    stripes = measured_map([(ATTACK, [True, False], [False, True])], title=ATTACK)
    for drawing in (bar, line, forest, spark, stripes):
        tags = {tag for tag, _ in read(str(drawing)).elements}
        assert tags <= {"svg", "title", "text", "rect", "line", "circle", "path"}


def test_step_function_is_read_from_the_left():
    curve = Curve("", np.array([1.0, 2.0]), np.array([0.8, 0.5]), np.array([0.7, 0.4]), np.array([0.9, 0.6]))
    assert curve.at(0.5) == (1.0, 1.0, 1.0)
    assert curve.at(1.0) == (0.8, 0.7, 0.9)
    assert curve.at(1.99)[0] == 0.8
    assert curve.at(2.0)[0] == 0.5
    assert np.isnan(curve.at(2.1)[0])


def test_observed_curve_is_kaplan_meier_by_hand():
    y = Outcome.survival(30.4375 * np.array([1.0, 2.0, 3.0, 4.0, np.nan]), [True, False, True, True, False])
    curve = observed_curve("x", y)
    assert curve.at(1)[0] == pytest.approx(3 / 4)
    assert curve.at(3)[0] == pytest.approx(3 / 4 * 1 / 2)
    assert curve.at(4)[0] == pytest.approx(0.0)
    assert len(curve.entries) == 4


def test_bars_point_to_the_right_side_and_missing_ones_say_so():
    page = read(str(contribution_figure(
        [Bar("up", 1.0), Bar("down", -0.5), Bar("gone", float("nan"), "not measured")],
        title="t", unit="u", ends=("lower risk", "higher risk"),
    )))  # fmt: skip
    up, down = page.all("rect")
    assert float(up["x"]) == pytest.approx(float(down["x"]) + float(down["width"]), abs=0.02)
    assert float(up["width"]) == pytest.approx(2 * float(down["width"]), rel=0.01)
    assert up["fill"] != down["fill"]
    assert "not measured" in page.text


@given(st.floats(0, 1))
def test_a_hundred_dots(share):
    fills = [a["fill"] for a in read(str(dots_of_hundred(share, title="t"))).all("circle")]
    assert len(fills) == 100
    assert sum(fill != "#fff" for fill in fills) == round(100 * share)


def test_lab_outside_its_range_is_marked():
    page = read(str(sparkline([0.0, 10.0, 20.0], [1.0, 5.0, 9.0], 2.0, 8.0, title="t")))
    fills = [a["fill"] for a in page.all("circle")]
    assert fills[0] == fills[2] != fills[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.5, "0.500"),
        (12.34, "12.3"),
        (1234.5, "1\u202f234"),
        (1e-5, "1.00e-05"),
        (None, "–"),
        (True, "yes"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_small_words():
    assert signed(-0.004) == "±0.00"
    assert signed(-0.5) == "−0.50"
    assert percent(0.256) == "26 %"
    assert percent(float("nan")) == "–"
    assert len(shorten("x" * 10_000)) == 160


def _pixels(svg):
    source = re.search(r"base64,([A-Za-z0-9+/=]+)", str(svg)).group(1)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))


def test_ct_and_pet_pixels_follow_the_stated_window():
    spacing = np.full(3, 2.0)
    ct = np.array([[-160.0, 40.0, 240.0, 3000.0]] * 4)
    pet = np.array([[0.0, 5.0, 10.0, 50.0]] * 4)
    pictures = key_images({"ct_axial": ct, "pet_axial": pet, "mask_axial": pet > 20, "spacing": spacing})
    (plane, panels, width) = pictures["planes"][0]
    assert plane == "axial"
    assert width == 100
    assert _pixels(panels[0])[0].tolist() == [0, 128, 255, 255]
    assert _pixels(panels[1])[0].tolist() == [255, 128, 0, 0]
    assert "0 to 10" in pictures["window"]
    assert "-160 to 240 HU" in pictures["window"]


def test_fused_picture_keeps_anatomy_where_pet_is_cold():
    ct, pet = np.full((4, 4), 40.0), np.zeros((4, 4))
    pet[0, 0] = 10.0
    fused = _pixels(
        key_images({"ct_axial": ct, "pet_axial": pet, "spacing": np.full(3, 2.0)})["planes"][0][1][2]
    )
    assert np.ptp(fused[3, 3].astype(int)) == 0  # grey
    assert fused[0, 0].tolist() != fused[3, 3].tolist()


def test_views_of_a_study_show_contour_scale_bar_and_sides():
    pictures = key_images(make_views(np.random.default_rng(0)))
    assert [plane for plane, _, _ in pictures["planes"]] == ["axial", "coronal", "sagittal"]
    assert all(len(panels) == 3 for _, panels, _ in pictures["planes"])
    axial, sagittal = str(pictures["planes"][0][1][0]), str(pictures["planes"][2][1][0])
    assert 'class="contour"' in axial
    assert ">R<" in axial
    assert ">L<" in axial
    assert ">A<" in sagittal
    assert "50 mm" in axial
    assert pictures["mip"] is not None
    line = re.search(r'<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"', axial)
    assert float(line.group(2)) - float(line.group(1)) == pytest.approx(
        50.0, abs=0.02
    )  # the drawing is in mm


def test_contour_lies_on_the_edge_of_the_mask():
    mask = np.zeros((20, 20))
    mask[5:10, 8:12] = 1
    views = {"pet_axial": np.ones((20, 20)), "mask_axial": mask, "spacing": np.full(3, 2.0)}
    path = re.search(r'<path d="([^"]+)"', str(key_images(views)["planes"][0][1][0])).group(1)
    points = np.array([[float(v) for v in p.split(",")] for p in re.findall(r"[\d.]+,[\d.]+", path)])
    assert points[:, 0].min() == pytest.approx(16, abs=1.01)  # columns 8..11 of 2 mm, half a pixel of slack
    assert points[:, 0].max() == pytest.approx(24, abs=1.01)
    assert points[:, 1].min() == pytest.approx(10, abs=1.01)
    assert points[:, 1].max() == pytest.approx(20, abs=1.01)


@pytest.mark.parametrize("missing", ["pet", "ct"])
def test_study_with_one_modality(missing):
    views = {k: v for k, v in make_views(np.random.default_rng(0)).items() if not k.startswith(missing)}
    pictures = key_images(views)
    assert all(len(panels) == 1 for _, panels, _ in pictures["planes"])
    assert pictures["missing"] == f"No {missing.upper()} was given."


def test_nothing_to_show():
    assert key_images({}) is None
    assert key_images({"spacing": np.full(3, 2.0)}) is None
