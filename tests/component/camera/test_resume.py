"""A recording that breaks off goes on by itself, on its own origin, and says so."""

import json
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.component.camera.rig import (
    OTHER_UUID,
    UUID,
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    now_ms,
    wait_for,
)
from tests.unit.camera.recordings import write_unfinished

from ctlr.camera.segments import parse_unfinished_name, unfinished_frames_name
from ctlr.camera.spool import SessionFolder
from ctlr.layout.frame_times import FrameRow, parse_rows


def _record_until_segment(camera: CameraProcess, number: int) -> int:
    start_at = camera.start_recording(delay_ms=300)
    camera.until_segment(number)
    return start_at


def _frozen_within_a_segment(camera: CameraProcess) -> tuple[int, list[FrameRow]] | None:
    """Freeze the camera; the number and the rows of the segment that it writes, if a fragment of
    that is on the card. Otherwise it goes on."""
    assert camera.process is not None
    camera.process.send_signal(signal.SIGSTOP)
    for video in camera.session().glob(".seg_*.mp4.part"):
        number = parse_unfinished_name(video.name)
        if number is not None and b"moof" in video.read_bytes():
            rows = camera.session() / unfinished_frames_name(number)
            return number, parse_rows(rows.read_text())
    camera.process.send_signal(signal.SIGCONT)
    return None


def _goes_on(camera: CameraProcess) -> Any:
    def recording() -> Any:
        status = camera.status()
        return status if status["state"] == "recording" and status["frames"] else None

    return wait_for("the recording to go on", recording)


