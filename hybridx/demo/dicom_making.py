"""`make_dicom`: a synthetic hospital export, with everything in it that makes real ones hard to read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from pathlib import Path

import numpy as np

from hybridx.compute import atomic_folder, ensure_writable
from hybridx.demo.canvas import Grid
from hybridx.demo.dicom_writing import Visit, write_segmentation, write_series, write_structures
from hybridx.demo.patients import Patient, draw_patient, stream
from hybridx.demo.phantom import Phantom, draw_phantom
from hybridx.errors import InputError
from hybridx.imaging import Image

__all__ = ["make_dicom"]

# invented; an import must carry none of them on, umlauts and all
NAMES = ("Müller^Änne", "Weiß^Jörg", "Łukasz^Zoë", "O'Brien^Siân", "Núñez^José", "Grün^Öykü")
README = "SYNTHETIC DICOM: nobody in this folder exists. Names, dates and numbers are invented, images are phantoms.\n"


def make_dicom(folder: str | os.PathLike[str], patients: int = 3, seed: int = 0) -> list[Visit]:
    """Write a small hospital export of synthetic PET/CT: mixed series under names that say nothing.

    Each patient has a PET with and one without attenuation correction, a CT, and the tumour as a structure set (first,
    third, ... patient) or a segmentation (the others). Around them lie what exports hold too: a localiser, a second
    copy, a screenshot, a text file and a file cut short.

    Parameters
    ----------
    folder : path
        New or empty.
    patients : int
        At least 1; each takes about a second.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of Visit
        Who is in it, to check that an import carries nobody on.

    Raises
    ------
    InputError
        The folder holds something, or a number is impossible.

    Examples
    --------
    >>> import tempfile
    >>> visits = make_dicom(tempfile.mkdtemp() + "/export", patients=1)
    >>> visits[0].name
    'Müller^Änne'
    """
    if patients < 1 or seed < 0:
        msg = f"patients={patients!r}, seed={seed!r}: wanted at least one patient and a seed of 0 or more."
        raise InputError(msg)
    target = Path(folder)
    ensure_writable(target)
    with atomic_folder(target) as place:
        (place / "README.txt").write_text(README, encoding="utf-8")
        return [_write_patient(place, index, seed) for index in range(patients)]


def _write_patient(place: Path, index: int, seed: int) -> Visit:
    patient = draw_patient(seed, index)
    phantom = draw_phantom(patient.anatomy, patient.lesions, patient.scanner, stream(seed, index, 11))
    visit = _visit(patient, index, seed)
    home = place / f"DISK{index % 2}" / f"A{index:04d}"
    pet, pet_mask = _image(phantom, "pet"), _mask(phantom, "pet")
    ct, ct_mask = _image(phantom, "ct"), _mask(phantom, "ct")
    slices = write_series(pet, home / "S1", visit, description="PET WB AC")
    faint = dataclasses.replace(pet, array=(pet.array * 0.6).astype(np.float32))
    write_series(
        faint, home / "S2", visit, series="PTNAC", description="PET WB NAC", corrected=("DECY", "RAN")
    )
    ct_slices = write_series(ct, home / "S3", visit, description="CT AC 3.0")
    if index % 2 == 0:
        write_structures({"GTV_PET": pet_mask}, slices, home / "X1" / "0001", visit)
        write_structures({"GTV_CT": ct_mask}, ct_slices, home / "X1" / "0002", visit)
    else:
        write_segmentation({"tumour": pet_mask}, slices, home / "X1" / "0001", visit)
    _write_clutter(home, visit, slices, ct_slices)
    return visit


def _visit(patient: Patient, index: int, seed: int) -> Visit:
    numbers = stream(seed, index, 23)
    scan = dt.datetime.fromisoformat("2023-03-01T09:00:00") + dt.timedelta(
        days=int(numbers.integers(0, 600)), minutes=int(numbers.integers(0, 400))
    )
    age = int(numbers.integers(45, 85))
    return Visit(
        name=NAMES[index % len(NAMES)] + ("" if index < len(NAMES) else f"^{index}"),
        patient_id=f"KH-{seed}-{int(numbers.integers(10**6, 10**7))}",
        birth_date=f"{scan.year - age}{int(numbers.integers(1, 3)):02d}15",
        sex=str(numbers.choice(["F", "M"])),
        age_years=age,
        height_m=round(float(numbers.normal(1.72, 0.08)), 2),
        weight_kg=round(float(np.clip(numbers.normal(75.0, 12.0), 45.0, 130.0)), 1),
        scan=scan,
        dose_bq=round(float(numbers.normal(280e6, 20e6))),
        physician="Dr. Überall^Käthe",
        institution="Krankenhaus Großstadt",
        seed=f"{seed}-{patient.id}",
    )


def _image(phantom: Phantom, modality: str) -> Image:
    array, grid = (phantom.pet, phantom.pet_grid) if modality == "pet" else (phantom.ct, phantom.ct_grid)
    return _on(grid, array, modality)


def _mask(phantom: Phantom, modality: str) -> Image:
    array, grid = (
        (phantom.pet_mask, phantom.pet_grid) if modality == "pet" else (phantom.ct_mask, phantom.ct_grid)
    )
    return _on(grid, array.astype(np.uint8), "mask")


def _on(grid: Grid, array: np.ndarray, modality: str) -> Image:
    return Image(array, grid.spacing, grid.origin, modality=modality)  # type: ignore[arg-type]


def _write_clutter(home: Path, visit: Visit, slices: list[Path], ct_slices: list[Path]) -> None:
    import pydicom  # noqa: PLC0415 - only here

    junk = home / "MISC"
    junk.mkdir()
    (junk / "copy_of_a_slice").write_bytes(slices[0].read_bytes())
    (junk / "cut_short.dcm").write_bytes(ct_slices[0].read_bytes()[:300])
    (junk / "notes.txt").write_text(f"{visit.name}: bitte anrufen", encoding="utf-8")
    scout = pydicom.dcmread(ct_slices[0])
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.SOPInstanceUID = scout.file_meta.MediaStorageSOPInstanceUID = visit.uid("scout")
    scout.SeriesInstanceUID = visit.uid("series", "scout")
    scout.save_as(junk / "00000001")
    screen = visit.start("SC", visit.uid("screen"), "SC", "Screenshot")
    screen.Rows, screen.Columns, screen.SamplesPerPixel = 4, 4, 1
    screen.BurnedInAnnotation, screen.ConversionType = "YES", "WSD"
    screen.PhotometricInterpretation, screen.BitsAllocated, screen.BitsStored = "MONOCHROME2", 8, 8
    screen.HighBit, screen.PixelRepresentation, screen.PixelData = 7, 0, bytes(16)
    screen.save_as(junk / "00000002", enforce_file_format=True)
