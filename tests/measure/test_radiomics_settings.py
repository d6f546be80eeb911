"""Settings are frozen, typed, hashed, and deaf to no misspelling."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from hybridx.errors import SettingsError
from hybridx.measure.settings import ExtractSettings, RadiomicsSettings


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"bin_widht": 25}, "'bin_width'"),
        ({"binWidth": 25}, "'bin_width'"),
        ({"binWidht": 25}, "'bin_width'"),
        ({"bin_width": 25, "resampledPixelSpacing": [1, 1, 1]}, "'resample_mm'"),
        ({"bin_width": 25, "normalize": True}, "'normalise'"),
        ({"bin_width": 25, "family": ("glcm",)}, "'families'"),
        ({"bin_width": 25, "families": ("glmc",)}, "'gldm'"),
        ({"bin_width": 25, "interpolator": "sitkBSpline"}, "'bspline'"),
        ({"bin_width": 25, "image_types": ("Wavelet",)}, "'wavelet'"),
    ],
)
def test_a_misspelt_setting_is_an_error_with_the_right_name(given, hint):
    for build in (RadiomicsSettings, RadiomicsSettings.pyradiomics):
        with pytest.raises(SettingsError, match=f"Did you mean {hint}"):
            build(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"bin_width": 0},
        {"bin_width": float("nan")},
        {"bin_width": True},
        {"bin_width": "25"},
        {"bin_width": 25, "resample_mm": -1},
        {"bin_width": 25, "families": ()},
        {"bin_width": 25, "image_types": ("log",)},
        {"bin_width": 25, "log_sigma_mm": (2.0,)},
        {"bin_width": 25, "resegment": (3, 1)},
    ],
)
def test_impossible_values_are_refused(given):
    with pytest.raises(SettingsError):
        RadiomicsSettings(**given)


def test_no_default_where_the_standard_has_none():
    with pytest.raises(SettingsError, match=r"bin_width is wanted.*25 \(HU\)"):
        RadiomicsSettings.pyradiomics()


def test_every_setting_is_in_the_hash_and_equal_settings_are_one():
    base = RadiomicsSettings(bin_width=25)
    changes = {
        "bin_width": 10,
        "resample_mm": 2,
        "interpolator": "bspline",
        "families": ("glcm",),
        "image_types": ("original", "wavelet"),
        "wavelet": "haar",
        "resegment": (-500, 400),
        "normalise": True,
    }
    hashes = {dataclasses.replace(base, **{name: value}).hash for name, value in changes.items()}
    hashes.add(RadiomicsSettings(bin_width=25, image_types=("log",), log_sigma_mm=(2.0,)).hash)
    assert len(hashes | {base.hash}) == len(dataclasses.fields(RadiomicsSettings)) + 1
    assert RadiomicsSettings(bin_width=25.0).hash == base.hash
    assert RadiomicsSettings(bin_width=25, families=("glcm", "shape")) == RadiomicsSettings(
        bin_width=25, families=("shape", "glcm")
    )


def test_settings_travel():
    settings = ExtractSettings(ct=RadiomicsSettings(bin_width=10))
    assert pickle.loads(pickle.dumps(settings)) == copy.deepcopy(settings) == settings
    assert settings.hash != ExtractSettings().hash
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.deep = False


def test_extract_settings_are_checked_too():
    with pytest.raises(SettingsError, match="Did you mean 'views'"):
        ExtractSettings(view=False)
    with pytest.raises(SettingsError, match="not a RadiomicsSettings"):
        ExtractSettings(pet=25)


def test_presets_are_what_the_house_promises():
    assert RadiomicsSettings.preset("ct").bin_width == 25
    assert RadiomicsSettings.preset("pet").bin_width == 0.25
    with pytest.raises(SettingsError, match="modality"):
        RadiomicsSettings.preset("spect")
