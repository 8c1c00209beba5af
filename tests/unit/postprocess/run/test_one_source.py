"""Whatever ails one camera's or the phone's files becomes that source's failure: the session is made."""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.manifest.shapes import FailedSource, VideoSource
from ctlr.postprocess.manifest.workspace import Workspace
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.run.make import Maker
from ctlr.postprocess.run.plan import make_plan
from ctlr.postprocess.run.planning import plan_videos
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.tables.table import FindQuantity, TableFacts
from ctlr.postprocess.video.examine import Examiner
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.growing import GrowingParts
from ctlr.postprocess.video.planned import plan_video
from ctlr.postprocess.video.scan import scan_session
from ctlr.sessions.model import SessionNode


def segment(rig: Rig, name: str = "cam-b", number: int = 1) -> Path:
    return rig.node(name) / f"seg_{number:04d}.mp4"


def shrink_box(kind: bytes) -> Callable[[Rig], object]:
    """Have a box claim that it is empty."""

    def change(rig: Rig) -> None:
        data = bytearray(segment(rig).read_bytes())
        struct.pack_into(">I", data, data.index(kind) - 4, 8)
        segment(rig).write_bytes(data)

    return change


def empty_at_the_end(kind: bytes) -> Callable[[Rig], object]:
    """End the index, and the file, with an empty box in the place of one."""

    def change(rig: Rig) -> None:
        data = bytearray(segment(rig).read_bytes())
        at = data.index(kind) + 4
        del data[at:]
        for outer in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            begin = data.rfind(outer) - 4
            if 0 <= begin < at - 8:
                struct.pack_into(">I", data, begin, len(data) - begin)
        struct.pack_into(">I", data, at - 8, 8)
        segment(rig).write_bytes(data)

    return change


def sidecar(content: bytes) -> Callable[[Rig], object]:
    def change(rig: Rig) -> None:
        (rig.node("cam-b") / "seg_0001.frames.csv").write_bytes(content)

    return change


def named(name: bytes) -> Callable[[Rig], object]:
    def change(rig: Rig) -> None:
        for folder in (rig.node("cam-b"), rig.logging / "phone" / UUID):
            folder.mkdir(parents=True, exist_ok=True)
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")

    return change


def far_times(rig: Rig) -> None:
    data = bytearray(fragmented(Film()))
    at = data.index(b"tfdt") + 8
    struct.pack_into(">Q", data, at, (1 << 62) - 1)
    segment(rig).write_bytes(data)


def made_in_another_age(rig: Rig) -> None:
    """``mvhd`` of version 1 with a creation time that no calendar has."""
    data = plain(Film())
    at = data.index(b"mvhd")
    wide = b"\1\0\0\0" + struct.pack(">QQIQ", (1 << 64) - 1, 0, 1000, 0)
    body = data[at + 4 + 20 : at - 4 + struct.unpack_from(">I", data, at - 4)[0]]
    box = struct.pack(">I", 8 + len(wide) + len(body)) + b"mvhd" + wide + body
    grown = len(box) - struct.unpack_from(">I", data, at - 4)[0]
    moov = data.index(b"moov")
    size = struct.unpack_from(">I", data, moov - 4)[0] + grown
    old = struct.unpack_from(">I", data, at - 4)[0]
    segment(rig).write_bytes(
        data[: moov - 4]
        + struct.pack(">I", size)
        + data[moov : at - 4]
        + box
        + data[at - 4 + old :]
    )


AILMENTS: dict[str, Callable[[Rig], object]] = {
    **{f"empty {kind.decode()}": shrink_box(kind) for kind in (
        b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"ctts", b"stss", b"stsc", b"stsz",
        b"stco", b"elst", b"dref", b"moov", b"trak", b"mdia", b"avcC",
    )},
    **{f"{kind.decode()} at the end": empty_at_the_end(kind) for kind in (
        b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"stsz", b"stco",
    )},
    "5,000 digits": sidecar(b"frame,pts_us,captured_at_us\n0,0," + b"9" * 5000 + b"\n"),
    "digits of another script": sidecar("frame,pts_us,captured_at_us\n0,0,\u0663\n".encode()),
    "superscript digits": sidecar("frame,pts_us,captured_at_us\n0,0,\u00b2\n".encode()),
    "a sidecar in Latin-1": sidecar(b"frame,pts_us,captured_at_us\n\xfc,0,1\n"),
    "a name in Latin-1": named(b"\xdcbersicht.csv"),
    "a long name": named("ü".encode() * 127),
    "64-bit times": far_times,
    "a year beyond the calendar": made_in_another_age,
}  # fmt: skip


@pytest.mark.parametrize("ailment", AILMENTS)
def test_the_others_are_made(rig: Rig, ailment: str) -> None:
    film = Film(shifts=(0,) * 30, edits=((1000, 0, 1 << 16),))
    for name in ("cam-a", "cam-b"):
        rig.record(name, film=film)
    AILMENTS[ailment](rig)
    nodes = [
        SessionNode(name, started=True, stopped_at_ms=START_MS + 4000)
        for name in ("cam-a", "cam-b")
    ]
    outcome = rig.process(session(*nodes, stopped_at_ms=START_MS + 4000))
    assert outcome.exit_code in (0, 3), outcome.summary
    assert (rig.source("cam-a")["frames"], rig.source("cam-a")["gaps"]) == (120, [])
    other = rig.source("cam-b")
    assert sum(video["frames"] for video in (other, *other["parts"])) >= 90


