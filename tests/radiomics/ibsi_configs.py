"""The configurations of IBSI-1 as settings, and what the consensus says (reference manual, section 5)."""

from __future__ import annotations

import csv
from pathlib import Path

from hybridx.radiomics import RadiomicsSettings

PLANAR = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb")
SPATIAL = ("3D_avg", "3D_comb")
CONFIGS = {
    "digital_phantom": RadiomicsSettings.ibsi(bin_width=1, bin_origin=1, aggregations=(*PLANAR, *SPATIAL)),
    "config_A": RadiomicsSettings.ibsi(bin_width=25, resegment=(-500, 400), aggregations=PLANAR),
    "config_B": RadiomicsSettings.ibsi(
        bin_count=32,
        resegment=(-500, 400),
        resample_mm=(2, 2, 0),
        round_intensities=True,
        aggregations=PLANAR,
    ),
    "config_C": RadiomicsSettings.ibsi(
        bin_width=25,
        resegment=(-1000, 400),
        resample_mm=2,
        round_intensities=True,
        aggregations=SPATIAL,
        volume_bins=2.5,
    ),
    "config_D": RadiomicsSettings.ibsi(
        bin_count=32, outlier_sigma=3, resample_mm=2, round_intensities=True, aggregations=SPATIAL
    ),
    "config_E": RadiomicsSettings.ibsi(
        bin_count=32,
        resegment=(-1000, 400),
        outlier_sigma=3,
        resample_mm=2,
        interpolator="bspline",
        round_intensities=True,
        aggregations=SPATIAL,
        volume_bins=1000,
    ),
}


def paths(folder: Path, config: str) -> tuple[Path, Path]:
    """Image and mask of a configuration."""
    name = "ibsi_1_digital_phantom" if config == "digital_phantom" else "ibsi_1_ct_radiomics_phantom"
    place = folder / "ibsi" / name / "nifti"
    return place / "image" / "phantom.nii.gz", place / "mask" / "mask.nii.gz"


def consensus(folder: Path, config: str) -> list[dict[str, str]]:
    """Rows of the reference table with a value."""
    with (folder / "ibsi" / "ibsi_reference.csv").open(newline="", encoding="utf-8") as handle:
        return [row for row in csv.DictReader(handle) if row["config"] == config and row["reference"]]


def matches(value: float, row: dict[str, str]) -> bool:
    """Whether a value, rounded to the digits of the consensus (at least three), lies within the tolerance."""
    reference, tolerance = float(row["reference"]), float(row["tolerance"] or 0)
    digits = max(3, len(row["reference"].lstrip("-0.").replace(".", "").rstrip("0")))
    return abs(float(f"{value:.{digits}g}") - reference) <= tolerance + 1e-9 * abs(reference)
