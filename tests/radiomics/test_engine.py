"""Radiomics: pyradiomics' numbers, IBSI's reference values, and a reason wherever there is no number."""

from __future__ import annotations

import csv
import logging
import math

import numpy as np
import pytest

from hybridx.errors import ExtractionError, InputError
from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, extract_radiomics, measure_radiomics, peer_engine
from hybridx.radiomics.discretise import count_levels
from hybridx.radiomics.names import describe, feature_table
from tests.imaging.volumes import OBLIQUE, ball, noise, save
from tests.measure.real_data import real

PET = RadiomicsSettings.pyradiomics(bin_width=0.5)


def lesion(*voxels, image=None):
    """Mark single voxels (z, y, x)."""
    image = image or noise()
    array = np.zeros(image.array.shape, np.uint8)
    for voxel in voxels:
        array[voxel] = 1
    return Image(array, image.spacing, image.origin, image.direction, "mask")


def defined(values):
    return {name for name, value in values.items() if math.isfinite(value)}


def test_names_and_numbers_are_those_of_pyradiomics():
    RadiomicsFeatureExtractor = pytest.importorskip("radiomics.featureextractor").RadiomicsFeatureExtractor

    image = noise((14, 15, 16), "ct", (1.2, 1.2, 3.0), origin=(5.0, -8.0, 40.0), direction=OBLIQUE)
    mask = ball(image, 7.0)
    options = {
        "binWidth": 25,
        "resampledPixelSpacing": [2, 2, 2],
        "interpolator": "sitkLinear",
        "additionalInfo": False,
    }
    wanted = RadiomicsFeatureExtractor(**options).execute(image.to_sitk(), mask.to_sitk())
    found = extract_radiomics(image, mask, RadiomicsSettings.pyradiomics(bin_width=25, resample_mm=2))
    wanted = {name: float(value) for name, value in wanted.items() if not name.startswith("diagnostics")}
    assert found == pytest.approx(wanted, rel=1e-9) and len(found) == 107


def test_filtered_images_keep_their_names():
    settings = RadiomicsSettings.pyradiomics(
        bin_width=0.5,
        image_types=("original", "log", "wavelet"),
        log_sigma_mm=(6.0,),
        families=("firstorder", "glcm"),
    )
    image = noise((16, 16, 16))
    found = extract_radiomics(image, ball(image), settings)
    assert len(found) == (18 + 24) * (1 + 1 + 8)
    assert "log-sigma-6-0-mm-3D_glcm_Contrast" in found and "wavelet-LLH_firstorder_Mean" in found
    assert describe("wavelet-LLH_firstorder_Mean", "HU") == {
        "title": "Mean intensity (wavelet-LLH)",
        "unit": "[hnsf'U]",
        "family": "firstorder",
        "ibsi_id": None,
    }


def test_ibsi_digital_phantom():
    """Each feature that carries an IBSI id lies within the tolerance of the consensus value; the others do not."""
    image = real("ibsi", "ibsi_1_digital_phantom", "nifti", "image", "phantom.nii.gz")
    mask = real("ibsi", "ibsi_1_digital_phantom", "nifti", "mask", "mask.nii.gz")
    values = extract_radiomics(image, mask, RadiomicsSettings.pyradiomics(bin_width=1))
    with real("ibsi", "ibsi_reference.csv").open() as handle:
        rows = [row for row in csv.DictReader(handle) if row["config"] == "digital_phantom"]
    wanted = {
        row["feature_tag"]: (float(row["reference"]), float(row["tolerance"] or 0))
        for row in rows
        if row["reference"]
    }
    agree, differ = set(), set()
    for name, info in feature_table().items():
        if info.reference_tag:
            value, tolerance = wanted[info.reference_tag]
            rounded = float(f"{values[f'original_{name}']:.3g}")  # consensus values have three digits
            (agree if abs(rounded - value) <= tolerance + 1e-9 * abs(value) else differ).add(name)
    with_id = {name for name, info in feature_table().items() if info.ibsi_id}
    assert with_id <= agree
    assert differ == {"firstorder_Kurtosis", "shape_LeastAxisLength", "shape_MinorAxisLength"}
    assert len(agree) == 99


def test_every_feature_is_described_once():
    ids = [info.ibsi_id for info in feature_table().values() if info.ibsi_id]
    assert len(feature_table()) == 107 and len(ids) == len(set(ids)) == 98
    assert all(info.title and info.unit and (info.ibsi_id or info.note) for info in feature_table().values())
    units = {
        describe(f"original_{name}", unit)["unit"]
        for name in feature_table()
        for unit in ("SUVbw", "HU", "1")
    }
    assert "(g/mL{SUVbw})2.mm3" in units and not {"I", "I2", "I2.mm3"} & units


def test_moving_flipping_and_padding_do_not_change_the_numbers():
    image = noise((10, 11, 12), spacing=(4.0, 4.0, 4.0))
    mask = ball(image, 10.0)
    wanted = extract_radiomics(image, mask, PET)
    place = dict(
        zip(("spacing", "origin", "direction"), (image.spacing, (99.0, -7.0, 3.0), OBLIQUE), strict=True)
    )
    flipped = (
        Image(image.array[::-1].copy(), **place),
        Image(mask.array[::-1].copy(), **place, modality="mask"),
    )
    padded = (
        Image(np.pad(image.array, 3), image.spacing),
        Image(np.pad(mask.array, 3), image.spacing, modality="mask"),
    )
    for changed in (flipped, padded):
        found = extract_radiomics(*changed, PET)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, rel=1e-6), name  # meshes are float32 in places


