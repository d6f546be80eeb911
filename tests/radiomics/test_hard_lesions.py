"""Lesions that break other engines: a value, or NaN with a reason, for every feature, in both vocabularies."""

from __future__ import annotations

import dataclasses
import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, measure_radiomics
from hybridx.radiomics.names import every_name, names_of
from tests.imaging.volumes import OBLIQUE, ball, noise, save

PEER = RadiomicsSettings.pyradiomics(bin_width=0.5)
STANDARD = RadiomicsSettings.ibsi(
    bin_width=0.5,
    bin_origin=0,
    aggregations=("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb"),
    volume_bins=0.1,
)
FAST = dataclasses.replace(STANDARD, aggregations=("2D_avg", "3D_comb"))
both = pytest.mark.parametrize("settings", [PEER, STANDARD], ids=["pyradiomics", "ibsi"])


def lesion(*voxels, image=None):
    """Mark single voxels or boxes (z, y, x)."""
    image = image or noise()
    array = np.zeros(image.array.shape, np.uint8)
    for voxel in voxels:
        array[voxel] = 1
    return Image(array, image.spacing, image.origin, image.direction, "mask")


def whole(found, settings):
    """Every name is there, and every NaN has its reason."""
    assert set(found.values) == set(names_of(settings, "original"))
    missing = {name for name, value in found.values.items() if math.isnan(value)}
    assert set(found.reasons) == missing
    assert all(found.reasons.values())
    assert not any(math.isinf(value) for value in found.values.values())
    return missing


S = slice
SHAPES = {
    "one voxel": [(4, 4, 4)],
    "two voxels": [(4, 4, 4), (4, 4, 5)],
    "a line": [(4, 4, S(2, 9))],
    "a plane": [(4, S(2, 8), S(2, 9))],
    "an upright plane": [(S(1, 8), 4, S(2, 9))],
    "far apart": [(0, 0, 0), (8, 9, 10)],
    "along the border": [(S(0, 9), 0, 0)],
    "everything": [(S(0, 9), S(0, 10), S(0, 11))],
    "two components": [(S(0, 3), S(0, 3), S(0, 3)), (S(5, 9), S(6, 10), S(6, 11))],
}


@both
@pytest.mark.parametrize("shape", list(SHAPES))
def test_thin_small_and_scattered(shape, settings):
    found = measure_radiomics(noise(), lesion(*SHAPES[shape]), settings, engine="hybridx")
    missing = whole(found, settings)
    mean = "original_firstorder_Mean" if settings is PEER else "stat_mean"
    assert mean not in missing
    assert found.values[mean] == pytest.approx(
        float(noise().array[lesion(*SHAPES[shape]).array > 0].mean()), rel=1e-6
    )


@both
def test_holes_are_no_lesion(settings):
    image = noise()
    full = lesion((S(2, 7), S(2, 7), S(2, 7)))
    hollow = lesion((S(2, 7), S(2, 7), S(2, 7)))
    hollow.array[4, 4, 4] = 0
    with_hole = measure_radiomics(image, hollow, settings, engine="hybridx")
    without = measure_radiomics(image, full, settings, engine="hybridx")
    whole(with_hole, settings)
    name = "original_shape_VoxelVolume" if settings is PEER else "morph_vol_approx"
    assert with_hole.values[name] == pytest.approx(without.values[name] * 124 / 125)


@both
def test_all_intensities_equal(settings):
    image = noise()
    flat = image.with_array(np.full_like(image.array, 3.1))
    missing = whole(measure_radiomics(flat, ball(image), settings, engine="hybridx"), settings)
    wanted = (
        {"original_firstorder_Skewness", "original_glcm_Correlation", "original_ngtdm_Coarseness"}
        if settings is PEER
        else {"stat_skew", "cm_corr_3D_avg", "ngt_coarseness_3D"}
    )
    assert wanted <= missing


