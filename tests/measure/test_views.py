"""The pictures: the lesion is where it was, right is left, head is up."""

from __future__ import annotations

import numpy as np
import pytest

from hybridx.imaging import Image, Study
from hybridx.measure.views import key_views
from tests.imaging.volumes import OBLIQUE, ball, noise

HOT = (30.0, -12.0, 64.0)  # left, anterior, up


def study(direction=(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), modalities=("pet", "ct")):
    """A hot spot at one place of the patient, on two grids."""
    images, masks = {}, {}
    for name, edge, size in (("pet", 4.0, 30), ("ct", 2.0, 60)):
        axes = np.asarray(direction).reshape(3, 3)
        origin = np.array(HOT) - axes @ (np.array([0.62, 0.45, 0.55]) * size * edge)
        image = noise((size,) * 3, name, (edge,) * 3, origin=tuple(origin), direction=direction)
        z, y, x = np.indices(image.array.shape)
        points = image.grid.points(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1))
        near = (np.linalg.norm(points - HOT, axis=1) < 9.0).reshape(image.array.shape)
        far = np.linalg.norm(points - HOT, axis=1).reshape(image.array.shape)
        level = np.where(near, 30 - far, 1.0) if name == "pet" else np.where(near, 60.0, -100.0)
        images[name] = image.with_array(level.astype(np.float32))
        masks[name] = Image(near.astype(np.uint8), image.spacing, image.origin, image.direction, "mask")
    return Study("P1", 1, {m: images[m] for m in modalities}, {m: masks[m] for m in modalities})


@pytest.mark.parametrize(
    "direction", [(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0), OBLIQUE]
)
def test_the_hottest_point_is_found_and_shown_in_all_planes(direction):
    views = key_views(study(direction))
    np.testing.assert_allclose(views["position"], HOT, atol=4.0)  # a PET voxel
    for plane in ("axial", "coronal", "sagittal"):
        pet, ct, mask = (views[f"{name}_{plane}"] for name in ("pet", "ct", "mask"))
        assert pet.shape == ct.shape == mask.shape
        assert pet.dtype == ct.dtype == np.float16 and mask.dtype == np.uint8
        inside = mask > 0
        assert pet[inside].astype(float).mean() > 10 and np.median(ct[inside].astype(float)) == 60
        assert np.pi * 9**2 / 4 == pytest.approx(inside.sum(), rel=0.2), "a disc of 9 mm in pixels of 2 mm"
    assert views["pet_mip"].max() == pytest.approx(
        max(views[f"pet_{p}"].max() for p in ("axial", "coronal")), rel=0.2
    )


def test_sides_and_head():
    views = key_views(study())

    def place(name):
        """Say where the lesion lies in a picture: share of its height and of its width."""
        return [
            float(axis.mean()) / n for axis, n in zip(np.nonzero(views[name]), views[name].shape, strict=True)
        ]

    down, across = place("mask_axial")
    assert down < 0.5 < across, "anterior is at the top, the patient's left on the right of the picture"
    for name in ("mask_coronal", "mask_mip"):
        down, across = place(name)
        assert down < 0.5 < across, "the head is at the top"
    down, across = place("mask_sagittal")
    assert down < 0.5 and across < 0.5, "anterior is on the left"


def test_what_is_missing_is_absent():
    views = key_views(study(modalities=("ct",)))
    assert not any(name.startswith("pet") for name in views) and "ct_axial" in views
    views = key_views(study(modalities=("pet",)))
    assert not any(name.startswith("ct") for name in views) and "pet_mip" in views
    bare = Study("P1", 1, {"ct": noise(modality="ct")})
    assert "mask_axial" not in key_views(bare) and "ct_axial" in key_views(bare)
    assert key_views(Study("P1", 1)) == {}


def test_a_whole_body_is_cut_to_what_matters():
    image = noise((4, 90, 260), "ct", (4.0, 4.0, 4.0))
    mask = ball(image)
    views = key_views(Study("P1", 1, {"ct": image}, {"ct": mask}))
    assert views["ct_axial"].shape == (180, 200)