class Uploads:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.path = rig.logging / "phone" / UUID / "notes.txt"

    def make(self) -> int:
        return self.rig.process().exit_code


@pytest.fixture
def uploads(rig: Rig) -> Uploads:
    rig.record()
    rig.upload("notes.txt")
    rig.upload("gyroscope.csv")
    return Uploads(rig)


def test_a_table_that_nobody_can_read_costs_itself(uploads: Uploads) -> None:
    def read(path: Path, _member: str | None, _find: FindQuantity) -> TableFacts:
        raise RecursionError(path.name)

    rig = uploads.rig
    assert rig.process(tables=TableReader(read)).exit_code == 0
    (table,) = rig.source("phone")["tables"]
    assert table["problems"][0]["text"] == "It could not be understood (RecursionError)."
    assert rig.source()["frames"] == 120


def test_segments_that_cannot_be_placed_cost_their_camera(rig: Rig) -> None:
    """Facts that contradict themselves, as no file has yet brought about."""
    for name in ("cam-a", "cam-b"):
        rig.record(name)
    files = scan_session(LoggingLayout(rig.logging), UUID)
    examiner = Examiner()
    segments = {n.node: examiner.examine_node(rig.node(n.node), n) for n in files.nodes}
    segments["cam-b"] = [replace(facts, timescale=0) for facts in segments["cam-b"]]
    whole, failed = plan_videos(files, segments, None)
    assert (whole.frames, failed.parts) == (120, ())
    assert failed.error == "its segments cannot be placed (ZeroDivisionError)"
    assert not make_plan(files, (whole, failed), "x", None).complete


def test_segments_that_cannot_be_joined_cost_their_camera(rig: Rig) -> None:
    """The examiner that has to join them knows nothing of one camera's."""
    for name in ("cam-a", "cam-b"):
        rig.record(name)
    files = scan_session(LoggingLayout(rig.logging), UUID)
    workspace = Workspace(rig.sync, UUID)
    parts = GrowingParts(LoggingLayout(rig.logging), workspace, UUID)
    videos = [
        plan_video(node, examine(rig, node.node, parts.examiner), None) for node in files.nodes
    ]
    plan = make_plan(files, videos, UUID, None)
    workspace.prepare()
    try:
        maker = Maker(plan, None, rig.logging, rig.folder, workspace, parts, lambda _: None)
        sources, made = maker.make()
    finally:
        parts.close()
    assert isinstance(sources["cam-a"], VideoSource)
    assert isinstance(failed := sources["cam-b"], FailedSource)
    assert failed.error.startswith("its segments could not be joined (")
    assert [entry.path for entry in made] == ["cam-a.mp4"]
    assert [path.name for path in workspace.out.iterdir()] == ["cam-a.mp4"]


def examine(rig: Rig, name: str, known: Examiner) -> list[SegmentFacts]:
    files = {node.node: node for node in scan_session(LoggingLayout(rig.logging), UUID).nodes}
    examiner = known if name == "cam-a" else Examiner()
    return examiner.examine_node(rig.node(name), files[name])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_upload_that_cannot_be_opened_is_left_out_and_said(uploads: Uploads) -> None:
    uploads.path.chmod(0)
    assert_left_out(uploads)


def test_an_upload_that_became_a_link_is_left_out_and_said(uploads: Uploads) -> None:
    """Between the look at the folder and the copy; and not made again until it is another."""
    rig = uploads.rig
    plan_of = scan_session(LoggingLayout(rig.logging), UUID)
    workspace = Workspace(rig.sync, UUID)
    parts = GrowingParts(LoggingLayout(rig.logging), workspace, UUID)
    plan = make_plan(plan_of, (), UUID, None)
    uploads.path.unlink()
    uploads.path.symlink_to("/etc/hostname")
    workspace.prepare()
    maker = Maker(plan, None, rig.logging, rig.folder, workspace, parts, lambda _: None)
    _, made = maker.make()
    parts.close()
    assert [entry.path for entry in made] == ["phone/gyroscope.csv"]
    assert list(maker.unread) == ["phone/notes.txt"]


def assert_left_out(uploads: Uploads) -> None:
    rig = uploads.rig
    assert uploads.make() == 3
    (problem,) = rig.manifest()["problems"]
    assert (problem["code"], problem["segment"]) == ("file_unread", "phone/notes.txt")
    assert rig.source("phone")["files"] == ["gyroscope.csv"]
    assert not needs_processing(rig.settings, UUID)
    uploads.path.chmod(0o644)
    uploads.path.write_text("another")
    assert needs_processing(rig.settings, UUID)
    assert uploads.make() == 0
    assert rig.source("phone")["files"] == ["gyroscope.csv", "notes.txt"]