@both
def test_bad_voxels_do_not_count_and_are_remarked(settings):
    image, mask = noise(), lesion((S(2, 7), S(2, 7), S(2, 7)))
    broken = image.with_array(image.array.copy())
    broken.array[3, 3, 3], broken.array[4, 4, 4], broken.array[0, 0, 0] = np.nan, np.inf, -np.inf
    found = measure_radiomics(broken, mask, settings, engine="hybridx")
    assert found.remarks == (
        "2 voxels of the lesion are NaN or infinite and were left out of its intensities",
    )
    inside = broken.array[mask.array > 0]
    name = "original_firstorder_Mean" if settings is PEER else "stat_mean"
    assert found.values[name] == pytest.approx(inside[np.isfinite(inside)].astype(float).mean(), rel=1e-6)
    volume = "original_shape_VoxelVolume" if settings is PEER else "morph_vol_approx"
    assert found.values[volume] == pytest.approx(125 * 48.0), "the form is as drawn"
    whole(found, settings)


@both
def test_nothing_but_bad_voxels(settings):
    image, mask = noise(), lesion((S(2, 7), S(2, 7), S(2, 7)))
    broken = image.with_array(np.where(mask.array > 0, np.float32(np.nan), image.array))
    found = measure_radiomics(broken, mask, settings, engine="hybridx")
    whole(found, settings)
    volume = "original_shape_VoxelVolume" if settings is PEER else "morph_vol_approx"
    assert math.isfinite(found.values[volume])
    assert "NaN" in found.reasons["original_glcm_Contrast" if settings is PEER else "cm_contrast_3D_avg"]


@both
@pytest.mark.parametrize("spacing", [1.7, 3.0])
def test_bad_voxels_spoil_no_resampled_voxel_but_their_own(settings, spacing):
    image, mask = noise((12, 12, 12)), lesion((S(2, 10), S(2, 10), S(2, 10)), image=noise((12, 12, 12)))
    broken = image.with_array(image.array.copy())
    broken.array[6, 6, 6] = np.nan
    moved = dataclasses.replace(settings, resample_mm=spacing, interpolator="bspline")
    found = measure_radiomics(broken, mask, moved, engine="hybridx")
    plain = measure_radiomics(image, mask, moved, engine="hybridx")
    name = "original_firstorder_Mean" if settings is PEER else "stat_mean"
    assert math.isfinite(found.values[name])
    assert found.values[name] == pytest.approx(plain.values[name], rel=0.1)


@both
def test_nothing_left_after_resegmentation(settings):
    found = measure_radiomics(
        noise(), ball(noise()), dataclasses.replace(settings, resegment=(1e5, 1e6)), engine="hybridx"
    )
    assert "outside the range" in found.reasons["original_glcm_Contrast" if settings is PEER else "stat_mean"]
    assert math.isfinite(found.values["original_shape_VoxelVolume" if settings is PEER else "morph_volume"])


@both
def test_five_thousand_levels_and_more(settings):
    image = noise()
    image = image.with_array(image.array * 1000)
    levels = 12_000
    found = measure_radiomics(image, ball(image), settings, engine="hybridx")
    name = "original_glcm_Contrast" if settings is PEER else "cm_contrast_3D_comb"
    assert math.isfinite(found.values[name]), f"about {levels} levels are counted"
    image = image.with_array(image.array * 1000)
    found = measure_radiomics(image, ball(image), settings, engine="hybridx")
    assert "grey levels; at most" in found.reasons[name]
    assert math.isfinite(found.values["original_firstorder_Mean" if settings is PEER else "stat_mean"])


@both
def test_anisotropic_and_oblique(settings):
    straight = noise((6, 24, 24), "pet", (0.98, 0.98, 5.0))
    mask = ball(straight, 9.0)
    oblique = dataclasses.replace(straight, direction=OBLIQUE, origin=(10.0, -40.0, 3.0))
    turned = dataclasses.replace(mask, direction=OBLIQUE, origin=(10.0, -40.0, 3.0))
    one = measure_radiomics(straight, mask, settings, engine="hybridx")
    other = measure_radiomics(oblique, turned, settings, engine="hybridx")
    whole(one, settings)
    assert one.values == pytest.approx(dict(other.values), rel=1e-9, nan_ok=True)


