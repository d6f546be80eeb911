"""Compiles the kernels of the engine before they are needed: once on a machine, then their machine code is read.

    python -m hybridx.radiomics.compiling

Measured where nothing is kept, beside other work: 42 processor seconds with wavelets and Laplacians of Gaussian; 0.35
where it is (0.9 where numba reads its own cache: see `hybridx.compute.compiled`).
"""

from __future__ import annotations

import time

import numpy as np

from hybridx.compute import one_thread, progress
from hybridx.imaging import Image
from hybridx.radiomics.engine import measure_radiomics
from hybridx.radiomics.settings import RadiomicsSettings

__all__ = ["compile_kernels"]

TINY = (9, 10, 11)


def compile_kernels(*, filters: bool = True, show_progress: bool = True) -> float:
    """Compile, or read from the cache, what radiomics with the usual settings needs.

    Workers that start after this find everything ready; without it each of them would compile the same.

    Parameters
    ----------
    filters : bool
        Also wavelets and Laplacian of Gaussian.
    show_progress : bool
        Whether to show a bar where it takes more than two seconds.

    Returns
    -------
    float
        Seconds.
    """
    start = time.perf_counter()
    rng = np.random.default_rng(0)
    image = Image(rng.normal(size=TINY).astype(np.float32) * 50.0, (2.0, 2.0, 2.0), modality="ct")
    inside = np.zeros(TINY, np.uint8)
    inside[2:-2, 2:-2, 2:-2] = 1
    mask = Image(inside, image.spacing, modality="mask")
    whole = Image(image.array.astype(np.int16), image.spacing, modality="ct")
    more = {"image_types": ("original", "log", "wavelet"), "log_sigma_mm": (2.0,)} if filters else {}
    linear = RadiomicsSettings.pyradiomics(
        bin_width=25.0, resample_mm=1.5, interpolator="linear", pad_voxels=1, **more
    )
    runs = [
        (image, RadiomicsSettings.pyradiomics(bin_width=25.0, resample_mm=1.5)),
        (image, RadiomicsSettings.pyradiomics(bin_width=25.0, **more)),
        (whole, linear),
    ]
    with (
        one_thread(),
        progress("Compiling kernels, once on this machine", len(runs), enabled=show_progress) as bar,
    ):
        for scan, settings in runs:
            measure_radiomics(scan, mask, settings)
            bar.advance()
    return time.perf_counter() - start


if __name__ == "__main__":
    compile_kernels()
