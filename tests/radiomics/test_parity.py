"""Our engine beside pyradiomics itself: parameter files from end to end, real patients, every image type."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml

from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, extract_radiomics, measure_radiomics, peer_engine
from tests.imaging.volumes import OBLIQUE, ball, noise
from tests.measure.real_data import real

pytestmark = pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")

TEXTURE = "\n        featureClass: {firstorder: , glcm: , glrlm: , glszm: , gldm: , ngtdm: }"
FILES = {
    "defaults": "setting: {binWidth: 25}",
    "resampled": """
        imageType: {Original: {}, LoG: {sigma: [2.0, 3], binWidth: 10}, Wavelet: {binCount: 16}}
        setting: {resampledPixelSpacing: [2, 2, 2], interpolator: sitkLinear, binWidth: 20, padDistance: 8}""",
    "levels of wavelets": """
        imageType: {Wavelet: {start_level: 1, level: 2, wavelet: haar}}
        featureClass: {firstorder: [Mean, Skewness, StandardDeviation], glcm: [Contrast, Idmn]}
        setting: {binWidth: 10, preCrop: true, padDistance: 12}""",
    "planes": TEXTURE
    + """
        imageType: {Original: {}, Wavelet: {binWidth: 10}}
        setting: {force2D: true, force2Ddimension: 0, binWidth: 25, resampledPixelSpacing: [1, 1, 0]}""",
    "rescaled": """
        imageType: {Square: {}, SquareRoot: {}, Logarithm: {}, Exponential: {}, Gradient: {gradientUseSpacing: false}}
        featureClass: {firstorder: , glszm: , shape: [MeshVolume, Compactness1]}
        setting: {binWidth: 5}""",
    "normalised": """
        setting: {normalize: true, normalizeScale: 100, removeOutliers: 2, binWidth: 5, label: 3,
                  voxelArrayShift: 300}""",
    "re-segmented": """
        setting: {resegmentRange: [-1.5, 1], resegmentMode: sigma, resegmentShape: true, binWidth: 25}""",
    "a count before a width": """
        imageType: {Original: {}, Square: {binWidth: 5}, Gradient: {binWidth: 5, binCount: 8}}
        featureClass: {firstorder: [Entropy], glcm: [Contrast, JointEntropy], glrlm: }
        setting: {binCount: 16}""",
    "one end": "setting: {resegmentRange: [-30], binWidth: 25}",
    "weighted": TEXTURE
    + """
        setting: {weightingNorm: manhattan, distances: [1, 2], gldm_a: 1, symmetricalGLCM: false, binWidth: 25}""",
}


def peers(image: Image, mask: Image, text: str) -> dict[str, float]:
    """Values of pyradiomics itself with a parameter file."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    with peer_engine._silence():
        extractor = RadiomicsFeatureExtractor(yaml.safe_load(text))
        found = extractor.execute(image.to_sitk(), mask.to_sitk())
    return {
        name: float(np.real(value)) for name, value in found.items() if not name.startswith("diagnostics")
    }


@pytest.mark.parametrize("name", list(FILES))
def test_a_parameter_file_gives_what_it_gives_there(name):
    image = noise((16, 22, 23), "ct", (1.2, 1.2, 2.5), origin=(5.0, -8.0, 40.0), direction=OBLIQUE)
    mask = ball(image, 9.0)
    settings = RadiomicsSettings.from_parameter_file(yaml.safe_load(FILES[name]))
    if settings.label != 1:
        mask = mask.with_array(mask.array * settings.label)
    wanted = peers(image, mask, FILES[name])
    found = extract_radiomics(image, mask, settings)
    assert found.keys() == wanted.keys()
    assert len(wanted) > 5
    for feature, value in wanted.items():
        assert found[feature] == pytest.approx(value, rel=1e-6, abs=1e-12), feature


