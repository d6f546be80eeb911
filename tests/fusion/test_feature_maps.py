"""What a kernel sees: rows of mean square norm 1, cosines near the Gaussian kernel, nothing of a patient kept."""

import numpy as np
import pytest

from hybridx.fusion.feature_maps import FeatureMap

NAMES = [f"pet.x{i}" for i in range(5)]


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 5)) * [1, 10, 100, 1000, 1e4] + 7
    values[rng.random((300, 5)) < 0.1] = np.nan
    return values


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_training_rows_are_centred_with_mean_square_norm_one(kernel, matrix):
    mapping = FeatureMap(kernel, 0.5, 0.9, 0)
    mapped = mapping.fit(matrix, NAMES)
    np.testing.assert_allclose(mapped.mean(axis=0), 0, atol=1e-12)
    assert np.mean((mapped**2).sum(axis=1)) == pytest.approx(1)
    np.testing.assert_allclose(mapping.transform(matrix), mapped, atol=1e-12)
    assert not np.isnan(mapping.transform(np.full((2, 5), np.nan))).any()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_units_do_not_matter(kernel, matrix):
    first = FeatureMap(kernel, 0.5, 0.9, 0).fit(matrix, NAMES)
    second = FeatureMap(kernel, 0.5, 0.9, 0).fit(matrix * [3, 0.1, 5, 1e-3, 2] - 4, NAMES)
    np.testing.assert_allclose(first, second, atol=1e-8)


def test_cosines_approach_the_gaussian_kernel(matrix):
    mapping = FeatureMap("rbf", 0.5, 0.9, 3)
    mapped = mapping.fit(matrix, NAMES)
    z = mapping.preparation_.transform_matrix(matrix)
    distance = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    # distances know no centre: |phi - phi'|^2 is 2 (1 - k) up to the scale
    ours = ((mapped[:, None] - mapped[None]) ** 2).sum(axis=2)
    wanted = 2 * (1 - np.exp(-distance / (2 * z.shape[1])))
    assert np.corrcoef(ours.ravel(), wanted.ravel())[0, 1] > 0.95
    scale = float(np.vdot(ours, wanted) / np.vdot(wanted, wanted))
    assert np.sqrt(np.mean((ours / scale - wanted) ** 2)) < 0.12


def test_cosines_come_from_the_seed(matrix):
    first, again, other = (FeatureMap("rbf", 0.5, 0.9, seed).fit(matrix, NAMES) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_modality_that_says_nothing_maps_to_zero(kernel):
    mapping = FeatureMap(kernel, 0.5, 0.9, 0)
    assert not mapping.fit(np.full((20, 2), 3.0), ["lab.a", "lab.b"]).any()
    assert not mapping.transform(np.array([[5.0, -1.0]])).any()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_no_training_patient_is_kept(kernel, matrix):
    mapping = FeatureMap(kernel, 0.5, 0.9, 0)
    mapping.fit(matrix, NAMES)
    arrays = [value for value in vars(mapping).values() if isinstance(value, np.ndarray)]
    assert arrays and all(len(matrix) not in value.shape for value in arrays)
