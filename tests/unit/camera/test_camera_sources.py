"""Cameras that libav reads: a file stands in for the device, its timestamps for the kernel's."""

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.record import SessionRecord
from ctlr.camera.recorder import Recording
from ctlr.camera.schedule import Schedule
from ctlr.camera.sources import CaptureClock, Frame, PictureSettings, Source, SourceError, Take
from ctlr.camera.sources.opened import OpenedCamera
from ctlr.camera.sources.rtsp import open_source as open_rtsp
from ctlr.camera.sources.test import MovingPicture
from ctlr.camera.sources.v4l2 import captured_at_us, check, read_camera
from ctlr.camera.spool import SessionFolder
from ctlr.camera.stills.program import decode, to_jpeg
from ctlr.camera.test_picture import Stamp, read_video_stamps
from ctlr.config import load_settings
from ctlr.kernel.errors import ConfigError
from ctlr.layout.frame_times import parse_rows

START = 1_776_313_714_000_000
MS = 1_000
SETTINGS = PictureSettings(width=320, height=64, fps=10, bitrate_kbps=500)
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


class ReadingClock(VirtualClock):
    """Now is always a little after the picture that was read last."""

    def at_monotonic_us(self, monotonic_us: int) -> int:
        self._now_us = monotonic_us + 4 * MS
        return monotonic_us


