"""Our engine beside pyradiomics 3.0.1 on real lesions: the largest relative difference of every family.

    OMP_NUM_THREADS=1 python benchmarks/pyradiomics_parity.py --data ../shared/data/sts/nifti [--patients 36]

Soft-tissue sarcomas (TCIA, doi:10.7937/K9/TCIA.2015.7GO2GSKS), CT and PET, on the native grid, at 1 mm (b-spline) and
with filters (wavelets, Laplacians of Gaussian of 1 and 3 mm, square, square root, logarithm, exponential, gradient).
Bins of 25 HU and 0.25 SUV, pyradiomics' other settings as they are. `conventions` counts values for which pyradiomics
gives the limit or the convention of a formula that is not defined (correlation 1 of one grey level) and this engine NaN
with the reason; `rounding` those that are 0 but for rounding. Seconds are processor time, those of the first row
with the loading of kernels, on a busy machine.

All 36 patients, filters too:

                        features   largest  > 1e-6  conventions  rounding   peer s  ours s
    CT native   shape        504   5.0e-13       0            0         0     46.9    18.2
    CT native   firstorder       648   2.5e-12       0            0         0
    CT native   glcm         864   2.2e-09       0            0         0
    CT native   glrlm        576   1.4e-14       0            0         0
    CT native   glszm        576   3.7e-14       0            0         0
    CT native   gldm         504   2.1e-14       0            0         0
    CT native   ngtdm        180   7.5e-14       0            0         0
    CT 1 mm     shape        504   2.3e-12       0            0         0    174.7    12.4
    CT 1 mm     firstorder       648   1.4e-11       0            0         0
    CT 1 mm     glcm         864   5.9e-09       0            0         0
    CT 1 mm     glrlm        576   1.9e-14       0            0         0
    CT 1 mm     glszm        576   5.6e-14       0            0         0
    CT 1 mm     gldm         504   3.8e-14       0            0         0
    CT 1 mm     ngtdm        180   3.0e-13       0            0         0
    CT filters  shape        504   5.0e-13       0            0         0    229.7    19.4
    CT filters  firstorder     10368   8.6e-07       0            0         0
    CT filters  glcm       13824   1.4e+00      30          196       120
    CT filters  glrlm       9216   2.4e-14       0            0         0
    CT filters  glszm       9216   6.5e-14       0            0        48
    CT filters  gldm        8064   6.3e-14       0            0         0
    CT filters  ngtdm       2880   6.5e-13       0          196         0
    PET native  shape        504   1.1e-13       0            0         0      1.9     0.3
    PET native  firstorder       648   2.5e-13       0            0         0
    PET native  glcm         864   7.4e-10       0            0         0
    PET native  glrlm        576   9.9e-15       0            0         0
    PET native  glszm        576   2.1e-14       0            0         0
    PET native  gldm         504   1.9e-14       0            0         0
    PET native  ngtdm        180   1.1e-14       0            0         0
    PET 1 mm    shape        504   9.2e-13       0            0         0    164.2     7.0
    PET 1 mm    firstorder       648   3.4e-11       0            0         0
    PET 1 mm    glcm         864   4.1e-10       0            0         0
    PET 1 mm    glrlm        576   4.2e-14       0            0         0
    PET 1 mm    glszm        576   1.8e-13       0            0         0
    PET 1 mm    gldm         504   7.2e-14       0            0         0
    PET 1 mm    ngtdm        180   9.1e-14       0            0         0
    PET filters shape        504   1.1e-13       0            0         0     26.7     3.4
    PET filters firstorder     10368   1.7e-07       0            0         0
    PET filters glcm       13824   3.0e-09       0            0         0
    PET filters glrlm       9216   1.6e-14       0            0         0
    PET filters glszm       9216   3.3e-14       0            0         0
    PET filters gldm        8064   2.5e-14       0            0         0
    PET filters ngtdm       2880   2.0e-14       0            0         0

The 30 values of co-occurrence beyond 1e-6 are: 27 entropies of lesions with one grey level after squaring or the
exponential, 0 in truth and -3e-16 and 1e-16 here and there (counted under `rounding` since); and Correlation, Imc1 and
MCC of one squared CT, where one of the 13 directions has one grey level only: pyradiomics takes 1, 0 and 0 for that
direction into the mean (0.148 instead of 0.077 for Correlation), this engine leaves it out. First-order values near
1e-7 are means and skewness close to 0 of LoG images, which both hold in single precision.
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
sys.path[0] = str(ROOT)  # not this folder, whose radiomics.py would stand before pyradiomics' package

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
        elif abs(mine) < ZERO and abs(value) < ZERO:
            difference = -1.0 if mine != value else 0.0
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
            for folder in folders:
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
