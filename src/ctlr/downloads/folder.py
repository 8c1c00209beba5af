"""The files of a session's folder: what there is, and a piece of one. Blocks: for a thread.

Each part of a path is opened in the folder before it, and no link is followed, so nothing outside of
the session's folder can be reached, whatever a path says or somebody puts into the folder. Hidden
files are none of a session's.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)


class NoSuchFileError(Exception):
    """The folder has no such file."""


class ChangedError(Exception):
    """The file is not the one any more that it was."""


@dataclass(frozen=True)
class SessionFile:
    """A file as it was when it was looked at. ``name`` is its path below the folder."""

    folder: Path
    name: str
    size: int
    modified_ns: int

    @property
    def tag(self) -> str:
        return f'"{self.modified_ns:x}-{self.size:x}"'

    def read(self, offset: int, length: int) -> bytes:
        """Exactly so many bytes. Raises ``ChangedError``, ``NoSuchFileError``, ``OSError``."""
        with _opened(self.folder, self.name) as file:
            if _state(file) != (self.size, self.modified_ns):
                raise ChangedError(self.name)
            piece = os.pread(file, length, offset)
            while len(piece) < length:
                more = os.pread(file, length - len(piece), offset + len(piece))
                if not more:
                    raise ChangedError(self.name)
                piece += more
            return piece


def find_file(folder: Path, name: str) -> SessionFile:
    """Raises ``NoSuchFileError``, ``OSError``."""
    with _opened(folder, name) as file:
        return SessionFile(folder, name, *_state(file))


def list_files(folder: Path) -> list[SessionFile]:
    """All files, by their names. Raises ``OSError``."""
    return sorted(_files_below(folder, ""), key=lambda file: file.name)


def _files_below(folder: Path, below: str) -> Iterator[SessionFile]:
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith(".") or not _is_text(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(folder, name)
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SessionFile(folder, name, found.st_size, found.st_mtime_ns)


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[int]:
    *folders, last = name.split("/")
    if not all(_is_a_name(part) for part in (*folders, last)):
        raise NoSuchFileError(name)
    opened: list[int] = []
    try:
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for part in folders:
            opened.append(os.open(part, _FOLDER, dir_fd=opened[-1]))
        opened.append(os.open(last, _FILE, dir_fd=opened[-1]))
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            raise NoSuchFileError(name)
        yield opened[-1]
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise NoSuchFileError(name) from error
        raise
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _state(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_size, found.st_mtime_ns


def _is_a_name(part: str) -> bool:
    """Whether it names something that is no link to elsewhere and not hidden."""
    return bool(part) and not part.startswith(".") and "\0" not in part and _is_text(part)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
