"""Hand-made features down to the regions of a lesion: known values, sums, and what must be refused."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridx.errors import InputError, SettingsError
from hybridx.explain import explain, explain_voxels
from hybridx.explain.lesion_regions import lesion_regions
from hybridx.explain.radiomics_voxels import radiomics_voxels
from hybridx.fusion import EarlyFusion
from hybridx.imaging import Image, Study, read_image, read_mask
from hybridx.measure import RadiomicsSettings, measure_radiomics, uptake
from hybridx.models import CoxRidge
from tests.models.world import draw

SETTINGS = RadiomicsSettings.pyradiomics(bin_width=0.5, families=("shape", "firstorder", "glcm"))
ROOT = (
    Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "sts" / "nifti"
)
READ = ["pet.original_firstorder_Mean", "pet.original_shape_MeshVolume", "pet.suv_max"]


@pytest.fixture(scope="module")
def study():
    """A lesion of 60 x 36 x 36 mm, one end of which is hot."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices((18, 18, 26)).astype(float)
    inside = ((x - 12.5) / 7.5) ** 2 + ((y - 8.5) / 4.5) ** 2 + ((z - 8.5) / 4.5) ** 2 <= 1
    array = np.where(inside, 4.0, 1.0) + 0.2 * rng.normal(size=inside.shape)
    array[inside & (x > 16)] += 6.0
    spacing = (4.0, 4.0, 4.0)
    image = Image(array.astype(np.float32), spacing, modality="pet")
    return Study("P000", 1, {"pet": image}, {"pet": Image(inside.astype(np.uint8), spacing, modality="mask")})


@pytest.fixture(scope="module")
def row(study):
    found = {**measure_radiomics(study.images["pet"], study.masks["pet"], SETTINGS).values}
    found |= uptake(study.images["pet"], study.masks["pet"])
    return pl.DataFrame({"patient_id": ["P000"], "pet.measured": [True], **{c: [found[c[4:]]] for c in READ}})


def told(predict, row, study, contribution=0.7, **settings):
    chosen = {"columns": READ, "regions": 4, "settings": SETTINGS, "show_progress": False, **settings}
    return radiomics_voxels(predict, row, study, about=("pet", "log-hazard", contribution), **chosen)


def test_a_mean_gives_each_region_what_it_adds_to_the_mean(study, row):
    found = told(lambda table: 0.3 * table["pet.original_firstorder_Mean"].to_numpy(), row, study)
    image, mask = study.images["pet"], study.masks["pet"].array > 0
    cut = lesion_regions(image, study.masks["pet"], 4)
    for number in range(1, 5):
        here = cut.region == number
        wanted = 0.3 * (image.array[here].astype(float) - cut.level).sum() / mask.sum()
        assert found.maps["pet"].array[here].sum() == pytest.approx(wanted, rel=1e-4)
    around = found.maps["pet"].array[cut.region == 5].sum()
    assert around == pytest.approx(0.0, abs=1e-6)
    assert found.inside["pet"] == pytest.approx(1.0)


def test_maps_sum_to_the_contribution_and_the_hot_end_raises_most(study, row):
    found = told(lambda table: table["pet.suv_max"].to_numpy() ** 1.5, row, study, contribution=-2.0)
    table = found.table()
    assert table["sum"].sum() == pytest.approx(-2.0, abs=1e-6)
    x = np.indices(study.images["pet"].array.shape)[2]
    hottest = found.maps["pet"].array == found.maps["pet"].array.max()
    assert x[hottest].min() >= 13
    near, far = (found.maps["pet"].array[x < 13].sum(), found.maps["pet"].array[x >= 13].sum())
    assert far > 5 * abs(near)
    assert "exact Shapley values of 4 regions" in found.method and "32 measurements" in found.method
    assert found.plot().table().equals(table)


def test_size_alone_is_no_regions(study, row):
    """The contour stays: a model of volume has nothing to say about single regions."""
    found = told(lambda table: table["pet.original_shape_MeshVolume"].to_numpy(), row, study)
    sums = dict(found.table().select("map", "sum").iter_rows())
    assert sums["pet"] == pytest.approx(0.0, abs=1e-6)
    assert sums["contour"] == pytest.approx(0.7, abs=1e-6)
    assert not found.inside


def test_through_a_fusion_model_and_on_another_scale(study, row):
    X, y, *_ = draw(60, seed=1, missing=0.0, holes=0.0)
    rng = np.random.default_rng(3)
    X = X.select("patient_id", "clinical.measured", "clinical.x0", "pet.measured").with_columns(
        pl.Series(c, row[c][0] * (1 + 0.2 * rng.normal(size=60))) for c in READ
    )
    own = X["patient_id"] == "P000"
    X = X.with_columns(pl.when(own).then(row[c][0]).otherwise(pl.col(c)).alias(c) for c in READ)
    model = EarlyFusion(CoxRidge()).fit(X, y)
    for asked in ({}, {"scale": "risk", "times": 300.0}):
        wanted = explain(model, X[:1], X, knowing=False, **asked)
        found = explain_voxels(
            model,
            X,
            "P000",
            study,
            modality="pet",
            regions=2,
            settings=SETTINGS,
            show_progress=False,
            **asked,
        )
        assert found.scale == wanted.scale
        assert found.contribution == pytest.approx(wanted.modalities["pet"][0], abs=1e-12)
        assert found.table()["sum"].sum() == pytest.approx(found.contribution, abs=1e-6)
    with pytest.raises(InputError, match="pass the study, or the data folder"):
        explain_voxels(model, X, "P000", modality="pet")


