"""``ctlr status``: the whole rig at a glance, as ``GET /api/status`` says it."""

from typing import TYPE_CHECKING

import typer
from rich.table import Table

from ctlr.cli.command import app
from ctlr.cli.controller import (
    AsJson,
    Url,
    ask,
    controller_url,
    print_json,
    printable,
    printer,
    understand,
)

if TYPE_CHECKING:  # loaded by the verb that reads an answer: a worker and a camera do without
    from ctlr.api import shapes


@app.command()
def status(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """Show what the rig does: recording, cameras, storage, delivery, jobs and warnings."""
    answer = ask(controller_url(context, url), "GET", "/api/status")
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    rig = understand(shapes.Status, answer)
    console = printer()
    console.print(_headline(rig))
    console.print(_cameras(rig.cameras) if rig.cameras else "The rig has no camera.")
    console.print(_storage(rig.storage))
    console.print(_delivery(rig.sync))
    if rig.jobs:
        console.print(_jobs(rig.jobs))
    for warning in rig.warnings:
        console.print(f"Warning: {printable(warning.message)}", style="yellow")


def _headline(rig: "shapes.Status") -> str:
    if rig.uuid is not None:
        doing = printable(rig.phase).capitalize()
        return f"{doing} {printable(rig.uuid)}, {_duration(rig.duration)}"
    ready = "ready to record" if rig.ready else "not ready to record"
    return f"{printable(rig.phase).capitalize()}, {ready}"


def _cameras(cameras: "list[shapes.CameraStatus]") -> Table:
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


def _clock(camera: "shapes.CameraStatus") -> str:
    if camera.clock_offset_ms is None or camera.clock_uncertainty_ms is None:
        return "-"
    return f"{camera.clock_offset_ms:+.1f} ± {camera.clock_uncertainty_ms:.1f} ms"


def _storage(storage: "shapes.StorageSummary") -> str:
    health = "" if storage.healthy else ", not usable"
    used = f"Storage: {storage.used_gb:.1f} of {storage.total_gb:.1f} GiB used{health}"
    left = storage.minutes_left
    return used if left is None else f"{used}, room for {_duration(left * 60)}"


def _delivery(sync: "shapes.SyncSummary") -> str:
    if sync.all_synced:
        return "Delivery: everything is here"
    return f"Delivery: {'under way' if sync.any_syncing else 'not all is here'}"


def _jobs(jobs: "list[shapes.JobStatus]") -> Table:
    table = Table("session", "job", "done", "left", "news")
    for job in jobs:
        total = job.total_bytes
        done = f"{100 * job.done_bytes / total:.0f} %" if total else "-"
        left = "-" if job.eta_s is None else _duration(job.eta_s)
        waits = f"waits for {', '.join(job.waiting_for)}" if job.waiting_for else None
        cells = (job.uuid, job.state, done, left, job.error or waits)
        table.add_row(*map(printable, cells))
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _with_unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
