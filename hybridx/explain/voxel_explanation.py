"""What each voxel of a patient's PET and CT adds: maps that sum to the modality's contribution."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from hybridx.compute import atomic_folder
from hybridx.errors import ExplanationError
from hybridx.explain.tabled import TabledFigure
from hybridx.imaging import Image, write_image

__all__ = ["VoxelExplanation"]

_SUM = 1e-6


@dataclass(frozen=True, eq=False)
class VoxelExplanation:
    """What each voxel of a patient's PET and CT adds to the prediction.

    ``contribution = sum of all maps + outside + rest`` is checked when the object is made.

    Parameters
    ----------
    patient_id : str
        Whose.
    modality : str
        Whose contribution is spread: `deep`, `pet` or `ct`.
    scale : str
        As in `Explanation`.
    contribution : float
        The modality's contribution to the patient's prediction, as in `Explanation.modalities`.
    maps : mapping of str to Image
        ``pet``, ``ct`` and ``contour`` (what the drawn contour itself says: size and shape of the lesion; on the
        grid of the mask), on `scale` per voxel of the image. Of hand-made features there is the map of their own image,
        and `contour` is also whatever no region of the image can be held to.
    images, masks : mapping of str to Image
        What was read, by image.
    inside : mapping of str to float
        Share of the map's total size (sum of absolute values) that lies inside the lesion, by image.
    lesion_share : float
        Share of the volume looked at (the box; for hand-made features the lesion and the tissue around it) that the
        lesion fills: what `inside` would be if all voxels counted alike.
    outside : float
        Part of voxels of the box that were not scanned.
    rest : float
        What the reference pictures leave between them and the average that the contribution starts from; 0 as a rule.
    method : str
        How it was found, with the gap.
    """

    patient_id: str
    modality: str
    scale: str
    contribution: float
    maps: Mapping[str, Image]
    images: Mapping[str, Image]
    masks: Mapping[str, Image]
    inside: Mapping[str, float]
    lesion_share: float
    outside: float
    rest: float
    method: str

    def __post_init__(self) -> None:
        total = (
            sum(float(one.array.sum(dtype=np.float64)) for one in self.maps.values())
            + self.outside
            + self.rest
        )
        if not abs(total - self.contribution) <= _SUM * (1.0 + abs(self.contribution)):
            msg = (
                f"Voxels give {total:.6g} for a contribution of {self.contribution:.6g} (tolerance {_SUM:g})."
            )
            raise ExplanationError(msg)

    def table(self) -> pl.DataFrame:
        """Return one row per map: `sum`, what `raises`, what `lowers`, and `inside`, its share in the lesion."""
        rows: list[tuple[str, float, float | None, float | None, float | None]] = []
        for name, one in self.maps.items():
            values = one.array.astype(np.float64)
            up, down = float(values[values > 0].sum()), float(values[values < 0].sum())
            rows.append((name, up + down, up, down, self.inside.get(name)))
        rows += [
            (name, value, None, None, None)
            for name, value in (("outside", self.outside), ("rest", self.rest))
        ]
        names = ("sum", "raises", "lowers", "inside")
        return pl.DataFrame(rows, schema={"map": pl.String, **dict.fromkeys(names, pl.Float64)}, orient="row")

    def plot(self) -> TabledFigure:
        """Return slices through the lesion of PET and CT with the map and the contour."""
        from hybridx.explain.voxel_figure import voxel_figure  # noqa: PLC0415 - plotly is loaded when something is drawn

        return voxel_figure(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write each map as ``<image>.nii.gz`` and the sums as ``voxels.json``; neither names the patient."""
        facts = {
            "modality": self.modality,
            "scale": f"{self.scale} per voxel",
            "contribution": self.contribution,
            "inside": dict(self.inside),
            "lesion_share": self.lesion_share,
            "outside": self.outside,
            "rest": self.rest,
            "method": self.method,
        }
        with atomic_folder(Path(folder), replace_if="voxels.json") as target:
            for name, one in self.maps.items():
                write_image(one, target / f"{name}.nii.gz")
            (target / "voxels.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        return Path(folder)

    def __repr__(self) -> str:
        sums = ", ".join(
            f"{name} {total:+.3f}" for name, total in self.table().select("map", "sum").iter_rows() if total
        )
        inside = ", ".join(f"{name} {share:.0%}" for name, share in self.inside.items())
        return (
            f"VoxelExplanation({self.patient_id!r}: {self.modality} {self.contribution:+.3f} {self.scale} = {sums}; "
            f"inside the lesion: {inside} (which fills {self.lesion_share:.1%} of the volume looked at); {self.method})"
        )
