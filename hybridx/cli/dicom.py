"""The command that turns a hospital's DICOM folder into a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybridx.cli.say import FAILED, refusing, say
from hybridx.imaging import import_dicom

__all__ = ["import_"]


def import_(
    folder: Annotated[
        Path, typer.Argument(help="Folder with DICOM files, in any order and under any names.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The data folder to write.")],
    *,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the salt and the list of who is who; default: OUT-key. Keep it apart."
        ),
    ] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            help="Structure that is the tumour, by name or pattern such as 'GTV*'; may be repeated."
        ),
    ] = None,
    choices: Annotated[
        Path | None,
        typer.Option(help="An edited import/series.csv: its column `use` stands above the automatic choice."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="A table of facts for PETs whose headers lack them: series (or patient_id), weight_kg, height_m, sex, "
            "dose_bq, half_life_s, radionuclide, injected, decay_correction."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-j", min=1, help="Processes to use; default: all cores.", show_default=False
        ),
    ] = None,
) -> None:
    """Import hospital DICOM: PET in SUV, CT in HU, masks from RTSTRUCT and SEG, **no identifier carried on**.

    Of each study the attenuation-corrected PET and the CT that covers it are taken; `import/series.csv` lists what was
    used and why, and can be edited and given back with `--choices`. A PET whose weight, dose or times are missing or
    impossible is refused with the tag, and stands in `import/failures.csv`; give the facts with `--corrections`.

    Example: `hybridx import DICOM/ --out data/ --structure 'GTV*'`
    """
    with refusing():
        done = import_dicom(
            folder,
            out,
            key=key,
            structures=tuple(structure or ()),
            choices=choices,
            corrections=corrections,
            workers=workers,
        )
    typer.echo(repr(done))
    say(f"Data folder written to {out}. Check it with: hybridx validate {out}")
    if done.failures.height:
        raise typer.Exit(FAILED)
