"""A rehearsal on a whole rig: judged, thrown away, and never in a recording's way."""

import asyncio
import io
import sqlite3
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, record, wait_until_processed, wait_until_ready

CAMERAS = ("cam-1", "cam-2")
SMALL = {"camera": {"width": 320, "height": 240, "bitrate_kbps": 1000}}
SOON = {"start_delay_ms": 1500}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path / "rig", CAMERAS, on_cameras=SMALL, on_controller=SOON) as rig:
        await wait_until_ready(rig.http)
        yield rig


async def verdict(rig: Rig) -> dict[str, Any]:
    async with asyncio.timeout(90):
        while True:
            found = await ask(rig.http, "GET", "/api/rehearsal")
            if found["state"] == "done":
                return found
            await asyncio.sleep(0.1)


def of(found: dict[str, Any], name: str) -> dict[str | None, str]:
    return {c["camera"]: c["result"] for c in found["checks"] if c["name"] == name}


async def sessions(rig: Rig, query: str = "") -> list[str]:
    found = await ask(rig.http, "GET", f"/api/sessions{query}")
    return [session["uuid"] for session in found["sessions"]]


async def test_it_is_judged_compared_and_thrown_away(rig: Rig) -> None:
    good = new_session_id()
    await record(rig.http, good, 4, lambda _: None)
    folder = await wait_until_processed(rig.http, good, rig.places.sync, set(), lambda _: None)
    assert (await ask(rig.http, "GET", "/api/rehearsal"))["state"] == "none"

    async with rig.http.post("/api/rehearsal") as answer:
        assert answer.status == 202
        begun = await answer.json()
    assert begun["state"] == "recording"
    assert (await ask(rig.http, "GET", "/api/status"))["rehearsal"] is True
    async with rig.http.post("/api/rehearsal") as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "already_recording")

    found = await verdict(rig)
    assert found["uuid"] == begun["uuid"]
    assert found["compared_with"] == good
    assert set(of(found, "recorded").values()) == {"pass"}
    assert set(of(found, "drops")) == set(CAMERAS)
    assert of(found, "view") == dict.fromkeys(CAMERAS, "pass")
    assert of(found, "brightness") == dict.fromkeys(CAMERAS, "pass")
    assert list(of(found, "step")) == [None]
    failed = [check for check in found["checks"] if check["result"] == "fail"]
    assert (found["result"] == "fail") == bool(failed)  # a busy machine may lose frames
    assert found["text"]

    assert await sessions(rig) == [good]
    assert await sessions(rig, "?binned=true") == [found["uuid"]]
    thrown = await ask(rig.http, "GET", f"/api/sessions/{found['uuid']}")
    assert (thrown["bin_scope"], thrown["label"]) == ("everything", "Rehearsal")
    assert "rehearsal" in [problem["code"] for problem in thrown["problems"]]
    assert (await ask(rig.http, "GET", "/api/status"))["rehearsal"] is False

    await _files_can_be_had(rig, good, folder)


async def _files_can_be_had(rig: Rig, uuid: str, folder: Path) -> None:
    whole = (folder / "cam-1.mp4").read_bytes()
    url = f"/api/sessions/{uuid}/files"
    async with rig.http.get(f"{url}/cam-1.mp4", headers={"Range": "bytes=100-299"}) as answer:
        assert (answer.status, await answer.read()) == (206, whole[100:300])
        assert answer.headers["Content-Type"] == "video/mp4"
    async with rig.http.get(f"/api/sessions/{uuid[:8]}/zip") as answer:
        length, data = int(answer.headers["Content-Length"]), await answer.read()
    assert len(data) == length
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read(f"{folder.name}/cam-1.mp4") == whole
        there = {path.relative_to(folder.parent).as_posix() for path in folder.rglob("*.*")}
        assert set(archive.namelist()) == {name for name in there if "/." not in name}


async def test_a_recording_that_somebody_begins_ends_it_and_is_whole(rig: Rig) -> None:
    begun = await ask(rig.http, "POST", "/api/rehearsal")
    uuid = new_session_id()
    recorded = await record_when_free(rig, uuid)
    found = await verdict(rig)
    assert found["uuid"] == begun["uuid"]
    assert (found["result"], found["text"]) == (
        "fail",
        "The rehearsal was ended before it was over.",
    )
    assert recorded["success"]
    assert await sessions(rig) == [uuid]
    async with rig.http.post("/api/rehearsal") as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "already_recording")
    assert (await ask(rig.http, "GET", "/api/status"))["uuid"] == uuid
    await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")


async def record_when_free(rig: Rig, uuid: str) -> dict[str, Any]:
    return await ask(rig.http, "POST", f"/api/record/start?uuid={uuid}")


async def test_one_that_a_restart_cuts_short_is_stopped_and_thrown_away(rig: Rig) -> None:
    begun = await ask(rig.http, "POST", "/api/rehearsal")
    await rig.controller.kill()
    database = sqlite3.connect(rig.places.run / "ctlr.db")
    (scope,) = database.execute("SELECT bin_scope FROM session").fetchone()
    database.close()
    assert scope == "everything"  # nobody would take it for a session, whatever comes next
    await rig.controller.start()
    async with asyncio.timeout(90):
        while (await ask(rig.http, "GET", "/api/status"))["uuid"] is not None:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.1)
    found = await verdict(rig)
    assert found["uuid"] == begun["uuid"]
    assert await sessions(rig) == []
    assert await sessions(rig, "?binned=true") == [begun["uuid"]]
