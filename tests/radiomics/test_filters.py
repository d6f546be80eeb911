"""IBSI's filters: kernels come out of impulses, flat images give nothing, turning commutes, a cut changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.filter_boundaries import BOUNDARIES, pad, source_indices
from hybridx.radiomics.filter_fir import convolve_axis, convolve_axis_many
from hybridx.radiomics.filter_rotations import orientations
from hybridx.radiomics.filters import FILTERS, cut, filter_image, needed_margin
from hybridx.radiomics.laws import LAWS_KERNELS
from hybridx.radiomics.wavelet_separable import wavelet_taps

ONE = (1.0, 1.0, 1.0)

#: One setting of each filter whose response does not depend on how the image is turned in its slice.
TURNABLE = {
    "mean": {"support": 3},
    "laplacian_of_gaussian": {"sigma": 1.0},
    "laws": {"kernel": "L5E5W5", "energy_distance": 2},
    "gabor": {
        "sigma": 1.0,
        "wavelength": 3.0,
        "gamma": 1.5,
        "rotation_invariant": True,
        "planes": "orthogonal",
    },
    "wavelet": {"wavelet": "db2", "passes": "LLH"},
    "simoncelli": {"level": 1},
}
LOCAL = [kind for kind in TURNABLE if kind != "simoncelli"]
BANDS = {**TURNABLE, "wavelet": {"wavelet": "coif1", "passes": "HLL", "level": 2}}
del BANDS["mean"]


def _noise(shape: tuple[int, ...] = (9, 11, 10), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 100.0


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 6, 13, 29])
def test_convolution_equals_scipys(boundary: str, axis: int, length: int) -> None:
    image, taps = _noise(), np.random.default_rng(length).normal(size=length)
    mode = {"mirror": "reflect", "nearest": "nearest", "periodise": "wrap", "zero": "constant"}[boundary]
    odd = taps if length % 2 else np.append(taps, 0.0)
    expected = ndimage.convolve1d(image, odd, axis=axis, mode=mode)
    np.testing.assert_allclose(convolve_axis(image, taps, axis, boundary), expected, rtol=1e-12, atol=1e-10)


def test_several_kernels_in_one_reading_are_the_kernels_one_by_one() -> None:
    image, low_high = _noise(), wavelet_taps("db3")
    both = convolve_axis_many(image, low_high, 1, "periodise")
    for kernel, response in zip(low_high, both, strict=True):
        np.testing.assert_array_equal(response, convolve_axis(image, kernel, 1, "periodise"))


def test_single_precision_stays_single() -> None:
    assert convolve_axis_many(_noise().astype(np.float32), [np.ones(3)], 0)[0].dtype == np.float32
    assert convolve_axis_many(_noise().astype(np.int16), [np.ones(3)], 0)[0].dtype == np.float64


@pytest.mark.parametrize(
    ("boundary", "mode"),
    [("mirror", "symmetric"), ("nearest", "edge"), ("periodise", "wrap"), ("zero", "constant")],
)
def test_padding_equals_numpys_even_beyond_the_image(boundary: str, mode: str) -> None:
    image = _noise((3, 4, 5))
    got = pad(image, (1, 9, 0), (2, 0, 13), boundary)
    np.testing.assert_array_equal(got, np.pad(image, [(1, 2), (9, 0), (0, 13)], mode=mode))


def test_an_unknown_boundary_is_named() -> None:
    with pytest.raises(SettingsError, match=r"'miror'. Did you mean 'mirror'"):
        source_indices(4, 1, 1, "miror")


@pytest.mark.parametrize("name", LAWS_KERNELS)
def test_laws_kernels_have_unit_length_and_come_out_of_an_impulse(name: str) -> None:
    taps = LAWS_KERNELS[name]
    assert np.linalg.norm(taps) == pytest.approx(1.0)
    assert (taps.sum() == pytest.approx(0.0)) == (not name.startswith("L"))
    impulse = np.zeros((7, 7, 7))
    impulse[3, 3, 3] = 1.0
    params = {"rotation_invariant": False, "energy_distance": None}
    response = filter_image(impulse, ONE, "laws", kernel=f"{name}L5S5", **params)
    half = taps.size // 2
    line = response[3, 3, 3 - half : 4 + half] / (LAWS_KERNELS["L5"][2] * LAWS_KERNELS["S5"][2])
    np.testing.assert_allclose(line, taps, atol=1e-15)  # the first letter runs along x
    along_y = response[3, 1:6, 3] / (taps[half] * LAWS_KERNELS["S5"][2]) if taps[half] else LAWS_KERNELS["L5"]
    np.testing.assert_allclose(along_y, LAWS_KERNELS["L5"], atol=1e-15)


def test_a_laplacian_of_gaussian_is_ibsis_formula() -> None:
    impulse = np.zeros((15, 15, 15))
    impulse[7, 7, 7] = 1.0
    sigma = 1.5
    z, y, x = np.indices(impulse.shape) - 7
    squared = z**2 + y**2 + x**2
    formula = (
        -(1 / sigma**2)
        * (2 * np.pi * sigma**2) ** -1.5
        * (3 - squared / sigma**2)
        * np.exp(-squared / (2 * sigma**2))
    )
    formula[np.maximum(np.maximum(abs(z), abs(y)), abs(x)) > 6] = 0.0
    response = filter_image(impulse, (2.0, 2.0, 2.0), "laplacian_of_gaussian", sigma=3.0)
    np.testing.assert_allclose(response, formula, atol=1e-16)


def test_a_laplacian_is_that_of_space_on_unequal_voxels() -> None:
    z, y, x = np.meshgrid(np.arange(31) * 2.0, np.arange(61) * 1.0, np.arange(61) * 1.0, indexing="ij")
    bowl = (z - 30) ** 2 + 2 * (y - 30) ** 2 - (x - 30) ** 2  # its Laplacian is 2 + 4 - 2 everywhere
    response = filter_image(bowl, (2.0, 1.0, 1.0), "laplacian_of_gaussian", sigma=3.0, truncate=6.0)
    assert response[15, 30, 30] == pytest.approx(4.0 * 2.0 ** (2 / 3), rel=1e-5)


def test_a_gabor_filter_is_ibsis_formula() -> None:
    impulse = np.zeros((1, 41, 41))
    impulse[0, 20, 20] = 1.0
    y, x = np.indices((41, 41)) - 20.0
    angle, sigma, wave, gamma = np.deg2rad(30.0), 2.0, 5.0, 1.5
    first, second = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    formula = np.exp(-(first**2 + gamma**2 * second**2) / (2 * sigma**2) + 2j * np.pi * first / wave)
    params = {"sigma": 4.0, "wavelength": 10.0, "gamma": gamma, "theta": 30.0}
    for part, expected in {"real": formula.real, "imaginary": formula.imag, "modulus": abs(formula)}.items():
        response = filter_image(impulse, (9.0, 2.0, 2.0), "gabor", response=part, **params)
        np.testing.assert_allclose(response[0], expected, atol=1e-10)


@pytest.mark.parametrize("wavelet", ["haar", "db3", "coif1"])
def test_wavelets_split_an_image_without_loss(wavelet: str) -> None:
    low, high = wavelet_taps(wavelet)
    image = _noise((4, 5, 12))
    back = np.zeros_like(image)
    for taps in (low, high):  # the adjoint of each response, summed, is twice the image
        response = convolve_axis(image, taps, 2, "periodise")
        back += convolve_axis(response, np.append(0.0, taps[::-1]), 2, "periodise")
    np.testing.assert_allclose(back, 2.0 * image, rtol=1e-9)


def test_a_deeper_wavelet_is_the_cascade_of_levels() -> None:
    image, (low, high) = _noise((8, 16, 16)), wavelet_taps("db2")
    expected = image
    for axis in (2, 1, 0):
        expected = convolve_axis(expected, low, axis, "periodise")
    stretched = np.zeros(9)
    stretched[[0, 2, 4, 6]] = high
    for axis in (2, 1, 0):
        expected = convolve_axis(expected, stretched, axis, "periodise")
    params = {
        "wavelet": "db2",
        "passes": "HHH",
        "level": 2,
        "rotation_invariant": False,
        "boundary": "periodise",
    }
    np.testing.assert_allclose(filter_image(image, ONE, "wavelet", **params), expected, atol=1e-10)


def test_simoncelli_keeps_its_octave_whatever_the_direction() -> None:
    highest = 16  # of 33 voxels
    place = np.arange(33)
    for level, peak in ((1, 8), (2, 4), (3, 2)):
        for shape in ((33, 1, 1), (1, 33, 1), (1, 1, 33)):
            for cycles, gain in ((peak, 1.0), (2 * peak, 0.0), (peak // 2, 0.0), (highest, 0.0)):
                wave = np.cos(2 * np.pi * cycles / 33 * place).reshape(shape) * np.ones((33, 33, 33))
                response = filter_image(wave, ONE, "simoncelli", level=level)
                np.testing.assert_allclose(response, gain * wave, atol=1e-9)


@pytest.mark.parametrize("kind", BANDS)
def test_a_flat_image_has_no_response(kind: str) -> None:
    response = filter_image(np.full((30, 31, 32), 40.0), ONE, kind, **BANDS[kind])
    # A LoG cut off at four widths keeps 3e-3 of the level, a Gabor filter what its envelope does not cancel.
    limit = {"laplacian_of_gaussian": 0.2, "gabor": 40.0 * 2 * np.pi * np.exp(-2.0)}.get(kind, 1e-9)
    assert abs(response).max() < limit


@pytest.mark.parametrize("kind", TURNABLE)
def test_turning_the_image_turns_the_response(kind: str) -> None:
    image = _noise((12, 12, 12))
    response = filter_image(image, ONE, kind, **TURNABLE[kind])
    for axes in ((0, 1), (1, 2), (0, 2)):
        turned = filter_image(np.ascontiguousarray(np.rot90(image, axes=axes)), ONE, kind, **TURNABLE[kind])
        np.testing.assert_allclose(turned, np.rot90(response, axes=axes), atol=1e-8)


@pytest.mark.parametrize(("kind", "two"), [
    ("mean", {"support": 5, "dimensions": 2}),
    ("laplacian_of_gaussian", {"sigma": 1.2, "dimensions": 2}),
    ("laws", {"kernel": "L5E5"}),
    ("gabor", {"sigma": 2.0, "wavelength": 4.0, "gamma": 1.0}),
    ("wavelet", {"wavelet": "db3", "passes": "LH"}),
    ("simoncelli", {"level": 1, "dimensions": 2}),
])  # fmt: skip
def test_slice_by_slice_is_each_slice_alone(kind: str, two: dict) -> None:
    image = _noise((4, 20, 21))
    together = filter_image(image, (5.0, 1.0, 1.0), kind, **two)
    for k in range(4):
        np.testing.assert_allclose(
            together[k : k + 1], filter_image(image[k : k + 1], (5.0, 1.0, 1.0), kind, **two), atol=1e-10
        )


def test_a_volume_has_24_right_angled_orientations_and_a_slice_4() -> None:
    letters = [np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 1.0]), np.array([7.0, 1.0, 2.0])]
    for kernels, count in ((letters, 24), (letters[:2], 4)):
        poses = orientations(kernels, rotations=True)
        assert len(poses) == count
        assert all(pose.as_is + pose.negated == 1 for pose in poses)
    laws = orientations([LAWS_KERNELS["L5"], LAWS_KERNELS["E5"], LAWS_KERNELS["E5"]], rotations=True)
    assert sorted((pose.as_is, pose.negated) for pose in laws) == [(4, 4)] * 3


def test_pooling_over_rotations_is_the_pool_of_turned_kernels() -> None:
    image = _noise((7, 7, 7))
    kernels = [LAWS_KERNELS["E5"], wavelet_taps("db2")[1], LAWS_KERNELS["L3"]]
    cube = np.einsum("i,j,k->ijk", kernels[0], np.append(kernels[1], 0.0), np.pad(kernels[2], 1))
    turned = {}
    for first in range(4):
        for axes in ((0, 1), (0, 2), (1, 2)):
            for second in range(4):
                for third in range(4):
                    one = np.rot90(np.rot90(np.rot90(cube, first, (0, 1)), second, axes), third, (1, 2))
                    turned[np.ascontiguousarray(one).tobytes()] = one
    responses = [ndimage.convolve(image, one, mode="reflect") for one in turned.values()]
    assert len(responses) == 24
    from hybridx.radiomics.filter_rotations import convolve_separable

    for pooling, pool in (("max", np.max), ("min", np.min), ("mean", np.mean)):
        got = convolve_separable(image, kernels, "mirror", rotations=True, pooling=pooling)
        np.testing.assert_allclose(got, pool(responses, axis=0), atol=1e-10)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kind", LOCAL)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_a_cut_with_the_needed_margin_gives_the_same_values(
    kind: str, boundary: str, data: st.DataObject
) -> None:
    shape = (14, 22, 23)
    starts = [data.draw(st.integers(0, size - 1)) for size in shape]
    box = tuple(slice(a, data.draw(st.integers(a + 1, size))) for a, size in zip(starts, shape, strict=True))
    image, spacing = _noise(shape, seed=1), (2.0, 1.0, 1.0)
    params = {**TURNABLE[kind], "boundary": boundary}
    if kind == "gabor":
        params = {**params, "sigma": 0.5, "wavelength": 2.0}
    whole = filter_image(image, spacing, kind, **params)
    part, inside = cut(image, box, needed_margin(kind, spacing, **params), boundary)
    np.testing.assert_allclose(filter_image(part, spacing, kind, **params)[inside], whole[box], atol=1e-9)


def test_a_fourier_filter_needs_the_whole_image() -> None:
    assert needed_margin("simoncelli", ONE, level=2) is None
    image, box = _noise(), (slice(1, 2),) * 3
    assert cut(image, box, None) == (image, box) or cut(image, box, None)[0] is image


def test_a_hole_in_the_image_spoils_what_depends_on_it_alone() -> None:
    image = _noise()
    image[4, 5, 5] = np.nan
    spoilt = np.isnan(filter_image(image, ONE, "mean", support=3))
    assert spoilt.sum() == 27
    assert spoilt[3:6, 4:7, 4:7].all()


@pytest.mark.parametrize(("kind", "params", "message"), [
    ("laplacian_of_gausian", {"sigma": 1}, "Did you mean 'laplacian_of_gaussian'"),
    ("laplacian_of_gaussian", {"sigm": 1}, "Did you mean 'sigma'"),
    ("laplacian_of_gaussian", {}, "needs sigma; IBSI has no default"),
    ("laplacian_of_gaussian", {"sigma": 0}, "sigma is 0; it must be a number above 0, in mm"),
    ("laplacian_of_gaussian", {"sigma": 1, "dimensions": 4}, "dimensions is 4"),
    ("laplacian_of_gaussian", {"sigma": 1, "boundary": "nearst"}, "Did you mean 'nearest'"),
    ("mean", {"support": 4}, "odd number of voxels"),
    ("laws", {"kernel": "L5E7E5"}, "Unknown kernel of Laws 'E7'"),
    ("laws", {"kernel": "L5"}, "two or three names in a row"),
    ("laws", {"kernel": "L5-E5"}, "two or three names in a row"),
    ("laws", {"kernel": "L5E5", "energy_distance": 0}, "energy_distance is 0"),
    ("laws", {"kernel": "L5E5", "pooling": "maximum"}, "Unknown pooling"),
    ("gabor", {"sigma": 1, "wavelength": 2, "delta_theta": 50}, "must make 360"),
    ("gabor", {"sigma": 1, "wavelength": 2, "planes": "ortogonal"}, "Did you mean 'orthogonal'"),
    ("gabor", {"sigma": 1, "wavelength": 2, "response": "phase"}, "Unknown response"),
    ("wavelet", {"wavelet": "db3", "passes": "LLHH"}, "passes is 'LLHH'"),
    ("wavelet", {"wavelet": "db3", "passes": "lh"}, "passes is 'lh'"),
    ("wavelet", {"wavelet": "coiff1", "passes": "LH"}, "Did you mean 'coif1'"),
    ("wavelet", {"wavelet": "db3", "passes": "LH", "level": 0}, "level is 0"),
    ("simoncelli", {"level": 1.5}, "level is 1.5"),
])  # fmt: skip
def test_each_mistake_is_named_with_its_cure(kind: str, params: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        filter_image(_noise(), ONE, kind, **params)


def test_images_and_spacings_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 3\)"):
        filter_image(np.zeros((3, 3)), ONE, "mean", support=3)
    with pytest.raises(SettingsError, match="three numbers above 0"):
        filter_image(_noise(), (1.0, 0.0, 1.0), "mean", support=3)


@pytest.mark.parametrize("kind", FILTERS)
def test_a_single_voxel_passes_every_filter(kind: str) -> None:
    params = {**TURNABLE, "riesz": {"of": "simoncelli", "order": (1, 0, 0)}}[kind]
    assert filter_image(np.full((1, 1, 1), 7.0), ONE, kind, **params).shape == (1, 1, 1)
