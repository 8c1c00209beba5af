"""Files that are there whole or not at all, also after a power cut.

The recipe (measured on ext4 and exFAT, see docs/explanation/durability.md): write under a
hidden temporary name in the same folder, fsync the file, rename, fsync the folder. A failed
fsync is never tried again: the kernel has dropped the pages, a second call succeeds and the
bytes are gone; the file is thrown away and the error goes to the caller.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PREFIX = ".tmp-"


def is_temporary(name: str) -> bool:
    """Whether a file name means "not there yet" (ours, rsync's, or an installed camera's)."""
    return name.startswith((".", "_tmp_"))


def fsync_directory(path: Path) -> None:
    """Make the entries of a folder durable, where a system lets one open folders. Raises
    ``OSError``."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Replace ``path``; it changes only if the block ends without an error.

    Yields a binary file under a temporary name beside ``path``. At the end of the block the
    file is flushed to the disk, renamed and the folder flushed. On any error (also of the
    flush) the temporary file is removed and ``path`` stays as it was. Raises ``OSError``.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}.{os.urandom(4).hex()}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace the contents of ``path`` by ``data``, durably and whole. Raises ``OSError``."""
    with replacing(path) as file:
        file.write(data)


def make_durable_directories(path: Path) -> None:
    """Like ``mkdir -p``, with each new folder's entry flushed to the disk. Raises ``OSError``."""
    if path.is_dir():
        return
    make_durable_directories(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def drop_cache(fd: int) -> None:
    """Forget the cached pages of an open, flushed file, so that the next read asks the disk. Where
    a system has no such call, nothing is forgotten."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