def test_labels():
    image, mask = noise(), lesion((S(2, 7), S(2, 7), S(2, 7)))
    wanted = measure_radiomics(image, mask, PEER, engine="hybridx").values
    several = mask.with_array(mask.array * 255)
    several.array[0, 0, :] = 7
    assert measure_radiomics(image, several, PEER, engine="hybridx", label=255).values == pytest.approx(
        dict(wanted), nan_ok=True
    )
    named = dataclasses.replace(PEER, label=255)
    assert measure_radiomics(image, several.to_sitk(), named, engine="hybridx").values == pytest.approx(
        dict(wanted), nan_ok=True
    )
    with pytest.raises(InputError, match=r"labels 7, 255; name the lesion's: label="):
        measure_radiomics(image, several, PEER, engine="hybridx")
    with pytest.raises(InputError, match=r"label=3: no voxel.*7, 255"):
        measure_radiomics(image, several, PEER, engine="hybridx", label=3)


@both
def test_a_mask_on_another_grid_is_refused_or_knowingly_resampled(settings):
    image = noise((12, 12, 12), spacing=(2.0, 2.0, 2.0))
    mask = ball(image, 8.0)
    fine = noise((24, 24, 24), spacing=(1.0, 1.0, 1.0), origin=(-0.5, -0.5, -0.5))
    other = ball(fine, 8.0)
    with pytest.raises(InputError, match="correct_mask=True"):
        measure_radiomics(image, other, settings, engine="hybridx")
    for spacing in (None, 1.5):
        told = dataclasses.replace(settings, correct_mask=True, resample_mm=spacing)
        found = measure_radiomics(image, other, told, engine="hybridx")
        assert "was resampled by nearest neighbour" in found.remarks[0]
        same = measure_radiomics(image, mask, told, engine="hybridx")
        name = "original_firstorder_Mean" if settings is PEER else "stat_mean"
        assert found.values[name] == pytest.approx(same.values[name], rel=0.1)
    away = dataclasses.replace(other, origin=(500.0, 0.0, 0.0))
    with pytest.raises(InputError, match="outside the image"):
        measure_radiomics(image, away, dataclasses.replace(settings, correct_mask=True), engine="hybridx")


def test_an_origin_off_by_a_hair_is_the_same_grid_unless_told():
    image = noise()
    mask = dataclasses.replace(ball(image), origin=(0.02, 0.0, 0.0))
    assert measure_radiomics(image, mask, PEER, engine="hybridx").remarks == ()
    strict = dataclasses.replace(PEER, geometry_tolerance=1e-6)
    with pytest.raises(InputError, match="resample it first"):
        measure_radiomics(image, mask, strict, engine="hybridx")


@both
def test_too_small_for_the_settings(settings):
    told = dataclasses.replace(settings, minimum_voxels=10)
    found = measure_radiomics(noise(), lesion((4, 4, S(2, 9))), told, engine="hybridx")
    assert set(found.reasons) == set(names_of(settings, "original"))
    assert "more than 10" in next(iter(found.reasons.values()))
    flat = dataclasses.replace(settings, minimum_dimensions=2)
    found = measure_radiomics(noise(), lesion((4, 4, S(2, 9))), flat, engine="hybridx")
    assert "extends in 1 dimensions" in next(iter(found.reasons.values()))


@both
def test_paths_images_and_sitk_are_one(tmp_path, settings):
    image = noise()
    mask = ball(image)
    wanted = dict(measure_radiomics(image, mask, settings, engine="hybridx").values)
    paths = save(tmp_path, "i.nii.gz", image), save(tmp_path, "m.nii.gz", mask)
    for pair in ((image.to_sitk(), mask.to_sitk()), paths, tuple(map(str, paths))):
        assert measure_radiomics(*pair, settings, engine="hybridx").values == pytest.approx(
            wanted, nan_ok=True
        )


def test_a_nan_in_a_file_is_seen(tmp_path):
    image, mask = noise(), lesion((S(2, 7), S(2, 7), S(2, 7)))
    image.array[4, 4, 4] = np.nan
    paths = save(tmp_path, "i.nii.gz", image), save(tmp_path, "m.nii.gz", mask)
    found = measure_radiomics(*paths, FAST, engine="hybridx")
    assert found.remarks, "ITK would read a zero here without a word"


