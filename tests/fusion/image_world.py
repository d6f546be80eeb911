"""Patients whose pictures carry a risk that no table knows: synthetic PET/CT patches of 16 voxels, stored as by us."""

import numpy as np
import polars as pl
from scipy import ndimage

from hybridx.cohort import Outcome, images

EDGE = 16


def patch(rng, radius, heterogeneity, edge=EDGE):
    """Return a ball of tumour: radius in voxels, heterogeneity as the relative spread of uptake within it."""
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij")) - (edge - 1) / 2
    distance = np.sqrt((grid**2).sum(axis=0))
    mask = np.clip(radius - distance + 0.5, 0, 1)
    texture = ndimage.gaussian_filter(rng.normal(size=(edge,) * 3), 1.0)
    texture /= texture.std()
    pet = 1.0 + mask * 7.0 * np.exp(heterogeneity * texture) + 0.1 * rng.normal(size=(edge,) * 3)
    ct = -100 + 140 * mask + 15 * rng.normal(size=(edge,) * 3)
    return np.stack([np.clip(pet, 0, None), ct, mask]).astype(np.float16)


def draw_images(folder, n=240, seed=0, sign="size", *, missing=0.15, effect=1.2, edge=EDGE, clinical=0.6):
    """Return (frame, survival, response, true log-hazard, the image's part of it).

    `sign` is what the risk hangs on: "size", "texture", "interaction" (size in one half of the patients, told apart by
    ``clinical.group``, works the other way round) or "nothing".
    """
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    size, texture = rng.normal(size=n), rng.normal(size=n)
    group = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    age = rng.normal(size=n)
    signal = {"size": size, "texture": texture, "interaction": size * group, "nothing": np.zeros(n)}[sign]
    picture = effect * np.clip(signal, -2, 2)
    there = rng.random(n) >= missing
    references = []
    for i in range(n):
        content = patch(
            rng, edge * np.clip(0.26 + 0.06 * size[i], 0.12, 0.42), np.exp(-1.2 + 0.6 * texture[i]), edge
        )
        name, packed = images.pack({"patch": content})
        path = folder / "images" / f"{name}.npz"
        path.write_bytes(packed)
        references.append(f"{path.absolute().as_uri()}#{name}" if there[i] else None)
    lab = rng.normal(size=(n, 3))
    log_hazard = clinical * age + picture
    frame = pl.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "clinical.measured": np.ones(n, dtype=bool),
            "clinical.age": age,
            "clinical.group": group,
            "lab.measured": rng.random(n) >= 0.1,
            **{f"lab.x{j}": lab[:, j] for j in range(3)},
            "deep.measured": there,
            "deep.image": pl.Series(references, dtype=pl.String),
        }
    )
    time = 400 * rng.exponential(size=n) * np.exp(-log_hazard) + 1
    censored = rng.uniform(200, 2500, size=n)
    y = Outcome.survival(np.ceil(np.minimum(time, censored)), time <= censored)
    response = Outcome.response((rng.random(n) < 1 / (1 + np.exp(log_hazard))).astype(float))
    return frame, y, response, log_hazard, np.where(there, picture, 0.0)
