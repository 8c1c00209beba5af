"""Delivery from a card with bad places, to a controller that hashes what it has got."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.camera.recordings import (
    START_MS,
    UUID,
    write_segment,
    write_session,
    write_unfinished,
)

from ctlr.camera.rsync import PartialTransferError
from ctlr.camera.segments import unfinished_name
from ctlr.camera.sender import Sender
from ctlr.camera.spool import SessionFolder, Spool
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.hashing import hash_file
from ctlr.nodes.messages import DurableFile, SyncAnswer, SyncReport

NEWER = "ffffffff-ffff-4fff-8fff-ffffffffffff"
DEADLINE_S = 20


class Rig:
    """A spool, a drive, and a sender between them. ``unreadable``: names that rsync cannot read."""

    def __init__(self, root: Path) -> None:
        self.spool = Spool(root / "spool")
        self.spool.prepare()
        self.drive = root / "drive"
        self.unreadable: set[str] = set()
        self.complete: set[str] = set()
        self.sent: list[str] = []
        self.sender = Sender(
            "cam", self.spool, self._send, self._report, SystemClock(), lambda: {"source": "none"}
        )

    async def _send(self, spool: Path, uuid: str, names: Sequence[str]) -> None:
        (self.drive / uuid).mkdir(parents=True, exist_ok=True)
        for name in set(names) - self.unreadable:
            shutil.copyfile(spool / uuid / name, self.drive / uuid / name)
            self.sent.append(name)
        if self.unreadable & set(names):
            raise PartialTransferError("rsync ended with code 23: read errors mapping")

    async def _report(self, report: SyncReport) -> SyncAnswer:
        assert report.uuid
        if report.complete:
            self.complete.add(report.uuid)
        folder = self.drive / report.uuid
        files = sorted(folder.iterdir()) if folder.exists() else []
        durable = [
            DurableFile(name=file.name, size=file.stat().st_size, xxh128=hash_file(file)[1])
            for file in files
        ]
        absent = sorted(set(report.asks or ()) - {file.name for file in files})
        return SyncAnswer(ok=True, durable=durable, absent=absent)

    async def deliver_until(self, done: Callable[[], bool]) -> None:
        running = asyncio.create_task(self.sender.run())
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not done():
                    assert not running.done()
                    self.sender.wake()
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def _ended(rig: Rig, uuid: str, segments: Iterable[int], start_at: int = START_MS) -> SessionFolder:
    folder = write_session(rig.spool.root, uuid, ended="stopped", stopped_at=start_at + 5000)
    record = folder.read_record()
    assert record is not None
    folder.write_record(record.model_copy(update={"start_at": start_at}))
    for number in segments:
        write_segment(folder, number, from_frame=number * 10)
    return folder


async def test_a_file_that_cannot_be_read_holds_up_no_other_session(rig: Rig) -> None:
    newer = _ended(rig, NEWER, [0, 1], START_MS + 60_000)
    _ended(rig, UUID, [2])
    rig.unreadable = {"seg_0000.mp4"}
    await rig.deliver_until(
        lambda: UUID in rig.complete and not (newer.path / "seg_0001.mp4").exists()
    )
    assert [file.name for file in newer.finished_files()] == ["seg_0000.mp4"]
    assert NEWER not in rig.complete


async def test_a_record_that_cannot_be_read_holds_up_no_other_session(rig: Rig) -> None:
    newer = _ended(rig, NEWER, [0], START_MS + 60_000)
    (newer.path / ".session.json").unlink()
    (newer.path / ".session.json").mkdir()  # reading it is an error
    _ended(rig, UUID, [0])
    await rig.deliver_until(lambda: UUID in rig.complete)
    assert newer.path.exists()


async def test_a_file_that_the_card_has_changed_is_delivered_as_it_is_and_said(rig: Rig) -> None:
    folder = _ended(rig, UUID, [0])
    video = folder.path / "seg_0000.mp4"
    video.write_bytes(video.read_bytes()[:-100] + bytes(100))
    await rig.deliver_until(lambda: UUID in rig.complete)
    assert rig.sent.count("seg_0000.mp4") == 2
    assert _kinds(rig) == ["changed_on_card"]


async def test_a_file_that_is_never_readable_is_set_aside_and_said(rig: Rig) -> None:
    folder = _ended(rig, UUID, [0])
    video = folder.path / "seg_0000.mp4"
    video.unlink()
    video.mkdir()  # reading it is an error
    rig.unreadable = {video.name}
    await rig.deliver_until(lambda: UUID in rig.complete and not folder.path.exists())
    assert (rig.spool.root / ".kept" / UUID / video.name).exists()
    assert _kinds(rig) == ["kept_on_card"]


async def test_what_could_not_be_repaired_is_kept_and_said(rig: Rig) -> None:
    folder = _ended(rig, UUID, [0])
    write_unfinished(folder, 1, frames=10, from_frame=10)
    hidden = (folder.path / unfinished_name(1)).read_bytes()
    await rig.deliver_until(lambda: UUID in rig.complete and not folder.path.exists())
    kept = rig.spool.root / ".kept" / UUID
    assert (kept / "seg_0001.mp4.part").read_bytes() == hidden
    assert (kept / "seg_0001.frames.csv.part").exists()
    assert _kinds(rig) == ["kept_on_card"]


def _kinds(rig: Rig) -> list[str]:
    events = json.loads((rig.drive / UUID / "events.json").read_text())["events"]
    return [event["kind"] for event in events]
