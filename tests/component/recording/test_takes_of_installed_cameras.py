"""What installed cameras can do to a session: what is on the disk then, and what the manifest says.

Every camera of the table is in one session, so that the table costs the time of one.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.camera_node import Fault
from tests.fakes.controller import Controller, process, settings_in, until
from tests.fakes.plain_camera import PlainCamera, put

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
AHEAD = {"cam-ahead": 3000, "cam-behind": -3000}
HABITS: dict[str, Any] = {
    "cam-from-one": {"base": 1},
    "cam-counts-on": {"base": 37},
    "cam-in-capitals": {"naming": "SEG_{:04d}.MP4"},
}
NAMES = [
    "cam-steady",
    "cam-from-one",
    "cam-counts-on",
    "cam-in-capitals",
    "cam-restarts",
    "cam-restarts-twice",
    "cam-dies",
    "cam-late",
    "cam-never-confirms",
    "cam-records-on",
    "cam-sends-twice",
    "cam-delivers-late",
    *AHEAD,
]


class Rig:
    def __init__(self, controller: Controller, cameras: list[PlainCamera]) -> None:
        self.controller = controller
        self.logging = controller.settings.storage.logging
        self.cameras = {camera.name: camera for camera in cameras}
        self.held: dict[str, set[bytes]] = {name: set() for name in self.cameras}

    def __getitem__(self, name: str) -> PlainCamera:
        return self.cameras[name]

    async def deliver(self, *names: str) -> None:
        for name in names:
            self[name].deliver(self.logging)
            answer = await self.controller.post("/api/sync/report", json=self[name].report())
            answer.expect()
            self.held[name] |= digests(self.folder(name))

    def folder(self, name: str) -> Path:
        return self.logging / name / UUID

    async def restart(self, name: str) -> None:
        """The camera goes off and comes back idle, and is told to begin again."""
        starts = len(self[name].starts)
        await self[name].power_off()
        await self[name].power_on()

        async def told() -> bool:
            return len(self[name].starts) > starts

        await until(told)

    async def manifest(self, revision: int = 1) -> dict[str, Any]:
        path = self.controller.settings.storage.sync / UUID / "manifest.json"

        async def made() -> bool:
            return path.exists() and json.loads(path.read_text())["revision"] >= revision

        await until(made, 120)
        return dict(json.loads(path.read_text()))


def digests(folder: Path) -> set[bytes]:
    """Of all segments that a person finds in a camera's folder."""
    shown = [path for path in folder.glob("*") if path.name.lower().startswith("seg_")]
    return {hashlib.sha256(path.read_bytes()).digest() for path in shown}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    cameras = [PlainCamera(name, **HABITS.get(name, {})) for name in NAMES]
    async with AsyncExitStack() as stack:
        for camera in cameras:
            camera.clock_ahead_ms = AHEAD.get(camera.name, 0)
            await stack.enter_async_context(camera)
        settings = settings_in(
            tmp_path,
            [camera.address for camera in cameras],
            start_delay_ms=1000,
            ingest={"quiet_s": 1, "give_up_s": 4},
        )
        await cameras[NAMES.index("cam-late")].power_off()
        _, controller = await stack.enter_async_context(process(settings))
        await controller.until_connected(*(set(NAMES) - {"cam-late"}))
        yield Rig(controller, cameras)


async def record(rig: Rig) -> None:
    """A session in which every camera does what its name says."""
    (await rig.controller.start(UUID)).expect()
    await asyncio.sleep(4)
    await rig.deliver(*(set(NAMES) - {"cam-late", "cam-delivers-late"}))
    await rig["cam-dies"].power_off()
    await rig["cam-late"].power_on()
    name = "seg_0001.mp4"
    put(
        rig.folder("cam-sends-twice"),
        name,
        (rig.folder("cam-sends-twice") / name).read_bytes()[:-1],
    )
    restarting = ("cam-restarts", "cam-restarts-twice", "cam-in-capitals")
    await asyncio.gather(*map(rig.restart, restarting))
    await asyncio.sleep(3)
    await rig.deliver(*restarting, "cam-sends-twice")
    await rig.restart("cam-restarts-twice")

    async def late_joined() -> bool:
        return bool(rig["cam-late"].starts)

    await until(late_joined)
    await asyncio.sleep(3)
    for away in ("cam-never-confirms", "cam-records-on"):
        rig[away].faulty = frozenset({"/record/stop"})
        rig[away].fault = Fault.CUTS_OFF
    (await rig.controller.stop(UUID)).expect()
    await asyncio.sleep(2)
    await rig["cam-never-confirms"].power_off()
    rig["cam-records-on"].fault = None

    async def heard() -> bool:
        return rig["cam-records-on"].stops > 0

    await until(heard)
    await rig.deliver(*(set(NAMES) - {"cam-delivers-late"}))


