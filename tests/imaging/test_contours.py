"""Structures as they are really drawn: twice, crossing, keyholed, nested, centre to centre, oblique, cut off."""

import time

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from hybridx.demo.dicom_writing import write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image
from hybridx.imaging.contours import Contours, fill
from hybridx.imaging.dicom_masks import mask_of
from hybridx.imaging.dicom_series import read_series
from hybridx.imaging.grid import Grid
from hybridx.imaging.scanline import cover
from tests.imaging.test_import import small, visit

GRID = Grid((40, 40, 5), (2.0, 2.0, 3.0), (-40.0, -40.0, 0.0))


def square(half, z=6.0, centre=(0.0, 0.0)):
    """Corners half a side from a centre that lies on a voxel's corner, mm."""
    x, y = centre
    corners = [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    return np.array([(a - 1.0, b - 1.0, z) for a, b in corners])


def area(rings, **more):
    """Return how many voxels of 2 x 2 mm are filled."""
    return int(fill(Contours("GTV", rings, **more), GRID)[0].array.sum())


def test_nested_three_deep_and_in_any_order():
    rings = [square(20.0), square(12.0), square(6.0)]
    wanted = (40**2 - 24**2 + 12**2) // 4
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert area([rings[at] for at in order]) == wanted
        assert area([rings[at][::-1] for at in order]) == wanted
    drawn = fill(Contours("", rings), GRID)[1]
    assert drawn == pytest.approx(wanted * 4 * 3 / 1000)


def test_a_keyhole_is_a_hole():
    outer, inner = square(20.0), square(8.0)[::-1]
    ring = np.concatenate([outer, outer[:1], inner, inner[:1]])
    assert area([ring]) == (40**2 - 16**2) // 4


def test_a_repeated_last_point_changes_nothing():
    ring = square(10.0)
    assert area([np.concatenate([ring, ring[:1]])]) == area([ring]) == 100


def test_a_contour_stored_twice_is_taken_once():
    ring = square(10.0)
    mask, drawn, notes = fill(Contours("", [ring, np.roll(ring, 2, axis=0), ring[::-1]]), GRID)
    assert int(mask.array.sum()) == 100
    assert drawn == pytest.approx(1.2)
    assert notes == ["2 contours stored twice were taken once"]


def test_contours_that_cross_are_joined_unless_they_flip():
    rings = [square(10.0), square(10.0, centre=(10.0, 0.0))]
    mask, _, notes = fill(Contours("", rings), GRID)
    assert int(mask.array.sum()) == 150
    assert "cross" in notes[-1]
    assert area(rings, flip=True) == 100


def test_two_parts_beside_each_other_share_no_voxel():
    rings = [square(10.0, centre=(-10.0, 0.0)), square(10.0, centre=(10.0, 0.0))]
    assert area(rings) == 200


def test_contours_from_voxel_centre_to_voxel_centre_hold_their_outermost_voxels():
    """As OpenCV's outlines of a mask: 10 voxels across are 9 steps."""
    ring, hole = square(9.0), square(5.0)
    assert area([ring]) == 100
    # the hole's line is tumour as well: 4 x 4 voxels lie inside it
    assert area([ring, hole]) == 100 - 16


def test_contours_beyond_the_image_are_cut_and_said():
    mask, drawn, notes = fill(Contours("", [square(60.0), square(10.0, z=300.0)]), GRID)
    assert int(mask.array.sum()) == 1600
    assert drawn > mask.array.sum() * 0.012
    assert "1 of 2 contours lie above or below the image" in notes


def test_contours_on_every_second_slice_stay_there_and_are_said():
    mask, drawn, notes = fill(
        Contours("", [square(10.0, z=0.0), square(10.0, z=6.0), square(10.0, z=12.0)]), GRID
    )
    assert mask.array.sum(axis=(1, 2)).tolist() == [100, 0, 100, 0, 100]
    assert drawn == pytest.approx(3 * 100 * 0.024)  # planes are 6 mm apart
    assert "every 2. slice" in notes[0]


@pytest.mark.parametrize("turn", [0.0, 0.35])
def test_an_oblique_sphere_keeps_its_volume_and_place(turn):
    """Drawn on planes tilted against the image."""
    radius, rings = 15.0, []
    tilt = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    for height in np.arange(-14.0, 15.0, 2.0):
        size = np.sqrt(radius**2 - height**2)
        flat = np.column_stack([size * np.cos(angle), size * np.sin(angle), np.full(90, height)])
        rings.append(flat @ tilt.T)
    grid = Grid((30, 32, 34), (2.0, 1.5, 1.3), (-29.3, -23.1, -21.7))
    mask, drawn, notes = fill(Contours("", rings), grid)
    wanted = 4 / 3 * np.pi * radius**3 / 1000
    assert drawn == pytest.approx(wanted, rel=0.02)
    assert mask.array.sum() * grid.voxel_ml == pytest.approx(wanted, rel=0.03)
    z, y, x = np.nonzero(mask.array)
    np.testing.assert_allclose(
        grid.points(np.column_stack([x, y, z]).astype(float)).mean(axis=0), 0.0, atol=0.3
    )
    assert "another grid" in notes[-1]


@given(
    corners=st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 12)), min_size=3, max_size=12),
)
def test_any_polygon_is_filled_as_by_another_library(corners):
    """Centres away from the line; matplotlib's even-odd rule."""
    ring = np.array(corners) + 0.01237
    place, inner, _ = cover(ring, (9, 10))
    ours = np.zeros((9, 10), bool)
    ours[place] = inner
    y, x = np.indices((9, 10))
    points = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    theirs = Polygon(ring, closed=False).contains_points(points).reshape(9, 10)
    start, end = ring, np.roll(ring, -1, axis=0)
    along = end - start
    length = np.maximum((along**2).sum(axis=1), 1e-300)
    share = np.clip(((points[:, None] - start) * along).sum(axis=2) / length, 0, 1)
    far = np.linalg.norm(points[:, None] - start - share[..., None] * along, axis=2).min(axis=1) > 1e-6
    np.testing.assert_array_equal(ours.ravel()[far], theirs.ravel()[far])


