"""How long each family of texture features takes, one core, and how long its kernels take to compile.

Two made-up lesions in grey levels: a block of 819,000 voxels (the size at which others publish their times) and an
ellipsoid of 2,500. Process time, best of several; compiling apart, in a process of its own with an empty cache, then
again with that cache (plain machine code: numba is not loaded).

    python benchmarks/radiomics_kernels.py

On one core of an AMD EPYC (2.6 GHz), numba 0.68.1, beside other work:

family                               819,000 voxels   2,500 voxels  first call   cached
glcm 3D_avg                                  6.6 ms        0.21 ms       8.0 s   0.03 s
glcm, six aggregations                      10.7 ms        0.55 ms       9.7 s   0.04 s
ngtdm + ngldm 3D                             5.5 ms        0.14 ms       5.7 s   0.03 s
ngtdm + ngldm, three aggregations            9.9 ms        0.36 ms       8.0 s   0.03 s
glrlm 3D_avg                                 7.4 ms        0.28 ms       6.1 s   0.03 s
glrlm, six aggregations                     19.2 ms        0.67 ms       6.4 s   0.03 s
glszm 3D                                    13.0 ms        0.17 ms       5.5 s   0.06 s
glszm + gldzm 3D                            13.9 ms        0.24 ms       5.0 s   0.05 s
glszm + gldzm, three aggregations           48.2 ms        0.60 ms       5.6 s   0.04 s
pyradiomics glcm                             9.4 ms        0.74 ms       9.2 s   0.03 s
pyradiomics glrlm                            7.5 ms        0.25 ms       6.8 s   0.03 s
pyradiomics glszm                            9.8 ms        0.12 ms       4.7 s   0.03 s
pyradiomics ngtdm + gldm                     5.0 ms        0.16 ms       5.4 s   0.04 s
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import numpy as np
from scipy.ndimage import gaussian_filter

from hybridx.radiomics.roi import Levels

# name -> module, function, keyword arguments; one line a family
FAMILIES = {
    "glcm 3D_avg": ("glcm", "glcm", {"aggregation": "3D_avg"}),
    "glcm, six aggregations": (
        "glcm",
        "glcm",
        {"aggregation": ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")},
    ),
    "ngtdm + ngldm 3D": ("neighbour_matrices", "neighbour_features", {}),
    "ngtdm + ngldm, three aggregations": (
        "neighbour_matrices",
        "neighbour_features",
        {"aggregation": ("2D", "2_5D", "3D")},
    ),
    "glrlm 3D_avg": ("glrlm", "glrlm", {}),
    "glrlm, six aggregations": (
        "glrlm",
        "glrlm",
        {"aggregation": ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")},
    ),
    "glszm 3D": ("glszm", "glszm", {}),
    "glszm + gldzm 3D": ("zones", "zone_features", {}),
    "glszm + gldzm, three aggregations": ("zones", "zone_features", {"aggregation": ("2D", "2_5D", "3D")}),
    "pyradiomics glcm": ("pyradiomics_glcm", "pyradiomics_glcm", {}),
    "pyradiomics glrlm": ("pyradiomics_glrlm", "pyradiomics_glrlm", {}),
    "pyradiomics glszm": ("pyradiomics_glszm", "pyradiomics_glszm", {}),
    "pyradiomics ngtdm + gldm": ("pyradiomics_neighbours", "pyradiomics_neighbours", {}),
}


def block(levels: int = 64) -> Levels:
    return made_up((91, 90, 100), levels, np.ones((91, 90, 100), dtype=bool))


def ellipsoid(levels: int = 32) -> Levels:
    shape = (12, 20, 20)
    offsets = [(axis - (n - 1) / 2) / (n / 2) for axis, n in zip(np.indices(shape), shape, strict=True)]
    return made_up(shape, levels, sum(offset**2 for offset in offsets) < 1)


def made_up(shape: tuple[int, ...], levels: int, inside: np.ndarray) -> Levels:
    field = gaussian_filter(np.random.default_rng(0).normal(size=shape), 2)
    low, high = np.quantile(field, [0.001, 0.999])
    array = np.clip(np.floor((field - low) / (high - low) * levels), 0, levels - 1).astype(np.int32) + 1
    return Levels(array * inside, levels, inside, (1.0, 1.0, 1.0))


def family(name: str) -> Callable[[Levels], object]:
    module, function, settings = FAMILIES[name]
    found = getattr(import_module(f"hybridx.radiomics.{module}"), function)
    return lambda levels: found(levels, **settings)


def best(work: Callable[[], object], repeats: int = 9) -> float:
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def first_call(name: str) -> None:
    """Print the CPU seconds of importing and calling a family for the first time."""
    levels, begin = ellipsoid(4), time.process_time()
    family(name)(levels)
    print(time.process_time() - begin)


def first_calls(name: str) -> tuple[float, float]:
    """CPU seconds with an empty cache, and with the one that leaves behind."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, name]
        runs = [
            subprocess.run(
                command, env=os.environ | {"NUMBA_CACHE_DIR": cache}, capture_output=True, check=True
            )
            for _ in range(2)
        ]
    cold, warm = (float(run.stdout) for run in runs)
    return cold, warm


def main() -> None:
    large, small = block(), ellipsoid()
    print(f"{'family':36}{'819,000 voxels':>15}{'2,500 voxels':>15}{'first call':>12}{'cached':>9}")
    for name in FAMILIES:
        run = family(name)
        run(small)
        times = [
            1000 * best(lambda lesion=lesion, run=run: run(replace(lesion))) for lesion in (large, small)
        ]
        cold, warm = first_calls(name)
        print(f"{name:36}{times[0]:12.1f} ms{times[1]:12.2f} ms{cold:10.1f} s{warm:7.2f} s")


if __name__ == "__main__":
    first_call(sys.argv[1]) if len(sys.argv) > 1 else main()
