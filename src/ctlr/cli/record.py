"""``ctlr record``: start, stop and mark a session on all cameras together."""

import time
from typing import Annotated
from urllib.parse import urlencode

import typer

from ctlr.cli.command import FIELD, app, examples
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    ask_again,
    clock_time,
    controller_url,
    lasting,
    print_json,
    printable,
    understand,
    whole_id,
)
from ctlr.kernel.ids import new_session_id

REHEARSAL_LOOK_S = 0.5
_SIGNS = {"pass": "ok", "fail": "FAILED", "unknown": "-"}

record = typer.Typer(
    help="Start, stop and mark a session; rehearse one.",
    no_args_is_help=True,
    epilog=examples("ctlr record start", "ctlr record mark 'hard braking'", "ctlr record stop"),
)
app.add_typer(record, name="record", rich_help_panel=FIELD)


@record.command("start", epilog=examples("ctlr record start", "ctlr record start 'lap 1, dry'"))
def start(
    context: typer.Context,
    label: Annotated[str | None, typer.Argument(help="What the session is called.")] = None,
    *,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Begin a session on all cameras at one instant."""
    # The id is made here, as a phone does: asked twice, it is still one session.
    named = {"label": label} if label else {}
    query = urlencode({"uuid": new_session_id(), **named})
    answer = ask_again(controller_url(context, url), "POST", f"/api/record/start?{query}")
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    started = understand(shapes.StartAnswer, answer)
    on = sum(camera.started for camera in started.cameras)
    typer.echo(
        f"Recording {started.uuid} from {clock_time(started.start_at)} on, "
        f"with {on} of {len(started.cameras)} cameras."
    )
    for camera in started.cameras:
        if not camera.started:
            typer.echo(f"Without {printable(camera.name)} so far: {printable(camera.error)}.")
    for warning in started.warnings:
        typer.echo(f"Warning: {printable(warning.message)}")


@record.command("stop")
def stop(
    context: typer.Context,
    session: Annotated[
        str | None,
        typer.Argument(help="Only this session: its id or the beginning of it.", metavar="UUID"),
    ] = None,
    *,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """End the session on all cameras."""
    base, path = controller_url(context, url), "/api/record/stop"
    if session is not None:
        path += f"?{urlencode({'uuid': whole_id(base, session)})}"
    answer = ask(base, "POST", path)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    stopped = understand(shapes.StopAnswer, answer)
    typer.echo(f"Stopped {stopped.uuid} after {lasting(stopped.duration)}.")
    for error in stopped.errors or ():
        typer.echo(f"Warning: {printable(error)}")


@record.command("mark", epilog=examples("ctlr record mark", "ctlr record mark 'hard braking'"))
def mark(
    context: typer.Context,
    label: Annotated[str | None, typer.Argument(help="What is to be found again.")] = None,
    *,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Mark this instant of the session that is being recorded."""
    body: Json = {} if label is None else {"label": label}
    base = controller_url(context, url)
    answer = ask(base, "POST", "/api/sessions/current/marks", body)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    kept = understand(shapes.MarkAnswer, answer)
    named = f": {printable(kept.label)}" if kept.label else ""
    typer.echo(f"Marked {clock_time(kept.at_ms)} in {kept.uuid}{named}")


@record.command("rehearse")
def rehearse(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """Record five seconds, look at what comes of them, and throw them away.

    Exit code 1 when something is not well.
    """
    from ctlr.api.rehearsal import RehearsalAnswer

    base = controller_url(context, url)
    answer = ask(base, "POST", "/api/rehearsal")
    while answer.get("state") not in (None, "done"):
        time.sleep(REHEARSAL_LOOK_S)
        answer = ask(base, "GET", "/api/rehearsal")
    if as_json:
        print_json(answer)
    else:
        found = understand(RehearsalAnswer, answer)
        for check in found.checks:
            typer.echo(f"{_SIGNS[check.result]:6}  {printable(check.text)}")
        typer.echo(printable(found.text))
    if answer.get("result") != "pass":
        raise typer.Exit(1)
