"""What an import leaves: the tables of the data folder, and the list of who is who in the key folder alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hybridx.compute import atomic_write
from hybridx.compute.results import TaskResult
from hybridx.errors import HybridxError
from hybridx.imaging.dicom_masks import structure_names
from hybridx.imaging.dicom_tree import DicomTree
from hybridx.imaging.identifiers import carried_facts
from hybridx.imaging.import_finished import remove_leftovers
from hybridx.imaging.import_plan import Plan
from hybridx.imaging.pseudonyms import PseudonymKey

__all__ = ["MARKER", "DicomImport", "write_links", "write_series", "write_tables"]

MARKER = "import/series.csv"  # what tells an imported folder from any other
KNOWN = ("InputError", "ImageError", "SettingsError", "NotEnoughDataError")
FAILURES = ("patient_id", "timepoint", "modality", "stage", "reason")
PEOPLE = ("patient_id", "sex", "age_years", "height_cm", "weight_kg")


@dataclass(frozen=True, eq=False)
class DicomImport:
    """What an import wrote, and what it left out.

    Parameters
    ----------
    folder : Path
        The data folder.
    studies, facts, failures, left_out : polars.DataFrame
        Images written; geometry, values and uptake factor of each image; what failed, with the reason; files in no
        series, counted by reason.
    removed : int
        Images and masks of an earlier import that were no longer chosen.
    """

    folder: Path
    studies: pl.DataFrame
    facts: pl.DataFrame
    failures: pl.DataFrame
    left_out: pl.DataFrame
    removed: int = 0

    def __repr__(self) -> str:
        written = self.studies
        patients = written["patient_id"].n_unique() if written.height else 0
        masks = written["mask"].is_not_null().sum() if written.height else 0
        counts = f"{patients} patients, {written.height} images, {masks} with a mask, {self.failures.height} failures"
        lines = [f"DicomImport({counts})"]
        lines += [f"  {n} files left out: {reason}" for reason, n in self.left_out.iter_rows()]
        noted = self.facts.filter(pl.col("notes") != "").height if self.facts.height else 0
        if noted:
            lines.append(f"  {noted} images with a remark: see import/images.csv")
        if self.removed:
            lines.append(f"  {self.removed} images and masks of an earlier import removed: no longer chosen")
        shown = self.failures.head(5).to_dicts()
        lines += [
            f"  {one['patient_id']} {one['modality']} ({one['stage']}): {one['reason']}" for one in shown
        ]
        more = self.failures.height - len(shown)
        return "\n".join([*lines, f"  and {more} failures more"] if more > 0 else lines)


def write_series(out: Path, plans: Sequence[Plan], names: Mapping[str, str]) -> None:
    """Write which series were found and used: the list that a user edits to decide otherwise."""
    rows = [
        {
            "patient_id": plan.task.patient,
            "timepoint": plan.task.timepoint,
            "series": names[one.series.uid],
            "modality": one.series.modality,
            "slices": len(one.series.paths),
            "use": "yes" if one.use and not plan.refused else "no",
            "why": plan.refused or one.why,
        }
        for plan in plans
        for one in plan.study.judged
    ]
    _csv(pl.DataFrame(rows, infer_schema_length=None), out / MARKER)


def write_tables(
    out: Path, tree: DicomTree, plans: Sequence[Plan], results: Sequence[TaskResult]
) -> DicomImport:
    """Gather what the workers found into the tables of the data folder."""
    studies: list[dict[str, Any]] = []
    facts: list[dict[str, Any]] = []
    failures: list[tuple[Any, ...]] = []
    people: dict[str, dict[str, Any]] = {}
    failures += [
        (plan.task.patient, plan.task.timepoint, "study", "patient", plan.refused)
        for plan in plans
        if plan.refused
    ]
    failures += [
        (plan.task.patient, plan.task.timepoint, "study", "choice", _nothing(plan))
        for plan in plans
        if not plan.refused and not plan.task.series and any(one.told is None for one in plan.study.judged)
    ]
    for plan, result in zip([one for one in plans if not one.refused], results, strict=True):
        task = plan.task
        person = people.setdefault(task.patient, dict.fromkeys(PEOPLE) | {"patient_id": task.patient})
        if result.error is not None:
            # what a system says of a file may quote its path, and a hospital's path may name the patient
            known = result.error.type in KNOWN
            reason = result.error.message if known else f"stopped by {result.error.type}"
            failures.append((task.patient, task.timepoint, "study", "import", reason))
            continue
        studies += result.value["studies"]
        facts += result.value["facts"]
        failures += [(task.patient, task.timepoint, *one) for one in result.value["failures"]]
        # the earliest study speaks: later ones may tell another weight
        person |= {name: value for name, value in result.value["patient"].items() if person[name] is None}
    counted = Counter(one.reason for one in tree.left_out).most_common()
    made = DicomImport(
        out,
        pl.DataFrame(studies, infer_schema_length=None),
        pl.DataFrame(facts, infer_schema_length=None),
        pl.DataFrame(failures, schema=list(FAILURES), orient="row", infer_schema_length=None),
        pl.DataFrame(counted, schema={"reason": pl.String, "files": pl.Int64}, orient="row"),
    )
    _csv(pl.DataFrame(list(people.values()), infer_schema_length=None), out / "patients.csv")
    if made.studies.height:
        _csv(made.studies, out / "studies.csv")
    else:  # nor may that of an earlier import name images that are no longer there
        (out / "studies.csv").unlink(missing_ok=True)
    _csv(pl.DataFrame(carried_facts()), out / "import" / "deidentified.csv")
    for name, table in (("images", made.facts), ("failures", made.failures), ("left_out", made.left_out)):
        _csv(table, out / "import" / f"{name}.csv")
    named = {row[name] for row in studies for name in ("image", "mask") if row[name]}
    return replace(made, removed=remove_leftovers(out, named))


def _nothing(plan: Plan) -> str:
    """Say why no series of a study is read, where the user did not want it so."""
    why = Counter(f"{one.series.modality}: {one.why}" for one in plan.study.judged)
    return f"no series of the study can be used ({'; '.join(why)})"


def write_links(
    secret: PseudonymKey, tree: DicomTree, plans: Sequence[Plan], names: Mapping[str, str]
) -> None:
    """Write who is who, and which file is which, into the key folder alone."""
    people = [
        {
            "patient_id": plan.task.patient,
            "timepoint": plan.task.timepoint,
            "hospital_id": plan.study.patient_id,
            "study": plan.study.study_uid,
        }
        for plan in plans
    ]
    series = [
        {"series": names[one.uid], "uid": one.uid, "first_file": str(one.paths[0])} for one in tree.series
    ]
    left_out = [{"file": str(one.path), "reason": one.reason} for one in tree.left_out]
    drawn = [
        {"patient_id": plan.task.patient, "timepoint": plan.task.timepoint, **one}
        for plan in plans
        for one in _drawn(plan)
    ]
    tables = {"patients": people, "series": series, "left_out": left_out, "structures": drawn}
    for name, rows in tables.items():
        secret.write_table(f"{name}.csv", rows)


def _drawn(plan: Plan) -> Iterator[dict[str, str]]:
    """Walk through the names of all structures: whoever drew them may have written anything there."""
    for one in plan.task.markings:
        for path in one.paths:
            try:
                names = structure_names(path)
            except HybridxError as error:
                names = [f"({error})"]
            for name in names:
                yield {"kind": one.modality, "structure": name, "file": str(path)}


def _csv(table: pl.DataFrame, path: Path) -> None:
    with atomic_write(path) as temporary:
        table.write_csv(temporary)
