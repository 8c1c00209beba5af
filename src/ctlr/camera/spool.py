"""What lies on the camera's card, session by session.

::

    {spool}/{uuid}/.session.json            what this recording is and how it ended
    {spool}/{uuid}/.checksums.xxh128        a line for every file ever finished, xxhsum format
    {spool}/{uuid}/.noted.jsonl             events of the delivery, for events.json
    {spool}/{uuid}/.seg_NNNN.*.part         the segment being written
    {spool}/{uuid}/seg_NNNN.mp4, .frames.csv    finished, waiting to be delivered
    {spool}/{uuid}/events.json              what happened to the recording; made when it has ended
    {spool}/.kept/{uuid}/                   what could be neither repaired nor delivered
    {spool}/.delivered/{uuid}.json          the ``.session.json`` of a session delivered whole

A finished file is flushed, hashed and listed before it gets its visible name, so a visible
file always has its hash, and the number of segments ever made is known from the list even
when they have long been delivered and removed. The record of a delivered session stays: a
session's number of segments is never counted again from 0, which would overwrite the ones
at the controller.
"""

import json
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import structlog

from ctlr.camera.finished import (
    FinishedFile,
    delivery_order,
    hash_from_card,
    unfinished_numbers,
)
from ctlr.camera.record import NodeEvent, SessionRecord, read_record
from ctlr.camera.segments import unfinished_frames_name, unfinished_name
from ctlr.kernel.atomic import fsync_directory, make_durable_directories, write_atomic
from ctlr.kernel.hashing import hash_bytes, hash_file
from ctlr.kernel.ids import is_session_id
from ctlr.layout.frame_times import parse_rows
from ctlr.layout.raw import (
    frames_name,
    is_delivered_name,
    parse_frames_name,
    parse_segment_name,
    segment_name,
)

_RECORD = ".session.json"
_CHECKSUMS = ".checksums.xxh128"
_EVENTS = ".noted.jsonl"
_DELIVERED = ".delivered"
_KEPT_ASIDE = ".kept"

_KEPT = ("start_at", "segments", "recorded_until_us", "events")

EVENTS_NAME = "events.json"
_log = structlog.get_logger("camera")


class SessionFolder:
    """One session's folder. Every method may raise ``OSError``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def uuid(self) -> str:
        return self.path.name

    def read_record(self) -> SessionRecord | None:
        return read_record(self.path / _RECORD)

    def write_record(self, record: SessionRecord) -> None:
        make_durable_directories(self.path)
        write_atomic(self.path / _RECORD, record.model_dump_json(indent=2).encode() + b"\n")

    def finish_segment(self, number: int) -> None:
        """Flush the unfinished segment to the card and give it its visible names.

        Raises ``OSError``; after a failed flush the segment stays under its hidden name.
        """
        pairs = [
            (self.path / unfinished_frames_name(number), self.path / frames_name(number)),
            (self.path / unfinished_name(number), self.path / segment_name(number)),
        ]
        self._list_checksums(f"{hash_from_card(hidden)}  {shown.name}\n" for hidden, shown in pairs)
        for hidden, shown in pairs:
            os.replace(hidden, shown)
        fsync_directory(self.path)

    def publish_events(self, events: Sequence[NodeEvent]) -> None:
        """Make ``events.json``, unless nothing happened to the recording. Once it has ended, and
        again when something happened to its delivery."""
        events = sorted([*events, *self._read_events()], key=lambda event: event.at_ms)
        if events:
            told = [event.model_dump(exclude_none=True) for event in events]
            data = json.dumps({"uuid": self.uuid, "events": told}, indent=2).encode() + b"\n"
            self._list_checksums([f"{hash_bytes(data)}  {EVENTS_NAME}\n"])
            write_atomic(self.path / EVENTS_NAME, data)

    def recorded_until_us(self) -> int | None:
        """Capture time of the newest finished frame that is still on the card."""
        numbers = (parse_frames_name(name) for name in os.listdir(self.path))
        newest = max((number for number in numbers if number is not None), default=None)
        if newest is None:
            return None
        text = (self.path / frames_name(newest)).read_text(encoding="ascii", errors="replace")
        rows = parse_rows(text)
        return rows[-1].captured_at_us if rows else None

    def finished_files(self) -> list[FinishedFile]:
        """What waits to be delivered, in the order of segments, frame times before video."""
        hashes = self._read_checksums()
        entries = [entry for entry in os.scandir(self.path) if is_delivered_name(entry.name)]
        entries.sort(key=lambda entry: delivery_order(entry.name))
        return [
            FinishedFile(
                entry.name,
                entry.stat().st_size,
                hashes.get(entry.name) or hash_file(Path(entry.path))[1],
            )
            for entry in entries
        ]

    def segments_made(self) -> int:
        """How many segments this session has, delivered ones included."""
        record = self.read_record()
        numbers = (parse_segment_name(name) for name in self._read_checksums())
        newest = max((number for number in numbers if number is not None), default=-1)
        return max(newest + 1, record.segments if record else 0)

    def next_segment(self) -> int:
        """The lowest number that no segment has, nor one that waits to be recovered."""
        newest = max(unfinished_numbers(self.path), default=-1)
        return max(newest + 1, self.segments_made())

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def unrepaired(self) -> list[str]:
        """The hidden names of segments that could not be recovered, frame times before video."""
        hidden = (unfinished_frames_name, unfinished_name)
        names = [name(number) for number in unfinished_numbers(self.path) for name in hidden]
        return [name for name in names if (self.path / name).exists()]

    def make_ready_again(self, files: Iterable[FinishedFile]) -> list[str]:
        """Give files a new time, by which rsync and the controller see that they were resent.

        Returns the names of those that the card gives back otherwise than they are listed: no
        copy could ever agree, so they are listed as they are.
        """
        changed = []
        for file in files:
            path = self.path / file.name
            xxh128 = hash_from_card(path)
            if xxh128 != file.xxh128:
                self._list_checksums([f"{xxh128}  {file.name}\n"])
                changed.append(file.name)
            os.utime(path)
        return changed

    def append_event(self, event: NodeEvent) -> None:
        """Keep an event of the delivery for ``events.json``. The record is the recording's."""
        with open(self.path / _EVENTS, "ab") as noted:
            noted.write(event.model_dump_json().encode() + b"\n")
            noted.flush()
            os.fsync(noted.fileno())

    def _read_events(self) -> list[NodeEvent]:
        try:
            lines = (self.path / _EVENTS).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [NodeEvent.model_validate_json(line) for line in lines if line.endswith(b"\n")]

    def _list_checksums(self, lines: Iterable[str]) -> None:
        with open(self.path / _CHECKSUMS, "a", encoding="ascii") as list_file:
            list_file.writelines(lines)
            list_file.flush()
            os.fsync(list_file.fileno())

    def _read_checksums(self) -> dict[str, str]:
        try:
            text = (self.path / _CHECKSUMS).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return {}
        whole = (line.split("  ", 1) for line in text.split("\n")[:-1])
        return {fields[1]: fields[0] for fields in whole if len(fields) == 2}


