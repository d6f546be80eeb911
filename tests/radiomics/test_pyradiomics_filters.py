"""pyradiomics' image types: the same names in the same order, and the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from hybridx.errors import HybridxWarning, SettingsError
from hybridx.radiomics.filter_recursive import gradient_magnitude, recursive_laplacian
from hybridx.radiomics.filters import cut
from hybridx.radiomics.pyradiomics_filters import (
    PYRADIOMICS_IMAGE_TYPES,
    pyradiomics_images,
    pyradiomics_margin,
)
from hybridx.radiomics.wavelet_packets import stationary_wavelets

SPACING = (3.0, 1.1, 0.9)
CASES = {
    "Original": [{}],
    "Wavelet": [
        {},
        {"wavelet": "db3"},
        {"level": 2},
        {"start_level": 1},
        {"force2D": True},
        {"wavelet": "haar", "force2D": True, "force2Ddimension": 1},
        {"wavelet": "bior1.3"},
    ],
    "LoG": [{"sigma": [1.0, 2, 3.5]}],
    "Square": [{}],
    "SquareRoot": [{}],
    "Logarithm": [{}],
    "Exponential": [{}],
    "Gradient": [{}, {"gradientUseSpacing": False}],
}


def _image(dtype: type, shape: tuple[int, int, int] = (12, 15, 14), seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=shape) * 300.0).astype(dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("image_type", "settings"), [(kind, one) for kind, many in CASES.items() for one in many]
)
def test_names_and_numbers_are_pyradiomics_own(image_type: str, settings: dict, dtype: type) -> None:
    operations = pytest.importorskip(
        "radiomics.imageoperations", reason="pyradiomics does not install on this Python"
    )
    import SimpleITK as sitk

    image = _image(dtype)
    itk = sitk.GetImageFromArray(image)
    itk.SetSpacing(SPACING[::-1])
    expected = [
        (name, sitk.GetArrayFromImage(one))
        for one, name, _ in getattr(operations, f"get{image_type}Image")(itk, None, **settings)
    ]
    got = list(pyradiomics_images(image, SPACING, image_type, **settings))
    assert [name for name, _ in got] == [name for name, _ in expected]
    for (name, ours), (_, theirs) in zip(got, expected, strict=True):
        assert ours.shape == theirs.shape
        if image_type in ("LoG", "Gradient", "Original"):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
        elif image_type == "Wavelet" and dtype is np.float32:
            # Beside the edge PyWavelets adds the taps in another order: the last bits of single precision differ.
            away = (
                (slice(6, -6),) * 3
                if "level" not in settings and "start_level" not in settings
                else (slice(0, 0),)
            )
            np.testing.assert_array_equal(ours[away], theirs[away], err_msg=name)
            np.testing.assert_allclose(ours, theirs, atol=2e-6 * abs(theirs).max(), err_msg=name)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-13 * abs(theirs).max(), err_msg=name)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.98, 0.98), (0.7, 2.0, 1.3)])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 6.0])
def test_the_recursive_laplacian_is_itks_to_the_last_bit_but_one(
    spacing: tuple[float, ...], sigma: float
) -> None:
    import SimpleITK as sitk

    for dtype in (np.float32, np.float64):
        image = _image(dtype, (7, 40, 33), seed=3)
        itk = sitk.GetImageFromArray(image)
        itk.SetSpacing(spacing[::-1])
        itks = sitk.LaplacianRecursiveGaussianImageFilter()
        itks.SetNormalizeAcrossScale(True)
        itks.SetSigma(sigma)
        expected = sitk.GetArrayFromImage(itks.Execute(itk))
        response = recursive_laplacian(image, spacing, sigma)
        assert (
            response == expected
        ).mean() > 0.999  # coefficients are rounded in another order: one last bit in 4,000
        np.testing.assert_array_max_ulp(response, expected, maxulp=2)


def test_a_flat_image_has_no_laplacian_and_no_gradient() -> None:
    flat = np.full((9, 10, 11), 1000.0)
    assert abs(recursive_laplacian(flat, (1.0, 1.0, 1.0), 2.0)).max() < 1e-3  # single precision of 1,000
    assert gradient_magnitude(flat, (1.0, 1.0, 1.0)).max() == 0.0


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    z, y, x = np.indices((6, 7, 8)).astype(float)
    slope = gradient_magnitude(3.0 * z * 2.0 + 4.0 * y + 12.0 * x * 0.5, (2.0, 1.0, 0.5))
    np.testing.assert_allclose(slope[1:-1, 1:-1, 1:-1], 13.0)


def test_a_recursive_laplacian_turns_with_the_image() -> None:
    image = _image(np.float64, (16, 16, 16))
    response = recursive_laplacian(image, (1.0, 1.0, 1.0), 1.5)
    turned = recursive_laplacian(np.ascontiguousarray(np.rot90(image, axes=(0, 2))), (1.0, 1.0, 1.0), 1.5)
    np.testing.assert_allclose(turned, np.rot90(response, axes=(0, 2)), atol=2e-6 * abs(response).max())


@pytest.mark.parametrize(("image_type", "settings", "boundary"), [
    ("LoG", {"sigma": [1.0, 2.0]}, "nearest"),
    ("Wavelet", {}, "periodise_even"),
    ("Wavelet", {"wavelet": "db4", "force2D": True}, "periodise_even"),
    ("Gradient", {}, "nearest"),
    ("Square", {}, "nearest"),
    ("SquareRoot", {}, "nearest"),
    ("Logarithm", {}, "nearest"),
    ("Exponential", {}, "nearest"),
])  # fmt: skip
@pytest.mark.parametrize("place", ["middle", "corner"])
def test_a_cut_with_the_needed_margin_gives_the_same_values(
    image_type: str, settings: dict, boundary: str, place: str
) -> None:
    image, spacing = _image(np.float64, (41, 60, 65), seed=5), (2.0, 1.0, 1.0)
    box = (
        (slice(18, 22), slice(28, 33), slice(30, 34))
        if place == "middle"
        else (slice(0, 3), slice(57, 60), slice(60, 65))
    )
    part, inside = cut(image, box, pyradiomics_margin(image_type, spacing, **settings), boundary)
    assert part.size < image.size
    extra = (
        {"maximum": abs(image).max()}
        if image_type in ("Square", "SquareRoot", "Logarithm", "Exponential")
        else {}
    )
    whole = list(pyradiomics_images(image, spacing, image_type, **settings))
    for (name, full), (_, ours) in zip(
        whole, pyradiomics_images(part, spacing, image_type, **extra, **settings), strict=True
    ):
        limit = 1e-6 * abs(full).max() if image_type == "LoG" else 1e-12 * abs(full).max()
        np.testing.assert_allclose(ours[inside], full[box], rtol=0, atol=limit, err_msg=name)


def test_images_come_one_at_a_time() -> None:
    images = pyradiomics_images(_image(np.float64), SPACING, "Wavelet")
    assert next(images)[0] == "wavelet-LLH"
    assert len(list(images)) == 7


def test_an_image_too_small_for_a_width_is_left_out_with_a_warning() -> None:
    with pytest.warns(HybridxWarning, match=r"LoG of 20.0 mm left out: it needs at least"):
        names = [
            name
            for name, _ in pyradiomics_images(_image(np.float64), (3.0, 1.0, 1.0), "LoG", sigma=[20.0, 1.0])
        ]
    assert names == ["log-sigma-1-0-mm-3D"]


@pytest.mark.parametrize(("image_type", "settings", "message"), [
    ("Wavlet", {}, "Did you mean 'Wavelet'"),
    ("Wavelet", {"wavelt": "db3"}, "Did you mean 'wavelet'"),
    ("Wavelet", {"wavelet": "coiff1"}, "Did you mean 'coif1'"),
    ("Wavelet", {"level": 0}, "wanted whole numbers"),
    ("LoG", {"sgma": [1]}, "Did you mean 'sigma'"),
    ("LoG", {"sigma": [-1.0]}, "must be above 0, in mm"),
    ("Square", {"sigma": [1]}, "Unknown setting of Square"),
])  # fmt: skip
def test_each_mistake_is_named(image_type: str, settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        list(pyradiomics_images(_image(np.float64), SPACING, image_type, **settings))


def test_the_table_of_image_types_is_pyradiomics_own() -> None:
    operations = pytest.importorskip(
        "radiomics.imageoperations", reason="pyradiomics does not install on this Python"
    )
    theirs = {name[3:-5] for name in dir(operations) if name.startswith("get") and name.endswith("Image")}
    assert set(PYRADIOMICS_IMAGE_TYPES) == theirs


@pytest.mark.parametrize(("image_type", "value"), [
    ("Square", np.nan),  # there is nothing to scale by, for pyradiomics either
    ("SquareRoot", 0.0),
    ("Logarithm", np.nan),
    ("Exponential", np.nan),
    ("Gradient", 0.0),
])  # fmt: skip
def test_an_image_of_zeros_has_no_scale(image_type: str, value: float) -> None:
    ((_, response),) = pyradiomics_images(np.zeros((4, 5, 6)), SPACING, image_type)
    np.testing.assert_array_equal(response, np.full((4, 5, 6), value))


@pytest.mark.parametrize("image_type", [kind for kind in PYRADIOMICS_IMAGE_TYPES if kind != "LoG"])
def test_a_single_voxel_passes(image_type: str) -> None:
    mask = np.ones((1, 1, 1), dtype=bool)
    for _, response in pyradiomics_images(np.full((1, 1, 1), 5.0), SPACING, image_type, mask=mask):
        assert response.shape == (1, 1, 1)


@pytest.mark.parametrize("wavelet", ["coif1", "haar", "db4"])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("flat", [None, 0, 2])
def test_wavelets_of_a_lesion_alone_are_those_of_the_image(wavelet, kind, flat):
    rng = np.random.default_rng(4)
    image = (rng.normal(size=(9, 12, 11)) * 300).astype(kind)
    mask = rng.random(image.shape) < 0.1
    mask[:, 3] = mask[4] = False
    mask[0, 0, 0] = mask[-1, -1, -1] = True  # what they reach lies on the other side
    whole = {letters: found for _, letters, found in stationary_wavelets(image, wavelet, flat=flat)}
    alone = stationary_wavelets(image, wavelet, flat=flat, within=mask)
    names = []
    for _, letters, found in alone:
        np.testing.assert_array_equal(found[mask], whole[letters][mask])
        assert found.dtype == whole[letters].dtype and found.shape == image.shape
        names.append(letters)
    assert names == list(whole)
