"""``ctlr status``: the whole rig at a glance, as ``GET /api/status`` says it."""

import json
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ctlr.cli.command import FIELD, app, examples
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    controller_url,
    day_and_time,
    lasting,
    print_json,
    printable,
    printer,
    understand,
)
from ctlr.cli.sessions import wholeness
from ctlr.kernel.errors import Refusal

if TYPE_CHECKING:  # loaded by the verb that reads an answer: a worker and a camera do without
    from ctlr.api import shapes
    from ctlr.api.camera_shapes import CameraStatus

POLL_S = 1.0


@app.command(rich_help_panel=FIELD, epilog=examples("ctlr status", "ctlr status --watch"))
def status(
    context: typer.Context,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on showing it, until Ctrl-C.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what the rig does: recording, cameras, storage, delivery, jobs and warnings."""
    base = controller_url(context, url)
    if watch:
        _watch(base, as_json=as_json)
    answer = ask(base, "GET", "/api/status")
    if as_json:
        print_json(answer)
    else:
        printer().print(_shown(answer))


def _watch(base: str, *, as_json: bool) -> NoReturn:
    """Ask every second. A terminal shows the newest answer in its place; a file or a program gets
    each that differs from the one before."""
    from rich.live import Live

    console, told = printer(), None
    try:
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                answer = _ask_patiently(base)
                if console.is_terminal and not as_json:
                    live.update(_shown(answer), refresh=True)
                elif answer != told:
                    told = answer
                    typer.echo(json.dumps(answer)) if as_json else console.print(_shown(answer))
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _ask_patiently(base: str) -> Json:
    """The status; a controller that is being started again is waited for."""
    try:
        return ask(base, "GET", "/api/status")
    except Refusal as refusal:
        if refusal.code != "controller_unreachable":
            raise
        return {"error": refusal.detail}


def _shown(answer: Json) -> RenderableType:
    from ctlr.api import shapes

    if answer.keys() == {"error"}:
        return Text(str(answer["error"]), style="yellow")
    rig = understand(shapes.Status, answer)
    parts: list[RenderableType] = [
        _headline(rig),
        _cameras(rig.cameras) if rig.cameras else "The rig has no camera.",
        _storage(rig.storage),
        _delivery(rig),
    ]
    if rig.sessions:
        parts.append(_sessions(rig.sessions))
    if rig.jobs:
        parts.append(_jobs(rig.jobs))
    warnings = (f"Warning: {printable(warning.message)}" for warning in rig.warnings)
    parts += [Text(warning, style="yellow") for warning in warnings]
    return Group(*parts)


def _headline(rig: "shapes.Status") -> str:
    if rig.uuid is not None:
        doing = printable(rig.phase).capitalize()
        return f"{doing} {printable(rig.uuid)}, {lasting(rig.duration)}"
    return f"{printable(rig.phase).capitalize()}, {printable(rig.readiness)}"


def _cameras(cameras: "list[CameraStatus]") -> Table:
    table = Table("camera", "state", "segment", "to send", "clock", "card free", "temp", "error")
    for camera in cameras:
        table.add_row(
            printable(camera.name),
            printable(camera.state) if camera.connected else "away",
            printable(camera.segment),
            printable(camera.segments_pending),
            _clock(camera),
            _with_unit(camera.disk_free_gb, "GiB"),
            _with_unit(camera.temp, "°C"),
            printable(camera.error),
        )
    return table


def _clock(camera: "CameraStatus") -> str:
    if camera.clock_offset_ms is None or camera.clock_uncertainty_ms is None:
        return "-"
    return f"{camera.clock_offset_ms:+.1f} ± {camera.clock_uncertainty_ms:.1f} ms"


def _storage(storage: "shapes.StorageSummary") -> str:
    health = "" if storage.healthy else ", not usable"
    used = f"Storage: {storage.used_gb:.1f} of {storage.total_gb:.1f} GiB used{health}"
    left = storage.minutes_left
    return used if left is None else f"{used}, room for {lasting(left * 60)}"


def _delivery(rig: "shapes.Status") -> str:
    if rig.sync.all_synced:
        return "Delivery: everything is here"
    elsewhere = [lack.text for session in rig.sessions for lack in session.lacks if lack.still_on]
    where = f": {printable('; '.join(elsewhere))}" if elsewhere else ""
    return f"Delivery: {'under way' if rig.sync.any_syncing else 'not all is here'}{where}"


def _sessions(sessions: "list[shapes.SessionSummary]") -> Table:
    table = Table("newest sessions", "label", "started", "state", "whole")
    for session in sessions:
        started = day_and_time(session.started_at or session.created_at)
        cells = (session.uuid[:8], session.label, started, session.state, wholeness(session))
        table.add_row(*map(printable, cells))
    return table


def _jobs(jobs: "list[shapes.JobStatus]") -> Table:
    table = Table("session", "job", "done", "left", "news")
    for job in jobs:
        total = job.total_bytes
        done = f"{100 * job.done_bytes / total:.0f} %" if total else "-"
        left = "-" if job.eta_s is None else lasting(job.eta_s)
        waits = f"waits for {', '.join(job.waiting_for)}" if job.waiting_for else None
        cells = (job.uuid, job.state, done, left, job.error or waits)
        table.add_row(*map(printable, cells))
    return table


def _with_unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
