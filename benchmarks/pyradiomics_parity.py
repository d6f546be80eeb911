"""Our engine beside pyradiomics 3.0.1 on real lesions: the largest relative difference of every family.

    OMP_NUM_THREADS=1 python benchmarks/pyradiomics_parity.py --data ../shared/data/sts/nifti [--patients 36]

Soft-tissue sarcomas (TCIA, doi:10.7937/K9/TCIA.2015.7GO2GSKS), CT and PET, on the native grid, at 1 mm (b-spline) and
with filters (wavelets, Laplacians of Gaussian of 1 and 3 mm, square, square root, logarithm, exponential, gradient).
Bins of 25 HU and 0.25 SUV, pyradiomics' other settings as they are. `conventions` counts values for which pyradiomics
gives the limit or the convention of a formula that is not defined (correlation 1 of one grey level) and this engine NaN
with the reason; `rounding` those that are 0 but for rounding there and exactly 0 here. Seconds are processor time,
those of the first row with the loading of kernels. Filters run on every third patient.

Three patients, `--patients 3`:

                        features   largest  > 1e-6  conventions  rounding   peer s  ours s
    CT native   shape         42   1.8e-13       0            0         0      2.1     0.7
    CT native   firstorder        54   2.1e-12       0            0         0
    CT native   glcm          72   3.1e-10       0            0         0
    CT native   glrlm         48   5.7e-15       0            0         0
    CT native   glszm         48   1.3e-14       0            0         0
    CT native   gldm          42   1.1e-14       0            0         0
    CT native   ngtdm         15   8.5e-15       0            0         0
    CT 1 mm     shape         42   8.5e-13       0            0         0      6.6     0.3
    CT 1 mm     firstorder        54   8.4e-13       0            0         0
    CT 1 mm     glcm          72   2.0e-09       0            0         0
    CT 1 mm     glrlm         48   8.0e-15       0            0         0
    CT 1 mm     glszm         48   1.9e-14       0            0         0
    CT 1 mm     gldm          42   1.2e-14       0            0         0
    CT 1 mm     ngtdm         15   1.8e-13       0            0         0
    CT filters  shape         14   1.8e-13       0            0         0      5.4     0.4
    CT filters  firstorder       288   2.9e-08       0            0         0
    CT filters  glcm         384   1.8e-10       0            8         6
    CT filters  glrlm        256   7.9e-15       0            0         0
    CT filters  glszm        256   2.9e-14       0            0         2
    CT filters  gldm         224   1.2e-14       0            0         0
    CT filters  ngtdm         80   1.1e-13       0            8         0
    PET native  shape         42   6.1e-14       0            0         0      0.1     0.0
    PET native  firstorder        54   1.6e-14       0            0         0
    PET native  glcm          72   1.7e-12       0            0         0
    PET native  glrlm         48   4.7e-15       0            0         0
    PET native  glszm         48   1.3e-14       0            0         0
    PET native  gldm          42   9.5e-15       0            0         0
    PET native  ngtdm         15   5.8e-16       0            0         0
    PET 1 mm    shape         42   1.5e-13       0            0         0      5.8     0.2
    PET 1 mm    firstorder        54   6.7e-13       0            0         0
    PET 1 mm    glcm          72   2.0e-11       0            0         0
    PET 1 mm    glrlm         48   2.0e-14       0            0         0
    PET 1 mm    glszm         48   3.8e-14       0            0         0
    PET 1 mm    gldm          42   3.6e-14       0            0         0
    PET 1 mm    ngtdm         15   1.4e-14       0            0         0
    PET filters shape         14   6.1e-14       0            0         0      0.4     0.1
    PET filters firstorder       288   8.4e-11       0            0         0
    PET filters glcm         384   3.8e-11       0            0         0
    PET filters glrlm        256   7.6e-15       0            0         0
    PET filters glszm        256   1.8e-14       0            0         0
    PET filters gldm         224   1.3e-14       0            0         0
    PET filters ngtdm         80   3.8e-15       0            0         0

All 36 patients, CT on the native grid (the rows of that run that a busy machine had time for):

    CT native   shape        504   5.0e-13       0            0         0     47.6     2.1
    CT native   firstorder       648   2.5e-12       0            0         0
    CT native   glcm         864   2.2e-09       0            0         0
    CT native   glrlm        576   1.4e-14       0            0         0
    CT native   glszm        576   3.7e-14       0            0         0
    CT native   gldm         504   2.1e-14       0            0         0
    CT native   ngtdm        180   7.5e-14       0            0         0
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hybridx.radiomics import RadiomicsSettings, measure_radiomics  # noqa: E402

WIDTHS = {"CT": 25.0, "PET": 0.25}
TYPES = ("original", "log", "wavelet", "square", "squareroot", "logarithm", "exponential", "gradient")
MODES = {
    "native": {},
    "1 mm": {"resample_mm": 1.0, "interpolator": "bspline"},
    "filters": {"image_types": TYPES, "log_sigma_mm": (1.0, 3.0)},
}
ZERO = 1e-14  # what is left of 0 after rounding


def compare(
    image: Path, mask: Path, settings: RadiomicsSettings, seconds: Counter[str]
) -> dict[str, list[float]]:
    """Relative differences by family; NaN for a convention, -1 for a rounded zero."""
    volume, lesion = sitk.ReadImage(str(image)), sitk.ReadImage(str(mask))
    start = time.process_time()
    theirs = measure_radiomics(volume, lesion, settings, engine="pyradiomics").values
    middle = time.process_time()
    ours = measure_radiomics(volume, lesion, settings).values
    seconds["pyradiomics"] += middle - start
    seconds["hybridx"] += time.process_time() - middle
    if theirs.keys() != ours.keys():
        msg = f"names differ: {sorted(theirs.keys() ^ ours.keys())[:5]}"
        raise ValueError(msg)
    found: dict[str, list[float]] = {}
    for name, value in theirs.items():
        mine = ours[name]
        if math.isnan(mine):
            difference = math.nan if not math.isnan(value) else 0.0
        elif mine == 0.0 and abs(value) < ZERO:
            difference = -1.0 if value else 0.0
        else:
            difference = abs(mine - value) / max(abs(value), 1e-300)
        found.setdefault(name.split("_")[1], []).append(difference)
    return found


def main() -> None:
    """Print a table: a row a family, a column a kind of image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=36)
    given = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    folders = sorted(folder for folder in given.data.iterdir() if folder.is_dir())[: given.patients]
    print(f"{len(folders)} patients, numpy {np.__version__}")
    print(
        f"{'':18}{'features':>10}{'largest':>10}{'> 1e-6':>8}{'conventions':>13}{'rounding':>10}"
        f"{'peer s':>9}{'ours s':>8}"
    )
    for modality, width in WIDTHS.items():
        for mode, options in MODES.items():
            settings = RadiomicsSettings.pyradiomics(bin_width=width, **options)
            table: dict[str, list[float]] = {}
            seconds: Counter[str] = Counter()
            for folder in folders if mode != "filters" else folders[::3]:
                pair = folder / f"{modality}_image.nii.gz", folder / f"{modality}_mask.nii.gz"
                for family, differences in compare(*pair, settings, seconds).items():
                    table.setdefault(family, []).extend(differences)
            times = f"{seconds['pyradiomics']:9.1f}{seconds['hybridx']:8.1f}"
            for family, differences in table.items():
                real = [d for d in differences if d >= 0]
                row = f"{len(differences):10}{max(real):10.1e}{sum(d > 1e-6 for d in real):8}"
                row += f"{sum(math.isnan(d) for d in differences):13}{sum(d < 0 for d in differences):10}"
                print(f"{modality + ' ' + mode:12}{family:6}".ljust(18) + row + times, flush=True)
                times = ""


if __name__ == "__main__":
    main()
