"""A small data folder with real NIfTI files, for tests that plant one defect in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import SimpleITK as sitk

__all__ = ["small_folder", "write_volume"]


def write_volume(path: Path, array: np.ndarray, spacing: float, origin: float = -20.0) -> None:
    """Write (z, y, x) voxels of an isotropic grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([spacing] * 3)
    image.SetOrigin([origin] * 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def small_folder(folder: Path, n: int = 3, n_images: int | None = None, seed: int = 0) -> Path:
    """Write `n` patients with labs, expression-free tables and outcomes, the first `n_images` of them with PET and CT.

    The lesion is an ellipsoid of about 8 mL, hot on PET; patient i is called ``P001`` and so on.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"P{i + 1:03d}" for i in range(n)]
    hazard = rng.normal(size=n)
    pl.DataFrame(
        {
            "patient_id": ids,
            "sex": rng.choice(["female", "male"], n),
            "age_years": np.round(rng.uniform(40, 80, n), 1),
            "ecog": rng.integers(0, 3, n),
        }
    ).write_csv(folder / "patients.csv")
    pl.DataFrame(
        {
            "patient_id": ids * 2,
            "day": [-2] * (2 * n),
            "analyte": ["ldh"] * n + ["albumin"] * n,
            "value": np.round(np.concatenate([250 + 60 * hazard, 40 - 3 * hazard]), 1),
            "unit": ["U/L"] * n + ["g/L"] * n,
        }
    ).write_csv(folder / "labs.csv")
    time = np.ceil(rng.exponential(500 * np.exp(-hazard))) + 1
    censoring = np.ceil(rng.uniform(200, 1500, n))
    pl.DataFrame(
        {
            "patient_id": ids,
            "endpoint": ["OS"] * n,
            "origin": ["baseline"] * n,
            "time_days": np.minimum(time, censoring),
            "event": (time <= censoring).astype(int),
        }
    ).write_csv(folder / "outcomes.csv")
    rows = []
    for i in range(n if n_images is None else n_images):
        rows += [_write_image(folder, ids[i], modality, rng) for modality in ("pet", "ct")]
    if rows:
        pl.DataFrame(rows).write_csv(folder / "studies.csv")
    return folder


def _write_image(folder: Path, patient: str, modality: str, rng: np.random.Generator) -> dict[str, object]:
    spacing, size = (4.0, 16) if modality == "pet" else (2.5, 26)
    # every lesion lies a little elsewhere: two patients with the same mask are a defect that validation finds
    z, y, x = np.indices((size,) * 3) * spacing - 30.0 + rng.uniform(-4, 4, 3).reshape(3, 1, 1, 1)
    mask = (x**2 + y**2 + (z / 1.2) ** 2) < rng.uniform(10.5, 13.5) ** 2
    texture = rng.normal(size=mask.shape)
    array = (
        np.where(mask, 7 + texture, 1 + 0.2 * texture)
        if modality == "pet"
        else np.where(mask, 45, -60) + 12 * texture
    )
    array = np.maximum(array, 0.0) if modality == "pet" else array
    names = {part: f"images/{patient}_{modality}_{part}.nii.gz" for part in ("image", "mask")}
    write_volume(folder / names["image"], array.astype(np.float32), spacing)
    write_volume(folder / names["mask"], mask.astype(np.uint8), spacing)
    return {
        "patient_id": patient,
        "modality": modality,
        "image": names["image"],
        "mask": names["mask"],
        "tracer": "FDG" if modality == "pet" else None,
        "scanner": "Test scanner",
        "unit": "SUVbw" if modality == "pet" else "HU",
    }
