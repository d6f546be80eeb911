"""Neighbourhood features: IBSI's consensus, a slow reference, pyradiomics, symmetries, and what is not defined."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.radiomics.neighbour_kernels import DEPENDENCE, TONE
from hybridx.radiomics.neighbour_matrices import AGGREGATIONS, neighbour_features
from hybridx.radiomics.ngldm import ngldm
from hybridx.radiomics.ngtdm import ngtdm
from hybridx.radiomics.pyradiomics_gldm import pyradiomics_gldm
from hybridx.radiomics.pyradiomics_ngtdm import pyradiomics_ngtdm

from .glcm_cases import (
    assert_same,
    digital_phantom,
    lesion,
    needs_phantom,
    needs_sarcoma,
    off_consensus,
    peer,
    sarcoma_levels,
    shaped_lesions,
    volumes,
)


def surroundings(array, distance, *, planar):
    """Level of each voxel and levels of its neighbours in the lesion."""
    reach = range(-distance, distance + 1)
    offsets = [o for o in itertools.product(reach, reach, reach) if 0 < max(map(abs, o)) <= distance]
    offsets = [o for o in offsets if not (planar and o[0])]
    found = []
    for here in zip(*np.nonzero(array), strict=True):
        near = [tuple(h + o for h, o in zip(here, offset, strict=True)) for offset in offsets]
        inside = [n for n in near if all(0 <= c < size for c, size in zip(n, array.shape, strict=True))]
        found.append((int(array[here]), [int(array[n]) for n in inside if array[n]]))
    return found


def tone_by_definition(voxels):
    voxels = [(level, near) for level, near in voxels if near]
    if not voxels:
        return dict.fromkeys(TONE, np.nan)
    levels = sorted({level for level, _ in voxels})
    p = {i: sum(level == i for level, _ in voxels) / len(voxels) for i in levels}
    s = {i: sum(abs(i - np.mean(near)) for level, near in voxels if level == i) for i in levels}
    ps, changes = sum(p[i] * s[i] for i in levels), sum(s.values())
    pairs, many = list(itertools.product(levels, levels)), len(levels)
    spread = sum(p[i] * p[j] * (i - j) ** 2 for i, j in pairs)
    busy = sum(abs(i * p[i] - j * p[j]) for i, j in pairs)
    strong = sum((p[i] + p[j]) * (i - j) ** 2 for i, j in pairs)
    return {
        "coarseness": 1 / ps if ps else np.nan,
        "contrast": spread / (many * (many - 1)) * changes / len(voxels) if many > 1 else np.nan,
        "busyness": ps / busy if busy > 1e-12 else np.nan,
        "complexity": sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i, j in pairs)
        / len(voxels),
        "strength": strong / changes if changes else np.nan,
    }


def dependence_by_definition(voxels, alpha):
    cells = [(i, 1 + sum(abs(i - level) <= alpha for level in near)) for i, near in voxels]
    if not cells:
        return dict.fromkeys(DEPENDENCE, np.nan)
    i, j = np.array(cells, dtype=float).T
    counts = np.unique(cells, axis=0, return_counts=True)[1]
    by_level, by_size = np.unique(i, return_counts=True)[1], np.unique(j, return_counts=True)[1]
    total, p = len(cells), counts / len(cells)
    values = [
        (1 / j**2).mean(), (j**2).mean(), (1 / i**2).mean(), (i**2).mean(), (1 / i**2 / j**2).mean(),
        (i**2 / j**2).mean(), (j**2 / i**2).mean(), (i**2 * j**2).mean(), (by_level**2).sum() / total,
        (by_level**2).sum() / total**2, (by_size**2).sum() / total, (by_size**2).sum() / total**2, 1, i.var(),
        j.var(), -(p * np.log2(p)).sum(), (p**2).sum(),
    ]  # fmt: skip
    return dict(zip(DEPENDENCE, values, strict=True))


def reference(array, aggregation, distance, alpha):
    blocks = [array[z : z + 1] for z in range(len(array))] if aggregation == "2D" else [array]
    found = {}
    for prefix, features, definition in (
        ("ngt", TONE, tone_by_definition),
        ("ngl", DEPENDENCE, lambda voxels: dependence_by_definition(voxels, alpha)),
    ):
        each = [definition(surroundings(block, distance, planar=aggregation != "3D")) for block in blocks]
        for feature in features:
            values = np.array([one[feature] for one in each])
            values = values[~np.isnan(values)]
            found[f"{prefix}_{feature}_{aggregation}"] = values.mean() if len(values) else np.nan
    return found


@needs_phantom
def test_every_consensus_value_of_the_digital_phantom():
    phantom = digital_phantom()
    tone, dependence = ngtdm(phantom, AGGREGATIONS), ngldm(phantom, AGGREGATIONS)
    assert len(tone.values) == 15 and len(dependence.values) == 51
    assert not off_consensus(tone.values, "ngt_")
    assert not off_consensus(dependence.values, "ngl_")
    assert not tone.reasons and not dependence.reasons


@settings(max_examples=40, deadline=None)
@given(
    array=volumes(),
    aggregation=st.sampled_from(AGGREGATIONS),
    distance=st.integers(1, 2),
    alpha=st.integers(0, 2),
    stretch=st.sampled_from([1, 40]),
)
def test_definition(array, aggregation, distance, alpha, stretch):
    array = np.where(array > 2, array * stretch, array)
    found = neighbour_features(lesion(array), aggregation, distance, alpha)
    assert_same(found.values, reference(array, aggregation, distance, alpha), rtol=1e-9, atol=1e-12)
    assert set(found.reasons) == {tag for tag, value in found.values.items() if np.isnan(value)}


SETTINGS = {
    "as it comes": ({}, {}),
    "alike within 1": ({"gldm_a": 1}, {"gldm_a": 1}),
    "in slices": ({"force_2d": True}, {"force2D": True}),
    "in rows": ({"force_2d": True, "force_2d_dimension": 1}, {"force2D": True, "force2Ddimension": 1}),
    "two distances": ({"distances": (1, 2)}, {"distances": [1, 2]}),
}


def check_parity(levels, case, rtol):
    ours, theirs = SETTINGS[case]
    assert_same(pyradiomics_gldm(levels, **ours).values, peer("gldm", levels, **theirs), rtol)
    ours, theirs = ({k: v for k, v in part.items() if k != "gldm_a"} for part in (ours, theirs))
    assert_same(pyradiomics_ngtdm(levels, **ours).values, peer("ngtdm", levels, **theirs), rtol)


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("name", [name for name in shaped_lesions() if name != "one row"])
def test_parity_with_pyradiomics_on_shapes(name, case):
    check_parity(lesion(shaped_lesions()[name], spacing=(1.7, 0.6, 0.9)), case, 1e-12)


@needs_sarcoma
@pytest.mark.parametrize("case", ["as it comes", "in slices"])
@pytest.mark.parametrize(
    ("patient", "modality", "width", "edge"),
    [("STS_001", "PET", 0.5, None), ("STS_002", "CT", 25, None), ("STS_005", "PET", 0.25, 2.0)],
)
def test_parity_with_pyradiomics_on_patients(patient, modality, width, edge, case):
    check_parity(sarcoma_levels(patient, modality, width, edge), case, 1e-11)


def test_a_voxel_without_neighbours_counts_for_pyradiomics_only():
    array = np.zeros((1, 5, 5), dtype=np.int32)
    array[0, 0, :3], array[0, 4, 4] = (1, 2, 2), 5
    check_parity(lesion(array), "as it comes", 1e-12)
    alone = ngtdm(lesion(array[:, :1])).values
    assert ngtdm(lesion(array)).values == pytest.approx(alone, rel=1e-14)
    assert ngldm(lesion(array)).values != pytest.approx(ngldm(lesion(array[:, :1])).values)


@pytest.mark.parametrize("name", shaped_lesions())
def test_symmetries(name):
    levels = lesion(shaped_lesions()[name])
    found = neighbour_features(levels, AGGREGATIONS).values
    wide = np.pad(levels.array, ((2, 1), (3, 1), (1, 4)))
    assert neighbour_features(lesion(wide), AGGREGATIONS).values == pytest.approx(
        found, rel=0, abs=0, nan_ok=True
    )
    # Sums of whole numbers do not depend on their order: equal to the last bit.
    turned = neighbour_features(lesion(levels.array.transpose(2, 0, 1)[:, ::-1])).values
    assert turned == {tag: pytest.approx(found[tag], rel=0, abs=0, nan_ok=True) for tag in turned}
    mirrored = neighbour_features(lesion(levels.array[:, :, ::-1]), AGGREGATIONS).values
    assert mirrored == pytest.approx(found, rel=0, abs=0, nan_ok=True)


def test_one_level_has_no_tone_difference():
    found = neighbour_features(lesion(np.full((3, 4, 3), 3)), AGGREGATIONS)
    missing = {tag for tag, value in found.values.items() if np.isnan(value)}
    undefined = ("coarseness", "contrast", "busyness", "strength")
    assert (
        missing == {f"ngt_{name}_{how}" for name in undefined for how in AGGREGATIONS} == set(found.reasons)
    )
    assert found.reasons["ngt_coarseness_3D"] == "every voxel has the mean level of its neighbours"
    assert found.reasons["ngt_contrast_3D"] == "voxels with neighbours have one grey level"
    assert found.values["ngt_complexity_3D"] == 0
    theirs = peer("ngtdm", lesion(np.full((3, 4, 3), 3)))
    assert [theirs[f"ngtdm_{name.title()}"] for name in undefined] == [1e6, 0, 0, 0]
    ours = pyradiomics_ngtdm(lesion(np.full((3, 4, 3), 3)))
    assert set(ours.reasons) == {f"ngtdm_{name.title()}" for name in undefined}


def test_one_voxel_and_none():
    one = neighbour_features(lesion([[[2]]]))
    assert set(one.reasons) == {f"ngt_{name}_3D" for name in TONE}
    assert set(one.reasons.values()) == {"no voxel has a neighbour"}
    assert one.values["ngl_lde_3D"] == 1 and one.values["ngl_dc_entr_3D"] == 0
    assert set(pyradiomics_ngtdm(lesion([[[2]]])).reasons.values()) == {"no voxel has a neighbour"}
    for empty in (np.zeros((2, 2, 2)), np.zeros((0, 3, 3))):
        found = neighbour_features(lesion(empty), AGGREGATIONS)
        assert len(found.reasons) == 66 and set(found.reasons.values()) == {"the lesion has no voxel"}
        assert len(pyradiomics_gldm(lesion(empty)).reasons) == 14


def test_shares_that_cancel_leave_busyness_undefined():
    # Level 1 twice as often as level 2: i p_i is the same for both.
    array = np.array([[[1, 2, 1]]])
    found = ngtdm(lesion(array))
    assert np.isnan(found.values["ngt_busyness_3D"])
    assert "do not differ" in found.reasons["ngt_busyness_3D"]
    assert peer("ngtdm", lesion(np.array([[[1, 2, 1], [0, 0, 0]]])))["ngtdm_Busyness"] == 0


def test_levels_beyond_two_bytes():
    array = np.array([[[1, 70_000, 3], [2, 70_001, 1]]])
    found = neighbour_features(lesion(array), alpha=1)
    assert_same(found.values, reference(array, "3D", 1, 1), rtol=1e-12)


def test_what_cannot_be_done_is_said():
    levels = lesion(np.ones((2, 2, 2)))
    with pytest.raises(SettingsError, match=r"Unknown aggregation .* '2\.5D'\. Did you mean '2_5D'"):
        ngtdm(levels, "2.5D")
    with pytest.raises(SettingsError, match=r"distances is \(\); wanted one or more"):
        ngldm(levels, distance=())
    with pytest.raises(SettingsError, match=r"alpha \(gldm_a\) is -1; wanted a number of grey levels"):
        ngldm(levels, alpha=-1)
    with pytest.raises(
        InputError, match=r"4194305 grey levels; wanted at most 4,194,304\. Choose wider bins"
    ):
        ngtdm(lesion(np.ones((2, 2, 2)), 2**22 + 1))
    with pytest.raises(InputError, match=r"sums of neighbours overflow\. Choose wider bins"):
        ngtdm(lesion(np.full((6, 6, 6), 2**22)), distance=range(1, 6))
