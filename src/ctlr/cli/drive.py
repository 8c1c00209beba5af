"""Verbs for the drive: how it is, mount, unmount, remount, adopt; they ask the controller."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer
from rich.table import Table

from ctlr.cli.command import SETUP, app, fail
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    controller_url,
    print_json,
    printable,
    printer,
    understand,
)

if TYPE_CHECKING:  # loaded by the verb that reads an answer: a worker and a camera do without
    from ctlr.api import storage_shapes

DRIVE_S = 300.0
"""Checking a large drive before it is mounted takes its time."""

storage = typer.Typer(help="The drive: status, mount, unmount, remount.", no_args_is_help=True)
app.add_typer(storage, name="storage", rich_help_panel=SETUP)
OneMount = Annotated[str, typer.Argument(help="logging or sync")]
Mount = Annotated[str, typer.Argument(help="logging, sync or all")]


@storage.command("status")
def status(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """Show both mounts, and what is wrong with them."""
    answer = ask(controller_url(context, url), "GET", "/api/storage/status")
    if as_json:
        print_json(answer)
        return
    from ctlr.api import storage_shapes

    _print(understand(storage_shapes.StorageStatus, answer))


@storage.command("mount")
def mount(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """Bring the drive, its services and the uploads back."""
    base = controller_url(context, url)
    end(ask(base, "POST", "/api/storage/mount", timeout_s=DRIVE_S), as_json=as_json)


@storage.command("unmount")
def unmount(
    context: typer.Context, mount: OneMount = "sync", *, url: Url = None, as_json: AsJson = False
) -> None:
    """Unmount one of the two mounts; it stays away until it is mounted again."""
    _post(context, "unmount", mount, url, as_json=as_json)


@storage.command("remount")
def remount(
    context: typer.Context, mount: Mount = "all", *, url: Url = None, as_json: AsJson = False
) -> None:
    """Unmount, check and mount again what is stale or read-only."""
    _post(context, "remount", mount, url, as_json=as_json)


@storage.command("adopt")
def adopt(
    context: typer.Context, mount: Mount = "all", *, url: Url = None, as_json: AsJson = False
) -> None:
    """Take the drive that is plugged in as one of this rig."""
    _post(context, "adopt", mount, url, as_json=as_json)


def _post(context: typer.Context, verb: str, mount: str, url: str | None, *, as_json: bool) -> None:
    path = f"/api/storage/{verb}?{urlencode({'mount': mount})}"
    end(ask(controller_url(context, url), "POST", path, timeout_s=DRIVE_S), as_json=as_json)


def end(answer: Json, *, as_json: bool) -> None:
    """Say what became of it; exit code 1 where it was refused."""
    if as_json:
        print_json(answer)
        raise typer.Exit(0 if answer.get("success") else 1)
    text = printable(answer.get("message") or _of_mounts(answer))
    if not answer.get("success"):
        fail(text, code=1)
    typer.echo(text)
    for left in answer.get("details", {}).get("not_on_drive", []):
        typer.echo(f"Not on it: {printable(left)}")


def _of_mounts(answer: Json) -> str:
    mounts: Json = answer.get("mounts", {})
    told = (f"{name}: {one.get('error') or one.get('status')}" for name, one in mounts.items())
    return "; ".join(told)


def _print(answer: "storage_shapes.StorageStatus") -> None:
    console = printer()
    table = Table("mount", "state", "free", "of", "device", "type", "minutes", "problem")
    for name, mount in (("logging", answer.logging), ("sync", answer.sync)):
        minutes = "-" if mount.minutes_left is None else f"{mount.minutes_left:.0f}"
        sizes = f"{mount.free_gb:.2f} GiB", f"{mount.total_gb:.2f} GiB"
        cells = (name, mount.state, *sizes, mount.device, mount.fs_type, minutes, mount.error)
        table.add_row(*map(printable, cells))
    console.print(table)
    if answer.eject.phase != "in_use":
        console.print(printable(answer.eject.message or f"The drive is {answer.eject.phase}."))
