"""How long image filters take, one core, beside pyradiomics' own on the same arrays.

Process time, best of three; memory is the largest sum of arrays alive while images are taken one at a time, in copies
of the filtered array as it came in. First the CT of six sarcoma patients on 1 mm voxels, cut out as pyradiomics does
(five voxels around the lesion), then IBSI's filters on a made-up volume. Compiling apart: the first call of each in a
process with an empty cache, and again with that cache.

    python benchmarks/radiomics_filters.py

printed (memory of a lesion in 16-bit integers: 4.0 is one image in double precision)::

    first call of all filters, empty cache: 8.29 CPU seconds
    first call of all filters, full cache: 0.36 CPU seconds
    six lesions, CT at 1 mm, 7,276,777 voxels; CPU seconds for all six
    image type     pyradiomics  hybridx  times  memory
    Wavelet              0.665    0.145    4.6    28.2
    LoG                  3.394    0.523    6.5    10.1
    Square               0.034    0.007    4.9     4.0
    SquareRoot           0.092    0.031    3.0     8.0
    Logarithm            0.110    0.030    3.6     8.0
    Exponential          0.043    0.011    4.0     4.0
    Gradient             0.196    0.023    8.6     2.0
    IBSI's filters, 2,340,000 voxels of 1 mm, double precision; CPU seconds
    mean, 5 voxels                              0.01
    LoG, 1.5 mm                                 0.07
    Laws L5E5E5, 24 rotations, energy           0.06
    Gabor 5 mm, 3 planes x 16 directions        3.22
    wavelet db3 LLH, 24 rotations               0.19
    wavelet db3 HHH level 2, 24 rotations       0.11
    Simoncelli                                  0.11
    Riesz (2, 0, 0) of Simoncelli               0.19
    Riesz (2, 0, 0), steered                    3.63
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from hybridx.radiomics.filters import filter_image
from hybridx.radiomics.pyradiomics_filters import pyradiomics_images

ROOT = (
    Path(os.environ.get("HYBRIDX_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "sts" / "nifti"
)
PATIENTS = ("STS_001", "STS_002", "STS_004", "STS_005", "STS_007", "STS_008")
TYPES = {
    "Wavelet": {},
    "LoG": {"sigma": [1.0, 2.0, 3.0]},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
}
IBSI = {
    "mean, 5 voxels": ("mean", {"support": 5}),
    "LoG, 1.5 mm": ("laplacian_of_gaussian", {"sigma": 1.5}),
    "Laws L5E5E5, 24 rotations, energy": ("laws", {"kernel": "L5E5E5"}),
    "Gabor 5 mm, 3 planes x 16 directions": (
        "gabor",
        {
            "sigma": 5.0,
            "wavelength": 2.0,
            "gamma": 1.5,
            "rotation_invariant": True,
            "delta_theta": 22.5,
            "planes": "orthogonal",
        },
    ),
    "wavelet db3 LLH, 24 rotations": ("wavelet", {"wavelet": "db3", "passes": "LLH"}),
    "wavelet db3 HHH level 2, 24 rotations": ("wavelet", {"wavelet": "db3", "passes": "HHH", "level": 2}),
    "Simoncelli": ("simoncelli", {"level": 1}),
    "Riesz (2, 0, 0) of Simoncelli": ("riesz", {"order": (2, 0, 0)}),
    "Riesz (2, 0, 0), steered": ("riesz", {"order": (2, 0, 0), "steer_sigma": 1.0}),
}


def best(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def ours(image: np.ndarray, image_type: str) -> None:
    for _ in pyradiomics_images(image, (1.0, 1.0, 1.0), image_type, **TYPES[image_type]):
        pass


def theirs(image: sitk.Image, image_type: str) -> None:
    from radiomics import imageoperations  # noqa: PLC0415 - it does not install everywhere

    for one, _, _ in getattr(imageoperations, f"get{image_type}Image")(image, None, **TYPES[image_type]):
        sitk.GetArrayFromImage(one)  # as every feature class of pyradiomics begins


def lesion(patient: str) -> sitk.Image:
    from radiomics import imageoperations  # noqa: PLC0415 - it does not install everywhere

    image = sitk.ReadImage(str(ROOT / patient / "CT_image.nii.gz"))
    mask = sitk.Cast(sitk.ReadImage(str(ROOT / patient / "CT_mask.nii.gz")) > 0, sitk.sitkUInt8)
    mask.CopyInformation(image)
    settings = {"resampledPixelSpacing": [1, 1, 1], "interpolator": sitk.sitkBSpline, "padDistance": 5}
    return imageoperations.resampleImage(image, mask, **settings)[0]


def beside_pyradiomics() -> None:
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    images = [lesion(patient) for patient in PATIENTS]
    arrays = [sitk.GetArrayFromImage(image) for image in images]
    print(f"six lesions, CT at 1 mm, {sum(array.size for array in arrays):,} voxels; CPU seconds for all six")
    print(f"{'image type':<14}{'pyradiomics':>12}{'hybridx':>9}{'times':>7}{'memory':>8}")
    for image_type in TYPES:
        ours(arrays[1], image_type)
        them = sum(best(partial(theirs, image, image_type)) for image in images)
        us = sum(best(partial(ours, array, image_type)) for array in arrays)
        copies = max(peak(partial(ours, array, image_type)) / array.nbytes for array in arrays)
        print(f"{image_type:<14}{them:>12.3f}{us:>9.3f}{them / us:>7.1f}{copies:>8.1f}")


def of_ibsi() -> None:
    image = np.random.default_rng(0).normal(size=(120, 130, 150)) * 300.0
    print(f"IBSI's filters, {image.size:,} voxels of 1 mm, double precision; CPU seconds")
    for name, (kind, params) in IBSI.items():
        filter_image(image[:20, :20, :20], (1.0, 1.0, 1.0), kind, **params)
        seconds = best(partial(filter_image, image, (1.0, 1.0, 1.0), kind, **params), 2)
        print(f"{name:<40}{seconds:>8.2f}")


def first_calls() -> None:
    """Print the CPU seconds of the first call of everything here, with an empty cache and with the one it leaves."""
    with tempfile.TemporaryDirectory() as cache:
        for what in ("empty", "full"):
            command = [sys.executable, __file__, "first"]
            done = subprocess.run(
                command,
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"first call of all filters, {what} cache: {done.stdout.strip()} CPU seconds")


def first() -> None:
    image = np.random.default_rng(0).normal(size=(16, 16, 16))
    begin = time.process_time()
    for image_type in TYPES:
        ours(image.astype(np.float32), image_type) if image_type != "LoG" else ours(
            np.tile(image, 2), image_type
        )
        ours(np.tile(image, 2), image_type)
    for kind, params in IBSI.values():
        filter_image(image, (1.0, 1.0, 1.0), kind, **params)
    print(f"{time.process_time() - begin:.2f}")


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose radiomics.py would stand before pyradiomics' package
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    if sys.argv[1:] == ["first"]:
        first()
    else:
        first_calls()
        beside_pyradiomics()
        of_ibsi()
