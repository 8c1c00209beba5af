"""Segments that were durable here, and whose bytes are nowhere on the drive any more.

A file that is replaced while the controller watches is held before (``keeping``). One that is replaced
while it does not run, before anything has looked at it, is gone, and most often nobody knows of it. But
of a file that was read back and listed as durable, size and hash are known: where another file has its
name and none that came under that name has its bytes, it was lost. A name that is not there at all was
deleted by somebody, which the manifest says as a hole.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ctlr.kernel.hashing import hash_file
from ctlr.layout.raw import TAKES_FOLDER, held_name, parse_segment_name
from ctlr.sessions.model import HashedFile


def find_lost(
    folder: Path, known: Mapping[str, HashedFile], *, read: bool
) -> dict[str, HashedFile]:
    """Which of the files that are known by hash are lost. Raises ``OSError``.

    Without ``read`` a file of the right size is taken for the one of then; else it is hashed.
    """
    if folder.is_symlink() or folder.parent.is_symlink():
        return {}
    return {
        name: was
        for name, was in known.items()
        if parse_segment_name(name) is not None
        and _is_other(folder / name, was)
        and not any(_has_its_bytes(path, was, read=read) for path in _came_as(folder, name))
    }


def _is_other(path: Path, was: HashedFile) -> bool:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not was.is_still(status.st_size, status.st_mtime_ns, inode_of(status))


def inode_of(status: os.stat_result) -> int:
    """An inode's number as the database can hold it."""
    return status.st_ino & (1 << 63) - 1


def _came_as(folder: Path, name: str) -> Iterator[Path]:
    """All files that came under a name: what has it now, and what is held of others."""
    for place in (folder, folder / TAKES_FOLDER):
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as entries:
            yield from [Path(entry.path) for entry in entries if held_name(entry.name) == name]


def _has_its_bytes(path: Path, was: HashedFile, *, read: bool) -> bool:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size != was.size:
        return False
    return not read or hash_file(path)[1] == was.xxh128