def test_one_voxel_has_a_level_and_a_volume_and_nothing_else():
    image = noise()
    found = measure_radiomics(image, lesion((4, 4, 4)), PET)
    value = float(image.array[4, 4, 4])
    assert found.values["original_firstorder_Mean"] == found.values["original_firstorder_Maximum"] == value
    assert found.values["original_shape_VoxelVolume"] == pytest.approx(48.0)
    assert math.isnan(found.values["original_firstorder_Variance"]), (
        "a spread of one voxel is undefined, not 0"
    )
    assert math.isnan(found.values["original_glcm_Contrast"])
    assert len(found.values) == 107 and len(defined(found.values)) == 10
    assert set(found.reasons) == set(found.values) - defined(found.values)
    assert set(found.reasons.values()) == {"the lesion has fewer than two voxels"}


def test_a_lesion_smaller_than_the_voxels_of_the_analysis():
    coarse = RadiomicsSettings.pyradiomics(bin_width=0.5, resample_mm=20)
    found = measure_radiomics(noise(), lesion((4, 4, 4), (4, 4, 5)), coarse)
    assert found.values["original_shape_VoxelVolume"] == pytest.approx(96.0), "of the native voxels"
    assert "of 20 mm" in next(iter(found.reasons.values()))


@pytest.mark.parametrize(
    "voxels",
    [
        [(4, 4, 4), (4, 4, 5)],
        [(4, 4, x) for x in range(2, 9)],
        [(4, y, x) for y in range(2, 8) for x in range(2, 9)],
        [(0, 0, 0), (8, 9, 10)],
        [(z, 0, 0) for z in range(9)],
    ],
    ids=["two", "line", "plane", "far apart", "border"],
)
def test_thin_lesions_lose_features_not_the_lesion(voxels):
    found = measure_radiomics(noise(), lesion(*voxels), PET)
    assert len(found.values) == 107
    assert math.isfinite(found.values["original_firstorder_Mean"])
    assert set(found.reasons) == set(found.values) - defined(found.values)


def test_conventions_for_flat_lesions_become_gaps():
    image = noise()
    flat = image.with_array(np.full_like(image.array, 3.1))
    found = measure_radiomics(flat, ball(image), PET)
    assert found.values["original_firstorder_Variance"] == pytest.approx(0.0, abs=1e-9), (
        "this zero is measured"
    )
    gaps = {name.removeprefix("original_") for name in found.reasons}
    assert gaps == {
        *(
            "firstorder_Skewness",
            "firstorder_Kurtosis",
            "glcm_Correlation",
            "glcm_Imc1",
            "glcm_Imc2",
            "glcm_MCC",
        ),
        *(f"ngtdm_{name}" for name in ("Busyness", "Coarseness", "Contrast", "Strength")),
    }
    wide = RadiomicsSettings.pyradiomics(bin_width=1000)
    gaps = {name.removeprefix("original_") for name in measure_radiomics(image, ball(image), wide).reasons}
    assert "glcm_Correlation" in gaps and "firstorder_Skewness" not in gaps, (
        "one grey level, but spread in intensity"
    )


def test_too_many_grey_levels_cost_texture_only():
    image = noise()
    image = image.with_array(image.array * 1e6)
    found = measure_radiomics(image, ball(image), PET)
    assert math.isnan(found.values["original_glcm_Contrast"])
    assert math.isfinite(found.values["original_firstorder_Mean"]) and math.isfinite(
        found.values["original_shape_MeshVolume"]
    )
    assert "grey levels" in found.reasons["original_glcm_Contrast"]
    assert len(found.values) == 107


@pytest.mark.parametrize(
    ("low", "high", "count"), [(0.0, 0.49, 1), (0.0, 0.5, 2), (-0.1, 0.1, 2), (-1000, 3071, 163)]
)
def test_counting_levels(low, high, count):
    settings = RadiomicsSettings.pyradiomics(bin_width=0.5 if abs(high) < 1 else 25)
    assert count_levels(np.array([low, high]), settings) == count


def test_what_cannot_be_measured_is_refused():
    image = noise()
    with pytest.raises(InputError, match="empty"):
        extract_radiomics(image, lesion(), PET)
    bad = noise()
    bad.array[4, 4, 4] = np.nan
    with pytest.raises(ExtractionError, match="NaN"):
        extract_radiomics(bad, ball(image), PET, engine="pyradiomics")
    with pytest.raises(InputError, match="resample it first"):
        extract_radiomics(image, ball(noise((5, 5, 5))), PET)
    with pytest.raises(InputError, match="bin_width=25"):
        extract_radiomics(image, ball(image), {"binWidth": 25})


def test_paths_and_sitk_images_are_taken(tmp_path):
    image = noise()
    mask = ball(image)
    wanted = extract_radiomics(image, mask, PET)
    assert extract_radiomics(image.to_sitk(), mask.to_sitk(), PET) == wanted
    paths = save(tmp_path, "i.nii.gz", image), save(tmp_path, "m.nii.gz", mask)
    assert extract_radiomics(*map(str, paths), PET) == wanted


def test_without_pyradiomics_the_error_names_the_cure(monkeypatch):
    monkeypatch.setattr(peer_engine, "radiomics", None)
    image = noise()
    with pytest.raises(ExtractionError, match=r"engine='hybridx'"):
        extract_radiomics(image, ball(image), PET, engine="pyradiomics")


@pytest.mark.skipif(peer_engine.radiomics is None, reason="pyradiomics needs Python 3.11")
def test_the_library_is_silenced_and_given_back_as_it_was(capfd):
    logger = logging.getLogger("radiomics")
    before = logger.level
    image = noise()
    extract_radiomics(image, lesion((4, 4, 4), (4, 4, 5)), PET, engine="pyradiomics")
    assert logger.level == before
    assert capfd.readouterr() == ("", "")
