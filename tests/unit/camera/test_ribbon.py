"""The Pi's own camera, against a double of picamera2's documented interface."""

import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.record import SessionRecord
from ctlr.camera.recorder import Recording
from ctlr.camera.schedule import Schedule
from ctlr.camera.sources import PictureSettings, SourceError, Take, load_source
from ctlr.camera.sources.ribbon import RibbonSource, check, open_source, open_view
from ctlr.camera.spool import SessionFolder
from ctlr.camera.test_picture import luma_of, read_video_stamps

DOUBLE = Path(__file__).parents[2] / "fakes" / "pi"
SETTINGS = PictureSettings(width=320, height=64, fps=10, bitrate_kbps=500)
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NAMES = ("picamera2", "picamera2.encoders", "picamera2.outputs", "libcamera")


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(DOUBLE))
    import picamera2  # type: ignore[import-not-found]

    yield picamera2.pi
    for name in NAMES:
        sys.modules.pop(name, None)
    assert not picamera2.pi.is_open  # whatever went wrong, the camera was let go


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _open(settings: PictureSettings = SETTINGS) -> RibbonSource:
    start_us = _now_us() + 500_000
    return open_source(settings, Take(start_us, start_us), VirtualClock(0))


def test_pictures_have_the_sensors_times_tied_once_to_the_frame_wall_clock(pi: Any) -> None:
    source = _open()
    frames = [frame for frame, _ in zip(source.frames(lambda _: False), range(20), strict=False)]
    source.close()
    gaps = {b.captured_at_us - a.captured_at_us for a, b in pairwise(frames)}
    assert gaps == {100_000}
    asleep_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - _now_us()
    sensor_on_our_clock_us = pi.first_sensor_us - asleep_us
    assert abs(frames[0].captured_at_us - sensor_on_our_clock_us - 7_000) < 2_000
    assert [frame.number - frames[0].number for frame in frames] == list(range(20))
    assert frames[0].number < 0  # it streamed before the start
    assert source.dropped == 0


def test_a_version_without_frame_wall_clock_has_the_sensors_times(pi: Any) -> None:
    pi.has_wall_clock = False
    source = _open()
    first = next(source.frames(lambda _: False))
    source.close()
    asleep_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - _now_us()
    assert abs(first.captured_at_us - (pi.first_sensor_us - asleep_us)) < 2_000


def test_a_recording_is_cut_where_it_should_and_decodes(pi: Any, tmp_path: Path) -> None:
    pi.pictures = 1000
    start_us = _now_us() // 1000 * 1000 + 500_000

    class Kind:
        def check(self, settings: PictureSettings) -> str:
            return ""

        def open_source(self, settings: PictureSettings, take: Take, clock: Any) -> RibbonSource:
            source = open_source(settings, take, VirtualClock(0))
            pi.reader_is_behind = lambda: source.is_behind
            return source

    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=start_us // 1000))
    schedule = Schedule(start_us, 1_000_000, start_us)
    recording = Recording(folder, Kind(), SETTINGS, schedule, lambda: None, lambda _: None)
    recording.start()
    until = time.monotonic() + 20
    while recording.progress().frames < 25 and time.monotonic() < until:
        time.sleep(0.002)
    recording.request_stop()
    assert recording.wait_ended(20)
    videos = sorted(folder.path.glob("seg_*.mp4"))
    assert len(videos) >= 3
    for number, video in enumerate(videos):
        stamps = [stamp for _, stamp in read_video_stamps(video)]
        assert None not in stamps
        into_us = [pts_us - number * 1_000_000 for pts_us, _ in read_video_stamps(video)]
        assert 0 <= into_us[0] < 200_000  # the encoder is asked a picture ahead, or one late
    assert recording.progress().dropped <= 2  # until the first keyframe after the start


def test_who_looks_is_shown_the_small_stream_and_lets_go(pi: Any) -> None:
    settings = PictureSettings(1280, 720, 10, 500, frame_lock="server")
    pi.has_frame_lock = False  # of no use to who looks, and so of no harm
    view = open_view(settings)
    first, second = next(view).frame, next(view).frame
    assert first is not None
    assert (first.width, first.height) == (640, 360)
    assert pi.is_open
    assert second is not None
    assert (luma_of(first) != luma_of(second)).any()
    view.close()
    assert not pi.is_open
    pi.broken = "Failed to start camera: Device or resource busy"
    with pytest.raises(SourceError, match="resource busy"):
        next(open_view(settings))


def test_configuration_becomes_controls(pi: Any) -> None:
    settings = PictureSettings(320, 64, 10, 500, frame_lock="client", exposure_us=5000, gain=2.5)
    _open(settings).close()
    assert pi.controls == {
        "FrameRate": 10,
        "AeEnable": False,
        "ExposureTime": 5000,
        "AnalogueGain": 2.5,
        "SyncMode": 2,
    }


def test_a_version_without_frame_lock_says_so(pi: Any) -> None:
    pi.has_frame_lock = False
    settings = PictureSettings(320, 64, 10, 500, frame_lock="server")
    with pytest.raises(SourceError, match="frame_lock"):
        _open(settings)


def test_what_is_wrong_is_said(pi: Any) -> None:
    assert check(SETTINGS) == "imx708 320x64 at 10 fps"
    with pytest.raises(SourceError, match=r"no camera 1 on this Pi \(1 found\)"):
        check(PictureSettings(320, 64, 10, 500, device="1"))
    with pytest.raises(SourceError, match="is a number"):
        check(PictureSettings(320, 64, 10, 500, device="/dev/video0"))
    pi.broken = "Failed to start camera: Device or resource busy"
    with pytest.raises(SourceError, match="resource busy"):
        _open()


def test_without_picamera2_it_says_how_to_get_it() -> None:
    with pytest.raises(SourceError, match="apt install python3-picamera2"):
        load_source("picamera2").check(SETTINGS)
