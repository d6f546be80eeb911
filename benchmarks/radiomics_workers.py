"""How much faster two workers measure many lesions than one: by the clock, and by processor seconds.

    OMP_NUM_THREADS=1 python benchmarks/radiomics_workers.py --source DATA/sts/nifti

Each run measures PET and CT of every patient in the folder from disk (1 mm, original, wavelets and Laplacians of
Gaussian), as `hybridx.extract` does: `map_tasks`, workers that are fresh processes. Runs with one and two workers take
turns; the clock's ratio is the median over the rounds. On a machine that others use too the clock says how much they
used; processor seconds do not. ``bound`` is what a quiet machine with two cores could give at most: the seconds of one
worker, over half of those that two workers took (more where they hinder each other, and each loads the library) and
what the parent spent meanwhile, which nobody shares.

Printed for 36 patients, on two cores of a machine that did little else::

    clock: 1.81 times as fast (rounds: 1.79, 1.81, 1.81, 1.80, 1.85)
    bound: 1.86; the parent spends 0.2%, the workers 1.07 of the work of one

A run with one worker takes 25.6 s, with two 14.1 s, of which each spends 0.6 s on starting. The largest lesions go
first; in the order of the folder one worker is left alone with a large one, and the ratio is 1.77. The rest of what
two workers spend more is time in caches and memory that they share.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from pathlib import Path

from hybridx.compute import map_tasks

BIN = {"CT": 25.0, "PET": 0.25}
Item = tuple[str, str, str]


def measure(item: Item) -> int:
    """Measure one lesion, and count its values."""
    from hybridx.radiomics import RadiomicsSettings, extract_radiomics  # noqa: PLC0415 - in the worker

    modality, image, mask = item
    settings = RadiomicsSettings.pyradiomics(
        bin_width=BIN[modality],
        resample_mm=1.0,
        image_types=("original", "log", "wavelet"),
        log_sigma_mm=(1.0, 2.0, 3.0),
    )
    return len(extract_radiomics(image, mask, settings))


def lesions(source: str, most: int) -> list[Item]:
    folders = sorted(path for path in Path(source).iterdir() if (path / "CT_mask.nii.gz").exists())[:most]
    return [
        (modality, str(folder / f"{modality}_image.nii.gz"), str(folder / f"{modality}_mask.nii.gz"))
        for folder in folders
        for modality in BIN
    ]


def spent(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def run(items: list[Item], workers: int) -> tuple[float, float, float]:
    """Return the seconds by the clock, of this process, and of its workers."""
    here, there = spent(resource.RUSAGE_SELF), spent(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    sizes = [Path(mask).stat().st_size for _, _, mask in items]
    results = map_tasks(measure, items, workers=workers, sizes=sizes, progress=False)
    clock = time.perf_counter() - start
    failed = [str(result.error) for result in results if not result.ok]
    if failed:
        raise SystemExit(failed[0])
    return clock, spent(resource.RUSAGE_SELF) - here, spent(resource.RUSAGE_CHILDREN) - there


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", required=True, help="folder with STS_xxx/{PET,CT}_{image,mask}.nii.gz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=36, help="patients")
    arguments = parser.parse_args()
    items = lesions(arguments.source, arguments.most)
    measure(items[0])  # compiled, and loaded here
    print(f"{len(items)} lesions; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    print(
        f"{'round':>5} {'workers':>8} {'clock s':>8} {'parent CPU s':>13} {'workers CPU s':>14} {'load':>5}"
    )
    found: dict[int, list[tuple[float, float, float]]] = {1: [], 2: []}
    for number in range(arguments.rounds):
        for workers, runs in found.items():
            one = run(items, workers)
            runs.append(one)
            numbers = f"{one[0]:>8.2f} {one[1]:>13.2f} {one[2]:>14.2f} {os.getloadavg()[0]:>5.1f}"
            print(f"{number + 1:>5} {workers:>8} {numbers}", flush=True)
    alone = statistics.median(here for _, here, _ in found[1])
    parent = statistics.median(here for _, here, _ in found[2])
    children = statistics.median(there for _, _, there in found[2])
    ratios = [one[0] / two[0] for one, two in zip(found[1], found[2], strict=True)]
    rounds = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"clock: {statistics.median(ratios):.2f} times as fast (rounds: {rounds})")
    shares = f"the parent spends {parent / alone:.1%}, the workers {children / alone:.2f} of the work of one"
    print(f"bound: {alone / (children / 2 + parent):.2f}; {shares}")


if __name__ == "__main__":
    main()
