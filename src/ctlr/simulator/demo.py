"""``make demo``: one session with three cameras, recorded, delivered, joined and looked at.

It drives the controller through the same API as the phone app and believes only what it finds
on the disk. Each run gets a fresh folder below ``./demo-session``; nothing is ever deleted or
overwritten, and the folder stays for a look around. No process outlives the command.
"""

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import new_session_id
from ctlr.simulator import phone, phone_clock
from ctlr.simulator.child import RigError
from ctlr.simulator.display import Display
from ctlr.simulator.findings import Findings, inspect_video, judge, video_files
from ctlr.simulator.places import HOST
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import (
    Json,
    Recorded,
    StoryError,
    read_manifest,
    record,
    wait_until_processed,
    wait_until_ready,
    wait_until_verified,
)

DEFAULT_FOLDER = Path("demo-session")
KEPT_API_PORT = 8000  # what the README's curl lines call

_END_SIGNALS = (signal.SIGINT, signal.SIGTERM)

EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE = 0, 1, 3


@dataclass(frozen=True)
class Script:
    """What to record: how long, cut how often, with how many cameras; and by how much the watch's
    clock runs behind."""

    seconds: float = 12
    segment_s: float = 4
    cameras: int = 3
    watch_lag_s: float = 0

    @property
    def camera_names(self) -> tuple[str, ...]:
        return tuple(f"demo-cam-{number}" for number in range(1, self.cameras + 1))


def run_demo(
    folder: Path | None = None,
    keep: bool = False,
    seconds: float = 12,
    segment_s: float = 4,
    cameras: int = 3,
    watch_lag_s: float = 0,
) -> int:
    """Run the demo in ``folder`` (default: a new one below ``./demo-session``).

    With ``keep`` the rig stays up afterwards until Ctrl-C. Returns the exit code: 0 when the
    session is complete, 3 when something is missing from it, 1 when the demo failed.
    """
    console = Console()
    script = Script(seconds, segment_s, cameras, watch_lag_s)
    try:
        chosen = choose_folder(folder, datetime.now().astimezone())
        return asyncio.run(_demo(console, chosen, script, keep))
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print("Ended before it was done; no process is left.")
    except (RigError, StoryError, OSError) as error:
        console.print("[red]The demo failed.[/]")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
    return EXIT_FAILED


def choose_folder(folder: Path | None, now: datetime) -> Path:
    """Where this run lives. Raises ``RigError`` for a folder that already holds something."""
    if folder is None:
        return DEFAULT_FOLDER / now.strftime("%Y-%m-%d_%H%M%S")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RigError(f"{folder} is not empty. The demo overwrites nothing; name another folder.")
    return folder


async def _demo(console: Console, folder: Path, script: Script, keep: bool) -> int:
    _cancel_at_signals()
    rig = Rig(
        folder,
        script.camera_names,
        on_cameras={"camera": {"segment_s": script.segment_s}},
        api_port=KEPT_API_PORT if keep else None,
    )
    async with AsyncExitStack() as stack:
        with Display(console) as display:
            display.step(f"Starting broker, rsync daemon, controller and {script.cameras} cameras")
            await stack.enter_async_context(rig)
            try:
                await wait_until_ready(rig.http)
                session, findings = await _record_and_inspect(rig, script, display)
            except StoryError as error:
                raise StoryError(f"{error}\n{_last_words(rig, str(error))}") from error
        code = report(console, session, findings)
        if keep:
            await _stay_up(console, rig)
    return code


def _last_words(rig: Rig, error: str) -> str:
    """The end of the log of each camera that an error names, else of the controller's."""
    cameras = [rig.camera(name) for name in rig.camera_names if name in error]
    return "\n".join(child.log_tail() for child in cameras or [rig.controller])


