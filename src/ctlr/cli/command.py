"""What all verbs share: the command itself, its settings, and how it fails."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ctlr import __version__
from ctlr.config import Settings, load_settings

app = typer.Typer(
    name="ctlr",
    help="Field recording rig: cameras, phone, watch and CAN bus as one verified session.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ctlr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Read this ctlr.toml instead of the usual places."),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback answers it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    context.obj = config


def settings_of(context: typer.Context) -> Settings:
    """The settings that this invocation is to use. Raises ``ConfigError``."""
    return load_settings(context.obj)


def fail(message: str, code: int) -> NoReturn:
    """Say why on standard error and end with an exit code."""
    typer.echo(message, err=True)
    raise SystemExit(code)
