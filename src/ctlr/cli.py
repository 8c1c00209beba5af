"""The command ``ctlr``: one verb per process and task, each a few lines that call its part.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 finished but incomplete.
Parts are imported by their verb, so that a camera does not load the controller and back.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ctlr import __version__
from ctlr.config import Settings, load_settings
from ctlr.kernel.errors import ConfigError, Refusal
from ctlr.kernel.ids import parse_session_id

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
    from ctlr.camera.service import run_camera

    asyncio.run(run_camera(_settings(context)))


@app.command("check-config")
def check_config(context: typer.Context) -> None:
    """Read the configuration and print it as it is understood."""
    typer.echo(_settings(context).model_dump_json(indent=2))


@simulate.command("phone")
def simulate_phone(
    uuid: Annotated[str, typer.Option(help="Session that the data belongs to.")],
    folder: Annotated[Path, typer.Option(help="Where the CSV files are written.")],
    seconds: Annotated[float, typer.Option(help="How long the session was.")] = 60,
    start_ms: Annotated[
        int | None, typer.Option(help="Its start, Unix ms [now - seconds].")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    url: Annotated[str | None, typer.Option(help="Controller to upload to.")] = None,
) -> None:
    """Make what phone and watch measure in a session and, with --url, upload it."""
    from ctlr.simulator import phone

    session_id = parse_session_id(uuid)
    begin = start_ms if start_ms is not None else round((time.time() - seconds) * 1000)
    for file in phone.generate(folder, session_id, begin, seconds, seed):
        typer.echo(file)
    if url:
        asyncio.run(phone.upload(url, session_id, folder))


@app.command()
def demo(
    folder: Annotated[Path | None, typer.Option(help="A new folder for the demo.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to record.")] = 12,
    segment_s: Annotated[float, typer.Option(min=1, help="Length of a segment.")] = 4,
    cameras: Annotated[int, typer.Option(min=1, max=16, help="How many cameras.")] = 3,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, until Ctrl-C.")] = False,
) -> None:
    """Record a real session with camera processes on this machine and show the result."""
    from ctlr.simulator.demo import run_demo

    raise typer.Exit(run_demo(folder, keep, seconds, segment_s, cameras))


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
