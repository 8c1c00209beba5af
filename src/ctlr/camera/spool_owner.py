"""Whose spool it is: one camera's at a time, by a lock that has its name in it.

Two nodes with one spool would each deliver the other's segments as their own, and number their own
over them: one camera's pictures would be lost, and the certificate would find the two in perfect
step. So a node holds a lock in its spool for as long as it lives, and the default spool has the
node's name in it. What an earlier version left in the folder above, which was the one spool of all
nodes, is taken over: moved as it is, folder by folder, so that a power cut between two of them
leaves the rest for the next start.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from ctlr.kernel.atomic import fsync_directory, make_durable_directories
from ctlr.kernel.ids import is_session_id
from ctlr.kernel.locks import take_lock

LOCK_NAME = ".owner.lock"
PATIENCE_S = 3.0
"""For a process that has just been told to end."""
_SHARED = (".delivered", ".kept")
"""Folders of a spool that hold something of many sessions."""

_log = structlog.get_logger("camera")


class SpoolInUseError(OSError):
    """Another camera node holds the spool; the message is for a person."""


@asynccontextmanager
async def owned(spool: Path, node: str, patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
    """Hold a spool for a node. Raises ``SpoolInUseError``, and ``OSError`` where it cannot be made."""
    make_durable_directories(spool)
    path = spool / LOCK_NAME
    try:
        lock = await take_lock(path, patience_s)
    except TimeoutError as error:
        raise SpoolInUseError(
            f"The spool {spool} is in use by the camera node {_owner(path)}. Two nodes with one "
            "spool would lose pictures: give each a spool of its own ([camera] spool)."
        ) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{node} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def take_over(earlier: Path, spool: Path) -> list[str]:
    """Move what lies in an earlier version's spool, the folder that now holds one for each node,
    into the node's own; returns the names that were moved. For the holder of ``spool``.

    Raises ``OSError``.
    """
    make_durable_directories(spool)
    moved = []
    for source in _left_by_an_earlier_version(earlier):
        target = spool / source.relative_to(earlier)
        if target.exists():  # of a time before and after an older version ran: both stay
            _log.error("a session lies in two spools; the older stays", path=str(source))
            continue
        make_durable_directories(target.parent)
        os.rename(source, target)
        fsync_directory(target.parent)
        fsync_directory(source.parent)
        moved.append(source.name)
    return moved


def has_left_sessions(earlier: Path) -> bool:
    """Whether sessions of an earlier version lie where no node looks."""
    return any(is_session_id(path.name) for path in _left_by_an_earlier_version(earlier))


def _left_by_an_earlier_version(earlier: Path) -> Iterator[Path]:
    """Sessions first: their records say more than those of what was delivered."""
    if not earlier.is_dir():
        return
    found = sorted(entry for entry in earlier.iterdir() if is_session_id(entry.name))
    yield from (folder for folder in found if (folder / ".session.json").exists())
    for name in _SHARED:
        if (earlier / name).is_dir():
            yield from sorted((earlier / name).iterdir())


def _owner(lock: Path) -> str:
    try:
        return lock.read_text("utf-8", errors="replace").strip() or "of another process"
    except OSError:
        return "of another process"
