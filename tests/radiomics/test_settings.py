"""Settings are frozen, typed, hashed, and deaf to no misspelling."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from hybridx.errors import SettingsError
from hybridx.measure import ExtractSettings
from hybridx.radiomics import RadiomicsSettings


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


CHANGES = {
    "bin_width": 10,
    "resample_mm": 2,
    "interpolator": "bspline",
    "families": ("glcm",),
    "image_types": ("original", "wavelet"),
    "wavelet": "haar",
    "resegment": (-500, 400),
    "normalise": True,
    "resegment_mode": "sigma",
    "resegment_shape": True,
    "normalise_scale": 1,
    "normalise_clip": 3,
    "pad_voxels": 7,
    "pre_crop": True,
    "distances": (1, 2),
    "weighting_norm": "euclidean",
    "symmetrical_glcm": False,
    "gldm_alpha": 1,
    "array_shift": 1000,
    "force_2d": True,
    "force_2d_axis": 1,
    "wavelet_start": 1,
    "wavelet_levels": 2,
    "gradient_spacing": False,
    "lbp2d_radius": 2,
    "lbp2d_samples": 9,
    "lbp2d_method": "ror",
    "lbp3d_levels": 3,
    "lbp3d_radius": 2,
    "lbp3d_subdivision": 2,
    "filters": {"mean5": {"kind": "mean", "support": 5}},
    "by_image_type": {"original": {"bin_width": 5}},
    "features": ("glcm_Contrast",),
    "label": 2,
    "correct_mask": True,
    "geometry_tolerance": 0.1,
    "minimum_dimensions": 2,
    "minimum_voxels": 10,
}
NEEDED = {
    "resegment": {"resegment": (-3, 3)},
    "normalise": {"normalise": True},
    "wavelet": {"image_types": ("original", "wavelet")},
    "gradient": {"image_types": ("original", "gradient")},
    "lbp2d": {"image_types": ("original", "lbp2d")},
    "lbp3d": {"image_types": ("original", "lbp3d")},
}
IBSI_CHANGES = {
    "aggregations": ("2D_avg",),
    "bin_origin": 0,
    "outlier_sigma": 3,
    "round_intensities": True,
    "mask_threshold": 0.4,
    "volume_bins": 2.5,
}


def test_every_setting_is_in_the_hash_and_equal_settings_are_one():
    base = RadiomicsSettings(bin_width=25)
    hashes = []
    for name, value in CHANGES.items():
        needed = NEEDED.get(name.partition("_")[0], {})
        changed = RadiomicsSettings(**{"bin_width": 25, **needed, name: value})
        assert (
            changed.hash
            != RadiomicsSettings(
                **{"bin_width": 25, **needed} if name not in needed else {"bin_width": 25}
            ).hash
        )
        hashes.append(changed.hash)
    hashes.append(RadiomicsSettings(bin_width=25, image_types=("log",), log_sigma_mm=(2.0,)).hash)
    hashes.append(RadiomicsSettings(bin_count=32).hash)
    standard = RadiomicsSettings.ibsi(bin_width=25, bin_origin=-1000, aggregations=("3D_avg",))
    hashes += [dataclasses.replace(standard, **{name: value}).hash for name, value in IBSI_CHANGES.items()]
    assert len({*hashes, base.hash, standard.hash}) == len(dataclasses.fields(RadiomicsSettings)) + 1
    assert RadiomicsSettings(bin_width=25.0).hash == base.hash
    assert RadiomicsSettings(bin_width=25, resample_mm=[2, 2, 2]).hash == RadiomicsSettings(25, 2).hash
    assert RadiomicsSettings(bin_width=25, families=("glcm", "shape")) == RadiomicsSettings(
        bin_width=25, families=("shape", "glcm")
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"resegment_mode": "sigma"}, "does nothing without resegment="),
        ({"normalise_clip": 3}, "does nothing without normalise=True"),
        ({"wavelet": "haar"}, "does nothing without image_types with 'wavelet'"),
        ({"lbp3d_levels": 3}, "does nothing without image_types with 'lbp3d'"),
        ({"gradient_spacing": False}, "does nothing without image_types with 'gradient'"),
        ({"by_image_type": {"wavelet": {"bin_width": 5}}}, "by_image_type speaks of 'wavelet'"),
        ({"vocabulary": "ibsi"}, "contradicts RadiomicsSettings.pyradiomics"),
    ],
)
def test_what_would_do_nothing_is_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        RadiomicsSettings.pyradiomics(bin_width=25, **given)


def test_a_count_has_no_origin():
    told = {"bin_count": 32, "aggregations": "3D_avg"}
    with pytest.raises(SettingsError, match="bin_origin=0 does nothing without bin_width"):
        RadiomicsSettings.ibsi(**told, bin_origin=0)
    with pytest.raises(SettingsError, match="Did you mean 'minimum'"):
        RadiomicsSettings.ibsi(bin_width=25, bin_origin="minimun", aggregations="3D_avg")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("resegmnt", "resegment"),
        ("normalize_clip", "normalise_clip"),
        ("padvoxels", "pad_voxels"),
        ("wavelet_level", "wavelet_levels"),
        ("force_2d_axes", "force_2d_axis"),
        ("lbp3d_radii", "lbp3d_radius"),
        ("removeOutlier", "normalise_clip"),
        ("start_levl", "wavelet_start"),
    ],
)
def test_the_nearest_name_of_both_spellings_is_offered(given, hint):
    with pytest.raises(SettingsError, match=f"Did you mean {hint!r}"):
        RadiomicsSettings.pyradiomics(bin_width=25, **{given: 1})


def test_settings_of_filters_are_frozen_and_hashable():
    settings = RadiomicsSettings(
        bin_width=25,
        filters={"ramps": {"kind": "riesz", "order": [1, 0, 0]}},
        by_image_type={"ramps": {"bin_count": 16}},
    )
    assert hash(settings) == hash(copy.deepcopy(settings))
    own = settings.of_image_type("ramps")
    assert (own.bin_width, own.bin_count) == (None, 16)
    assert settings.of_image_type("original") is settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bin_width": 25}, "bin_origin is wanted"),
        ({"bin_width": 25, "bin_origin": 0}, "aggregations is wanted"),
        ({"bin_count": 32, "aggregations": ("3D_av",)}, "Did you mean '3D_avg'"),
        ({"bin_count": 32, "aggregations": ("3D_avg",), "bin_width": 25}, "one of them decides"),
        ({"bin_count": 32, "aggregations": ("3D_avg",), "weighting_norm": "euclidean"}, "belongs to"),
        ({"bin_count": 32, "aggregations": ("3D_avg",), "interpolator": "lanczos"}, "the standard's are"),
        ({"bin_count": 32, "aggregations": ("3D_avg",), "distances": (1, 2)}, "one distance"),
        ({"bin_count": 32, "aggregations": ("3D_avg",), "families": ("shape",)}, "families 'shape'"),
    ],
)
def test_what_the_standard_leaves_open_is_asked_for(given, message):
    with pytest.raises(SettingsError, match=message):
        RadiomicsSettings.ibsi(**given)


def test_families_without_levels_need_none():
    assert RadiomicsSettings.ibsi(families=("statistics", "morphology")).bin_width is None
    assert RadiomicsSettings.pyradiomics(families=("shape",)).bin_count is None


def test_the_origin_of_levels_is_the_lower_end_of_the_range():
    settings = RadiomicsSettings.ibsi(bin_width=25, resegment=(-500, 400), aggregations=("3D_avg",))
    assert settings.bin_origin == -500.0
    relative = RadiomicsSettings.ibsi(bin_width=25, bin_origin="minimum", aggregations=("3D_avg",))
    assert relative.bin_origin == "minimum"


@pytest.mark.parametrize("tracer", ["FDG", "PSMA", "SSTR", "FAPI"])
def test_tracers_have_presets(tracer):
    assert RadiomicsSettings.preset("pet", tracer).bin_width > 0
    with pytest.raises(SettingsError, match="only PET"):
        RadiomicsSettings.preset("ct", tracer)


@pytest.mark.parametrize(
    "settings",
    [
        RadiomicsSettings.preset("mr"),
        RadiomicsSettings.pyradiomics(
            bin_width=25, families=("glcm", "shape2D"), label=3, image_types="wavelet"
        ),
        RadiomicsSettings.pyradiomics(
            bin_count=8,
            image_types=("original", "log"),
            log_sigma_mm=(1, 2.5),
            by_image_type={"log": {"bin_count": 16}},
        ),
        RadiomicsSettings.ibsi(
            bin_width=25, resegment=(-500, float(400)), aggregations=("3D_avg", "2D_comb")
        ),
        RadiomicsSettings.ibsi(families="statistics", filters={"m5": {"kind": "mean", "support": 5}}),
    ],
)
def test_settings_show_what_was_chosen_and_can_be_read_back(settings):
    shown = repr(settings)
    assert eval(shown, {"RadiomicsSettings": RadiomicsSettings}) == settings
    assert "wavelet_levels" not in shown and len(shown) < 250


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


def test_features_are_chosen_by_name_and_misspelling_is_an_error():
    assert RadiomicsSettings(bin_width=25, features=("glcm_Contrast",)).features == ("glcm_Contrast",)
    with pytest.raises(SettingsError, match="Did you mean 'glcm_Contrast'"):
        RadiomicsSettings(bin_width=25, features=("glcm_Contrats",))
    with pytest.raises(SettingsError, match="which is not among families"):
        RadiomicsSettings(bin_width=25, features=("glcm_Contrast",), families=("shape",))
    with pytest.raises(SettingsError, match="Did you mean 'stat_mean'"):
        RadiomicsSettings.ibsi(families=("statistics",), features=("stat_meen",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "gaborr"}, "Did you mean 'gabor'"),
        ({"kind": ["gabor"]}, "is not the name of a filter"),
        ({"kind": "gabor", "sigma": 1.0, "wavelenght": 2.0}, "Did you mean 'wavelength'"),
        ({"kind": "gabor", "sigma": 1.0}, "needs wavelength"),
        ({"kind": "gabor", "sigma": "wide", "wavelength": 2.0}, "cannot have"),
        ({"kind": "gabor", "sigma": 1.0, "wavelength": 2.0, "planes": "axal"}, "Did you mean 'axial'"),
        ({"kind": "riesz", "order": (1,)}, "two or three whole numbers"),
        ({"kind": "riesz", "order": (1, 0, 0), "boundary": "miror"}, "Did you mean 'mirror'"),
        ({"kind": "mean", "support": 4}, "odd number"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused_before_any_image_is_read(options, words):
    with pytest.raises(SettingsError, match=words) as caught:
        RadiomicsSettings.ibsi(bin_count=32, families=("statistics",), filters={"mine": options})
    assert caught.value.__notes__ == ["In filters['mine']."]
