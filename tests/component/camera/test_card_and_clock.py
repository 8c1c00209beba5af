"""A card that fills up, and a clock that is set, while a real camera records."""

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.component.camera.rig import (
    UUID,
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    now_ms,
    wait_for,
)

MIB = 1 << 20


def _set_wrong_by(offset: Path) -> tuple[str, ...]:
    """The program of a camera whose wall clock is off by what a file says (seconds; 0 first)."""
    offset.write_text("0")
    return "-m", "tests.component.camera.shifted_camera", str(offset)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A card of 16 MiB where the camera's spool is going to be."""
    spool = tmp_path / "spool"
    spool.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield spool
    subprocess.run(["umount", "--lazy", str(spool)], check=True)


def _fill(card: Path, leave_bytes: int) -> Path:
    """Something else takes the room on the card, until the file is deleted.

    The camera writes meanwhile: what was free a moment ago may be taken, so ask again.
    """
    filler = card / "filler"
    with open(filler, "wb") as file:
        while (room := _free_bytes(card) - leave_bytes) > 0:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, room)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def _free_bytes(card: Path) -> int:
    room = os.statvfs(card)
    return room.f_bavail * room.f_frsize


def _broke_off(camera: CameraProcess) -> Any:
    status = camera.status()
    return status if status["state"] == "error" else None


def _has_events(camera: CameraProcess, number: int) -> bool:
    return len(camera.status()["events"]) == number


@pytest.mark.parametrize("leave_bytes", [3 * MIB, 0])
def test_a_full_card_ends_the_recording_cleanly_and_it_goes_on_when_there_is_room(
    leave_bytes: int,
    card: Path,
    make_camera: Callable[..., CameraProcess],
    daemon: RsyncDaemon,
    controller: Controller,
) -> None:
    controller.mood = 507  # the segments stay on the card
    camera = make_camera(daemon.target, reserve_mb=4)
    start_at = camera.start_recording(delay_ms=300)
    camera.until_segment(1)
    filler = _fill(card, leave_bytes)

    status = wait_for("the end", lambda: _broke_off(camera))
    assert "card" in status["error"]
    assert status["minutes_left"] == 0
    assert (status["uuid"], status["system"]["disk_free_gb"]) == (UUID, pytest.approx(0, abs=0.01))

    def start() -> Any:
        body = json.dumps({"uuid": UUID, "start_at": now_ms() + 2000}).encode()
        return camera.call("/record/start", body)[1]

    refused = start()
    assert "cannot record: The card is full: " in refused["error"]
    storage = camera.call("/preflight")[1]["data"]["checks"]["storage"]
    assert storage == {"ok": False, "msg": "room for 0 minutes of recording at 0.5 Mbit/s"}

    filler.unlink()
    again = start()  # the controller tells it once more
    assert again["success"], again
    recording = wait_for("frames", lambda: (s := camera.status())["frames"] and s)
    assert recording["state"] == "recording"
    assert recording["segment"] >= 1  # a segment without a whole fragment leaves its number
    controller.mood = "well"
    camera.stop_recording()
    wait_for("the session", controller.completed)
    rows = [r for segment in check_delivered(daemon.session(), start_at) for r, _ in segment]
    assert all(a.frame < b.frame for a, b in pairwise(rows))
    kinds = [
        e["kind"] for e in json.loads((daemon.session() / "events.json").read_text())["events"]
    ]
    assert "broke_off" in kinds
    assert kinds[-1] == "resumed"


def test_a_clock_that_is_set_moves_no_frame_and_is_noted_with_the_size_of_its_step(
    make_camera: Callable[..., CameraProcess],
    daemon: RsyncDaemon,
    controller: Controller,
    tmp_path: Path,
) -> None:
    offset = tmp_path / "offset"
    camera = make_camera(daemon.target, program=_set_wrong_by(offset))
    start_at = camera.start_recording(delay_ms=1500)
    camera.until_segment(1)
    for steps, offset_s in enumerate((-30.0, 2.5), start=1):
        moved = offset.with_suffix(".new")
        moved.write_text(str(offset_s))
        moved.replace(offset)
        wait_for("the step", partial(_has_events, camera, steps))
    camera.until_segment(4)
    segments = camera.stop_recording()
    wait_for("the session", controller.completed)

    delivered = check_delivered(daemon.session(), start_at)
    assert len(delivered) == segments
    rows = [row for segment in delivered for row, _ in segment]
    assert all(a.frame < b.frame for a, b in pairwise(rows))
    assert all(b.captured_at_us - a.captured_at_us < 5_000_000 for a, b in pairwise(rows))
    events = json.loads((daemon.session() / "events.json").read_text())["events"]
    assert [event["kind"] for event in events] == ["clock_step", "clock_step"]
    sizes_s = [event["size_us"] / 1_000_000 for event in events]
    assert sizes_s == [pytest.approx(-30, abs=0.05), pytest.approx(32.5, abs=0.05)]


def test_a_camera_that_woke_up_in_the_past_goes_on_and_says_that_it_waits_for_nothing(
    make_camera: Callable[..., CameraProcess],
    daemon: RsyncDaemon,
    controller: Controller,
    tmp_path: Path,
) -> None:
    offset = tmp_path / "offset"
    camera = make_camera(daemon.target, program=_set_wrong_by(offset))
    camera.start_recording(delay_ms=20_000)
    assert 0 < camera.status()["starts_in_ms"] <= 20_000
    camera.stop_recording()
    wait_for("idle", lambda: camera.status()["state"] == "idle")
    start_at = camera.start_recording(delay_ms=300)
    camera.until_segment(1)
    camera.end(signal.SIGKILL)
    offset.write_text("-86400")
    camera.start()
    status = wait_for("the recording", lambda: (s := camera.status())["segment"] and s)
    assert (status["state"], status["starts_in_ms"]) == ("recording", 0)
    assert status["start_at"] == start_at
    camera.stop_recording()
    wait_for("the session", controller.completed)
    check_delivered(daemon.session(), start_at)
