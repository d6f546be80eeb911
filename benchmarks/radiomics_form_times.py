"""How long size, form, peaks, statistics and histograms take, one core, and how long their kernels take to compile.

Two made-up ellipsoids, of 824,000 and of 2,752 voxels, with a margin of 8 voxels of 1 mm. Process time, best of
several; compiling apart, in a process of its own with an empty cache, then again with that cache (numba itself takes
about 0.5 s of that, once per process).

    python benchmarks/radiomics_form_times.py

On one core of an AMD EPYC (2.6 GHz), numba 0.68.1, beside other work (peaks 64 to 93 ms from run to run):

family                   824,000 voxels   2,752 voxels  first call   cached
statistics                       6.4 ms        0.08 ms       1.7 s   0.57 s
intensity histogram              4.4 ms        0.13 ms       0.0 s   0.00 s
volume histogram                 5.0 ms        0.05 ms       0.0 s   0.00 s
peaks                           85.6 ms        0.84 ms       3.9 s   0.54 s
mesh                             2.8 ms        0.33 ms       1.6 s   0.61 s
Moran and Geary                309.2 ms        1.08 ms       1.0 s   0.55 s
morphology                    1023.9 ms        8.41 ms      11.3 s   0.76 s
pyradiomics shape               60.2 ms        3.04 ms       6.6 s   0.63 s
pyradiomics firstorder          10.0 ms        0.14 ms       1.4 s   0.47 s
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np

from hybridx.radiomics.roi import Levels, Roi

# name -> module, function, what it takes, keyword arguments
FAMILIES = {
    "statistics": ("statistics", "statistics", "roi", {}),
    "intensity histogram": ("histogram", "intensity_histogram", "levels", {}),
    "volume histogram": ("volume_histogram", "volume_histogram", "roi", {"width": 2.5}),
    "peaks": ("local_intensity", "local_intensity", "roi", {}),
    "mesh": ("mesh", "measure_surface", "mask", {}),
    "Moran and Geary": ("autocorrelation", "autocorrelation", "roi", {}),
    "morphology": ("morphology", "morphology", "roi", {}),
    "pyradiomics shape": ("pyradiomics_shape", "pyradiomics_shape", "roi", {}),
    "pyradiomics firstorder": ("pyradiomics_firstorder", "pyradiomics_firstorder", "both", {}),
}
Lesion = dict[str, tuple]


def lesion(size: tuple[int, int, int]) -> Lesion:
    z, y, x = [((np.arange(n + 16) - (n + 15) / 2) / (n / 2)) ** 2 for n in size]
    mask = z[:, None, None] + y[:, None] + x <= 1
    image = np.random.default_rng(0).normal(100.0, 30.0, mask.shape)
    roi = Roi(image, mask, mask, (1.0, 1.0, 1.0))
    array = np.where(mask, np.clip(image // 5, 0, 60) + 1, 0).astype(np.int32)
    levels = Levels(array, 61, mask, roi.spacing, 5.0, 0.0)
    return {"roi": (roi,), "levels": (levels,), "both": (roi, levels), "mask": (mask, roi.spacing)}


def family(name: str) -> Callable[[Lesion], object]:
    module, function, given, settings = FAMILIES[name]
    found = getattr(import_module(f"hybridx.radiomics.{module}"), function)
    return lambda what: found(*what[given], **settings)


def best(work: Callable[[], object], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def first_call(name: str) -> None:
    """Print the CPU seconds of importing and calling a family for the first time."""
    small, begin = lesion((12, 14, 14)), time.process_time()
    family(name)(small)
    print(time.process_time() - begin)


def first_calls(name: str) -> list[float]:
    """CPU seconds with an empty cache, and with the one that leaves behind."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        command = [sys.executable, __file__, name]
        runs = [subprocess.run(command, env=environment, capture_output=True, check=True) for _ in range(2)]
    return [float(run.stdout) for run in runs]


def main() -> None:
    large, small = lesion((104, 124, 122)), lesion((16, 18, 18))
    print(f"{'family':24}{'824,000 voxels':>15}{'2,752 voxels':>15}{'first call':>12}{'cached':>9}")
    for name in FAMILIES:
        run = family(name)
        run(small)
        times = [1000 * best(lambda what=what, run=run: run(what)) for what in (large, small)]
        cold, warm = first_calls(name)
        print(f"{name:24}{times[0]:12.1f} ms{times[1]:12.2f} ms{cold:10.1f} s{warm:7.2f} s", flush=True)


if __name__ == "__main__":
    first_call(sys.argv[1]) if len(sys.argv) > 1 else main()
