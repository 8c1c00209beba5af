"""The recording once more as Vector BLF, for the tools that read that: ``can/20260414T103000Z.blf``.

A new file begins with each start of the listener, after each time the drive was away, and when
one is full. Times are arrivals, because BLF counts from its first frame and cannot go back. The
last 128 KiB are packed only at the end of a file, so a power cut takes them: the rows beside it
are the recording, this is a copy.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from can import Message
from can.io.blf import BLFWriter

from ctlr.can.frame import Batch

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class BlfCopy:
    """Written by the recorder's thread. Every method but ``close`` raises ``OSError``."""

    def __init__(self, buses: list[str], rotate_bytes: int) -> None:
        self._channels = {name: number for number, name in enumerate(buses)}
        self._rotate_bytes = rotate_bytes
        self._folder = -1
        self._file: BinaryIO | None = None
        self._writer: BLFWriter | None = None

    def open(self, folder: int) -> None:
        """Take over an open folder; a file begins with the first frame."""
        self._folder = folder

    def append(self, batches: list[Batch]) -> None:
        for batch in batches:
            if self._writer is None or self._writer.file_size() >= self._rotate_bytes:
                self._end_file()
                self._writer = self._begin_file(batch.arrived_ms)
            channel = self._channels.get(batch.bus, 0)
            for row in batch.data.splitlines():
                self._writer.on_message_received(_message(row, batch.arrived_ms, channel))

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

    def _begin_file(self, at_ms: int) -> BLFWriter:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        stem = at.strftime("%Y%m%dT%H%M%SZ")
        for number in range(1, 100):
            name = f"{stem}.blf" if number == 1 else f"{stem}-{number}.blf"
            with suppress(FileExistsError):
                fd = os.open(name, _NEW, 0o644, dir_fd=self._folder)
                os.fsync(self._folder)
                self._file = os.fdopen(fd, "w+b")
                return BLFWriter(self._file)
        raise FileExistsError(f"{stem}.blf and the names after it are taken")

    def _end_file(self) -> None:
        writer, self._writer, self._file = self._writer, None, None
        if writer is not None:
            writer.stop()


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
