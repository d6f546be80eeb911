"""Commands about data: check a folder, turn it into a cohort, make a synthetic one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

import hybridx as hx
from hybridx.cli import analysis
from hybridx.cli.say import FAILED, REFUSED, failures, refusing, say
from hybridx.cohort import problems_to_json, problems_to_text
from hybridx.cohort.problem import has_errors
from hybridx.compute import ensure_writable
from hybridx.errors import InputError
from hybridx.terms.text import listing

__all__ = ["demo", "extract", "import_features", "validate"]

# With 120 patients chance decides much. Of the seeds 0 to 11, 0 draws the follow-up that the features explain least (C
# of the true hazard 0.77) and 8 the one they explain best (0.86); 11 lies in the middle (0.82).
MIDDLING_SEED = 11

Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, help="Processes to use; default: all cores.", show_default=False),
]


def validate(
    folder: Annotated[Path, typer.Argument(help="Data folder: patients.csv and whatever else there is.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the defects as JSON.")] = False,
) -> None:
    """Check a data folder and list **every** defect at once, with file, row, column, value and cure.

    Exit code 0: nothing to mend (warnings may be listed). 2: at least one error.

    Example: `hybridx validate folder/ --json > defects.json`
    """
    with refusing():
        problems = hx.validate(folder)
    typer.echo(problems_to_json(problems) if as_json else problems_to_text(problems))
    if has_errors(problems):
        raise typer.Exit(REFUSED)


def extract(
    folder: Annotated[Path, typer.Argument(help="Data folder; check it with `hybridx validate` first.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the cohort is written.")],
    *,
    workers: Workers = None,
    scheduler: Annotated[
        str, typer.Option(help="`local`, or the address of a Dask scheduler such as tcp://host:8786.")
    ] = "local",
    device: Annotated[str, typer.Option(help="Where deep features are computed: cpu or cuda.")] = "cpu",
    force: Annotated[
        bool, typer.Option("--force", help="Compute anew instead of reading finished work.")
    ] = False,
) -> None:
    """Turn images and tables into a cohort: radiomics, uptake, deep features, labs, genomics.

    Finished patients are kept: run the same command again after an interruption and it goes on from there.
    A patient's failure is listed with its reason (exit code 1) and never stops the others.

    Example: `hybridx extract folder/ --out cohort/`
    """
    with refusing():
        try:
            cohort = hx.extract(
                folder,
                out=out,
                workers=workers,
                engine="local" if scheduler == "local" else "dask",
                client=None if scheduler == "local" else scheduler,
                device=device,
                force=force,
            )
        except OSError as error:
            if scheduler == "local" or "connect" not in str(error):
                raise
            msg = f"No Dask scheduler answers at {scheduler!r}: {error}. Start one, or leave out --scheduler."
            raise InputError(msg) from error
    typer.echo(repr(cohort))
    say(f"Cohort written to {out}")
    if failures(cohort.tables["failures"]):
        raise typer.Exit(FAILED)


def import_features(
    file: Annotated[
        Path,
        typer.Argument(help="Table of features: CSV, Parquet, or the command pyradiomics' text or JSON."),
    ],
    modality: Annotated[
        str,
        typer.Option(
            "--modality", "-m", help="pet, ct, or a name such as pet_lifex beside the cohort's own."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the cohort is written.")],
    program: Annotated[
        str,
        typer.Option(
            "--format", "-f", help="pyradiomics, mirp, lifex, readii, or auto: told from the header."
        ),
    ] = "auto",
    cohort: Annotated[
        Path | None,
        typer.Option(help="Add the features to this cohort (it stays as it is).", show_default=False),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient-column", help="Column that names the patient.", show_default=False),
    ] = None,
    patient_id: Annotated[
        str | None,
        typer.Option(help="Whose features these are, for a file of one patient.", show_default=False),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Take this region or label only.", show_default=False)
    ] = None,
    day: Annotated[float, typer.Option(help="Day of the scan relative to baseline.")] = 0.0,
) -> None:
    """Read features that **pyradiomics, MIRP, LIFEx or READII** computed, and write them as a cohort.

    Names become this library's; what cannot be told for certain keeps its own name and is listed.

    Example: `hybridx import-features radiomics.csv --modality pet --out cohort/`

    Example: `hybridx import-features lifex.csv -m pet_lifex --cohort cohort/ --out cohort_with_lifex/`
    """
    with refusing():
        ensure_writable(out, replace_if="cohort.json")
        found = hx.measure.import_features(
            file, modality, format=program, patient=patient, patient_id=patient_id, region=region, day=day
        )
        if cohort is None:
            made, strangers = found.to_cohort(), []
        else:
            made, strangers = found.into(hx.Cohort.load(cohort))
        made.save(out)
    typer.echo(repr(made))
    say("\n".join(found.lines()))
    if strangers:
        say(f"Not in the cohort and left out: {listing(strangers)}")
    say(f"Cohort written to {out}")


def demo(
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for data, cohort, results and reports.")
    ] = Path("demo"),
    patients: Annotated[int, typer.Option(min=20, help="Number of synthetic patients.")] = 120,
    seed: Annotated[int, typer.Option(help="Same seed, same cohort, same numbers.")] = MIDDLING_SEED,
    workers: Workers = None,
) -> None:
    """Make a **synthetic** cohort with known truth and run the whole analysis on it, from images to pages.

    Writes `data/`, `data_truth/`, `cohort/`, `results/`, `results_response/` and `reports/` below the output folder.

    Example: `hybridx demo --patients 60 --seed 1 --out demo60`
    """
    start = time.monotonic()
    with refusing():
        say(f"1/4 Synthetic data folder: {patients} patients, seed {seed}")
        truth = hx.demo.make_cohort(out / "data", patients=patients, seed=seed)
        say("2/4 Images and tables to features")
        cohort = hx.extract(out / "data", out=out / "cohort", workers=workers)
    typer.echo(repr(cohort))
    failed = failures(cohort.tables["failures"])
    say("3/4 Nested cross-validation of the fusion models and their baselines")
    analysis.evaluate(out / "cohort", endpoint="OS", out=out / "results", workers=workers)
    best = truth.oracle_c["OS"]["measured"]
    say(
        f"The true hazard of these patients, as far as it was measured, has C = {best:.3f}: no model can know more."
    )
    say("The same for the response to therapy, once through the folds; pages show it beside the risk")
    beside = out / "results_response"
    analysis.evaluate(out / "cohort", endpoint="response", out=beside, repeats=1, workers=workers)
    say("4/4 Pages")
    analysis.report(out / "results", out=out / "reports", response=beside, workers=workers)
    say(
        f"Done in {(time.monotonic() - start) / 60:.1f} minutes. Open {out / 'reports' / 'index.html'} in a browser."
    )
    if failed:
        raise typer.Exit(FAILED)
