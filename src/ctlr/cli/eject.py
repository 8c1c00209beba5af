"""``ctlr eject``: the drive is made safe to remove, at once or when all work has ended.

Whoever sits at a terminal is asked where somebody would miss something: before an eject that leaves
data behind, and after one that was refused because of work under way. A script is never asked: it
gets the answer, and what is not on the drive, and says itself with ``--when-safe`` that it waits.
"""

import sys
import time
from typing import Annotated, NoReturn

import typer

from ctlr.cli.command import FIELD, app, examples
from ctlr.cli.controller import AsJson, Json, Url, ask, controller_url, printable
from ctlr.cli.drive import DRIVE_S, end

POLL_S = 1.0
_CHOICE = "Wait for what is under way, eject now, or leave the drive in? [w/e/l]"


@app.command(rich_help_panel=FIELD, epilog=examples("ctlr eject", "ctlr eject --when-safe"))
def eject(
    context: typer.Context,
    *,
    when_safe: Annotated[
        bool, typer.Option("--when-safe", help="Wait for all work to end, then eject.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Do not ask, whatever is not on the drive yet.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make the drive safe to remove, or say why it is not, and what is not on it."""
    if when_safe and now:
        raise typer.BadParameter("give one of --when-safe and --now")
    base = controller_url(context, url)
    asks = sys.stdin.isatty() and not (when_safe or now or as_json)
    if asks:
        when_safe = _wants_to_wait_for_what_lacks(base)
    answer = _post(base, "safe" if when_safe else "now")
    if asks and not when_safe and _is_busy(answer):
        typer.echo(f"{printable(answer.get('message'))}.", err=True)
        if not typer.confirm("Wait until that has ended, and eject then?", default=True, err=True):
            _leave()
        answer = _post(base, "safe")
    if answer.get("details", {}).get("waiting"):
        answer = _wait(base, as_json=as_json)
    end(answer, as_json=as_json)


def _post(base: str, when: str) -> Json:
    return ask(base, "POST", f"/api/storage/eject?when={when}", timeout_s=DRIVE_S)


def _wants_to_wait_for_what_lacks(base: str) -> bool:
    """Where something is not on the drive yet, whether to wait for what is under way. Ends the
    command where the drive is to stay."""
    left = _state(base).get("not_on_drive", [])
    if not left:
        return False
    typer.echo("\n".join(map(printable, left)), err=True)
    said = typer.prompt(
        _CHOICE, default="w", show_default=False, value_proc=_first_letter, err=True
    )
    if said == "l":
        _leave()
    return bool(said == "w")


def _first_letter(said: str) -> str:
    letter = said.strip().lower()[:1]
    if letter not in {"w", "e", "l"}:
        raise typer.BadParameter("w, e or l")
    return letter


def _leave() -> NoReturn:
    typer.echo("The drive stays in; nothing was changed.", err=True)
    raise typer.Exit(1)


def _is_busy(answer: Json) -> bool:
    """Whether it was refused because of work that ends by itself, or when somebody ends it."""
    return not answer.get("success") and bool(answer.get("details", {}).get("busy"))


def _wait(base: str, *, as_json: bool) -> Json:
    """Until the drive is out, or somebody has ended the waiting."""
    said = ""
    try:
        while True:
            state = _state(base)
            phase, message = state.get("phase"), printable(state.get("message"))
            if phase == "ejected":
                details = {"not_on_drive": state.get("not_on_drive", [])}
                return {"success": True, "message": "Safe to remove drive", "details": details}
            if phase == "in_use":
                return {"success": False, "message": "The eject was called off."}
            if message != said and not as_json and phase == "waiting":
                said = message
                typer.echo(message, err=True)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        typer.echo(
            "The controller goes on waiting, and ejects the drive by itself. Not safe to remove "
            "yet: ctlr storage status tells when, ctlr storage mount calls it off.",
            err=True,
        )
        raise typer.Exit(1) from None


def _state(base: str) -> Json:
    found: Json = ask(base, "GET", "/api/storage/status").get("eject", {})
    return found
