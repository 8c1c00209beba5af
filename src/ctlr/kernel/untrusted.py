"""Files and folders that anybody may have prepared: on a drive that was elsewhere, in a folder that
others deliver to.

Nothing is taken for what its name says. A file is opened only if it is one, never through a link in
its place, and never waited for as a pipe would have it; what is read into memory has a limit. A
folder counts only if it is one itself.
"""

import errno
import os
import stat
from pathlib import Path

_WHERE_KNOWN = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
"""A drive is also read back on a laptop, whatever runs on it."""
_READ = os.O_RDONLY | sum({getattr(os, name, 0) for name in _WHERE_KNOWN})


class NotAFileError(OSError):
    """What lies there is a pipe, a device or a folder."""


class TooLargeError(OSError):
    """A file is larger than any that would be ours."""


def open_file(path: Path) -> int:
    """A descriptor to read a regular file with. Raises ``OSError``, for a link ``ELOOP``."""
    fd = os.open(path, _READ)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotAFileError(errno.EINVAL, "it is no file", str(path))
    return fd


def read_file(path: Path, at_most: int) -> bytes:
    """The content of a regular file. Raises ``OSError``, ``TooLargeError`` without reading it."""
    with os.fdopen(open_file(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > at_most:
            raise TooLargeError(errno.EFBIG, "it is too large to be ours", str(path))
        return file.read(at_most)


def is_file(path: Path) -> bool:
    """Whether a regular file lies there, not a link to one."""
    return _kind(path) == stat.S_IFREG


def is_folder(*paths: Path) -> bool:
    """Whether each is a folder, and not a link to one."""
    return all(_kind(path) == stat.S_IFDIR for path in paths)


def find_link(folder: Path) -> Path | None:
    """A link in a folder or in any of its folders, or the folder if it is one; None without any.
    Raises ``OSError``."""
    if folder.is_symlink():
        return folder
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if os.path.islink(os.path.join(above, name)):
                return Path(above, name)
    return None


def refuse_links(folder: Path) -> None:
    """Raises ``OSError`` where a folder holds a link: what is written through it lands elsewhere."""
    link = find_link(folder)
    if link is not None:
        text = "a link lies in a session's folder, and is not followed; remove it"
        raise OSError(errno.ELOOP, text, str(link))


def _kind(path: Path) -> int:
    """The kind of what lies there, as ``stat`` has it; 0 where that cannot be told."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except OSError:
        return 0
