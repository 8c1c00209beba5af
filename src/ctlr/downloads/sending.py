"""Sends files piece by piece, at a pace that costs no recording anything.

A piece is read in a thread of its own with a deadline, so a drive that hangs holds up its download
and nobody else. While something is recorded all downloads together get no more than
``RECORDING_BYTES_S`` of the drive. What changes or vanishes while it is sent breaks the transfer off:
a client that counts bytes sees that it has not got all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from ctlr.downloads.folder import ChangedError, SessionFile, find_file, list_files
from ctlr.downloads.zip_format import Entry, Stored, begin, directory, finish, length
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.threads import in_thread

PIECE_BYTES = 256 * 1024
RECORDING_BYTES_S = 8 << 20
DEADLINE_S = 10.0


@dataclass(frozen=True)
class ZipPlan:
    """A session's files, each under its entry of the zip, and how long that will be."""

    folder: str
    entries: tuple[Entry, ...]
    files: tuple[SessionFile, ...]
    length: int


class Downloads:
    """``find_folder`` is a session's folder on the sync drive, or None; it has a deadline of its
    own, and raises ``Refusal`` where that drive is away. ``is_recording``: whether a session is."""

    def __init__(
        self,
        find_folder: Callable[[str], Path | None],
        check_drive: Callable[[], None],
        is_recording: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._find_folder = find_folder
        self._check_drive = check_drive
        self._is_recording = is_recording
        self._clock = clock
        self._free_at_s = 0.0
        self._reading = 0
        self._released = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def find(self, uuid: str, name: str) -> SessionFile:
        """A file of a session. Raises ``Refusal`` ``storage_unavailable``, ``unknown_session``,
        ``NoSuchFileError``, ``OSError``, ``TimeoutError``."""
        self._check_drive()
        return await in_thread(DEADLINE_S, lambda: find_file(self._folder(uuid), name))

    async def plan_zip(self, uuid: str) -> ZipPlan:
        """All files of a session. Raises as ``find``."""
        self._check_drive()

        def look() -> ZipPlan:
            folder = self._folder(uuid)
            files = tuple(list_files(folder))
            entries = tuple(
                Entry(f"{folder.name}/{file.name}", file.size, file.modified_ns // 10**9)
                for file in files
            )
            return ZipPlan(folder.name, entries, files, length(entries))

        return await in_thread(DEADLINE_S, look)

    async def send(self, file: SessionFile, first: int, count: int) -> AsyncIterator[bytes]:
        """So many bytes of a file. Raises ``ChangedError``, ``NoSuchFileError``, ``OSError``,
        ``TimeoutError``."""
        released = self._released
        for offset in range(first, first + count, PIECE_BYTES):
            size = min(PIECE_BYTES, first + count - offset)
            await self._wait_for_turn(size)
            if released != self._released:
                raise ChangedError("the drive is being ejected")
            yield await self._read(partial(file.read, offset, size))

    async def send_zip(self, plan: ZipPlan) -> AsyncIterator[bytes]:
        """A zip of what was planned. Raises as ``send``."""
        stored: list[Stored] = []
        sent = 0
        for entry, file in zip(plan.entries, plan.files, strict=True):
            stored_at, crc = sent, 0
            yield (head := begin(entry))
            async for piece in self.send(file, 0, file.size):
                crc = crc32(piece, crc)
                yield piece
            yield (tail := finish(entry, crc))
            sent += len(head) + file.size + len(tail)
            stored.append(Stored(entry, crc, stored_at))
        yield await in_thread(DEADLINE_S, partial(directory, stored, sent))

    async def release(self) -> None:
        """Break off all downloads, so that the drive is free; returns when nobody reads any more."""
        self._released += 1
        await self._at_rest.wait()

    async def _read(self, read: Callable[[], bytes]) -> bytes:
        self._reading += 1
        self._at_rest.clear()
        try:
            return await in_thread(DEADLINE_S, read)
        finally:
            self._reading -= 1
            if not self._reading:
                self._at_rest.set()

    def _folder(self, uuid: str) -> Path:
        folder = self._find_folder(uuid)
        if folder is None:
            raise Refusal(
                "unknown_session",
                "This session has no folder on the drive that is plugged in, so none of its files "
                "can be sent. Plug in the drive that it was made on, or have it processed again.",
            )
        return folder

    async def _wait_for_turn(self, size: int) -> None:
        if not self._is_recording():
            return
        now_s = self._clock.monotonic()
        self._free_at_s = max(self._free_at_s, now_s) + size / RECORDING_BYTES_S
        await asyncio.sleep(self._free_at_s - now_s)
