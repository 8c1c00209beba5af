"""The recording once more as Vector BLF, for the tools that read that: ``can/20260414T103000Z.blf``.

A new file begins with each start of the listener, after each time the drive was away, and when
one is full. Times are the frames' own. BLF counts from the begin of the file and cannot go back, so
a file begins a second before its first frame, and a frame that is earlier than that, or whose time
is off, has the time of its arrival. The
last 128 KiB are packed only at the end of a file, so a power cut takes them: the rows beside it
are the recording, this is a copy.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from can import Message
from can.io.blf import BLFWriter

from ctlr.can.frame import OFF_AFTER_MS, Batch

HEAD_MS = 1000
"""So much a frame may be earlier than the first one of its file: buses are read in turns."""
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class BlfCopy:
    """Written by the recorder's thread. Every method but ``close`` raises ``OSError``."""

    def __init__(self, buses: list[str], rotate_bytes: int) -> None:
        self._channels = {name: number for number, name in enumerate(buses)}
        self._rotate_bytes = rotate_bytes
        self._folder = -1
        self._file: BinaryIO | None = None
        self._writer: BLFWriter | None = None
        self._begins_ms = 0

    def open(self, folder: int) -> None:
        """Take over an open folder; a file begins with the first frame."""
        self._folder = folder

    def append(self, batches: list[Batch]) -> None:
        for batch in batches:
            if self._writer is None or self._writer.file_size() >= self._rotate_bytes:
                self._end_file()
                self._writer = self._begin_file(batch)
            channel = self._channels.get(batch.bus, 0)
            for row in batch.data.splitlines():
                self._writer.on_message_received(self._message(row, batch.arrived_ms, channel))

    def sync(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fdatasync(self._file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # a drive that is gone
            self._end_file()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _begin_file(self, batch: Batch) -> BLFWriter:
        at_ms = batch.arrived_ms
        self._begins_ms = (at_ms if batch.off_times else min(batch.low_ms, at_ms)) - HEAD_MS
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        stem = at.strftime("%Y%m%dT%H%M%SZ")
        for number in range(1, 100):
            name = f"{stem}.blf" if number == 1 else f"{stem}-{number}.blf"
            with suppress(FileExistsError):
                fd = os.open(name, _NEW, 0o644, dir_fd=self._folder)
                os.fsync(self._folder)
                self._file = os.fdopen(fd, "w+b")
                writer = BLFWriter(self._file)
                writer.start_timestamp = self._begins_ms / 1000
                return writer
        raise FileExistsError(f"{stem}.blf and the names after it are taken")

    def _end_file(self) -> None:
        writer, self._writer, self._file = self._writer, None, None
        if writer is not None:
            writer.stop()

    def _message(self, row: bytes, arrived_ms: int, channel: int) -> Message:
        own_ms = int(row.partition(b",")[0])
        is_off = abs(own_ms - arrived_ms) > OFF_AFTER_MS or own_ms < self._begins_ms
        return _message(row, arrived_ms if is_off else own_ms, channel)


def _message(row: bytes, at_ms: int, channel: int) -> Message:
    _, name, size, data = row.split(b",")
    number = int(name, 16) & 0x1FFFFFFF
    length = int(size)
    return Message(
        timestamp=at_ms / 1000,
        arbitration_id=number,
        is_extended_id=len(name) > 3 or number > 0x7FF,
        is_remote_frame=not data and length > 0,
        is_fd=length > 8,
        dlc=length,
        data=None if not data else bytes.fromhex(data.decode()),
        channel=channel,
    )
