"""Lesions, a digital phantom and slow references that the tests of the texture matrices share."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridx.radiomics.roi import Levels

ROOT = Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
IBSI, SARCOMA = ROOT / "ibsi", ROOT / "sts" / "nifti"
needs_phantom = pytest.mark.skipif(
    not IBSI.is_dir(), reason=f"the IBSI phantoms are not at {str(IBSI)!r} (set HYBRIDX_REAL_DATA)"
)
needs_sarcoma = pytest.mark.skipif(
    not SARCOMA.is_dir(), reason=f"the sarcoma patients are not at {str(SARCOMA)!r} (set HYBRIDX_REAL_DATA)"
)


def lesion(array, count=None, spacing=(3.0, 1.0, 1.0)):
    array = np.asarray(array, dtype=np.int32)
    return Levels(array, int(array.max(initial=1)) if count is None else count, array > 0, spacing)


def digital_phantom():
    nibabel = pytest.importorskip("nibabel")
    folder = IBSI / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        np.asarray(nibabel.load(folder / part / f"{name}.nii.gz").dataobj).T
        for part, name in (("image", "phantom"), ("mask", "mask"))
    )
    return lesion(np.where(mask > 0, image, 0), 6, (2.0, 2.0, 2.0))


def consensus(prefix):
    """Reference and tolerance by tag, of the digital phantom."""
    with (IBSI / "ibsi_reference.csv").open(encoding="utf-8") as file:
        return {
            row["feature_tag"]: (float(row["reference"]), float(row["tolerance"]))
            for row in csv.DictReader(file)
            if row["config"] == "digital_phantom" and row["feature_tag"].startswith(prefix)
        }


def off_consensus(values, prefix):
    """Tags whose value, to three significant digits, lies outside the tolerance."""
    wanted = consensus(prefix)
    assert wanted
    return {
        tag: (values.get(tag), reference)
        for tag, (reference, tolerance) in wanted.items()
        if not abs(float(f"{values[tag]:.3g}") - reference) <= tolerance + 1e-9 * abs(reference)
    }


def volumes(highest=5, largest=5):
    """Random small lesions: holes, several components, voxels at the border."""
    shapes = st.tuples(*[st.integers(1, largest)] * 3)
    return shapes.flatmap(lambda shape: arrays(np.int32, shape, elements=st.integers(0, highest)))


def shaped_lesions():
    """A few lesions of known awkwardness, by name."""
    draw = np.random.default_rng(5)
    grid = np.indices((9, 24, 21)).astype(float)
    centre = np.array([4, 12, 10]).reshape(3, 1, 1, 1)
    radius = np.sqrt((((grid - centre) / np.array([4, 11, 9]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    noise = draw.integers(1, 13, size=radius.shape)
    smooth = (1 + 7 * radius).astype(int)
    two = noise * ((grid[1] < 8) | (grid[1] > 14)) * (radius < 1)
    return {
        "ellipsoid": noise * (radius < 1),
        "rings": smooth * (radius < 1),
        "hole": noise * ((radius < 1) & (radius > 0.4)),
        "two components": two,
        "touches every border": noise,
        "sieve": noise * (draw.random(radius.shape) < 0.4),
        "one slice": noise[4:5],
        "one row": noise[4:5, 3:4],
        "gaps between levels": np.array([0, 2, 90, 300])[draw.integers(0, 4, size=radius.shape)],
    }


def sarcoma_levels(patient, modality, width, edge=None):
    """Fixed-width grey levels of a patient, on the image's grid or on cubes of `edge` mm."""
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.ReadImage(SARCOMA / patient / f"{modality}_image.nii.gz", sitk.sitkFloat64)
    mask = sitk.ReadImage(SARCOMA / patient / f"{modality}_mask.nii.gz", sitk.sitkUInt8)
    if edge:
        size = [int(np.ceil(n * s / edge)) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
        frame = (sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), [edge] * 3, image.GetDirection())
        image = sitk.Resample(image, size, *frame)
        mask = sitk.Resample(mask, size, *frame[:1], sitk.sitkNearestNeighbor, *frame[2:])
    inside, values = sitk.GetArrayFromImage(mask) > 0, sitk.GetArrayFromImage(image)
    lowest = np.floor(values[inside].min() / width) * width
    levels = np.where(inside, np.floor((values - lowest) / width) + 1, 0)
    return lesion(levels, spacing=image.GetSpacing()[::-1])


def peer(family, levels, **settings):
    """Features by pyradiomics of the same grey levels, by its own names."""
    radiomics, sitk = pytest.importorskip("radiomics"), pytest.importorskip("SimpleITK")
    radiomics.setVerbosity(60)
    image, mask = (
        sitk.GetImageFromArray(array) for array in (levels.array, (levels.array > 0).astype(np.uint8))
    )
    for part in (image, mask):
        part.SetSpacing([float(edge) for edge in levels.spacing[::-1]])
    module = getattr(__import__(f"radiomics.{family}"), family)
    features = getattr(module, f"Radiomics{family.upper()}")(image, mask, binWidth=1, **settings)
    # Levels as they are: its own discretisation would move the lowest to 1.
    features.imageArray = levels.array.copy()
    features.coefficients["grayLevels"] = np.unique(levels.array[levels.array > 0])
    features.coefficients["Ng"] = int(levels.array.max())
    return {f"{family}_{name}": float(np.squeeze(value)) for name, value in features.execute().items()}


def assert_same(found, wanted, rtol, atol=0.0):
    """Values by name agree, NaN with NaN."""
    off = {
        name: (found[name], value)
        for name, value in wanted.items()
        if not np.isclose(found[name], value, rtol=rtol, atol=atol, equal_nan=True)
    }
    assert not off
