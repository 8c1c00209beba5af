"""A camera records, answers and delivers while strangers do what they can to its port."""

import os
import resource
import socket
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from tests.attackers import ON_BOTH, attacking
from tests.component.camera.rig import (
    READY_S,
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    wait_for,
)

USUAL_FILES = 1024
NO_MORE_FILES = 4
NOTHING_S = 3.0  # every loop of the camera has come round once
AS_INSTALLED = -10
MOST_MIB_MORE = 60
MAX_BODY = 64 << 10


def memory_mib(camera: CameraProcess) -> float:
    assert camera.process is not None
    return psutil.Process(camera.process.pid).memory_info().rss / 2**20


@pytest.fixture
def camera(make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon) -> CameraProcess:
    """With as many files as a program gets that asks for no more, and before other programs, as a
    camera is."""
    camera = make_camera(daemon.target, fps=10, width=256, height=144)
    assert camera.process is not None
    process = psutil.Process(camera.process.pid)
    process.rlimit(resource.RLIMIT_NOFILE, (USUAL_FILES, USUAL_FILES))
    if os.geteuid() == 0:
        process.nice(AS_INSTALLED)
    return camera


@pytest.mark.parametrize("kind", [attack.__name__ for attack in ON_BOTH])
def test_a_recording_begins_goes_on_and_ends(
    kind: str, camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    before = memory_mib(camera)
    with attacking(kind, "camera", camera.port):
        start_at = camera.start_recording(delay_ms=2000)
        camera.until_segment(3)
        status = camera.status()
        segments = camera.stop_recording()
        grown = memory_mib(camera) - before
    assert (status["state"], status["dropped"]) == ("recording", 0)
    assert grown < MOST_MIB_MORE
    report = wait_for("the last report", controller.completed)
    assert report["segments_total"] == segments >= 3
    frames = [row.frame for part in check_delivered(daemon.session(), start_at) for row, _ in part]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    assert len(camera.log.read_text().splitlines()) < 200


def test_without_files_it_waits_and_then_records(camera: CameraProcess) -> None:
    """Something else on the machine may use them up; no loop dies of it."""
    assert camera.process is not None
    wait_for("its parts", lambda: camera.call("/preflight")[1]["data"]["checks"]["camera"]["ok"])
    process = psutil.Process(camera.process.pid)
    process.rlimit(resource.RLIMIT_NOFILE, (NO_MORE_FILES, USUAL_FILES))
    before = camera.log.read_text()
    with socket.create_connection(("127.0.0.1", camera.port)) as waiting:
        waiting.sendall(b"GET /status HTTP/1.1\r\nHost: cam-01\r\nConnection: close\r\n\r\n")
        wait_for("a word of it", lambda: "nobody can be let in" in camera.log.read_text())
        waiting.settimeout(NOTHING_S)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        process.rlimit(resource.RLIMIT_NOFILE, (USUAL_FILES, USUAL_FILES))
        waiting.settimeout(READY_S)
        assert waiting.recv(12) == b"HTTP/1.1 200"
    camera.start_recording()
    camera.until_segment(1)
    said = camera.log.read_text().removeprefix(before)
    assert said.count("nobody can be let in") == 1
    assert len(said.splitlines()) < 50


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_has_a_bound(camera: CameraProcess, chunked: bool) -> None:
    body = b"{" + b" " * MAX_BODY + b"}"
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    status, answer = camera.call("/record/start", body, **headers)
    assert (status, answer["success"]) == (413, False)
    assert "larger than 64 KiB" in answer["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
    ],
)
def test_a_page_of_another_site_is_kept_out(camera: CameraProcess, headers: Any) -> None:
    for path, body in (("/record/start", b"{}"), ("/record/stop", b""), ("/status", None)):
        status, answer = camera.call(path, body, **headers)
        assert (status, answer["success"], answer["data"]) == (403, False, None)
        assert "nothing was done" in answer["error"]


@pytest.mark.parametrize(
    "host", ["cam-01:8080", "cam-01.local:8080", "10.0.0.13:8080", "[fe80::1]"]
)
def test_who_calls_it_by_a_name_of_the_network_is_let_in(camera: CameraProcess, host: str) -> None:
    same = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    for headers in (same, {"Host": host}):
        assert camera.call("/status", None, **headers)[0] == 200
