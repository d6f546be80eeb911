"""A pyradiomics parameter file is read as it is: honoured or refused, never swallowed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hybridx.errors import SettingsError
from hybridx.radiomics import RadiomicsSettings, peer_engine
from hybridx.radiomics.parameter_file import read_parameters
from hybridx.radiomics.settings_words import PEER_NAMES

CT = """
imageType:
  Original: {}
  LoG:
    sigma: [1.0, 2]
    binWidth: 5
  Wavelet:
    start_level: 1
    level: 2
    wavelet: haar
featureClass:
  shape:
  firstorder: []
  glcm:
    - 'Contrast'
    - 'JointEntropy'
setting:
  interpolator: 'sitkLinear'
  resampledPixelSpacing: [2, 2, 0]
  padDistance: 10
  binWidth: 25
  voxelArrayShift: 1000
  resegmentRange: [-3, 3]
  resegmentMode: sigma
  label: 2
  geometryTolerance: 0.001
  correctMask: true
  minimumROISize: 30
  additionalInfo: true
"""


def test_a_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "ct.yaml"
    path.write_text(CT)
    settings = RadiomicsSettings.from_parameter_file(path)
    assert settings == RadiomicsSettings.from_parameter_file(yaml.safe_load(CT))
    assert settings.image_types == ("original", "log", "wavelet")
    assert settings.log_sigma_mm == (1.0, 2) and str(settings.log_sigma_mm[1]) == "2", (
        "its names keep 2 and 2.0 apart"
    )
    assert (settings.wavelet, settings.wavelet_start, settings.wavelet_levels) == ("haar", 1, 2)
    assert settings.of_image_type("log").bin_width == 5 and settings.bin_width == 25
    assert settings.families == ("shape", "firstorder", "glcm")
    assert {"glcm_Contrast", "glcm_JointEntropy", "firstorder_Mean"} <= set(settings.features)
    assert "glcm_Correlation" not in settings.features
    assert (settings.interpolator, settings.resample_mm, settings.pad_voxels) == (
        "linear",
        (2.0, 2.0, 0.0),
        10,
    )
    assert (settings.resegment, settings.resegment_mode, settings.array_shift) == (
        (-3.0, 3.0),
        "sigma",
        1000.0,
    )
    assert (settings.label, settings.correct_mask, settings.geometry_tolerance) == (2, True, 0.001)
    assert (settings.minimum_dimensions, settings.minimum_voxels) == (2, 30)
    assert RadiomicsSettings.from_parameter_file(path, base={"label": None}).label is None


def test_what_a_file_leaves_out_is_pyradiomics_default():
    settings = RadiomicsSettings.from_parameter_file({})
    assert (settings.bin_width, settings.interpolator) == (25.0, "bspline")
    assert RadiomicsSettings.from_parameter_file({"setting": {"normalize": True}}).normalise_scale == 1.0
    assert RadiomicsSettings.from_parameter_file({}, base={"normalise": True}).normalise_scale == 1.0
    assert len(settings.families) == 7 and settings.features == () and settings.image_types == ("original",)


@pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")
def test_every_setting_of_its_schema_is_known():
    from radiomics import getParameterValidationFiles

    schema = yaml.safe_load(Path(getParameterValidationFiles()[0]).read_text(encoding="utf-8"))
    known = set(PEER_NAMES) | {"additionalInfo", "label_channel"}
    assert set(schema["mapping"]["setting"]["mapping"]) <= known


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"setting": {"binWidht": 25}}, "Unknown setting 'binWidht' under setting. Did you mean 'binWidth'"),
        ({"settings": {}}, "Did you mean 'setting'"),
        ({"imageType": {"LOG": {}}}, "Did you mean 'LoG'"),
        ({"imageType": {"LoG": {}}}, "LoG without sigma"),
        ({"imageType": {"Wavelet": {"sigm": [1]}}}, "under imageType Wavelet"),
        ({"imageType": {"Wavelet": {"normalize": True}}}, "holds for the whole lesion"),
        ({"featureClass": {"glmc": []}}, "featureClass 'glmc'"),
        ({"featureClass": {"glcm": ["Contrats"]}}, "Did you mean 'Contrast'"),
        ({"featureClass": {"glcm": ["Homogeneity1"]}}, "deprecated"),
        ({"voxelSetting": {"kernelRadius": 2}}, "voxel by voxel"),
        ({"setting": {"label_channel": 1}}, "several channels"),
        ({"setting": {"interpolator": "sitkBspline"}}, "Did you mean 'sitkBSpline'"),
        ({"setting": {"resegmentMode": "sigma"}}, "without resegmentRange"),
        ({"setting": {"removeOutliers": 3}}, "without normalize"),
        ({"setting": {"resegmentRange": [1, 2, 3]}}, "neither one lower end nor two"),
        ({"setting": {"binWidth": 0}}, "not a positive number"),
        ({"setting": {"additionalInfo": "no"}}, "neither true nor false"),
        ({"setting": {"weightingNorm": "euclidian"}}, "Did you mean 'euclidean'"),
        ({"setting": {"distances": [0]}}, "1 to 20"),
        ({"setting": {"force2Ddimension": 3}}, "0 to 2"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_a_sentence(given, message):
    with pytest.raises(SettingsError, match=message):
        RadiomicsSettings.from_parameter_file(given)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(SettingsError, match=r"No parameter file 'x\.yaml'"):
        read_parameters(tmp_path / "x.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(SettingsError, match=r"holds \[1\]"):
        read_parameters(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="not YAML"):
        read_parameters(tmp_path / "broken.yaml")


def test_what_pyradiomics_reads_and_never_uses_changes_nothing():
    idle = {"normalizeScale": 100, "wavelet": "haar", "lbp2DRadius": 3, "gradientUseSpacing": False}
    found = RadiomicsSettings.from_parameter_file({"setting": {"binWidth": 25, **idle}})
    assert found.hash == RadiomicsSettings.from_parameter_file({"setting": {"binWidth": 25}}).hash
    with pytest.raises(SettingsError, match="wavelet='haar' does nothing without"):
        RadiomicsSettings.from_parameter_file({}, base={"wavelet": "haar"})


def test_a_count_goes_before_a_width_and_one_end_is_a_lower_end():
    settings = RadiomicsSettings.from_parameter_file(
        {"setting": {"binCount": 32, "binWidth": 5, "resegmentRange": [10]}}
    )
    assert (settings.bin_width, settings.bin_count, settings.resegment) == (None, 32, (10.0, float("inf")))
    assert (
        RadiomicsSettings.from_parameter_file({"setting": {"resampledPixelSpacing": [0, 0, 0]}}).resample_mm
        is None
    )
    assert RadiomicsSettings.from_parameter_file({"setting": {"interpolator": 2}}).interpolator == "linear"
