"""A camera node in front of a network camera that goes away and comes back."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from tests.component.camera.network_camera import FPS, NetworkCamera
from tests.component.camera.rig import CameraProcess, Controller, RsyncDaemon, wait_for

from ctlr.camera.test_picture import read_video_stamps
from ctlr.layout.frame_times import parse_rows


@pytest.fixture
def lens() -> Iterator[NetworkCamera]:
    camera = NetworkCamera()
    yield camera
    camera.close()


def _camera_check(camera: CameraProcess) -> object:
    return camera.call("/preflight")[1]["data"]["checks"]["camera"]


def test_what_it_sends_is_copied_with_its_times_and_a_gap_is_counted(
    lens: NetworkCamera,
    make_camera: Callable[..., CameraProcess],
    daemon: RsyncDaemon,
    controller: Controller,
) -> None:
    camera = make_camera(daemon.target, source="rtsp", device=lens.address, fps=FPS, rotation=90)
    good = {"ok": True, "msg": f"rtsp: {lens.address} sends h264 320x64"}
    wait_for("the check", lambda: _camera_check(camera) == good)
    start_at = camera.start_recording(delay_ms=3000)
    camera.until_segment(2)
    assert camera.status()["dropped"] <= FPS  # a cut waits for the camera's own keyframe

    lens.go_away()
    error = wait_for("the loss", lambda: camera.status()["error"])
    assert lens.address in error
    lens.come_back()
    wait_for(
        "the way back",
        lambda: camera.status()["state"] == "recording" and camera.status()["frames"],
    )
    assert camera.status()["dropped"] > 0
    camera.stop_recording()
    report = wait_for("the session", controller.completed)

    videos = sorted(daemon.session().glob("seg_*.mp4"))
    assert len(videos) == report["segments_total"]
    rows = [r for v in videos for r in parse_rows(v.with_suffix(".frames.csv").read_text())]
    stamps = [stamp for video in videos for _, stamp in read_video_stamps(video)]
    assert len(rows) == len(stamps)
    assert None not in stamps
    assert start_at * 1000 <= rows[0].captured_at_us < start_at * 1000 + 1_500_000
    assert all(a.frame < b.frame and a.captured_at_us < b.captured_at_us for a, b in pairwise(rows))
    # The pictures say when they were taken: later by what sending takes, and evenly so.
    late_us = [
        row.captured_at_us - stamp.captured_at_us
        for row, stamp in zip(rows, stamps, strict=True)
        if stamp
    ]
    assert min(late_us) > -20_000
    assert max(late_us) < 300_000
    assert (daemon.session() / "events.json").exists()
