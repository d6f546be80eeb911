"""What a lesion costs before its first voxel: libraries that stay away, short ways that must lead to the same place."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from hybridx.imaging import Image, write_image
from hybridx.imaging.reading import read_voxels
from hybridx.radiomics import (
    RadiomicsSettings,
    enclosing,
    extract_radiomics,
    measure_radiomics,
    pair,
    pyradiomics_grid,
)
from hybridx.radiomics.enclosing import convex_hull, largest_diameter, largest_distance
from hybridx.radiomics.matrix_spectrum import EPSILON, _factors
from hybridx.radiomics.mesh import measure_surface
from hybridx.radiomics.pair import box_of
from hybridx.radiomics.spectrum_kernel import scale

NUMBERS = {np.int16: sitk.sitkInt16, np.float32: sitk.sitkFloat32}
PROGRAM = """
import sys
from hybridx.radiomics import RadiomicsSettings, extract_radiomics
settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=2.0, interpolator="linear")
assert len(extract_radiomics(*sys.argv[1:3], settings)) == 107
heavy = {"SimpleITK", "nibabel", "pydicom", "polars", "torch", "sklearn", "scipy.ndimage", "scipy.spatial"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_lesion_in_ordinary_files_loads_no_library_that_it_does_not_need(tmp_path):
    rng = np.random.default_rng(0)
    image = Image((rng.normal(size=(9, 12, 13)) * 50).astype(np.float32), (1.5, 1.5, 3.0), (4.0, -5.0, 6.0))
    mask = np.zeros(image.array.shape, np.uint8)
    mask[2:7, 3:9, 3:10] = 1
    for name, array in (("image", image.array), ("mask", mask)):
        write_image(image.with_array(array), tmp_path / f"{name}.nii.gz")
    paths = [str(tmp_path / f"{name}.nii.gz") for name in ("image", "mask")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *paths], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    settings = RadiomicsSettings.pyradiomics(bin_width=25)
    assert extract_radiomics(*paths, settings) == dict(measure_radiomics(*paths, settings).values)


@pytest.mark.parametrize("huge", [False, True])
def test_the_widest_diameter_is_that_of_the_hull(monkeypatch, huge):
    if huge:
        monkeypatch.setattr(enclosing, "COMPARED", 0)
    rng = np.random.default_rng(1)
    for _ in range(25):
        mask = rng.random(rng.integers(1, 12, 3)) < rng.uniform(0.05, 0.9)
        mask.flat[rng.integers(mask.size)] = True
        spacing = tuple(rng.uniform(0.5, 5.0, 3).tolist())
        surface = measure_surface(mask, spacing, peer=True)
        expected = largest_distance(convex_hull(surface, spacing).points)
        assert largest_diameter(surface, spacing) == pytest.approx(expected, rel=1e-14)


def test_the_box_is_that_of_the_voxels():
    rng = np.random.default_rng(2)
    for _ in range(50):
        mask = rng.random(rng.integers(1, 9, 3)) < 0.05
        mask.flat[rng.integers(mask.size)] = True
        margin = int(rng.integers(0, 3))
        places = np.argwhere(mask)
        for given in (mask, np.asfortranarray(mask)):
            found = box_of(given, margin)
            for part, low, high, n in zip(
                found, places.min(axis=0), places.max(axis=0) + 1, mask.shape, strict=True
            ):
                assert (part.start, part.stop) == (max(0, low - margin), min(n, high + margin))


def test_matrices_are_scaled_by_the_roots_of_their_margins():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 4, (5, 7, 7)) * (rng.random((5, 7, 7)) < 0.4)
    counts = counts.astype(np.float64)
    counts[3] = 0
    counts[4] = 0
    counts[4, 2, 2] = 9
    scaled, change = np.empty(counts.shape), np.empty(5)
    scale(counts, EPSILON, scaled, change)
    assert np.isnan(change[3:]).all()
    for m in range(3):
        shares = counts[m] / counts[m].sum()
        row, column = shares.sum(axis=1), shares.sum(axis=0)
        row, column = np.where(row > 0, row, 1)[:, None], np.where(column > 0, column, 1)[None]
        left, right = _factors(shares, row, column)
        np.testing.assert_allclose(scaled[m], shares / np.sqrt(row * column), rtol=1e-14)
        bound = (np.sqrt((left**2).sum(axis=0)) * np.sqrt((right**2).sum(axis=0))).sum()
        assert change[m] == pytest.approx(bound, rel=1e-12)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize(
    "more",
    [
        {"resample_mm": 1.0, "interpolator": "linear"},
        {"resample_mm": (1.0, 1.0, 4.0)},
        {"resample_mm": (1.5, 1.0, 0.0), "interpolator": "linear", "pad_voxels": 9},
        {"pre_crop": True, "pad_voxels": 2},
        {},
    ],
)
def test_slices_behind_the_lesion_are_left_in_the_file(tmp_path, monkeypatch, kind, more):
    rng = np.random.default_rng(3)
    image = Image((rng.normal(size=(60, 12, 11)) * 99).astype(kind), (1.0, 1.1, 3.0), modality="ct")
    mask = np.zeros(image.array.shape, np.uint8)
    mask[4:7, 3:9, 2:9] = 1
    mask = Image(mask, image.spacing, modality="mask")
    paths = [tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"]
    sitk.WriteImage(sitk.Cast(image.to_sitk(), NUMBERS[kind]), str(paths[0]))
    write_image(mask, paths[1])
    settings = RadiomicsSettings.pyradiomics(bin_width=25, image_types=("original", "wavelet"), **more)
    read = []
    monkeypatch.setattr(
        pair, "read_voxels", lambda *given, **named: read.append(read_voxels(*given, **named)) or read[-1]
    )
    assert extract_radiomics(*paths, settings) == dict(measure_radiomics(*paths, settings).values)
    lengths = [len(voxels) for voxels, _ in read]
    assert lengths[0] == lengths[2] == lengths[3] == 60
    assert (7 < lengths[1] < 50) == bool(more)
    if more:  # where the part does not do, all is read, once
        monkeypatch.setattr(pyradiomics_grid, "_interpolated", lambda *_: None)
        read.clear()
        assert extract_radiomics(*paths, settings).keys() == measure_radiomics(*paths, settings).values.keys()
        assert len(read) == (5 if "resample_mm" in more else 4)


@pytest.mark.parametrize("spoiled", ["grid", "nan"])
def test_an_image_that_needs_a_look_at_all_of_it_is_read_whole(tmp_path, spoiled):
    rng = np.random.default_rng(4)
    array = (rng.normal(size=(60, 12, 11)) * 99).astype(np.float32)
    if spoiled == "nan":
        array[5, 5, 5] = np.nan
    mask = np.zeros(array.shape, np.uint8)
    mask[4:7, 3:9, 2:9] = 1
    origin = (0.0, 0.0, 0.0) if spoiled == "nan" else (0.25, 0.0, 0.0)
    given = [sitk.GetImageFromArray(array), Image(mask, (1.0, 1.0, 1.0), origin).to_sitk()]
    paths = [str(tmp_path / "image.nii.gz"), str(tmp_path / "mask.nii.gz")]
    for volume, path in zip(given, paths, strict=True):
        sitk.WriteImage(volume, path)
    settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.5, correct_mask=True)
    first, second = measure_radiomics(*paths, settings), measure_radiomics(*given, settings)
    assert extract_radiomics(*paths, settings) == dict(first.values)
    assert first.values == second.values and len(first.remarks) == 1
