"""Importing hospital DICOM: time and memory of a whole-body study, unrelated files, and files damaged at random.

python benchmarks/dicom_import.py [FOLDER]

Two cores of a server shared with other work (hybridx 0.1, Python 3.11); damage was done to six slices and the structure
sets of a real sarcoma PET:

    2 x 200 slices: 2 images in 19.6 s (5.9 s of processor); memory 441 MB above the start, 2.2 times the larger series
    (200 MB)
    10000 unrelated files: 10000 left out, 1 image, 1.5 s
    200 damaged studies: 168 refused with a reason for each, 18 nothing to import, said so, 14 imported, the rest left
    out or sound; 0.26 s each

FOLDER holds DICOM to be damaged; without it a synthetic study is. Every import must end in images or in a reason: any
other exception ends this program.
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom

from hybridx.demo.dicom_writing import Visit, write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom

SLICES, CT_EDGE, PET_EDGE = 200, 512, 200
UNRELATED, DAMAGED = 10_000, 200
QUIET = {"workers": 1, "progress": False}


def visit(who: str) -> Visit:
    """Make a visit of a patient."""
    when = dt.datetime.fromisoformat("2024-01-02T10:00:00")
    return Visit(who, who, "19600101", "M", 63, 1.8, 80.0, when, 3e8, "Dr", "House", who)


def whole_body(place: Path) -> None:
    """Write 200 slices of CT and of PET."""
    rng = np.random.default_rng(0)
    for modality, edge, mm in (("ct", CT_EDGE, 0.98), ("pet", PET_EDGE, 4.0)):
        array = rng.integers(0, 2000, (SLICES, edge, edge)).astype(np.float32)
        array = array / 200 if modality == "pet" else array - 1000
        write_series(Image(array, (mm, mm, 3.0), modality=modality), place / modality, visit("whole body"))


def peak_mb() -> float:
    """Return the most memory that this process has held, MB (Linux; `getrusage` would inherit the parent's)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(one.split()[1]) / 1024.0 for one in lines if one.startswith("VmHWM"))


def import_alone(source: str, out: str) -> None:
    """Import in a process of its own, so that its memory is seen."""
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    done = import_dicom(source, out, **QUIET)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    largest = SLICES * CT_EDGE**2 * 4 / 1024**2
    sys.stdout.write(
        f"2 x {SLICES} slices: {done.studies.height} images in {wall:.1f} s ({cpu:.1f} s of processor); memory "
        f"{peak_mb() - before:.0f} MB above the start, {(peak_mb() - before) / largest:.1f} times the larger series "
        f"({largest:.0f} MB)\n"
    )


def unrelated(place: Path) -> None:
    """Import one small series among thousands of files that are none of ours."""
    rng = np.random.default_rng(0)
    for index in range(UNRELATED):
        home = place / "in" / str(index % 50)
        home.mkdir(parents=True, exist_ok=True)
        (home / str(index)).write_bytes(rng.bytes(int(rng.integers(0, 400))))
    image = Image(rng.integers(-100, 100, (6, 16, 16)).astype(np.float32), (2.0, 2.0, 3.0), modality="ct")
    write_series(image, place / "in" / "ct", visit("needle"))
    wall = time.perf_counter()
    done = import_dicom(place / "in", place / "out", **QUIET)
    wall = time.perf_counter() - wall
    left = int(done.left_out["files"].sum())
    sys.stdout.write(
        f"{UNRELATED} unrelated files: {left} left out, {done.studies.height} image, {wall:.1f} s\n"
    )


def originals(folder: Path | None, place: Path) -> list[bytes]:
    """Return six PET slices and the structure sets to be damaged."""
    if folder is None:
        rng = np.random.default_rng(0)
        image = Image(rng.gamma(2, 1, (6, 16, 16)).astype(np.float32), (4.0, 4.0, 4.0), modality="pet")
        paths = write_series(image, place / "pet", visit("sound"))
        mask = Image(np.ones((6, 16, 16), np.uint8), image.spacing, modality="mask")
        return [
            one.read_bytes()
            for one in (*paths, write_structures({"GTV": mask}, paths, place / "rs", visit("sound")))
        ]
    slices, marked = [], []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if header.get("Modality") == "PT":
            slices.append((float(header.ImagePositionPatient[2]), path))
        elif header.get("Modality") == "RTSTRUCT":
            marked.append(path)
    middle = len(slices) // 2
    chosen = [path for _, path in sorted(slices)[middle - 3 : middle + 3]]
    return [one.read_bytes() for one in (*chosen, *marked)]


def spoil(files: list[bytes], rng: np.random.Generator) -> list[bytes]:
    """Cut one file short, or turn bytes of one header, of all headers, or of the structures over."""
    kind, spoilt = int(rng.integers(4)), [bytearray(one) for one in files]
    if kind == 0:
        spoilt[2] = spoilt[2][: int(rng.integers(len(spoilt[2])))]
    elif kind == 1:
        spoilt[3][132:2500] = turned(spoilt[3][132:2500], rng.integers(0, 2**31, 12))
    elif kind == 2:  # the same damage everywhere, which no comparison of slices can see
        same = rng.integers(0, 2**31, 3)
        for one in spoilt:
            one[132:2500] = turned(one[132:2500], same)
    else:
        for one in spoilt[6:]:
            one[132:] = turned(one[132:], rng.integers(0, 2**31, 20))
    return [bytes(one) for one in spoilt]


def turned(content: bytearray, where: np.ndarray) -> bytearray:
    """Replace the bytes at some places."""
    for one in where.tolist():
        content[one % len(content)] = one // 7 % 256
    return content


def damaged(folder: Path | None, place: Path) -> None:
    """Import damaged studies; count the kinds of end."""
    files, rng, ends = originals(folder, place / "whole"), np.random.default_rng(7), Counter[str]()
    wall = time.perf_counter()
    for trial in range(DAMAGED):
        home = place / str(trial)
        home.mkdir(parents=True)
        for index, content in enumerate(spoil(files, rng)):
            (home / str(index)).write_bytes(content)
        try:
            done = import_dicom(home, place / f"{trial}-out", **QUIET)
            ends[
                "refused with a reason for each"
                if done.failures.height
                else "imported, the rest left out or sound"
            ] += 1
        except InputError:
            ends["nothing to import, said so"] += 1
    wall = time.perf_counter() - wall
    shown = ", ".join(f"{n} {what}" for what, n in ends.most_common())
    sys.stdout.write(f"{DAMAGED} damaged studies: {shown}; {wall / DAMAGED:.2f} s each\n")


def main() -> None:
    """Run all three."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        whole_body(root / "body")
        subprocess.run(
            [sys.executable, __file__, "--alone", str(root / "body"), str(root / "body-out")],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        unrelated(root / "hay")
        damaged(Path(sys.argv[1]) if len(sys.argv) > 1 else None, root / "damaged")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        import_alone(*sys.argv[2:])
    else:
        main()
