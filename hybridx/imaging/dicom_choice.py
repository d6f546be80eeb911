"""Which PET and which CT of each study are read, and why the other series are not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hybridx.imaging.dicom_file import MARKINGS
from hybridx.imaging.dicom_tree import DicomTree, LeftOut, SeriesFiles

__all__ = ["Judgement", "StudyChoice", "choose_series", "lonely_markings"]

FEWEST_SLICES = 2
COVERED = 0.95  # of the PET's length: enough that a finer CT is worth more than a longer one


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of one series.

    Parameters
    ----------
    series : SeriesFiles
        Which.
    use : bool
        Whether it is read.
    why : str
        In words, without any text from the file.
    told : bool or None
        What the user decided; None where the rules did.
    """

    series: SeriesFiles
    use: bool
    why: str
    told: bool | None = None


@dataclass(eq=False)
class StudyChoice:
    """The series of one study, judged.

    Parameters
    ----------
    patient_id, study_uid : str
        Of DICOM; never written to the output.
    judged : list of Judgement
        One per series of pictures.
    markings : list of SeriesFiles
        Segmentations and structure sets of the study; and those of the patient that stand in a study without images,
        as planning systems send them. Which of them lie on an image is judged when it is read.
    """

    patient_id: str
    study_uid: str
    judged: list[Judgement] = field(default_factory=list)
    markings: list[SeriesFiles] = field(default_factory=list)

    @property
    def chosen(self) -> dict[str, SeriesFiles]:
        """The series that are read, by ``PT``, ``CT``, ``MR``."""
        return {one.series.modality: one.series for one in self.judged if one.use}


def choose_series(tree: DicomTree, overrides: Mapping[str, bool] | None = None) -> list[StudyChoice]:
    """Pick at most one PET, one CT and one MR per study.

    PET: corrected for attenuation, original before derived, most slices. CT: in the PET's frame of reference, covering
    most of it, then the finest. MR: the only one there is; which of several sequences is meant only the user knows.

    Parameters
    ----------
    tree : DicomTree
        From `scan_dicom`.
    overrides : mapping of series UID to bool, optional
        What the user has decided; it stands above the rules.

    Returns
    -------
    list of StudyChoice
        In the order of the tree.
    """
    decided = overrides or {}
    studies: dict[tuple[str, str], StudyChoice] = {}
    pictures: dict[tuple[str, str], list[SeriesFiles]] = {}
    for one in tree.series:
        key = (one.patient_id, one.study_uid)
        study = studies.setdefault(key, StudyChoice(*key))
        if one.modality in MARKINGS:
            study.markings.append(one)
        else:
            pictures.setdefault(key, []).append(one)
    for key, found in pictures.items():
        pet = _judge(studies[key], [one for one in found if one.modality == "PT"], decided, None)
        _judge(studies[key], [one for one in found if one.modality == "CT"], decided, pet)
        _judge(studies[key], [one for one in found if one.modality == "MR"], decided, pet)
    shown = [one for one in studies.values() if one.judged]
    for lone in (one for one in studies.values() if not one.judged):
        for study in shown:
            if study.patient_id == lone.patient_id:
                study.markings += lone.markings
    return shown


def lonely_markings(tree: DicomTree) -> list[LeftOut]:
    """List the files of structure sets and segmentations whose patient has no images here.

    Parameters
    ----------
    tree : DicomTree
        From `scan_dicom`.
    """
    shown = {one.patient_id for one in tree.series if one.modality not in MARKINGS}
    return [
        LeftOut(path, "a structure set or segmentation whose patient has no images here")
        for one in tree.series
        if one.modality in MARKINGS and one.patient_id not in shown
        for path in one.paths
    ]


def _judge(
    study: StudyChoice, found: list[SeriesFiles], decided: Mapping[str, bool], pet: SeriesFiles | None
) -> SeriesFiles | None:
    # a scout of the same series is never what was asked for
    told = sorted(
        (one for one in found if decided.get(one.uid) is True),
        key=lambda one: (bool(_unfit(one)), *_rank(one, pet)),
    )
    open_ = [one for one in found if one.uid not in decided]
    unfit = {id(one): reason for one in open_ if (reason := _unfit(one))}
    fit = sorted((one for one in open_ if id(one) not in unfit), key=lambda one: _rank(one, pet))
    several_mr = len(fit) > 1 and fit[0].modality == "MR"
    best = told[0] if told else (fit[0] if fit and not several_mr else None)
    for one in found:
        if one is best:
            why = "asked for" if told else _praise(one, pet)
            study.judged.append(Judgement(one, True, why, decided.get(one.uid)))
            continue
        if one.uid in decided:
            why = (
                "asked to leave out"
                if not decided[one.uid]
                else "another series of this kind was asked for first"
            )
        else:
            why = unfit.get(id(one)) or (
                "one of several MR series: say which in the list of series"
                if several_mr
                else f"another {one.modality} series was preferred: {_praise(best, pet)}"  # type: ignore[arg-type]
            )
        study.judged.append(Judgement(one, False, why, decided.get(one.uid)))
    return best


def _unfit(one: SeriesFiles) -> str:
    if one.modality == "PT" and "ATTN" not in one.corrected:
        return "not corrected for attenuation"
    if one.frames < FEWEST_SLICES:
        return "a single slice"
    if "MIP" in one.image_type or "PROJECTION IMAGE" in one.image_type:
        return "a projection"
    return ""


def _rank(one: SeriesFiles, pet: SeriesFiles | None) -> tuple[float, ...]:
    """Smaller is better."""
    derived = float("DERIVED" in one.image_type)
    number = float(one.number if one.number is not None else 1_000_000)
    if one.modality == "CT" and pet is not None:
        elsewhere = float(one.frame_of_reference != pet.frame_of_reference)
        return (
            float(one.enhanced),
            elsewhere,
            -min(_coverage(one, pet), COVERED),
            derived,
            _edge(one),
            number,
        )
    return (float(one.enhanced), derived, -float(one.frames), number)


def _coverage(one: SeriesFiles, pet: SeriesFiles) -> float:
    """Share of the PET's length that a series covers; 0 where it cannot be told."""
    length = pet.head_mm - pet.feet_mm
    shared = min(one.head_mm, pet.head_mm) - max(one.feet_mm, pet.feet_mm)
    return max(shared, 0.0) / length if length > 0 and math.isfinite(shared) else 0.0


def _edge(one: SeriesFiles) -> float:
    length = one.head_mm - one.feet_mm
    return length / max(one.frames - 1, 1) if math.isfinite(length) else math.inf


def _praise(one: SeriesFiles, pet: SeriesFiles | None) -> str:
    if one.modality == "PT":
        return f"corrected for attenuation, {one.frames} slices"
    if one.modality == "CT" and pet is not None:
        frame = (
            "in the PET's frame of reference"
            if one.frame_of_reference == pet.frame_of_reference
            else "the nearest"
        )
        return f"{frame}, covers {_coverage(one, pet):.0%} of it, {_edge(one):.3g} mm slices"
    return f"{one.frames} slices"