def test_other_settings_than_the_tables_are_refused(study, row):
    other = row.with_columns(pl.col("pet.suv_max") * 1.01)
    with pytest.raises(
        InputError, match=r"1 of 3 columns of 'pet' differ from what this image gives: pet.suv_max"
    ):
        told(lambda table: np.zeros(table.height), other, study)
    with pytest.raises(InputError, match="no column of 'pet' that is measured from this image"):
        told(lambda table: np.zeros(table.height), row, study, columns=["pet.mine"])
    with pytest.raises(SettingsError, match="regions=13: wanted 1 to 12"):
        told(lambda table: np.zeros(table.height), row, study, regions=13)
    with pytest.raises(InputError, match="The study has no pet image with a mask"):
        told(lambda table: np.zeros(table.height), row, Study("P000", 1))


def test_columns_of_the_users_own_stay_and_are_told_of(study, row):
    extra = row.with_columns(pl.lit(2.0).alias("pet.mine"))
    found = told(lambda table: table["pet.mine"].to_numpy(), extra, study, columns=[*READ, "pet.mine"])
    assert "1 columns are not measured from this image" in found.method


def test_regions_are_compact_equal_and_the_same_each_time(study):
    cut = lesion_regions(study.images["pet"], study.masks["pet"], 7)
    sizes = np.bincount(cut.region.ravel())[1:8]
    assert sizes.max() - sizes.min() <= 2
    assert sizes.sum() == (study.masks["pet"].array > 0).sum()
    spread = [np.argwhere(cut.region == k).std(axis=0).max() for k in range(1, 8)]
    assert max(spread) < np.argwhere(study.masks["pet"].array > 0).std(axis=0).max()
    again = lesion_regions(study.images["pet"], study.masks["pet"], 7)
    np.testing.assert_array_equal(cut.region, again.region)


def test_filling_takes_the_level_and_leaves_the_rest(study):
    image = study.images["pet"]
    cut = lesion_regions(image, study.masks["pet"], 4)
    np.testing.assert_array_equal(cut.kept(31).array, image.array)
    filled = cut.kept(0).array
    outside = cut.region == 0
    np.testing.assert_array_equal(filled[outside], image.array[outside])
    for number in range(1, 5):
        here = cut.region == number
        assert filled[here].mean() == pytest.approx(cut.level, abs=1e-4)
        assert filled[here].std() == pytest.approx(cut.spread, rel=1e-3)
        assert np.corrcoef(filled[here], image.array[here])[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_too_little_around_and_no_lesion_are_refused(study):
    image, mask = study.images["pet"], study.masks["pet"]
    with pytest.raises(InputError, match="voxels were scanned 3 to 12 mm around"):
        lesion_regions(image, mask.with_array(np.ones_like(mask.array)), 4)
    with pytest.raises(InputError, match="The mask is empty"):
        lesion_regions(image, mask.with_array(np.zeros_like(mask.array)), 4)
    with pytest.raises(InputError, match="resample it first"):
        lesion_regions(image, Image(mask.array, (3.0, 4.0, 4.0), modality="mask"), 4)


@pytest.mark.slow
@pytest.mark.skipif(not ROOT.is_dir(), reason=f"real data are not at {str(ROOT)!r} (set HYBRIDX_REAL_DATA)")
@pytest.mark.parametrize("kind", ["pet", "ct"])
def test_a_real_sarcoma_sums_and_stands_on_both_images(kind):
    folder = sorted(ROOT.iterdir())[0]
    images = {m: read_image(folder / f"{m.upper()}_image.nii.gz") for m in ("pet", "ct")}
    images = {m: Image(one.array, one.spacing, one.origin, one.direction, m) for m, one in images.items()}
    masks = {m: read_mask(folder / f"{m.upper()}_mask.nii.gz", images[m]) for m in images}
    real, columns = Study("P000", 1, images, masks), [f"{kind}.original_firstorder_90Percentile"]
    settings = RadiomicsSettings.preset(kind)
    found = measure_radiomics(images[kind], masks[kind], settings).values
    row = pl.DataFrame({"patient_id": ["P000"]} | {c: [found[c.partition(".")[2]]] for c in columns})
    why = radiomics_voxels(
        lambda table: table[columns[0]].to_numpy() / 10.0,
        row,
        real,
        about=(kind, "log-hazard", 0.4),
        columns=columns,
        regions=2,
        settings=settings,
        show_progress=False,
    )
    assert why.table()["sum"].sum() == pytest.approx(0.4, abs=1e-6)
    assert why.maps[kind].grid.same(images[kind].grid)
    assert why.inside[kind] > 0.9
    assert len([t for t in why.plot().data if t.type == "heatmap"]) == 8
