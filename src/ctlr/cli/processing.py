"""Verbs that work on recorded sessions: make them ready, list them, verify them."""

from pathlib import Path
from typing import Annotated

import typer

from ctlr.cli.command import app, settings_of


@app.command()
def postprocess(
    context: typer.Context,
    uuid: Annotated[str | None, typer.Option(help="Session id, or its beginning.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Print the plan and change nothing.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the sessions on the disk.")] = False,
) -> None:
    """Join a session's segments and put it on the sync disk."""
    from ctlr.cli import session_work

    settings = settings_of(context)
    if list_:
        session_work.show_sessions(settings)
    elif uuid is not None:
        session_work.make_ready(settings, uuid, dry_run=dry_run)
    else:
        raise typer.BadParameter("give --uuid (a unique beginning will do), or --list")


@app.command()
def verify(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="A session folder, anywhere.")] = None,
    uuid: Annotated[
        str | None, typer.Option(help="A session on the sync disk; the result is kept there.")
    ] = None,
) -> None:
    """Read a session back from the disk and compare it with its manifest."""
    from ctlr.cli import session_work

    if folder is not None:
        session_work.read_back_folder(folder)
    elif uuid is not None:
        session_work.read_back(settings_of(context), uuid)
    else:
        raise typer.BadParameter("give a folder, or --uuid")


@app.command(hidden=True)
def worker(context: typer.Context, task: str, uuid: str) -> None:
    """What the controller starts: one task on one session, reported in lines on the pipe."""
    from ctlr.cli import session_work

    session_work.work(settings_of(context), task, uuid)