def test_an_image_type_with_a_width_of_its_own_beside_a_count():
    image = noise((12, 20, 20), "ct", (1.2, 1.2, 2.5))
    settings = RadiomicsSettings.pyradiomics(
        bin_count=16,
        families="glcm",
        image_types=("original", "square"),
        by_image_type={"square": {"bin_width": 5}},
    )
    pair = image, ball(image, 8.0)
    wanted = extract_radiomics(*pair, settings, engine="pyradiomics")
    assert extract_radiomics(*pair, settings) == pytest.approx(wanted, rel=1e-6)
    alone = RadiomicsSettings.pyradiomics(bin_width=5, families="glcm", image_types="square")
    assert (
        wanted["square_glcm_Contrast"]
        == extract_radiomics(*pair, alone, engine="pyradiomics")["square_glcm_Contrast"]
    )


@pytest.mark.parametrize("name", ["levels of wavelets", "rescaled", "planes"])
def test_the_library_itself_gives_what_a_parameter_file_asks_of_it(name):
    image = noise((12, 20, 20), "ct", (1.2, 1.2, 2.5))
    mask = ball(image, 8.0)
    settings = RadiomicsSettings.from_parameter_file(yaml.safe_load(FILES[name]))
    assert extract_radiomics(image, mask, settings, engine="pyradiomics") == peers(image, mask, FILES[name])


def test_planes_without_classes_have_the_form_of_a_plane():
    image = noise((12, 20, 20), "ct", (1.2, 1.2, 2.5))
    mask = ball(image, 8.0)
    middle = np.zeros_like(mask.array)
    middle[6] = mask.array[6]
    text = "setting: {force2D: true, force2Ddimension: 0, binWidth: 25}"
    settings = RadiomicsSettings.from_parameter_file(yaml.safe_load(text))
    wanted = peers(image, mask.with_array(middle), text)
    assert sum("shape2D" in name for name in wanted) == 9
    assert extract_radiomics(image, mask.with_array(middle), settings) == pytest.approx(
        wanted, rel=1e-6, abs=1e-12
    )


def test_whole_numbers_are_cut_off_as_there(tmp_path):
    image = noise((12, 20, 20), "ct", (1.2, 1.2, 2.5))
    whole = image.with_array(np.round(image.array).astype(np.int16)).to_sitk()
    mask = ball(image, 8.0).to_sitk()
    for interpolator in ("linear", "bspline"):
        settings = RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=1.5, interpolator=interpolator)
        wanted = extract_radiomics(whole, mask, settings, engine="pyradiomics")
        found = extract_radiomics(whole, mask, settings)
        assert found == pytest.approx(wanted, rel=1e-6)
        assert (
            found["original_firstorder_Mean"]
            != extract_radiomics(image, mask, settings)["original_firstorder_Mean"]
        )


REAL = {
    "native": {},
    "2 mm": {"resample_mm": 2.0, "interpolator": "bspline"},
    "filters": {"image_types": ("log", "wavelet", "gradient"), "log_sigma_mm": (2.0,)},
}


@pytest.mark.parametrize("mode", list(REAL))
@pytest.mark.parametrize(("modality", "width"), [("CT", 25.0), ("PET", 0.25)])
@pytest.mark.slow
def test_real_patients(modality, width, mode):
    settings = RadiomicsSettings.pyradiomics(bin_width=width, **REAL[mode])
    for patient in ("STS_002", "STS_004")[: 1 if mode == "filters" else 2]:
        pair = [real("sts", "nifti", patient, f"{modality}_{kind}.nii.gz") for kind in ("image", "mask")]
        wanted = measure_radiomics(*pair, settings, engine="pyradiomics").values
        found = measure_radiomics(*pair, settings)
        assert found.values.keys() == wanted.keys()
        for feature, value in wanted.items():
            mine = found.values[feature]
            if math.isnan(mine):
                assert found.reasons[feature]
            else:
                assert mine == pytest.approx(value, rel=1e-6, abs=1e-14), feature
        assert sum(map(math.isnan, found.values.values())) < 0.01 * len(wanted)
