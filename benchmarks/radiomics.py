"""What radiomics cost, ours and the neighbours', on real PET/CT lesions and on one whole CT.

    OMP_NUM_THREADS=1 python benchmarks/radiomics.py --source DATA/sts/nifti
    OMP_NUM_THREADS=1 python benchmarks/radiomics.py --source DATA/sts/nifti --peer pictologics=/venv312/bin/python

Processor seconds for all lesions of a row, reading from disk included, one core, one process per program and row, a
first call on the first lesion apart (it loads and compiles); the median of the runs. ``--peer NAME=PYTHON`` runs a
neighbour with the Python that has it (pictologics needs 3.12). Peak memory is the process's.

On one core of an AMD EPYC that did little else, six lesions a row (pyradiomics 3.0.1; pictologics 0.9.0, with its
filtered images in 32 levels)::

    row                    hybridx  pyradiomics  pictologics
    ct native                0.174        5.725        0.419
    pet native               0.034        0.295        0.034
    ct 2                     0.168        1.669        0.320
    pet 2                    0.047        1.417        0.069
    ct 1                     0.251       16.730        0.663
    pet 1                    0.168       16.925        0.339
    ct 1 filters             1.743       57.364        4.103
    pet 1 filters            1.611                     3.866
    ct 2 filters             0.419        7.180        0.772

One CT of 512 x 512 x 150 voxels, on 1 mm with 11 filtered images::

    whole ct                 0.377       11.015        2.057
    whole ct spline          0.507       14.429       10.167
    whole ct STS_027         0.875                     2.997
    whole ct STS_027 spline  1.069       35.806       10.971
    whole ct STS_020         2.162      105.761        7.953

(105.761 from an earlier run.) So 8.7 to 101 times pyradiomics on six lesions; on a whole CT 28 to 49 times pyradiomics
and, where images are resampled by splines, 10 to 20 times pictologics, otherwise 5.5 (a lesion of middle size), 3.4 and
3.7 times (the two largest of 36). Peak memory, GB, ours, pyradiomics', pictologics': 0.09, 0.15, 0.41 for PET as it is;
0.12, 0.24, 0.48 for CT at 2 mm, filtered; 0.32, 0.76, 1.90 for the whole CT; 0.59, 2.41, 2.14 for the largest lesion.

What is left, by profile: of the lesion in the middle a third is reading, nearly all of it inflating the file as far as
the lesion's last slice; of the larger ones a quarter Laplacians of Gaussian (27 sweeps of an image, in ITK's order, to
its last bit) and two fifths the walks over the grey levels of 12 images.
"""
# ruff: noqa: PLC0415 - each program is imported in its own process only

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

PATIENTS = ["STS_001", "STS_002", "STS_004", "STS_005", "STS_007", "STS_008"]
BIN = {"ct": 25.0, "pet": 0.25}
ROWS = [
    "ct native",
    "pet native",
    "ct 2",
    "pet 2",
    "ct 1",
    "pet 1",
    "ct 1 filters",
    "pet 1 filters",
    "ct 2 filters",
    "whole ct",
    "whole ct spline",
    "whole ct STS_027",
    "whole ct STS_027 spline",
    "whole ct STS_020",
]
WHOLE = "STS_001"  # of the middle in size; STS_020 is the largest, STS_027 takes pyradiomics about 50 s
INTERPOLATORS = {"linear": ("sitkLinear", "linear"), "bspline": ("sitkBSpline", "cubic")}  # theirs for ours
SIGMAS = (1.0, 2.0, 3.0)


def lesions(row, source):
    """Return pairs of image and mask."""
    if row.startswith("whole ct"):
        who = patient_of(row)
        return [(Path(source) / f"{who}_image.nii.gz", Path(source) / f"{who}_mask.nii.gz")]
    modality = row.split()[0].upper()
    return [
        (Path(source) / p / f"{modality}_image.nii.gz", Path(source) / p / f"{modality}_mask.nii.gz")
        for p in PATIENTS
    ]


def patient_of(row):
    """Return whose lesion lies in the whole CT."""
    return next((word for word in row.split() if word.startswith("STS_")), WHOLE)


def interpolator_of(row):
    """Return how images are resampled, the same for every program."""
    return "bspline" if row.endswith("spline") else "linear"


def spacing_of(row):
    """Return the edge of the resampled voxels, mm, or None."""
    words = row.split()
    return 1.0 if row.startswith("whole ct") else None if words[1] == "native" else float(words[1])


def filtered(row):
    """Whether wavelets and Laplacians of Gaussian are asked for."""
    return row.startswith("whole ct") or row.endswith("filters")


def width_of(row):
    """Return the bin width."""
    return BIN["pet" if row.startswith("pet") else "ct"]


def hybridx_program(row):
    from hybridx.radiomics import RadiomicsSettings, extract_radiomics

    more = {"image_types": ("original", "log", "wavelet"), "log_sigma_mm": SIGMAS} if filtered(row) else {}
    settings = RadiomicsSettings.pyradiomics(
        bin_width=width_of(row),
        resample_mm=spacing_of(row),
        interpolator=interpolator_of(row),
        **more,
    )
    return lambda image, mask: extract_radiomics(image, mask, settings)


def pyradiomics_program(row):
    import logging

    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    edge = spacing_of(row)
    extractor = RadiomicsFeatureExtractor(
        binWidth=width_of(row),
        resampledPixelSpacing=None if edge is None else [edge] * 3,
        interpolator=INTERPOLATORS[interpolator_of(row)][0],
        additionalInfo=False,
        geometryTolerance=1e-3,
    )
    if filtered(row):
        extractor.enableImageTypes(Original={}, LoG={"sigma": list(SIGMAS)}, Wavelet={})
    return lambda image, mask: extractor.execute(str(image), str(mask))


