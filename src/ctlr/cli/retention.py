"""``ctlr retention``: raw data of verified sessions makes room for new data."""

import sqlite3
import time
from typing import Annotated

import typer

from ctlr.cli.command import SETUP, app, fail, say, settings_of
from ctlr.config import Settings


@app.command(rich_help_panel=SETUP)
def retention(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option(help="Print what would go, delete nothing.")] = False,
    keep: Annotated[
        str | None, typer.Option(help="Never delete the raw data of this session.")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Take that back.")] = None,
    bin_: Annotated[
        bool, typer.Option("--bin", help="Empty the bin of what has been in it for long enough.")
    ] = False,
    lines: Annotated[bool, typer.Option(hidden=True, help="Say all in JSON lines.")] = False,
) -> None:
    """Delete raw data whose copy was verified, oldest first, until there is enough room."""
    from ctlr.postprocess.run.listing import resolve_prefix
    from ctlr.postprocess.run.worker import log_to_parent, print_line
    from ctlr.retention import empty_bin, retire
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
            say("\n".join(_planned(settings, now_ms, bin_=bin_)))
            return
        if not (bin_ or settings.retention.enabled):
            fail("Retention is off ([retention] enabled). --dry-run shows what would go.", code=1)
        if lines:
            log_to_parent(settings.node, "retention")
        work = empty_bin.empty if bin_ else retire.make_room
        for gone in work(settings, now_ms):
            print_line(gone.to_line() if lines else f"deleted {gone.uuid} {gone.bytes}")
    except (OSError, sqlite3.Error) as error:
        fail(f"Retention has stopped: {error}.", code=1)


def _planned(settings: Settings, now_ms: int, *, bin_: bool) -> list[str]:
    from ctlr.retention import bin_plan, empty_bin, plan, retire

    if bin_:
        return bin_plan.describe(empty_bin.plan(settings, now_ms))
    return plan.describe(retire.plan(settings, now_ms))
