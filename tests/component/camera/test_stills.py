"""Stills of a real camera process: before, during and after a recording, of every kind of camera."""

import io
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from tests.component.camera.network_camera import FPS, NetworkCamera
from tests.component.camera.rig import (
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    now_ms,
    wait_for,
)

from ctlr.camera.test_picture import Luma, luma_of


def ask(camera: CameraProcess) -> tuple[int, HTTPMessage, bytes]:
    url = f"http://127.0.0.1:{camera.port}/preview.jpg"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.status, answer.headers, answer.read()


def still(camera: CameraProcess) -> tuple[int, Luma]:
    """When the newest still was taken, by its header, and its luma; waits until there is one."""
    status, headers, jpeg = wait_for("a still", lambda: _if_there(ask(camera)))
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    at_ms = int(headers["X-Captured-At-Ms"])
    assert int(parsedate_to_datetime(headers["Last-Modified"]).timestamp()) == at_ms // 1000
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        return at_ms, luma_of(frame).copy()


def _if_there(answer: tuple[int, HTTPMessage, bytes]) -> Any:
    return answer if answer[0] == 200 else None


def programs_of(camera: CameraProcess) -> list[int]:
    """Process ids of the programs that make stills for a camera."""
    assert camera.process is not None
    children = Path(f"/proc/{camera.process.pid}/task").glob("*/children")
    found = [int(pid) for path in children for pid in path.read_text().split()]
    return [p for p in found if b"stills.program" in Path(f"/proc/{p}/cmdline").read_bytes()]


def test_before_during_and_after_a_recording_and_no_frame_is_lost(
    camera: CameraProcess, controller: Controller, daemon: RsyncDaemon
) -> None:
    at_ms, luma = still(camera)
    assert abs(at_ms - now_ms()) < 5000
    assert luma.shape == (240, 320)
    assert luma.std() > 10  # the test picture, no grey
    (program,) = programs_of(camera)
    assert int(Path(f"/proc/{program}/stat").read_text().split()[18]) == 19

    start_at = camera.start_recording()
    assert program not in programs_of(camera)  # it let go of the camera before the answer
    seen = []
    while (camera.status()["segment"] or 0) < 4:
        status, headers, jpeg = ask(camera)
        if status == 200:
            seen.append(int(headers["X-Captured-At-Ms"]))
            assert jpeg.startswith(b"\xff\xd8")
        else:
            assert headers["X-Reason"]
        time.sleep(0.05)
    camera.stop_recording()
    wait_for("the session", controller.completed)
    segments = check_delivered(daemon.session(), start_at)
    numbers = [stamp.number for frames in segments for _, stamp in frames]
    assert numbers == list(range(len(numbers)))  # not one was lost
    assert any(at >= start_at for at in seen)
    assert all(b - a == 0 or b - a >= 800 for a, b in pairwise(seen) if a >= start_at)
    after_ms, _ = still(camera)
    assert after_ms > max(seen)


def test_nobody_asks_and_the_camera_is_let_go_of(camera: CameraProcess) -> None:
    still(camera)
    assert programs_of(camera)
    wait_for("the end of the look", lambda: not programs_of(camera))
    assert camera.call("/preflight")[1]["data"]["checks"]["camera"]["ok"]


def test_aiming_gets_many_different_ones_a_second(camera: CameraProcess) -> None:
    still(camera)
    seen: set[int] = set()
    began = time.monotonic()
    while len(seen) < 10:
        seen.add(still(camera)[0])
    assert 10 / (time.monotonic() - began) < 12  # and not more than is allowed
    checks = camera.call("/preflight")[1]["data"]["checks"]
    assert checks["camera"] == {"ok": True, "msg": "test: in use"}


def test_a_still_is_turned_as_a_player_turns_the_video(
    make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon
) -> None:
    _, luma = still(make_camera(daemon.target, rotation=90))
    assert luma.shape == (320, 240)
    # Its rows of blocks lie at the top left: turned by 90 degrees clockwise, at the top right.
    assert luma[:100, -8:].std() > luma[:100, :8].std()


@pytest.fixture
def lens() -> Iterator[NetworkCamera]:
    camera = NetworkCamera()
    yield camera
    camera.close()


def test_of_a_network_camera_before_and_during_a_recording(
    lens: NetworkCamera, make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon
) -> None:
    camera = make_camera(daemon.target, source="rtsp", device=lens.address, fps=FPS)
    at_ms, luma = still(camera)
    assert luma.shape == (64, 320)
    assert abs(at_ms - now_ms()) < 5000
    camera.start_recording(delay_ms=3000)
    camera.until_segment(1)
    recorded_ms, recorded = still(camera)
    assert recorded.shape == (64, 320)
    assert recorded_ms > at_ms
    camera.stop_recording()


def test_a_camera_that_cannot_be_opened_says_why(
    make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon
) -> None:
    camera = make_camera(daemon.target, source="v4l2", device="/dev/no-camera")
    status, headers, body = ask(camera)
    assert (status, body) == (204, b"")
    assert "no camera at /dev/no-camera" in headers["X-Reason"]
    assert json.dumps(camera.status())  # the node is none the worse
