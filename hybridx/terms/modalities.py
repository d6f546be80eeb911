"""Modalities: what a block of features was measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["IMAGING", "MODALITIES", "Modality", "modality_title"]


@dataclass(frozen=True, slots=True)
class Modality:
    """A source of measurements.

    Parameters
    ----------
    name : str
        Text before the first dot of a feature's name.
    title : str
        In words.
    unit : str or None
        UCUM unit of the voxels; None where it is not an image, or (MR) where intensities have no unit.
    dicom : str or None
        DICOM modality code.
    """

    name: str
    title: str
    unit: str | None = None
    dicom: str | None = None


MODALITIES: Mapping[str, Modality] = {
    m.name: m
    for m in (
        Modality("pet", "PET", "g/mL{SUVbw}", "PT"),
        Modality("ct", "CT", "[hnsf'U]", "CT"),
        Modality("mr", "MR", None, "MR"),
        Modality("deep", "Deep image features"),
        Modality("clinical", "Clinical facts"),
        Modality("lab", "Laboratory values"),
        Modality("genomics", "Genomics"),
        Modality("expression", "Gene expression"),
        Modality("copynumber", "Copy number"),
    )
}

IMAGING: tuple[str, ...] = ("pet", "ct", "mr")


def modality_title(name: str) -> str:
    """Return a block's name in words.

    Examples
    --------
    >>> modality_title("pet"), modality_title("pet@2"), modality_title("proteomics")
    ('PET', 'PET, timepoint 2', 'proteomics')
    """
    base, _, timepoint = name.partition("@")
    title = MODALITIES[base].title if base in MODALITIES else base
    return f"{title}, timepoint {timepoint}" if timepoint else title