def test_a_filter_too_large_for_its_image_says_so():
    image = noise((6, 10, 10), spacing=(2.0, 2.0, 2.0))
    settings = RadiomicsSettings.pyradiomics(
        bin_width=0.5, image_types=("log",), log_sigma_mm=(40.0,), families=("glcm",)
    )
    found = measure_radiomics(image, ball(image, 5.0), settings, engine="hybridx")
    assert set(found.reasons) == set(names_of(settings, "log-sigma-40-0-mm-3D"))
    assert "10 x 10 x 6 voxels is too small" in next(iter(found.reasons.values()))


def test_the_key_names_settings_version_and_content():
    image, mask = noise(), ball(noise())
    first = measure_radiomics(image, mask, PEER, engine="hybridx").provenance
    assert first == measure_radiomics(image.to_sitk(), mask.to_sitk(), PEER, engine="hybridx").provenance
    other = image.with_array(image.array.copy())
    other.array[4, 4, 4] += 1
    keys = {
        first["key"],
        measure_radiomics(other, mask, PEER, engine="hybridx").provenance["key"],
        measure_radiomics(image, lesion((4, 4, S(2, 5))), PEER, engine="hybridx").provenance["key"],
        measure_radiomics(image, mask, dataclasses.replace(PEER, gldm_alpha=1), engine="hybridx").provenance[
            "key"
        ],
    }
    assert len(keys) == 4
    assert {"engine", "version", "settings_hash", "content_hash", "voxels", "grid"} < set(first)


def test_wrong_engine_and_device_are_refused():
    pytest.importorskip("torch")
    with pytest.raises(SettingsError, match=r"engine 'hybridix'\. Did you mean 'hybridx'"):
        measure_radiomics(noise(), ball(noise()), PEER, engine="hybridix")
    with pytest.raises(SettingsError, match="device='tpu' is no device"):
        measure_radiomics(noise(), ball(noise()), STANDARD, device="tpu")
    with pytest.raises(SettingsError, match=r"device='cpu:0' is for engine='hybridx'"):
        measure_radiomics(noise(), ball(noise()), PEER, engine="pyradiomics", device="cpu:0")
    with pytest.raises(SettingsError, match="neither the standard's tags"):
        measure_radiomics(noise(), ball(noise()), STANDARD, engine="pyradiomics")


def test_two_dimensional_images_are_refused():
    flat = sitk.Image(4, 4, sitk.sitkFloat32)
    with pytest.raises(InputError):
        measure_radiomics(flat, flat, PEER, engine="hybridx")


@both
def test_without_a_gpu_cuda_is_refused_at_once(settings):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    with pytest.raises(SettingsError, match=r"device='cuda' is not available here.*Use 'cpu'"):
        measure_radiomics(noise(), ball(noise()), settings, device="cuda")


ELSEWHERE = {
    "ibsi": dataclasses.replace(FAST, filters={"mean5": {"kind": "mean", "support": 5}}),
    "pyradiomics": dataclasses.replace(
        PEER,
        image_types=("original", "gradient", "squareroot"),
        by_image_type={"gradient": {"bin_width": 0.1, "gldm_alpha": 1}},
    ),
    "pyradiomics weighted": dataclasses.replace(PEER, weighting_norm="euclidean", distances=(1, 2)),
    "pyradiomics 2D": dataclasses.replace(PEER, force_2d=True, force_2d_axis=1),
}


@pytest.mark.parametrize("kind", list(ELSEWHERE))
@pytest.mark.parametrize("shape", ["two voxels", "an upright plane", "two components"])
def test_matrices_counted_elsewhere_give_the_same_values_and_reasons(kind, shape):
    pytest.importorskip("torch")
    image, mask = noise(), lesion(*SHAPES[shape])
    here = measure_radiomics(image, mask, ELSEWHERE[kind])
    elsewhere = measure_radiomics(
        image, mask, ELSEWHERE[kind], device="cpu:0"
    )  # a GPU's steps on the processor
    assert elsewhere.values == pytest.approx(dict(here.values), rel=1e-9, nan_ok=True)
    assert elsewhere.reasons == here.reasons


