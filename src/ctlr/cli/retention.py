"""``ctlr retention``: raw data of verified sessions makes room for new data."""

import sqlite3
import time
from typing import Annotated

import typer

from ctlr.cli.command import SETUP, app, fail, settings_of


@app.command(rich_help_panel=SETUP)
def retention(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option(help="Print what would go, delete nothing.")] = False,
    keep: Annotated[
        str | None, typer.Option(help="Never delete the raw data of this session.")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Take that back.")] = None,
    lines: Annotated[bool, typer.Option(hidden=True, help="Say all in JSON lines.")] = False,
) -> None:
    """Delete raw data whose copy was verified, oldest first, until there is enough room."""
    from ctlr.postprocess.run.listing import resolve_prefix
    from ctlr.postprocess.run.worker import log_to_parent, print_line
    from ctlr.retention import retire
    from ctlr.retention.plan import describe
    from ctlr.storage.mount_snapshot import mount_problem

    settings = settings_of(context)
    for name in ("logging", "sync"):
        if problem := mount_problem(settings.storage, name):
            fail(f"The {name} drive cannot be used: {problem}. Nothing was deleted.", code=1)
    try:
        if keep or release:
            uuid = resolve_prefix(settings, keep or release or "")
            retire.preserve(settings, uuid, keep=keep is not None)
            typer.echo(f"The raw data of {uuid} is {'kept' if keep else 'no longer kept'}.")
            return
        now_ms = time.time_ns() // 1_000_000
        if dry_run:
            typer.echo("\n".join(describe(retire.plan(settings, now_ms))))
            return
        if not settings.retention.enabled:
            fail("Retention is off ([retention] enabled). --dry-run shows what would go.", code=1)
        if lines:
            log_to_parent(settings.node, "retention")
        for gone in retire.make_room(settings, now_ms):
            text = gone.to_line() if lines else f"deleted {gone.uuid} {gone.bytes}"
            print_line(text)
    except (OSError, sqlite3.Error) as error:
        fail(f"Retention has stopped: {error}.", code=1)
