"""Verbs that are a role: a process that lasts, one per service."""

import asyncio
import sys

import typer

from ctlr.cli.command import app, fail, settings_of


@app.command()
def serve(context: typer.Context) -> None:
    """Run the controller: the REST API and all that it coordinates."""
    from ctlr.app import serve as run
    from ctlr.kernel.database import DatabaseError

    settings = settings_of(context)
    try:
        serving = run(
            settings,
            lambda task, uuid: _own_verb(context, "worker", task, uuid),
            _own_verb(context, "retention"),
        )
        raise typer.Exit(asyncio.run(serving))
    except (DatabaseError, OSError) as error:
        fail(f"The controller cannot start: {error}", code=1)


@app.command()
def camera(context: typer.Context) -> None:
    """Run a camera node: records when told to, delivers by rsync."""
    from ctlr.camera.service import NodeDiedError, run_camera

    try:
        asyncio.run(run_camera(settings_of(context)))
    except (NodeDiedError, OSError) as error:
        fail(f"The camera node has ended: {error}", code=1)


@app.command("subscribe-logs")
def subscribe_logs(context: typer.Context) -> None:
    """Keep what the whole rig says on the logging drive, and pass it on to Loki."""
    from ctlr.logbook.service import SubscriberDiedError, subscribe
    from ctlr.storage.mount_snapshot import CheckedMount

    settings = settings_of(context)
    folder = settings.database.path.parent
    try:
        asyncio.run(subscribe(settings, CheckedMount(settings.storage, "logging", folder)))
    except (SubscriberDiedError, OSError) as error:
        fail(f"The log subscriber has ended: {error}", code=1)


@app.command("listen-can")
def listen_can(context: typer.Context) -> None:
    """Record the CAN buses of the rig on the logging drive."""
    from ctlr.can.listener import ListenerDiedError, listen
    from ctlr.storage.mount_snapshot import CheckedMount

    settings = settings_of(context)
    folder = settings.database.path.parent
    try:
        asyncio.run(listen(settings, CheckedMount(settings.storage, "logging", folder)))
    except ListenerDiedError as error:
        fail(f"The CAN listener has ended: {error}", code=1)


@app.command("watch-mounts")
def watch_mounts(context: typer.Context) -> None:
    """Watch both mounts of the drive, and repair what can be repaired."""
    from ctlr.storage.watcher import watch_mounts as run

    try:
        raise typer.Exit(asyncio.run(run(settings_of(context))))
    except OSError as error:
        fail(f"The drive watcher has ended: {error}", code=1)


@app.command("check-config")
def check_config(context: typer.Context) -> None:
    """Read the configuration and print it as it is understood; CAN databases are read too."""
    from ctlr.postprocess.can.database import load

    settings = settings_of(context)
    typer.echo(settings.model_dump_json(indent=2))
    if settings.can.dbc:
        found = load(settings.can.dbc)
        for problem in found.problems:
            typer.echo(f"can.dbc: {problem}", err=True)
        if found.unreadable:
            fail("Frames of these databases would stay undecoded; correct can.dbc.", code=2)


@app.command(hidden=True)
def privileged() -> None:
    """What ctlr-privileged.socket starts: one request on standard input, as root. The program
    ``ctlr-privileged`` is the same and starts faster."""
    from ctlr.storage.privileged.session import main

    raise typer.Exit(main())


def _own_verb(context: typer.Context, *words: str) -> list[str]:
    """The command line of a child with the same settings."""
    config = ["--config", str(context.obj)] if context.obj else []
    return [sys.executable, "-m", "ctlr", *config, *words]