def other_type(kind):
    image, mask = noise(), ball(noise())
    return image.with_array((image.array * 20).astype(kind)), mask


@both
@pytest.mark.parametrize(
    "kind", ["bool", "uint8", "int16", "uint16", "int64", "float16", ">f4", ">i2", "longdouble"]
)
@pytest.mark.parametrize("spacing", [None, 3.0])
def test_every_type_of_number_is_measured(settings, kind, spacing):
    image, mask = other_type(kind)
    told = dataclasses.replace(settings, resample_mm=spacing)
    found = measure_radiomics(image, mask, told)
    whole(found, settings)
    exact = np.float64 if np.dtype(kind).kind == "f" else np.int32  # whole numbers stay whole
    same = measure_radiomics(image.with_array(image.array.astype(exact)), mask, told)
    assert found.values == pytest.approx(dict(same.values), rel=1e-5, abs=1e-6, nan_ok=True)


def test_complex_numbers_are_no_intensities():
    image, mask = noise(), ball(noise())
    with pytest.raises(InputError, match="type complex128; wanted numbers"):
        measure_radiomics(image.with_array(image.array.astype(complex)), mask, PEER)


@both
@pytest.mark.parametrize("scale", [1e-300, 1e-155, 1e-40, 1e-30, 1e30, 1e38, 1e155, 1e300])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_has_no_unit_does_not_mind_the_scale_of_intensities(settings, scale, kind):
    rows = noise().array.astype(np.float64)
    with np.errstate(all="ignore"):
        image = noise().with_array((rows * scale / rows.max()).astype(kind))
    told = dataclasses.replace(settings, bin_width=None, bin_count=16, bin_origin=None)
    told = dataclasses.replace(told, volume_bins=100) if settings is STANDARD else told
    found = measure_radiomics(image, lesion((S(2, 7), S(2, 7), S(2, 7))), told)
    whole(found, settings)
    form = "original_shape_MeshVolume" if settings is PEER else "morph_volume"
    assert found.values[form] > 0, "the form knows nothing of intensities"
    if 1e-30 <= scale <= 1e30:
        plain = measure_radiomics(noise(), lesion((S(2, 7), S(2, 7), S(2, 7))), told)
        for name, value in plain.values.items():
            if any(part in name for part in ("glcm_", "cm_", "glszm_", "szm_", "moran", "geary", "_shape_")):
                assert found.values[name] == pytest.approx(value, rel=1e-4, nan_ok=True), name


ALL = (
    "original",
    "log",
    "wavelet",
    "square",
    "squareroot",
    "logarithm",
    "exponential",
    "gradient",
    "lbp2d",
    "lbp3d",
)
FILTERED = [
    dataclasses.replace(
        settings,
        bin_width=None,
        bin_count=8,
        bin_origin=None,
        image_types=ALL,
        log_sigma_mm=(4.0, 900.0),
        families=("firstorder", "gldm") if settings is PEER else ("statistics", "ngldm"),
        **({} if settings is PEER else {"filters": {"mean5": {"kind": "mean", "support": 5}}}),
    )
    for settings in (PEER, FAST)
]


@pytest.mark.parametrize("settings", FILTERED, ids=["pyradiomics", "ibsi"])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_every_filtered_image_has_its_names_whatever_the_lesion(settings, shape):
    found = measure_radiomics(noise(), lesion(*SHAPES[shape]), settings)
    assert set(found.values) == set(every_name(settings))
    assert {n for n, v in found.values.items() if math.isnan(v)} == set(found.reasons)
    assert any(name.startswith("lbp-3D-k") for name in found.values)


@pytest.mark.parametrize("settings", FILTERED, ids=["pyradiomics", "ibsi"])
@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 3), (3, 3, 3), (1, 9, 8), (2, 2, 2), (5, 7, 9)])
@pytest.mark.parametrize("value", [None, 0.0, -3.0, 1e38])
def test_filters_of_tiny_and_of_even_images(settings, size, value):
    image = noise(size)
    image = image if value is None else image.with_array(np.full(size, value, np.float32))
    found = measure_radiomics(image, lesion((S(None),) * 3, image=image), settings)
    assert set(found.values) == set(every_name(settings))
    assert {n for n, v in found.values.items() if math.isnan(v)} == set(found.reasons)
    assert not any(math.isinf(v) for v in found.values.values())