async def check_what_status_says(rig: Rig) -> None:
    session = await rig.controller.session(UUID)
    told = {(problem["code"], problem["message"].split()[0]) for problem in session["problems"]}
    assert ("node_restarted", "cam-restarts") in told
    assert ("node_restarted", "cam-restarts-twice") in told
    assert ("node_joined_late", "cam-late") in told
    kept = {name for code, name in told if code == "segment_kept"}
    assert kept == {"cam-restarts", "cam-restarts-twice", "cam-in-capitals", "cam-sends-twice"}
    joined = [problem for problem in session["problems"] if problem["code"] == "node_joined_late"]
    assert len(joined) == 1
    unconfirmed = {name for name, source in session["sources"].items() if not source["stopped"]}
    assert unconfirmed == {"cam-dies", "cam-never-confirms"}
    status = await rig.controller.status()
    away = {camera["name"] for camera in status["cameras"] if not camera["connected"]}
    assert away == {"cam-dies", "cam-never-confirms"}
    assert (status["recording"], status["uuid"]) == (False, None)
    sync = (await rig.controller.get("/api/sync/status")).expect()
    received = {camera["name"]: camera["segments_received"] for camera in sync["cameras"]}
    for name in ("cam-steady", "cam-from-one", "cam-late", *AHEAD):
        assert received[name] == len(list(rig.folder(name).glob("seg_*.mp4"))), name


@pytest.mark.timeout(300)
async def test_the_table(rig: Rig) -> None:
    await record(rig)
    manifest = await rig.manifest()
    await check_what_status_says(rig)
    for name, held in rig.held.items():  # nothing that was ever whole here is gone
        assert held <= digests(rig.folder(name)), name
    assert manifest["complete"] is False
    session_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000

    def said(name: str) -> tuple[list[str], list[str]]:
        source = manifest["sources"][name]
        problems = [problem["code"] for problem in source["problems"]]
        return [gap["reason"] for gap in source["gaps"]], problems

    for name in ("cam-steady", "cam-from-one", "cam-counts-on", *AHEAD):
        assert said(name) == ([], []), name
        assert manifest["sources"][name]["duration_s"] == pytest.approx(session_s, abs=0.7)
    assert said("cam-restarts") == (["restarted"], [])
    assert said("cam-restarts-twice") == (["restarted", "restarted"], [])
    reasons, problems = said("cam-in-capitals")
    assert (reasons, set(problems)) == (["restarted"], {"stray_taken"})
    for name in ("cam-restarts", "cam-restarts-twice", "cam-in-capitals"):
        source = manifest["sources"][name]
        assert source["duration_s"] == pytest.approx(session_s, abs=0.7)
        assert all(gap["expected_ms"] > 0 for gap in source["gaps"])
    (reason,) = said("cam-dies")[0]
    assert reason.startswith("ended early")
    assert said("cam-late") == (["joined late"], [])
    reasons, problems = said("cam-never-confirms")
    assert (reasons, set(problems)) == ([], {"end_unproven", "after_stop"})
    assert said("cam-records-on") == ([], ["after_stop"])
    assert manifest["sources"]["cam-records-on"]["duration_s"] <= session_s + 0.6
    assert said("cam-sends-twice") == ([], ["duplicate_number"])
    assert "cam-delivers-late" in manifest["missing"]

    await rig.deliver("cam-delivers-late")
    later = await rig.manifest(manifest["revision"] + 1)
    source = later["sources"]["cam-delivers-late"]
    assert (source["gaps"], source["problems"]) == ([], [])
    assert later["missing"] == []
