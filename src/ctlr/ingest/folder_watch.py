"""Tells within milliseconds in which folders a file has got its final name (inotify).

A watch holds no file open and stands in no drive's way. The kernel may refuse one (its
``max_user_watches`` of inotify are shared by all programs of a user) or drop notices, and says so; it
may know nothing of a file system: a notice says where to look at once, and never that nothing came.
"""

import asyncio
import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

_CLOSED_WRITTEN, _MOVED_HERE, _MADE, _IS_FOLDER = 0x8, 0x80, 0x100, 0x4000_0000
_FOLDERS_ONLY, _FOLLOW_NO_LINK = 0x0100_0000, 0x0200_0000
_ASKED = _CLOSED_WRITTEN | _MOVED_HERE | _MADE | _FOLDERS_ONLY | _FOLLOW_NO_LINK
_WATCH_IS_GONE, _NOTICES_ARE_LOST = 0x8000, 0x4000
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_HEAD = struct.Struct("iIII")  # watch, what, cookie, length of the name
_MOST_BYTES = 1 << 16

_log = structlog.get_logger("ingest")


class FolderWatch:
    """Used in ``with``, inside a running event loop.

    ``is_refused``: not every folder that was to be followed is watched; ``has_lost_notices``: since
    ``begin_again`` something may have come of which nothing was told.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watched: dict[int, Path] = {}
        self._noticed: set[Path] = set()
        self._awake = asyncio.Event()
        self._fd = -1
        self.is_refused = False
        self.has_lost_notices = False

    def __enter__(self) -> Self:
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            self._note_refused(ctypes.get_errno())
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

    def begin_again(self) -> None:
        """All folders are to be followed and looked at (again)."""
        self.is_refused = self._fd < 0
        self.has_lost_notices = False

    def follow(self, folders: Iterable[Path]) -> None:
        """Watch folders, where that is not done already. It may wait for the drive: for a thread."""
        for folder in folders:
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _ASKED)
            if watch >= 0:
                self._watched[watch] = folder
            elif (why := ctypes.get_errno()) not in _NO_FOLDER:
                self._note_refused(why)

    def wake(self) -> None:
        """Have ``wait`` return."""
        self._awake.set()

    async def wait(self, timeout_s: float) -> set[Path]:
        """The folders that a file came into since the last call, and those that are new; empty after
        the timeout, or when woken."""
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
            if what & _NOTICES_ARE_LOST:
                self.has_lost_notices = True
            elif what & _WATCH_IS_GONE:
                self._watched.pop(watch, None)
            elif watch in self._watched and not name.startswith((b".", b"_tmp_")):
                folder = self._watched[watch]
                self._noticed.add(folder / os.fsdecode(name) if what & _IS_FOLDER else folder)
        if self._noticed or self.has_lost_notices:
            self._awake.set()

    def _note_refused(self, why: int) -> None:
        if not self.is_refused:
            text = "not every folder can be watched, so all are looked at once a second"
            _log.warning(text, reason=os.strerror(why), watched=len(self._watched))
        self.is_refused = True
