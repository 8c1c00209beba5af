"""Verbs that work on recorded sessions: make them ready, list them, verify them."""

from pathlib import Path
from typing import Annotated

import typer

from ctlr.cli.command import FIELD, SETUP, app, examples, settings_of


@app.command(
    rich_help_panel=SETUP,
    epilog=examples("ctlr postprocess --list", "ctlr postprocess --uuid 3f2b --dry-run"),
)
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


@app.command(
    rich_help_panel=FIELD,
    epilog=examples("ctlr verify /media/me/SYNC", "ctlr verify /media/me/SYNC/2026-04-14_1040_lap"),
)
def verify(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(help="A session's folder, a drive with sessions, or a folder of drives."),
    ] = None,
    uuid: Annotated[
        str | None,
        typer.Option(
            help="A session on the sync disk, or its id's beginning; the result is kept there."
        ),
    ] = None,
    done: Annotated[
        Path | None,
        typer.Option(help="Note here what was read back; started again, go on behind that."),
    ] = None,
) -> None:
    """Read sessions back from the disk and compare them with their manifests."""
    if folder is not None:
        from ctlr.cli.reading_back import read_back_folder

        read_back_folder(folder, done)
    elif uuid is not None:
        from ctlr.cli import session_work

        session_work.read_back(settings_of(context), uuid)
    else:
        raise typer.BadParameter("give a drive or a session's folder, or --uuid")


@app.command(hidden=True)
def worker(context: typer.Context, task: str, uuid: str) -> None:
    """What the controller starts: one task on one session, reported in lines on the pipe."""
    from ctlr.cli import session_work

    session_work.work(settings_of(context), task, uuid)
