"""Which delivered files the controller holds for good.

A camera deletes its only other copy on our word, so a file is listed only after this: fsync of
the file and of the folders above it (rsync's ``--fsync`` leaves the folders out), its pages
dropped from the cache, read back from the drive and hashed. The hash is kept in the database
for as long as size, mtime and inode stay, so each byte is read back once, also over restarts.

All disk work runs in threads with a deadline: a drive that hangs never holds the event loop.
"""

import asyncio
import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from ctlr.ingest.disk import LoggingDisk
from ctlr.ingest.losses import inode_of
from ctlr.kernel.atomic import fsync_directory
from ctlr.kernel.hashing import flush_and_hash
from ctlr.kernel.untrusted import open_file
from ctlr.layout.raw import LoggingLayout, is_delivered_name, parse_segment_name
from ctlr.nodes.messages import DurableFile
from ctlr.sessions.model import HashedFile
from ctlr.sessions.store import SessionStore

HASH_BUDGET_S = 5.0
"""Time spent on new files per report; what is left is listed in the answer to the next one."""

_DIGITS = re.compile(r"([0-9]+)")


class DeliveredFile(NamedTuple):
    """A regular file of a node's session folder that is there under its final name."""

    name: str
    size: int
    mtime_ns: int
    inode: int = 0


class DurableList(NamedTuple):
    """Files that are safe on the drive, each with what it hashed to there, and the names of those
    that are not there at all."""

    durable: list[DurableFile]
    absent: list[str]


class Inventory:
    """Looks at the session folders below the logging mount. ``check_disk`` raises the ``Refusal``
    for a drive that is away or known to hang: it is not asked then. ``on_other`` is called with what
    is known of files, by name, that now have other bytes, before that is forgotten."""

    def __init__(
        self,
        store: SessionStore,
        layout: LoggingLayout,
        monotonic: Callable[[], float],
        check_disk: Callable[[], None] = lambda: None,
        on_other: Callable[[str, str, Mapping[str, HashedFile]], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._layout = layout
        self._monotonic = monotonic
        self._on_other = on_other
        self._disk = LoggingDisk(check_disk)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def files(self, uuid: str, node: str) -> list[DeliveredFile]:
        """What a node has delivered of a session, in no order; empty without a folder.

        Raises ``Refusal`` ``storage_unavailable`` when the drive does not answer.
        """
        return await self._disk.run(lambda: scan(self._layout.node_session(node, uuid)))

    async def has_files(self, uuid: str) -> bool:
        """Whether any folder below the logging mount holds something of a session; one that a
        camera has made and put nothing in does not count."""
        root = self._layout.root
        return await self._disk.run(lambda: any(root.glob(f"*/{uuid}/*")))

    async def count_segments(self, uuid: str, node: str) -> int:
        """How many segments of a session a node has delivered.

        Raises ``Refusal`` ``storage_unavailable`` when the drive does not answer.
        """
        folder = self._layout.node_session(node, uuid)
        return await self._disk.run(lambda: _count_segments(folder))

    async def list_durable(
        self, uuid: str, node: str, names: Sequence[str] | None = None
    ) -> DurableList:
        """Which of the files with certain ``names`` are safe on the drive, or of all.

        Raises ``Refusal`` ``storage_unavailable`` when the drive fails or does not answer.
        """
        folder = self._layout.node_session(node, uuid)
        async with self._locks.setdefault((uuid, node), asyncio.Lock()):
            if names is None:
                files = sorted(await self.files(uuid, node), key=lambda file: _natural(file.name))
            else:
                files = await self._disk.run(lambda: stat_files(folder, names))
            known = await self._store.hashes(uuid, node, [file.name for file in files])
            fresh = [file for file in files if not _is_known(file, known)]
            if fresh:
                until = self._monotonic() + HASH_BUDGET_S
                new = await self._disk.run(lambda: self._flush_and_hash_all(folder, fresh, until))
                await self._tell_others(uuid, node, known, new)
                await self._store.keep_hashes(uuid, node, new)
                known |= new
        durable = [
            DurableFile(name=f.name, size=f.size, xxh128=known[f.name].xxh128)
            for f in files
            if _is_known(f, known)
        ]
        return DurableList(durable, sorted({*(names or ())} - {file.name for file in files}))

    async def _tell_others(
        self, uuid: str, node: str, known: Mapping[str, HashedFile], new: Mapping[str, HashedFile]
    ) -> None:
        other = {
            name: known[name]
            for name in new.keys() & known.keys()
            if not _has_same(known, new, name)
        }
        if other and self._on_other is not None:
            await self._on_other(uuid, node, other)

    def _flush_and_hash_all(
        self, folder: Path, files: list[DeliveredFile], until: float
    ) -> dict[str, HashedFile]:
        hashes = {}
        for file in files:
            hashed = _flush_and_hash_file(folder / file.name)
            if hashed.is_still(file.size, file.mtime_ns, file.inode):
                hashes[file.name] = hashed
            if self._monotonic() > until:
                break
        for parent in (folder, folder.parent, folder.parent.parent):
            fsync_directory(parent)
        return hashes


def stat_files(folder: Path, names: Sequence[str]) -> list[DeliveredFile]:
    """Those of the delivered files of a folder that have certain names. Raises ``OSError``."""
    if _is_led_away(folder):
        return []
    return [
        file for name in names if is_delivered_name(name) and (file := _stat_file(folder / name))
    ]


def _stat_file(path: Path) -> DeliveredFile | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    is_file = stat.S_ISREG(status.st_mode)
    if not is_file:
        return None
    return DeliveredFile(path.name, status.st_size, status.st_mtime_ns, inode_of(status))


def _is_led_away(folder: Path) -> bool:
    """Whether a session or node folder is a link: it leads off the drive that we vouch for."""
    return folder.is_symlink() or folder.parent.is_symlink()


def scan(folder: Path) -> list[DeliveredFile]:
    """The delivered files of a folder, in no order. Raises ``OSError``."""
    if _is_led_away(folder):
        return []
    try:
        with os.scandir(folder) as entries:
            return [
                DeliveredFile(entry.name, status.st_size, status.st_mtime_ns, inode_of(status))
                for entry in entries
                if is_delivered_name(entry.name)
                and entry.is_file(follow_symlinks=False)
                and (status := entry.stat(follow_symlinks=False))
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _count_segments(folder: Path) -> int:
    if _is_led_away(folder):
        return 0
    try:
        with os.scandir(folder) as entries:
            return sum(
                parse_segment_name(entry.name) is not None and entry.is_file(follow_symlinks=False)
                for entry in entries
            )
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _is_known(file: DeliveredFile, known: Mapping[str, HashedFile]) -> bool:
    was = known.get(file.name)
    return was is not None and was.is_still(file.size, file.mtime_ns, file.inode)


def _has_same(one: Mapping[str, HashedFile], other: Mapping[str, HashedFile], name: str) -> bool:
    return one[name].xxh128 == other[name].xxh128


def _flush_and_hash_file(path: Path) -> HashedFile:
    """Flush a file, drop it from the cache, and hash what the drive gives back.

    Raises ``OSError``; the file must then count as bad, the flush is not tried again.
    """
    fd = open_file(path)
    try:
        _, digest = flush_and_hash(fd)
        status = os.fstat(fd)
    finally:
        os.close(fd)
    return HashedFile(status.st_size, status.st_mtime_ns, digest, inode_of(status))


def _natural(name: str) -> list[str]:
    """Orders names as a person does: words, and the numbers between them by value."""
    words = _DIGITS.split(name)
    words[1::2] = [part.zfill(64) for part in words[1::2]]
    return words
