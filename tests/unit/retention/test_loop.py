"""When the controller makes room by itself, and what it writes down of that."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ctlr.config import RetentionSettings
from ctlr.retention.bin_plan import DAY_MS
from ctlr.retention.lines import Deleted, Emptied
from ctlr.retention.loop import empty_bin_forever, retire_forever, retire_once

WANTED = RetentionSettings(enabled=True, free_gb=1)
ENOUGH, TOO_LITTLE = 2 << 30, 1 << 20


class Room:
    """A command that frees the drive and says so, and the record that it is written into."""

    def __init__(self, folder: Path) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        self.notes: list[tuple[str, str]] = []

    @property
    def command(self) -> Sequence[str]:
        say = f"printf x >> {self.calls}; echo '{Deleted('u1', 3 << 20).to_line()}'"
        return ["sh", "-c", say]

    @property
    def times(self) -> int:
        return len(self.calls.read_text())

    async def note(self, uuid: str, text: str) -> None:
        self.notes.append((uuid, text))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


async def test_what_was_deleted_is_written_into_the_sessions_record(room: Room) -> None:
    await retire_once(room.command, room.note)
    ((uuid, text),) = room.notes
    assert uuid == "u1"
    assert text == "Its raw data (3 MB) was deleted to make room; its copy is verified."


async def test_a_failure_is_told_with_what_was_deleted_before_it(room: Room) -> None:
    said = Deleted("u1", 1 << 20).to_line()
    fail = f"echo '{said}'; echo the drive has gone >&2; exit 1"
    with capture_logs() as log:
        await retire_once(["sh", "-c", fail], room.note)
    assert [uuid for uuid, _ in room.notes] == ["u1"]
    assert [(line["event"], line["error"]) for line in log] == [
        ("retention failed", "the drive has gone")
    ]


async def test_what_the_process_logs_is_logged_and_what_it_cannot_say_is_passed_over(
    room: Room,
) -> None:
    record = {"level": "INFO", "component": "retention", "message": "raw data kept", "uuid": "u2"}
    lines = ["a library's own", "[]", '{"deleted": ["u3"]}', json.dumps({"record": record})]
    with capture_logs() as log:
        await retire_once(["printf", "%s\\n", *lines], room.note)
    assert room.notes == []
    assert [(line["event"], line["uuid"]) for line in log] == [("raw data kept", "u2")]


async def test_a_command_that_cannot_be_run_is_told(room: Room) -> None:
    with capture_logs() as log:
        await retire_once(["/nowhere/ctlr"], room.note)
    assert [line["event"] for line in log] == ["retention failed"]


async def test_room_is_made_when_too_little_is_free_and_only_then(room: Room) -> None:
    looked: list[int | None] = []
    frees = iter([None, ENOUGH, None, TOO_LITTLE, ENOUGH, ENOUGH])
    done = asyncio.Event()

    def free_bytes() -> int | None:
        looked.append(next(frees))
        if len(looked) == 6:
            done.set()
        return looked[-1]

    looking = asyncio.create_task(retire_forever(WANTED, room.command, free_bytes, room.note, 0))
    await done.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert room.times == 1


async def test_switched_off_nothing_is_deleted_however_full_it_is(room: Room) -> None:
    off = WANTED.model_copy(update={"enabled": False})
    looked, done = [0], asyncio.Event()

    def free_bytes() -> int:
        looked[0] += 1
        if looked[0] == 3:
            done.set()
        return TOO_LITTLE

    looking = asyncio.create_task(retire_forever(off, room.command, free_bytes, room.note, 0))
    await done.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert room.times == 0


@pytest.mark.parametrize(("minutes_ago", "times"), [(None, 0), (59, 0), (60, 1)])
async def test_a_rehearsal_goes_after_an_hour(
    room: Room, minutes_ago: int | None, times: int
) -> None:
    looked: list[None] = []
    rests = asyncio.Event()

    async def find_none() -> int | None:
        return None

    async def find_rehearsal() -> int | None:
        looked.append(None)
        if len(looked) > 1 and len(room.notes) == times:
            rests.set()
            return None
        return None if minutes_ago is None else 100 * DAY_MS - minutes_ago * 60_000

    said = Emptied("u1", 3 << 20, 2 << 20).to_line()
    command = ["sh", "-c", f"printf x >> {room.calls}; echo '{said}'"]
    loop = asyncio.create_task(
        empty_bin_forever(
            7, command, find_none, bool, lambda: 100 * DAY_MS, room.note, 0.001, find_rehearsal
        )
    )
    async with asyncio.timeout(20):
        await rests.wait()
    loop.cancel()
    assert room.times == times


@pytest.mark.parametrize(
    ("oldest_days_ago", "is_short", "times"),
    [(None, True, 0), (6, False, 0), (7, False, 1), (1, True, 1)],
)
async def test_the_bin_is_emptied_after_a_week_or_for_want_of_room(
    room: Room, oldest_days_ago: int | None, is_short: bool, times: int
) -> None:
    looked: list[None] = []
    rests = asyncio.Event()

    async def find_oldest() -> int | None:
        looked.append(None)
        if len(looked) > 1 and len(room.notes) == times:
            rests.set()
            return None
        return None if oldest_days_ago is None else (100 - oldest_days_ago) * DAY_MS

    said = Emptied("u1", 3 << 20, 2 << 20).to_line()
    command = ["sh", "-c", f"printf x >> {room.calls}; echo '{said}'"]
    loop = asyncio.create_task(
        empty_bin_forever(
            7, command, find_oldest, lambda: is_short, lambda: 100 * DAY_MS, room.note, 0.001
        )
    )
    async with asyncio.timeout(20):
        await rests.wait()
    loop.cancel()
    assert room.times == times
    text = "The bin was emptied of it: its folder (3 MB) and its raw data (2 MB)."
    assert room.notes == [("u1", text)] * times
