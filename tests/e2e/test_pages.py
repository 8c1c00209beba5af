"""The lines of the pages that speak to a rig, typed as printed on a whole rig, page after page.

The rig has the names that the pages use, and a session with the id that they use. What cannot be the
same (addresses, folders) is put in its place; nothing else of a line is changed.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.component.packaging.pages import READ, ROOT, Typed, named, typed
from tests.component.packaging.test_typed_lines import way_of
from tests.e2e.conftest import SMALL
from tests.e2e.programs import processes_left
from tests.fakes.controller import claim_and_release, until

from ctlr.layout.volumes import VOLUMES
from ctlr.simulator import phone
from ctlr.simulator.child import Child
from ctlr.simulator.places import HOST
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, record, wait_until_processed, wait_until_verified

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
CAMERAS = ("melb-01-cam-01", "melb-01-cam-03")
BIN = Path(sys.executable).parent
FILES = (
    *("Gyroscope.csv", "Location.csv", "WatchGyroscope.csv"),
    "phone-export/watch/gyroscope.csv",
)
NAMED = {
    *("ctlr serve", "ctlr camera", "ctlr watch-mounts", "ctlr listen-can", "ctlr subscribe-logs"),
    *("ctlr sessions show", "ctlr verify", "ctlr simulate can", "ctlr postprocess --uuid"),
    "ctlr postprocess",
    *("ctlr retention --keep",),
}
"""What is spoken of, and not to be typed like that; its help is asked for."""
PATTERNS = {"ctlr [--config FILE] VERB", "ctlr VERB -h"}
"""The form of lines."""
CODES = {"ctlr preflight": {0, 1}, "ctlr record rehearse": {0, 1}}
"""How a line may end, where that hangs on the machine."""


class Place:
    """Where the lines are typed: a folder with the files that they name, beside a rig."""

    def __init__(self, rig: Rig, folder: Path, can_port: int) -> None:
        self.rig = rig
        self.folder = folder
        self._can_port = can_port
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("seconds_elapsed,x,y,z\n0.0,0.1,0.2,0.3\n0.1,0.1,0.2,0.3\n")
        (folder / ".venv").symlink_to(BIN.parent)
        (folder / "script").symlink_to(ROOT / "script")
        (folder / "demo-session").mkdir()
        (folder / "demo-session" / "now").symlink_to(rig.places.folder)
        self.env = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "CTLR_CONFIG": str(rig.places.config("controller")),
        }

    def put(self, line: str) -> str:
        """A line with the addresses and folders of this rig."""
        places = self.rig.places
        for pattern, text in (
            (r"^sudo (-u ctlr )?", ""),
            (r"http://(ctlr|melb-01-ctlr):8000", places.url),
            (r"http://(melb-01-cam-0[13]):8080", lambda m: places.camera_url(m[1])),
            (r"10\.0\.0\.13:8080", places.camera_address(CAMERAS[1])),
            (r"localhost:9101 --seconds 60", f"{HOST}:{self._can_port} --seconds 1"),
            (r"--seconds 120", "--seconds 5"),
            (r"/tmp/can_status.json", str(places.run / "can_status.json")),
            (r"/etc/ctlr/NAME.toml", str(places.config(CAMERAS[0]))),
            (r"--uuid U\b", f"--uuid {UUID}"),
            (r"\[--dry-run\]", "--dry-run"),
            (r"/media/me/SYNC\b|/data/drives\b", str(places.sync)),
            (r"/data/parquet\b", str(self.folder / "parquet")),
            (r"\bFILES\b", "Gyroscope.csv"),
            (r"\bFOLDER\b", str(places.sync / UUID)),
            (r"\blogs\.db\b", str(places.logging / "logs/logs.db")),
        ):
            line = re.sub(pattern, text, line)
        return line

    async def type(self, line: str) -> tuple[int, str]:
        """How the line ended, and what it said."""
        lasts = re.search(r"--(watch|follow)\b", line)
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", f"exec {line}" if lasts else line),
            cwd=self.folder,
            env=self.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        async with asyncio.timeout(90):
            begun = b""
            if lasts:
                begun = await process.stdout.readline()
                process.send_signal(signal.SIGINT)
            rest, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, (begun + rest).decode()

    async def settle(self) -> None:
        """As a page finds it: nothing recorded, nothing under way, the drive in its place."""
        http = self.rig.http
        if (await ask(http, "GET", "/api/status"))["recording"]:
            await ask(http, "POST", "/api/record/stop")
        if (await ask(http, "GET", "/api/storage/status"))["eject"]["phase"] != "in_use":
            await ask(http, "POST", "/api/storage/mount")

        async def is_idle() -> bool:
            status = await ask(http, "GET", "/api/status")
            drives = await ask(http, "GET", "/api/storage/status")
            there = all(drives[name]["state"] == "ok" for name in VOLUMES)
            under_way = {job["state"] for job in status["jobs"]} - {"done", "failed"}
            return bool(there and not under_way and status["phase"] == "idle")

        await until(is_idle, 60)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    can_port = claim_and_release()
    settings = {
        "nodes": [],
        "discovery": {"enabled": True},
        "start_delay_ms": 500,
        "can": {"buses": [{"name": "bridge", "interface": "tcp", "port": can_port, "host": HOST}]},
    }
    cameras = {"camera": {**SMALL["camera"], "announce": True}}
    (tmp_path / "typed").mkdir()
    async with AsyncExitStack() as stack:
        rig = Rig(tmp_path / "rig", CAMERAS, on_controller=settings, on_cameras=cameras)
        await stack.enter_async_context(rig)
        for verb, sign in (
            ("subscribe-logs", rig.places.logging / "logs/logs.db"),
            ("listen-can", rig.places.run / "can_status.json"),
        ):
            await _start(stack, rig, verb, sign)
        for camera in CAMERAS:
            await _adopt(rig, camera)
        await _record(rig, tmp_path / "made")
        yield Place(rig, tmp_path / "typed", can_port)
    assert await processes_left(tmp_path) == []


async def _start(stack: AsyncExitStack, rig: Rig, verb: str, sign: Path) -> None:
    """A service of the controller; it is up once it has written its file."""

    async def is_up() -> bool:
        return sign.exists()

    config = str(rig.places.config("controller"))
    command = [sys.executable, "-m", "ctlr", "--config", config, verb]
    child = Child(verb, command, rig.places.log(verb), is_up)
    stack.push_async_callback(child.stop)
    await child.start()


async def _adopt(rig: Rig, camera: str) -> None:
    body = {"address": rig.places.camera_address(camera), "name": camera}
    async with rig.http.post("/api/nodes", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def _record(rig: Rig, folder: Path) -> None:
    """The session that the pages speak of, with what a phone measured."""
    recorded = await record(rig.http, UUID, 2, lambda _: None)
    files = phone.generate(folder, UUID, recorded.start_at_ms, 2, 1, phone.Lags())
    await phone.upload(rig.places.url, UUID, folder)
    names = {file.name for file in files}
    session = await wait_until_processed(rig.http, UUID, rig.places.sync, names, lambda _: None)
    await wait_until_verified(session)


def of_the_rig(page: Path, tried: set[str]) -> list[Typed]:
    """In the order of the page, each line once. What a sentence names is tried where it is read
    first; a block is a story, and told whole."""
    found = [line for line in typed(page) if way_of(line) == "rig" and line.line not in PATTERNS]
    once = {line.line: line for line in found}.values()
    return [line for line in once if line.in_block or line.line not in tried]


@pytest.mark.timeout(600)
async def test_each_line_of_the_pages_works_as_printed(place: Place) -> None:
    failed: list[str] = []
    tried: set[str] = set()
    for page in READ:
        asked = of_the_rig(page, tried)
        if not asked:
            continue
        await place.settle()
        for line in asked:
            put = place.put(line.line)
            if line.line in NAMED:
                put = f"{line.line.partition(' --')[0]} -h"
            if "ctlr nodes add melb-01-cam-03" in put:
                await _until_announced(place.rig)
            code, said = await place.type(put)
            tried.add(line.line)
            if code not in CODES.get(re.sub(r"^\.venv/bin/", "", line.line), {0}):
                failed.append(f"{named(page)}: {line.line} ended with {code}: {said}")
            if "record start" in line.line:
                await _until_recording(place.rig)
    assert not failed, "\n".join(failed)
    assert len(tried) > 60


async def _until_recording(rig: Rig) -> None:
    async def records() -> bool:
        return bool((await ask(rig.http, "GET", "/api/status"))["duration"] > 0.2)

    await until(records)


async def _until_announced(rig: Rig) -> None:
    """The camera is out of the rig, and heard of."""
    async with rig.http.delete(f"/api/nodes/{CAMERAS[1]}") as answer:
        assert answer.status in {200, 404}

    async def is_heard() -> bool:
        found = await ask(rig.http, "GET", "/api/nodes")
        return CAMERAS[1] in {camera["name"] for camera in found["discovered"]}

    await until(is_heard)
