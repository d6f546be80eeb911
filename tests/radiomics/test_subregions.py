"""Core and rim, habitats: millimetres, folds, the same regions for all, NaN with a reason where a part is too small."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from hybridx.errors import ExtractionError, InputError, NotEnoughDataError, SettingsError
from hybridx.imaging import Image, Study, resample
from hybridx.prepare import MedianImputer, Standardizer
from hybridx.radiomics.channel_voxels import LesionVoxels, lesion_voxels
from hybridx.radiomics.habitats import Habitats, own_habitats
from hybridx.radiomics.subregions import core_rim, divide_lesion, subregion_features

from .made_lesions import ball, hot, simple


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.0, 3.0)])
def test_core_and_rim_divide_the_lesion_in_millimetres(spacing):
    mask = ball(18.0, spacing, pad_mm=12.0)
    parts = core_rim(mask, 6.0, outside_mm=6.0)
    assert parts.shares["core"] == pytest.approx((12.0 / 18.0) ** 3, rel=0.13)
    assert sum(parts.shares.values()) == pytest.approx(1.0)
    core, rim, shell = (parts.masks[name].array > 0 for name in ("core", "rim", "shell"))
    assert np.array_equal(core | rim, mask.array > 0)
    assert not (core & rim).any()
    assert not (shell & (mask.array > 0)).any()
    assert shell.sum() / mask.array.sum() == pytest.approx((24.0 / 18.0) ** 3 - 1, rel=0.15)


def test_a_thin_lesion_has_no_core_and_says_why():
    parts = core_rim(ball(5.0), 6.0)
    assert "core" not in parts.masks
    assert parts.shares["core"] == 0.0
    assert "no deeper than a rim of 6 mm" in parts.reasons["core"]


def test_features_of_parts_have_the_same_names_for_every_lesion():
    large, small = ball(15.0), ball(6.5)
    one = subregion_features(hot(large), core_rim(large, 5.0), None, extract=simple)
    other = subregion_features(hot(small), core_rim(small, 8.0), None, extract=simple)
    assert list(one.values) == list(other.values)
    assert one.values["core_mean"] == pytest.approx(7.0, abs=0.2)
    assert math.isnan(other.values["core_mean"])
    assert "no deeper than" in other.reasons["core_mean"]
    assert other.values["core_share"] == 0.0


def test_a_small_part_gives_no_features_but_its_share():
    mask = ball(8.0)
    labels = np.where(mask.array > 0, 1, 0)
    z, y, x = np.argwhere(mask.array > 0)[0]
    labels[z, y, x] = 2
    parts = divide_lesion(mask, labels, ("most", "speck"))
    found = subregion_features(hot(mask), parts, None, extract=simple)
    assert found.values["speck_share"] == pytest.approx(1.0 / mask.array.sum())
    assert found.reasons["speck_mean"] == "1 voxels; at least 64 are wanted"


def test_a_part_that_cannot_be_measured_loses_its_features_only():
    mask = ball(12.0)

    def picky(image, part, settings):
        if part.array.sum() > mask.array.sum() / 2:
            msg = "too large"
            raise ExtractionError(msg)
        return simple(image, part, settings)

    found = subregion_features(hot(mask), core_rim(mask, 4.0), None, extract=picky)
    assert math.isnan(found.values["rim_mean"])
    assert found.reasons["rim_mean"] == "too large"
    assert found.values["core_mean"] > 6


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.zeros((2, 2, 2), int), "has the shape"), (None, "labels holds 3; 2 names")],
)
def test_labels_that_do_not_fit(labels, message):
    mask = ball()
    with pytest.raises(InputError, match=message):
        divide_lesion(mask, 3 * mask.array.astype(int) if labels is None else labels, ("a", "b"))


def test_lengths_of_a_rim_are_checked():
    with pytest.raises(SettingsError, match="wanted rim_mm > 0"):
        core_rim(ball(), 0.0)


def two_habitats(seed: int, share: float = 0.4) -> Study:
    """A lesion with a hot dense part and a cold soft one, PET coarser than CT."""
    mask = ball(14.0, (2.0, 2.0, 2.0), pad_mm=8.0)
    rng = np.random.default_rng(seed)
    x = np.arange(mask.array.shape[2])[None, None, :]
    inside = np.argwhere(mask.array > 0)[:, 2]
    dense = (x <= np.quantile(inside, share)) & (mask.array > 0)
    ct = np.where(dense, 60.0, 10.0) + rng.normal(0, 4.0, mask.array.shape)
    pet = np.where(dense, 9.0, 3.0) + rng.normal(0, 0.3, mask.array.shape)
    ct_image = Image(ct.astype(np.float32), mask.spacing, mask.origin, modality="ct")
    fine = Image(pet.astype(np.float32), mask.spacing, mask.origin, modality="pet")
    pet_image = resample(fine, spacing=4.0)
    pet_mask = resample(mask, reference=pet_image)
    return Study(f"P{seed}", 1, {"pet": pet_image, "ct": ct_image}, {"pet": pet_mask, "ct": mask})


@pytest.fixture(scope="module")
def voxels():
    return {f"P{i}": lesion_voxels(two_habitats(i, 0.2 + 0.08 * i)) for i in range(6)}


def test_voxels_meet_on_the_grid_that_was_chosen():
    study = two_habitats(0)
    on_ct, on_pet = lesion_voxels(study), lesion_voxels(study, grid="pet")
    assert len(on_ct.values) == study.masks["ct"].array.sum()
    assert len(on_pet.values) == study.masks["pet"].array.sum()
    assert np.array_equal(on_pet.values[:, 0], study.images["pet"].array[study.masks["pet"].array > 0])


def test_habitats_find_the_parts_that_are_there(voxels):
    step = Habitats(voxels, n_habitats=2).fit(pl.DataFrame({"patient_id": ["P0", "P1", "P2"]}))
    assert step.centres_[0, 0] < step.centres_[1, 0]
    assert step.centres_ == pytest.approx(np.array([[3.0, 10.0], [9.0, 60.0]]), rel=0.2)
    table = step.transform(pl.DataFrame({"patient_id": ["P3", "P4", "P5"]}))
    assert table["habitat.h2_share"].to_list() == pytest.approx([0.44, 0.52, 0.60], abs=0.08)
    assert table["habitat.measured"].all()


def test_only_training_patients_are_learnt_from_and_the_order_does_not_matter(voxels):
    train = pl.DataFrame({"patient_id": ["P0", "P1", "P2"]})
    first = Habitats(voxels, n_habitats=2).fit(train)
    spoilt = dict(voxels) | {
        p: LesionVoxels(voxels[p].values * 100, voxels[p].channels, voxels[p].mask)
        for p in ("P3", "P4", "P5")
    }
    second = Habitats(spoilt, n_habitats=2).fit(train[::-1])
    assert np.array_equal(first.centres_, second.centres_)


def test_a_large_lesion_weighs_no_more_than_a_small_one(voxels):
    small = LesionVoxels(voxels["P0"].values[:40], ("pet", "ct"), voxels["P0"].mask)
    mean = Habitats({"a": small, "b": voxels["P1"]}, n_habitats=2, per_patient=10**6)
    mean.fit(pl.DataFrame({"patient_id": ["a", "b"]}))
    halves = (small.values.mean(axis=0) + voxels["P1"].values.mean(axis=0)) / 2
    assert mean.mean_ == pytest.approx(halves)


def test_patients_without_voxels_are_not_measured(voxels):
    step = Habitats(voxels, n_habitats=2).fit(pl.DataFrame({"patient_id": list(voxels)}))
    table = step.transform(pl.DataFrame({"patient_id": ["P0", "nobody"], "clinical.age": [50.0, 60.0]}))
    assert table["habitat.measured"].to_list() == [True, False]
    assert table["habitat.h1_share"][1] is None
    assert table["clinical.age"].to_list() == [50.0, 60.0]


def test_cloning_does_not_copy_the_voxels(voxels):
    copy = clone(Habitats(voxels))
    assert copy.voxels["P0"] is voxels["P0"]


def test_a_chain_with_habitats_learns_within_the_fold(voxels):
    chain = make_pipeline(Habitats(voxels, n_habitats=2), MedianImputer(), Standardizer())
    table = chain.fit(pl.DataFrame({"patient_id": ["P0", "P1", "P2"]})).transform(
        pl.DataFrame({"patient_id": ["P4"]})
    )
    assert table["habitat.h1_share"].is_finite().all()


def test_own_habitats_and_a_flat_lesion(voxels):
    parts = own_habitats(voxels["P2"], 2)
    assert parts.shares["h2"] == pytest.approx(0.36, abs=0.12)
    flat = LesionVoxels(np.ones_like(voxels["P2"].values), ("pet", "ct"), voxels["P2"].mask)
    alone = own_habitats(flat, 3)
    assert alone.shares == {"h1": 1.0, "h2": 0.0, "h3": 0.0}
    assert alone.reasons["h3"] == "no voxel of the lesion belongs to it"


def test_what_habitats_refuse(voxels):
    patients = pl.DataFrame({"patient_id": ["P0"]})
    with pytest.raises(NotEnoughDataError, match="3 training patients with voxels, got 1"):
        Habitats(voxels).fit(patients)
    with pytest.raises(SettingsError, match="whole number of at least 2"):
        Habitats(voxels, n_habitats=1).fit(patients)
    with pytest.raises(InputError, match="patient_id"):
        Habitats(voxels).fit(pl.DataFrame({"id": ["P0"]}))
    study = two_habitats(0)
    pet_alone = Study("P", 1, {"pet": study.images["pet"]}, dict(study.masks))
    with pytest.raises(InputError, match="lacks ct"):
        lesion_voxels(pet_alone, grid="pet")
    step = Habitats(voxels, n_habitats=2).fit(pl.DataFrame({"patient_id": list(voxels)}))
    one = voxels["P0"]
    with pytest.raises(InputError, match="were learnt on"):
        step.divide(LesionVoxels(one.values[:, :1], ("pet",), one.mask))


def test_habitats_are_measured_on_the_image_they_were_cut_out_of():
    study = two_habitats(2)
    for grid in ("ct", "pet"):
        one = lesion_voxels(study, grid=grid)
        parts = own_habitats(one, 2)
        image = study.images[grid]
        found = subregion_features(image, parts, None, extract=simple, least_voxels=1)
        channel = one.channels.index(grid)
        for name, mask in parts.masks.items():
            mean = one.values[mask.array[one.mask.array > 0] > 0, channel].mean()
            assert found.values[f"{name}_mean"] == pytest.approx(mean, rel=1e-5)
    with pytest.raises(InputError, match="no piece of the image"):
        subregion_features(study.images["pet"], own_habitats(lesion_voxels(study), 2), None, extract=simple)
