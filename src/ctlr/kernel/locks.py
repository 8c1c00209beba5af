"""Locks between processes: a file that is locked for as long as somebody keeps it open.

The kernel lets go of such a lock when its holder ends, however that happens, so none is ever
left behind. A child that inherits the descriptor holds the lock too.
"""

import asyncio
import fcntl
import os
from pathlib import Path

_POLL_S = 0.05


def try_lock(path: Path) -> int | None:
    """Take a lock; returns the descriptor to close in the end, None if somebody holds it.

    Raises ``OSError`` where the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


async def take_lock(path: Path, deadline_s: float) -> int:
    """Take a lock as soon as it is free. Raises ``TimeoutError``, ``OSError``."""
    async with asyncio.timeout(deadline_s):
        while True:
            fd = try_lock(path)
            if fd is not None:
                return fd
            await asyncio.sleep(_POLL_S)


def is_locked(path: Path) -> bool:
    """Whether somebody holds a lock; False also where there is no such file."""
    if not path.exists():
        return False
    fd = try_lock(path)
    if fd is None:
        return True
    os.close(fd)
    return False