def pictologics_program(row):
    import pictologics

    pictologics.set_num_threads(1)
    pipeline = pictologics.RadiomicsPipeline(load_standard=False)
    edge = spacing_of(row)
    start = (
        []
        if edge is None
        else [
            {
                "step": "resample",
                "params": {
                    "new_spacing": (edge,) * 3,
                    "interpolation": INTERPOLATORS[interpolator_of(row)][1],
                },
            }
        ]
    )
    levels = {
        "step": "discretise",
        "params": {"method": "FBS", "bin_width": width_of(row), "min_val": -1000.0 if "ct" in row else 0.0},
    }
    families = ["intensity", "morphology", "texture", "histogram"]
    plain = {"include_spatial_intensity": False, "include_local_intensity": False}
    take = {"step": "extract_features", "params": {"families": families, **plain}}
    pipeline.add_config("original", [*start, levels, take])
    names = ["original"]
    if filtered(row):
        take = {
            "step": "extract_features",
            "params": {"families": ["intensity", "texture", "histogram"], **plain},
        }
        levels = {
            "step": "discretise",
            "params": {"method": "FBN", "n_bins": 32},
        }  # it has no fixed width without an origin
        kinds = [("log", {"sigma_mm": sigma}) for sigma in SIGMAS]
        bands = [a + b + c for a in "LH" for b in "LH" for c in "LH"]
        kinds += [("wavelet", {"wavelet": "coif1", "level": 1, "decomposition": band}) for band in bands]
        for number, (kind, options) in enumerate(kinds):
            pipeline.add_config(
                f"f{number}", [*start, {"step": "filter", "params": {"type": kind, **options}}, levels, take]
            )
            names.append(f"f{number}")

    def run(image, mask):
        found = pipeline.run(str(image), str(mask), config_names=names)
        return [value for series in found.values() for value in series]

    return run


PROGRAMS = {
    "hybridx": hybridx_program,
    "pyradiomics": pyradiomics_program,
    "pictologics": pictologics_program,
}


def one(program, row, source, runs):
    """Time one row in this process; print JSON."""
    sys.path.pop(0)  # this folder, whose radiomics.py would stand before pyradiomics' package
    pairs = lesions(row, source)
    start = time.process_time()
    extract = PROGRAMS[program](row)
    found = extract(*pairs[0])
    first = time.process_time() - start
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        for pair in pairs:
            extract(*pair)
        seconds.append(time.process_time() - start)
        if sum(seconds) > 60:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        json.dumps(
            {
                "seconds": statistics.median(seconds),
                "runs": len(seconds),
                "first": first,
                "features": len(found),
                "peak_gb": peak,
            }
        )
    )


def whole_ct(source, folder, who=WHOLE):
    """Put a real lesion with its surroundings into a CT of 512 x 512 x 150 voxels, as a scanner delivers it."""
    import numpy as np
    import SimpleITK as sitk

    image = sitk.ReadImage(str(Path(source) / who / "CT_image.nii.gz"), sitk.sitkInt16)
    mask = sitk.ReadImage(str(Path(source) / who / "CT_mask.nii.gz"), sitk.sitkUInt8)
    size, (x, y, z) = image.GetSize(), (100, 100, 40)
    big = np.full((150, 512, 512), -1000, np.int16)
    big += np.random.default_rng(0).normal(0, 8, big.shape).astype(np.int16)
    inside = np.zeros(big.shape, np.uint8)
    place = (slice(z, z + size[2]), slice(y, y + size[1]), slice(x, x + size[0]))
    big[place], inside[place] = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask)
    for name, array in (("image", big), ("mask", inside)):
        out = sitk.GetImageFromArray(array)
        out.SetSpacing(image.GetSpacing())
        sitk.WriteImage(out, str(Path(folder) / f"{who}_{name}.nii.gz"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", required=True, help="folder with STS_xxx/{PET,CT}_{image,mask}.nii.gz")
    parser.add_argument(
        "--peer", action="append", default=[], help="NAME=PYTHON, one of pyradiomics, pictologics"
    )
    parser.add_argument("--rows", nargs="*", default=ROWS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--one", nargs=2, metavar=("PROGRAM", "ROW"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one, arguments.source, arguments.runs)
        return
    import tempfile
    from concurrent.futures import ProcessPoolExecutor

    programs = {"hybridx": sys.executable, "pyradiomics": sys.executable}
    programs |= dict(peer.split("=", 1) for peer in arguments.peer)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    }
    print(f"{'row':<23} {'program':<12} {'CPU s':>8} {'runs':>5} {'first':>7} {'features':>9} {'peak GB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for who in sorted({patient_of(row) for row in arguments.rows if row.startswith("whole ct")}):
            # in a process of its own: the peak memory of a program counts that of whoever started it
            with ProcessPoolExecutor(1) as pool:
                pool.submit(whole_ct, arguments.source, folder, who).result()
        for row in arguments.rows:
            source = folder if row.startswith("whole ct") else arguments.source
            for program, python in programs.items():
                command = [
                    "taskset",
                    "-c",
                    str(arguments.core),
                    python,
                    __file__,
                    "--source",
                    source,
                    "--runs",
                    str(arguments.runs),
                ]
                done = subprocess.run(
                    [*command, "--one", program, row],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    print(
                        f"{row:<23} {program:<12} failed: {done.stderr.strip().splitlines()[-1][:90]}",
                        flush=True,
                    )
                    continue
                found = json.loads(done.stdout.strip().splitlines()[-1])
                print(
                    f"{row:<23} {program:<12} {found['seconds']:>8.3f} {found['runs']:>5} {found['first']:>7.2f} "
                    f"{found['features']:>9} {found['peak_gb']:>8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
