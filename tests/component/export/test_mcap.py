"""A session as MCAP, read back by the format's own reader."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from mcap.reader import make_reader
from tests.component.reader.drive import FPS, SECONDS
from tests.unit.postprocess.rig import START_MS

import ctlr
from ctlr.camera.test_picture import luma_of, read_stamp
from ctlr.export.jobs import export_session
from ctlr.export.kinds import KINDS
from ctlr.postprocess.manifest.progress import Progress

Message = tuple[str, int, str, bytes]
"""Topic, log time, schema, data."""


@pytest.fixture(scope="module")
def made(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("exports")
    exported = export_session(drive, KINDS["mcap"], to, lambda _: None)
    assert exported.made
    assert exported.notes == ()
    return exported.path


@pytest.fixture(scope="module")
def messages(made: Path) -> list[Message]:
    with open(made, "rb") as file:
        read = make_reader(file).iter_messages(log_time_order=False)
        return [
            (channel.topic, message.log_time, schema.name if schema else "", message.data)
            for schema, channel, message in read
        ]


def of(messages: list[Message], topic: str) -> list[Message]:
    return [message for message in messages if message[0] == topic]


def fields(data: bytes) -> dict[int, Any]:
    """The fields of a protobuf message by their numbers (protobuf.dev, encoding)."""
    found: dict[int, Any] = {}
    stream = io.BytesIO(data)

    def varint() -> int:
        value = shift = 0
        while byte := stream.read(1)[0]:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        return value

    while stream.tell() < len(data):
        tag = varint()
        read: dict[int, Callable[[], Any]] = {0: varint, 1: lambda: stream.read(8), 2: lambda: stream.read(varint()), 5: lambda: stream.read(4)}  # fmt: skip
        found[tag >> 3] = read[tag & 7]()
    return found


def test_every_frame_stands_at_its_time_and_shows_its_picture(
    messages: list[Message], drive: Path
) -> None:
    """Decoded from the messages alone; the test picture says when it was taken."""
    for camera in ctlr.load(drive).cameras.values():
        found = of(messages, f"/{camera.name}/video")
        assert len(found) == len(camera.frames)
        assert {schema for _, _, schema, _ in found} == {"foxglove.CompressedVideo"}
        decoder = av.CodecContext.create("h264", "r")
        stamps = []
        for _, _, _, data in found:
            picture = fields(data)[3]
            assert fields(data)[4] == b"h264"
            assert picture.startswith((b"\0\0\0\1", b"\0\0\1"))
            stamps += [read_stamp(luma_of(p)) for p in decoder.decode(av.Packet(picture))]
        stamps += [read_stamp(luma_of(p)) for p in decoder.decode(None)]
        times_us = [round(at_ns / 1000) for _, at_ns, _, _ in found]
        assert [s.captured_at_us for s in stamps if s] == pytest.approx(times_us, abs=2)
        assert len(stamps) == len(found)


def test_each_keyframe_can_be_begun_at(messages: list[Message]) -> None:
    """It has its parameter sets with it: decoding from the last one on needs nothing before."""
    pictures = [fields(data)[3] for _, _, _, data in of(messages, "/cam-b/video")]
    keyframes = [n for n, data in enumerate(pictures) if b"\0\0\1\x67" in data]
    assert len(keyframes) >= 3
    decoder = av.CodecContext.create("h264", "r")
    packets = [av.Packet(data) for data in pictures[keyframes[-1] :]]
    shown = [p for packet in [*packets, None] for p in decoder.decode(packet)]
    assert len(shown) == len(packets)


def test_tables_are_on_the_same_clock(messages: list[Message]) -> None:
    rows = of(messages, "/phone/Accelerometer")
    assert len(rows) == SECONDS * 100
    _, at_ns, _, data = rows[500]
    assert at_ns == pytest.approx((START_MS + 5000) * 10**6, abs=1000)
    assert json.loads(data)["x"] == 5.0
    assert len(of(messages, "/can/Vehicle")) > 0
    assert json.loads(of(messages, "/can_raw")[0][3])["id"] != ""


def test_fixes_marks_and_gaps(messages: list[Message]) -> None:
    fixes = of(messages, "/phone/Location/fix")
    assert len(fixes) == SECONDS
    assert {schema for _, _, schema, _ in fixes} == {"foxglove.LocationFix"}
    (mark,) = of(messages, "/marks")
    assert mark[1] == (START_MS + 2500) * 10**6
    assert fields(mark[3])[3] == b"bump"
    said = [fields(data)[3].decode() for _, _, _, data in of(messages, "/session")]
    assert "cam-a: missing, 2.0 s" in said


def test_messages_stand_in_the_order_of_time(messages: list[Message]) -> None:
    times = [at_ns for _, at_ns, _, _ in messages]
    assert times == sorted(times)


def test_the_manifest_is_attached(made: Path, drive: Path) -> None:
    with open(made, "rb") as file:
        (attached,) = make_reader(file).iter_attachments()
        file.seek(0)
        (about,) = make_reader(file).iter_metadata()
    assert attached.data == (drive / "manifest.json").read_bytes()
    assert about.metadata["uuid"] == ctlr.load(drive).manifest.uuid


def test_progress_ends_where_all_is_taken_in(drive: Path, tmp_path: Path) -> None:
    steps: list[Progress] = []
    export_session(drive, KINDS["mcap"], tmp_path, steps.append)
    videos = sum(camera.told.bytes for camera in ctlr.load(drive).cameras.values())
    assert steps[-1].bytes_done > 0.8 * videos
    assert [s.bytes_done for s in steps] == sorted(s.bytes_done for s in steps)
    assert len(steps) > SECONDS * FPS