def structures(tmp_path, change):
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[1:4, 2:5, 2:6] = 1
    paths = write_series(small(), tmp_path / "ct", visit())
    drawn = Image(mask, (2.0, 1.5, 3.0), (-10.0, 5.0, 40.0), modality="mask")
    path = write_structures({"GTV1": drawn, "GTV2": drawn}, paths, tmp_path / "rs", visit())
    header = pydicom.dcmread(path)
    change(header)
    header.save_as(path)
    return path, read_series(paths), mask


@pytest.mark.parametrize("kind", ["nothing", "point", "no item"])
@pytest.mark.parametrize("names", [(), ("GTV*",)])
def test_a_structure_without_contours_does_not_cost_the_others(tmp_path, kind, names):
    def change(header):
        second = header.ROIContourSequence[1]
        if kind == "no item":
            header.ROIContourSequence = header.ROIContourSequence[:1]
        elif kind == "nothing":
            del second.ContourSequence
        else:
            second.ContourSequence = second.ContourSequence[:1]
            second.ContourSequence[0].ContourGeometricType = "POINT"
            second.ContourSequence[0].ContourData = ["0", "8", "43"]

    path, volume, mask = structures(tmp_path, change)
    found = mask_of([path], volume, names)
    np.testing.assert_array_equal(found.mask.array, mask)
    assert ("1 structures without closed contours were left out" in found.notes) == bool(names)
    with pytest.raises(InputError, match="no closed contours"):
        mask_of([path], volume, ["GTV2"])


def test_tens_of_thousands_of_points_take_a_second():
    angle = np.linspace(0, 2 * np.pi, 50_000, endpoint=False)
    radius = 100.0 + 5.0 * np.sin(40 * angle)
    grid = Grid((512, 512, 20), (0.98, 0.98, 3.0), (-250.0, -250.0, 0.0))
    rings = [
        np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(50_000, 3.0 * z)])
        for z in range(20)
    ]
    start = time.perf_counter()
    mask, drawn, _ = fill(Contours("", rings), grid)
    assert time.perf_counter() - start < 10.0
    assert mask.array.sum() * grid.voxel_ml == pytest.approx(drawn, rel=1e-3)
