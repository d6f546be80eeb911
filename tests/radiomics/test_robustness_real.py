"""Robustness of real sarcomas on PET: what is known to be firm is firm, and the table feeds the stability filter."""

from __future__ import annotations

import polars as pl
import pytest

from hybridx.imaging import read_image, read_mask
from hybridx.prepare import StabilityFilter
from hybridx.radiomics import RadiomicsSettings, core_rim, extract_radiomics, robustness, subregion_features
from tests.measure.real_data import real

PATIENTS = ("STS_001", "STS_002", "STS_004", "STS_005", "STS_007")
SETTINGS = RadiomicsSettings.pyradiomics(bin_width=0.5, resample_mm=4.0)


@pytest.fixture(scope="module")
def found():
    folders = [real("sts", "nifti", patient) for patient in PATIENTS]
    images = [folder / "PET_image.nii.gz" for folder in folders]
    masks = [folder / "PET_mask.nii.gz" for folder in folders]
    return robustness(images, masks, SETTINGS, n=3, patients=PATIENTS, workers=1, progress=False)


@pytest.mark.slow
def test_volume_and_high_uptake_are_firm_the_darkest_voxel_is_not(found):
    low = dict(found.table.select("column", "low").iter_rows())
    assert low["pet.original_shape_MeshVolume"] > 0.95
    assert low["pet.original_firstorder_90Percentile"] > 0.95
    assert low["pet.original_firstorder_Minimum"] < low["pet.original_firstorder_Mean"]
    assert found.table["n"].to_list() == [5] * found.table.height


@pytest.mark.slow
def test_the_filter_takes_the_repeats_as_they_are(found):
    rows = []
    for patient in PATIENTS:
        folder = real("sts", "nifti", patient)
        values = extract_radiomics(folder / "PET_image.nii.gz", folder / "PET_mask.nii.gz", SETTINGS)
        rows.append({"patient_id": patient, **{f"pet.{name}": value for name, value in values.items()}})
    step = StabilityFilter(found.repeats, kind="ICC(1,1)", patients="training").fit(pl.DataFrame(rows))
    firm = set(found.stable(0.75))
    assert set(step.get_feature_names_out()) == firm
    assert 0 < len(firm) < found.table.height


@pytest.mark.slow
def test_core_and_rim_of_a_real_lesion():
    folder = real("sts", "nifti", "STS_001")
    image = read_image(folder / "PET_image.nii.gz", "pet")
    mask = read_mask(folder / "PET_mask.nii.gz", image)
    parts = core_rim(mask, 10.0)
    values = subregion_features(image, parts, SETTINGS).values
    whole = extract_radiomics(image, mask, SETTINGS)["original_firstorder_Maximum"]
    hottest = max(values["core_original_firstorder_Maximum"], values["rim_original_firstorder_Maximum"])
    assert hottest == pytest.approx(whole, rel=0.1)
    assert values["core_share"] + values["rim_share"] == pytest.approx(1.0)
