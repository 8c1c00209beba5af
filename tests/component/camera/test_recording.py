"""One camera from the start command to a delivered session, and its API in between."""

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.component.camera.rig import (
    NODE,
    OTHER_UUID,
    UUID,
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    now_ms,
    wait_for,
)

PLAIN_FIELDS = {"success", "node_id", "ts", "data", "error"}
FPS = 15


def _start(camera: CameraProcess, **body: object) -> tuple[int, Any]:
    return camera.call("/record/start", json.dumps(body).encode())


def test_a_recording_is_cut_on_time_and_delivered_whole(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    start_at = camera.start_recording()
    camera.until_segment(2)
    during = wait_for("a delivery during recording", lambda: list(daemon.session().glob("*.mp4")))
    assert during
    status = camera.status()
    assert status["state"] == "recording"
    assert (status["uuid"], status["start_at"]) == (UUID, start_at)
    segments = camera.stop_recording()
    report = wait_for("the last report", controller.completed)

    assert report["segments_total"] == segments
    assert (report["status"], report["remaining"]) == ("ok", 0)
    delivered = check_delivered(daemon.session(), start_at)
    assert len(delivered) == segments
    frames = [row for segment in delivered for row, _ in segment]
    # Numbers miss only what was dropped, and nothing is doubled at the cuts.
    assert all(a.frame < b.frame and a.pts_us < b.pts_us for a, b in pairwise(frames))
    assert all(row.pts_us >= 0 and row.frame == row.pts_us * FPS // 1_000_000 for row in frames)
    for number, segment in enumerate(delivered):
        assert {row.pts_us // 1_000_000 for row, _ in segment} == {number}
    wait_for("the card to be cleared", lambda: not camera.session().exists())
    wait_for("idle", lambda: camera.status()["state"] == "idle")
    wait_for("nothing to send", lambda: camera.status()["sync"]["status"] == "idle")


def test_the_envelope_and_every_error_of_the_api(camera: CameraProcess) -> None:
    before = now_ms()
    status, answer = camera.call("/preflight")
    assert status == 200
    assert set(answer) == PLAIN_FIELDS | {"received_at_us", "sent_at_us"}
    assert (answer["success"], answer["node_id"], answer["error"]) == (True, NODE, None)
    assert before <= answer["ts"] <= now_ms()
    assert (
        before * 1000 <= answer["received_at_us"] <= answer["sent_at_us"] <= now_ms() * 1000 + 999
    )
    assert answer["data"]["ready"]
    checks = answer["data"]["checks"]
    assert set(checks) - {"temperature", "power"} == {"camera", "ntp", "storage", "state"}

    assert camera.call("/record/stop", b"")[1]["error"] == "not recording"
    past = _start(camera, uuid=UUID, start_at=now_ms() - 1)[1]
    assert (past["success"], past["data"], past["error"]) == (
        False,
        None,
        "start_at is in the past",
    )

    start_at = 2**53 - 6000  # as late as a JSON reader can tell
    first = _start(camera, uuid=UUID.upper(), start_at=start_at)[1]
    assert first["data"] == {"uuid": UUID, "start_at": start_at}
    for again in (start_at, start_at + 5000):  # a retry is answered with what holds
        assert _start(camera, uuid=UUID, start_at=again)[1]["data"] == first["data"]
    other = _start(camera, uuid=OTHER_UUID, start_at=start_at)[1]
    assert other["error"] == "already recording"
    state = camera.call("/preflight")[1]["data"]
    assert (state["ready"], state["checks"]["state"]["msg"]) == (False, "recording")

    assert camera.call("/record/stop", b"")[1]["data"] == {"uuid": UUID, "segments": 0}
    wait_for("idle", lambda: camera.status()["state"] == "idle")
    in_time = now_ms() + 1000  # called back before its first frame: it may be armed again
    assert _start(camera, uuid=UUID, start_at=in_time)[1]["data"]["start_at"] == in_time
    wait_for("a frame", lambda: camera.status()["frames"])
    assert camera.call("/record/stop", b"")[1]["data"] == {"uuid": UUID, "segments": 1}
    wait_for("idle", lambda: camera.status()["state"] == "idle")
    stopped = _start(camera, uuid=UUID, start_at=now_ms() + 60_000)[1]
    assert "already recorded" in stopped["error"]
    # But the controller tells it to join a session that goes on, of which it has seven segments.
    soon = now_ms() + 1000
    joined = _start(camera, uuid=UUID, start_at=soon, first_segment=7)[1]
    assert joined["data"] == {"uuid": UUID, "start_at": soon}
    wait_for("a frame", lambda: camera.status()["frames"])
    assert camera.status()["segment"] >= 7
    assert camera.call("/record/stop", b"")[1]["data"]["segments"] >= 8


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"uuid": "../../etc", "start_at": 99999999999999}',
        b'{"uuid": "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"}',
        b'{"uuid": "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f", "start_at": "soon"}',
        b'{"uuid": 7, "start_at": 99999999999999}',
    ],
)
def test_a_body_that_makes_no_sense_gets_422(body: bytes, camera: CameraProcess) -> None:
    status, answer = camera.call("/record/start", body)
    assert status == 422
    assert answer["success"] is False
    assert answer["error"]
    assert camera.status()["state"] == "idle"


def test_plain_curl_can_start_and_stop(camera: CameraProcess) -> None:
    url = f"http://127.0.0.1:{camera.port}"
    body = json.dumps({"uuid": UUID, "start_at": now_ms() + 500})
    curl = ["curl", "-sf"]
    started = subprocess.run(
        [*curl, f"{url}/record/start", "-d", body], capture_output=True, check=True
    )
    assert json.loads(started.stdout)["success"]
    stop = [*curl, "-X", "POST", f"{url}/record/stop"]
    assert json.loads(subprocess.run(stop, capture_output=True, check=True).stdout)["success"]


def test_a_new_recording_can_start_right_after_a_stop(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    camera.start_recording(delay_ms=300)
    wait_for("a frame", lambda: camera.status()["frames"])
    camera.stop_recording()
    start_at = camera.start_recording(OTHER_UUID, delay_ms=300)
    wait_for("a frame", lambda: camera.status()["frames"])
    camera.stop_recording()
    wait_for("both sessions", lambda: controller.completed() and controller.completed(OTHER_UUID))
    assert check_delivered(daemon.session(OTHER_UUID), start_at)


def test_a_card_that_cannot_be_written_refuses_the_start(
    make_camera: Callable[..., CameraProcess], tmp_path: Path
) -> None:
    camera = make_camera(str(tmp_path))
    (camera.spool / UUID).write_text("a file where the folder should be")
    answer = _start(camera, uuid=UUID, start_at=now_ms() + 60_000)[1]
    assert answer["error"].startswith("cannot record: ")
    assert camera.status()["state"] == "idle"


def test_a_camera_that_does_not_open_refuses_the_start(
    make_camera: Callable[..., CameraProcess], tmp_path: Path
) -> None:
    camera = make_camera(str(tmp_path), width=128)
    assert camera.call("/preflight")[1]["data"]["checks"]["camera"]["ok"] is False
    answer = _start(camera, uuid=UUID, start_at=now_ms() + 60_000)[1]
    assert "256x8" in answer["error"]
    assert camera.status()["state"] == "error"