def _film(path: Path, codec: str, times_us: list[int], **options: str) -> Path:
    """A stream of a camera; each picture's blocks hold its timestamp."""
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with av.open(str(path), "w", format="nut") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = SETTINGS.width, SETTINGS.height, pixel_format
        stream.codec_context.time_base = Fraction(1, 1_000_000)
        picture = MovingPicture(SETTINGS.width, SETTINGS.height)
        for number, at_us in enumerate(times_us):
            frame = picture.draw(number, Stamp(at_us, number)).reformat(format=pixel_format)
            frame.pts, frame.time_base = at_us, Fraction(1, 1_000_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _read(path: Path, clock: CaptureClock, keep_from_us: int = START) -> Source:
    return read_camera(av.open(str(path)), SETTINGS, Take(START, keep_from_us), clock)


def _frames(source: Source) -> Iterator[Frame]:
    """Until the film ends, as a camera that is unplugged does."""
    with pytest.raises(SourceError, match="ended its stream"):
        yield from source.frames(lambda at_us: at_us == START + 500 * MS)


def _times(count: int, first_us: int = START - 300 * MS) -> list[int]:
    return [first_us + n * 100 * MS for n in range(count)]


@pytest.mark.parametrize("codec", ["mjpeg", "libx264"])
def test_the_newest_picture_that_needs_no_other_is_kept_for_who_looks(
    codec: str, tmp_path: Path
) -> None:
    """Of a camera that gives JPEGs its own; of another the keyframe, whole with its parameters."""
    options = {"bf": "0", "g": "5"} if codec == "libx264" else {}
    film = _film(tmp_path / "film", codec, _times(12, START), **options)

    class Kind:
        def check(self, settings: PictureSettings) -> str:
            return ""

        def open_source(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
            return _read(film, ReadingClock(START))

    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START // 1000))
    schedule = Schedule(START, 10_000_000, START)
    recording = Recording(folder, Kind(), SETTINGS, schedule, lambda: None, lambda _: None)
    assert recording.newest_picture() is None
    recording.start()
    assert recording.wait_ended(20)
    picture = recording.newest_picture()
    assert picture is not None
    newest = 11 if codec == "mjpeg" else 10
    assert picture.captured_at_ms == (START + newest * 100 * MS) // 1000
    assert picture.codec == ("mjpeg" if codec == "mjpeg" else "h264")
    head = {"codec": picture.codec, "extradata": len(picture.extradata)}
    jpeg = to_jpeg(decode(head, picture.extradata + picture.data), 0)
    assert jpeg.startswith(b"\xff\xd8")


@pytest.mark.parametrize("codec", ["mjpeg", "libx264"])
def test_pictures_have_the_kernels_times_and_numbers_from_the_start(
    codec: str, tmp_path: Path
) -> None:
    options = {"bf": "0", "g": "5"} if codec == "libx264" else {}
    film = _film(tmp_path / "film", codec, _times(12), **options)
    source = _read(film, ReadingClock(START - 1_000_000))
    frames = list(_frames(source))
    assert [frame.captured_at_us for frame in frames] == _times(12)
    assert [frame.number for frame in frames] == list(range(-3, 9))
    assert source.dropped == 0
    keyframes = [frame.number for frame in frames if frame.keyframe]
    # What is encoded here has its keyframe where it is wanted, a copied stream where it is.
    assert keyframes == ([-3, 5] if codec == "mjpeg" else [-3, 2, 7])


def test_pictures_that_did_not_come_are_holes_and_count_as_dropped(tmp_path: Path) -> None:
    times = [at for n, at in enumerate(_times(14)) if n not in {1, 6, 7, 8}]
    source = _read(_film(tmp_path / "film", "mjpeg", times), ReadingClock(START))
    assert [frame.number for frame in _frames(source)] == [-3, -1, 0, 1, 2, 6, 7, 8, 9, 10]
    assert source.dropped == 3  # the one before the start was not wanted


def test_a_camera_that_is_uneven_loses_no_picture(tmp_path: Path) -> None:
    times = [at + (45 * MS if n % 3 == 0 else 0) for n, at in enumerate(_times(12, START))]
    source = _read(_film(tmp_path / "film", "mjpeg", times), ReadingClock(START))
    numbers = [frame.number for frame in _frames(source)]
    assert all(a < b for a, b in pairwise(numbers))
    assert len(numbers) == 12


def test_an_uneven_beginning_shifts_no_number(tmp_path: Path) -> None:
    times = [at for at in _times(14) if at != START + 600 * MS]
    times.insert(1, times[0] + 40 * MS)  # one more than there should be
    source = _read(_film(tmp_path / "film", "mjpeg", times), ReadingClock(START))
    kept = [frame.number for frame in _frames(source) if frame.captured_at_us >= START]
    assert kept == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert source.dropped == 1


def test_a_camera_halfway_between_the_slots_is_not_numbered_by_its_jitter(tmp_path: Path) -> None:
    jitter = [0, -3, 4, -5, 2, 5, -4, 0, 3, -2]
    times = [START + 49 * MS + n * 100 * MS + by * MS for n, by in enumerate(jitter)]
    source = _read(_film(tmp_path / "film", "mjpeg", times), ReadingClock(START))
    assert [frame.number for frame in _frames(source)] == list(range(10))
    assert source.dropped == 0


class SlowWay(VirtualClock):
    """Pictures come ``late_us`` after they were taken."""

    def __init__(self, late_us: int, stop_at_us: int) -> None:
        super().__init__(START, stop_at_us=stop_at_us)
        self._late_us_each = late_us

    def arrive(self, sent_us: int) -> int:
        self._now_us = sent_us + self._late_us_each
        return sent_us


@pytest.mark.parametrize(("late_ms", "newest_ms"), [(40, 2100), (400, 2000), (3000, 800)])
def test_what_was_taken_before_the_end_is_waited_for(
    late_ms: int, newest_ms: int, tmp_path: Path
) -> None:
    """Until a picture comes that was taken after it, but no longer than a stop may take."""
    film = _film(tmp_path / "film", "libx264", _times(60, START), bf="0", g="5")
    clock = SlowWay(late_ms * MS, stop_at_us=START + 2000 * MS)
    source = OpenedCamera(
        "A camera",
        av.open(str(film)),
        SETTINGS,
        Take(START, START),
        clock,
        clock.arrive,
        copied=True,
    )
    frames = list(source.frames(lambda _: False))
    newest = frames[-1].captured_at_us - START
    assert newest == newest_ms * MS
    assert [frame.number for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("wrong_by_us", [-3_000_000, 1, 1_776_313_714_000_000])
def test_a_driver_that_stamps_on_another_clock_is_not_believed(wrong_by_us: int) -> None:
    clock = VirtualClock(START)
    assert captured_at_us(clock, START + wrong_by_us) == START
    assert captured_at_us(clock, START - 40 * MS) == START - 40 * MS


def test_pictures_out_of_order_are_refused_with_what_to_do(tmp_path: Path) -> None:
    film = _film(tmp_path / "film", "libx264", _times(12), bf="2")
    with pytest.raises(SourceError, match="B-frames"):
        list(_read(film, ReadingClock(START)).frames(lambda _: False))


def test_no_camera_there() -> None:
    settings = PictureSettings(320, 240, 10, 500, device="/dev/video99")
    with pytest.raises(SourceError, match="no camera at /dev/video99"):
        check(settings)


@pytest.mark.parametrize("address", ["", "http://10.0.0.5/", "10.0.0.5"])
def test_a_network_camera_needs_an_address(address: str) -> None:
    settings = PictureSettings(320, 240, 10, 500, device=address)
    with pytest.raises(SourceError, match=r"camera\.device"):
        open_rtsp(settings, Take(START, START), VirtualClock(START))


class Plugged:
    """The kind of source whose camera is a film."""

    def __init__(self, film: Path) -> None:
        self._film = film

    def check(self, settings: PictureSettings) -> str:
        return "a film"

    def open_source(self, settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
        container = av.open(str(self._film))
        return read_camera(container, settings, take, ReadingClock(START))


@pytest.mark.parametrize(
    ("codec", "rotation"),
    [("mjpeg", 270), ("libx264", 0), ("libx264", 90), ("libx264", 180)],
)
def test_a_recording_of_either_kind_can_be_cut_joined_and_turned(
    codec: str, rotation: int, tmp_path: Path
) -> None:
    options = {"bf": "0", "g": "5"} if codec == "libx264" else {}
    film = _film(tmp_path / "film", codec, _times(28), **options)
    folder = SessionFolder(tmp_path / UUID)
    folder.write_record(SessionRecord(uuid=UUID, start_at=START // 1000))
    settings = PictureSettings(320, 64, 10, 500, rotation=rotation)
    ended: list[str | None] = []
    schedule = Schedule(START, 1_000_000, START)
    recording = Recording(folder, Plugged(film), settings, schedule, lambda: None, ended.append)
    recording.start()
    assert recording.wait_ended(20)
    assert ended[0] is not None
    assert "has ended its stream" in ended[0]

    videos = sorted(folder.path.glob("seg_*.mp4"))
    assert len(videos) == 3
    stamps = [stamp for video in videos for _, stamp in read_video_stamps(video)]
    # A camera that places its own keyframes: the first one after the start is the second picture.
    assert [stamp and stamp.captured_at_us for stamp in stamps] == _times(28)[
        3 if codec == "mjpeg" else 5 :
    ]
    rows = [
        row for video in videos for row in parse_rows(video.with_suffix(".frames.csv").read_text())
    ]
    assert [row.captured_at_us for row in rows] == [s and s.captured_at_us for s in stamps]
    assert _rotation(videos[-1]) == rotation


def _rotation(video: Path) -> int:
    """Degrees clockwise by which a player turns the picture."""
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "stream_side_data=rotation",
        "-of",
        "csv=p=0",
    ]
    told = subprocess.run([*probe, str(video)], capture_output=True, check=True, text=True).stdout
    return -int(told.strip() or 0) % 360


def test_a_source_that_there_is_not_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CTLR_CAMERA__SOURCE", "betamax")
    with pytest.raises(ConfigError, match=r"camera\.source: .*'test', 'v4l2', 'rtsp' or 'pica"):
        load_settings()


@pytest.mark.parametrize(("rotation", "good"), [("270", True), ("45", False), ("-90", False)])
def test_rotation_by_environment(
    rotation: str, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTLR_CAMERA__ROTATION", rotation)
    if good:
        assert load_settings().camera.rotation == int(rotation)
    else:
        with pytest.raises(ConfigError, match=r"camera\.rotation"):
            load_settings()
