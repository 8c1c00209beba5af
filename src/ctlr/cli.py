"""The command ``ctlr``: one verb per process and task, each a few lines that call its part.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 finished but incomplete.
Parts are imported by their verb, so that a camera does not load the controller and back.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ctlr import __version__
from ctlr.config import Settings, load_settings
from ctlr.kernel.errors import ConfigError, Refusal

FAILED, BAD_USAGE = 1, 2

app = typer.Typer(
    name="ctlr",
    help="Field recording rig: cameras, phone, watch and CAN bus as one verified session.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
simulate = typer.Typer(help="Pretend to be a part of the rig.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")

ConfigPath = Annotated[
    Path | None, typer.Option("--config", help="ctlr.toml to read instead of the usual places.")
]


def main() -> None:
    """Entry point; turns the errors that a person is meant to read into one line each."""
    try:
        app()
    except ConfigError as error:
        _fail(str(error), BAD_USAGE)
    except Refusal as refusal:
        _fail(refusal.detail, FAILED)


@app.callback()
def root(
    context: typer.Context,
    config: ConfigPath = None,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    context.obj = config
    if version:
        typer.echo(f"ctlr {__version__}")
        raise typer.Exit


@app.command()
def serve(context: typer.Context) -> None:
    """Run the controller: the REST API and all that it coordinates."""
    from ctlr.app import serve as run
    from ctlr.kernel.database import DatabaseError

    settings = _settings(context)
    try:
        raise typer.Exit(asyncio.run(run(settings, lambda uuid: _worker(context, uuid))))
    except (DatabaseError, OSError) as error:
        _fail(f"The controller cannot start: {error}", FAILED)


@app.command()
def camera(context: typer.Context) -> None:
    """Run a camera node: records when told to, delivers by rsync."""
    from ctlr.camera.agent import run_camera

    asyncio.run(run_camera(_settings(context)))


@app.command("check-config")
def check_config(context: typer.Context) -> None:
    """Read the configuration and print it as it is understood."""
    typer.echo(_settings(context).model_dump_json(indent=2))


def _settings(context: typer.Context) -> Settings:
    return load_settings(context.obj)


def _worker(context: typer.Context, uuid: str) -> list[str]:
    """The command line of the child that post-processes one session."""
    config = ["--config", str(context.obj)] if context.obj else []
    return [
        *(sys.executable, "-m", "ctlr", *config),
        *("postprocess", "--uuid", uuid, "--progress-json"),
    ]


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(code)
