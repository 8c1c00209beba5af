"""Tells within milliseconds in which folders a file has got its final name (inotify).

A watch holds no file open and stands in no drive's way. The kernel may refuse one, drop notices or
know nothing of a file system: a notice says where to look at once, and never that nothing came.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

_CLOSED_WRITTEN, _MOVED_HERE, _MADE = 0x8, 0x80, 0x100
_FOLDERS_ONLY, _FOLLOW_NO_LINK = 0x0100_0000, 0x0200_0000
_ASKED = _CLOSED_WRITTEN | _MOVED_HERE | _MADE | _FOLDERS_ONLY | _FOLLOW_NO_LINK
_WATCH_IS_GONE = 0x8000
_HEAD = struct.Struct("iIII")  # watch, what, cookie, length of the name
_MOST_BYTES = 1 << 16

_log = structlog.get_logger("ingest")


class FolderWatch:
    """Used in ``with``, inside a running event loop."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watched: dict[int, Path] = {}
        self._noticed: set[Path] = set()
        self._awake = asyncio.Event()
        self._fd = -1

    def __enter__(self) -> Self:
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            reason = os.strerror(ctypes.get_errno())
            _log.warning("folders are only looked at once a second", reason=reason)
        else:
            asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def follow(self, folders: Iterable[Path]) -> None:
        """Watch folders, where that is not done already. It may wait for the drive: for a thread."""
        for folder in folders:
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _ASKED)
            if watch >= 0:
                self._watched[watch] = folder

    async def wait(self, timeout_s: float) -> set[Path]:
        """The folders that something came into since the last call; empty after the timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._awake.wait()
        self._awake.clear()
        noticed, self._noticed = self._noticed, set()
        return noticed

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _MOST_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, what, _, length = _HEAD.unpack_from(data, at)
            name = data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0")
            at += _HEAD.size + length
            if what & _WATCH_IS_GONE:
                self._watched.pop(watch, None)
            elif watch in self._watched and not name.startswith((b".", b"_tmp_")):
                self._noticed.add(self._watched[watch])
        if self._noticed:
            self._awake.set()
