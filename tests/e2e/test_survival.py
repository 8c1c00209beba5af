"""Parts of a running rig are killed; the session goes on."""

import asyncio
import time

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.findings import inspect_video, judge, video_files
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import ask, read_manifest, wait_until_processed, wait_until_ready


async def test_the_controller_is_killed_while_it_records(rig: Rig) -> None:
    """Cameras record on by themselves; the new controller picks the session up and ends it."""
    uuid = new_session_id()
    started = await ask(rig.http, "POST", f"/api/record/start?uuid={uuid}")
    await _until_s_after(started["start_at"], 1, rig)
    await rig.controller.kill()
    await rig.controller.start()

    status = await ask(rig.http, "GET", "/api/status")
    assert (status["recording"], status["uuid"]) == (True, uuid)
    await _until_s_after(started["start_at"], 7, rig)
    stopped = await ask(rig.http, "POST", f"/api/record/stop?uuid={uuid}")
    assert stopped["errors"] is None

    folder = await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
    manifest = read_manifest(folder)
    files = video_files(manifest, folder, rig.camera_names)
    seen = {name: inspect_video(file) for name, file in files.items()}
    findings = judge(manifest, rig.camera_names, started["start_at"], seen)
    assert findings.complete, findings.faults
    assert findings.lies == ()
    assert findings.faults == ()
    assert all(6.5 < video.duration_s < 10 for video in findings.videos)


async def test_a_start_after_a_restart_of_everything(rig: Rig) -> None:
    """What was recorded before is still listed, and a new session can begin."""
    first = new_session_id()
    started = await ask(rig.http, "POST", f"/api/record/start?uuid={first}")
    await _until_s_after(started["start_at"], 1, rig)
    await ask(rig.http, "POST", f"/api/record/stop?uuid={first}")
    await rig.controller.restart()
    for name in rig.camera_names:
        await rig.camera(name).restart()
    await wait_until_ready(rig.http)

    listed = await ask(rig.http, "GET", "/api/sessions")
    assert [session["uuid"] for session in listed["sessions"]] == [first]
    second = new_session_id()
    again = await ask(rig.http, "POST", f"/api/record/start?uuid={second}")
    assert all(camera["started"] for camera in again["cameras"])
    await ask(rig.http, "POST", f"/api/record/stop?uuid={second}")
    await wait_until_processed(rig.http, first, rig.places.sync, set(), lambda _: None)


async def _until_s_after(start_at_ms: int, seconds: float, rig: Rig) -> None:
    while time.time() < start_at_ms / 1000 + seconds:
        await ask(rig.http, "GET", "/api/status")
        await asyncio.sleep(0.1)
