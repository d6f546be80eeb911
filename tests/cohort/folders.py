"""Data folders for tests, written as text."""

from __future__ import annotations

from pathlib import Path

from hybridx.cohort.problem import Problem
from hybridx.cohort.read import Folder, read_folder

__all__ = ["GOOD", "codes", "place", "write"]

# A small folder without any defect; tests change one thing in it.
GOOD = {
    "patients.csv": """\
patient_id,sex,age_years,centre,stage,ecog,height_cm,weight_kg,baseline_date
P001,female,63,Vienna,IIIA,1,172,74.5,2024-01-10
P002,male,58.5,Graz,IV,0,180,90,2024-02-01
P003,other,71,Vienna,,2,,,
""",
    "labs.csv": """\
patient_id,day,analyte,value,unit,ref_low,ref_high
P001,-2,LDH,212,U/L,135,250
P001,-2,Kreatinin,1.1,mg/dL,0.5,0.9
P002,0,hemoglobin,13.2,g/dL,,
P003,-7,leukocytes,7.1,10*9/L,,
""",
    "studies.csv": """\
patient_id,timepoint,day,modality,image,mask,tracer
P001,1,0,pet,images/P001/pet.nii.gz,images/P001/mask.nii.gz,FDG
P001,1,0,CT,images/P001/ct.nii.gz,images/P001/mask.nii.gz,
P002,1,-4,pet,images/P002/pet.nii.gz,images/P002/mask.nii.gz,FDG
""",
    "variants.csv": """\
patient_id,gene,classification,hgvsp,vaf,panel_mb
P001,TP53,missense,p.R175H,0.31,1.2
P002,-,none_found,,,1.2
""",
    "expression.csv": "patient_id,gene,value,unit\nP001,CD274,12.4,TPM\nP002,CD274,0.4,TPM\n",
    "treatments.csv": "patient_id,kind,agent,day,end_day\nP001,immunotherapy,pembrolizumab,7,189\n",
    "outcomes.csv": """\
patient_id,endpoint,origin,time_days,event,response,criterion
P001,OS,,415,1,,
P002,os,baseline,300,0,,
P003,OS,,10.5,true,,
P001,response,,,,PR,RECIST
P002,response,,,,pd,
P003,response,,,,SD,
""",
}


def write(folder: Path, files: dict[str, str | bytes] | None = None, **changes: str | bytes | None) -> Folder:
    """Write the good folder with some files replaced (None leaves one out) and read it.

    A keyword such as ``labs`` stands for ``labs.csv``.
    """
    content: dict[str, str | bytes] = dict(GOOD) if files is None else dict(files)
    for name, text in changes.items():
        file = "columns.yaml" if name == "columns" else f"{name}.csv"
        content.pop(file, None)
        if text is not None:
            content[file] = text
    for name, text in content.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_folder(folder)


def place(problem: Problem) -> tuple[str, str, int | None, str | None, str | None]:
    """Return code, file, row, column and value of a problem."""
    return problem.code, problem.file, problem.row, problem.column, problem.value


def codes(folder: Folder) -> list[str]:
    """Return the codes of all problems."""
    return [p.code for p in folder.problems]
