"""The command-line application: its sub-commands and what their exit codes mean.

0: done. 1: some patients failed and are listed, the rest is there. 2: the input was refused, nothing was written.
"""

from __future__ import annotations

from typing import Annotated

import typer

import hybridx
from hybridx.cli import analysis, data, dicom

__all__ = ["app"]

app = typer.Typer(
    name="hybridx",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 some patients failed and are listed, the rest is there; 2 the input was refused, "
    "nothing was written.",
)


def _version(show: bool) -> None:  # noqa: FBT001  # typer's callback form
    if show:
        typer.echo(f"hybridx {hybridx.__version__}")
        raise typer.Exit


@app.callback()
def hybridx_command(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Integrated diagnostics in oncology: PET/CT, labs and genomics to survival and therapy response, explained.

    Research software, not a medical device.
    """


app.command(name="import")(dicom.import_)
app.command()(data.validate)
app.command()(data.extract)
app.command(name="import-features")(data.import_features)
app.command()(analysis.evaluate)
app.command()(analysis.fit)
app.command()(analysis.predict)
app.command()(analysis.report)
app.command()(analysis.notebook)
app.command()(data.demo)