class Spool:
    """All sessions on the card."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()  # a session is not taken up again while it is put away

    def prepare(self) -> None:
        """Make the spool. Raises ``OSError`` when the card cannot be written."""
        make_durable_directories(self.root / _DELIVERED)

    def folder(self, uuid: str) -> SessionFolder:
        return SessionFolder(self.root / uuid)

    def sessions(self) -> Iterator[tuple[SessionFolder, SessionRecord]]:
        """Sessions that are not delivered yet, newest first."""
        found = []
        for entry in os.scandir(self.root):
            if is_session_id(entry.name) and entry.is_dir(follow_symlinks=False):
                folder = SessionFolder(Path(entry.path))
                try:
                    record = folder.read_record()
                except OSError as error:  # the card is bad there; the others can be delivered
                    _log.error("a session cannot be read", uuid=entry.name, reason=str(error))
                    continue
                if record is not None:
                    found.append((folder, record))
        yield from sorted(found, key=lambda pair: pair[1].start_at, reverse=True)

    def find_record(self, uuid: str) -> SessionRecord | None:
        """What is known of a session, delivered ones included."""
        return self.folder(uuid).read_record() or read_record(self._delivered_path(uuid))

    def begin(
        self, uuid: str, start_at: int, first_segment: int = 0
    ) -> tuple[SessionFolder, SessionRecord]:
        """Make or take up a session's folder for a recording, from ``first_segment`` on at least.

        A session that was recorded here before keeps its ``start_at`` and its numbers. One that
        never had a frame begins no later than it is told now: its ``start_at`` may have been
        meant for a clock that was set since.
        """
        with self._lock:
            known = self.find_record(uuid)
            folder = self.folder(uuid)
            fresh = SessionRecord(uuid=uuid, start_at=start_at)
            if known is not None and not known.came_to_nothing:
                kept = {name: getattr(known, name) for name in _KEPT}
                if known.segments == 0 and known.recorded_until_us is None:
                    kept["start_at"] = min(known.start_at, start_at)
                fresh = fresh.model_copy(update=kept)
            segments = max(fresh.segments, first_segment)
            fresh = fresh.model_copy(update={"segments": segments})
            folder.write_record(fresh)
            return folder, fresh

    def set_aside(self, folder: SessionFolder, names: Iterable[str]) -> Path | None:
        """Move files of an ended session to where nothing removes them, for a person to look at;
        returns where. None when the session has been taken up again, which needs them.
        """
        with self._lock:
            record = folder.read_record()
            if record is None or record.ended is None:
                return None
            kept = self.root / _KEPT_ASIDE / folder.uuid
            make_durable_directories(kept)
            for name in names:
                os.replace(folder.path / name, kept / name.removeprefix("."))
            fsync_directory(kept)
            fsync_directory(folder.path)
            return kept

    def mark_delivered(self, folder: SessionFolder) -> None:
        """Remove a session's folder, and remember that the session was recorded here."""
        with self._lock:
            record = folder.read_record()
            if record is None or record.ended is None:
                return  # it has been taken up again meanwhile
            record = record.model_copy(update={"segments": folder.segments_made()})
            data = record.model_dump_json().encode() + b"\n"
            write_atomic(self._delivered_path(folder.uuid), data)
            shutil.rmtree(folder.path)
            fsync_directory(self.root)

    def _delivered_path(self, uuid: str) -> Path:
        return self.root / _DELIVERED / f"{uuid}.json"
