"""Filtered images of a real lesion, resampled as pyradiomics does it: its own numbers at every voxel of the lesion."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hybridx.radiomics.pyradiomics_filters import pyradiomics_images

ROOT = (
    Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "sts" / "nifti"
)
SETTINGS = {"LoG": {"sigma": [1.0, 2.0, 3.0]}}


@pytest.mark.skipif(
    not ROOT.is_dir(), reason=f"sarcoma patients are not at {str(ROOT)!r} (set HYBRIDX_REAL_DATA)"
)
@pytest.mark.parametrize("modality", ["CT", "PET"])
@pytest.mark.parametrize(
    "image_type", ["Wavelet", "LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient"]
)
def test_every_voxel_of_the_lesion_is_pyradiomics_own(image_type: str, modality: str) -> None:
    operations = pytest.importorskip(
        "radiomics.imageoperations", reason="pyradiomics does not install on this Python"
    )
    import SimpleITK as sitk

    image = sitk.ReadImage(str(ROOT / "STS_008" / f"{modality}_image.nii.gz"))
    mask = sitk.Cast(sitk.ReadImage(str(ROOT / "STS_008" / f"{modality}_mask.nii.gz")) > 0, sitk.sitkUInt8)
    mask.CopyInformation(image)
    how = {"resampledPixelSpacing": [1, 1, 1], "interpolator": sitk.sitkBSpline, "padDistance": 5}
    image, mask = operations.resampleImage(image, mask, **how)
    lesion = sitk.GetArrayFromImage(mask) > 0
    settings = SETTINGS.get(image_type, {})
    theirs = {
        name: one for one, name, _ in getattr(operations, f"get{image_type}Image")(image, mask, **settings)
    }
    count = 0
    for name, ours in pyradiomics_images(
        sitk.GetArrayFromImage(image), (1.0, 1.0, 1.0), image_type, **settings
    ):
        expected = sitk.GetArrayFromImage(theirs[name])[lesion]
        assert np.ptp(expected) > 0
        np.testing.assert_allclose(
            ours[lesion], expected, rtol=1e-12, atol=1e-7 * abs(expected).max(), err_msg=name
        )
        count += 1
    assert count == len(theirs) > 0
