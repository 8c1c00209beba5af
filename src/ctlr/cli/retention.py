"""``ctlr retention``: raw data of verified sessions makes room for new data."""

import sqlite3
import time
from typing import Annotated

import typer

from ctlr.cli.command import app, fail, settings_of


@app.command()
def retention(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option(help="Print what would go, delete nothing.")] = False,
    keep: Annotated[
        str | None, typer.Option(help="Never delete the raw data of this session.")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Take that back.")] = None,
) -> None:
    """Delete raw data whose copy was verified, oldest first, until there is enough room."""
    from ctlr.postprocess.run.listing import resolve_prefix
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
        for gone, size in retire.finish_earlier(settings, now_ms):
            typer.echo(f"deleted {gone} {size}")
        plan = retire.plan(settings, now_ms)
        for gone, size in retire.retire(settings, plan.delete, now_ms):
            typer.echo(f"deleted {gone} {size}")
    except (OSError, sqlite3.Error) as error:
        fail(f"Retention has stopped: {error}.", code=1)