def test_an_image_of_one_value_cannot_be_normalised():
    flat = noise().with_array(np.full((9, 10, 11), 3.0, np.float32))
    for settings, name in ((PEER, "original_firstorder_Mean"), (FAST, "stat_mean")):
        found = measure_radiomics(flat, ball(flat), dataclasses.replace(settings, normalise=True))
        assert math.isnan(found.values[name])
        assert "no voxel of the lesion counts" in found.reasons[name]


@both
def test_voxels_of_a_thousandth_of_a_millimetre_take_no_terabytes(settings):
    image = noise(spacing=(1e-3, 1e-3, 1e-3))
    found = measure_radiomics(image, lesion((S(2, 7), S(2, 7), S(2, 7)), image=image), settings)
    whole(found, settings)
    if settings is STANDARD:  # the sphere holds the whole image
        mean = image.array.astype(float).mean()
        assert found.values["loc_peak_glob"] == pytest.approx(mean, rel=1e-9)


@both
def test_a_feature_without_its_aggregation_or_outside_the_families_is_refused(settings):
    if settings is PEER:
        return
    with pytest.raises(SettingsError, match="cm_contrast"):
        dataclasses.replace(FAST, features=("cm_contrast",))
    with pytest.raises(SettingsError, match="cm_contrast_2_5D_avg"):
        dataclasses.replace(FAST, features=("cm_contrast_2_5D_avg",))


class Voxels:
    """Draw lesions of any form in images of any values, as hypothesis does."""

    forms = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
    values = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1.0, 2.0])


@both
@given(data=st.data())
@hypothesis_settings(max_examples=30, deadline=None)
def test_any_lesion_in_any_image_gives_a_value_or_a_reason(settings, data):
    form = data.draw(Voxels.forms.filter(np.any))
    array = data.draw(hnp.arrays(np.float32, form.shape, elements=Voxels.values))
    counted = {"bin_width": None, "bin_count": data.draw(st.integers(1, 40)), "bin_origin": None}
    told = dataclasses.replace(settings, **counted, **({} if settings is PEER else {"volume_bins": 50}))
    image = Image(array, (2.0, 1.0, 5.0), modality="pet")
    found = measure_radiomics(image, Image(form.astype(np.uint8), image.spacing, modality="mask"), told)
    whole(found, settings)
    lost = [why for why in found.reasons.values() if "Error" in why]
    assert not lost, "a reason is a sentence about the lesion, not the name of an exception"


@both
@pytest.mark.parametrize("edge", [1e-3, 1e-9, 1e-300])
def test_a_grid_that_no_memory_holds_is_a_reason(settings, edge):
    told = dataclasses.replace(settings, resample_mm=edge)
    found = measure_radiomics(noise(), ball(noise()), told)
    assert whole(found, settings) == set(found.values)
    assert "resample_mm" in next(iter(found.reasons.values()))


@both
@pytest.mark.parametrize("slices", [1, 9])
def test_a_response_that_is_rounding_has_no_texture(settings, slices):
    image = noise((slices, 10, 11))
    if slices > 1:  # else: one slice, across which nothing varies
        image = image.with_array(np.full_like(image.array, 40.0))
    options = {"bin_width": None, "bin_count": 16, "bin_origin": None, "image_types": ("wavelet",)}
    if settings is STANDARD:
        options["filters"] = {"wide": {"kind": "simoncelli", "level": 1}}
    mask = lesion((S(0, 6), S(2, 8), S(2, 9)), image=image)
    found = measure_radiomics(image, mask, dataclasses.replace(settings, **options))
    variance, skewness, energy = (
        ("firstorder_Variance", "firstorder_Skewness", "glcm_JointEnergy")
        if settings is PEER
        else ("stat_var", "stat_skew", "cm_energy_3D_avg")
    )
    kinds = ["wavelet-LLH", "wavelet-LHH", "wavelet-HLH", "wavelet-HHH"]
    kinds += ["wavelet-HLL", "wavelet-LLL", *options.get("filters", ())] if slices > 1 else []
    for kind in kinds:
        assert found.values[f"{kind}_{variance}"] == 0
        assert found.reasons[f"{kind}_{skewness}"] == "all intensities are equal"
        assert found.values[f"{kind}_{energy}"] == 1


