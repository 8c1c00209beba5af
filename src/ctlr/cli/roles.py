"""Verbs that are a role: a process that lasts, one per service."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from ctlr import __version__
from ctlr.cli.command import SERVICES, SETUP, app, fail, settings_of
from ctlr.config import Settings, find_file
from ctlr.kernel.errors import ConfigError

_NO_FILE = (
    "There is no configuration file; these are the defaults, and what the environment sets. "
    "Looked for at --config, $CTLR_CONFIG, /etc/ctlr/ctlr.toml and ./ctlr.toml."
)


@app.command(rich_help_panel=SERVICES)
def serve(context: typer.Context) -> None:
    """Run the controller: the REST API and all that it coordinates."""
    from ctlr.app import serve as run
    from ctlr.kernel.database import DatabaseError

    settings = settings_of(context)
    storage = settings.storage
    where = _address(settings.api.host, settings.api.port)
    disks = f"raw data in {storage.logging}, sessions in {storage.sync}"
    _introduce(context, f"controller {settings.node}", f"{where}, {disks}")
    service = run(
        settings,
        lambda task, uuid: _own_verb(context, "worker", task, uuid),
        _own_verb(context, "retention", "--lines"),
    )
    _run("The controller", service, cannot_start=(DatabaseError, OSError))


@app.command(rich_help_panel=SERVICES)
def camera(context: typer.Context) -> None:
    """Run a camera node: records when it is told to, delivers by rsync."""
    from ctlr.camera.service import run_camera

    # The one at the usual place is the one that was alone before there were several on a machine.
    inherits = context.obj is None
    settings = settings_of(context)
    own = settings.camera
    told = f"{_address(own.host, own.port)}, source {own.source}, delivers to {own.target}"
    _introduce(context, f"camera {settings.node}", told)
    _run("The camera node", run_camera(settings, inherits=inherits))


@app.command("subscribe-logs", rich_help_panel=SERVICES)
def subscribe_logs(context: typer.Context) -> None:
    """Keep what the whole rig says on the logging drive, and pass it on to Loki."""
    from ctlr.logbook.service import subscribe

    settings = settings_of(context)
    _run("The log subscriber", subscribe(settings, _checked_logging(settings)))


@app.command("listen-can", rich_help_panel=SERVICES)
def listen_can(context: typer.Context) -> None:
    """Record the CAN buses of the rig on the logging drive."""
    from ctlr.can.listener import listen

    settings = settings_of(context)
    _run("The CAN listener", listen(settings, _checked_logging(settings)))


@app.command("watch-mounts", rich_help_panel=SERVICES)
def watch_mounts(context: typer.Context) -> None:
    """Watch both mounts of the drive, and repair what can be repaired."""
    from ctlr.storage.watcher import watch_mounts as run

    _run("The drive watcher", run(_with_named_volumes(context)))


@app.command("check-config", rich_help_panel=SETUP)
def check_config(context: typer.Context) -> None:
    """Read the configuration and print it as it is understood, and say which file that is; CAN
    databases are read too."""
    from ctlr.postprocess.can.database import load

    settings = settings_of(context)
    file = find_file(context.obj)
    typer.echo(settings.model_dump_json(indent=2))
    if settings.can.dbc:
        found = load(settings.can.dbc)
        for problem in found.problems:
            typer.echo(f"can.dbc: {problem}", err=True)
        if found.unreadable:
            fail("Frames of these databases would stay undecoded; correct can.dbc.", code=2)
    typer.echo(f"The configuration {file.absolute()} is good." if file else _NO_FILE, err=True)


@app.command(hidden=True)
def privileged() -> None:
    """What ctlr-privileged.socket starts: one request on standard input, as root. The program
    ``ctlr-privileged`` is the same and starts faster."""
    from ctlr.storage.privileged.session import main

    raise typer.Exit(main())


def _with_named_volumes(context: typer.Context) -> Settings:
    """The settings, if they name both volumes. What only a default names may be anybody's folder,
    and a watcher makes mount points unwritable, checks file systems and mounts them."""
    settings = settings_of(context)
    named = settings.storage.model_fields_set
    silent = [name for name in ("logging", "sync") if not named & {name, f"{name}_device"}]
    if silent:
        keys = " and ".join(f"{name} or {name}_device" for name in silent)
        file = find_file(context.obj)
        where = (
            f"The configuration {file.absolute()}" if file else "Without a configuration, nothing"
        )
        verb = "does not name" if file else "names"
        raise ConfigError(
            f"{where} {verb} the drive that this is to watch and repair; nothing was touched. "
            f"Set {keys} under [storage]."
        )
    return settings


def _introduce(context: typer.Context, who: str, where: str) -> None:
    """Say in one line what this process is, by which file, and where it is reached."""
    file = find_file(context.obj)
    by = f"configured by {file.absolute()}" if file else "without a configuration file"
    typer.echo(f"ctlr {__version__}, {who}, {by}: {where}", err=True)


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _run(
    what: str,
    service: Coroutine[Any, Any, None],
    cannot_start: tuple[type[Exception], ...] = (),
) -> None:
    """Run a service to its end; its failure is one line and exit code 1."""
    from ctlr.kernel.service import PartDiedError

    try:
        asyncio.run(service)
    except cannot_start as error:
        fail(f"{what} cannot start: {error}", code=1)
    except (PartDiedError, OSError) as error:
        fail(f"{what} has ended: {error}", code=1)


def _checked_logging(settings: Settings) -> Callable[[], str | None]:
    """Says why nothing may be written to the logging drive now, or None."""
    from ctlr.storage.mount_snapshot import CheckedMount

    return CheckedMount(settings.storage, "logging", settings.database.path.parent)


def _own_verb(context: typer.Context, *words: str) -> list[str]:
    """The command line of a child with the same settings."""
    config = ["--config", str(context.obj)] if context.obj else []
    return [sys.executable, "-m", "ctlr", *config, *words]
