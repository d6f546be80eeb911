"""DICOM segmentations of every type, with frames left out, in other orders and on other grids."""

import warnings

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from hybridx.demo.dicom_writing import write_series
from hybridx.errors import InputError
from hybridx.imaging import Image
from hybridx.imaging.dicom_masks import mask_of, structure_names
from hybridx.imaging.dicom_series import read_series
from tests.imaging.test_import import small, visit

KINDS = hd.seg.SegmentationTypeValues
SHAPE = (6, 14, 16)


def segmented(tmp_path, pixels, kind, *, reverse=False, omit=True):
    """Write a segmentation of a CT; `pixels` has one segment per last axis."""
    paths = write_series(small("ct", SHAPE), tmp_path / "ct", visit())
    sources = [pydicom.dcmread(one) for one in paths]
    if reverse:
        sources, pixels = sources[::-1], pixels[::-1]
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"part {number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, pixels.shape[-1] + 1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = hd.seg.Segmentation(
            sources, pixels, kind, described, hd.UID(), 9, hd.UID(), 1, "Maker", "Model", "1", "1",
            omit_empty_frames=omit,
        )  # fmt: skip
        made.save_as(tmp_path / "seg")
    return tmp_path / "seg", read_series(paths)


def parts():
    mask = np.zeros((*SHAPE, 2), np.uint8)
    mask[2:5, 3:9, 4:10, 0] = 1
    mask[0:2, 10:12, 1:5, 1] = 1
    return mask


@pytest.mark.parametrize("kind", [KINDS.BINARY, KINDS.LABELMAP, KINDS.FRACTIONAL])
@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_every_type_comes_back(tmp_path, kind, omit, reverse):
    mask = parts()
    pixels = mask.astype(float) if kind == KINDS.FRACTIONAL else mask
    path, volume = segmented(tmp_path, pixels, kind, reverse=reverse, omit=omit)
    assert structure_names(path) == ["part 1", "part 2"]
    for index, name in enumerate(("part 1", "part 2")):
        found = mask_of([path], volume, [name])
        np.testing.assert_array_equal(found.mask.array, mask[..., index])
        assert found.drawn_ml == pytest.approx(found.on_grid_ml)
    joined = mask_of([path], volume, ["part*"])
    np.testing.assert_array_equal(joined.mask.array, mask.any(axis=-1))


def test_segments_that_overlap_are_joined_once(tmp_path):
    mask = parts()
    mask[..., 1] = 0
    mask[3:6, 5:12, 6:12, 1] = 1
    path, volume = segmented(tmp_path, mask, KINDS.BINARY)
    found = mask_of([path], volume, ["part*"])
    np.testing.assert_array_equal(found.mask.array, mask.any(axis=-1))
    assert found.on_grid_ml < found.drawn_ml


def test_half_a_voxel_and_more_counts(tmp_path):
    share = np.zeros((*SHAPE, 1))
    share[2, 3, 4:9, 0] = [0.2, 0.49, 0.51, 0.8, 1.0]
    path, volume = segmented(tmp_path, share, KINDS.FRACTIONAL)
    found = mask_of([path], volume)
    assert found.mask.array[2, 3].tolist() == [0] * 6 + [1, 1, 1] + [0] * 7
    assert "fractional" in found.notes[0]


def test_a_segmentation_of_the_ct_arrives_on_a_tilted_pet(tmp_path):
    """Another orientation: a block keeps its volume within the coarse grid's error, and its place."""
    mask = np.zeros((*SHAPE, 1), np.uint8)
    mask[1:5, 3:11, 4:12, 0] = 1
    path, _ = segmented(tmp_path, mask, KINDS.BINARY)
    tilted = (1.0, 0.0, 0.0, 0.0, 0.8, -0.6, 0.0, 0.6, 0.8)
    pet = Image(np.ones((24, 24, 24), np.float32), (1.7,) * 3, (-15.0, 10.0, 20.0), tilted, "pet")
    volume = read_series(write_series(pet, tmp_path / "pet", visit()))
    found = mask_of([path], volume)
    assert found.on_grid_ml == pytest.approx(found.drawn_ml, rel=0.1)
    z, y, x = np.nonzero(found.mask.array)
    middle = volume.image.grid.points(np.column_stack([x, y, z]).astype(float)).mean(axis=0)
    np.testing.assert_allclose(middle, [-10 + 2 * 7.5, 5 + 1.5 * 6.5, 40 + 3 * 2.5], atol=0.5)
    assert "another grid" in found.notes[-1]


def test_a_damaged_segmentation_gives_its_reason(tmp_path):
    path, volume = segmented(tmp_path, parts(), KINDS.BINARY)
    header = pydicom.dcmread(path)
    header.PixelData = header.PixelData[: len(header.PixelData) // 2]
    header.save_as(path)
    with pytest.raises(InputError, match="cannot be placed in space"):
        mask_of([path], volume, ["part 1"])
