"""Run lengths and size zones as pyradiomics gives them, on random lesions and on real patients."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hybridx.errors import SettingsError
from hybridx.radiomics.pyradiomics_glrlm import WEIGHTINGS, pyradiomics_glrlm
from hybridx.radiomics.pyradiomics_glszm import pyradiomics_glszm
from hybridx.radiomics.roi import Levels

sitk = pytest.importorskip("SimpleITK")
peer = pytest.importorskip("radiomics", reason="pyradiomics is not installed (Python 3.12 and later)")

ROOT = Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
PATIENTS = ROOT / "sts" / "nifti"
SPACING = (3.0, 1.5, 0.9)  # z, y, x


def both(image, mask, width, spacing=SPACING, **options):
    """Ours and pyradiomics' values of both families."""
    from radiomics import glrlm, glszm, imageoperations

    pair = [sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask.astype(np.uint8))]
    for volume in pair:
        volume.SetSpacing(spacing[::-1])
    array, _ = imageoperations.binImage(image.copy(), mask, binWidth=width)
    levels = Levels(np.where(mask, array, 0).astype(np.int32), int(array[mask].max()), mask, spacing)
    names = {
        "force2D": "force_2d",
        "force2Ddimension": "force_2d_dimension",
        "weightingNorm": "weighting_norm",
    }
    asked = {names[name]: value for name, value in options.items()}
    wanted = {
        f"{family}_{name}": float(value)
        for family, room in (("glrlm", glrlm.RadiomicsGLRLM), ("glszm", glszm.RadiomicsGLSZM))
        for name, value in room(*pair, binWidth=width, **options).execute().items()
    }
    runs = pyradiomics_glrlm(levels, **asked)
    asked.pop("weighting_norm", None)
    return (runs | pyradiomics_glszm(levels, **asked)), wanted


def assert_same(found, wanted, tolerance=1e-9):
    assert set(found.values) == set(wanted)
    assert len(wanted) == 32
    for name, value in wanted.items():
        assert found.values[name] == pytest.approx(value, rel=tolerance, abs=1e-12, nan_ok=True), name


def lesions():
    """Random lesions: solid, with holes, in parts, at the border, thin, one slice, one line."""
    rng = np.random.default_rng(11)
    image = ndimage.gaussian_filter(rng.normal(size=(9, 14, 12)), 0.8) * 100
    z, y, x = np.indices(image.shape)
    ball = (z - 4) ** 2 + (y - 6) ** 2 + (x - 6) ** 2 < 16
    hole = ball & ~((z - 4) ** 2 + (y - 6) ** 2 + (x - 6) ** 2 < 4)
    parts = ball & (x % 4 > 0) & (y != 6)
    slab, line, far = np.zeros((3, *image.shape), bool)
    slab[3, 2:9, 1:11] = True
    line[4, 3, 2:9] = True
    far[0, 0, 0] = far[8, 8, 8] = far[2, 9, 3] = True
    return {
        "ball": (image, ball),
        "hole": (image, hole),
        "parts": (image, parts),
        "all": (image, np.ones(image.shape, bool)),
        "noise": (image, rng.random(image.shape) < 0.3),
        "slab": (image, slab),
        "line": (image, line),
        "far": (image, far),
        "flat": (np.full(image.shape, 7.0), ball),
    }


@pytest.mark.parametrize("name", list(lesions()))
@pytest.mark.parametrize(
    "options",
    [{}, {"force2D": True}, {"force2D": True, "force2Ddimension": 2}, {"weightingNorm": "no_weighting"}],
    ids=["plain", "planar", "sagittal", "merged"],
)
def test_random_lesions(name, options):
    found, wanted = both(*lesions()[name], 25.0, **options)
    assert_same(found, wanted)


@pytest.mark.parametrize("norm", WEIGHTINGS)
def test_directions_weighted_by_their_length(norm):
    for name in ("ball", "slab"):
        assert_same(*both(*lesions()[name], 25.0, weightingNorm=norm))


def test_an_unknown_norm_names_the_nearest():
    levels = Levels(np.ones((1, 1, 2), np.int32), 1, np.ones((1, 1, 2), bool), SPACING)
    with pytest.raises(SettingsError, match="Did you mean 'euclidean'"):
        pyradiomics_glrlm(levels, weighting_norm="euclidian")


def test_nothing_to_walk_along_is_a_nan_with_its_reason():
    array = np.zeros((3, 3, 3), np.int32)
    array[0, 0, 0] = 1
    runs = pyradiomics_glrlm(Levels(array, 1, array > 0, SPACING))
    assert set(runs.reasons.values()) == {"no line holds two voxels"}
    assert pyradiomics_glszm(Levels(array, 1, array > 0, SPACING)).values["glszm_ZonePercentage"] == 1.0
    for family in (pyradiomics_glrlm, pyradiomics_glszm):
        nothing = family(Levels(array * 0, 1, array > 0, SPACING))
        assert np.isnan(list(nothing.values.values())).all()
        assert set(nothing.reasons.values()) == {"the lesion has no voxel"}


@pytest.mark.slow
@pytest.mark.skipif(
    not PATIENTS.is_dir(), reason=f"real data are not at {str(PATIENTS)!r} (set HYBRIDX_REAL_DATA)"
)
@pytest.mark.parametrize("patient", ["STS_002", "STS_011"])
@pytest.mark.parametrize(("modality", "width"), [("PET", 0.5), ("CT", 25.0)])
@pytest.mark.parametrize("edge", [None, 1.0], ids=["native", "1 mm"])
def test_real_patients(patient, modality, width, edge):
    image, mask = (
        sitk.ReadImage(str(PATIENTS / patient / f"{modality}_{part}.nii.gz")) for part in ("image", "mask")
    )
    if edge is not None:
        size = [int(n * s / edge) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
        grid = (size, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), (edge,) * 3, image.GetDirection())
        image = sitk.Resample(sitk.Cast(image, sitk.sitkFloat64), *grid)
        mask = sitk.Resample(mask, *grid[:2], sitk.sitkNearestNeighbor, *grid[3:])
    inside = sitk.GetArrayFromImage(mask) > 0
    box = tuple(slice(max(0, i.min() - 1), i.max() + 2) for i in np.nonzero(inside))
    array = sitk.GetArrayFromImage(image).astype(np.float64)[box]
    assert_same(*both(array, inside[box], width, spacing=image.GetSpacing()[::-1]))