def _rows(folder: Any, start_at: int) -> list[FrameRow]:
    rows = [row for segment in check_delivered(folder, start_at) for row, _ in segment]
    assert all(a.frame < b.frame and a.pts_us < b.pts_us for a, b in pairwise(rows))
    return rows


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_that_went_down_goes_on_with_its_session(
    number: int, camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    start_at = _record_until_segment(camera, 2)
    newest, written = wait_for("a fragment on the card", lambda: _frozen_within_a_segment(camera))
    assert camera.process is not None
    if number == signal.SIGTERM:
        camera.process.send_signal(signal.SIGCONT)
    code = camera.end(number)
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    down_us = now_ms() * 1000

    camera.start()
    status = _goes_on(camera)
    assert (status["uuid"], status["start_at"]) == (UUID, start_at)
    assert status["segment"] > newest
    assert status["dropped"] > 0  # the hole
    kinds = [event["kind"] for event in status["events"]]
    assert kinds == (["resumed"] if number == signal.SIGTERM else ["recovered", "resumed"])
    # The controller may tell it to record at the same time: it does already.
    again = camera.call("/record/start", _command(UUID, now_ms() + 3000))[1]
    assert again["success"], again
    assert not any(report["complete"] for report in controller.reports)

    segments = camera.stop_recording()
    report = wait_for("the session", controller.completed)
    assert report["segments_total"] == segments == len(list(daemon.session().glob("*.mp4")))
    rows = _rows(daemon.session(), start_at)
    before = [row for row in rows if row.captured_at_us < down_us]
    assert written[-1].captured_at_us - before[-1].captured_at_us < 1_000_000
    told = json.loads((daemon.session() / "events.json").read_text())
    assert (told["uuid"], [event["kind"] for event in told["events"]]) == (UUID, kinds)
    hole_us = rows[len(before)].captured_at_us - before[-1].captured_at_us
    assert abs(told["events"][-1]["size_us"] - hole_us) < 5_000_000


def test_a_session_that_is_to_go_on_is_never_reported_complete(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    _record_until_segment(camera, 1)
    camera.end()
    record = json.loads((camera.session() / ".session.json").read_text())
    assert record["ended"] is None
    camera.start()
    _goes_on(camera)
    camera.end()
    camera.start()
    wait_for("what was finished", lambda: len(list(daemon.session().glob("*.mp4"))) >= 3)
    assert all(report.get("segments_total") is None for report in controller.reports)
    camera.stop_recording()
    wait_for("the session", controller.completed)


def test_a_session_that_was_told_to_stop_does_not_go_on(
    camera: CameraProcess, controller: Controller
) -> None:
    controller.mood = 503  # nothing leaves, so that the record stays
    _record_until_segment(camera, 1)
    camera.stop_recording()
    camera.end(signal.SIGKILL)
    camera.start()
    asked = controller.asked
    wait_for("two more reports", lambda: controller.asked >= asked + 2)
    assert camera.status()["state"] == "idle"
    controller.mood = "well"
    wait_for("the session", controller.completed)


def test_a_session_nobody_waits_for_any_more_does_not_go_on(
    camera: CameraProcess, controller: Controller
) -> None:
    _record_until_segment(camera, 1)
    camera.end(signal.SIGKILL)
    record = camera.session() / ".session.json"
    values = json.loads(record.read_text())
    values["start_at"] -= 13 * 3_600_000
    record.write_text(json.dumps(values))
    camera.start()
    wait_for("its ending", controller.completed)
    assert camera.status()["state"] == "idle"


def test_a_stop_reaches_a_recording_that_cannot_go_on_yet(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    start_at = _record_until_segment(camera, 1)
    camera.end(signal.SIGKILL)
    _without_camera(camera)
    camera.start()
    status = wait_for(
        "the failure",
        lambda: (s := camera.status())["state"] == "error" and "256x8" in s["error"] and s,
    )
    assert status["uuid"] == UUID
    segments = camera.stop_recording()
    assert wait_for("the session", controller.completed)["segments_total"] == segments
    assert camera.status()["state"] == "idle"
    assert len(check_delivered(daemon.session(), start_at)) == segments > 0


def test_what_could_not_be_recovered_is_tried_once_more_at_the_stop(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    _record_until_segment(camera, 0)
    camera.end(signal.SIGKILL)
    _without_camera(camera)
    camera.start()
    wait_for("the failure", lambda: "256x8" in (camera.status()["error"] or ""))
    write_unfinished(SessionFolder(camera.session()), 50, frames=10)
    assert camera.stop_recording() == 51
    wait_for("the session", controller.completed)
    assert (daemon.session() / "seg_0050.mp4").exists()


def test_a_camera_that_falls_silent_is_said_and_the_node_goes_on_in_a_new_process(
    make_camera: Callable[..., CameraProcess],
    daemon: RsyncDaemon,
    controller: Controller,
    tmp_path: Path,
) -> None:
    """As systemd starts it again; nothing else can end the wait for a USB camera's picture."""
    silent = tmp_path / "silent"
    camera = make_camera(
        daemon.target,
        environment={"SILENT": str(silent)},
        program=("-m", "tests.component.camera.silent_camera"),
    )
    start_at = _record_until_segment(camera, 1)
    silent.touch()
    wait_for("a word of it", lambda: "no pictures" in (camera.status()["error"] or ""))
    process = camera.process
    assert process is not None
    assert wait_for("its end", process.poll) == 1
    assert "does not let go" in camera.log.read_text()
    silent.unlink()
    camera.start()
    assert _goes_on(camera)["start_at"] == start_at
    segments = camera.stop_recording()
    assert wait_for("the session", controller.completed)["segments_total"] == segments
    _rows(daemon.session(), start_at)


def test_another_session_ends_one_that_cannot_go_on(
    camera: CameraProcess, controller: Controller
) -> None:
    _record_until_segment(camera, 1)
    camera.end(signal.SIGKILL)
    _without_camera(camera)
    camera.start()
    refused = camera.call("/record/start", _command(OTHER_UUID, now_ms() + 3000))[1]
    assert "256x8" in refused["error"]
    wait_for("the end of the first", controller.completed)


def _without_camera(camera: CameraProcess) -> None:
    camera.configure(width=128)  # too small for the test picture


def _command(uuid: str, start_at: int) -> bytes:
    return json.dumps({"uuid": uuid, "start_at": start_at}).encode()