@both
def test_what_double_precision_does_not_hold_says_so(settings):
    image = noise()
    huge = image.with_array(image.array.astype(np.float64) * 1e200)
    wide = dataclasses.replace(settings, bin_width=None, bin_count=8, bin_origin=None)
    found = measure_radiomics(huge, ball(image), wide)
    whole(found, wide)
    name = "original_firstorder_Energy" if settings is PEER else "stat_energy"
    assert found.reasons[name] == "larger than double precision holds"


@both
def test_two_voxels_have_nothing_between_the_percentiles(settings):
    found = measure_radiomics(noise(), lesion((4, 4, S(4, 6))), settings)
    name = "original_firstorder_RobustMeanAbsoluteDeviation" if settings is PEER else "stat_rmad"
    assert found.reasons[name] == "no voxel lies between the 10th and the 90th percentile"


@both
def test_bad_voxels_around_a_lesion_are_remarked_where_they_are_looked_at(settings):
    image, mask = noise(), lesion((S(2, 7), S(2, 7), S(2, 7)))
    broken = image.with_array(np.where(mask.array > 0, image.array, np.float32(np.nan)))
    assert measure_radiomics(broken, mask, settings).remarks == ()
    found = measure_radiomics(broken, mask, dataclasses.replace(settings, image_types=("wavelet",)))
    (remark,) = found.remarks
    assert remark.startswith(f"{9 * 10 * 11 - 125} voxels around the lesion are NaN or infinite; filters and")


@pytest.mark.parametrize("slices", [1, 9])
def test_a_file_of_one_slice_or_in_double_precision_is_the_image_it_holds(tmp_path, slices):
    image = noise((slices, 10, 11))
    exact = sitk.GetImageFromArray(image.array.astype(np.float64) / 3.0)
    mask = sitk.GetImageFromArray(lesion((S(0, 6), S(2, 8), S(2, 9)), image=image).array)
    paths = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for one, path in zip((exact, mask), paths, strict=True):
        sitk.WriteImage(one, str(path))
    settings = dataclasses.replace(PEER, image_types=("original", "wavelet"))
    found = measure_radiomics(*paths, settings)
    assert found.values == pytest.approx(
        measure_radiomics(exact, mask, settings).values, rel=1e-12, nan_ok=True
    )


def test_axes_that_point_elsewhere_are_named():
    image, mask = noise(), lesion((4, 4, 4))
    turned = Image(mask.array, mask.spacing, mask.origin, (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0), "mask")
    with pytest.raises(InputError, match=r"their axes differ: \[-1.0, 0.0, .* and \[1.0, 0.0, "):
        measure_radiomics(image, turned, PEER)


@pytest.mark.parametrize(
    "place",
    [
        {"spacing": (-4.0, 4.0, 3.0)},
        {"spacing": (0.0, 4.0, 3.0)},
        {"spacing": (math.nan, 4.0, 3.0)},
        {"origin": (math.inf, 0.0, 0.0)},
        {"direction": (1.0, 0.3, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)},
        {"direction": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)},
    ],
    ids=str,
)
def test_a_geometry_that_is_none_is_refused(place):
    mask = lesion((4, 4, S(2, 9)))
    impossible = dataclasses.replace(mask, **place)
    with pytest.raises(InputError, match=r"mask has spacing=.* wanted edges above 0"):
        measure_radiomics(noise(), impossible, PEER)


@pytest.mark.parametrize("given", [None, 5, np.zeros((3, 3, 3))], ids=["None", "number", "array"])
def test_what_has_no_voxel_size_is_refused(given):
    with pytest.raises(InputError, match=r"wanted a path, a SimpleITK image or an Image"):
        measure_radiomics(given, lesion((4, 4, 4)), PEER)
