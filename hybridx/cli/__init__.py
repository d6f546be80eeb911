"""The `hybridx` command: from a data folder to reports, one sub-command a step."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; see ``hybridx --help``."""
    from hybridx.cli.app import app  # noqa: PLC0415  # `import hybridx.cli` stays cheap for the lazy top level

    app()
