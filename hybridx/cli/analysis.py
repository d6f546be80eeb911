"""Commands about models: validate them honestly, and write what was found as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hybridx as hx
from hybridx.cli.say import FAILED, failures, refusing, say
from hybridx.errors import InputError
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["evaluate", "report"]


def evaluate(
    cohort: Annotated[Path, typer.Argument(help="Cohort written by `hybridx extract`.")],
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="For example OS, PFS, response.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the results are written.")] = Path(
        "results"
    ),
    folds: Annotated[int, typer.Option(min=2, help="Folds of the outer cross-validation.")] = 5,
    repeats: Annotated[
        int, typer.Option(min=1, help="Repeats of the cross-validation with other folds.")
    ] = 5,
    seed: Annotated[int, typer.Option(help="Same seed, same folds, same numbers.")] = 0,
    horizon_months: Annotated[
        float | None,
        typer.Option(help="Horizon of calibration and risk; default: chosen from the follow-up."),
    ] = None,
    bands: Annotated[
        int, typer.Option(min=0, help="Bootstrap refits behind each patient's band; 0: none.")
    ] = 30,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes; default: all cores.")
    ] = None,
) -> None:
    """Nested cross-validation of the fusion models beside their baselines, with intervals and explanations.

    Example: `hybridx evaluate cohort/ --endpoint OS --out results/`
    """
    with refusing():
        result = hx.evaluate(
            models=None,
            cohort=hx.Cohort.load(cohort),
            endpoint=endpoint,
            design=hx.designs.NestedCV(folds=folds, repeats=repeats, seed=seed),
            horizon_days=None if horizon_months is None else horizon_months * DAYS_PER_MONTH,
            explain=hx.explain,
            bands=bands,
            workers=workers,
        )
        result.save(out)
    typer.echo(repr(result))
    say(f"Results written to {out}")


def report(
    results: Annotated[Path, typer.Argument(help="Results written by `hybridx evaluate`.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the pages are written.")] = Path("reports"),
    patient: Annotated[
        list[str] | None, typer.Option("--patient", "-p", help="Only these patients (repeatable).")
    ] = None,
    all_patients: Annotated[bool, typer.Option("--all", help="Every patient (the default).")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes; default: all cores.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Keep pages that are up to date.")] = True,
) -> None:
    """Write a tumour-board page per patient, a cohort report and an index, each a file that needs no network.

    Example: `hybridx report results/ --patient P012`
    """
    with refusing():
        if patient and all_patients:
            msg = "--patient and --all contradict each other: give one of them."
            raise InputError(msg)
        index = hx.report.write_reports(
            results, out, patients=patient or "all", workers=workers, resume=resume
        )
    say(f"{len(index.written)} pages written, {len(index.kept)} up to date. Open {out / 'index.html'}")
    if failures(index.failures):
        raise typer.Exit(FAILED)
