"""Commands about models: validate them honestly, and write what was found as pages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

import hybridx as hx
from hybridx.cli.designs import DesignName, design_of
from hybridx.cli.places import Scheduler, place_of
from hybridx.cli.say import FAILED, failures, refusing, say
from hybridx.compute import atomic_write, ensure_writable
from hybridx.errors import InputError
from hybridx.terms.text import DAYS_PER_MONTH

__all__ = ["evaluate", "fit", "notebook", "predict", "report"]


def evaluate(
    cohort: Annotated[Path, typer.Argument(help="Cohort written by `hybridx extract`.")],
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="For example OS, PFS, response.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the results are written.")] = Path(
        "results"
    ),
    design: Annotated[
        DesignName,
        typer.Option(
            help="`nested`: everyone is tested, repeatedly. `centres`: each centre by models of all others. "
            "`temporal`: later patients by models of earlier ones. `train-test`: one split. "
            "`bootstrap`: .632+, for small cohorts."
        ),
    ] = DesignName.NESTED,
    folds: Annotated[int | None, typer.Option(min=2, help="Of `nested`: folds; default 5.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Of `nested`: repeats; default 5.")] = None,
    min_patients: Annotated[
        int | None, typer.Option(min=2, help="Of `centres`: patients that a tested centre needs; default 20.")
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="Of `temporal`: first year or date that is tested, 2019 or 2019-07-01.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Of `temporal`: column of the patients table with a year or date.")
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="Of `temporal` and `train-test`: share of patients tested; default 0.3."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Of `train-test`: text file with one test patient per line.")
    ] = None,
    draws: Annotated[int | None, typer.Option(min=10, help="Of `bootstrap`: samples; default 100.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same folds, same numbers.")] = 0,
    horizon_months: Annotated[
        float | None,
        typer.Option(help="Horizon of calibration and risk; default: chosen from the follow-up."),
    ] = None,
    bands: Annotated[
        int, typer.Option(min=0, help="Bootstrap refits behind each patient's band, 10 or more; 0: none.")
    ] = 30,
    coalitions: Annotated[
        bool,
        typer.Option("--coalitions", help="Also fit every combination of modalities: what does each add?"),
    ] = False,
    stress: Annotated[
        bool, typer.Option("--stress", help="Also take each modality from the test patients: what is lost?")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes; default: all cores.")
    ] = None,
    scheduler: Scheduler = "local",
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Go on from the finished folds of a run that was stopped.")
    ] = True,
) -> None:
    """Validate the fusion models beside their baselines, with intervals and explanations.

    Finished folds are kept beside the results until these are written: after a crash the same command goes on there.

    Example: `hybridx evaluate cohort/ --endpoint OS --out results/`

    Example: `hybridx evaluate cohort/ -e OS --coalitions --stress`

    Example: `hybridx evaluate cohort/ -e OS --design centres`

    Example: `hybridx evaluate cohort/ -e OS --design temporal --cut 2019`

    Example: `hybridx evaluate cohort/ -e response --design train-test --test test_patients.txt`

    Example: `hybridx evaluate cohort/ -e OS --design bootstrap --draws 200 --bands 0`
    """
    with refusing():
        chosen = design_of(
            design,
            seed,
            {
                "folds": folds, "repeats": repeats, "min_patients": min_patients, "cut": cut, "by": by,
                "share": share, "test": test, "draws": draws,
            },
        )  # fmt: skip
        ensure_writable(out, replace_if="result.json")  # before an hour of fitting, not after
        kept = out.absolute().with_name(f".{out.absolute().name}.folds")
        if not resume:
            shutil.rmtree(kept, ignore_errors=True)
        elif kept.is_dir():
            say(f"Going on from the finished folds in {kept}")
        result = hx.evaluate(
            models=None,
            cohort=hx.Cohort.load(cohort),
            endpoint=endpoint,
            design=chosen,
            horizon_days=None if horizon_months is None else horizon_months * DAYS_PER_MONTH,
            explain=hx.explain,
            bands=bands,
            coalitions=coalitions,
            stress=stress,
            workers=workers,
            checkpoint=kept,
            **place_of(scheduler),
        )
        result.save(out)
        shutil.rmtree(kept, ignore_errors=True)
    typer.echo(repr(result))  # with what the checks call an error; here the rest
    for finding in result.checks():
        if finding.severity != "error" or finding.silenced:
            say(str(finding))
    if coalitions:
        say(repr(result.added_value()))
    if stress:
        say(repr(result.stress_test()))
    if result.apparent.height:
        say("Corrected for optimism:")
        for row in result.optimism(model=result.primary).iter_rows(named=True):
            say(f"  {row['estimate']:<12} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})")
    say(f"Results written to {out}")


def fit(
    cohort: Annotated[Path, typer.Argument(help="Cohort written by `hybridx extract`.")],
    endpoint: Annotated[str, typer.Option("--endpoint", "-e", help="For example OS, PFS, response.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the locked model is written.")] = Path(
        "model"
    ),
    modality: Annotated[
        list[str] | None, typer.Option("--modality", "-m", help="Only these (repeatable).")
    ] = None,
) -> None:
    """Fit the recommended fusion on **all** patients and lock it for new ones. It gives no score: `evaluate` does.

    Example: `hybridx fit cohort/ --endpoint OS --out model/`
    """
    with refusing():
        ensure_writable(out, replace_if="model.json")
        training = hx.Cohort.load(cohort)
        later = training.measured_after(training.landmark_day)
        if later:  # a model must not know the future
            which = ", ".join(f"{name} ({n} patients)" for name, n in later.items())
            say(
                f"Measured after day {training.landmark_day:g}, from which times count, and left out: {which}."
            )
            training = training.at(training.landmark_day)
        X, y = training.frame(), training.outcomes(endpoint)
        advice = hx.fusion.recommend((X, y))
        model = advice.model.set_params(modalities=modality or None).fit(X, y)
        hx.fusion.lock(model, X, y, cohort=training).save(out)
    for reason in advice.reasons:
        say(reason)
    typer.echo(repr(model))
    say(f"Locked model written to {out}. How good it is: `hybridx evaluate {cohort} --endpoint {endpoint}`")


def predict(
    model: Annotated[Path, typer.Argument(help="Locked model written by `hybridx fit`.")],
    cohort: Annotated[Path, typer.Argument(help="Cohort of new patients, written by `hybridx extract`.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV or Parquet file.")] = Path("predictions.csv"),
    months: Annotated[
        list[float] | None, typer.Option(help="Horizons of the survival probability (repeatable).")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", "-e", help="Where outcomes are known: score the predictions on them, too."
        ),
    ] = None,
    scores: Annotated[
        Path, typer.Option("--scores", help="Where the scores are written, with --endpoint.")
    ] = Path("external"),
) -> None:
    """Apply a locked model to new patients, each with the warnings that the prediction deserves.

    A patient with none of the model's modalities gets no number. With --endpoint the model is scored on the outcomes of
    these patients as it is (external validation); nothing is refitted.

    Example: `hybridx predict model/ new_cohort/ --out predictions.csv --months 12 --months 24`

    Example: `hybridx predict model/ new_cohort/ --endpoint OS --scores external/`
    """
    with refusing():
        if out.suffix not in {".csv", ".parquet"}:
            msg = f"--out must end in .csv or .parquet, got {out.name!r}."
            raise InputError(msg)
        ensure_writable(out.absolute().parent)
        if endpoint is not None:
            ensure_writable(scores, replace_if="result.json")
        locked, newcomers = hx.fusion.LockedModel.load(model), hx.Cohort.load(cohort)
        times = [m * DAYS_PER_MONTH for m in months or (12, 24)]
        table = locked.predict(newcomers, times=times)
        result = None if endpoint is None else hx.evaluate.score_locked(model, newcomers, endpoint)
        if result is not None:
            result.save(scores)
        with atomic_write(out) as temporary:
            table.write_csv(temporary) if out.suffix == ".csv" else table.write_parquet(temporary)
    typer.echo(repr(locked))
    if result is not None:
        typer.echo(repr(result))
        say(f"Scores written to {scores}; pages: `hybridx report {scores}`")
    warned = table.filter(table["warnings"] != "").height
    say(f"{table.height} patients, {warned} with a warning; written to {out}")


def report(
    results: Annotated[Path, typer.Argument(help="Results written by `hybridx evaluate`.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the pages are written.")] = Path("reports"),
    response: Annotated[
        Path | None,
        typer.Option(
            "--response", help="Results of the response endpoint of the same cohort: shown beside the risk."
        ),
    ] = None,
    patient: Annotated[
        list[str] | None, typer.Option("--patient", "-p", help="Only these patients (repeatable).")
    ] = None,
    all_patients: Annotated[bool, typer.Option("--all", help="Every patient (the default).")] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes; default: all cores.")
    ] = None,
    scheduler: Scheduler = "local",
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Keep pages that are up to date.")] = True,
    single_file: Annotated[
        bool,
        typer.Option("--single-file", help="Put the image viewer into each page, not once beside them."),
    ] = False,
    language: Annotated[
        str, typer.Option("--language", help="Of all pages, the checklists and the model card: en or de.")
    ] = "en",
    saliency: Annotated[
        Path | None,
        typer.Option(
            "--saliency",
            help="Data folder of the images: show what each place adds; up to half a minute per patient.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="With --saliency, for results of a locked model: its folder."),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the cohort report to cohort.pdf as well; needs Chromium.")
    ] = False,
) -> None:
    """Write a tumour-board page per patient, a cohort report and an index, each a file that needs no network.

    Example: `hybridx report results/ --patient P012`

    Example: `hybridx report results/ --response results_response/`

    Example: `hybridx report results/ --patient P012 --saliency data/`
    """
    with refusing():
        if patient and all_patients:
            msg = "--patient and --all contradict each other: give one of them."
            raise InputError(msg)
        if model is not None and saliency is None:
            msg = "--model says by which model images are explained: give --saliency DATA as well."
            raise InputError(msg)
        index = hx.report.write_reports(
            results,
            out,
            response=response,
            patients=patient or "all",
            workers=workers,
            resume=resume,
            single_file=single_file,
            pdf=pdf,
            language=language,
            saliency=saliency,
            model=None if model is None else str(model),
            **place_of(scheduler),
        )
    say(f"{len(index.written)} pages written, {len(index.kept)} up to date. Open {out / 'index.html'}")
    if failures(index.failures):
        raise typer.Exit(FAILED)


def notebook(
    path: Annotated[
        Path, typer.Argument(metavar="NOTEBOOK", help="An .ipynb with a cell tagged `parameters`.")
    ],
    results: Annotated[Path, typer.Argument(help="Results written by `hybridx evaluate`.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where the executed notebooks are written.")
    ] = Path("notebooks_out"),
    patient: Annotated[
        list[str] | None, typer.Option("--patient", "-p", help="Once per patient (repeatable).")
    ] = None,
    all_patients: Annotated[bool, typer.Option("--all", help="Once for every patient.")] = False,
    workers: Annotated[int, typer.Option("--workers", "-j", min=1, help="Kernels at a time.")] = 1,
    scheduler: Scheduler = "local",
    isolate: Annotated[
        bool, typer.Option("--isolate", help="A fresh kernel for each run, in place of a warm one: slow.")
    ] = False,
    cell_timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which a cell that hangs is stopped.")
    ] = 1800.0,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Keep runs that succeeded with the same inputs.")
    ] = True,
) -> None:
    """Run a parameterised notebook through papermill: once, or once per patient; a failed run stops no other.

    The notebook gets the parameters `cohort`, `results` and, per patient, `patient`.

    Example: `hybridx notebook notebooks/02_tumor_board.ipynb results/ --all --out boards/`
    """
    with refusing():
        if patient and all_patients:
            msg = "--patient and --all contradict each other: give one of them."
            raise InputError(msg)
        loaded = hx.Result.load(results)
        common = {"cohort": results / "cohort", "results": results}
        chosen = loaded.cohort.patients if all_patients else tuple(patient or ())
        if chosen:  # a name that is not in the cohort is refused before any kernel starts
            loaded.cohort.select(chosen)
        parameters = [{**common, "patient": p} for p in chosen] or [common]
        runs = hx.report.run_notebooks(
            path, parameters, out, resume=resume, workers=workers, isolate=isolate, cell_seconds=cell_timeout,
            **place_of(scheduler),
        )  # fmt: skip
    say(repr(runs))
    for name, reason in runs.failed.iter_rows():
        say(f"  {name}: {reason}")
    if runs.failed.height:
        raise typer.Exit(FAILED)