async def _record_and_inspect(rig: Rig, script: Script, display: Display) -> tuple[Path, Findings]:
    """The story of one session, step by step; returns its folder and what was found in it."""

    def show_recording(status: Json) -> None:
        newest = max(camera["segment"] or 0 for camera in status["cameras"])
        display.update(status["duration"], script.seconds, f"segment {newest}")

    def show_delivery(status: Json) -> None:
        pending = sum(camera["segments_pending"] or 0 for camera in status["cameras"])
        display.note(f"{pending} segments on their way" if pending else "joining")

    uuid = new_session_id()
    await _tell_phone_clock(rig)
    display.step(f"Recording {script.seconds:g} s in segments of {script.segment_s:g} s")
    recorded = await record(rig.http, uuid, script.seconds, show_recording)
    display.step("Uploading what phone and watch measured")
    uploads = await _upload_phone(rig, recorded, script.watch_lag_s)
    display.step("Waiting for the last segments and the joined session")
    session = await wait_until_processed(rig.http, uuid, rig.places.sync, uploads, show_delivery)
    display.step("Waiting until every file was read back from the disk")
    await wait_until_verified(session)
    display.step("Reading every frame of the joined videos")
    manifest = read_manifest(session)
    files = video_files(manifest, session, script.camera_names)
    seen = await asyncio.gather(
        *(asyncio.to_thread(inspect_video, file) for file in files.values())
    )
    by_camera = dict(zip(files, seen, strict=True))
    return session, judge(manifest, script.camera_names, recorded.start_at_ms, by_camera)


async def _tell_phone_clock(rig: Rig) -> None:
    try:
        await phone_clock.tell(rig.places.url, await phone_clock.measure(rig.places.url))
    except aiohttp.ClientError as error:
        raise StoryError(f"The phone's clock could not be measured: {error}.") from error


async def _upload_phone(rig: Rig, recorded: Recorded, watch_lag_s: float) -> set[str]:
    folder = rig.places.folder / "phone"
    duration_s = (recorded.stopped_at_ms - recorded.start_at_ms) / 1000
    lags = phone.Lags(watch_s=watch_lag_s)
    files = phone.generate(folder, recorded.uuid, recorded.start_at_ms, duration_s, 1, lags)
    try:
        await phone.upload(rig.places.url, recorded.uuid, folder)
    except aiohttp.ClientError as error:
        raise StoryError(f"The phone's upload was not taken: {error}.") from error
    return {file.name for file in files}


def report(console: Console, session: Path, findings: Findings) -> int:
    """Print the table and the verdict; returns the exit code."""
    table = Table()
    table.add_column("camera")
    for heading in ("frames", "dropped", "duration", "first frame", "gaps", "size"):
        table.add_column(heading, justify="right")
    for video in findings.videos:
        first = "unread" if video.first_frame_ms is None else f"{video.first_frame_ms:+.1f} ms"
        table.add_row(
            video.camera,
            str(video.frames),
            str(video.dropped),
            f"{video.duration_s:.2f} s",
            first,
            str(video.gaps),
            f"{video.bytes / 2**20:.1f} MB",
        )
    console.print(table)
    console.print("First frame: against start_at, read from the pixels of the joined video.")
    if findings.spread_ms is not None:
        console.print(f"Spread between the cameras' first frames: {findings.spread_ms:.1f} ms")
    for sentence in (findings.step, *findings.clocks):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    code = _say_verdict(console, findings)
    console.print(f"Folder: {session}", markup=False, soft_wrap=True, highlight=False)
    return code


def _say_verdict(console: Console, findings: Findings) -> int:
    for lie in findings.lies:
        console.print(f"[red]The manifest is wrong.[/] {lie}", highlight=False)
    if findings.lies:
        return EXIT_FAILED
    if not findings.complete:
        console.print("[yellow]The session is incomplete.[/]", "; ".join(findings.faults))
        return EXIT_INCOMPLETE
    console.print("[green]The session is complete[/] and verified, and the manifest says so.")
    return EXIT_DONE


async def _stay_up(console: Console, rig: Rig) -> None:
    """Print where everything listens and wait for Ctrl-C, which here is the ordinary end."""
    places = rig.places
    console.print(f"\nThe page: [bold]{places.url}/[/]", highlight=False)
    console.print("The rig stays up until Ctrl-C. Beside the page there are:", highlight=False)
    if places.api_port != KEPT_API_PORT:
        console.print(f"  Port {KEPT_API_PORT} is taken: the README's lines need this address.")
    for name in rig.camera_names:
        console.print(f"  {name}  {places.camera_url(name)}", highlight=False)
    console.print(f"  MQTT        mqtt://{HOST}:{places.broker_port}", highlight=False)
    console.print(f"  logs        {places.folder / 'logs'}", soft_wrap=True, highlight=False)
    ended = asyncio.Event()
    for number in _END_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    console.print("Ending.")


def _cancel_at_signals() -> None:
    """Ctrl-C and SIGTERM unwind the demo, so that every process of the rig is ended."""
    task = asyncio.current_task()
    assert task is not None
    for number in _END_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
