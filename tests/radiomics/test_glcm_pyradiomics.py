"""Co-occurrence features under pyradiomics' names against pyradiomics itself."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings

from hybridx.errors import SettingsError
from hybridx.radiomics import matrix_spectrum
from hybridx.radiomics import pyradiomics_glcm as module
from hybridx.radiomics.pyradiomics_glcm import pyradiomics_glcm

from .glcm_cases import assert_same, lesion, needs_sarcoma, peer, sarcoma_levels, shaped_lesions, volumes

SETTINGS = {
    "as it comes": ({}, {}),
    "asymmetric": ({"symmetrical": False}, {"symmetricalGLCM": False}),
    "in slices": ({"force_2d": True}, {"force2D": True}),
    "in columns": (
        {"force_2d": True, "force_2d_dimension": 2},
        {"force2D": True, "force2Ddimension": 2},
    ),
    "two distances": ({"distances": (1, 2)}, {"distances": [1, 2]}),
    **{
        norm: ({"weighting_norm": norm}, {"weightingNorm": norm})
        for norm in ("manhattan", "euclidean", "infinity", "no_weighting")
    },
}


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("name", [name for name in shaped_lesions() if name != "one row"])
def test_parity_on_shapes(name, case):
    levels = lesion(shaped_lesions()[name], spacing=(1.7, 0.6, 0.9))
    ours, theirs = SETTINGS[case]
    found = pyradiomics_glcm(levels, **ours)
    assert_same(found.values, peer("glcm", levels, **theirs), rtol=1e-9)


@pytest.mark.parametrize("gap", [0, 1])
def test_parity_with_levels_that_do_not_occur(gap):
    array = np.array([0, 2, 9, 30])[np.random.default_rng(gap).integers(0, 4, size=(5, 6, 7))]
    assert_same(pyradiomics_glcm(lesion(array)).values, peer("glcm", lesion(array)), rtol=1e-9)


@needs_sarcoma
@pytest.mark.parametrize(
    ("patient", "modality", "width", "edge"),
    [("STS_001", "PET", 0.5, None), ("STS_002", "CT", 25, None), ("STS_005", "PET", 0.25, 2.0)],
)
@pytest.mark.parametrize("case", ["as it comes", "euclidean", "asymmetric", "in slices"])
def test_parity_on_patients(patient, modality, width, edge, case):
    levels = sarcoma_levels(patient, modality, width, edge)
    ours, theirs = SETTINGS[case]
    assert_same(pyradiomics_glcm(levels, **ours).values, peer("glcm", levels, **theirs), rtol=1e-8)


@settings(max_examples=30, deadline=None)
@given(array=volumes(highest=4, largest=4))
def test_where_conventions_stand_in_for_values(array):
    levels = lesion(array)
    found = pyradiomics_glcm(levels)
    if not (array > 0).any():
        assert set(found.reasons.values()) == {"the lesion has no voxel"}
        return
    if np.isnan(found.values["glcm_Contrast"]):
        assert set(found.reasons.values()) == {"no two voxels are neighbours"}
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = peer("glcm", levels)
    conventions = {"glcm_Correlation", "glcm_Imc1", "glcm_MCC"}
    # Near independence Imc2 is the root of a difference that rounding decides.
    regular = {name: value for name, value in wanted.items() if name not in conventions | {"glcm_Imc2"}}
    assert_same(found.values, regular, rtol=1e-9, atol=1e-14)
    assert set(found.reasons) == {tag for tag, value in found.values.items() if np.isnan(value)}


def test_a_flat_lesion_has_no_correlation():
    found = pyradiomics_glcm(lesion(np.full((3, 3, 3), 2)))
    assert set(found.reasons) == {"glcm_Correlation", "glcm_Imc1", "glcm_MCC"}
    weighted = pyradiomics_glcm(
        lesion(np.full((3, 4, 3), 7), spacing=(0.7, 0.3, 0.2)), weighting_norm="euclidean"
    )
    assert set(weighted.reasons) == set(found.reasons)
    theirs = peer("glcm", lesion(np.full((3, 3, 3), 2)))
    assert [theirs[name] for name in ("glcm_Correlation", "glcm_Imc1", "glcm_MCC")] == [1, 0, 1]


@pytest.mark.parametrize("symmetrical", [True, False])
def test_rows_give_what_matrices_give(monkeypatch, symmetrical):
    for array in shaped_lesions().values():
        levels = lesion(array)
        held = [
            pyradiomics_glcm(levels, symmetrical=symmetrical, weighting_norm=norm)
            for norm in (None, "infinity")
        ]
        with monkeypatch.context() as patched:
            patched.setattr(module, "WORKSPACE", 0)
            for norm, wanted in zip((None, "infinity"), held, strict=True):
                found = pyradiomics_glcm(levels, symmetrical=symmetrical, weighting_norm=norm)
                assert_same(found.values, wanted.values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("symmetrical", [True, False])
@pytest.mark.parametrize("name", ["rings", "sieve", "gaps between levels"])
def test_maximal_correlation_by_iteration_is_that_by_decomposition(monkeypatch, name, symmetrical):
    levels = lesion(shaped_lesions()[name])
    wanted = pyradiomics_glcm(levels, symmetrical=symmetrical).values["glcm_MCC"]
    monkeypatch.setattr(matrix_spectrum, "DENSE", 0)
    assert pyradiomics_glcm(levels, symmetrical=symmetrical).values["glcm_MCC"] == pytest.approx(
        wanted, rel=1e-9
    )


def test_a_rare_level_moves_the_maximal_correlation_as_in_pyradiomics(monkeypatch):
    array = np.random.default_rng(2).integers(1, 4, size=(30, 50, 50))
    array[-6:] = 0
    array[-1, 20:22, 20:22] = 9  # neighbours of nothing else
    wanted = peer("glcm", lesion(array))["glcm_MCC"]
    assert pyradiomics_glcm(lesion(array)).values["glcm_MCC"] == pytest.approx(wanted, rel=1e-9)
    with monkeypatch.context() as patched:
        patched.setattr(matrix_spectrum, "DENSE", 0)
        assert pyradiomics_glcm(lesion(array)).values["glcm_MCC"] == pytest.approx(wanted, rel=1e-9)
        patched.setattr(module, "WORKSPACE", 0)
        assert pyradiomics_glcm(lesion(array)).values["glcm_MCC"] == pytest.approx(wanted, rel=1e-9)
    monkeypatch.setattr(matrix_spectrum, "NEGLIGIBLE", 1.0)
    assert pyradiomics_glcm(lesion(array)).values["glcm_MCC"] != pytest.approx(wanted, rel=1e-7)


def test_weights_that_vanish_leave_nothing():
    levels = lesion(shaped_lesions()["ellipsoid"], spacing=(40.0, 40.0, 40.0))
    found = pyradiomics_glcm(levels, weighting_norm="euclidean")
    assert len(found.reasons) == 24
    assert set(found.reasons.values()) == {"voxels are so far apart that every direction has weight 0"}


def test_an_unknown_norm_is_refused():
    with pytest.raises(SettingsError, match="Did you mean 'euclidean'"):
        pyradiomics_glcm(lesion(np.ones((2, 2, 2))), weighting_norm="euclidian")
