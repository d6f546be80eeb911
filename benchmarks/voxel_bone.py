"""How much of a picture's map lies where no risk comes from: bone beside a lesion that drives the risk.

    OMP_NUM_THREADS=1 python benchmarks/voxel_bone.py [--n 200] [--sign size]

Boxes of 16 voxels with a ball of tumour in the middle and a ball of bone (600 HU, radius 2 to 3 voxels) anywhere at the
edge, which has nothing to do with the outcome. `ImageFusion` learns from n patients; 40 others are explained by
integrated gradients from the pictures of eight training patients (as `hybridx.explain.explain_voxels` does). Parts: the
lesion with one voxel around it, the patient's own bone, the places where only the reference pictures have bone, and the
rest. `size` is the share of the map's absolute values, `volume` that of the box, `net` the standard deviation over
patients of the signed sum of a part, `truth` its correlation with the planted signal. "bone taken out" is what the
model itself says when the patient's own bone becomes soft tissue, and `agrees` the correlation of that with the map's
sum over the bone.

measured (November 2026), 40 patients explained:

                     risk by size, n = 90        risk by size, n = 200       risk by texture, n = 200
                  size volume    net  truth   size volume    net  truth   size volume    net  truth
    lesion       70.9%  17.1%  0.487  +0.92  70.4%  15.5%  0.743  +0.97  81.8%  15.5%  0.766  +0.68
    own bone      6.4%   1.6%  0.015  -0.27   5.3%   1.5%  0.022  -0.01   2.8%   1.5%  0.036  -0.14
    their bone    6.1%   8.4%  0.008  +0.80   6.6%  11.3%  0.025  +0.77   3.7%  11.3%  0.045  +0.07
    rest         16.6%  73.0%  0.167  +0.78  17.7%  71.7%  0.232  +0.71  11.7%  71.7%  0.189  +0.01
    bone taken out             0.015                       0.032                       0.043
      agrees                   0.92                        0.82                        0.73

Why bone lights up: it is no artefact of the reference pictures, or the sum over the own bone would not agree with
taking it out. The network's last layer also takes mean and maximum over the whole box, so that it can read what
surrounds a lesion; bone stands out there, and the network leans on it a little, although it has nothing to do with the
outcome. Net, the own bone moves the prediction by 3 to 5 % of what the lesion does, in no fixed direction; absolute
values overstate it, because neighbouring voxels with opposite signs do not cancel. The rest follows the truth where
size matters: there the references' larger lesions reach beyond the patient's own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))
from hybridx.cohort import images
from hybridx.compute import one_thread
from hybridx.explain.picture import picture_of
from hybridx.explain.voxel_paths import along_paths
from hybridx.fusion import ImageFusion
from tests.fusion import image_world

NEW, EXPLAINED, REFERENCES = 60, 40, 8
PARTS = ("lesion", "own bone", "their bone", "rest")
_PLAIN = image_world.patch


def patch_with_bone(rng, radius, heterogeneity, edge=image_world.EDGE):
    """Return a patch of the world of the tests, with a ball of bone at its edge."""
    content = _PLAIN(rng, radius, heterogeneity, edge).astype(np.float32)
    way = rng.normal(size=3)
    middle = (edge - 1) / 2 + way / np.linalg.norm(way) * (edge / 2 - 1.5)
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"))
    distance = np.sqrt(((grid - middle[:, None, None, None]) ** 2).sum(axis=0))
    bone = (distance < rng.uniform(2, 3.2)) & (content[2] < 0.05)
    content[1] = np.where(bone, 600 + 60 * rng.normal(size=bone.shape), content[1])
    return content.astype(np.float16)


def read(reference):
    return images.read(reference)["patch"].astype(np.float32)


def parts_of(patch, others):
    """Return masks of the four parts, which share out the box."""
    lesion = ndimage.binary_dilation(patch[2] > 0.05)
    own = (patch[1] > 300) & ~lesion
    theirs = np.any([one[1] > 300 for one in others], axis=0) & ~lesion & ~own
    return lesion, own, theirs, ~(lesion | own | theirs)


def explained(model, row, background, others, seed):
    """Return of each part its share of the map and of the box and its signed sum; and what taking the bone out does."""
    patch = read(row["deep.image"][0])
    picture = picture_of(model, row, background, "deep", patch)
    found = along_paths(picture, patch, others, np.full(len(others), 1 / len(others)), 0.2)
    masks = parts_of(patch, others)
    size, signed = np.abs(found.values).sum(axis=0), found.values.sum(axis=0)
    without = patch.copy()
    soft = -100 + 15 * np.random.default_rng(seed).normal(size=masks[1].shape)
    without[1] = np.where(masks[1], soft, patch[1])
    both = picture.predict(np.stack([patch, without]))
    shares = [size[m].sum() / size.sum() for m in masks]
    return [*shares, *(m.mean() for m in masks), *(signed[m].sum() for m in masks), both[0] - both[1]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--sign", choices=["size", "texture"], default="size")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    image_world.patch = patch_with_bone
    with tempfile.TemporaryDirectory() as folder, one_thread():
        X, y, _, _, truth = image_world.draw_images(
            Path(folder), asked.n + NEW, seed=1, sign=asked.sign, clinical=0.3
        )
        known, new = X[: asked.n], X[asked.n :]
        model = ImageFusion(max_epochs=12).fit(known, y[: asked.n])
        others = np.stack([read(one) for one in known["deep.image"].drop_nulls()[:REFERENCES]])
        who = np.flatnonzero(new["deep.image"].is_not_null().to_numpy())[:EXPLAINED]
        rows = np.array([explained(model, new[int(i)], known, others, i) for i in who])
    truth = truth[asked.n :][who]
    print(f"risk by {asked.sign}, n = {asked.n}, {len(who)} patients explained")
    print(f"{'':16} size  volume    net  truth")
    for k, name in enumerate(PARTS):
        share, volume, net = rows[:, k], rows[:, 4 + k], rows[:, 8 + k]
        agrees = np.corrcoef(net, truth)[0, 1]
        print(f"{name:14} {share.mean():6.1%} {volume.mean():7.1%} {net.std():6.3f} {agrees:+6.2f}")
    agrees = np.corrcoef(rows[:, 9], rows[:, 12])[0, 1]
    print(f"{'bone taken out':14} {'':14} {rows[:, 12].std():6.3f}   agrees {agrees:.2f}")


if __name__ == "__main__":
    main()
